#pragma once
/// \file
/// Matrix products, functions of several arguments, changes of type and roundings as ONNX nodes.

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include <fulcrum/onnx/export/window.hpp>

namespace fulcrum::detail::onnx_io {

inline Parameter<float> transposed_for_export(const Parameter<float>& weights) {
  const Shape dims = weights.value->dims();
  Tensor<float> value(Shape{dims[1], dims[0]});
  const auto rows = static_cast<std::size_t>(dims[0]);
  const auto columns = static_cast<std::size_t>(dims[1]);
  const auto from = weights.value->flat();
  const auto to = value.flat();
  for (std::size_t row = 0; row < rows; ++row) {
    for (std::size_t column = 0; column < columns; ++column) to[column * rows + row] = from[row * columns + column];
  }
  Parameter<float> result(std::move(value));
  result.mask = weights.mask;  // only whether there is one is written
  result.quantization = weights.quantization;
  if (result.quantization && result.quantization->per_channel())
    result.quantization->axis = 1 - weights.quantization->axis;
  return result;
}

/// Gemm for matrices; MatMul and Add where the source has more axes.
inline void export_layer(ExportContext& context, const Dense<float>& layer) {
  GraphWriter& writer = context.writer;
  const std::string name = context.name;
  if (multiplies_dynamic_integers(context.model, context.id())) {
    export_dynamic_product(context, "MatMulInteger", transposed_for_export(layer.weights), layer.bias,
                           {layer.weights.value->dim(0)});
    return;
  }
  context.define();
  if (context.src_shape(0).size() == 2) {
    auto& node = writer.node("Gemm", name, with_parameters(context, layer.weights, layer.bias));
    GraphWriter::attribute(node, "transB", std::int64_t{1});
    return;
  }
  const std::string src = context.src(0);
  const std::string weights = write_parameter(writer, name + ".weights", transposed_for_export(layer.weights));
  if (layer.bias.empty()) {
    writer.node("MatMul", name, {src, weights});
    return;
  }
  const std::string product = writer.step("MatMul", name + "/product", {src, weights});
  writer.node("Add", name, {product, write_parameter(writer, name + ".bias", layer.bias)});
}

/// As ONNX Runtime's operator of that name, in the domain com.microsoft.
inline void export_layer(ExportContext& context, const MatMulNBits& layer) {
  GraphWriter& writer = context.writer;
  const std::string name = context.name;
  std::vector<std::string> inputs{context.src(0)};
  inputs.push_back(
      writer.initializer<std::uint8_t>(name + ".weights", layer.packed->dims(), std::as_const(*layer.packed).flat()));
  const std::int64_t count = layer.oc() * layer.blocks();
  inputs.push_back(writer.initializer<float>(name + ".weights/scale", {count}, std::as_const(*layer.scales).flat()));
  if (!layer.zero_points.empty()) {
    const std::int64_t per_byte = 8 / layer.bits, row = (layer.blocks() + per_byte - 1) / per_byte;
    std::vector<std::uint8_t> zeros(static_cast<std::size_t>(layer.oc() * row), 0);
    for (std::int64_t i = 0; i < count; ++i) {
      const std::int64_t o = i / layer.blocks(), which = i % layer.blocks();
      std::uint8_t& byte = zeros[static_cast<std::size_t>(o * row + which / per_byte)];
      byte = static_cast<std::uint8_t>(byte | layer.zero_point(o, which) << (which % per_byte * layer.bits));
    }
    inputs.push_back(writer.initializer<std::uint8_t>(name + ".weights/zero_point", {layer.oc() * row},
                                                      std::span<const std::uint8_t>(zeros)));
  }
  if (!layer.bias.empty()) {
    inputs.resize(5);  // no zero points, perhaps, and no order of the rows
    inputs.push_back(writer.initializer<float>(name + ".bias", layer.bias->dims(), std::as_const(*layer.bias).flat()));
  }
  context.define();
  auto& node = writer.node("MatMulNBits", name, inputs);
  node.set_domain(contrib_domain);
  GraphWriter::attribute(node, "K", layer.ic);
  GraphWriter::attribute(node, "N", layer.oc());
  GraphWriter::attribute(node, "bits", static_cast<std::int64_t>(layer.bits));
  GraphWriter::attribute(node, "block_size", layer.block);
}

/// The last two axes swapped where the layer takes them so, and a scale as a product afterwards.
inline void export_layer(ExportContext& context, const MatMul& layer) {
  GraphWriter& writer = context.writer;
  const std::string name = context.name;
  const auto operand = [&](std::size_t i, bool swapped, const char* suffix) {
    std::string src = context.src(i);
    if (!swapped) return src;
    std::vector<std::int64_t> perm;
    for (std::size_t axis = 0; axis < context.src_shape(i).size(); ++axis) {
      perm.push_back(static_cast<std::int64_t>(axis));
    }
    std::swap(perm[perm.size() - 2], perm[perm.size() - 1]);
    std::string transposed = writer.reserve(name + suffix);
    GraphWriter::attribute(writer.node("Transpose", transposed, {src}), "perm", perm);
    return transposed;
  };
  const std::string src = operand(0, layer.transpose_src, "/src");
  const std::string weights = operand(1, layer.transpose_weights, "/weights");
  context.define();
  if (layer.scale == 1.0F) {
    writer.node("MatMul", name, {src, weights});
    return;
  }
  const std::string product = writer.step("MatMul", name + "/product", {src, weights});
  writer.node("Mul", name, {product, writer.scalar(name + "/scale", layer.scale)});
}

/// f of each element of a constant source, as a constant of a type under a name that starts as wanted.
template <class F>
std::string write_folded(ExportContext& context, const std::string& name, Tensor<float> value, ElementType type, F f) {
  for (float& element : value.flat()) element = f(element);
  std::string written = context.writer.reserve(name);
  context.writer.initializer_of(written, value.dims(), std::as_const(value).flat(), type);
  return written;
}

/// a − b·⌊a/b⌋ of floats: what fmod leaves, and b more where its sign is not that of b.
inline void export_remainder(ExportContext& context) {
  GraphWriter& writer = context.writer;
  const std::string name = context.name;
  const std::string b = context.src(1);
  const std::string rest = writer.reserve(name + "/rest");
  GraphWriter::attribute(writer.node("Mod", rest, {context.src(0), b}), "fmod", std::int64_t{1});
  const std::string rest_sign = writer.step("Sign", name + "/rest_sign", {rest});
  const auto divisor = context.constant_src(1);
  const auto sign_of = [](float x) { return Activation{ActivationKind::sign}(x); };
  const std::string sign = divisor ? write_folded(context, name + "/sign", *divisor, ElementType::f32, sign_of)
                                   : writer.step("Sign", name + "/sign", {b});
  const std::string product = writer.step("Mul", name + "/signs", {rest_sign, sign});
  const std::string differs = writer.step("Less", name + "/differs", {product, writer.scalar(name + "/zero", 0.0F)});
  const std::string sum = writer.step("Add", name + "/sum", {rest, b});
  writer.node("Where", name, {differs, sum, rest});
}

/// a < 0 ? b·a : a. PRelu takes no b that has more axes or larger extents than a.
inline void export_prelu(ExportContext& context) {
  GraphWriter& writer = context.writer;
  const std::string name = context.name;
  const std::string a = context.src(0);
  const std::string b = context.src(1);
  if (context.src_shape(0) == context.dst_shape()) {
    writer.node("PRelu", name, {a, b});
    return;
  }
  const auto constant = context.constant_src(0);
  const auto is_negative = [](float x) { return x < 0.0F ? 1.0F : 0.0F; };
  const std::string negative =
      constant ? write_folded(context, name + "/negative", *constant, ElementType::boolean, is_negative)
               : writer.step("Less", name + "/negative", {a, writer.scalar(name + "/zero", 0.0F)});
  writer.node("Where", name, {negative, writer.step("Mul", name + "/product", {b, a}), a});
}

inline void export_layer(ExportContext& context, const Binary& layer) {
  const auto is_equal_type = [](ElementType type) { return is_wide_integer(type) || type == ElementType::boolean; };
  ElementType element = ElementType::f32;
  switch (layer.function) {
    case BinaryKind::add:
    case BinaryKind::sub:
    case BinaryKind::mul:
    case BinaryKind::min:
    case BinaryKind::max:
    case BinaryKind::remainder:
    case BinaryKind::fmod:
    case BinaryKind::less:
    case BinaryKind::less_or_equal:
    case BinaryKind::greater:
    case BinaryKind::greater_or_equal: element = context.common_element(is_wide_integer); break;
    case BinaryKind::equal: element = context.common_element(is_equal_type); break;
    case BinaryKind::logical_and:
    case BinaryKind::logical_or:
    case BinaryKind::logical_xor: element = ElementType::boolean; break;
    case BinaryKind::bit_and:
    case BinaryKind::bit_or:
    case BinaryKind::bit_xor:
      element = is_wide_integer(context.element(0)) ? context.element(0) : ElementType::s64;
      break;
    case BinaryKind::div:
    case BinaryKind::pow:
    case BinaryKind::prelu: break;
  }
  if (layer.function == BinaryKind::prelu) {
    export_prelu(context);
  } else if (layer.function == BinaryKind::remainder && element == ElementType::f32) {
    export_remainder(context);
  } else {
    const std::vector<std::string> src = context.all_src(element);
    auto& node = context.writer.node(name_of(layer.function).data(), context.name, src);
    if (layer.function == BinaryKind::fmod) GraphWriter::attribute(node, "fmod", std::int64_t{1});
  }
  context.define(is_predicate(layer.function) ? ElementType::boolean : element);
}

inline void export_layer(ExportContext& context, const Where& /*layer*/) {
  const ElementType element = context.common_element(is_wide_integer, 1);
  const std::string condition = context.src(0, ElementType::boolean);
  std::vector<std::string> src = context.all_src(element, 1);
  src.insert(src.begin(), condition);
  context.writer.node("Where", context.name, src);
  context.define(element);
}

inline void export_layer(ExportContext& context, const Cast& layer) {
  auto& node = context.writer.node("Cast", context.name, {context.src(0, context.element(0))});
  GraphWriter::attribute(node, "to", static_cast<std::int64_t>(proto_type_of(layer.to)));
  context.define(layer.to);
}

[[nodiscard]] inline ElementType integers_of(const Quantization& q) {
  return q.dtype == DType::u8 ? ElementType::u8 : ElementType::s8;
}

inline void export_layer(ExportContext& context, const QuantizeLinear& layer) {
  const std::string src = context.src(0);
  const ScaleNames names = write_scales(context.writer, context.name, layer.quantization);
  auto& node = context.writer.node("QuantizeLinear", context.name, {src, names.scale, names.zero_point});
  if (layer.quantization.per_channel()) GraphWriter::attribute(node, "axis", layer.quantization.axis);
  context.define(integers_of(layer.quantization));
}

inline void export_layer(ExportContext& context, const DequantizeLinear& layer) {
  const std::string src = context.src(0, integers_of(layer.quantization));
  const ScaleNames names = write_scales(context.writer, context.name, layer.quantization);
  auto& node = context.writer.node("DequantizeLinear", context.name, {src, names.scale, names.zero_point});
  if (layer.quantization.per_channel()) GraphWriter::attribute(node, "axis", layer.quantization.axis);
  context.define();
}

}  // namespace fulcrum::detail::onnx_io
