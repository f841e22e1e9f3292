#pragma once
/// \file
/// RotaryEmbedding (opset 23), and ONNX Runtime's. The table lists Attention too.

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <utility>

#include <fulcrum/onnx/import/attention.hpp>

namespace fulcrum::detail::onnx_io {

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
