#pragma once
/// \file
/// Quantized values and weights as QuantizeLinear and DequantizeLinear nodes.

#include <cmath>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include <fulcrum/onnx/export/graph_writer.hpp>

namespace fulcrum::detail::onnx_io {

/// \param shape  of what is quantized
/// \throws Error when scales and zero points do not fit the shape or each other
inline void expect_sound(const Quantization& q, const Shape& shape) {
  const bool fits_axis =
      q.axis < 0 || (q.axis < static_cast<std::int64_t>(shape.size()) &&
                     shape[static_cast<std::size_t>(q.axis)] == static_cast<std::int64_t>(q.scale.size()));
  const auto [low, high] = integer_range(q.dtype);
  bool sound =
      fits_axis && !q.scale.empty() && q.scale.size() == q.zero_point.size() && (q.axis >= 0 || q.scale.size() == 1);
  for (const float scale : q.scale) sound = sound && scale > 0.0F && std::isfinite(scale);
  for (const std::int32_t zero_point : q.zero_point) sound = sound && zero_point >= low && zero_point <= high;
  if (!sound) {
    throw Error("its quantization", "does not fit a value of shape " + to_string(shape), "quantize the model again");
  }
}

/// Names of the scale and zero point of a quantization.
struct ScaleNames {
  std::string scale;
  std::string zero_point;
};

template <class Integer>
ScaleNames write_scales(GraphWriter& writer, const std::string& name, const std::vector<float>& scale,
                        const std::vector<std::int32_t>& zero_point, bool per_channel) {
  const Shape dims = per_channel ? Shape{static_cast<std::int64_t>(scale.size())} : Shape{};
  const std::vector<Integer> zeros(zero_point.begin(), zero_point.end());
  return {writer.initializer<float>(name + "/scale", dims, std::span<const float>(scale)),
          writer.initializer<Integer>(name + "/zero_point", dims, std::span<const Integer>(zeros))};
}

inline ScaleNames write_scales(GraphWriter& writer, const std::string& name, const Quantization& q) {
  return q.dtype == DType::s8 ? write_scales<std::int8_t>(writer, name, q.scale, q.zero_point, q.per_channel())
                              : write_scales<std::uint8_t>(writer, name, q.scale, q.zero_point, q.per_channel());
}

/// The value `name`, rounded through q: a QuantizeLinear and a DequantizeLinear. Returns the result's name.
inline std::string write_rounding(GraphWriter& writer, const std::string& name, const Quantization& q,
                                  const Shape& shape) {
  expect_sound(q, shape);
  const ScaleNames names = write_scales(writer, name, q);
  const std::string quantized = writer.reserve(name + "/quantized");
  const std::string dequantized = writer.reserve(name + "/dequantized");
  auto& down = writer.node("QuantizeLinear", quantized, {name, names.scale, names.zero_point});
  if (q.per_channel()) writer.attribute(down, "axis", q.axis);
  auto& up = writer.node("DequantizeLinear", dequantized, {quantized, names.scale, names.zero_point});
  if (q.per_channel()) writer.attribute(up, "axis", q.axis);
  return dequantized;
}

/// The integers that a tensor quantizes to as an initializer. Returns its name.
inline std::string write_integer_tensor(GraphWriter& writer, const std::string& name, const Tensor<float>& value,
                                        const Quantization& q) {
  const auto write = [&]<class Integer>(Integer) {
    std::vector<Integer> integers(value.flat().size());
    for_each_channel_element(value.dims(), q.axis, [&](std::size_t i, std::size_t c) {
      integers[i] = static_cast<Integer>(quantize(value.flat()[i], q.scale[c], q.zero_point[c], q.dtype));
    });
    return writer.initializer<Integer>(name, value.dims(), std::span<const Integer>(integers));
  };
  return q.dtype == DType::s8 ? write(std::int8_t{}) : write(std::uint8_t{});
}

/// The integers that a tensor quantizes to as an initializer, and a DequantizeLinear whose value is `floats`.
inline void write_integers(GraphWriter& writer, const std::string& name, const std::string& floats,
                           const Tensor<float>& value, const Quantization& q, bool pruned) {
  expect_sound(q, value.dims());
  const std::string stored = write_integer_tensor(writer, name, value, q);
  if (pruned) writer.mark_pruned(stored);
  const ScaleNames names = write_scales(writer, name, q);
  auto& node = writer.node("DequantizeLinear", floats, {stored, names.scale, names.zero_point});
  if (q.per_channel()) writer.attribute(node, "axis", q.axis);
}

/// A parameter as an initializer, of integers where it is quantized. Returns the name of its floats.
inline std::string write_parameter(GraphWriter& writer, const std::string& name, const Parameter<float>& parameter) {
  const bool pruned = !parameter.mask.empty();
  if (parameter.quantization) {
    std::string floats = writer.reserve(name + "/dequantized");
    write_integers(writer, name, floats, *parameter.value, *parameter.quantization, pruned);
    return floats;
  }
  std::string stored = writer.initializer<float>(name, parameter.value->dims(), parameter.value->flat());
  if (pruned) writer.mark_pruned(stored);
  return stored;
}

/// A bias beside quantized weights and a quantized source: s32 with scale source · weights, so that a runtime can add
/// it to its accumulators. A bias of more steps than a float counts stays float: it would come back as another one.
inline std::string write_bias(GraphWriter& writer, const std::string& name, const Parameter<float>& bias,
                              const std::optional<Quantization>& weights, const std::optional<Quantization>& src) {
  if (!weights || !src || src->per_channel() || weights->axis > 0) return write_parameter(writer, name, bias);
  constexpr double most_steps = 0x1p22;  // of which a float holds each, and their product with the scale to half a step
  const auto elements = bias.value->flat();
  std::vector<float> scale(weights->scale.size());
  for (std::size_t c = 0; c < scale.size(); ++c) scale[c] = src->scale[0] * weights->scale[c];
  std::vector<std::int32_t> integers(elements.size());
  for (std::size_t i = 0; i < elements.size(); ++i) {
    const double step = static_cast<double>(scale[scale.size() == 1 ? 0 : i]);
    const double q = std::nearbyint(static_cast<double>(elements[i]) / step);
    if (!(step >= 0x1p-126) || !(std::abs(q) <= most_steps)) return write_parameter(writer, name, bias);
    integers[i] = static_cast<std::int32_t>(q);
  }
  const std::string stored =
      writer.initializer<std::int32_t>(name, bias.value->dims(), std::span<const std::int32_t>(integers));
  if (!bias.mask.empty()) writer.mark_pruned(stored);
  const bool per_channel = weights->per_channel();
  const ScaleNames names =
      write_scales<std::int32_t>(writer, name, scale, std::vector<std::int32_t>(scale.size(), 0), per_channel);
  const std::string dequantized = writer.reserve(name + "/dequantized");
  auto& node = writer.node("DequantizeLinear", dequantized, {stored, names.scale, names.zero_point});
  if (per_channel) writer.attribute(node, "axis", std::int64_t{0});
  return dequantized;
}

}  // namespace fulcrum::detail::onnx_io
