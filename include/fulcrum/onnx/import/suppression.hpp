#pragma once
/// \file
/// NonMaxSuppression, and what is taken at the boxes it keeps. How many those are is known at run time alone; here they
/// are as many rows as there can be, those that are not used −1. What a Gather takes at such a row is 0.

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <utility>
#include <variant>
#include <vector>

#include <fulcrum/onnx/import/steps.hpp>

namespace fulcrum::detail::onnx_io {

inline void import_non_max_suppression(ImportContext& context, const GraphNode& node) {
  const NodeId boxes = context.src(node, 0);
  const NodeId scores = context.src(node, 1);
  NonMaxSuppression layer;
  layer.centered = integer_attribute(node, "center_point_box", 0) != 0;
  if (context.has_input(node, 2)) {
    const std::vector<std::int64_t> most = context.integers(node, 2, "max_output_boxes_per_class");
    if (most.size() != 1) throw Error("its max_output_boxes_per_class", "is not one number", "check the export");
    layer.most_per_class = std::max<std::int64_t>(most[0], 0);
  }
  if (context.has_input(node, 3)) layer.iou_threshold = context.scalar(node, 3, "iou_threshold");
  if (context.has_input(node, 4)) layer.score_threshold = context.scalar(node, 4, "score_threshold");
  context.append(node, layer, {boxes, scores});
}

/// Whether a value is made of what a NonMaxSuppression keeps, so that its negative numbers are rows not used.
[[nodiscard]] inline bool comes_from_suppression(const ImportContext& context, NodeId value) {
  const auto is_suppression = [&](NodeId id) {
    return std::holds_alternative<NonMaxSuppression>(context.built[id].node.layer);
  };
  bool any = false;
  for (NodeId id = 0; id < context.built.size() && !any; ++id) any = is_suppression(id);
  if (!any) return false;
  std::vector<bool> seen(context.built.size(), false);
  std::vector<NodeId> left{value};
  while (!left.empty()) {
    const NodeId id = left.back();
    left.pop_back();
    if (seen[id]) continue;
    seen[id] = true;
    if (is_suppression(id)) return true;
    left.insert(left.end(), context.built[id].node.src.begin(), context.built[id].node.src.end());
  }
  return false;
}

/// Appends a layer that takes elements of `src` at `indices` as the node's result: 0 where an index is negative that
/// comes from a NonMaxSuppression.
/// \param tuple  the last axis of the indices is one index of several numbers
/// \param after  axes of the result behind those of the indices
inline void append_taken(ImportContext& context, const GraphNode& node, Layer<float> layer, NodeId src, NodeId indices,
                         bool tuple, std::size_t after) {
  if (!comes_from_suppression(context, indices)) {
    context.append(node, std::move(layer), {src, indices});
    return;
  }
  Steps steps(context, node);
  const ElementType element = context.element(indices);
  const NodeId zero = steps.number(0.0F, element);
  const NodeId taken = steps.layer("taken", std::move(layer), {src, steps.binary(BinaryKind::max, indices, zero)});
  NodeId least = indices;
  if (tuple) least = steps.reduce(ReduceKind::min, indices, {-1}, false);
  NodeId unused = steps.binary(BinaryKind::less, least, zero);
  unused = steps.reshape(unused, traced_shape(context.shape(unused), [&](Shape shape) {
                           shape.insert(shape.end(), after, 1);
                           return shape;
                         }));
  context.append(node, Where{}, {unused, steps.number(0.0F, context.element(taken)), taken});
}

inline constexpr Operator suppression_operators[] = {
    {"NonMaxSuppression", 10, import_non_max_suppression},
};

}  // namespace fulcrum::detail::onnx_io
