#pragma once
/// \file
/// Runs a compiled model.

#include <chrono>
#include <cstddef>
#include <memory>
#include <span>
#include <string_view>
#include <vector>

#include <fulcrum/core/linkage.hpp>
#include <fulcrum/exec/executor.hpp>
#include <fulcrum/exec/onednn_model.hpp>

namespace fulcrum {

namespace detail::onednn {
class Lane;
}

/// One instance of a compiled model: its own activations, scratchpad and streams. One thread at a time may use it; for
/// several, give each an executor of the same OnednnModel.
///
/// Where the model was compiled with states, a run is one step of a sequence: the executor keeps the states, in the
/// memory that its steps read and write, and its inputs and outputs are the others.
class OnednnExecutor {
public:
  /// \throws Error as OnednnModel::compile()
  FULCRUM_DECLARE OnednnExecutor(const Model<float>& model, const RunConfig& config, std::vector<State> states = {});

  FULCRUM_DECLARE explicit OnednnExecutor(std::shared_ptr<const OnednnModel> model);

  OnednnExecutor(OnednnExecutor&&) noexcept = default;
  OnednnExecutor& operator=(OnednnExecutor&&) noexcept = default;
  OnednnExecutor(const OnednnExecutor&) = delete;
  OnednnExecutor& operator=(const OnednnExecutor&) = delete;
  ~OnednnExecutor() = default;

  [[nodiscard]] const OnednnModel& compiled() const noexcept { return *model_; }

  /// Shapes of the model's inputs and outputs for the batch, but for those that are states, and what runs, in order,
  /// for each slice.
  [[nodiscard]] const std::vector<Shape>& src_shapes() const noexcept { return model_->src_shapes(); }
  [[nodiscard]] const std::vector<Shape>& dst_shapes() const noexcept { return model_->dst_shapes(); }
  [[nodiscard]] const std::vector<StepInfo>& steps() const noexcept { return model_->steps(); }

  /// One result per model output for one source per model input; shapes are src_shapes() and dst_shapes().
  /// \throws Error when the sources' number or shapes are others, and as execute()
  FULCRUM_DECLARE [[nodiscard]] std::vector<Tensor<float>> run(std::span<const Tensor<float>> src);

  /// The same on row-major arrays of the user's, without allocating but for what layers without a oneDNN primitive hold
  /// in between. The results must not overlap the sources.
  /// Sources that hold a NaN go through OnednnModel::keeping_nan(), compiled at the first of them, where steps of this
  /// one would lose it.
  /// Precondition: one pointer per input and per output, each to as many elements as its shape says.
  /// \throws Error naming the layer that its sources' values do not fit (an index out of range); the executor stays
  ///         usable, but states may hold values of two steps until they are reset
  FULCRUM_DECLARE void execute(std::span<const float* const> src, std::span<float* const> dst);

  /// The same with the time of each step. `step_times` has one element per steps(). Where the batch runs in
  /// slices, a step's time is that of all its slices, divided by the lanes that share them.
  FULCRUM_DECLARE void execute_timed(std::span<const float* const> src, std::span<float* const> dst,
                                     std::span<std::chrono::nanoseconds> step_times);

  /// The states, and where they stand among the model's inputs and outputs.
  [[nodiscard]] const StateBinding& states() const noexcept { return model_->states(); }
  /// A new sequence begins: every state as State::initial has it.
  void reset_states() { states_.reset(); }
  /// What the next run takes of the state that is this input, in row-major order, to read and to write; until that run.
  /// \throws Error when the model was compiled without it
  [[nodiscard]] std::span<float> state(std::string_view input) { return states_.at(input); }

  /// Runs one step again and again on whatever its buffers hold, for timing it by itself: the results mean nothing, nor
  /// do states until they are reset.
  /// Precondition: as execute()
  /// \param times  one time per repetition, of the whole batch
  FULCRUM_DECLARE void time_step(std::size_t step, std::span<const float* const> src, std::span<float* const> dst,
                                 std::span<std::chrono::nanoseconds> times);

private:
  [[nodiscard]] const BatchSlices& slices() const noexcept { return model_->slices(); }
  /// Lanes have one thread each; the one lane of a batch that is not cut has all.
  [[nodiscard]] int threads_of_lane() const noexcept { return slices().cut() ? 1 : model_->config().threads; }

  /// Calls f(lane, slice) for every slice (one where the batch is not cut), on a thread for each lane. A lane that is
  /// done takes the next slice that nobody has begun.
  /// \throws what f threw first, after the other lanes have stopped
  template <class F>
  void for_slices(const F& f);

  /// Runs all steps on arrays of all inputs and outputs, states included.
  FULCRUM_DECLARE void run_lanes(const detail::StateBuffers::Arrays& arrays);

  FULCRUM_DECLARE [[nodiscard]] bool holds_nan(std::span<const float* const> src) const;

  std::shared_ptr<const OnednnModel> model_;
  detail::StateBuffers states_;
  std::unique_ptr<OnednnExecutor> keeping_nan_;  // empty until it is needed
  // One, unless the batch runs in slices. (Shared pointers, because they are destroyed where Lane is incomplete.)
  std::vector<std::shared_ptr<detail::onednn::Lane>> lanes_;
  std::vector<std::vector<std::chrono::nanoseconds>> lane_times_;  // of each lane's steps
};

static_assert(StepTimingExecutor<OnednnExecutor>);

}  // namespace fulcrum

#if FULCRUM_DEFINES(exec)

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <exception>
#include <utility>

#include <fulcrum/exec/kernels/nan_search.hpp>
#include <fulcrum/exec/runtime/lane.hpp>
#include <fulcrum/onednn/team.hpp>
#include <fulcrum/onednn/thread_scope.hpp>

namespace fulcrum {

FULCRUM_DEFINE OnednnExecutor::OnednnExecutor(const Model<float>& model, const RunConfig& config,
                                              std::vector<State> states)
    : OnednnExecutor(OnednnModel::compile(model, config, std::move(states))) {}

template <class F>
void OnednnExecutor::for_slices(const F& f) {
  std::atomic<std::int64_t> next{0};
  std::atomic<bool> failed{false};
  std::exception_ptr failure;
  detail::for_parts(slices().lanes, slices().lanes, [&](std::int64_t lane, std::int64_t /*last*/) {
    try {
      for (std::int64_t slice = next++; slice < slices().count && !failed; slice = next++)
        f(static_cast<std::size_t>(lane), slice);
    } catch (...) {
      if (!failed.exchange(true)) failure = std::current_exception();
    }
  });
  if (failure) std::rethrow_exception(failure);
}

FULCRUM_DEFINE OnednnExecutor::OnednnExecutor(std::shared_ptr<const OnednnModel> model)
    : model_(std::move(model)), states_(model_->states()) {
  for (int lane = 0; lane < slices().lanes; ++lane)
    lanes_.push_back(std::make_shared<detail::onednn::Lane>(model_->program()));
  lane_times_.assign(lanes_.size(), std::vector<std::chrono::nanoseconds>(model_->steps().size()));
}

FULCRUM_DEFINE std::vector<Tensor<float>> OnednnExecutor::run(std::span<const Tensor<float>> src) {
  return fulcrum::run(*this, src);
}

FULCRUM_DEFINE void OnednnExecutor::execute(std::span<const float* const> src, std::span<float* const> dst) {
  detail::expect_arrays(src.size(), dst.size(), src_shapes().size(), dst_shapes().size());
  const detail::StateBuffers::Arrays arrays = states_.arrays(src, dst);
  if (model_->schedule().loses_nan && holds_nan(arrays.src)) {
    if (!keeping_nan_) keeping_nan_ = std::make_unique<OnednnExecutor>(model_->keeping_nan());
    keeping_nan_->run_lanes(states_.arrays(src, dst, true));  // whose steps may read a state after they wrote it
  } else {
    run_lanes(arrays);
  }
  states_.advance();
}

FULCRUM_DEFINE void OnednnExecutor::run_lanes(const detail::StateBuffers::Arrays& arrays) {
  const detail::ThreadScope scope(model_->config().threads);
  for_slices([&](std::size_t lane, std::int64_t slice) {
    lanes_[lane]->point_at(arrays.src, arrays.dst, slice);
    lanes_[lane]->run(threads_of_lane());
  });
}

FULCRUM_DEFINE bool OnednnExecutor::holds_nan(std::span<const float* const> src) const {
  for (std::size_t i = 0; i < src.size(); ++i) {
    if (detail::onednn::holds_nan({src[i], static_cast<std::size_t>(element_count(model_->states().src_shapes[i]))}))
      return true;
  }
  return false;
}

FULCRUM_DEFINE void OnednnExecutor::execute_timed(std::span<const float* const> src, std::span<float* const> dst,
                                                  std::span<std::chrono::nanoseconds> step_times) {
  detail::expect_arrays(src.size(), dst.size(), src_shapes().size(), dst_shapes().size());
  detail::expect_step_times(step_times.size(), steps().size());
  for (auto& times : lane_times_) std::fill(times.begin(), times.end(), std::chrono::nanoseconds(0));
  const detail::StateBuffers::Arrays arrays = states_.arrays(src, dst);
  const detail::ThreadScope scope(model_->config().threads);
  for_slices([&](std::size_t lane, std::int64_t slice) {
    lanes_[lane]->point_at(arrays.src, arrays.dst, slice);
    lanes_[lane]->run_timed(threads_of_lane(), lane_times_[lane]);
  });
  states_.advance();
  std::fill(step_times.begin(), step_times.end(), std::chrono::nanoseconds(0));
  for (const auto& times : lane_times_) {
    for (std::size_t i = 0; i < times.size(); ++i) step_times[i] += times[i] / slices().lanes;
  }
}

FULCRUM_DEFINE void OnednnExecutor::time_step(std::size_t step, std::span<const float* const> src,
                                              std::span<float* const> dst, std::span<std::chrono::nanoseconds> times) {
  detail::expect_arrays(src.size(), dst.size(), src_shapes().size(), dst_shapes().size());
  const detail::StateBuffers::Arrays arrays = states_.arrays(src, dst);
  const detail::ThreadScope scope(model_->config().threads);
  for (std::size_t lane = 0; lane < lanes_.size(); ++lane)
    lanes_[lane]->point_at(arrays.src, arrays.dst, static_cast<std::int64_t>(lane));  // a slice of its own to write
  for (std::chrono::nanoseconds& time : times) {
    const auto before = std::chrono::steady_clock::now();
    for_slices([&](std::size_t lane, std::int64_t /*slice*/) { lanes_[lane]->run_one(threads_of_lane(), step); });
    time = std::chrono::steady_clock::now() - before;
  }
}

}  // namespace fulcrum

#endif
