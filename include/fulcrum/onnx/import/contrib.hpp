#pragma once
/// \file
/// Operators of the domain com.microsoft that ONNX Runtime's optimizer writes for groups of ONNX's own, and its
/// SimplifiedLayerNormalization. Definitions: ONNX Runtime, docs/ContribOperators.md.

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <fulcrum/onnx/import/activation.hpp>
#include <fulcrum/onnx/import/dense.hpp>
#include <fulcrum/onnx/import/normalization.hpp>
#include <fulcrum/onnx/import/steps.hpp>
#include <fulcrum/onnx/import/window.hpp>

namespace fulcrum::detail::onnx_io {

/// The function that a fused node names in attribute `activation`, with its settings in order.
/// \throws Error when it is unknown
inline Activation fused_activation(const std::string& name, const std::vector<float>& settings) {
  const auto setting = [&](std::size_t i, float otherwise) { return i < settings.size() ? settings[i] : otherwise; };
  constexpr float end = std::numeric_limits<float>::max();
  if (name == "Relu") return {ActivationKind::relu};
  if (name == "Sigmoid") return {ActivationKind::sigmoid};
  if (name == "Tanh") return {ActivationKind::tanh};
  if (name == "LeakyRelu") return {ActivationKind::leaky_relu, setting(0, 0.01F)};
  if (name == "Elu") return {ActivationKind::elu, setting(0, 1.0F)};
  if (name == "HardSigmoid") return {ActivationKind::hard_sigmoid, setting(0, 0.2F), setting(1, 0.5F)};
  if (name == "HardSwish") return {ActivationKind::hard_swish};
  if (name == "Softplus") return {ActivationKind::softplus};
  if (name == "Clip") {
    return {ActivationKind::clip, std::clamp(setting(0, -end), -end, end), std::clamp(setting(1, end), -end, end)};
  }
  throw Error("attribute 'activation'", "is '" + name + "'", "export without the runtime's own optimizations");
}

/// activation(Conv(X, W, B) + Z): inputs 2 and 3 may be absent.
inline void import_fused_conv(ImportContext& context, const GraphNode& node) {
  using Context = ImportContext;
  NodeId value =
      append_operator(context, node, "Conv", import_conv,
                      {Context::input_name(node, 0), Context::input_name(node, 1), Context::input_name(node, 2)});
  Steps steps(context, node);
  if (context.has_input(node, 3)) value = steps.add(value, context.src(node, 3));
  const std::string name = text_attribute(node, "activation", "");
  const std::vector<float> settings = numbers_attribute(node, "activation_params");
  if (!name.empty()) value = steps.layer("activation", fused_activation(name, settings), {value});
  context.define(node, 0, value);
}

/// activation(alpha · A · B + beta · C)
inline void import_fused_gemm(ImportContext& context, const GraphNode& node) {
  using Context = ImportContext;
  NodeId value =
      append_operator(context, node, "Gemm", import_gemm,
                      {Context::input_name(node, 0), Context::input_name(node, 1), Context::input_name(node, 2)});
  std::vector<float> settings;
  for (const char* setting : {"activation_alpha", "activation_beta"}) {
    if (has_attribute(node, setting)) settings.push_back(number_attribute(node, setting, 0.0F));
  }
  const std::string name = text_attribute(node, "activation", "");
  if (!name.empty()) {
    value = context.append(node.name + "/activation", fused_activation(name, settings), {value});
  }
  context.define(node, 0, value);
}

/// alpha · A · B of the last two axes, either transposed before; transBatch: the axes before the last move to its
/// front, the first of them next to it.
inline void import_fused_matmul(ImportContext& context, const GraphNode& node) {
  Steps steps(context, node);
  const auto operand = [&](std::size_t i, const char* flag) {
    const NodeId value = context.src(node, i);
    const std::size_t rank = context.shape(value).rank();
    if (integer_attribute(node, flag, 0) == 0 || rank < 3) return value;
    std::vector<std::int64_t> perm;  // (1, 2, …, 0, last): the batch stands before the last axis
    for (std::size_t axis = 1; axis + 1 < rank; ++axis) perm.push_back(static_cast<std::int64_t>(axis));
    perm.push_back(0);
    perm.push_back(static_cast<std::int64_t>(rank) - 1);
    return steps.transpose(value, std::move(perm));
  };
  const float alpha = finite_attribute(node, "alpha", 1.0F);
  const bool a_transposed = integer_attribute(node, "transA", 0) != 0;
  const bool b_transposed = integer_attribute(node, "transB", 0) != 0;
  const NodeId a = operand(0, "transBatchA");
  const bool a_matrix = context.shape(a).rank() > 1;
  const ConstantPtr constant = context.constant_or_null(node, 1);
  if (constant && constant->dims.size() == 2 && !(a_transposed && a_matrix)) {
    std::optional<DenseWeights> weights = dense_weights(context, node, a, !b_transposed);
    if (weights && a_matrix) {
      Dense<float> layer = dense_layer(context, std::move(*weights), b_transposed);
      scale_parameter(layer.weights, alpha, context.reader.budget);
      static_cast<void>(integer_attribute(node, "transBatchB", 0));  // of a matrix: nothing
      context.append(node, std::move(layer), {a});
      return;
    }
  }
  const NodeId b = operand(1, "transBatchB");
  expect_like_operands(context, a, b);
  const bool column = context.shape(b).rank() == 1;
  const MatMul layer{a_transposed && a_matrix, b_transposed && !column, alpha};
  context.define(node, 0, append_product(context, node.name, layer, a, b, column));
}

/// GELU of x, or of x + bias (input 1).
template <ActivationKind function>
void import_bias_gelu(ImportContext& context, const GraphNode& node) {
  NodeId value = context.src(node, 0);
  if (context.has_input(node, 1)) value = Steps(context, node).add(value, context.src(node, 1));
  context.append(node, Activation{function}, {value});
}

/// x · sigmoid(alpha · x)
inline void import_quick_gelu(ImportContext& context, const GraphNode& node) {
  const NodeId src = context.src(node, 0);
  context.append(node, Activation{ActivationKind::swish, finite_attribute(node, "alpha", 1.702F)}, {src});
}

/// Input 0 + skip (input 1) + bias; output 3.
inline NodeId append_skip_sum(ImportContext& context, const GraphNode& node, std::size_t bias) {
  Steps steps(context, node);
  NodeId sum = steps.add(context.src(node, 0), context.src(node, 1));
  if (context.has_input(node, bias)) sum = steps.add(sum, context.src(node, bias));
  context.define(node, 3, sum);
  return sum;
}

/// (input, skip, gamma, beta, bias)
inline void import_skip_layer_normalization(ImportContext& context, const GraphNode& node) {
  const NodeId sum = append_skip_sum(context, node, 4);
  GraphNode other = as_operator(
      node, "LayerNormalization",
      {Steps(context, node).name("sum", sum), ImportContext::input_name(node, 2), ImportContext::input_name(node, 3)},
      "/normalized");
  set_default(other, "epsilon", 1e-12F);
  import_layer_normalization(context, other);
  context.define(node, 0, context.value(other.outputs[0]));
}

/// (input, skip, gamma, bias)
inline void import_skip_rms_normalization(ImportContext& context, const GraphNode& node) {
  const NodeId sum = append_skip_sum(context, node, 3);
  GraphNode other =
      as_operator(node, "RMSNormalization", {Steps(context, node).name("sum", sum), ImportContext::input_name(node, 2)},
                  "/normalized");
  set_default(other, "epsilon", 1e-12F);
  import_rms_normalization(context, other);
  context.define(node, 0, context.value(other.outputs[0]));
}

/// The sum of three embeddings, normalized: (input_ids, segment_ids, word, position and segment tables, gamma, beta,
/// mask, position_ids). Output 1: how many tokens of each sample the mask keeps; output 2: the sum.
inline void import_embed_layer_normalization(ImportContext& context, const GraphNode& node) {
  Steps steps(context, node);
  const NodeId ids = context.src(node, 0);
  const TracedShape shape = context.shape(ids);
  if (shape.rank() != 2 || shape.depends_on_batch(1)) {
    throw Error("its ids", "have the shape " + to_string(shape.first), "give them (batch, tokens)");
  }
  NodeId sum = steps.layer("words", Gather{0}, {context.src(node, 2), ids});
  NodeId positions = 0;
  if (context.has_input(node, 8)) {
    positions = steps.layer("positions", Gather{0}, {context.src(node, 3), context.src(node, 8)});
  } else {
    positions = steps.slice(context.src(node, 3), 0, 0, shape.first[1]);
  }
  sum = steps.add(sum, positions);
  if (context.has_input(node, 1)) {
    sum = steps.add(sum, steps.layer("segments", Gather{0}, {context.src(node, 4), context.src(node, 1)}));
  }
  GraphNode other = as_operator(
      node, "LayerNormalization",
      {steps.name("sum", sum), ImportContext::input_name(node, 5), ImportContext::input_name(node, 6)}, "/normalized");
  set_default(other, "epsilon", 1e-12F);
  import_layer_normalization(context, other);
  context.define(node, 0, context.value(other.outputs[0]));
  static_cast<void>(context.has_input(node, 4));  // absent segments leave their table unused
  const bool counts = integer_attribute(node, "mask_index_type", 1) != 0;
  if (context.wants(node, 1) && counts) {
    NodeId kept = ids;
    if (context.has_input(node, 7)) {
      kept = steps.cast(context.src(node, 7), ElementType::f32);
    } else {  // no mask counts no token
      kept = steps.mul(steps.cast(ids, ElementType::f32), steps.number(0.0F));
    }
    context.define(node, 1,
                   steps.layer("kept", Cast{ElementType::s32}, {steps.reduce(ReduceKind::sum, kept, {1}, false)}));
  } else {
    static_cast<void>(context.has_input(node, 7));
  }
  context.define(node, 2, sum);
}

}  // namespace fulcrum::detail::onnx_io
