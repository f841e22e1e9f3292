#pragma once
/// \file
/// A window's attributes over one to three spatial axes, and the Window they stand for.

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include <fulcrum/onnx/import/pieces.hpp>

namespace fulcrum::detail::onnx_io {

/// Settings along each spatial axis of a source (n, c, w), (n, c, h, w) or (n, c, d, h, w), outermost first.
struct SpatialWindow {
  Shape kernel, stride, dilation, before, after;
  bool ceil_mode = false;

  [[nodiscard]] std::size_t axes() const noexcept { return kernel.size(); }
  [[nodiscard]] std::int64_t span(std::size_t axis) const { return dilation[axis] * (kernel[axis] - 1) + 1; }

  [[nodiscard]] Window window() const {
    Window result;
    result.ceil_mode = ceil_mode;
    const std::size_t w = axes() - 1;
    result.kernel[1] = kernel[w];
    result.stride[1] = stride[w];
    result.dilation[1] = dilation[w];
    result.padding.left = before[w];
    result.padding.right = after[w];
    if (axes() >= 2) {
      const std::size_t h = axes() - 2;
      result.kernel[0] = kernel[h];
      result.stride[0] = stride[h];
      result.dilation[0] = dilation[h];
      result.padding.top = before[h];
      result.padding.bottom = after[h];
    }
    if (axes() == 3) result.depth = {kernel[0], stride[0], before[0], after[0], dilation[0]};
    return result;
  }
};

/// The number of spatial axes of a source.
/// \throws Error when it is not 1, 2 or 3
inline std::size_t spatial_axes(const TracedShape& shape) {
  if (shape.rank() < 3 || shape.rank() > 5) {
    throw Error("", "takes a source of shape " + to_string(shape.first),
                "only sources (batch, channels, …) with 1 to 3 axes more are supported");
  }
  return shape.rank() - 2;
}

/// The extent along a spatial axis, the same for every batch.
inline std::int64_t spatial_extent(const TracedShape& shape, std::size_t axis) {
  if (shape.depends_on_batch(axis + 2)) {
    throw Error("", "takes a source whose height or width depends on the batch");
  }
  const std::int64_t extent = shape.first[axis + 2];
  if (extent > max_setting) throw Error("", "takes a source of shape " + to_string(shape.first), "check its extents");
  return extent;
}

/// As many settings ≥ 1 as there are axes, or 1 for each.
inline Shape spatial_attribute(const GraphNode& node, const char* name, std::size_t axes) {
  Shape values = integers_attribute(node, name);
  if (values.empty()) return Shape(axes, 1);
  if (values.size() != axes) {
    throw Error(std::string("attribute '") + name + "'", "has " + std::to_string(values.size()) + " values",
                "give " + std::to_string(axes));
  }
  for (const std::int64_t value : values) static_cast<void>(expect_setting(value, name));
  return values;
}

/// Padding that is ≥ 0: all starts, then all ends.
inline void read_pads(const GraphNode& node, SpatialWindow& window) {
  const std::vector<std::int64_t> pads = integers_attribute(node, "pads");
  window.before.assign(window.axes(), 0);
  window.after.assign(window.axes(), 0);
  if (pads.empty()) return;
  if (pads.size() != 2 * window.axes()) {
    throw Error("attribute 'pads'", "has " + std::to_string(pads.size()) + " values",
                "give " + std::to_string(2 * window.axes()) + ": all starts, then all ends");
  }
  for (const std::int64_t pad : pads) {
    if (pad < 0 || pad > max_setting) {
      throw Error("attribute 'pads'", "has a value of " + std::to_string(pad), "only padding from 0 up is supported");
    }
  }
  const auto middle = pads.begin() + static_cast<std::ptrdiff_t>(window.axes());
  window.before.assign(pads.begin(), middle);
  window.after.assign(middle, pads.end());
}

/// auto_pad, checked: NOTSET, VALID, SAME_UPPER or SAME_LOWER.
inline std::string read_auto_pad(const GraphNode& node) {
  const std::string auto_pad = text_attribute(node, "auto_pad", "NOTSET");
  if (auto_pad.empty()) return "NOTSET";
  if (auto_pad != "NOTSET" && auto_pad != "VALID" && auto_pad != "SAME_UPPER" && auto_pad != "SAME_LOWER") {
    throw Error("attribute 'auto_pad'", "is '" + auto_pad + "'", "use NOTSET, SAME_UPPER, SAME_LOWER or VALID");
  }
  return auto_pad;
}

/// A total padding on both ends of an axis; the odd one goes to the end with SAME_UPPER, else to the start.
inline void share_padding(SpatialWindow& window, std::size_t axis, std::int64_t total, bool upper) {
  const std::int64_t half = total / 2;
  window.before[axis] = upper ? half : total - half;
  window.after[axis] = upper ? total - half : half;
}

/// Kernel, strides and dilations, without padding.
inline SpatialWindow read_steps(const GraphNode& node, Shape kernel) {
  SpatialWindow window;
  window.kernel = std::move(kernel);
  window.stride = spatial_attribute(node, "strides", window.axes());
  window.dilation = spatial_attribute(node, "dilations", window.axes());
  window.before.assign(window.axes(), 0);
  window.after.assign(window.axes(), 0);
  for (std::size_t axis = 0; axis < window.axes(); ++axis) {
    if (window.kernel[axis] < 1 || window.kernel[axis] > max_setting ||
        window.dilation[axis] > max_setting / window.kernel[axis]) {
      std::string what = "has a window of ";
      what.append(std::to_string(window.kernel[axis])).append(" elements, ");
      throw Error("", what.append(std::to_string(window.dilation[axis])).append(" apart"),
                  "check its kernel_shape and dilations");
    }
  }
  return window;
}

/// All settings of a convolution or pooling over a source of this shape. SAME pads so that there are
/// ⌈extent / stride⌉ outputs.
inline SpatialWindow read_window(const GraphNode& node, const TracedShape& shape, Shape kernel) {
  SpatialWindow window = read_steps(node, std::move(kernel));
  window.ceil_mode = integer_attribute(node, "ceil_mode", 0) != 0;
  const std::string auto_pad = read_auto_pad(node);
  if (auto_pad == "NOTSET") {
    read_pads(node, window);
    return window;
  }
  window.ceil_mode = false;  // the others say how many outputs there are
  if (auto_pad == "VALID") return window;
  for (std::size_t axis = 0; axis < window.axes(); ++axis) {
    const std::int64_t extent = spatial_extent(shape, axis);
    const std::int64_t outputs = (extent + window.stride[axis] - 1) / window.stride[axis];
    const std::int64_t total =
        std::max<std::int64_t>((outputs - 1) * window.stride[axis] + window.span(axis) - extent, 0);
    share_padding(window, axis, total, auto_pad == "SAME_UPPER");
  }
  return window;
}

/// A source (n, c, w) as (n, c, 1, w); others as they are.
inline NodeId as_plane(ImportContext& context, const GraphNode& node, NodeId src) {
  const TracedShape shape = context.shape(src);
  return shape.rank() == 3 ? append_reshape(context, node.name + "/plane", src, with_axis(shape, 2)) : src;
}

/// Adds a layer that takes as_plane(src), and takes the height away again; the node's output of this number.
inline void append_on_plane(ImportContext& context, const GraphNode& node, std::size_t output, std::string name,
                            Layer<float> layer, NodeId src) {
  const bool line = context.shape(src).rank() == 3;
  const NodeId plane = as_plane(context, node, src);
  NodeId value = context.append(name, std::move(layer), {plane});
  if (line) value = append_reshape(context, name.append("/line"), value, without_axis(context.shape(value), 2));
  context.define(node, output, value);
}

/// Weights (…, kw) of a 1-D convolution as (…, 1, kw); others as they are.
inline void as_plane(Parameter<float>& weights) {
  Shape dims = weights.value->dims();
  if (dims.size() != 3) return;
  dims.insert(dims.begin() + 2, 1);
  weights.value = weights.value->reshaped(dims);
  if (!weights.mask.empty()) weights.mask = weights.mask->reshaped(dims);
}

/// The spatial extents of weights.
/// \throws Error when they do not have the source's rank
inline Shape kernel_of(const GraphNode& node, const Shape& weights, const TracedShape& shape) {
  if (weights.size() != shape.rank()) {
    throw Error("its weights", "have the shape " + to_string(weights), "the source is " + to_string(shape.first));
  }
  const Shape said = integers_attribute(node, "kernel_shape");
  Shape kernel(weights.begin() + 2, weights.end());
  return said.empty() ? kernel : spatial_attribute(node, "kernel_shape", kernel.size());
}

}  // namespace fulcrum::detail::onnx_io
