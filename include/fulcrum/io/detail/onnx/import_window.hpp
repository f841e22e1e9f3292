#pragma once
/// \file
/// Operators with a sliding window, and those that stand beside them in convolutional networks: Conv, MaxPool,
/// AveragePool, GlobalMaxPool, GlobalAveragePool, BatchNormalization.

#include <array>
#include <string>
#include <vector>

#include <fulcrum/io/detail/onnx/operator.hpp>

namespace fulcrum::detail::onnx_io {

/// Two settings of an attribute ("strides"), or their default.
inline Extent2 extent2_attribute(const GraphNode& node, const char* name, Extent2 otherwise) {
  const std::vector<std::int64_t> values = integers_attribute(node, name);
  if (values.empty()) return otherwise;
  const std::string where = std::string("attribute '") + name + "'";
  if (values.size() != 2) {
    throw Error(where, "has " + std::to_string(values.size()) + " values", "only 2-D windows are supported");
  }
  for (const std::int64_t value : values) {
    if (value < 1 || value > max_setting) throw Error(where, "has a value of " + std::to_string(value), "check it");
  }
  return {values[0], values[1]};
}

/// Padding that gives ⌈extent / stride⌉ outputs (auto_pad SAME_UPPER: the odd one goes to the end).
inline std::array<std::int64_t, 2> same_padding(std::int64_t extent, std::int64_t stride, std::int64_t span,
                                                bool upper) {
  const std::int64_t outputs = (extent + stride - 1) / stride;
  const std::int64_t total = std::max<std::int64_t>((outputs - 1) * stride + span - extent, 0);
  const std::int64_t half = total / 2;
  return upper ? std::array{half, total - half} : std::array{total - half, half};
}

inline Window read_window(ImportContext& context, const GraphNode& node, NodeId src, Extent2 kernel) {
  const TracedShape& shape = context.shape(src);
  if (shape.rank() != 4) {
    throw Error("", "takes a source of shape " + to_string(shape.first), "only 2-D (batch, c, h, w) is supported");
  }
  if (shape.depends_on_batch(2) || shape.depends_on_batch(3)) {
    throw Error("", "takes a source whose height or width depends on the batch");
  }
  Window window;
  window.kernel = kernel;
  window.stride = extent2_attribute(node, "strides", {1, 1});
  window.dilation = extent2_attribute(node, "dilations", {1, 1});
  window.ceil_mode = integer_attribute(node, "ceil_mode", 0) != 0;
  for (const std::size_t axis : {std::size_t{0}, std::size_t{1}}) {
    if (kernel[axis] < 1 || kernel[axis] > max_setting || window.dilation[axis] > max_setting / kernel[axis]) {
      throw Error("",
                  "has a window of " + std::to_string(kernel[axis]) + " elements, " +
                      std::to_string(window.dilation[axis]) + " apart",
                  "check its kernel_shape and dilations");
    }
  }
  const std::string auto_pad = text_attribute(node, "auto_pad", "NOTSET");
  if (auto_pad == "SAME_UPPER" || auto_pad == "SAME_LOWER") {
    std::array<std::array<std::int64_t, 2>, 2> pads{};
    for (const std::size_t axis : {std::size_t{0}, std::size_t{1}}) {
      pads[axis] = same_padding(shape.first[axis + 2], window.stride[axis],
                                window.dilation[axis] * (kernel[axis] - 1) + 1, auto_pad == "SAME_UPPER");
    }
    window.padding = {pads[0][0], pads[1][0], pads[0][1], pads[1][1]};
    window.ceil_mode = false;  // SAME says how many outputs there are
  } else if (auto_pad == "NOTSET" || auto_pad.empty()) {
    const std::vector<std::int64_t> pads = integers_attribute(node, "pads");
    if (!pads.empty() && pads.size() != 4) {
      throw Error("attribute 'pads'", "has " + std::to_string(pads.size()) + " values",
                  "give 4: top, left, bottom, right");
    }
    for (const std::int64_t pad : pads) {
      if (pad < 0 || pad > max_setting) {
        throw Error("attribute 'pads'", "has a value of " + std::to_string(pad), "only padding from 0 up is supported");
      }
    }
    if (!pads.empty()) window.padding = {pads[0], pads[1], pads[2], pads[3]};
  } else if (auto_pad != "VALID") {
    throw Error("attribute 'auto_pad'", "is '" + auto_pad + "'", "use NOTSET, SAME_UPPER, SAME_LOWER or VALID");
  }
  return window;
}

inline void import_conv(ImportContext& context, const GraphNode& node) {
  const NodeId src = context.src(node, 0);
  Conv<float> layer;
  layer.weights = context.weights(node, 1);
  if (layer.weights.quantization && layer.weights.quantization->axis > 0) layer.weights.quantization.reset();
  const Shape weights = layer.weights.value->dims();
  if (weights.size() != 4) {
    throw Error("its weights", "have the shape " + to_string(weights), "only 2-D convolutions are supported");
  }
  if (context.has_input(node, 2)) layer.bias = context.parameter(node, 2, "biases");
  const Extent2 kernel = extent2_attribute(node, "kernel_shape", {weights[2], weights[3]});
  layer.window = read_window(context, node, src, kernel);
  layer.window.ceil_mode = false;
  layer.groups = integer_attribute(node, "group", 1);
  if (layer.groups < 1 || layer.groups > max_setting) {
    throw Error("attribute 'group'", "is " + std::to_string(layer.groups), "check it");
  }
  context.append(node, std::move(layer), {src});
}

inline void import_pool(ImportContext& context, const GraphNode& node) {
  const NodeId src = context.src(node, 0);
  const Extent2 kernel = extent2_attribute(node, "kernel_shape", {0, 0});
  if (kernel[0] == 0) throw Error("attribute 'kernel_shape'", "is missing", "the file is damaged; export it again");
  Pool layer;
  layer.pool = node.type == "MaxPool" ? PoolKind::max : PoolKind::average;
  layer.window = read_window(context, node, src, kernel);
  layer.count_include_pad = layer.pool == PoolKind::average && integer_attribute(node, "count_include_pad", 0) != 0;
  const Padding& padding = layer.window.padding;
  const auto span = [&](std::size_t axis) { return layer.window.dilation[axis] * (kernel[axis] - 1) + 1; };
  if (std::max(padding.top, padding.bottom) >= span(0) || std::max(padding.left, padding.right) >= span(1)) {
    throw Error("attribute 'pads'", "is as wide as the window, which then sees no element", "use less padding");
  }
  context.append(node, layer, {src});
}

inline void import_global_pool(ImportContext& context, const GraphNode& node) {
  const NodeId src = context.src(node, 0);
  if (context.shape(src).rank() != 4) {
    throw Error("", "takes a source of shape " + to_string(context.shape(src).first),
                "only 2-D (batch, c, h, w) is supported");
  }
  context.append(node, GlobalPool{node.type == "GlobalMaxPool" ? PoolKind::max : PoolKind::average}, {src});
}

inline void import_batch_normalization(ImportContext& context, const GraphNode& node) {
  if (integer_attribute(node, "training_mode", 0) != 0) {
    throw Error("attribute 'training_mode'", "is set", "export the model in evaluation mode");
  }
  if (integer_attribute(node, "spatial", 1) != 1) {
    throw Error("attribute 'spatial'", "is 0: statistics per element are not supported",
                "export with opset 9 or later");
  }
  const NodeId src = context.src(node, 0);
  BatchNormalization<float> layer;
  layer.scale = context.parameter(node, 1, "scales");
  layer.shift = context.parameter(node, 2, "shifts");
  layer.mean = context.parameter(node, 3, "means");
  layer.variance = context.parameter(node, 4, "variances");
  layer.epsilon = decimal(number_attribute(node, "epsilon", 1e-5F));
  for (const float variance : std::as_const(*layer.variance.value).flat()) {
    if (!(static_cast<double>(variance) + layer.epsilon > 0.0)) {
      throw Error("its variances", "have an element of " + std::to_string(variance), "export the trained model again");
    }
  }
  context.append(node, std::move(layer), {src});
}

inline constexpr Operator window_operators[] = {
    {"Conv", 1, import_conv},
    {"MaxPool", 1, import_pool},
    {"AveragePool", 7, import_pool},
    {"GlobalMaxPool", 1, import_global_pool},
    {"GlobalAveragePool", 1, import_global_pool},
    {"BatchNormalization", 7, import_batch_normalization},
};

}  // namespace fulcrum::detail::onnx_io
