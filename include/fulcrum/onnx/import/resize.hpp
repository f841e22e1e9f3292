#pragma once
/// \file
/// Resize and its forerunner Upsample.

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <numeric>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include <fulcrum/onnx/import/pieces.hpp>

namespace fulcrum::detail::onnx_io {

inline ResizeKind resize_kind(const GraphNode& node) {
  const std::string mode = text_attribute(node, "mode", "nearest");
  if (mode == "nearest") return ResizeKind::nearest;
  if (mode == "linear" || mode == "bilinear") return ResizeKind::linear;
  if (mode == "cubic") return ResizeKind::cubic;
  throw Error("attribute 'mode'", "is '" + mode + "'", "use nearest, linear or cubic");
}

inline ResizeRounding resize_rounding(const GraphNode& node) {
  const std::string mode = text_attribute(node, "nearest_mode", "round_prefer_floor");
  if (mode == "round_prefer_floor") return ResizeRounding::round_prefer_floor;
  if (mode == "round_prefer_ceil") return ResizeRounding::round_prefer_ceil;
  if (mode == "floor") return ResizeRounding::floor;
  if (mode == "ceil") return ResizeRounding::ceil;
  throw Error("attribute 'nearest_mode'", "is '" + mode + "'", "use a rounding, floor or ceil");
}

/// Where output positions lie, from opset 11 on. tf_half_pixel_for_nn (x + ½)/scale is half_pixel half an element
/// further: its floor is half_pixel rounded up at the middle, and its rounding down at the middle is half_pixel's ceil.
inline void read_coordinates(const GraphNode& node, Resize& layer) {
  const std::string mode = text_attribute(node, "coordinate_transformation_mode", "half_pixel");
  layer.rounding = resize_rounding(node);
  if (mode == "half_pixel") return;
  const std::pair<const char*, ResizeCoordinates> modes[] = {
      {"pytorch_half_pixel", ResizeCoordinates::pytorch_half_pixel},
      {"half_pixel_symmetric", ResizeCoordinates::half_pixel_symmetric},
      {"align_corners", ResizeCoordinates::align_corners},
      {"asymmetric", ResizeCoordinates::asymmetric},
      {"tf_crop_and_resize", ResizeCoordinates::tf_crop_and_resize},
  };
  for (const auto& [name, coordinates] : modes) {
    if (mode != name) continue;
    layer.coordinates = coordinates;
    return;
  }
  const bool shifted = mode == "tf_half_pixel_for_nn" && layer.mode == ResizeKind::nearest;
  if (shifted && layer.rounding == ResizeRounding::floor) {
    layer.rounding = ResizeRounding::round_prefer_ceil;
  } else if (shifted && layer.rounding == ResizeRounding::round_prefer_floor) {
    layer.rounding = ResizeRounding::ceil;
  } else {
    throw Error("attribute 'coordinate_transformation_mode'", "is '" + mode + "'", "use half_pixel");
  }
}

/// Sizes for the named axes; −1 where the source's own extent is wanted.
inline void read_sizes(const GraphNode& node, Resize& layer, const TracedIntegers& sizes,
                       const std::vector<std::size_t>& axes, const TracedShape& shape) {
  if (sizes.first.size() != axes.size()) throw Error("its sizes", "are not one for each axis", "check the export");
  layer.sizes.assign(shape.rank(), -1);
  for (std::size_t i = 0; i < axes.size(); ++i) {
    const std::size_t axis = axes[i];
    if (sizes.first[i] == shape.first[axis] && sizes.second[i] == shape.second[axis]) {
      if (!shape.depends_on_batch(axis)) layer.sizes[axis] = sizes.first[i];
      continue;
    }
    if (sizes.first[i] != sizes.second[i] || shape.depends_on_batch(axis)) {
      throw Error("its sizes", "depend on the batch, or resize it", "export with a fixed batch");
    }
    if (sizes.first[i] < 0) throw Error("its sizes", "hold " + std::to_string(sizes.first[i]), "check the export");
    layer.sizes[axis] = sizes.first[i];
  }
  const std::string policy = text_attribute(node, "keep_aspect_ratio_policy", "stretch");
  if (policy == "not_larger")
    layer.aspect = ResizeAspect::not_larger;
  else if (policy == "not_smaller")
    layer.aspect = ResizeAspect::not_smaller;
  else if (policy != "stretch")
    throw Error("attribute 'keep_aspect_ratio_policy'", "is '" + policy + "'", "use stretch");
}

inline void set_scales(Resize& layer, const std::vector<float>& scales, const std::vector<std::size_t>& axes,
                       std::size_t rank) {
  if (scales.size() != axes.size()) throw Error("its scales", "are not one for each axis", "check the export");
  layer.scales.assign(rank, 1.0F);
  for (std::size_t i = 0; i < axes.size(); ++i) layer.scales[axes[i]] = scales[i];
}

inline std::vector<std::size_t> all_axes(std::size_t rank) {
  std::vector<std::size_t> axes(rank);
  std::iota(axes.begin(), axes.end(), std::size_t{0});
  return axes;
}

/// Upsample, and Resize of opset 10: positions are x/scale, nearest rounds down.
inline void import_old_resize(ImportContext& context, const GraphNode& node) {
  const NodeId src = context.src(node, 0);
  const std::size_t rank = context.shape(src).rank();
  Resize layer;
  layer.mode = resize_kind(node);
  layer.coordinates = ResizeCoordinates::asymmetric;
  layer.rounding = ResizeRounding::floor;
  const bool from_input = context.has_input(node, 1);
  set_scales(layer, from_input ? context.numbers(node, 1, "scales") : numbers_attribute(node, "scales"), all_axes(rank),
             rank);
  context.append(node, std::move(layer), {src});
}

/// Inputs from opset 11 on: a region, then scales or sizes (the other empty or absent); from 18 on for some axes.
inline void import_resize(ImportContext& context, const GraphNode& node) {
  if (node.opset < 11) return import_old_resize(context, node);
  const NodeId src = context.src(node, 0);
  const TracedShape shape = context.shape(src);
  std::vector<std::size_t> axes = all_axes(shape.rank());
  if (has_attribute(node, "axes")) {
    axes.clear();
    for (const std::int64_t axis : integers_attribute(node, "axes"))
      axes.push_back(normalized_axis(axis, shape.rank()));
  }
  Resize layer;
  layer.mode = resize_kind(node);
  read_coordinates(node, layer);
  const bool has_region = context.has_input(node, 1);
  layer.cubic_coefficient = number_attribute(node, "cubic_coeff_a", -0.75F);
  layer.extrapolation = number_attribute(node, "extrapolation_value", 0.0F);
  layer.exclude_outside = integer_attribute(node, "exclude_outside", 0) != 0;
  layer.antialias = integer_attribute(node, "antialias", 0) != 0;
  if (layer.coordinates == ResizeCoordinates::tf_crop_and_resize) {
    if (!has_region) throw Error("its region", "is missing", "the file is damaged; export it again");
    const std::vector<float> roi = context.numbers(node, 1, "region bounds");
    if (roi.size() != 2 * axes.size()) throw Error("its region", "has not a start and an end for each axis");
    layer.roi.assign(2 * shape.rank(), 0.0F);
    std::fill(layer.roi.begin() + static_cast<std::ptrdiff_t>(shape.rank()), layer.roi.end(), 1.0F);
    for (std::size_t i = 0; i < axes.size(); ++i) {
      layer.roi[axes[i]] = roi[i];
      layer.roi[axes[i] + shape.rank()] = roi[i + axes.size()];
    }
  }
  std::vector<float> scales;
  if (context.has_input(node, 2)) scales = context.numbers(node, 2, "scales");
  if (!scales.empty()) {
    if (context.has_input(node, 3) && !context.integers(node, 3, "sizes").empty()) {
      throw Error("", "has both scales and sizes", "the file is damaged; export it again");
    }
    set_scales(layer, scales, axes, shape.rank());
  } else {
    read_sizes(node, layer, traced_dims(context, node, 3, "scales or sizes"), axes, shape);
  }
  context.append(node, std::move(layer), {src});
}

}  // namespace fulcrum::detail::onnx_io
