#pragma once
/// \file
/// QuantizeLinear and DequantizeLinear: pairs on computed values, and integers that stand for constant weights.

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include <fulcrum/onnx/import/pieces.hpp>
#include <fulcrum/tensor/quantize_elements.hpp>
#include <fulcrum/tensor/transpose_bytes.hpp>

namespace fulcrum::detail::onnx_io {

/// Scales and zero points as a node gives them (inputs 1 and 2), before they are a Quantization.
struct AffineMap {
  std::int32_t type = Proto::UINT8;  ///< of the zero point, which is the type of the integers
  std::vector<float> scale;
  std::vector<std::int64_t> zero_point;  ///< same size as scale
  std::int64_t axis = -1;                ///< of the channels; −1: one scale for all
};

/// \param shape      of the value that is mapped
/// \param otherwise  type of the integers when no zero point says it
/// \param axis       of the channels, when there are several scales; negative counts from the end
inline AffineMap read_affine_map(ConstantReader& reader, const GraphNode& node, const ConstantPtr& scale,
                                 const ConstantPtr& zero_point, const Shape& shape, std::int32_t otherwise,
                                 std::int64_t axis) {
  if (!scale) throw Error("its scales", "are computed by the graph, not constant", "quantize the model statically");
  if (integer_attribute(node, "block_size", 0) != 0) {
    throw Error("attribute 'block_size'", "is set", "only scales per tensor or per channel are supported");
  }
  AffineMap map;
  map.type = zero_point ? zero_point->type : otherwise;
  const SharedTensor<float> scales = reader.floats(*scale);
  map.scale.assign(scales->flat().begin(), scales->flat().end());
  if (zero_point) {
    map.zero_point = reader.integers(*zero_point);
  } else {
    reader.budget.charge(map.scale.size() * sizeof(std::int64_t));
    map.zero_point.assign(map.scale.size(), 0);
  }
  if (map.zero_point.size() != map.scale.size() || map.scale.empty() || scale->dims.size() > 1) {
    std::string what = "has ";
    what.append(std::to_string(map.scale.size())).append(" scale(s) of shape ").append(to_string(scale->dims));
    what.append(" and ").append(std::to_string(map.zero_point.size())).append(" zero point(s)");
    throw Error("", what, "give one of each, or one of each per channel");
  }
  const bool per_channel = map.scale.size() > 1 && !shape.empty();
  if (per_channel) {
    const auto rank = static_cast<std::int64_t>(shape.size());
    const bool fits = axis >= -rank && axis < rank &&
                      shape[static_cast<std::size_t>(axis < 0 ? axis + rank : axis)] == scale->dims[0];
    if (fits) map.axis = axis < 0 ? axis + rank : axis;
  }
  if (map.axis < 0 && map.scale.size() != 1) {
    std::string what = "has ";
    what.append(std::to_string(map.scale.size())).append(" scales, which fit no channels of a value ");
    throw Error("", what.append(to_string(shape)), "the file is damaged; export it again");
  }
  return map;
}

/// The least and the largest integer of a type of 8 or 16 bits; nothing for any other.
inline std::optional<std::pair<std::int64_t, std::int64_t>> quantized_range(std::int32_t type) {
  switch (type) {
    case Proto::INT8: return std::pair{INT64_C(-128), INT64_C(127)};
    case Proto::UINT8: return std::pair{INT64_C(0), INT64_C(255)};
    case Proto::INT16: return std::pair{INT64_C(-32768), INT64_C(32767)};
    case Proto::UINT16: return std::pair{INT64_C(0), INT64_C(65535)};
    default: return std::nullopt;
  }
}

/// The map as a Quantization of 8 bits; null when it is of other integers, or has a scale that nothing can run with.
inline std::optional<Quantization> as_quantization(const AffineMap& map) {
  if (map.type != Proto::INT8 && map.type != Proto::UINT8) return std::nullopt;
  Quantization q;
  q.dtype = map.type == Proto::INT8 ? DType::s8 : DType::u8;
  q.axis = map.axis;
  q.scale = map.scale;
  const auto [low, high] = integer_range(q.dtype);
  for (std::size_t c = 0; c < map.scale.size(); ++c) {
    if (!(map.scale[c] > 0.0F) || !std::isfinite(map.scale[c])) return std::nullopt;
    if (map.zero_point[c] < low || map.zero_point[c] > high) return std::nullopt;
    q.zero_point.push_back(static_cast<std::int32_t>(map.zero_point[c]));
  }
  return q;
}

/// scale · (q − zero point) of integers of 8 bits in row-major order.
template <class Integer>
void dequantize_channels(const Shape& dims, const AffineMap& map, std::span<const Integer> integers, float* dst) {
  const std::vector<std::int32_t> zeros(map.zero_point.begin(), map.zero_point.end());
  const bool rows_of_channels = map.axis >= 0 && map.axis + 1 == static_cast<std::int64_t>(dims.size());
  if (rows_of_channels) {  // each element has its own scale, row after row
    for (; !integers.empty(); integers = integers.subspan(zeros.size()), dst += zeros.size())
      dequantize_elements(integers.first(zeros.size()), map.scale.data(), zeros.data(), dst);
    return;
  }
  for_each_channel_row(dims, map.axis, [&](std::size_t first, std::size_t count, std::size_t c) {
    dequantize_elements(integers.subspan(first, count), map.scale[c], zeros[c], dst + first);
  });
}

/// The same of the transpose of a matrix: 64 columns at a time, so that lines of memory are read whole.
template <class Integer>
void dequantize_transposed(const Shape& dims, const AffineMap& map, std::span<const Integer> integers, float* dst) {
  constexpr std::size_t most = 64;
  const auto rows = static_cast<std::size_t>(dims[0]);
  const auto columns = static_cast<std::size_t>(dims[1]);
  AffineMap across = map;
  if (map.axis >= 0) across.axis = 1 - map.axis;
  std::vector<Integer> turned(std::min(most, columns) * rows);
  for (std::size_t first = 0; first < columns; first += most) {
    const std::size_t count = std::min(most, columns - first);
    transpose_bytes(reinterpret_cast<const std::uint8_t*>(integers.data()) + first, rows, count, columns,
                    reinterpret_cast<std::uint8_t*>(turned.data()));
    if (map.axis == 1) {
      const auto at = static_cast<std::ptrdiff_t>(first);
      const auto end = static_cast<std::ptrdiff_t>(first + count);
      across.scale.assign(map.scale.begin() + at, map.scale.begin() + end);
      across.zero_point.assign(map.zero_point.begin() + at, map.zero_point.begin() + end);
    }
    dequantize_channels(Shape{static_cast<std::int64_t>(count), dims[0]}, across,
                        std::span<const Integer>(turned).first(count * rows), dst + first * rows);
  }
}

/// Whether a constant holds integers of 8 bits in the file, around zero points of as many.
inline bool are_bytes(const Constant& from, const AffineMap& map) {
  return from.proto != nullptr && (from.type == Proto::INT8 || from.type == Proto::UINT8) &&
         std::all_of(map.zero_point.begin(), map.zero_point.end(),
                     [](std::int64_t zero) { return zero >= -128 && zero <= 255; });
}

/// Integers of constant weights as floats: scale · (q − zero point).
/// \param transposed  of a matrix of 8 bits in the file: the transpose
inline Tensor<float> dequantized_elements(ConstantReader& reader, const Constant& from, const AffineMap& map,
                                          bool transposed = false) {
  reader.budget.charge(static_cast<std::size_t>(element_count(from.dims)) * sizeof(float));
  Tensor<float> value = Tensor<float>::for_overwrite(transposed ? Shape{from.dims[1], from.dims[0]} : from.dims);
  const std::span<float> to = value.flat();
  const auto of_bytes = [&]<class Integer>(Integer /*type*/) {
    const std::unique_ptr<Integer[]> read = reader.elements<Integer>(*from.proto);
    const std::span<const Integer> integers(read.get(), to.size());
    if (transposed)
      dequantize_transposed(from.dims, map, integers, to.data());
    else
      dequantize_channels(from.dims, map, integers, to.data());
  };
  if (are_bytes(from, map) && from.type == Proto::INT8) {
    of_bytes(std::int8_t{});
  } else if (are_bytes(from, map)) {
    of_bytes(std::uint8_t{});
  } else {
    const std::vector<std::int64_t> integers = reader.integers(from);
    for_each_channel_element(from.dims, map.axis, [&](std::size_t i, std::size_t c) {
      to[i] = static_cast<float>(integers[i] - map.zero_point[c]) * map.scale[c];
    });
  }
  return value;
}

/// The scales and zero points of constant weights of integers.
inline AffineMap read_weights_map(ConstantReader& reader, const GraphNode& node, const Constant& from,
                                  const ConstantPtr& scale, const ConstantPtr& zero_point, std::int64_t axis) {
  if (is_floating(from.type)) throw Error("tensor '" + from.name + "'", "holds floats, not integers");
  return read_affine_map(reader, node, scale, zero_point, from.dims, from.type, axis);
}

/// Integers of constant weights as a constant of floats.
inline ConstantPtr dequantized_constant(ConstantReader& reader, const GraphNode& node, const std::string& name,
                                        const Constant& from, const ConstantPtr& scale, const ConstantPtr& zero_point,
                                        std::int64_t axis) {
  const AffineMap map = read_weights_map(reader, node, from, scale, zero_point, axis);
  const ConstantPtr constant = make_constant(name, dequantized_elements(reader, from, map));
  constant->quantization = as_quantization(map);
  constant->pruned = from.pruned;
  return constant;
}

/// What attribute `output_dtype` (opset 21) says of the integers; `otherwise` when it says nothing.
/// \param zero_point  the type of the zero points, where there are any
/// \throws Error when the two differ
inline std::int32_t quantized_type(const GraphNode& node, std::optional<std::int32_t> zero_point) {
  const std::int64_t said = integer_attribute(node, "output_dtype", 0);
  if (zero_point && said != 0 && said != *zero_point) {
    throw Error("attribute 'output_dtype'", "is not the type of its zero points, " + element_type_name(*zero_point),
                "the file is damaged; export it again");
  }
  if (zero_point) return *zero_point;
  return said == 0 ? Proto::UINT8 : proto_type_of(expect_element(said, "output_dtype"));
}

/// \throws Error when attribute `output_dtype` (opset 23) asks for other reals than float
inline void expect_float_result(const GraphNode& node) {
  const std::int64_t said = integer_attribute(node, "output_dtype", 0);
  if (said == 0 || said == Proto::FLOAT) return;
  throw Error("attribute 'output_dtype'", "is not float, in which values are computed here", "export it as float");
}

inline ConstantPtr fold_dequantize(ConstantReader& reader, const GraphNode& node, std::span<const ConstantPtr> inputs) {
  if (inputs.size() < 2) throw Error("", "has no scale", "the file is damaged; export it again");
  expect_float_result(node);
  const ConstantPtr from = inputs[0];
  const AffineMap map = read_weights_map(reader, node, *from, inputs[1], inputs.size() > 2 ? inputs[2] : nullptr,
                                         integer_attribute(node, "axis", 1));
  constexpr std::int64_t many = std::int64_t{1} << 14U;  // elements
  auto constant = std::make_shared<Constant>();
  constant->name = node.outputs[0];
  constant->type = Proto::FLOAT;
  constant->dims = from->dims;
  constant->make = [from, map](ConstantReader& when_asked, bool transposed) {
    return dequantized_elements(when_asked, *from, map, transposed);
  };
  const bool bytes = are_bytes(*from, map);
  if (!bytes || element_count(from->dims) < many) keep_elements(*constant, reader);
  constexpr float most_steps = 383.0F;  // of an integer from a zero point
  constant->finite = bytes && std::all_of(map.scale.begin(), map.scale.end(),
                                          [](float scale) { return std::isfinite(scale * most_steps); });
  constant->quantization = as_quantization(map);
  constant->pruned = from->pruned;
  return constant;
}

/// Constant floats that are rounded to integers in the graph (by exporters that keep float weights).
inline ConstantPtr fold_quantize(ConstantReader& reader, const GraphNode& node, std::span<const ConstantPtr> inputs) {
  if (inputs.size() < 2) throw Error("", "has no scale", "the file is damaged; export it again");
  const Constant& from = *inputs[0];
  const ConstantPtr zero_point = inputs.size() > 2 ? inputs[2] : nullptr;
  const std::int32_t type = quantized_type(node, zero_point ? std::optional(zero_point->type) : std::nullopt);
  const AffineMap map =
      read_affine_map(reader, node, inputs[1], zero_point, from.dims, type, integer_attribute(node, "axis", 1));
  const auto range = quantized_range(map.type);
  if (!range) throw Error("", "rounds to " + element_type_name(map.type), "use integers of 8 or 16 bits");
  const SharedTensor<float> value = reader.floats(*inputs[0]);
  reader.budget.charge(value->flat().size() * sizeof(std::int64_t));
  auto constant = std::make_shared<Constant>();
  constant->name = from.name;
  constant->type = map.type;
  constant->dims = from.dims;
  constant->integers.resize(value->flat().size());
  constant->pruned = from.pruned;
  for_each_channel_element(from.dims, map.axis, [&](std::size_t i, std::size_t c) {
    const double q = std::nearbyint(static_cast<double>(value->flat()[i] / map.scale[c]));
    const double shifted = (std::isnan(q) ? 0.0 : q) + static_cast<double>(map.zero_point[c]);
    constant->integers[i] = std::clamp(to_integer(shifted), range->first, range->second);
  });
  return constant;
}

/// The quantization of a computed value whose scale and zero point are inputs `scale` and `zero_point` of the node.
inline Quantization read_quantization(ImportContext& context, const GraphNode& node, NodeId value, std::size_t scale,
                                      std::size_t zero_point, std::int32_t otherwise) {
  const TracedShape shape = context.shape(value);
  const ConstantPtr zero =
      context.has_input(node, zero_point) ? context.constant(node, zero_point, "zero points") : nullptr;
  const AffineMap map = read_affine_map(context.reader, node, context.constant(node, scale, "scales"), zero,
                                        shape.first, otherwise, integer_attribute(node, "axis", 1));
  if (map.axis >= 0 && shape.depends_on_batch(static_cast<std::size_t>(map.axis))) {
    throw Error("its scales", "are one per sample of the batch", "quantize per tensor or per channel");
  }
  std::optional<Quantization> q = as_quantization(map);
  if (!q) {
    throw Error("", "maps to " + element_type_name(map.type) + " with a scale of " + std::to_string(map.scale[0]),
                "only int8 and uint8 with positive scales are supported");
  }
  return std::move(*q);
}

/// The value of an input as f32, whatever integers it holds.
inline NodeId in_f32(ImportContext& context, const GraphNode& node, const std::string& what, NodeId value) {
  if (context.element(value) == ElementType::f32) return value;
  return context.append(node.name + what, Cast{ElementType::f32}, {value});
}

/// Scales or zero points, one for each channel, under a shape that broadcasts to a value of `rank`; one for all as it
/// is.
inline NodeId along_channels(ImportContext& context, const GraphNode& node, const std::string& what, NodeId scales,
                             std::size_t rank) {
  const TracedShape shape = context.shape(scales);
  if (integer_attribute(node, "block_size", 0) != 0 || shape.rank() > 1) {
    throw Error("its scales", "are several along an axis", "use one for the whole tensor or for each channel");
  }
  if (shape.rank() == 0 || (shape.first[0] == 1 && !shape.depends_on_batch(0))) return scales;
  TracedShape aligned = shape;
  const std::size_t axis = normalized_axis(integer_attribute(node, "axis", 1), rank);
  while (axis + aligned.rank() < rank) aligned = with_axis(std::move(aligned), aligned.rank());
  return append_reshape(context, node.name + what, scales, aligned);
}

/// saturate(round(value / scale) + zero point), per tensor: with a scale that is computed at run time, or to 16 bits.
/// \param element  of the integers
inline NodeId quantized_by_value(ImportContext& context, const GraphNode& node, NodeId value, NodeId scale,
                                 std::optional<NodeId> zero_point, ElementType element) {
  const NodeId ratio = context.append(node.name + "/ratio", Binary{BinaryKind::div}, {value, scale});
  NodeId rounded = context.append(node.name + "/round", Activation{ActivationKind::round}, {ratio});
  const int bits = integer_bits(element);
  if (bits != 8 && bits != 16) {
    throw Error("", "rounds to " + std::string(name_of(element)), "only integers of 8 and 16 bits are supported");
  }
  if (zero_point) {
    const NodeId zero = in_f32(context, node, "/zero_point", *zero_point);
    rounded = context.append(node.name + "/shifted", Binary{BinaryKind::add}, {rounded, zero});
  }
  const bool is_signed = element == ElementType::s8 || element == ElementType::s16;
  const auto span = static_cast<float>(1 << bits);
  const Activation range{ActivationKind::clip, is_signed ? -span / 2.0F : 0.0F,
                         is_signed ? span / 2.0F - 1.0F : span - 1.0F};
  const NodeId clipped = context.append(node.name + "/saturated", range, {rounded});
  return context.append(node.name, Cast{element}, {clipped});
}

inline void import_quantize(ImportContext& context, const GraphNode& node) {
  const NodeId src = context.src(node, 0);
  std::optional<NodeId> zero_point;
  std::optional<std::int32_t> zero_point_type;
  if (context.has_input(node, 2)) zero_point = context.src(node, 2);
  if (zero_point) zero_point_type = proto_type_of(context.element(*zero_point));
  const std::int32_t type = quantized_type(node, zero_point_type);
  const ElementType element = element_of(type).value();
  const std::int64_t precision = integer_attribute(node, "precision", 0);
  if (precision != 0 && precision != Proto::FLOAT) {
    throw Error("attribute 'precision'", "is not float, in which values are divided here", "export without it");
  }
  if (context.is_computed(node, 1) || integer_bits(element) == 16) {
    const std::size_t rank = context.shape(src).rank();
    const NodeId scale = along_channels(context, node, "/scales", context.src(node, 1), rank);
    if (zero_point) zero_point = along_channels(context, node, "/zero_points", *zero_point, rank);
    context.define(node, 0, quantized_by_value(context, node, src, scale, zero_point, element));
    return;
  }
  context.append(node, QuantizeLinear{read_quantization(context, node, src, 1, 2, type)}, {src});
}

/// A value that holds integers as the reals they stand for. After a QuantizeLinear with the same numbers this is a
/// layer that only rounds, until merge_rounding() gives its rounding to its source.
inline NodeId dequantized(ImportContext& context, const GraphNode& node, const std::string& name, NodeId src,
                          std::size_t scale, std::size_t zero_point) {
  const ElementType element = context.element(src);
  if (element != ElementType::u8 && element != ElementType::s8) {  // (src − zero point) · scale, in f32
    const Shape shape = context.shape(src).first;
    const ConstantPtr zero =
        context.has_input(node, zero_point) ? context.constant(node, zero_point, "zero points") : nullptr;
    const AffineMap map = read_affine_map(context.reader, node, context.constant(node, scale, "scales"), zero, shape,
                                          proto_type_of(element), integer_attribute(node, "axis", 1));
    Shape dims(map.axis < 0 ? 0 : shape.size() - static_cast<std::size_t>(map.axis), 1);
    if (!dims.empty()) dims[0] = shape[static_cast<std::size_t>(map.axis)];
    Tensor<double> scales(dims);
    Tensor<double> zeros(dims);
    for (std::size_t c = 0; c < map.scale.size(); ++c) {
      scales.flat()[c] = static_cast<double>(map.scale[c]);
      zeros.flat()[c] = static_cast<double>(map.zero_point[c]);
    }
    NodeId value = in_f32(context, node, "/real", src);
    if (zero) {
      const NodeId shift = context.append_known(name + "/zero_point", {zeros, zeros, ElementType::f32});
      value = context.append(name + "/shifted", Binary{BinaryKind::sub}, {value, shift});
    }
    const NodeId factor = context.append_known(name + "/scale", {scales, scales, ElementType::f32});
    return context.append(name, Binary{BinaryKind::mul}, {value, factor});
  }
  const std::int32_t type = element == ElementType::u8 ? Proto::UINT8 : Proto::INT8;
  const Quantization q = read_quantization(context, node, src, scale, zero_point, type);
  const auto* quantize = std::get_if<QuantizeLinear>(&context.built[src].node.layer);
  // Values are kept in integers by one map; several are layers of their own.
  if (quantize == nullptr || quantize->quantization != q || q.per_channel())
    return context.append(name, DequantizeLinear{q}, {src});
  // Clipping to the whole range of float is the identity.
  constexpr float end = std::numeric_limits<float>::max();
  const NodeId from = context.built[src].node.src[0];
  const NodeId id = context.append(name, Activation{ActivationKind::clip, -end, end}, {from});
  context.built[id].node.dst_quantization = q;
  context.built[id].only_rounds = true;
  return id;
}

inline void import_dequantize(ImportContext& context, const GraphNode& node) {
  const NodeId src = context.src(node, 0);
  expect_float_result(node);
  if (!context.is_computed(node, 1)) {
    context.define(node, 0, dequantized(context, node, node.name, src, 1, 2));
    return;
  }
  const std::size_t rank = context.shape(src).rank();
  NodeId value = in_f32(context, node, "/real", src);
  if (context.has_input(node, 2)) {
    const NodeId zero = in_f32(context, node, "/zero_point", context.src(node, 2));
    value = context.append(node.name + "/shifted", Binary{BinaryKind::sub},
                           {value, along_channels(context, node, "/zero_points", zero, rank)});
  }
  const NodeId scale = along_channels(context, node, "/scales", context.src(node, 1), rank);
  context.append(node, Binary{BinaryKind::mul}, {value, scale});
}

inline constexpr Operator quantization_operators[] = {
    {"QuantizeLinear", 10, import_quantize, fold_quantize, "axis saturate"},
    {"DequantizeLinear", 10, import_dequantize, fold_dequantize, "axis"},
};

/// Gives each rounding to the layer whose value it rounds, where every use of that value is rounded alike; the others
/// stay layers of their own. Returns where each node went.
inline void merge_rounding(std::vector<BuiltNode>& built, std::vector<NodeId>& outputs) {
  std::vector<std::vector<NodeId>> consumers(built.size());
  for (NodeId id = 0; id < built.size(); ++id) {
    for (const NodeId src : built[id].node.src) consumers[src].push_back(id);
  }
  std::vector<bool> is_output(built.size(), false);
  for (const NodeId id : outputs) is_output[id] = true;

  std::vector<NodeId> merged(built.size());  // which node computes what this one did
  std::vector<bool> removed(built.size(), false);
  for (NodeId id = 0; id < built.size(); ++id) {
    merged[id] = id;
    Node<float>& node = built[id].node;
    for (NodeId& src : node.src) src = merged[src];
    if (!built[id].only_rounds) continue;
    const NodeId src = node.src[0];
    Node<float>& before = built[src].node;
    const bool rounded_alike =
        !is_output[src] && !before.dst_quantization &&
        std::all_of(consumers[src].begin(), consumers[src].end(), [&](NodeId other) {
          return built[other].only_rounds && built[other].node.dst_quantization == node.dst_quantization;
        });
    if (!rounded_alike && before.dst_quantization != node.dst_quantization) continue;
    before.dst_quantization = node.dst_quantization;
    merged[id] = src;
    removed[id] = true;
    is_output[src] = is_output[src] || is_output[id];
  }

  std::vector<NodeId> moved(built.size());
  NodeId next = 0;
  for (NodeId id = 0; id < built.size(); ++id) {
    moved[id] = removed[id] ? moved[merged[id]] : next++;
    if (removed[id]) continue;
    for (NodeId& src : built[id].node.src) src = moved[src];
    if (moved[id] != id) built[moved[id]] = std::move(built[id]);
  }
  built.resize(next);
  for (NodeId& id : outputs) id = moved[id];
}

}  // namespace fulcrum::detail::onnx_io
