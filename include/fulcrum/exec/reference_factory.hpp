#pragma once
/// \file
/// Reference executors, for whoever takes any: measured or evaluated, they say what the others are worth.

#include <utility>
#include <vector>

#include <fulcrum/analysis/is_quantized.hpp>
#include <fulcrum/core/linkage.hpp>
#include <fulcrum/exec/executor_factory.hpp>
#include <fulcrum/exec/reference.hpp>
#include <fulcrum/exec/streaming_executor.hpp>

namespace fulcrum {

/// Every instance runs on one thread, in f32 or, for a quantized model, in the exact meaning of its int8. The factory
/// throws an Error when another precision is asked for, or int8 of a model that no quantization pass has been over.
/// Each instance keeps the states, and then does not time its layers.
FULCRUM_DECLARE [[nodiscard]] ExecutorFactory reference_executors(std::vector<State> states = {});

}  // namespace fulcrum

#if FULCRUM_DEFINES(exec)

namespace fulcrum {

FULCRUM_DEFINE ExecutorFactory reference_executors(std::vector<State> states) {
  return [states = std::move(states)](const Model<float>& model, const RunConfig& config) {
    validate(config);
    if (config.precision == Precision::bf16 || !config.layer_precision.empty()) {
      throw Error("the reference executor", "computes a whole model in f32 or, where it is quantized, in int8",
                  "take the oneDNN executor for other precisions");
    }
    if (config.precision == Precision::int8 && !is_quantized(model))
      throw Error("model '" + model.name() + "'", "is not quantized", "quantize it first, or run it in f32");
    expect_batch(model, config.batch);
    const bool quantized = config.roundings == Roundings::keep;
    PreparedModel prepared;
    prepared.notes.emplace_back(
        "ran on the reference executor, which is plain and slow: its times are no measure of "
        "the machine");
    if (config.threads > 1) prepared.notes.emplace_back("the reference executor runs on one thread of each instance");
    ReferenceExecutor<float> executor(model, {.quantized = quantized, .batch = config.batch});
    if (states.empty()) {
      prepared.instance = [executor = std::move(executor)] { return AnyExecutor(executor); };
      return prepared;
    }
    StreamingExecutor streaming(std::move(executor), model, states);
    prepared.sources = streaming.states().src;
    prepared.instance = [streaming = std::move(streaming)] { return AnyExecutor(streaming); };
    return prepared;
  };
}

}  // namespace fulcrum

#endif
