#pragma once
/// \file
/// Attention (opset 23) as products of matrices and Softmax. Values inside are (batch, heads, tokens, head size).

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
inline NodeId addend_of_mask(Steps& steps, NodeId mask, float other) {
  const NodeId zero = steps.number(0.0F);
  const NodeId condition = steps.cast(mask, ElementType::boolean);
  return steps.where(condition, zero, steps.number(other));
}

inline std::optional<float> read_attention_scale(const GraphNode& node) {
  const float scale = number_attribute(node, "scale", 0.0F);
  return scale == 0.0F ? std::nullopt : std::optional(scale);
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
    parts.addend = context.element(mask) == ElementType::boolean ? addend_of_mask(steps, mask, masked_score) : mask;
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

}  // namespace fulcrum::detail::onnx_io
