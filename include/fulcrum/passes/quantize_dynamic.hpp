#pragma once
/// \file
/// Dynamic quantization: weights as integers, and the values they meet over ranges that are found at run time, so that
/// no sample is needed.

#include <string>
#include <vector>

#include <fulcrum/core/linkage.hpp>
#include <fulcrum/model/model.hpp>
#include <fulcrum/passes/quantize.hpp>

namespace fulcrum {

/// The model with arithmetic simplified and batch normalization folded; convolutions and dense layers with weights of
/// s8, one scale per output channel, behind a DynamicQuantize of their source (one for all that take the same value);
/// recurrent layers with weights of s8, one scale per row, whose source stays in float. In the report, a source scale
/// of 0 stands for one that is found at run time, or for none.
/// \param options  `skip`, `weight_bits`, `sums_in_16_bits` and `per_tensor` count
/// \throws Error when the model is quantized already, its weights are not finite, or an option is out of its range
FULCRUM_DECLARE [[nodiscard]] QuantizeResult quantize_dynamically(const Model<float>& model,
                                                                  const QuantizeOptions& options = {});

}  // namespace fulcrum

#if FULCRUM_DEFINES(passes)

#include <map>
#include <utility>

#include <fulcrum/analysis/is_quantized.hpp>

namespace fulcrum {

FULCRUM_DEFINE QuantizeResult quantize_dynamically(const Model<float>& model, const QuantizeOptions& options) {
  detail::refuse_quantized(model, "quantize the float model instead");
  detail::refuse_not_finite(model);
  detail::expect_bits(options);
  detail::expect_quantizable_layers(model, options.skip);
  const Model<float> folded = fold_batch_normalization(simplify_arithmetic(model)).model;
  QuantizeResult result{Model<float>(folded.name()), {}};
  SignalToNoise total;
  std::vector<NodeId> moved;           // where each node is in the result
  std::map<NodeId, NodeId> roundings;  // of a value, by its node there
  for (NodeId id = 0; id < folded.size(); ++id) {
    Node<float> node = folded.node(id);
    for (NodeId& src : node.src) src = moved[src];
    const bool is_product = detail::weights_of(node.layer) != nullptr;
    const bool takes_integers = is_product || std::holds_alternative<Recurrent<float>>(node.layer);
    if (takes_integers && detail::contains(options.skip, node.name)) {
      result.report.kept.push_back({node.name, "asked to stay in float"});
    } else if (takes_integers) {
      result.report.layers.push_back(detail::quantize_weights(node.name, node.layer, options, total));
      if (is_product) {
        const auto known = roundings.find(node.src[0]);
        if (known != roundings.end()) {
          node.src[0] = known->second;
        } else {
          std::string name = result.model.node(node.src[0]).name + "/rounded";
          while (folded.find(name) || result.model.find(name)) name += "_";
          const NodeId src = node.src[0];
          node.src[0] = roundings[src] = result.model.add({name, DynamicQuantize{}, {src}, std::nullopt});
        }
      }
    }
    moved.push_back(result.model.add(std::move(node)));
  }
  std::vector<NodeId> outputs;
  for (const NodeId id : folded.outputs()) outputs.push_back(moved[id]);
  result.model.set_outputs(outputs);
  result.report.weight_sqnr_db = total.decibels();
  return result;
}

}  // namespace fulcrum

#endif
