#pragma once
/// \file
/// A model compiled for oneDNN: primitives and packed weights, shared by any number of instances.

#include <cstddef>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include <fulcrum/core/linkage.hpp>
#include <fulcrum/core/units.hpp>
#include <fulcrum/exec/state.hpp>
#include <fulcrum/exec/step_info.hpp>
#include <fulcrum/run/memory_use.hpp>
#include <fulcrum/schedule/schedule.hpp>

namespace fulcrum {

namespace detail::onednn {
class ConstantStore;
struct Program;

/// An empty one, for the models that are to share packed weights.
FULCRUM_DECLARE [[nodiscard]] std::shared_ptr<ConstantStore> make_constant_store();
}  // namespace detail::onednn

/// A model compiled for one batch size, thread count and precision. Immutable: threads may share it, each with an
/// OnednnExecutor of its own.
class OnednnModel {
public:
  /// Schedules the model for this machine (make_schedule()), lets oneDNN choose layouts, packs the weights and plans
  /// the memory. `config.instances` is not read: any number of executors may share a compiled model.
  /// \throws Error when the configuration is out of range or names no layer, there are more threads than
  ///         expect_threads() lets this machine have, the CPU lacks the precision (unless
  ///         missing_precision says to run in f32), int8 is asked of a model without quantized weights, or oneDNN
  ///         refuses a layer; and as bind_states() where the states do not fit the model
  /// \param states     inputs whose next values are outputs: each executor keeps its own
  /// \param constants  packed weights that other compiled models may hold already; empty: none
  FULCRUM_DECLARE [[nodiscard]] static std::shared_ptr<const OnednnModel> compile(
      const Model<float>& model, const RunConfig& config, std::vector<State> states = {},
      std::shared_ptr<detail::onednn::ConstantStore> constants = {});

  [[nodiscard]] const RunConfig& config() const noexcept { return schedule_.config; }
  /// What it really runs in: config().precision, or f32 after a fallback.
  [[nodiscard]] Precision precision() const noexcept { return schedule_.precision(); }

  /// How it runs: the plan as oneDNN let it be realized. schedule().steps[i] is steps()[i]; its model is empty.
  [[nodiscard]] const Schedule& schedule() const noexcept { return schedule_; }
  /// How the batch is cut; not cut: all threads run every step together.
  [[nodiscard]] const BatchSlices& slices() const noexcept { return schedule_.slices; }
  /// What runs, in order, for each slice.
  [[nodiscard]] const std::vector<StepInfo>& steps() const noexcept { return steps_; }
  [[nodiscard]] Milliseconds creation_time() const noexcept { return creation_time_; }
  [[nodiscard]] const MemoryUse& memory() const noexcept { return memory_; }
  /// What the user should know: fallbacks, layers that run in another precision than asked.
  [[nodiscard]] const std::vector<std::string>& notes() const noexcept { return schedule_.notes; }

  /// Shapes of the model's inputs and outputs for the batch, but for those that are states.
  [[nodiscard]] const std::vector<Shape>& src_shapes() const noexcept { return src_shapes_; }
  [[nodiscard]] const std::vector<Shape>& dst_shapes() const noexcept { return dst_shapes_; }

  /// The states, and where they stand among the inputs and outputs.
  [[nodiscard]] const StateBinding& states() const noexcept { return states_; }

  /// The same model with every function that loses a NaN (Schedule::loses_nan) as a step of its own that does not;
  /// slower. Compiled at the first call, from the model, whose weights stay in memory for that.
  /// All its inputs and outputs are its users': it has no states.
  /// \throws Error as compile()
  FULCRUM_DECLARE [[nodiscard]] std::shared_ptr<const OnednnModel> keeping_nan() const;

  /// Of a slice.
  [[nodiscard]] const detail::onednn::Program& program() const noexcept { return *program_; }

private:
  FULCRUM_DECLARE OnednnModel(const Model<float>& model, const RunConfig& config, std::vector<State> states,
                              std::shared_ptr<detail::onednn::ConstantStore> constants, bool keeps_nan);

  FULCRUM_DECLARE [[nodiscard]] std::vector<Shape> of_batch(std::vector<Shape> shapes) const;

  Schedule schedule_;
  std::shared_ptr<const detail::onednn::Program> program_;
  StateBinding states_;
  std::vector<Shape> src_shapes_;
  std::vector<Shape> dst_shapes_;
  std::vector<StepInfo> steps_;
  MemoryUse memory_;
  Milliseconds creation_time_{};
  // What keeping_nan() makes, and of what; empty where there is nothing to make.
  Model<float> source_;
  std::shared_ptr<detail::onednn::ConstantStore> constants_;
  mutable std::mutex mutex_;
  mutable std::shared_ptr<const OnednnModel> keeping_nan_;
};

}  // namespace fulcrum

#if FULCRUM_DEFINES(exec_compile)
#include <fulcrum/exec/runtime/compile_model.hpp>
#endif
