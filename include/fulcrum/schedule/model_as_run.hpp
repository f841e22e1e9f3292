#pragma once
/// \file
/// A model as it runs in a precision.

#include <optional>
#include <utility>

#include <fulcrum/core/linkage.hpp>
#include <fulcrum/passes/fold_batch_normalization.hpp>

namespace fulcrum {

/// Quantization only where the precision is int8, batch norms folded.
/// \throws Error when the model has no outputs
FULCRUM_DECLARE [[nodiscard]] FoldResult<float> model_as_run(Model<float> model, Precision precision);

}  // namespace fulcrum

#if FULCRUM_DEFINES(schedule)

namespace fulcrum {

FULCRUM_DEFINE FoldResult<float> model_as_run(Model<float> model, Precision precision) {
  if (model.outputs().empty())
    throw Error("model '" + model.name() + "'", "has no outputs", "name them with set_outputs()");
  if (precision != Precision::int8) {
    for (NodeId id = 0; id < model.size(); ++id) {
      const Node<float>& node = model.node(id);
      if (node.dst_quantization) model.set_dst_quantization(id, std::nullopt);
      bool quantized = false;
      for_each_parameter(node.layer, [&](const char*, const auto& p) { quantized = quantized || p.quantization; });
      if (!quantized) continue;
      for_each_parameter(model.edit_layer(id), [](const char*, auto& parameter) { parameter.quantization.reset(); });
    }
  }
  return fold_batch_normalization(model);
}

}  // namespace fulcrum

#endif
