#pragma once
/// \file
/// A model as a configuration runs it.

#include <map>
#include <optional>
#include <utility>
#include <vector>

#include <fulcrum/analysis/infer_elements.hpp>
#include <fulcrum/core/linkage.hpp>
#include <fulcrum/model/rewrite.hpp>
#include <fulcrum/passes/fold_batch_normalization.hpp>
#include <fulcrum/passes/read_through_concat.hpp>
#include <fulcrum/passes/simplify_arithmetic.hpp>
#include <fulcrum/run/run_config.hpp>

namespace fulcrum {

/// Quantization only where the configuration keeps it, arithmetic with constants simplified, batch norms folded, Casts
/// of floats to f32 and f64, in which values are kept anyway, left out, and in f32 joins of joins read through.
/// \throws Error when the model has no outputs
FULCRUM_DECLARE [[nodiscard]] FoldResult<float> model_as_run(Model<float> model, const RunConfig& config);

}  // namespace fulcrum

#if FULCRUM_DEFINES(schedule)

namespace fulcrum::detail {

FULCRUM_DECLARE Model<float> without_widening(const Model<float>& model) {
  std::map<NodeId, NodeId> casts;
  const std::vector<ElementType> elements = infer_elements(model);
  for (NodeId id = 0; id < model.size(); ++id) {
    const Node<float>& node = model.node(id);
    const auto* cast = std::get_if<Cast>(&node.layer);
    const bool widens = cast != nullptr && (cast->to == ElementType::f32 || cast->to == ElementType::f64) &&
                        is_floating(elements[node.src[0]]);
    if (widens && !node.dst_quantization && !model.is_output(id)) casts[id] = node.src[0];
  }
  return casts.empty() ? model : remove_nodes(model, casts).model;
}

}  // namespace fulcrum::detail

namespace fulcrum {

FULCRUM_DEFINE FoldResult<float> model_as_run(Model<float> model, const RunConfig& config) {
  if (model.outputs().empty())
    throw Error("model '" + model.name() + "'", "has no outputs", "name them with set_outputs()");
  if (config.roundings == Roundings::leave_out) {
    std::map<NodeId, NodeId> roundings;
    for (NodeId id = 0; id < model.size(); ++id) {
      if (std::holds_alternative<DynamicQuantize>(model.node(id).layer)) roundings[id] = model.node(id).src[0];
    }
    model = remove_nodes(model, roundings).model;
    for (NodeId id = 0; id < model.size(); ++id) {
      const Node<float>& node = model.node(id);
      if (node.dst_quantization) model.set_dst_quantization(id, std::nullopt);
      bool quantized = false;
      for_each_parameter(node.layer, [&](const char*, const auto& p) { quantized = quantized || p.quantization; });
      if (!quantized) continue;
      for_each_parameter(model.edit_layer(id), [](const char*, auto& parameter) { parameter.quantization.reset(); });
    }
  }
  FoldResult<float> result = fold_batch_normalization(simplify_arithmetic(detail::without_widening(model)));
  if (config.precision != Precision::int8) result.model = read_through_concat(result.model);
  return result;
}

}  // namespace fulcrum

#endif
