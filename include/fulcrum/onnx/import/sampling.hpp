#pragma once
/// \file
/// GridSample and RoiAlign.

#include <string>

#include <fulcrum/onnx/import/pieces.hpp>

namespace fulcrum::detail::onnx_io {

/// The modes had other names before opset 20.
inline void import_grid_sample(ImportContext& context, const GraphNode& node) {
  const NodeId src = context.src(node, 0);
  const NodeId grid = context.src(node, 1);
  GridSample layer;
  const std::string mode = text_attribute(node, "mode", "linear");
  if (mode == "nearest") {
    layer.mode = GridSampleKind::nearest;
  } else if (mode == "cubic" || mode == "bicubic") {
    layer.mode = GridSampleKind::cubic;
  } else if (mode != "linear" && mode != "bilinear") {
    throw Error("attribute 'mode'", "is '" + mode + "'", "use linear, nearest or cubic");
  }
  const std::string padding = text_attribute(node, "padding_mode", "zeros");
  if (padding == "border") {
    layer.padding = GridSamplePadding::border;
  } else if (padding == "reflection") {
    layer.padding = GridSamplePadding::reflection;
  } else if (padding != "zeros") {
    throw Error("attribute 'padding_mode'", "is '" + padding + "'", "use zeros, border or reflection");
  }
  layer.align_corners = integer_attribute(node, "align_corners", 0) != 0;
  context.append(node, layer, {src, grid});
}

/// Before opset 16 the pixels' centers lay at 0.
inline void import_roi_align(ImportContext& context, const GraphNode& node) {
  const NodeId src = context.src(node, 0);
  const NodeId regions = context.src(node, 1);
  const NodeId images = context.src(node, 2);
  RoiAlign layer;
  layer.height = expect_setting(integer_attribute(node, "output_height", 1), "output_height");
  layer.width = expect_setting(integer_attribute(node, "output_width", 1), "output_width");
  layer.samples = integer_attribute(node, "sampling_ratio", 0);
  if (layer.samples != 0) expect_setting(layer.samples, "sampling_ratio");
  layer.scale = number_attribute(node, "spatial_scale", 1.0F);
  const std::string mode = text_attribute(node, "mode", "avg");
  if (mode != "avg" && mode != "max") throw Error("attribute 'mode'", "is '" + mode + "'", "use avg or max");
  layer.largest = mode == "max";
  const char* otherwise = node.opset < 16 ? "output_half_pixel" : "half_pixel";
  const std::string coordinates = text_attribute(node, "coordinate_transformation_mode", otherwise);
  if (coordinates != "half_pixel" && coordinates != "output_half_pixel") {
    throw Error("attribute 'coordinate_transformation_mode'", "is '" + coordinates + "'", "use half_pixel");
  }
  layer.half_pixel = coordinates == "half_pixel";
  context.append(node, layer, {src, regions, images});
}

inline constexpr Operator sampling_operators[] = {
    {"GridSample", 16, import_grid_sample},
    {"RoiAlign", 10, import_roi_align},
};

}  // namespace fulcrum::detail::onnx_io
