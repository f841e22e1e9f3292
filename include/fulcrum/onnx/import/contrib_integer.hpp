#pragma once
/// \file
/// Operators of the domain com.microsoft on integers that stand for reals, which ONNX Runtime's quantizer writes. Each
/// is imported as the reals of its inputs, the operator on reals, and the rounding of its result: the QDQ form.
/// Definitions: ONNX Runtime, docs/ContribOperators.md.

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <fulcrum/onnx/import/integer.hpp>
#include <fulcrum/onnx/import/reduce.hpp>
#include <fulcrum/onnx/import/steps.hpp>

namespace fulcrum::detail::onnx_io {

/// Input i as reals: its scale and zero point are the next two inputs.
inline NodeId real_input(ImportContext& context, const GraphNode& node, std::size_t i) {
  const std::string name = node.name + "/real" + std::to_string(i);
  return dequantized(context, node, name, context.src(node, i), i + 1, i + 2);
}

/// `value` as the node's result, rounded: scale and zero point are inputs i and i + 1; without a zero point the
/// integers are of the type of input `like`.
inline void define_rounded(ImportContext& context, const GraphNode& node, NodeId value, std::size_t i,
                           std::size_t like = 0) {
  const std::int32_t type = proto_type_of(context.element(context.src(node, like)));
  context.append(node, QuantizeLinear{read_quantization(context, node, value, i, i + 1, type)}, {value});
}

/// (A, A_scale, A_zero_point, B, B_scale, B_zero_point, C_scale, C_zero_point)
template <BinaryKind function>
void import_qlinear_binary(ImportContext& context, const GraphNode& node) {
  const NodeId a = real_input(context, node, 0);
  const NodeId b = real_input(context, node, 3);
  define_rounded(context, node, Steps(context, node).binary(function, a, b), 6);
}

/// (Y_scale, Y_zero_point, then X, X_scale, X_zero_point of each)
inline void import_qlinear_concat(ImportContext& context, const GraphNode& node) {
  std::vector<NodeId> src;
  for (std::size_t i = 2; i < node.inputs.size(); i += 3) src.push_back(real_input(context, node, i));
  if (src.empty()) throw Error("", "has no input", "the file is damaged; export it again");
  const NodeId joined = Steps(context, node).concat(std::move(src), required_integer(node, "axis"));
  define_rounded(context, node, joined, 0, 2);
}

/// (X, X_scale, X_zero_point, Y_scale, Y_zero_point) with one of ONNX's own operators on X. Attribute `channels_last`
/// says that the channels are X's last axis.
template <void (*import)(ImportContext&, const GraphNode&)>
void import_qlinear_unary(ImportContext& context, const GraphNode& node, const char* type) {
  Steps steps(context, node);
  NodeId value = real_input(context, node, 0);
  const bool channels_last = integer_attribute(node, "channels_last", 0) != 0;
  const std::size_t rank = context.shape(value).rank();
  std::vector<std::int64_t> first;  // the permutation that moves the channels to axis 1, and the one back
  std::vector<std::int64_t> last{0};
  if (channels_last && rank > 2) {
    first = {0, static_cast<std::int64_t>(rank) - 1};
    for (std::size_t axis = 1; axis + 1 < rank; ++axis) {
      first.push_back(static_cast<std::int64_t>(axis));
      last.push_back(static_cast<std::int64_t>(axis) + 1);
    }
    last.push_back(1);
    value = steps.transpose(value, std::move(first));
  }
  value = append_operator(context, node, type, import, {steps.name("src", value)});
  if (last.size() > 1) value = steps.transpose(value, std::move(last));
  define_rounded(context, node, value, 3);
}
inline void import_qlinear_average_pool(ImportContext& context, const GraphNode& node) {
  import_qlinear_unary<import_pool>(context, node, "AveragePool");
}
inline void import_qlinear_global_average_pool(ImportContext& context, const GraphNode& node) {
  import_qlinear_unary<import_global_pool>(context, node, "GlobalAveragePool");
}
inline void import_qlinear_sigmoid(ImportContext& context, const GraphNode& node) {
  import_qlinear_unary<import_activation<ActivationKind::sigmoid>>(context, node, "Sigmoid");
}
inline void import_qlinear_leaky_relu(ImportContext& context, const GraphNode& node) {
  import_qlinear_unary<import_leaky_relu>(context, node, "LeakyRelu");
}
inline void import_qlinear_reduce_mean(ImportContext& context, const GraphNode& node) {
  import_qlinear_unary<import_reduce<ReduceKind::mean>>(context, node, "ReduceMean");
}

/// Attribute `opset` says which version of Softmax is meant.
inline void import_qlinear_softmax(ImportContext& context, const GraphNode& node) {
  Steps steps(context, node);
  GraphNode other = as_operator(node, "Softmax", {steps.name("src", real_input(context, node, 0))}, "/softmax");
  other.opset = required_integer(node, "opset");
  import_softmax<false>(context, other);
  define_rounded(context, node, context.value(other.outputs[0]), 3);
}

/// (condition, X, X_scale, X_zero_point, Y, Y_scale, Y_zero_point, Z_scale, Z_zero_point)
inline void import_qlinear_where(ImportContext& context, const GraphNode& node) {
  const NodeId a = real_input(context, node, 1);
  const NodeId b = real_input(context, node, 4);
  define_rounded(context, node, Steps(context, node).where(context.src(node, 0), a, b), 7, 1);
}

/// alpha · (A · B + C), rounded when y_scale is given: (A, a_scale, a_zero_point, B, b_scale, b_zero_point, C, y_scale,
/// y_zero_point). C is of int32, in units of a_scale · b_scale.
inline void import_qgemm(ImportContext& context, const GraphNode& node) {
  Steps steps(context, node);
  std::vector<std::string> inputs{steps.name("a", real_input(context, node, 0))};
  const ConstantPtr weights_scale = context.constant(node, 4, "scales of the weights");
  const std::int64_t columns = integer_attribute(node, "transB", 0) != 0 ? 0 : 1;
  inputs.push_back(steps.name(
      "b", dequantized_constant(context.reader, node, node.name + "/b", *context.constant(node, 3, "weights"),
                                weights_scale, context.constant_or_null(node, 5), columns)));
  if (context.has_input(node, 6)) {
    const std::vector<std::int64_t> integers = context.integers(node, 6, "biases");
    const SharedTensor<float> scales = context.reader.floats(*weights_scale);
    const float factor = context.scalar(node, 1, "scale") * number_attribute(node, "alpha", 1.0F);
    const std::size_t count = scales->flat().size();
    Tensor<float> bias(context.constant(node, 6, "biases")->dims);
    for (std::size_t i = 0; i < integers.size(); ++i) {
      bias.flat()[i] = static_cast<float>(integers[i]) * factor * scales->flat()[i % count];
    }
    inputs.push_back(steps.name("c", make_constant(node.name + "/c", std::move(bias))));
  }
  const NodeId value = append_operator(context, node, "Gemm", import_gemm, std::move(inputs));
  if (context.has_input(node, 7)) {
    define_rounded(context, node, value, 7);
  } else {
    static_cast<void>(context.has_input(node, 8));
    context.define(node, 0, value);
  }
}

/// (src − zero point) · scale of a value and scalars that may be computed.
inline NodeId real_value(ImportContext& context, const GraphNode& node, NodeId src, NodeId scale,
                         std::optional<NodeId> zero_point) {
  Steps steps(context, node);
  NodeId value = steps.cast(src, ElementType::f32);
  if (zero_point) value = steps.sub(value, steps.cast(*zero_point, ElementType::f32));
  return steps.mul(value, scale);
}

/// a · B + bias of reals a and the integers B, which have a scale for all or for each column.
/// \param b  which input B is, `b_scale`, `b_zero_point` and `bias` likewise
inline void append_integer_product(ImportContext& context, const GraphNode& node, NodeId a, std::size_t b,
                                   std::size_t b_scale, std::size_t b_zero_point, std::size_t bias) {
  Steps steps(context, node);
  std::vector<std::string> inputs{steps.name("a", a)};
  const ConstantPtr weights = context.constant_or_null(node, b);
  if (weights && !context.is_computed(node, b_scale) && !context.is_computed(node, b_zero_point)) {
    inputs.push_back(steps.name("b", dequantized_constant(context.reader, node, node.name + "/b", *weights,
                                                          context.constant(node, b_scale, "scales of the weights"),
                                                          context.constant_or_null(node, b_zero_point), -1)));
  } else {
    std::optional<NodeId> zero_point;
    if (context.has_input(node, b_zero_point)) zero_point = context.src(node, b_zero_point);
    inputs.push_back(
        steps.name("b", real_value(context, node, context.src(node, b), context.src(node, b_scale), zero_point)));
  }
  GraphNode product = as_operator(node, "MatMul", inputs);
  product.is_pattern = context.constant_or_null(node, bias) != nullptr;  // a product with a bias
  if (product.is_pattern) product.inputs.push_back(node.inputs[bias]);
  import_matmul(context, product);
  NodeId value = context.value(product.outputs[0]);
  if (!product.is_pattern && context.has_input(node, bias)) value = steps.add(value, context.src(node, bias));
  context.define(node, 0, value);
}

/// (A, B, a_scale, b_scale, a_zero_point, b_zero_point, bias)
inline void import_matmul_integer_to_float(ImportContext& context, const GraphNode& node) {
  const NodeId src = context.src(node, 0);
  const bool known = !context.is_computed(node, 2) && !context.is_computed(node, 4);
  const ElementType element = context.element(src);
  NodeId a = 0;
  if (known && (element == ElementType::u8 || element == ElementType::s8)) {
    a = dequantized(context, node, node.name + "/a", src, 2, 4);
  } else {
    std::optional<NodeId> zero_point;
    if (context.has_input(node, 4)) zero_point = context.src(node, 4);
    a = real_value(context, node, src, context.src(node, 2), zero_point);
  }
  append_integer_product(context, node, a, 1, 3, 5, 6);
}

/// (A, B, b_scale, b_zero_point, bias): A is rounded to uint8 over the range that it turns out to have.
inline void import_dynamic_quantize_matmul(ImportContext& context, const GraphNode& node) {
  const NodeId a = dynamically_rounded(context, node.name + "/rounded", context.src(node, 0));
  append_integer_product(context, node, a, 1, 2, 3, 4);
}

}  // namespace fulcrum::detail::onnx_io
