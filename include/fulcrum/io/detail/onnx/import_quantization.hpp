#pragma once
/// \file
/// QuantizeLinear and DequantizeLinear: pairs on computed values, and integers that stand for constant weights.

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include <fulcrum/io/detail/onnx/operator.hpp>

namespace fulcrum::detail::onnx_io {

/// Scales and zero points as a node gives them (inputs 1 and 2), before they are a Quantization.
struct AffineMap {
  std::int32_t type = Proto::UINT8;  ///< of the zero point, which is the type of the integers
  std::vector<float> scale;
  std::vector<std::int64_t> zero_point;  ///< same size as scale
  std::int64_t axis = -1;                ///< of the channels; −1: one scale for all
};

/// \param shape  of the value that is mapped
inline AffineMap read_affine_map(ConstantReader& reader, const GraphNode& node, const ConstantPtr& scale,
                                 const ConstantPtr& zero_point, const Shape& shape, std::int32_t otherwise) {
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
  const bool per_channel = scale->dims.size() == 1 && !shape.empty();
  if (per_channel) {
    const std::int64_t axis = integer_attribute(node, "axis", 1);
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

/// Integers of constant weights as floats: scale · (q − zero point).
inline ConstantPtr fold_dequantize(ConstantReader& reader, const GraphNode& node, std::span<const ConstantPtr> inputs) {
  if (inputs.size() < 2) throw Error("", "has no scale", "the file is damaged; export it again");
  const Constant& from = *inputs[0];
  if (is_floating(from.type)) throw Error("tensor '" + from.name + "'", "holds floats, not integers");
  const AffineMap map =
      read_affine_map(reader, node, inputs[1], inputs.size() > 2 ? inputs[2] : nullptr, from.dims, from.type);
  const std::vector<std::int64_t> integers = reader.integers(from);
  reader.budget.charge(integers.size() * sizeof(float));
  Tensor<float> value(from.dims);
  for_each_channel_element(from.dims, map.axis, [&](std::size_t i, std::size_t c) {
    value.flat()[i] = static_cast<float>(integers[i] - map.zero_point[c]) * map.scale[c];
  });
  const ConstantPtr constant = make_constant(node.outputs[0], std::move(value));
  constant->quantization = as_quantization(map);
  constant->pruned = from.pruned;
  return constant;
}

/// Constant floats that are rounded to integers in the graph (by exporters that keep float weights).
inline ConstantPtr fold_quantize(ConstantReader& reader, const GraphNode& node, std::span<const ConstantPtr> inputs) {
  if (inputs.size() < 2) throw Error("", "has no scale", "the file is damaged; export it again");
  const Constant& from = *inputs[0];
  const AffineMap map =
      read_affine_map(reader, node, inputs[1], inputs.size() > 2 ? inputs[2] : nullptr, from.dims, Proto::UINT8);
  const std::optional<Quantization> q = as_quantization(map);
  if (!q) throw Error("", "rounds to integers that are not 8 bits wide, or with a scale that is not positive");
  const SharedTensor<float> value = reader.floats(*inputs[0]);
  reader.budget.charge(value->flat().size() * sizeof(std::int64_t));
  auto constant = std::make_shared<Constant>();
  constant->name = from.name;
  constant->type = map.type;
  constant->dims = from.dims;
  constant->integers.resize(value->flat().size());
  constant->pruned = from.pruned;
  for_each_channel_element(from.dims, map.axis, [&](std::size_t i, std::size_t c) {
    constant->integers[i] = quantize(value->flat()[i], q->scale[c], q->zero_point[c], q->dtype);
  });
  return constant;
}

/// The quantization of a computed value.
inline Quantization read_quantization(ImportContext& context, const GraphNode& node, NodeId value) {
  const TracedShape& shape = context.shape(value);
  const AffineMap map = read_affine_map(context.reader, node, context.constant_or_null(node, 1),
                                        context.constant_or_null(node, 2), shape.first, Proto::UINT8);
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

inline void import_quantize(ImportContext& context, const GraphNode& node) {
  const NodeId src = context.src(node, 0);
  context.define(node, QuantizedValue{src, read_quantization(context, node, src)});
}

/// The second half of a pair: a layer that only rounds, until merge_rounding() gives its rounding to its source.
inline void import_dequantize(ImportContext& context, const GraphNode& node) {
  const QuantizedValue* quantized = context.quantized_src(node, 0);
  if (quantized == nullptr) {
    throw Error("", "takes a value that no QuantizeLinear gives", "only float inputs and QDQ pairs are supported");
  }
  const QuantizedValue from = *quantized;
  if (read_quantization(context, node, from.node) != from.quantization) {
    throw Error("", "has another scale, zero point or axis than the QuantizeLinear before it",
                "only pairs with equal ones are supported");
  }
  // Clipping to the whole range of float is the identity.
  constexpr float end = std::numeric_limits<float>::max();
  const NodeId id = context.append(node, Activation{ActivationKind::clip, -end, end}, {from.node});
  context.built[id].node.dst_quantization = from.quantization;
  context.built[id].only_rounds = true;
}

inline constexpr Operator quantization_operators[] = {
    {"QuantizeLinear", 10, import_quantize, fold_quantize},
    {"DequantizeLinear", 10, import_dequantize, fold_dequantize},
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
