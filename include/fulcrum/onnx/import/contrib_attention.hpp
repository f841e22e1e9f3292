#pragma once
/// \file
/// ONNX Runtime's two forms of attention, Attention and MultiHeadAttention of the domain com.microsoft. Definitions:
/// ONNX Runtime, docs/ContribOperators.md.

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <fulcrum/onnx/import/attention.hpp>

namespace fulcrum::detail::onnx_io {

/// A mask of ONNX Runtime's: (batch) how many key tokens count, (batch, key tokens), or (batch, query tokens, key
/// tokens); as an addend to scores (batch, heads, query tokens, key tokens).
inline NodeId key_mask_addend(ImportContext& context, Steps& steps, NodeId mask, NodeId key, float other) {
  const TracedShape shape = context.shape(mask);
  const TracedShape keys = context.shape(key);
  if (shape.rank() == 1) {
    if (shape.first[0] != keys.first[0] || shape.second[0] != keys.second[0]) {
      throw Error("its mask", "holds positions of starts and ends", "give lengths, or a mask (batch, tokens)");
    }
    const NodeId tokens = steps.range(fixed_extent(context, key, 2), 3, 4, context.element(mask));
    const auto column = [](const Shape& s) { return Shape{s[0], 1, 1, 1}; };
    const NodeId lengths = steps.reshape(mask, traced_shape(shape, column));
    return addend_of_mask(steps, steps.binary(BinaryKind::less, tokens, lengths), other);
  }
  if (shape.rank() == 2) {
    const auto row = [](const Shape& s) { return Shape{s[0], 1, 1, s[1]}; };
    return addend_of_mask(steps, steps.reshape(mask, traced_shape(shape, row)), other);
  }
  if (shape.rank() != 3) throw Error("its mask", "has the shape " + to_string(shape.first), "give one of rank 1 to 3");
  const auto plane = [](const Shape& s) { return Shape{s[0], 1, s[1], s[2]}; };
  return addend_of_mask(steps, steps.reshape(mask, traced_shape(shape, plane)), other);
}

/// Adds to what there is.
inline void add_to(Steps& steps, std::optional<NodeId>& sum, NodeId value) {
  sum = sum ? steps.add(*sum, value) : value;
}

/// com.microsoft.Attention: (input, weights, bias, mask, past, attention_bias). The weights hold those of query, key
/// and value side by side.
inline void import_contrib_attention(ImportContext& context, const GraphNode& node) {
  Steps steps(context, node);
  const std::int64_t heads = expect_setting(required_integer(node, "num_heads"), "num_heads");
  for (const char* setting : {"do_rotary", "past_present_share_buffer"}) {
    if (integer_attribute(node, setting, 0) != 0) {
      throw Error(std::string("attribute '") + setting + "'", "is set", "export without it");
    }
  }
  static_cast<void>(integer_attribute(node, "rotary_embedding_dim", 0));
  GraphNode product =
      as_operator(node, "MatMul", {ImportContext::input_name(node, 0), ImportContext::input_name(node, 1)});
  product.is_pattern = context.constant_or_null(node, 2) != nullptr;  // a product with a bias
  if (product.is_pattern) product.inputs.push_back(node.inputs[2]);
  import_matmul(context, product);
  NodeId projected = context.value(product.outputs[0]);
  if (!product.is_pattern && context.has_input(node, 2)) projected = steps.add(projected, context.src(node, 2));
  const std::int64_t width = fixed_extent(context, projected, 2);
  std::vector<std::int64_t> sizes = integers_attribute(node, "qkv_hidden_sizes");
  if (sizes.empty()) sizes.assign(3, width / 3);
  const bool positive =
      std::all_of(sizes.begin(), sizes.end(), [&](std::int64_t size) { return size > 0 && size <= width; });
  if (sizes.size() != 3 || !positive || sizes[0] + sizes[1] + sizes[2] != width) {
    throw Error("attribute 'qkv_hidden_sizes'", "does not add up to " + std::to_string(width), "check the export");
  }
  AttentionParts parts;
  parts.query = split_heads(context, steps, steps.slice(projected, 2, 0, sizes[0]), heads);
  parts.key = split_heads(context, steps, steps.slice(projected, 2, sizes[0], sizes[0] + sizes[1]), heads);
  parts.value = split_heads(context, steps, steps.slice(projected, 2, sizes[0] + sizes[1], width), heads);
  if (context.has_input(node, 4)) {
    const NodeId past = context.src(node, 4);
    parts.past = fixed_extent(context, past, 3);
    const auto half = [&](std::int64_t i) {
      const NodeId part = steps.slice(past, 0, i, i + 1);
      return steps.reshape(part, without_axis(context.shape(part), 0));
    };
    parts.key = steps.concat({half(0), parts.key}, 2);
    parts.value = steps.concat({half(1), parts.value}, 2);
  }
  parts.scale = read_attention_scale(node);
  parts.causal = integer_attribute(node, "unidirectional", 0) != 0;
  const float other = number_attribute(node, "mask_filter_value", -10000.0F);
  if (context.has_input(node, 3)) {
    add_to(steps, parts.addend, key_mask_addend(context, steps, context.src(node, 3), parts.key, other));
  }
  if (context.has_input(node, 5)) add_to(steps, parts.addend, context.src(node, 5));
  const NodeId attended = append_attention(context, steps, parts);
  context.define(node, 0, join_heads(context, steps, attended));
  if (!context.wants(node, 1)) return;
  const auto outer = [&](NodeId value) { return steps.reshape(value, with_axis(context.shape(value), 0)); };
  context.define(node, 1, steps.concat({outer(parts.key), outer(parts.value)}, 0));
}

/// One of the parts of a packed value (batch, tokens, heads, parts, size), as (batch, heads, tokens, size).
inline NodeId packed_part(ImportContext& context, Steps& steps, NodeId packed, std::int64_t i) {
  const NodeId part = steps.slice(packed, 3, i, i + 1);
  return steps.transpose(steps.reshape(part, without_axis(context.shape(part), 3)), {0, 2, 1, 3});
}

/// com.microsoft.MultiHeadAttention: (query, key, value, bias, key_padding_mask, attention_bias, past_key, past_value).
/// Query, key and value are (batch, tokens, heads · size); key and value may be (batch, heads, tokens, size); key may
/// hold the value too, and query all three, packed along an axis before the last.
inline void import_multi_head_attention(ImportContext& context, const GraphNode& node) {
  Steps steps(context, node);
  const std::int64_t heads = expect_setting(required_integer(node, "num_heads"), "num_heads");
  NodeId query = context.src(node, 0);
  std::int64_t bias_at = 0;
  const auto with_bias = [&](NodeId value) {  // the next slice of the bias added
    if (!context.has_input(node, 3) || context.shape(value).rank() != 3) return value;
    const std::int64_t width = fixed_extent(context, value, 2);
    const NodeId part = steps.slice(context.src(node, 3), 0, bias_at, bias_at + width);
    bias_at += width;
    return steps.add(value, part);
  };
  const auto in_heads = [&](NodeId value) {
    return context.shape(value).rank() == 4 ? value : split_heads(context, steps, value, heads);
  };
  AttentionParts parts;
  const bool has_key = context.has_input(node, 1);
  const bool has_value = context.has_input(node, 2);
  const bool packed = context.shape(query).rank() == 5 || (has_key && context.shape(context.src(node, 1)).rank() == 5);
  if (packed && context.has_input(node, 3)) throw Error("its bias", "comes with packed values", "export them apart");
  if (!has_key) {
    parts.query = packed_part(context, steps, query, 0);
    parts.key = packed_part(context, steps, query, 1);
    parts.value = packed_part(context, steps, query, 2);
  } else {
    parts.query = in_heads(with_bias(query));
    const NodeId key = context.src(node, 1);
    parts.key = packed ? packed_part(context, steps, key, 0) : in_heads(with_bias(key));
    parts.value = packed ? packed_part(context, steps, key, 1) : in_heads(with_bias(context.src(node, 2)));
  }
  if (has_value && packed) throw Error("its value", "comes beside packed values", "the file is damaged");
  if (context.has_input(node, 6) && context.has_input(node, 7)) {
    const NodeId past = context.src(node, 6);
    parts.past = fixed_extent(context, past, 2);
    parts.key = steps.concat({past, parts.key}, 2);
    parts.value = steps.concat({context.src(node, 7), parts.value}, 2);
  }
  parts.scale = read_attention_scale(node);
  parts.causal = integer_attribute(node, "unidirectional", 0) != 0;
  const float other = number_attribute(node, "mask_filter_value", -10000.0F);
  if (context.has_input(node, 4)) {
    add_to(steps, parts.addend, key_mask_addend(context, steps, context.src(node, 4), parts.key, other));
  }
  if (context.has_input(node, 5)) add_to(steps, parts.addend, context.src(node, 5));
  const NodeId attended = append_attention(context, steps, parts);
  context.define(node, 0, join_heads(context, steps, attended));
  context.define(node, 1, parts.key);
  context.define(node, 2, parts.value);
}

}  // namespace fulcrum::detail::onnx_io
