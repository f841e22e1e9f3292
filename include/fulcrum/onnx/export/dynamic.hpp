#pragma once
/// \file
/// DynamicQuantize, and the convolutions and dense layers that multiply its integers, as ONNX nodes:
/// DynamicQuantizeLinear, ConvInteger or MatMulInteger, Cast, the product of the scales, and a bias.

#include <algorithm>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include <fulcrum/onnx/export/context.hpp>

namespace fulcrum::detail::onnx_io {

/// Whether the layer takes the integers of a DynamicQuantize.
[[nodiscard]] inline bool multiplies_dynamic_integers(const Model<float>& model, NodeId id) {
  const Node<float>& node = model.node(id);
  const auto* conv = std::get_if<Conv<float>>(&node.layer);
  const auto* dense = std::get_if<Dense<float>>(&node.layer);
  if (conv == nullptr && dense == nullptr) return false;
  const Parameter<float>& weights = conv != nullptr ? conv->weights : dense->weights;
  const Node<float>& src = model.node(node.src[0]);
  return weights.quantization && weights.quantization->axis <= 0 && !src.dst_quantization &&
         std::holds_alternative<DynamicQuantize>(src.layer);
}

inline void export_layer(ExportContext& context, const DynamicQuantize& /*layer*/) {
  GraphWriter& writer = context.writer;
  const std::string name = context.name;
  DynamicNames names{writer.reserve(name + "/integers"), writer.reserve(name + "/scale"),
                     writer.reserve(name + "/zero_point")};
  writer.node_of("DynamicQuantizeLinear", name, {context.src(0)}, {names.integers, names.scale, names.zero_point});
  const NodeId id = context.id();
  bool as_reals = context.model.is_output(id) || context.model.node(id).dst_quantization;
  for (const NodeId consumer : context.consumers(id))
    as_reals = as_reals || !multiplies_dynamic_integers(context.model, consumer);
  if (as_reals) writer.node("DequantizeLinear", name, {names.integers, names.scale, names.zero_point});
  context.define();
  context.set_dynamic(std::move(names));
}

/// One number where all are alike: ONNX Runtime's ConvInteger takes no more.
[[nodiscard]] inline std::string write_zero_points(GraphWriter& writer, const std::string& name,
                                                   const Quantization& q) {
  const bool alike = std::equal(q.zero_point.begin() + 1, q.zero_point.end(), q.zero_point.begin());
  const auto write = [&]<class Integer>(Integer) {
    std::vector<Integer> zeros(q.zero_point.begin(), alike ? q.zero_point.begin() + 1 : q.zero_point.end());
    return writer.initializer<Integer>(name, alike ? Shape{} : Shape{static_cast<std::int64_t>(zeros.size())},
                                       std::span<const Integer>(zeros));
  };
  return q.dtype == DType::s8 ? write(std::int8_t{}) : write(std::uint8_t{});
}

/// \param type      ConvInteger or MatMulInteger
/// \param weights   as the operator takes them; their quantization's axis is that of the output channels
/// \param channel   shape of what there is one of for each output channel
/// \return the node of the product, for its attributes
inline ::onnx::NodeProto& export_dynamic_product(ExportContext& context, const char* type,
                                                 const Parameter<float>& weights, const Parameter<float>& bias,
                                                 const Shape& channel) {
  GraphWriter& writer = context.writer;
  const std::string name = context.name;
  const DynamicNames& src = context.dynamic_src();
  const Quantization& q = *weights.quantization;
  expect_sound(q, weights.value->dims());
  const std::string stored = write_integer_tensor(writer, name + ".weights", *weights.value, q);
  if (!weights.mask.empty()) writer.mark_pruned(stored);
  const std::string weights_scale = writer.initializer<float>(
      name + ".weights/scale", q.per_channel() ? channel : Shape{}, std::span<const float>(q.scale));
  const std::string zero_point = write_zero_points(writer, name + ".weights/zero_point", q);
  const std::string integers = writer.reserve(name + "/integers");
  ::onnx::NodeProto& product = writer.node(type, integers, {src.integers, stored, src.zero_point, zero_point});
  const std::string reals = writer.reserve(name + "/reals");
  GraphWriter::attribute(writer.node("Cast", reals, {integers}), "to",
                         static_cast<std::int64_t>(proto_type_of(ElementType::f32)));
  const std::string scale = writer.step("Mul", name + "/scale", {src.scale, weights_scale});
  if (bias.empty()) {
    writer.node("Mul", name, {reals, scale});
  } else {
    const std::string scaled = writer.step("Mul", name + "/scaled", {reals, scale});
    Tensor<float> values(channel);
    const Tensor<float> given = bias.quantization ? quantize_dequantize(*bias.value, *bias.quantization) : *bias.value;
    std::copy(given.flat().begin(), given.flat().end(), values.flat().begin());
    const std::string added = writer.initializer<float>(name + ".bias", channel, values.flat());
    if (!bias.mask.empty()) writer.mark_pruned(added);
    writer.node("Add", name, {scaled, added});
  }
  context.define();
  return product;
}

}  // namespace fulcrum::detail::onnx_io
