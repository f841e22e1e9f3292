#pragma once
/// \file
/// Reductions (ReduceSum, …, ArgMax, ArgMin), and Softmax and LogSoftmax, whose old form flattens.

#include <algorithm>
#include <cstdint>
#include <optional>
#include <utility>
#include <vector>

#include <fulcrum/onnx/import/pieces.hpp>

namespace fulcrum::detail::onnx_io {

/// Axes of Squeeze, Unsqueeze and the reductions: an attribute first, an input later (from opset 13 or 18 on).
inline std::optional<std::vector<std::int64_t>> read_axes(ImportContext& context, const GraphNode& node) {
  if (context.has_input(node, 1)) return context.integers(node, 1, "axes");
  if (has_attribute(node, "axes")) return integers_attribute(node, "axes");
  return std::nullopt;
}

/// A reduction along no axis at all: what it does to each element by itself.
inline void import_reduce_of_nothing(ImportContext& context, const GraphNode& node, ReduceKind function, NodeId src) {
  switch (function) {
    case ReduceKind::l1:
    case ReduceKind::l2: context.append(node, Activation{ActivationKind::abs}, {src}); return;
    case ReduceKind::log_sum: context.append(node, Activation{ActivationKind::log}, {src}); return;
    case ReduceKind::sum_square: context.append(node, Binary{BinaryKind::mul}, {src, src}); return;
    default: context.define(node, 0, src); return;
  }
}

/// Whether a reduction of whole numbers may give another number, or one outside their type.
inline bool leaves_type(ReduceKind function, ElementType element) {
  if (integer_bits(element) == 0 || function == ReduceKind::max || function == ReduceKind::min) return false;
  const bool is_whole = function == ReduceKind::sum || function == ReduceKind::prod || function == ReduceKind::l1 ||
                        function == ReduceKind::sum_square;
  return !is_whole || (element != ElementType::s32 && element != ElementType::s64);
}

template <ReduceKind function>
void import_reduce(ImportContext& context, const GraphNode& node) {
  const NodeId src = context.src(node, 0);
  Reduce layer{function, read_axes(context, node).value_or(std::vector<std::int64_t>()), true};
  layer.keep_dims = integer_attribute(node, "keepdims", 1) != 0;
  if (layer.axes.empty() && integer_attribute(node, "noop_with_empty_axes", 0) != 0) {
    import_reduce_of_nothing(context, node, function, src);
    return;
  }
  const ElementType element = context.element(src);
  if (!leaves_type(function, element)) {
    context.append(node, std::move(layer), {src});
    return;
  }
  const NodeId value = context.append(node.name + "/exact", std::move(layer), {src});
  context.append(node, Cast{element}, {value});
}

template <bool largest>
void import_arg_reduce(ImportContext& context, const GraphNode& node) {
  const NodeId src = context.src(node, 0);
  ArgReduce layer;
  layer.largest = largest;
  layer.axis = integer_attribute(node, "axis", 0);
  layer.keep_dims = integer_attribute(node, "keepdims", 1) != 0;
  layer.last = integer_attribute(node, "select_last_index", 0) != 0;
  context.append(node, layer, {src});
}

/// Softmax over one axis from opset 13 on; before, over all axes from `axis` on, as if they were one.
template <bool logarithm>
void import_softmax(ImportContext& context, const GraphNode& node) {
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
    context.append(node, Softmax{given, logarithm}, {src});
    return;
  }
  const NodeId flat = context.append(node.name + "/flatten", Flatten{axis}, {src});
  const NodeId softmax = context.append(node.name + "/softmax", Softmax{1, logarithm}, {flat});
  Reshape back = reshape_layer(context.shape(softmax), shape);
  context.append(node, std::move(back), {softmax});
}

inline constexpr Operator reduce_operators[] = {
    {"ReduceSum", 1, import_reduce<ReduceKind::sum>, nullptr, "axes noop_with_empty_axes"},
    {"ReduceMean", 1, import_reduce<ReduceKind::mean>, nullptr, "axes noop_with_empty_axes"},
    {"ReduceMax", 1, import_reduce<ReduceKind::max>, nullptr, "axes noop_with_empty_axes"},
    {"ReduceMin", 1, import_reduce<ReduceKind::min>, nullptr, "axes noop_with_empty_axes"},
    {"ReduceProd", 1, import_reduce<ReduceKind::prod>, nullptr, "axes noop_with_empty_axes"},
    {"ReduceL1", 1, import_reduce<ReduceKind::l1>, nullptr, "axes noop_with_empty_axes"},
    {"ReduceL2", 1, import_reduce<ReduceKind::l2>, nullptr, "axes noop_with_empty_axes"},
    {"ReduceLogSum", 1, import_reduce<ReduceKind::log_sum>, nullptr, "axes noop_with_empty_axes"},
    {"ReduceLogSumExp", 1, import_reduce<ReduceKind::log_sum_exp>, nullptr, "axes noop_with_empty_axes"},
    {"ReduceSumSquare", 1, import_reduce<ReduceKind::sum_square>, nullptr, "axes noop_with_empty_axes"},
    {"ArgMax", 1, import_arg_reduce<true>},
    {"ArgMin", 1, import_arg_reduce<false>},
    {"Softmax", 1, import_softmax<false>},
    {"LogSoftmax", 1, import_softmax<true>},
};

}  // namespace fulcrum::detail::onnx_io
