#pragma once
/// \file
/// Instances of one model that run side by side while their inferences are timed.

#include <algorithm>
#include <atomic>
#include <barrier>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <optional>
#include <span>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include <fulcrum/core/cpu_limits.hpp>
#include <fulcrum/core/linkage.hpp>
#include <fulcrum/core/units.hpp>
#include <fulcrum/exec/executor_factory.hpp>
#include <fulcrum/measure/core_watch.hpp>
#include <fulcrum/measure/statistics.hpp>
#include <fulcrum/model/random_sources.hpp>
#include <fulcrum/onednn/pinned_team.hpp>
#include <fulcrum/onednn/team.hpp>

namespace fulcrum::detail {

using Clock = std::chrono::steady_clock;
using std::chrono::nanoseconds;

/// How long to run, and on what.
struct InstancePlan {
  int instances = 1;
  std::vector<std::vector<int>> cpus;  ///< of each instance; empty: wherever the system puts them
  Seconds warm_up{0.1};
  std::int64_t warm_up_runs = 5;
  Seconds min_duration{1.0};
  Seconds max_duration{30.0};
  std::int64_t min_samples = 50;    ///< of each instance
  std::int64_t step_runs = 50;      ///< runs whose steps are timed, by the first instance; 0: none
  Seconds step_duration{0.5};       ///< the timing of steps ends after this even with fewer runs
  std::size_t rotate_bytes = 0;     ///< sources rotate over buffers of this size together; 0: one buffer
  std::vector<SourceRange> ranges;  ///< of the sources; empty: reals
  std::uint64_t seed = 0;
  Seconds look_every{0.0};                 ///< between looks at the cores, before and after whole runs; 0: none
  nanoseconds least_look{};                ///< what a look takes on undisturbed cores, if that is known
  std::int64_t undisturbed_step_runs = 0;  ///< so many are waited for, up to ten times step_duration
};

/// What one instance saw.
struct InstanceSamples {
  Clock::time_point start;
  Clock::time_point end;  ///< of its last sample
  std::vector<nanoseconds> latency;
  std::vector<Clock::time_point> finished;        ///< when each sample was done
  Clock::duration creation{};                     ///< it took to make the instance
  std::vector<StepInfo> step_infos;               ///< only of the first instance; empty: it does not time its steps
  std::vector<std::vector<nanoseconds>> steps;    ///< by step, then by run; only of the first instance
  std::vector<nanoseconds> timed_runs;            ///< the runs whose steps these are, whole
  std::vector<Clock::time_point> timed_finished;  ///< when each of those was done
  std::vector<CoreLook> looks;                    ///< from before the first run to after the last, timed ones included
};

/// Sources and results of one instance: several sets of sources when they rotate.
class InstanceBuffers {
public:
  /// \throws Error when there are ranges, but not one per source
  FULCRUM_DECLARE InstanceBuffers(const std::vector<Shape>& src_shapes, const std::vector<Shape>& dst_shapes,
                                  std::size_t rotate_bytes, const std::vector<SourceRange>& ranges, std::uint64_t seed);

  /// The next set of sources.
  FULCRUM_DECLARE [[nodiscard]] std::span<const float* const> src() noexcept;
  [[nodiscard]] std::span<float* const> dst() const noexcept { return dst_; }

private:
  std::vector<Tensor<float>> tensors_;
  std::vector<std::vector<const float*>> src_;
  std::vector<float*> dst_;
  std::size_t at_ = 0;
};

/// Looks at the cores of an instance from time to time, and keeps what it saw. Allocates nothing.
class LooksBetweenRuns {
public:
  /// \param threads  of the instance's team
  FULCRUM_DECLARE LooksBetweenRuns(const InstancePlan& plan, int threads, std::vector<CoreLook>& looks);

  /// Looks, if it is time to.
  void at(Clock::time_point now) {
    if (every_ > nanoseconds(0) && (looks_.empty() || now - looks_.back().at >= every_)) look();
  }
  FULCRUM_DECLARE void look();

private:
  nanoseconds every_;
  int threads_;
  std::vector<CoreLook>& looks_;
};

/// What the instances share while they run.
struct InstanceControl {
  explicit InstanceControl(int instances) : barrier(instances + 1), counts(static_cast<std::size_t>(instances)) {}

  std::barrier<> barrier;         ///< all instances and whoever started them
  std::atomic<bool> stop{false};  ///< the timed part is over
  std::atomic<bool> steps_done{false};
  std::atomic<bool> failed{false};
  std::vector<std::atomic<std::int64_t>> counts;  ///< samples of each instance so far
};

/// One instance's life on its thread: pinned, warmed up, timed as a whole and then by steps. Nothing is allocated or
/// printed while it is timed.
FULCRUM_DECLARE InstanceSamples run_instance(const PreparedModel& model, const InstancePlan& plan, std::size_t index,
                                             InstanceControl& control);

/// Makes and runs the instances of a model side by side, each on a thread of its own.
/// \throws whatever an instance threw
FULCRUM_DECLARE std::vector<InstanceSamples> run_instances(const PreparedModel& model, const InstancePlan& plan);

}  // namespace fulcrum::detail

#if FULCRUM_DEFINES(measure)

namespace fulcrum::detail {

FULCRUM_DEFINE InstanceBuffers::InstanceBuffers(const std::vector<Shape>& src_shapes,
                                                const std::vector<Shape>& dst_shapes, std::size_t rotate_bytes,
                                                const std::vector<SourceRange>& ranges, std::uint64_t seed) {
  if (!ranges.empty() && ranges.size() != src_shapes.size()) {
    throw Error("the executor", "takes " + std::to_string(src_shapes.size()) + " source(s) for a model with " +
                                    std::to_string(ranges.size()) + " input(s)");
  }
  std::size_t set_bytes = 0;
  for (const Shape& shape : src_shapes) set_bytes += 4 * static_cast<std::size_t>(element_count(shape));
  const std::size_t sets =
      rotate_bytes == 0 ? 1
                        : std::clamp<std::size_t>(rotate_bytes / std::max<std::size_t>(set_bytes, 1) + 1, 2, 1U << 16U);
  Random random(seed);
  for (std::size_t s = 0; s < sets; ++s) {
    std::vector<const float*> pointers;
    for (const Shape& shape : src_shapes) {
      Tensor<float> tensor(shape);
      fill_source(tensor.flat(), ranges.empty() ? SourceRange{} : ranges[pointers.size()], random);
      tensors_.push_back(std::move(tensor));
      pointers.push_back(tensors_.back().flat().data());  // the elements stay where they are when a tensor moves
    }
    src_.push_back(std::move(pointers));
  }
  for (const Shape& shape : dst_shapes) tensors_.emplace_back(shape), dst_.push_back(tensors_.back().flat().data());
}

FULCRUM_DEFINE std::span<const float* const> InstanceBuffers::src() noexcept {
  at_ = at_ + 1 < src_.size() ? at_ + 1 : 0;
  return src_[at_];
}

FULCRUM_DEFINE LooksBetweenRuns::LooksBetweenRuns(const InstancePlan& plan, int threads, std::vector<CoreLook>& looks)
    : every_(std::chrono::duration_cast<nanoseconds>(plan.look_every)), threads_(threads), looks_(looks) {
  if (every_ == nanoseconds(0)) return;
  constexpr double most = 1e6;
  looks_.reserve(static_cast<std::size_t>(
      std::min((plan.max_duration + 10.0 * plan.step_duration) / plan.look_every + 16.0, most)));
}

FULCRUM_DEFINE void LooksBetweenRuns::look() {
  if (every_ > nanoseconds(0) && looks_.size() < looks_.capacity()) looks_.push_back(look_at_cores(threads_));
}

FULCRUM_DEFINE InstanceSamples run_instance(const PreparedModel& model, const InstancePlan& plan, std::size_t index,
                                            InstanceControl& control) {
  std::optional<PinnedThread> pin;
  if (!plan.cpus.empty()) {
    const std::vector<int>& cpus = plan.cpus[index];
    pin.emplace(cpus);  // before the first parallel region, so that the team inherits it
    if (static_cast<int>(cpus.size()) == model.openmp_threads) pin_team(cpus);
  }
  const Clock::time_point creation_start = Clock::now();
  AnyExecutor executor = model.instance();
  const Clock::duration creation = Clock::now() - creation_start;
  InstanceBuffers buffers(executor.src_shapes(), executor.dst_shapes(), plan.rotate_bytes, plan.ranges,
                          plan.seed + index);

  const Clock::time_point warm_up_start = Clock::now();
  nanoseconds fastest = nanoseconds::max();
  for (std::int64_t run = 0; run < plan.warm_up_runs || Clock::now() - warm_up_start < plan.warm_up; ++run) {
    const std::span<const float* const> src = buffers.src();
    const Clock::time_point before = Clock::now();
    executor.execute(src, buffers.dst());
    fastest = std::min<nanoseconds>(fastest, Clock::now() - before);
  }

  InstanceSamples samples;
  samples.creation = creation;
  constexpr double most = 4e6;  // samples kept; 64 MB
  const double expected = plan.min_duration / Seconds(std::max(fastest, nanoseconds(100)));
  const std::size_t capacity =
      static_cast<std::size_t>(std::min(1.25 * expected, most)) + static_cast<std::size_t>(plan.min_samples) + 16;
  samples.latency.reserve(capacity);
  samples.finished.reserve(capacity);
  const std::int64_t step_runs = executor.steps().empty() ? 0 : plan.step_runs;
  std::vector<nanoseconds> step_times(executor.steps().size());
  if (index == 0) {
    samples.step_infos = executor.steps();
    samples.steps.resize(step_times.size());
    for (auto& times : samples.steps) times.reserve(static_cast<std::size_t>(step_runs));
    samples.timed_runs.reserve(static_cast<std::size_t>(step_runs));
    samples.timed_finished.reserve(static_cast<std::size_t>(step_runs));
  }

  LooksBetweenRuns watch(plan, std::max(model.openmp_threads, 1), samples.looks);

  control.barrier.arrive_and_wait();
  watch.look();
  samples.start = Clock::now();
  Clock::time_point after = samples.start;
  do {
    const std::span<const float* const> src = buffers.src();
    watch.at(after);
    const Clock::time_point before = Clock::now();
    executor.execute(src, buffers.dst());
    after = Clock::now();
    if (samples.latency.size() == capacity) continue;  // keeps the others company
    samples.latency.push_back(after - before);
    samples.finished.push_back(after);
    control.counts[index].store(static_cast<std::int64_t>(samples.latency.size()), std::memory_order_relaxed);
  } while (!control.stop.load(std::memory_order_relaxed));
  watch.look();

  control.barrier.arrive_and_wait();
  const Clock::time_point steps_start = Clock::now();
  std::int64_t undisturbed = 0;
  for (std::int64_t run = 0; step_runs > 0; ++run) {
    if (index != 0) {
      if (control.steps_done.load(std::memory_order_relaxed)) break;
      executor.execute(buffers.src(), buffers.dst());
      continue;
    }
    const Seconds elapsed = Clock::now() - steps_start;
    const bool longer = undisturbed < plan.undisturbed_step_runs && elapsed < 10.0 * plan.step_duration;
    if (run >= step_runs || (run >= 3 && elapsed > plan.step_duration && !longer)) break;
    const std::span<const float* const> src = buffers.src();
    watch.at(Clock::now());
    const Clock::time_point before_steps = Clock::now();
    executor.execute_timed(src, buffers.dst(), step_times);
    samples.timed_finished.push_back(Clock::now());
    samples.timed_runs.push_back(samples.timed_finished.back() - before_steps);
    for (std::size_t i = 0; i < step_times.size(); ++i) samples.steps[i].push_back(step_times[i]);
    if (!samples.looks.empty() && is_undisturbed(samples.looks.back().took, plan.least_look)) ++undisturbed;
  }
  if (index == 0 && step_runs > 0) watch.look();
  if (index == 0) control.steps_done.store(true);
  return samples;
}

FULCRUM_DEFINE std::vector<InstanceSamples> run_instances(const PreparedModel& model, const InstancePlan& plan) {
  release_team();  // the caller's threads would wait among the instances'
  const auto count = static_cast<std::size_t>(plan.instances);
  InstanceControl control(plan.instances);
  std::vector<InstanceSamples> samples(count);
  std::vector<std::exception_ptr> failures(count);
  std::vector<std::thread> threads;
  threads.reserve(count);
  for (std::size_t index = 0; index < count; ++index) {
    threads.emplace_back([&, index] {
      try {
        samples[index] = run_instance(model, plan, index, control);
      } catch (...) {
        failures[index] = std::current_exception();
        control.failed.store(true);
        control.steps_done.store(true);
        control.barrier.arrive_and_drop();
      }
    });
  }

  control.barrier.arrive_and_wait();
  const Clock::time_point start = Clock::now();
  const auto enough = [&] {
    return std::all_of(control.counts.begin(), control.counts.end(),
                       [&](const auto& n) { return n.load(std::memory_order_relaxed) >= plan.min_samples; });
  };
  if (!control.failed.load())
    std::this_thread::sleep_until(start + std::chrono::duration_cast<nanoseconds>(plan.min_duration));
  while (!enough() && !control.failed.load() && Clock::now() - start < plan.max_duration)
    std::this_thread::sleep_for(std::min<Seconds>(plan.min_duration / 4, Seconds(0.002)));
  control.stop.store(true);
  control.barrier.arrive_and_wait();
  for (std::thread& thread : threads) thread.join();
  for (const std::exception_ptr& failure : failures) {
    if (failure) std::rethrow_exception(failure);
  }
  return samples;
}

}  // namespace fulcrum::detail

#endif
