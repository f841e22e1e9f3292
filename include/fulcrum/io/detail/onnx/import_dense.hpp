#pragma once
/// \file
/// Matrix products with constant weights: Gemm, MatMul, and the pattern of a MatMul with a bias added.

#include <cmath>
#include <cstddef>
#include <string>
#include <utility>

#include <fulcrum/io/detail/onnx/operator.hpp>

namespace fulcrum::detail::onnx_io {

/// The transpose of a matrix; a channel axis of its quantization moves along.
inline Parameter<float> transposed(Parameter<float> parameter, Budget& budget) {
  const Shape dims = parameter.value->dims();
  const auto rows = static_cast<std::size_t>(dims[0]);
  const auto columns = static_cast<std::size_t>(dims[1]);
  budget.charge(rows * columns * (sizeof(float) + (parameter.mask.empty() ? 0 : 1)));
  const auto transpose = [&]<class T>(const Tensor<T>& src) {
    Tensor<T> dst(Shape{dims[1], dims[0]});
    for (std::size_t row = 0; row < rows; ++row) {
      for (std::size_t column = 0; column < columns; ++column) {
        dst.flat()[column * rows + row] = src.flat()[row * columns + column];
      }
    }
    return dst;
  };
  parameter.value = transpose(*parameter.value);
  if (!parameter.mask.empty()) parameter.mask = transpose(*parameter.mask);
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

/// dst = src · weights + bias from weights (ic, oc), or (oc, ic) when transposed already.
inline Dense<float> dense_layer(ImportContext& context, const GraphNode& node, bool weights_transposed) {
  Dense<float> layer;
  layer.weights = context.weights(node, 1);
  if (layer.weights.value->dims().size() != 2) {
    throw Error("its weights", "have the shape " + to_string(layer.weights.value->dims()),
                "only matrices (rank 2) are supported");
  }
  if (!weights_transposed) layer.weights = transposed(std::move(layer.weights), context.reader.budget);
  if (layer.weights.quantization && layer.weights.quantization->axis > 0) layer.weights.quantization.reset();
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

inline void import_gemm(ImportContext& context, const GraphNode& node) {
  if (integer_attribute(node, "transA", 0) != 0) {
    throw Error("attribute 'transA'", "is set", "only sources of (batch, features) are supported");
  }
  const NodeId src = context.src(node, 0);
  if (context.shape(src).rank() != 2) {
    throw Error("", "takes a source of shape " + to_string(context.shape(src).first), "give it a matrix");
  }
  Dense<float> layer = dense_layer(context, node, integer_attribute(node, "transB", 0) != 0);
  scale_parameter(layer.weights, number_attribute(node, "alpha", 1.0F), context.reader.budget);
  const std::int64_t oc = layer.weights.value->dim(0);
  const float beta = number_attribute(node, "beta", 1.0F);
  if (!context.has_input(node, 2) || beta == 0.0F) {
    context.append(node, std::move(layer), {src});
    return;
  }
  if (!context.constant_or_null(node, 2)) {  // a residual: src · weights + C
    if (beta != 1.0F) throw Error("attribute 'beta'", "scales a computed C", "use a beta of 1");
    const NodeId product = context.append(node.name + "/product", std::move(layer), {src});
    const NodeId other = context.src(node, 2);
    context.append(node, Binary{BinaryKind::add}, {product, other});
    return;
  }
  Parameter<float> bias = context.parameter(node, 2, "biases");
  scale_parameter(bias, beta, context.reader.budget);
  if (std::optional<Parameter<float>> vector = bias_vector(bias, oc, context.reader.budget)) {
    layer.bias = std::move(*vector);
    context.append(node, std::move(layer), {src});
    return;
  }
  const NodeId product = context.append(node.name + "/product", std::move(layer), {src});
  const NodeId addend = context.append(node.name + "/addend", fulcrum::Constant<float>{std::move(bias)}, {});
  context.append(node, Binary{BinaryKind::add}, {product, addend});
}

/// MatMul, and MatMul followed by an Add of a constant vector (input 2, which only the pattern has).
inline void import_matmul(ImportContext& context, const GraphNode& node) {
  if (context.constant_or_null(node, 0) && !context.constant_or_null(node, 1)) {
    throw Error("", "multiplies a constant by a computed value", "only constant weights on the right are supported");
  }
  const NodeId src = context.src(node, 0);
  Dense<float> layer = dense_layer(context, node, false);
  if (node.is_pattern) {
    layer.bias =
        bias_vector(context.parameter(node, 2, "biases"), layer.weights.value->dim(0), context.reader.budget).value();
  }
  context.append(node, std::move(layer), {src});
}

inline constexpr Operator dense_operators[] = {
    {"Gemm", 7, import_gemm},
    {"MatMul", 1, import_matmul},
};

}  // namespace fulcrum::detail::onnx_io
