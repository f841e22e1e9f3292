#pragma once
/// \file
/// A model file in Fulcrum's executor, with buffers for its sources and results.

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include <fulcrum/exec/onednn_executor.hpp>
#include <fulcrum/model/random_sources.hpp>

#include "models.hpp"
#include "turns.hpp"

namespace fulcrum::peers {

/// Ready to run; everything is allocated before.
class OurSide {
public:
  /// \throws Error as import_onnx() and OnednnModel::compile()
  OurSide(const std::string& path, const Dims& dims, const RunConfig& options) {
    const auto start = std::chrono::steady_clock::now();
    model_ = model_in(path, dims);
    executor_ = std::make_unique<OnednnExecutor>(OnednnModel::compile(model_, options));
    creation_ = std::chrono::steady_clock::now() - start;

    src_ = random_sources(model_, options.batch, 7);
    for (const Shape& shape : executor_->compiled().dst_shapes()) dst_.emplace_back(shape);
    for (const Tensor<float>& tensor : src_) from_.push_back(tensor.flat().data());
    for (Tensor<float>& tensor : dst_) to_.push_back(tensor.flat().data());
  }

  [[nodiscard]] const Model<float>& model() const noexcept { return model_; }
  [[nodiscard]] const std::vector<Tensor<float>>& src() const noexcept { return src_; }
  [[nodiscard]] const std::vector<Tensor<float>>& dst() const noexcept { return dst_; }
  /// From the file to the first run, as for the other side.
  [[nodiscard]] Milliseconds creation() const noexcept { return creation_; }
  [[nodiscard]] std::size_t steps() const noexcept { return executor_->compiled().steps().size(); }

  void run() { executor_->execute(from_, to_); }

  [[nodiscard]] Samples run(const Turn& turn) {
    return timed_runs(turn, [this] { run(); });
  }

  /// Sum of the steps' medians, each timed where it stands in a run.
  [[nodiscard]] Milliseconds steps_in_place(const Turn& turn) {
    repeat(turn.warmup, Turn::fewest_warmup_runs, [this] { run(); });
    std::vector<Samples> times(steps());
    Samples of_run(steps());
    repeat(turn.time, Turn::fewest_runs, [&] {
      executor_->execute_timed(from_, to_, of_run);
      for (std::size_t step = 0; step < steps(); ++step) times[step].push_back(of_run[step]);
    });
    return sum_of_medians(times);
  }

  /// Sum of the steps' medians, each run again and again by itself. In the order of the steps, so that each finds what
  /// the one before it has made.
  [[nodiscard]] Milliseconds steps_alone(const Turn& turn) {
    run();
    std::vector<Samples> times(steps());
    Samples few(Turn::fewest_runs);
    for (std::size_t step = 0; step < steps(); ++step) {
      executor_->time_step(step, from_, to_, few);  // its data comes into the caches
      repeat(turn.time / static_cast<double>(steps()), 1, [&] {
        executor_->time_step(step, from_, to_, few);
        times[step].insert(times[step].end(), few.begin(), few.end());
      });
    }
    return sum_of_medians(times);
  }

private:
  static Milliseconds sum_of_medians(const std::vector<Samples>& times) {
    Milliseconds sum{};
    for (const Samples& step : times) sum += median(step);
    return sum;
  }

  Model<float> model_;
  std::unique_ptr<OnednnExecutor> executor_;
  Milliseconds creation_{};
  std::vector<Tensor<float>> src_, dst_;
  std::vector<const float*> from_;
  std::vector<float*> to_;
};

}  // namespace fulcrum::peers
