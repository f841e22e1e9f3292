#pragma once
/// \file
/// Operators with a sliding window: Conv, ConvTranspose, MaxPool, AveragePool, LpPool; and GlobalMaxPool,
/// GlobalAveragePool, GlobalLpPool. The table lists the normalizations of import_normalization.hpp too.

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include <fulcrum/onnx/import/normalization.hpp>
#include <fulcrum/onnx/import/window_attributes.hpp>

namespace fulcrum::detail::onnx_io {

inline void import_conv(ImportContext& context, const GraphNode& node) {
  const NodeId src = context.src(node, 0);
  const TracedShape shape = context.shape(src);
  static_cast<void>(spatial_axes(shape));
  Conv<float> layer;
  layer.weights = context.weights(node, 1);
  if (context.has_input(node, 2)) layer.bias = context.parameter(node, 2, "biases");
  layer.window = read_window(node, shape, kernel_of(node, layer.weights.value->dims(), shape)).window();
  layer.window.ceil_mode = false;
  layer.groups = expect_setting(integer_attribute(node, "group", 1), "group");
  as_plane(layer.weights);
  append_on_plane(context, node, 0, node.name, std::move(layer), src);
}

/// Padding of a transposed convolution that is to have certain extents: all of what is too much, half on each end, the
/// odd one at the start unless SAME_UPPER says otherwise; what is too little is added at the end.
inline void fit_output(SpatialWindow& window, Shape& more, std::size_t axis, std::int64_t extent, std::int64_t wanted,
                       bool upper) {
  const std::int64_t whole = (extent - 1) * window.stride[axis] + window.span(axis) + more[axis];
  share_padding(window, axis, std::max<std::int64_t>(whole - wanted, 0), upper);
  more[axis] += std::max<std::int64_t>(wanted - whole, 0);
}

inline void import_conv_transpose(ImportContext& context, const GraphNode& node) {
  const NodeId src = context.src(node, 0);
  const TracedShape shape = context.shape(src);
  const std::size_t axes = spatial_axes(shape);
  ConvTranspose<float> layer;
  layer.weights = context.parameter(node, 1, "weights");
  if (context.has_input(node, 2)) layer.bias = context.parameter(node, 2, "biases");
  SpatialWindow window = read_steps(node, kernel_of(node, layer.weights.value->dims(), shape));
  const std::string auto_pad = read_auto_pad(node);
  Shape more = integers_attribute(node, "output_padding");
  if (more.empty()) more.assign(axes, 0);
  Shape wanted = integers_attribute(node, "output_shape");
  if (wanted.size() == shape.rank()) wanted.erase(wanted.begin(), wanted.begin() + 2);
  if (more.size() != axes || (!wanted.empty() && wanted.size() != axes)) {
    throw Error("attribute 'output_padding' or 'output_shape'", "has not one value for each axis", "check the export");
  }
  for (const std::int64_t extra : more) {
    if (extra < 0 || extra > max_setting) throw Error("attribute 'output_padding'", "is out of range", "check it");
  }
  if (auto_pad == "NOTSET" && wanted.empty()) read_pads(node, window);
  for (std::size_t axis = 0; axis < axes; ++axis) {
    const bool same = auto_pad == "SAME_UPPER" || auto_pad == "SAME_LOWER";
    if (wanted.empty() && !same) continue;
    const std::int64_t extent = spatial_extent(shape, axis);
    const std::int64_t size =
        wanted.empty() ? extent * window.stride[axis] : expect_setting(wanted[axis], "output_shape");
    fit_output(window, more, axis, extent, size, auto_pad == "SAME_UPPER");
  }
  layer.window = window.window();
  layer.output_padding = {axes >= 2 ? more[axes - 2] : 0, more[axes - 1]};
  layer.depth_output_padding = axes == 3 ? more[0] : 0;
  layer.groups = expect_setting(integer_attribute(node, "group", 1), "group");
  as_plane(layer.weights);
  append_on_plane(context, node, 0, node.name, std::move(layer), src);
}

/// A pooling's window.
/// \throws Error when it may lie in the padding alone
inline SpatialWindow read_pool_window(const GraphNode& node, const TracedShape& shape) {
  const std::size_t axes = spatial_axes(shape);
  if (!has_attribute(node, "kernel_shape")) {
    throw Error("attribute 'kernel_shape'", "is missing", "the file is damaged; export it again");
  }
  SpatialWindow window = read_window(node, shape, spatial_attribute(node, "kernel_shape", axes));
  for (std::size_t axis = 0; axis < axes; ++axis) {
    if (std::max(window.before[axis], window.after[axis]) >= window.span(axis)) {
      throw Error("attribute 'pads'", "is as wide as the window, which then sees no element", "use less padding");
    }
  }
  return window;
}

inline void import_pool(ImportContext& context, const GraphNode& node) {
  const NodeId src = context.src(node, 0);
  Pool layer;
  layer.pool = node.type == "MaxPool" ? PoolKind::max : PoolKind::average;
  layer.window = read_pool_window(node, context.shape(src)).window();
  layer.count_include_pad = layer.pool == PoolKind::average && integer_attribute(node, "count_include_pad", 0) != 0;
  append_on_plane(context, node, 0, node.name, layer, src);
  if (layer.pool != PoolKind::max || !context.wants(node, 1)) return;
  const bool column_major = integer_attribute(node, "storage_order", 0) != 0;
  append_on_plane(context, node, 1, node.name + "/indices", MaxPoolIndices{layer.window, column_major}, src);
}

/// |x|^p.
inline NodeId append_power(ImportContext& context, const GraphNode& node, NodeId src, std::int64_t p) {
  if (p == 2) return context.append(node.name + "/square", Binary{BinaryKind::mul}, {src, src});
  const NodeId magnitude = context.append(node.name + "/abs", Activation{ActivationKind::abs}, {src});
  if (p == 1) return magnitude;
  const NodeId exponent = append_number(context, node.name + "/p", static_cast<float>(p));
  return context.append(node.name + "/power", Binary{BinaryKind::pow}, {magnitude, exponent});
}

/// x^(1/p), the node's output.
inline void append_root(ImportContext& context, const GraphNode& node, NodeId src, std::int64_t p) {
  if (p == 1) return context.define(node, 0, src);
  if (p == 2) return static_cast<void>(context.append(node, Activation{ActivationKind::sqrt}, {src}));
  const NodeId exponent = append_number(context, node.name + "/1_p", 1.0F / static_cast<float>(p));
  context.append(node, Binary{BinaryKind::pow}, {src, exponent});
}

/// (Σ |x|^p)^(1/p) over a window: the sum is a depthwise convolution with ones.
inline void import_lp_pool(ImportContext& context, const GraphNode& node) {
  const NodeId src = context.src(node, 0);
  const TracedShape shape = context.shape(src);
  const std::int64_t p = expect_setting(integer_attribute(node, "p", 2), "p");
  SpatialWindow window = read_pool_window(node, shape);
  for (std::size_t axis = 0; axis < window.axes() && window.ceil_mode; ++axis) {  // room for a last, partial window
    const std::int64_t extent = spatial_extent(shape, axis);
    const WindowAxis settings{window.kernel[axis], window.stride[axis],   window.before[axis],
                              window.after[axis],  window.dilation[axis], true};
    const std::int64_t outputs = output_extent(settings, extent, "LpPool");
    const std::int64_t reach = (outputs - 1) * window.stride[axis] + window.span(axis);
    window.after[axis] = std::max(window.after[axis], reach - extent - window.before[axis]);
  }
  window.ceil_mode = false;
  Conv<float> sum;
  sum.groups = shape.first[1];
  Shape dims{sum.groups, 1};
  dims.insert(dims.end(), window.kernel.begin(), window.kernel.end());
  const std::int64_t elements = element_count(dims);
  if (elements > max_setting) throw Error("", "has a window with too many elements", "check its kernel_shape");
  context.reader.budget.charge(static_cast<std::size_t>(elements) * sizeof(float));
  sum.weights = Parameter<float>(Tensor<float>(dims, 1.0F));
  sum.window = window.window();
  as_plane(sum.weights);
  const NodeId powers = as_plane(context, node, append_power(context, node, src, p));
  NodeId sums = context.append(node.name + "/sum", std::move(sum), {powers});
  if (shape.rank() == 3)
    sums = append_reshape(context, node.name + "/line", sums, without_axis(context.shape(sums), 2));
  append_root(context, node, sums, p);
}

/// All axes after the channels.
inline std::vector<std::int64_t> spatial_axis_list(const TracedShape& shape) {
  std::vector<std::int64_t> axes;
  for (std::size_t axis = 2; axis < shape.rank(); ++axis) axes.push_back(static_cast<std::int64_t>(axis));
  if (axes.empty()) {
    throw Error("", "takes a source of shape " + to_string(shape.first), "give it one (batch, channels, …)");
  }
  return axes;
}

inline void import_global_pool(ImportContext& context, const GraphNode& node) {
  const NodeId src = context.src(node, 0);
  const TracedShape shape = context.shape(src);
  const bool max = node.type == "GlobalMaxPool";
  if (shape.rank() == 4) {
    context.append(node, GlobalPool{max ? PoolKind::max : PoolKind::average}, {src});
    return;
  }
  context.append(node, Reduce{max ? ReduceKind::max : ReduceKind::mean, spatial_axis_list(shape), true}, {src});
}

inline void import_global_lp_pool(ImportContext& context, const GraphNode& node) {
  const NodeId src = context.src(node, 0);
  const std::vector<std::int64_t> axes = spatial_axis_list(context.shape(src));
  const std::int64_t p = expect_setting(integer_attribute(node, "p", 2), "p");
  if (p <= 2) {
    context.append(node, Reduce{p == 1 ? ReduceKind::l1 : ReduceKind::l2, axes, true}, {src});
    return;
  }
  const NodeId powers = append_power(context, node, src, p);
  const NodeId sums = context.append(node.name + "/sum", Reduce{ReduceKind::sum, axes, true}, {powers});
  append_root(context, node, sums, p);
}

inline constexpr Operator window_operators[] = {
    {"Conv", 1, import_conv, nullptr, "pads"},
    {"ConvTranspose", 1, import_conv_transpose, nullptr, "pads"},
    {"MaxPool", 1, import_pool, nullptr, "pads storage_order"},
    {"AveragePool", 1, import_pool, nullptr, "pads"},
    {"LpPool", 2, import_lp_pool, nullptr, "pads"},
    {"GlobalMaxPool", 1, import_global_pool},
    {"GlobalAveragePool", 1, import_global_pool},
    {"GlobalLpPool", 2, import_global_lp_pool},
    {"BatchNormalization", 6, import_batch_normalization, nullptr, "momentum"},
    {"LRN", 1, import_lrn},
    {"InstanceNormalization", 6, import_instance_normalization},
    {"LayerNormalization", 1, import_layer_normalization, nullptr, "stash_type"},
    {"GroupNormalization", 18, import_group_normalization, nullptr, "stash_type"},
    {"RMSNormalization", 23, import_rms_normalization, nullptr, "stash_type"},
    {"SimplifiedLayerNormalization", 1, import_rms_normalization, nullptr, "stash_type"},  // ONNX Runtime's
    {"MeanVarianceNormalization", 9, import_mean_variance_normalization},
};

}  // namespace fulcrum::detail::onnx_io
