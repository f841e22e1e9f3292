#pragma once
/// \file
/// A model compiled for oneDNN: primitives and packed weights, shared by any number of instances.

#include <chrono>
#include <cstdint>
#include <memory>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include <fulcrum/core/units.hpp>
#include <fulcrum/exec/detail/compile.hpp>
#include <fulcrum/exec/detail/thread_scope.hpp>
#include <fulcrum/exec/onednn_options.hpp>
#include <fulcrum/exec/precision_support.hpp>

namespace fulcrum {

/// A model compiled for one batch size, thread count and precision. Immutable: threads may share it, each with an
/// OnednnExecutor of its own.
class OnednnModel {
public:
  /// Folds batch norms, groups layers into steps, lets oneDNN choose layouts, packs the weights and plans the memory.
  /// \throws Error when an option is out of range or names no layer, the CPU lacks the precision (unless
  ///         allow_fallback), int8 is asked of a model without quantized weights, or oneDNN refuses a layer
  /// \param constants  packed weights that other compiled models may hold already; empty: none
  [[nodiscard]] static std::shared_ptr<const OnednnModel> compile(
      const Model<float>& model, const OnednnOptions& options,
      std::shared_ptr<detail::onednn::ConstantStore> constants = {}) {
    if (!constants) constants = std::make_shared<detail::onednn::ConstantStore>();
    return std::shared_ptr<const OnednnModel>(new OnednnModel(model, options, std::move(constants)));
  }

  [[nodiscard]] const OnednnOptions& options() const noexcept { return options_; }
  /// What it really runs in: options().precision, or f32 after a fallback.
  [[nodiscard]] Precision precision() const noexcept { return precision_; }

  /// What runs, in order.
  [[nodiscard]] const std::vector<StepInfo>& steps() const noexcept { return steps_; }
  [[nodiscard]] Milliseconds creation_time() const noexcept { return creation_time_; }
  [[nodiscard]] const MemoryUse& memory() const noexcept { return memory_; }
  /// What the user should know: fallbacks, layers that run in another precision than asked.
  [[nodiscard]] std::vector<std::string> notes() const { return program_.notes; }

  /// Shapes of the model's inputs and outputs for the batch.
  [[nodiscard]] const std::vector<Shape>& src_shapes() const noexcept { return program_.src_shapes; }
  [[nodiscard]] const std::vector<Shape>& dst_shapes() const noexcept { return program_.dst_shapes; }

  [[nodiscard]] const detail::onednn::Program& program() const noexcept { return program_; }

private:
  OnednnModel(const Model<float>& model, const OnednnOptions& options,
              std::shared_ptr<detail::onednn::ConstantStore> constants)
      : options_(options), precision_(options.precision) {
    const auto start = std::chrono::steady_clock::now();
    if (options.batch < 1) {
      throw Error("batch " + std::to_string(options.batch), "is below 1", "give a batch size of 1 or more");
    }
    expect_batch(model, options.batch);
    for (const auto& [layer, precision] : options.layer_precision) {
      if (!model.find(layer)) {
        throw Error("layer_precision: '" + layer + "'", "is no layer of model '" + model.name() + "'");
      }
    }
    std::string fallback;
    if (const std::string reason = why_unsupported(precision_); !reason.empty()) {
      if (!options.allow_fallback) {
        throw Error("precision " + std::string(name_of(precision_)), reason, "run in f32, or allow the fallback to it");
      }
      fallback = reason + ": runs in f32";
      precision_ = Precision::f32;
    }
    const detail::ThreadScope threads(options.threads);
    program_ = detail::onednn::compile(model, options_, precision_, std::move(constants));
    if (!fallback.empty()) program_.notes.push_back(std::move(fallback));

    for (const detail::onednn::Step& step : program_.steps) {
      steps_.push_back(step.info);
      memory_.weights += step.native_weights;
    }
    const std::set<detail::onednn::SharedConstant> constants_once(program_.constants.begin(), program_.constants.end());
    for (const detail::onednn::SharedConstant& constant : constants_once) {
      if (constant) memory_.weights += constant->memory.get_desc().get_size();
    }
    memory_.activations = program_.arena_bytes;
    memory_.scratchpad = program_.scratchpad_bytes;
    creation_time_ = std::chrono::steady_clock::now() - start;
  }

  OnednnOptions options_;
  Precision precision_;
  detail::onednn::Program program_;
  std::vector<StepInfo> steps_;
  MemoryUse memory_;
  Milliseconds creation_time_{};
};

}  // namespace fulcrum
