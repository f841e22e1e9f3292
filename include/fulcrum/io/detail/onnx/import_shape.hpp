#pragma once
/// \file
/// Operators that join, rename or reshape values: Concat, Flatten, Reshape, Squeeze, Unsqueeze, Identity, Dropout and
/// Softmax (whose old form flattens).

#include <algorithm>
#include <cstddef>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include <fulcrum/io/detail/onnx/fold_shape.hpp>

namespace fulcrum::detail::onnx_io {

inline void import_concat(ImportContext& context, const GraphNode& node) {
  if (!has_attribute(node, "axis")) throw Error("attribute 'axis'", "is missing", "the file is damaged");
  std::vector<NodeId> src;
  for (std::size_t i = 0; i < node.inputs.size(); ++i) src.push_back(context.src(node, i));
  if (src.empty()) throw Error("", "has no input", "the file is damaged; export it again");
  context.append(node, Concat{integer_attribute(node, "axis", 1)}, std::move(src));
}

inline void import_flatten(ImportContext& context, const GraphNode& node) {
  const NodeId src = context.src(node, 0);
  context.append(node, Flatten{integer_attribute(node, "axis", 1)}, {src});
}

/// The dims of a Reshape from `src` to `dst`, whatever the batch: an extent that depends on it is copied (0) when it
/// stands where it stood, and otherwise what is left (−1).
inline Shape reshape_dims(const TracedShape& src, const TracedShape& dst) {
  Shape dims = dst.first;
  for (std::size_t axis = 0; axis < dims.size(); ++axis) {
    if (!dst.depends_on_batch(axis)) continue;
    const bool copied = axis < src.rank() && src.first[axis] == dst.first[axis] && src.second[axis] == dst.second[axis];
    dims[axis] = copied ? 0 : -1;
  }
  return dims;
}

inline void import_reshape(ImportContext& context, const GraphNode& node) {
  const NodeId src = context.src(node, 0);
  if (!context.constant_or_null(node, 1)) {
    throw Error("its shape", "is computed by the graph", "export with fixed sizes and constant folding");
  }
  Reshape layer;
  layer.dims = context.reader.integers(*context.constant_or_null(node, 1));
  layer.allow_zero = integer_attribute(node, "allowzero", 0) != 0;
  if (layer.dims.size() > max_rank) throw Error("its shape", "has rank " + std::to_string(layer.dims.size()));
  // A model exported for one batch size repeats it in its Reshapes: (1, −1) means "each sample, flat".
  const TracedShape& shape = context.shape(src);
  if (context.plan.given && !layer.allow_zero && !layer.dims.empty() && layer.dims[0] == context.plan.extent &&
      shape.rank() > 0 && shape.depends_on_batch(0) && shape.first[0] == context.plan.extent) {
    layer.dims[0] = 0;
  }
  context.append(node, std::move(layer), {src});
}

/// Axes of Squeeze and Unsqueeze: an attribute up to opset 12, then an input.
inline std::optional<std::vector<std::int64_t>> read_axes(ImportContext& context, const GraphNode& node) {
  if (context.has_input(node, 1)) return context.reader.integers(*context.constant(node, 1, "axes"));
  if (has_attribute(node, "axes")) return integers_attribute(node, "axes");
  return std::nullopt;
}

inline void import_squeeze(ImportContext& context, const GraphNode& node) {
  const NodeId src = context.src(node, 0);
  const TracedShape shape = context.shape(src);
  std::set<std::size_t> dropped;
  if (const auto axes = read_axes(context, node)) {
    dropped = normalized_axes(*axes, shape.rank());
  } else {
    for (std::size_t axis = 0; axis < shape.rank(); ++axis) {
      if (shape.first[axis] == 1 && shape.second[axis] == 1) dropped.insert(axis);
    }
  }
  TracedShape dst;
  for (std::size_t axis = 0; axis < shape.rank(); ++axis) {
    if (dropped.count(axis) == 0) {
      dst.first.push_back(shape.first[axis]);
      dst.second.push_back(shape.second[axis]);
    } else if (shape.first[axis] != 1 || shape.second[axis] != 1) {
      throw Error("", "drops axis " + std::to_string(axis) + " of a source " + to_string(shape.second));
    }
  }
  context.append(node, Reshape{reshape_dims(shape, dst)}, {src});
}

inline void import_unsqueeze(ImportContext& context, const GraphNode& node) {
  const NodeId src = context.src(node, 0);
  const TracedShape shape = context.shape(src);
  const auto axes = read_axes(context, node);
  if (!axes) throw Error("its axes", "are missing", "the file is damaged; export it again");
  if (axes->size() > max_rank) throw Error("its axes", "are too many", "the file is damaged; export it again");
  const std::size_t rank = shape.rank() + axes->size();
  const std::set<std::size_t> added = normalized_axes(*axes, rank);
  TracedShape dst;
  for (std::size_t axis = 0, from = 0; axis < rank; ++axis) {
    const bool is_added = added.count(axis) != 0;
    dst.first.push_back(is_added ? 1 : shape.first[from]);
    dst.second.push_back(is_added ? 1 : shape.second[from]);
    if (!is_added) ++from;
  }
  context.append(node, Reshape{reshape_dims(shape, dst)}, {src});
}

/// Softmax over one axis from opset 13 on; before, over all axes from `axis` on, as if they were one.
inline void import_softmax(ImportContext& context, const GraphNode& node) {
  const NodeId src = context.src(node, 0);
  const TracedShape shape = context.shape(src);
  const bool flattens = node.opset < 13;
  const std::int64_t given = integer_attribute(node, "axis", flattens ? 1 : -1);
  const auto axis = static_cast<std::int64_t>(normalized_axis(given, shape.rank()));
  const auto is_one = [](std::int64_t extent) { return extent == 1; };
  const auto after = [&](const Shape& s) { return s.begin() + axis + 1; };
  const bool one_axis = std::all_of(after(shape.first), shape.first.end(), is_one) &&
                        std::all_of(after(shape.second), shape.second.end(), is_one);
  if (!flattens || one_axis) {
    context.append(node, Softmax{given}, {src});
    return;
  }
  const NodeId flat = context.append(node.name + "/flatten", Flatten{axis}, {src});
  const NodeId softmax = context.append(node.name + "/softmax", Softmax{1}, {flat});
  Shape dims = shape.first;
  for (std::size_t i = 0; i < dims.size(); ++i) {
    if (shape.depends_on_batch(i)) dims[i] = i == 0 && axis == 1 ? 0 : -1;
  }
  context.append(node, Reshape{std::move(dims)}, {softmax});
}

/// Identity, and Dropout, which does nothing in inference.
inline void import_identity(ImportContext& context, const GraphNode& node) {
  if (const ConstantPtr training = context.constant_or_null(node, 2); node.type == "Dropout" && training) {
    const std::vector<std::int64_t> value = context.reader.integers(*training);
    if (!value.empty() && value[0] != 0) throw Error("", "is in training mode", "export the model in evaluation mode");
  }
  context.define(node, context.src(node, 0));
}

inline constexpr Operator shape_operators[] = {
    {"Concat", 4, import_concat},
    {"Flatten", 1, import_flatten, fold_reshape},
    {"Reshape", 5, import_reshape, fold_reshape},
    {"Squeeze", 1, import_squeeze, fold_reshape},
    {"Unsqueeze", 1, import_unsqueeze, fold_reshape},
    {"Softmax", 1, import_softmax},
    {"Identity", 1, import_identity, fold_identity},
    {"Dropout", 7, import_identity, fold_identity},
    {"Constant", 1, nullptr, fold_constant},
    {"Transpose", 1, nullptr, fold_transpose},
    {"Cast", 6, nullptr, fold_cast},
};

}  // namespace fulcrum::detail::onnx_io
