#pragma once
/// \file
/// Operators that take elements from elsewhere: Concat, Split, Slice, Transpose, Expand, Tile, Gather, Pad,
/// DepthToSpace, SpaceToDepth.

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <numeric>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <fulcrum/onnx/import/pieces.hpp>
#include <fulcrum/onnx/import/suppression.hpp>

namespace fulcrum::detail::onnx_io {

inline void import_concat(ImportContext& context, const GraphNode& node) {
  const std::int64_t axis = required_integer(node, "axis");
  std::vector<NodeId> src;
  for (std::size_t i = 0; i < node.inputs.size(); ++i) src.push_back(context.src(node, i));
  if (src.empty()) throw Error("", "has no input", "the file is damaged; export it again");
  context.append(node, Concat{axis}, std::move(src));
}

/// How a Split divides `extent`: by an attribute up to opset 12, an input from 13 on, `num_outputs` from 18 on (the
/// last part may then be smaller), or else into equal parts.
inline std::vector<std::int64_t> split_sizes(ImportContext& context, const GraphNode& node, std::int64_t extent) {
  std::vector<std::int64_t> sizes;
  if (context.has_input(node, 1)) {
    sizes = context.integers(node, 1, "sizes");
  } else {
    sizes = integers_attribute(node, "split");
  }
  const auto parts = static_cast<std::int64_t>(node.outputs.size());
  if (sizes.empty()) {
    if (integer_attribute(node, "num_outputs", parts) != parts) {
      throw Error("attribute 'num_outputs'", "is not the number of its results", "the file is damaged");
    }
    const std::int64_t size = (extent + parts - 1) / parts;
    if (!has_attribute(node, "num_outputs") && size * parts != extent) {
      throw Error("", "cannot split " + std::to_string(extent) + " into " + std::to_string(parts) + " equal parts");
    }
    for (std::int64_t left = extent; static_cast<std::int64_t>(sizes.size()) < parts; left -= sizes.back()) {
      sizes.push_back(std::min(size, left));
    }
  }
  std::int64_t total = 0;
  for (const std::int64_t size : sizes) {
    if (size < 0 || size > extent - total) throw Error("its split", "does not add up to " + std::to_string(extent));
    total += size;
  }
  if (total != extent || static_cast<std::int64_t>(sizes.size()) != parts) {
    throw Error("its split", "has not one size for each result, or does not add up to " + std::to_string(extent));
  }
  return sizes;
}

/// Each result is a Slice.
inline void import_split(ImportContext& context, const GraphNode& node) {
  const NodeId src = context.src(node, 0);
  const TracedShape shape = context.shape(src);
  const auto axis = static_cast<std::int64_t>(normalized_axis(integer_attribute(node, "axis", 0), shape.rank()));
  const auto at = static_cast<std::size_t>(axis);
  if (node.outputs.size() == 1) {
    static_cast<void>(context.has_input(node, 1));  // the one size
    context.define(node, 0, src);
    return;
  }
  if (shape.depends_on_batch(at)) {
    throw Error("", "splits an axis whose extent depends on the batch", "export with a fixed batch");
  }
  std::int64_t start = 0;
  const std::vector<std::int64_t> sizes = split_sizes(context, node, shape.first[at]);
  for (std::size_t i = 0; i < sizes.size(); ++i) {
    Slice layer{{axis}, {start}, {start + sizes[i]}, {}};
    start += sizes[i];
    if (!context.wants(node, i)) continue;
    context.define(node, i, context.append(node.name + "/" + std::to_string(i), std::move(layer), {src}));
  }
}

/// A bound of a Slice that is right for every batch: the same number, or counted from the end of the axis.
/// \throws Error when there is none
inline std::int64_t slice_bound(std::int64_t first, std::int64_t second, std::int64_t first_extent,
                                std::int64_t second_extent) {
  if (first == second) return first;
  if (first >= first_extent && second >= second_extent) return std::numeric_limits<std::int64_t>::max();
  if (first >= 0 && second >= 0 && first - first_extent == second - second_extent) return first - first_extent;
  throw Error("its bounds", "depend on the batch in a way that is not supported", "export with a fixed batch");
}

/// Settings are attributes before opset 10 (which has no steps), then inputs.
inline void import_slice(ImportContext& context, const GraphNode& node) {
  const NodeId src = context.src(node, 0);
  const TracedShape shape = context.shape(src);
  Slice layer;
  TracedIntegers starts;
  TracedIntegers ends;
  if (node.opset < 10) {
    starts.first = starts.second = integers_attribute(node, "starts");
    ends.first = ends.second = integers_attribute(node, "ends");
    layer.axes = integers_attribute(node, "axes");
  } else {
    starts = traced_dims(context, node, 1, "starts");
    ends = traced_dims(context, node, 2, "ends");
    if (context.has_input(node, 3)) layer.axes = context.integers(node, 3, "axes");
    if (context.has_input(node, 4)) layer.steps = context.integers(node, 4, "steps");
  }
  const std::size_t count = starts.first.size();
  if (layer.axes.empty()) {
    layer.axes.resize(count);
    std::iota(layer.axes.begin(), layer.axes.end(), std::int64_t{0});
  }
  if (layer.axes.size() != count || ends.first.size() != count) {
    throw Error("", "has not as many axes as starts and ends", "the file is damaged; export it again");
  }
  for (std::size_t i = 0; i < count; ++i) {
    const std::size_t axis = normalized_axis(layer.axes[i], shape.rank());
    const std::int64_t first = shape.first[axis];
    const std::int64_t second = shape.second[axis];
    layer.starts.push_back(slice_bound(starts.first[i], starts.second[i], first, second));
    layer.ends.push_back(slice_bound(ends.first[i], ends.second[i], first, second));
  }
  context.append(node, std::move(layer), {src});
}

inline void import_transpose(ImportContext& context, const GraphNode& node) {
  const NodeId src = context.src(node, 0);
  context.append(node, Transpose{integers_attribute(node, "perm")}, {src});
}

/// An extent that depends on the batch is the source's own (1 keeps it) or the batch.
inline void import_expand(ImportContext& context, const GraphNode& node) {
  const NodeId src = context.src(node, 0);
  const TracedShape shape = context.shape(src);
  const TracedIntegers dims = traced_dims(context, node, 1, "dims");
  TracedShape wanted{dims.first, dims.second};
  for (std::size_t axis = 0; axis < wanted.rank(); ++axis) {
    if (wanted.first[axis] < 0 || wanted.second[axis] < 0) throw Error("its dims", "hold a negative extent");
    const std::size_t from_end = wanted.rank() - axis;
    if (!wanted.depends_on_batch(axis) || from_end > shape.rank()) continue;
    const std::size_t at = shape.rank() - from_end;
    if (shape.first[at] == wanted.first[axis] && shape.second[at] == wanted.second[axis]) {
      wanted.first[axis] = wanted.second[axis] = 1;
    }
  }
  std::optional<Shape> layer_dims = with_batch_dim(context, wanted);
  if (!layer_dims) throw Error("its dims", "hold an extent that is not simply the batch", "export with a fixed batch");
  context.append(node, Expand{std::move(*layer_dims)}, {src});
}

/// Repeats that depend on the batch are those of an axis of extent 1, which is what Expand does.
inline void import_tile(ImportContext& context, const GraphNode& node) {
  NodeId src = context.src(node, 0);
  const TracedShape shape = context.shape(src);
  TracedIntegers repeats = traced_dims(context, node, 1, "repeats");
  if (!repeats.same() && repeats.first.size() == shape.rank()) {
    TracedShape batch{Shape(shape.rank(), 1), Shape(shape.rank(), 1)};
    for (std::size_t axis = 0; axis < shape.rank(); ++axis) {
      if (repeats.first[axis] == repeats.second[axis] || shape.first[axis] != 1 || shape.second[axis] != 1) continue;
      std::swap(batch.first[axis], repeats.first[axis]);
      std::swap(batch.second[axis], repeats.second[axis]);
    }
    if (std::optional<Shape> dims = with_batch_dim(context, batch)) {
      src = context.append(node.name + "/batch", Expand{std::move(*dims)}, {src});
    }
  }
  if (!repeats.same()) throw Error("its repeats", "depend on the batch", "export with a fixed batch");
  context.append(node, Tile{std::move(repeats.first)}, {src});
}

inline void import_gather(ImportContext& context, const GraphNode& node) {
  const NodeId table = context.src(node, 0);
  const NodeId indices = context.src(node, 1);
  const std::int64_t axis = integer_attribute(node, "axis", 0);
  const std::size_t rank = context.shape(table).rank();
  append_taken(context, node, Gather{axis}, table, indices, false, rank - 1 - normalized_axis(axis, rank));
}

inline PadKind pad_kind(const GraphNode& node) {
  const std::string mode = text_attribute(node, "mode", "constant");
  if (mode == "constant") return PadKind::constant;
  if (mode == "reflect") return PadKind::reflect;
  if (mode == "edge") return PadKind::edge;
  if (mode == "wrap") return PadKind::wrap;
  throw Error("attribute 'mode'", "is '" + mode + "'", "use constant, reflect, edge or wrap");
}

/// Settings are attributes before opset 11, then inputs; from opset 18 on they may name axes.
inline void import_pad(ImportContext& context, const GraphNode& node) {
  const NodeId src = context.src(node, 0);
  const std::size_t rank = context.shape(src).rank();
  Pad layer;
  layer.mode = pad_kind(node);
  std::vector<std::int64_t> pads;
  std::vector<std::int64_t> axes(rank);
  std::iota(axes.begin(), axes.end(), std::int64_t{0});
  if (node.opset < 11) {
    pads = integers_attribute(node, "pads");
    layer.value = number_attribute(node, "value", 0.0F);
  } else {
    pads = context.integers(node, 1, "pads");
    if (context.has_input(node, 2)) layer.value = context.scalar(node, 2, "fill values");
    if (context.has_input(node, 3)) axes = context.integers(node, 3, "axes");
  }
  if (pads.size() != 2 * axes.size()) {
    throw Error("its pads", "are " + std::to_string(pads.size()) + ", not two for each axis", "check the export");
  }
  layer.before.assign(rank, 0);
  layer.after.assign(rank, 0);
  for (std::size_t i = 0; i < axes.size(); ++i) {
    const std::size_t axis = normalized_axis(axes[i], rank);
    layer.before[axis] = pads[i];
    layer.after[axis] = pads[i + axes.size()];
  }
  context.append(node, std::move(layer), {src});
}

/// A source (n, c, h, w) as `split`, transposed, and then as `joined`.
inline void append_blocks(ImportContext& context, const GraphNode& node, NodeId src, const TracedShape& split,
                          std::vector<std::int64_t> perm, const TracedShape& joined) {
  const NodeId blocks = append_reshape(context, node.name + "/split", src, split);
  const NodeId moved = context.append(node.name + "/transpose", Transpose{std::move(perm)}, {blocks});
  Reshape join = reshape_layer(context.shape(moved), joined);
  context.append(node, std::move(join), {moved});
}

/// Channels become blocks of rows and columns: the block's place is the outer part of the channel (DCR) or the inner
/// one (CRD, opset 11).
inline void import_depth_to_space(ImportContext& context, const GraphNode& node) {
  const NodeId src = context.src(node, 0);
  const TracedShape shape = context.shape(src);
  const std::int64_t b = expect_setting(required_integer(node, "blocksize"), "blocksize");
  const std::string mode = text_attribute(node, "mode", "DCR");
  if (mode != "DCR" && mode != "CRD") throw Error("attribute 'mode'", "is '" + mode + "'", "use DCR or CRD");
  if (shape.rank() != 4 || shape.first[1] % (b * b) != 0) {
    throw Error("", "cannot take blocks of " + std::to_string(b) + " out of a source " + to_string(shape.first));
  }
  const auto split = [&](const Shape& s) {
    return mode == "DCR" ? Shape{s[0], b, b, s[1] / (b * b), s[2], s[3]}
                         : Shape{s[0], s[1] / (b * b), b, b, s[2], s[3]};
  };
  const auto joined = [&](const Shape& s) {
    return Shape{s[0], s[1] / (b * b), element_count({s[2], b}), element_count({s[3], b})};
  };
  const std::vector<std::int64_t> perm =
      mode == "DCR" ? std::vector<std::int64_t>{0, 3, 4, 1, 5, 2} : std::vector<std::int64_t>{0, 1, 4, 2, 5, 3};
  append_blocks(context, node, src, {split(shape.first), split(shape.second)}, perm,
                {joined(shape.first), joined(shape.second)});
}

/// Blocks of rows and columns become channels, their place the outer part.
inline void import_space_to_depth(ImportContext& context, const GraphNode& node) {
  const NodeId src = context.src(node, 0);
  const TracedShape shape = context.shape(src);
  const std::int64_t b = expect_setting(required_integer(node, "blocksize"), "blocksize");
  if (shape.rank() != 4 || shape.first[2] % b != 0 || shape.first[3] % b != 0) {
    throw Error("", "cannot make blocks of " + std::to_string(b) + " of a source " + to_string(shape.first));
  }
  const auto split = [&](const Shape& s) { return Shape{s[0], s[1], s[2] / b, b, s[3] / b, b}; };
  const auto joined = [&](const Shape& s) { return Shape{s[0], element_count({s[1], b, b}), s[2] / b, s[3] / b}; };
  append_blocks(context, node, src, {split(shape.first), split(shape.second)}, {0, 3, 5, 1, 2, 4},
                {joined(shape.first), joined(shape.second)});
}

}  // namespace fulcrum::detail::onnx_io
