#pragma once
/// \file
/// Matrix products: Gemm, MatMul, and the pattern of a MatMul with a bias added. A constant matrix on the right makes a
/// Dense layer; all others are a MatMul.

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include <fulcrum/onnx/import/pieces.hpp>

namespace fulcrum::detail::onnx_io {

/// The transpose of a matrix; a channel axis of its quantization moves along.
inline Parameter<float> transposed(Parameter<float> parameter, Budget& budget) {
  budget.charge(parameter.value->flat().size() * (sizeof(float) + (parameter.mask.empty() ? 0 : 1)));
  parameter.value = transposed_matrix(*parameter.value);
  if (!parameter.mask.empty()) parameter.mask = transposed_matrix(*parameter.mask);
  if (parameter.quantization && parameter.quantization->per_channel()) {
    parameter.quantization->axis = 1 - parameter.quantization->axis;
  }
  return parameter;
}

/// Every element times a factor. Scales of a quantization follow when the factor is positive.
inline void scale_parameter(Parameter<float>& parameter, float factor, Budget& budget) {
  if (factor == 1.0F) return;
  if (!std::isfinite(factor)) throw Error("", "has an alpha or beta that is not finite", "check the export");
  budget.charge(parameter.value->flat().size_bytes());
  for (float& element : parameter.value.edit().flat()) {
    element *= factor;
    if (!std::isfinite(element)) throw Error("", "has an alpha or beta that makes its weights infinite");
  }
  if (!parameter.quantization) return;
  for (float& scale : parameter.quantization->scale) {
    scale *= factor;
    if (!(scale > 0.0F) || !std::isfinite(scale)) {
      parameter.quantization.reset();
      return;
    }
  }
}

/// A constant with its elements as floats, whatever they are in the file.
inline ConstantPtr in_floats(ImportContext& context, ConstantPtr constant) {
  if (is_floating(constant->type)) return constant;
  return make_constant(constant->name, cast<float>(context.reader.numbers(*constant)));
}

/// Constant weights of a Dense layer.
struct DenseWeights {
  Parameter<float> parameter;
  bool transposed = false;  ///< (oc, ic) where the file has (ic, oc)
};

/// Input 1 as weights of a Dense layer on `src`: a constant matrix, or a constant vector as a matrix of one column.
/// Integers become floats beside a source of integers. Null when it is something else.
/// \param of_inputs  the file has (ic, oc): where the elements are still to be made, those of the transpose are
inline std::optional<DenseWeights> dense_weights(ImportContext& context, const GraphNode& node, NodeId src,
                                                 bool of_inputs) {
  ConstantPtr constant = context.constant_or_null(node, 1);
  const bool has_rank = constant && (constant->dims.size() == 1 || constant->dims.size() == 2);
  if (!has_rank || element_count(constant->dims) == 0) return std::nullopt;
  if (!is_floating(constant->type) && is_floating(context.element(src))) return std::nullopt;
  constant = in_floats(context, std::move(constant));
  const bool transposes = of_inputs && ConstantReader::can_transpose(*constant);
  Parameter<float> weights =
      transposes ? context.reader.transposed_parameter(*constant) : context.reader.parameter(*constant);
  normalize_weights_quantization(weights.quantization);
  if (constant->dims.size() == 1) {
    const Shape column{constant->dims[0], 1};
    context.reader.budget.charge(weights.value->flat().size_bytes());
    weights.value = weights.value->reshaped(column);
    if (!weights.mask.empty()) weights.mask = weights.mask->reshaped(column);
    if (weights.quantization && weights.quantization->per_channel()) weights.quantization.reset();
  }
  return DenseWeights{std::move(weights), transposes};
}

/// dst = src · weights + bias from weights (ic, oc), or (oc, ic) when transposed already.
inline Dense<float> dense_layer(ImportContext& context, DenseWeights weights, bool weights_transposed) {
  Dense<float> layer;
  layer.weights = std::move(weights.parameter);
  if (!weights_transposed && !weights.transposed)
    layer.weights = transposed(std::move(layer.weights), context.reader.budget);
  return layer;
}

/// A bias given as (), (1), (oc) or (1, oc) as (oc); null when it has a row per sample.
inline std::optional<Parameter<float>> bias_vector(Parameter<float> bias, std::int64_t oc, Budget& budget) {
  const Shape dims = bias.value->dims();
  if (dims == Shape{oc}) return bias;
  if (dims == Shape{1, oc} || bias.size() == 1) {
    budget.charge(static_cast<std::size_t>(oc) * sizeof(float));
    Tensor<float> vector(Shape{oc});
    const std::span<const float> from = std::as_const(*bias.value).flat();
    for (std::size_t i = 0; i < vector.flat().size(); ++i) vector.flat()[i] = from[from.size() == 1 ? 0 : i];
    Parameter<float> result(std::move(vector));
    if (!bias.mask.empty() && bias.size() == oc) result.mask = bias.mask->reshaped({oc});
    return result;
  }
  return std::nullopt;
}

/// product + beta · C, the node's output.
inline void append_addend(ImportContext& context, const GraphNode& node, NodeId product, float beta) {
  NodeId addend = context.src(node, 2);
  if (beta != 1.0F) {
    const NodeId factor = append_number(context, node.name + "/beta", beta);
    addend = context.append(node.name + "/addend", Binary{BinaryKind::mul}, {addend, factor});
  }
  context.append(node, Binary{BinaryKind::add}, {product, addend});
}

/// \throws Error when one operand of a product is real and the other is not
inline void expect_like_operands(const ImportContext& context, NodeId a, NodeId b) {
  if (is_floating(context.element(a)) == is_floating(context.element(b))) return;
  throw Error(
      "", "multiplies " + std::string(name_of(context.element(a))) + " by " + std::string(name_of(context.element(b))),
      "give both operands the same type");
}

/// alpha · A · B + beta · C, A and B perhaps transposed.
inline void import_gemm(ImportContext& context, const GraphNode& node) {
  NodeId src = context.src(node, 0);
  if (context.shape(src).rank() != 2) {
    throw Error("", "takes a source of shape " + to_string(context.shape(src).first), "give it a matrix");
  }
  const bool src_transposed = integer_attribute(node, "transA", 0) != 0;
  const bool weights_transposed = integer_attribute(node, "transB", 0) != 0;
  const float alpha = number_attribute(node, "alpha", 1.0F);
  const float beta = number_attribute(node, "beta", 1.0F);
  if (!std::isfinite(alpha) || !std::isfinite(beta)) {
    throw Error("", "has an alpha or beta that is not finite", "check the export");
  }
  const bool adds = context.has_input(node, 2) && beta != 0.0F;
  std::optional<DenseWeights> constant_weights = dense_weights(context, node, src, !weights_transposed);
  if (!constant_weights || context.constant(node, 1, "weights")->dims.size() != 2) {
    NodeId weights = context.src(node, 1);
    expect_like_operands(context, src, weights);
    MatMul layer{src_transposed, weights_transposed, alpha};
    if (src_transposed && !context.built[src].computed) {  // is transposed here, once
      src = context.append(node.name + "/src", Transpose{{1, 0}}, {src});
      layer.transpose_src = false;
    }
    if (weights_transposed && !context.built[weights].computed) {
      weights = context.append(node.name + "/weights", Transpose{{1, 0}}, {weights});
      layer.transpose_weights = false;
    }
    if (!adds) {
      context.append(node, layer, {src, weights});
      return;
    }
    append_addend(context, node, context.append(node.name + "/product", layer, {src, weights}), beta);
    return;
  }
  if (src_transposed) src = context.append(node.name + "/transpose", Transpose{{1, 0}}, {src});
  Dense<float> layer = dense_layer(context, std::move(*constant_weights), weights_transposed);
  scale_parameter(layer.weights, alpha, context.reader.budget);
  const ConstantPtr addend = adds ? context.constant_or_null(node, 2) : nullptr;
  if (addend && is_floating(addend->type) && element_count(addend->dims) > 0) {
    Parameter<float> bias = context.parameter(node, 2, "biases");
    scale_parameter(bias, beta, context.reader.budget);
    std::optional<Parameter<float>> vector = bias_vector(bias, layer.weights.value->dim(0), context.reader.budget);
    if (vector) {
      layer.bias = std::move(*vector);
      context.append(node, std::move(layer), {src});
      return;
    }
    const NodeId product = context.append(node.name + "/product", std::move(layer), {src});
    const NodeId constant = context.append(node.name + "/addend", fulcrum::Constant<float>{std::move(bias)}, {});
    context.append(node, Binary{BinaryKind::add}, {product, constant});
    return;
  }
  if (!adds) {
    context.append(node, std::move(layer), {src});
    return;
  }
  append_addend(context, node, context.append(node.name + "/product", std::move(layer), {src}), beta);
}

/// a · b as NumPy's matmul: an operand of rank 1 is a row on the left and a column on the right, and the product does
/// not have that axis. `layer` with constant weights, which b then are (of rank 1: `column`), or a MatMul.
inline NodeId append_product(ImportContext& context, const std::string& name, Layer<float> layer, NodeId a,
                             std::optional<NodeId> b, bool column) {
  const bool row = context.shape(a).rank() == 1;
  if (row) a = append_reshape(context, name + "/row", a, with_axis(context.shape(a), 0));
  if (b && column) b = append_reshape(context, name + "/column", *b, with_axis(context.shape(*b), 1));
  std::vector<NodeId> src{a};
  if (b) src.push_back(*b);
  const NodeId product = context.append(name, std::move(layer), std::move(src));
  if (!row && !column) return product;
  TracedShape shape = context.shape(product);
  if (column) shape = without_axis(shape, shape.rank() - 1);
  if (row) shape = without_axis(shape, shape.rank() - (column ? 1 : 2));
  return append_reshape(context, name + "/line", product, shape);
}

/// MatMul, and MatMul followed by an Add of a constant vector (input 2, which only the pattern has).
inline void import_matmul(ImportContext& context, const GraphNode& node) {
  const NodeId src = context.src(node, 0);
  std::optional<DenseWeights> constant = dense_weights(context, node, src, true);
  if (constant && node.is_pattern && context.shape(src).rank() > 1) {
    Dense<float> layer = dense_layer(context, std::move(*constant), false);
    Parameter<float> bias = context.reader.parameter(*in_floats(context, context.constant(node, 2, "biases")));
    bias.quantization.reset();
    std::optional<Parameter<float>> vector =
        bias_vector(std::move(bias), layer.weights.value->dim(0), context.reader.budget);
    if (!vector) throw Error("its biases", "are not one for each column of its weights", "check the export");
    layer.bias = std::move(*vector);
    context.append(node, std::move(layer), {src});
    return;
  }
  NodeId product = 0;
  if (constant) {
    const bool column = context.constant(node, 1, "weights")->dims.size() == 1;
    Dense<float> layer = dense_layer(context, std::move(*constant), false);
    product = append_product(context, node.name, std::move(layer), src, std::nullopt, column);
  } else {
    const NodeId weights = context.src(node, 1);
    expect_like_operands(context, src, weights);
    product = append_product(context, node.name, MatMul{}, src, weights, context.shape(weights).rank() == 1);
  }
  if (node.is_pattern) {
    const NodeId addend = context.src(node, 2);
    product = context.append(node.name + "/sum", Binary{BinaryKind::add}, {product, addend});
  }
  context.define(node, 0, product);
}

inline constexpr Operator dense_operators[] = {
    {"Gemm", 6, import_gemm, nullptr, "broadcast"},
    {"MatMul", 1, import_matmul},
};

}  // namespace fulcrum::detail::onnx_io
