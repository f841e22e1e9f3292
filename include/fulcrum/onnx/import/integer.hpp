#pragma once
/// \file
/// Operators on integers that stand for reals: QLinearConv, QLinearMatMul, ConvInteger, MatMulInteger and
/// DynamicQuantizeLinear. Each is imported as the layers that define it; the roundings between two of them then merge
/// into Node::dst_quantization as those of a QDQ model do. Products of what DynamicQuantizeLinear gives are
/// convolutions and dense layers behind a DynamicQuantize.

#include <cstddef>
#include <string>
#include <utility>
#include <vector>

#include <fulcrum/onnx/import/dense.hpp>
#include <fulcrum/onnx/import/quantization.hpp>
#include <fulcrum/onnx/import/window.hpp>

namespace fulcrum::detail::onnx_io {

/// Integers minus a zero point (input `zero_point`, when it is there), in f32. Of a matrix, several zero points are one
/// for each row or column: `dims` is their shape.
inline NodeId centered(ImportContext& context, const GraphNode& node, const std::string& name, std::size_t input,
                       std::size_t zero_point, const Shape& dims) {
  NodeId value = in_f32(context, node, name, context.src(node, input));
  if (!context.has_input(node, zero_point)) return value;
  NodeId zero = in_f32(context, node, name + "_zero_point", context.src(node, zero_point));
  if (context.shape(zero).rank() == 1 && context.shape(zero).first[0] > 1) {
    zero = context.append(node.name + name + "_zero_points", Reshape{dims}, {zero});
  }
  return context.append(node.name + name + "_centered", Binary{BinaryKind::sub}, {value, zero});
}

/// Constant integers minus their zero points, as floats whose scale is 1.
inline ConstantPtr centered_constant(ImportContext& context, const GraphNode& node, std::size_t input,
                                     std::size_t zero_point, std::int64_t axis) {
  const ConstantPtr from = context.constant(node, input, "weights");
  const ConstantPtr one = make_constant("scale", Tensor<float>({}, {1.0F}));
  ConstantPtr zero = context.has_input(node, zero_point) ? context.constant(node, zero_point, "zero points") : nullptr;
  ConstantPtr scale = one;
  if (zero && zero->dims.size() == 1 && zero->dims[0] > 1)
    scale = make_constant("scale", Tensor<float>(zero->dims, 1.0F));
  return dequantized_constant(context.reader, node, node.name + "/weights", *from, scale, zero, axis);
}

/// (x, x_scale, x_zero_point, w, w_scale, w_zero_point, y_scale, y_zero_point, bias)
inline void import_qlinear_conv(ImportContext& context, const GraphNode& node) {
  const NodeId src = dequantized(context, node, node.name + "/src", context.src(node, 0), 1, 2);
  const ConstantPtr weights_scale = context.constant(node, 4, "scales of the weights");
  const ConstantPtr weights =
      dequantized_constant(context.reader, node, node.name + "/weights", *context.constant(node, 3, "weights"),
                           weights_scale, context.constant(node, 5, "zero points of the weights"), 0);
  std::vector<std::string> inputs{node.name + "/src", node.name + "/weights"};
  context.define_input(inputs[0], src);
  context.define_constant(inputs[1], weights);
  if (context.has_input(node, 8)) {
    const float src_scale = context.scalar(node, 1, "scale");
    const SharedTensor<float> scales = context.reader.floats(*weights_scale);
    const std::vector<std::int64_t> integers = context.integers(node, 8, "biases");
    Tensor<float> bias(Shape{static_cast<std::int64_t>(integers.size())});
    const std::size_t count = scales->flat().size();
    if (count != 1 && count != integers.size()) throw Error("its biases", "do not fit the scales of its weights");
    for (std::size_t c = 0; c < integers.size(); ++c) {
      bias.flat()[c] = static_cast<float>(integers[c]) * src_scale * scales->flat()[count == 1 ? 0 : c];
    }
    inputs.push_back(node.name + "/bias");
    context.define_constant(inputs[2], make_constant(inputs[2], std::move(bias)));
  }
  const GraphNode conv = as_operator(node, "Conv", std::move(inputs));
  import_conv(context, conv);
  const NodeId product = context.value(conv.outputs[0]);
  const Quantization q = read_quantization(context, node, product, 6, 7, Proto::UINT8);
  context.append(node, QuantizeLinear{q}, {product});
}

/// (a, a_scale, a_zero_point, b, b_scale, b_zero_point, y_scale, y_zero_point)
inline void import_qlinear_matmul(ImportContext& context, const GraphNode& node) {
  const std::vector<std::string> inputs{node.name + "/src", node.name + "/weights"};
  context.define_input(inputs[0], dequantized(context, node, node.name + "/src", context.src(node, 0), 1, 2));
  if (const ConstantPtr weights = context.constant_or_null(node, 3)) {
    context.define_constant(inputs[1],
                            dequantized_constant(context.reader, node, inputs[1], *weights,
                                                 context.constant(node, 4, "scales of the weights"),
                                                 context.constant(node, 5, "zero points of the weights"), -1));
  } else {
    context.define_input(inputs[1], dequantized(context, node, inputs[1], context.src(node, 3), 4, 5));
  }
  const GraphNode product = as_operator(node, "MatMul", inputs);
  import_matmul(context, product);
  const NodeId value = context.value(product.outputs[0]);
  context.append(node, QuantizeLinear{read_quantization(context, node, value, 6, 7, Proto::UINT8)}, {value});
}

/// The value rounded over its own range: once for all that take it so.
inline NodeId dynamically_rounded(ImportContext& context, const std::string& name, NodeId src) {
  for (NodeId id = 0; id < context.built.size(); ++id) {
    const Node<float>& node = context.built[id].node;
    if (std::holds_alternative<DynamicQuantize>(node.layer) && node.src[0] == src) return id;
  }
  return context.append(name, DynamicQuantize{}, {src});
}

/// A pattern (x; the name of the rounding).
inline void import_dynamic_reals(ImportContext& context, const GraphNode& node) {
  context.define(node, 0, dynamically_rounded(context, node.inputs[1], context.src(node, 0)));
}

/// A pattern (x, weights, zero points of the weights, their scales, bias; the name of the rounding): x rounded over its
/// range, times weights in integers.
/// \param axis  of the output channels in the weights
inline void import_dynamic_product(ImportContext& context, const GraphNode& node, const char* type, std::int64_t axis,
                                   void (*import)(ImportContext&, const GraphNode&)) {
  std::vector<std::string> inputs{node.name + "/src", node.name + "/weights"};
  context.define_input(inputs[0], dynamically_rounded(context, node.inputs[5], context.src(node, 0)));
  ConstantPtr zero_point = context.constant_or_null(node, 2);
  ConstantPtr scale = context.constant(node, 3, "scales of the weights");
  const std::int64_t scales = element_count(scale->dims);
  if (scales == 1 && (!zero_point || element_count(zero_point->dims) == 1)) {
    if (!scale->dims.empty()) scale = make_constant("scale", Tensor<float>({}, context.reader.floats(*scale)->flat()));
  } else {
    const std::int64_t count = scales == 1 ? element_count(zero_point->dims) : scales;
    const SharedTensor<float> given = context.reader.floats(*scale);
    Tensor<float> all(Shape{count});
    for (std::size_t c = 0; c < all.flat().size(); ++c) all.flat()[c] = given->flat()[scales == 1 ? 0 : c];
    scale = make_constant("scale", std::move(all));
    if (zero_point && element_count(zero_point->dims) == 1 && count != 1) {
      auto repeated = std::make_shared<Constant>(*make_constant("zero point", Tensor<float>(Shape{count})));
      repeated->type = zero_point->type;
      repeated->integers.assign(static_cast<std::size_t>(count), context.reader.integers(*zero_point)[0]);
      zero_point = repeated;
    }
  }
  context.define_constant(
      inputs[1], dequantized_constant(context.reader, node, inputs[1], *context.constant(node, 1, "weights"), scale,
                                      zero_point, axis));
  if (!node.inputs[4].empty()) {
    const SharedTensor<float> given = context.reader.floats(*context.constant(node, 4, "biases"));
    inputs.push_back(node.name + "/bias");
    context.define_constant(
        inputs[2],
        make_constant(inputs[2], Tensor<float>({static_cast<std::int64_t>(given->flat().size())}, given->flat())));
  }
  GraphNode product = as_operator(node, type, std::move(inputs), "");
  product.is_pattern = product.inputs.size() > 2;  // of a MatMul: one with a bias
  import(context, product);
  context.define(node, 0, context.value(product.outputs[0]));
}

/// (x, w, x_zero_point, w_zero_point): the sum of products is an integer.
inline void import_conv_integer(ImportContext& context, const GraphNode& node) {
  if (node.is_pattern) return import_dynamic_product(context, node, "Conv", 0, import_conv);
  const std::vector<std::string> inputs{node.name + "/src", node.name + "/weights"};
  context.define_input(inputs[0], centered(context, node, "/src_real", 0, 2, {}));
  context.define_constant(inputs[1], centered_constant(context, node, 1, 3, 0));
  const GraphNode conv = as_operator(node, "Conv", inputs);
  import_conv(context, conv);
  context.append(node, Cast{ElementType::s32}, {context.value(conv.outputs[0])});
}

/// (a, b, a_zero_point, b_zero_point)
inline void import_matmul_integer(ImportContext& context, const GraphNode& node) {
  if (node.is_pattern) return import_dynamic_product(context, node, "MatMul", -1, import_matmul);
  const std::vector<std::string> inputs{node.name + "/src", node.name + "/weights"};
  context.define_input(inputs[0], centered(context, node, "/src_real", 0, 2, {-1, 1}));
  if (context.constant_or_null(node, 1) && !context.is_computed(node, 3)) {
    context.define_constant(inputs[1], centered_constant(context, node, 1, 3, -1));
  } else {
    context.define_input(inputs[1], centered(context, node, "/weights_real", 1, 3, {-1}));
  }
  const GraphNode product = as_operator(node, "MatMul", inputs);
  import_matmul(context, product);
  context.append(node, Cast{ElementType::s32}, {context.value(product.outputs[0])});
}

/// x → (integers, scale, zero point) for the range that x turns out to have.
inline void import_dynamic_quantize(ImportContext& context, const GraphNode& node) {
  const NodeId src = context.src(node, 0);
  const auto number = [&](const char* what, double value) {
    const Tensor<double> scalar({}, {value});
    return context.append_known(node.name + what, {scalar, scalar, ElementType::f32});
  };
  const auto layer = [&](const char* what, Layer<float> l, std::vector<NodeId> from) {
    return context.append(node.name + what, std::move(l), std::move(from));
  };
  const NodeId zero = number("/zero", 0.0);
  const NodeId largest = layer("/reduce_max", Reduce{ReduceKind::max, {}, false}, {src});
  const NodeId smallest = layer("/reduce_min", Reduce{ReduceKind::min, {}, false}, {src});
  const NodeId high = layer("/max", Binary{BinaryKind::max}, {largest, zero});
  const NodeId low = layer("/min", Binary{BinaryKind::min}, {smallest, zero});
  const NodeId range = layer("/range", Binary{BinaryKind::sub}, {high, low});
  const NodeId scale = layer("/scale", Binary{BinaryKind::div}, {range, number("/steps", 255.0)});
  const NodeId below = layer("/below", Binary{BinaryKind::sub}, {zero, low});
  const NodeId place = layer("/place", Binary{BinaryKind::div}, {below, scale});
  const NodeId clipped = layer("/clipped", Activation{ActivationKind::clip, 0.0F, 255.0F}, {place});
  const NodeId rounded = layer("/rounded", Activation{ActivationKind::round}, {clipped});
  const NodeId zero_point = layer("/zero_point", Cast{ElementType::u8}, {rounded});
  context.define(node, 0, quantized_by_value(context, node, src, scale, zero_point, ElementType::u8));
  context.define(node, 1, scale);
  context.define(node, 2, zero_point);
}

inline constexpr Operator integer_operators[] = {
    {"QLinearConv", 10, import_qlinear_conv},
    {"QLinearMatMul", 10, import_qlinear_matmul},
    {"ConvInteger", 10, import_conv_integer},
    {"MatMulInteger", 10, import_matmul_integer},
    {"DynamicQuantizeLinear", 11, import_dynamic_quantize},
};

}  // namespace fulcrum::detail::onnx_io
