#pragma once
/// \file
/// Attention, in ONNX's form (opset 23) and in ONNX Runtime's two, and RotaryEmbedding, as products of matrices and
/// Softmax. Values inside are (batch, heads, tokens, head size).

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <fulcrum/onnx/import/dense.hpp>
#include <fulcrum/onnx/import/steps.hpp>

namespace fulcrum::detail::onnx_io {

/// What an attention works on, and how.
struct AttentionParts {
  NodeId query = 0, key = 0, value = 0;
  std::optional<NodeId> addend;  ///< to the scores (batch, heads, query tokens, key tokens), broadcast
  std::optional<float> scale;    ///< of the scores; without it 1/√(head size)
  bool causal = false;           ///< token i sees the key tokens up to i, those of the past besides
  std::int64_t past = 0;         ///< how many key tokens come before the first query token
  float softcap = 0.0F;          ///< scores become softcap · tanh(score / softcap); 0: they stay
};

/// An addend for a score that must not count: far below all others, and finite so that a row of them has no NaN.
inline constexpr float masked_score = std::numeric_limits<float>::lowest();

/// The extent of an axis, which must not be the batch.
inline std::int64_t fixed_extent(const ImportContext& context, NodeId value, std::size_t axis) {
  const TracedShape& shape = context.shape(value);
  if (axis >= shape.rank() || shape.depends_on_batch(axis)) {
    throw Error(
        "",
        "takes a value " + to_string(shape.first) + " whose axis " + std::to_string(axis) + " has no extent of its own",
        "bind its dimensions with --dim");
  }
  return shape.first[axis];
}

/// (batch, tokens, heads · size) as (batch, heads, tokens, size).
inline NodeId split_heads(ImportContext& context, Steps& steps, NodeId src, std::int64_t heads) {
  const TracedShape shape = context.shape(src);
  const std::int64_t width = fixed_extent(context, src, 2);
  if (shape.rank() != 3 || heads < 1 || width % heads != 0) {
    throw Error("", "cannot take " + std::to_string(heads) + " heads out of a value " + to_string(shape.first));
  }
  const auto split = [&](const Shape& s) { return Shape{s[0], s[1], heads, width / heads}; };
  return steps.transpose(steps.reshape(src, traced_shape(shape, split)), {0, 2, 1, 3});
}

/// The inverse of split_heads().
inline NodeId join_heads(ImportContext& context, Steps& steps, NodeId src) {
  const NodeId moved = steps.transpose(src, {0, 2, 1, 3});
  const auto join = [](const Shape& s) { return Shape{s[0], s[1], element_count({s[2], s[3]})}; };
  return steps.reshape(moved, traced_shape(context.shape(moved), join));
}

/// 0 where query token i may see key token j, masked_score elsewhere: (1, 1, query tokens, key tokens).
inline NodeId causal_addend(ImportContext& context, Steps& steps, const AttentionParts& parts) {
  const std::int64_t rows = fixed_extent(context, parts.query, 2);
  const std::int64_t columns = fixed_extent(context, parts.key, 2);
  context.reader.budget.charge(static_cast<std::size_t>(element_count({rows, columns})) * sizeof(double));
  Tensor<double> addend(Shape{1, 1, rows, columns});
  for (std::int64_t i = 0; i < rows; ++i) {
    for (std::int64_t j = 0; j < columns; ++j) {
      addend.flat()[static_cast<std::size_t>(i * columns + j)] =
          j > i + parts.past ? static_cast<double>(masked_score) : 0.0;
    }
  }
  return steps.known(std::move(addend), ElementType::f32);
}

/// softmax(scale · query · keyᵀ + addend) · value: (batch, heads, query tokens, value size).
/// \param scores  where the product, the product with its addends and the Softmax go, when not null
inline NodeId append_attention(ImportContext& context, Steps& steps, const AttentionParts& parts,
                               std::vector<NodeId>* stages = nullptr) {
  const auto size = static_cast<float>(fixed_extent(context, parts.query, 3));
  const float scale = parts.scale.value_or(1.0F / std::sqrt(size));
  NodeId scores = steps.layer("scores", MatMul{false, true, scale}, {parts.query, parts.key});
  if (stages != nullptr) stages->push_back(scores);
  if (parts.addend) scores = steps.add(scores, *parts.addend);
  if (parts.causal) scores = steps.add(scores, causal_addend(context, steps, parts));
  if (stages != nullptr) stages->push_back(scores);
  if (parts.softcap != 0.0F) {
    const NodeId cap = steps.number(parts.softcap);
    scores = steps.mul(steps.function(ActivationKind::tanh, steps.div(scores, cap)), cap);
  }
  if (stages != nullptr) stages->push_back(scores);
  const NodeId weights = steps.layer("softmax", Softmax{-1}, {scores});
  if (stages != nullptr) stages->push_back(weights);
  return steps.layer("attended", MatMul{}, {weights, parts.value});
}

/// `other` where a mask is 0, and 0 elsewhere.
inline NodeId addend_of_mask(ImportContext& context, Steps& steps, NodeId mask, float other) {
  const NodeId zero = steps.number(0.0F);
  const NodeId condition = steps.cast(mask, ElementType::boolean);
  static_cast<void>(context);
  return steps.where(condition, zero, steps.number(other));
}

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
    return addend_of_mask(context, steps, steps.binary(BinaryKind::less, tokens, lengths), other);
  }
  if (shape.rank() == 2) {
    const auto row = [](const Shape& s) { return Shape{s[0], 1, 1, s[1]}; };
    return addend_of_mask(context, steps, steps.reshape(mask, traced_shape(shape, row)), other);
  }
  if (shape.rank() != 3) throw Error("its mask", "has the shape " + to_string(shape.first), "give one of rank 1 to 3");
  const auto plane = [](const Shape& s) { return Shape{s[0], 1, s[1], s[2]}; };
  return addend_of_mask(context, steps, steps.reshape(mask, traced_shape(shape, plane)), other);
}

/// Adds to what there is.
inline void add_to(Steps& steps, std::optional<NodeId>& sum, NodeId value) {
  sum = sum ? steps.add(*sum, value) : value;
}

inline std::optional<float> read_attention_scale(const GraphNode& node) {
  const float scale = number_attribute(node, "scale", 0.0F);
  return scale == 0.0F ? std::nullopt : std::optional(scale);
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
  if (sizes.size() != 3 || sizes[0] + sizes[1] + sizes[2] != width) {
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

/// Each head `times` times, one after the other: (batch, heads, …) → (batch, heads · times, …).
inline NodeId repeat_heads(ImportContext& context, Steps& steps, NodeId src, std::int64_t times) {
  if (times == 1) return src;
  const TracedShape shape = context.shape(src);
  const NodeId repeated = steps.expand(steps.reshape(src, with_axis(shape, 2)), Shape{1, 1, times, 1, 1});
  const auto join = [&](const Shape& s) { return Shape{s[0], element_count({s[1], times}), s[2], s[3]}; };
  return steps.reshape(repeated, traced_shape(shape, join));
}

/// ONNX Attention (opset 23): (Q, K, V, attn_mask, past_key, past_value). Several query heads may share a key head.
inline void import_attention(ImportContext& context, const GraphNode& node) {
  Steps steps(context, node);
  const auto in_heads = [&](std::size_t i, const char* heads) {
    const NodeId value = context.src(node, i);
    if (context.shape(value).rank() == 4) {
      static_cast<void>(integer_attribute(node, heads, 0));
      return value;
    }
    return split_heads(context, steps, value, expect_setting(required_integer(node, heads), heads));
  };
  AttentionParts parts;
  const bool joined = context.shape(context.src(node, 0)).rank() == 3;
  parts.query = in_heads(0, "q_num_heads");
  NodeId key = in_heads(1, "kv_num_heads");
  NodeId value = in_heads(2, "kv_num_heads");
  if (context.has_input(node, 4) && context.has_input(node, 5)) {
    const NodeId past = context.src(node, 4);
    parts.past = fixed_extent(context, past, 2);
    key = steps.concat({past, key}, 2);
    value = steps.concat({context.src(node, 5), value}, 2);
  }
  context.define(node, 1, key);
  context.define(node, 2, value);
  const std::int64_t heads = fixed_extent(context, parts.query, 1);
  const std::int64_t key_heads = fixed_extent(context, key, 1);
  if (key_heads < 1 || heads % key_heads != 0) {
    throw Error("", "shares " + std::to_string(key_heads) + " key heads among " + std::to_string(heads));
  }
  parts.key = repeat_heads(context, steps, key, heads / key_heads);
  parts.value = repeat_heads(context, steps, value, heads / key_heads);
  parts.scale = read_attention_scale(node);
  parts.causal = integer_attribute(node, "is_causal", 0) != 0;
  parts.softcap = number_attribute(node, "softcap", 0.0F);
  static_cast<void>(integer_attribute(node, "softmax_precision", 0));  // Softmax is computed in f32
  if (context.has_input(node, 3)) {
    const NodeId mask = context.src(node, 3);
    parts.addend =
        context.element(mask) == ElementType::boolean ? addend_of_mask(context, steps, mask, masked_score) : mask;
  }
  if (parts.softcap != 0.0F && (parts.addend || parts.causal)) {
    throw Error("attribute 'softcap'", "comes with a mask, which versions of ONNX order differently",
                "export without one of them");
  }
  std::vector<NodeId> stages;
  const NodeId attended = append_attention(context, steps, parts, &stages);
  context.define(node, 0, joined ? join_heads(context, steps, attended) : attended);
  const std::int64_t stage = integer_attribute(node, "qk_matmul_output_mode", 0);
  if (stage < 0 || stage > 3) throw Error("attribute 'qk_matmul_output_mode'", "is " + std::to_string(stage));
  context.define(node, 3, stages[static_cast<std::size_t>(stage)]);
}

/// Rows of a table of cosines or sines (positions, size / 2), for each token: (batch or 1, 1, tokens, size / 2).
/// \param positions  (batch, tokens), (1): that of the first token, or absent: the table has a row for each token
inline NodeId rotary_rows(ImportContext& context, Steps& steps, NodeId table, std::optional<NodeId> positions,
                          std::int64_t tokens) {
  const TracedShape shape = context.shape(table);
  if (!positions) {  // (batch, tokens, size / 2)
    return steps.reshape(table, with_axis(shape, 1));
  }
  NodeId rows = *positions;
  if (context.shape(rows).rank() == 1) {  // counted from the first token's
    const NodeId offsets = steps.range(tokens, 1, 2, context.element(rows));
    const TracedShape cell{Shape{1, 1}, Shape{1, 1}};
    rows = steps.add(offsets, steps.reshape(rows, cell));
  }
  const NodeId taken = steps.layer("gather", Gather{0}, {table, rows});
  return steps.reshape(taken, with_axis(context.shape(taken), 1));
}

/// Pairs of a head's elements turned by an angle that depends on the token: halves of the head, or, interleaved,
/// neighbours.
/// \param cosines  which input they are; the sines are the next one
inline void append_rotary(ImportContext& context, const GraphNode& node, std::size_t cosines,
                          std::optional<std::size_t> positions) {
  Steps steps(context, node);
  const NodeId src = context.src(node, 0);
  const bool joined = context.shape(src).rank() == 3;
  std::int64_t heads = integer_attribute(node, "num_heads", 0);
  const bool interleaved = integer_attribute(node, "interleaved", 0) != 0;
  const std::int64_t given = integer_attribute(node, "rotary_embedding_dim", 0);
  const NodeId table = context.src(node, cosines);
  const std::int64_t half = fixed_extent(context, table, context.shape(table).rank() - 1);
  if (joined && heads == 0) {
    if (given != 0) throw Error("attribute 'num_heads'", "is missing", "export the model again");
    heads = fixed_extent(context, src, 2) / std::max<std::int64_t>(2 * half, 1);
  }
  const NodeId x = joined ? split_heads(context, steps, src, heads) : src;
  const std::int64_t size = fixed_extent(context, x, 3);
  const std::int64_t tokens = fixed_extent(context, x, 2);
  const std::int64_t turned = given == 0 ? size : given;
  if (turned > size || turned != 2 * half) {
    throw Error("", "turns " + std::to_string(turned) + " elements of a head with tables of " + std::to_string(half));
  }
  std::optional<NodeId> rows;
  if (positions && context.has_input(node, *positions)) rows = context.src(node, *positions);
  const NodeId cosine = rotary_rows(context, steps, table, rows, tokens);
  const NodeId sine = rotary_rows(context, steps, context.src(node, cosines + 1), rows, tokens);
  const auto part = [&](std::int64_t i) {
    Slice layer{{3}, {i * half}, {(i + 1) * half}, {}};
    if (interleaved) layer = Slice{{3}, {i}, {turned}, {2}};
    return steps.layer("half", std::move(layer), {x});
  };
  const NodeId a = part(0);
  const NodeId b = part(1);
  NodeId real = steps.sub(steps.mul(a, cosine), steps.mul(b, sine));
  NodeId imaginary = steps.add(steps.mul(a, sine), steps.mul(b, cosine));
  NodeId result = 0;
  if (interleaved) {
    const TracedShape shape = context.shape(real);
    const auto column = [&](NodeId value) { return steps.reshape(value, with_axis(shape, 4)); };
    const auto join = [&](const Shape& s) { return Shape{s[0], s[1], s[2], 2 * s[3]}; };
    result = steps.reshape(steps.concat({column(real), column(imaginary)}, 4), traced_shape(shape, join));
  } else {
    result = steps.concat({real, imaginary}, 3);
  }
  if (turned < size) result = steps.concat({result, steps.slice(x, 3, turned, size)}, 3);
  context.define(node, 0, joined ? join_heads(context, steps, result) : result);
}

/// ONNX RotaryEmbedding (opset 23): (X, cos_cache, sin_cache, position_ids)
inline void import_rotary_embedding(ImportContext& context, const GraphNode& node) {
  append_rotary(context, node, 1, 3);
}

/// com.microsoft.RotaryEmbedding: (input, position_ids, cos_cache, sin_cache)
inline void import_contrib_rotary_embedding(ImportContext& context, const GraphNode& node) {
  if (number_attribute(node, "scale", 1.0F) != 1.0F || integer_attribute(node, "is_packed_batching", 0) != 0) {
    throw Error("", "has a scale or packed samples", "export without the runtime's own optimizations");
  }
  append_rotary(context, node, 2, 1);
}

inline constexpr Operator attention_operators[] = {
    {"Attention", 23, import_attention},
    {"RotaryEmbedding", 23, import_rotary_embedding},
};

}  // namespace fulcrum::detail::onnx_io
