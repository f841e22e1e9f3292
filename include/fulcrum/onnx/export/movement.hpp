#pragma once
/// \file
/// Layers that move elements, and Resize, as ONNX nodes.

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include <fulcrum/onnx/export/context.hpp>

namespace fulcrum::detail::onnx_io {

inline bool is_any_type(ElementType) { return true; }

inline void export_layer(ExportContext& context, const Concat& layer) {
  const ElementType element = context.common_element(is_any_type);
  GraphWriter::attribute(context.writer.node("Concat", context.name, context.all_src(element)), "axis", layer.axis);
  context.define(element);
}

inline void export_layer(ExportContext& context, const Flatten& layer) {
  const ElementType element = context.element(0);
  GraphWriter::attribute(context.writer.node("Flatten", context.name, {context.src(0, element)}), "axis", layer.axis);
  context.define(element);
}

inline void export_layer(ExportContext& context, const Reshape& layer) {
  const ElementType element = context.element(0);
  const std::string src = context.src(0, element);
  const std::string shape = context.writer.integers(context.name + "/shape", layer.dims);
  auto& node = context.writer.node("Reshape", context.name, {src, shape});
  if (layer.allow_zero) GraphWriter::attribute(node, "allowzero", std::int64_t{1});
  context.define(element);
}

inline void export_layer(ExportContext& context, const Transpose& layer) {
  const ElementType element = context.element(0);
  auto& node = context.writer.node("Transpose", context.name, {context.src(0, element)});
  if (!layer.perm.empty()) GraphWriter::attribute(node, "perm", layer.perm);
  context.define(element);
}

inline void export_layer(ExportContext& context, const Slice& layer) {
  const ElementType element = context.element(0);
  GraphWriter& writer = context.writer;
  const std::string name = context.name;
  std::vector<std::string> inputs{context.src(0, element), writer.integers(name + "/starts", layer.starts),
                                  writer.integers(name + "/ends", layer.ends),
                                  writer.integers(name + "/axes", layer.axes)};
  if (!layer.steps.empty()) inputs.push_back(writer.integers(name + "/steps", layer.steps));
  writer.node("Slice", name, inputs);
  context.define(element);
}

/// The shape that the batch is a part of, computed from the shape of an input.
inline std::string write_batch_shape(ExportContext& context, const Shape& dims) {
  GraphWriter& writer = context.writer;
  const std::string name = context.name;
  const auto [input, axis] = context.batch_source();
  const std::string extents = writer.step("Shape", name + "/extents", {input});
  const std::string index = writer.integers(name + "/batch_axis", {axis});
  const std::string batch = writer.step("Gather", name + "/batch", {extents, index});
  std::vector<std::string> pieces;
  Shape known;
  const auto flush = [&] {
    if (!known.empty()) pieces.push_back(writer.integers(name + "/dims", known));
    known.clear();
  };
  for (const std::int64_t dim : dims) {
    if (dim != batch_dim) {
      known.push_back(dim);
      continue;
    }
    flush();
    pieces.push_back(batch);
  }
  flush();
  const std::string shape = writer.reserve(name + "/shape");
  GraphWriter::attribute(writer.node("Concat", shape, pieces), "axis", std::int64_t{0});
  return shape;
}

inline void export_layer(ExportContext& context, const Expand& layer) {
  const ElementType element = context.element(0);
  const bool has_batch = std::find(layer.dims.begin(), layer.dims.end(), batch_dim) != layer.dims.end();
  const std::string src = context.src(0, element);
  const std::string shape =
      has_batch ? write_batch_shape(context, layer.dims) : context.writer.integers(context.name + "/shape", layer.dims);
  context.writer.node("Expand", context.name, {src, shape});
  context.define(element);
}

inline void export_layer(ExportContext& context, const Tile& layer) {
  const ElementType element = context.element(0);
  const std::string src = context.src(0, element);
  context.writer.node("Tile", context.name, {src, context.writer.integers(context.name + "/repeats", layer.repeats)});
  context.define(element);
}

inline void export_layer(ExportContext& context, const Gather& layer) {
  const ElementType element = context.element(0);
  const ElementType index = is_wide_integer(context.element(1)) ? context.element(1) : ElementType::s64;
  const std::string table = context.src(0, element);
  auto& node = context.writer.node("Gather", context.name, {table, context.src(1, index)});
  GraphWriter::attribute(node, "axis", layer.axis);
  context.define(element);
}

[[nodiscard]] inline std::string name_in_onnx(PadKind mode) {
  switch (mode) {
    case PadKind::constant: return "constant";
    case PadKind::reflect: return "reflect";
    case PadKind::edge: return "edge";
    case PadKind::wrap: return "wrap";
  }
  return "";
}

inline void export_layer(ExportContext& context, const Pad& layer) {
  GraphWriter& writer = context.writer;
  std::vector<std::int64_t> pads = layer.before;
  pads.insert(pads.end(), layer.after.begin(), layer.after.end());
  std::vector<std::string> inputs{context.src(0), writer.integers(context.name + "/pads", pads)};
  if (layer.mode == PadKind::constant) inputs.push_back(writer.scalar(context.name + "/value", layer.value));
  GraphWriter::attribute(writer.node("Pad", context.name, inputs), "mode", name_in_onnx(layer.mode));
  context.define();
}

[[nodiscard]] inline std::string name_in_onnx(ResizeKind mode) {
  switch (mode) {
    case ResizeKind::nearest: return "nearest";
    case ResizeKind::linear: return "linear";
    case ResizeKind::cubic: return "cubic";
  }
  return "";
}

[[nodiscard]] inline std::string name_in_onnx(ResizeCoordinates coordinates) {
  switch (coordinates) {
    case ResizeCoordinates::half_pixel: return "half_pixel";
    case ResizeCoordinates::pytorch_half_pixel: return "pytorch_half_pixel";
    case ResizeCoordinates::half_pixel_symmetric: return "half_pixel_symmetric";
    case ResizeCoordinates::align_corners: return "align_corners";
    case ResizeCoordinates::asymmetric: return "asymmetric";
    case ResizeCoordinates::tf_crop_and_resize: return "tf_crop_and_resize";
  }
  return "";
}

[[nodiscard]] inline std::string name_in_onnx(ResizeRounding rounding) {
  switch (rounding) {
    case ResizeRounding::round_prefer_floor: return "round_prefer_floor";
    case ResizeRounding::round_prefer_ceil: return "round_prefer_ceil";
    case ResizeRounding::floor: return "floor";
    case ResizeRounding::ceil: return "ceil";
  }
  return "";
}

/// Axes that keep their extent whatever it is are left out, which needs attribute `axes`.
inline void export_layer(ExportContext& context, const Resize& layer) {
  GraphWriter& writer = context.writer;
  const std::string name = context.name;
  std::vector<std::int64_t> axes;
  std::vector<std::int64_t> sizes;
  for (std::size_t axis = 0; axis < layer.sizes.size(); ++axis) {
    if (layer.sizes[axis] < 0) continue;
    axes.push_back(static_cast<std::int64_t>(axis));
    sizes.push_back(layer.sizes[axis]);
  }
  const std::size_t rank = context.src_shape(0).size();
  const bool names_axes = !layer.sizes.empty() && axes.size() < rank;
  std::vector<std::string> inputs{context.src(0), ""};
  if (layer.coordinates == ResizeCoordinates::tf_crop_and_resize) {
    std::vector<float> roi;
    for (const std::size_t end : {std::size_t{0}, rank}) {
      for (std::size_t axis = 0; axis < rank; ++axis) {
        if (layer.sizes.empty() || layer.sizes[axis] >= 0) roi.push_back(layer.roi[end + axis]);
      }
    }
    inputs[1] =
        writer.initializer<float>(name + "/roi", {static_cast<std::int64_t>(roi.size())}, std::span<const float>(roi));
  }
  if (layer.sizes.empty()) {
    inputs.push_back(writer.initializer<float>(name + "/scales", {static_cast<std::int64_t>(layer.scales.size())},
                                               std::span<const float>(layer.scales)));
  } else {
    inputs.insert(inputs.end(), {"", writer.integers(name + "/sizes", sizes)});
  }
  auto& node = writer.node("Resize", name, inputs);
  GraphWriter::attribute(node, "mode", name_in_onnx(layer.mode));
  GraphWriter::attribute(node, "coordinate_transformation_mode", name_in_onnx(layer.coordinates));
  if (layer.mode == ResizeKind::nearest) GraphWriter::attribute(node, "nearest_mode", name_in_onnx(layer.rounding));
  if (layer.mode == ResizeKind::cubic) GraphWriter::attribute(node, "cubic_coeff_a", layer.cubic_coefficient);
  if (layer.exclude_outside) GraphWriter::attribute(node, "exclude_outside", std::int64_t{1});
  if (layer.extrapolation != 0.0F) GraphWriter::attribute(node, "extrapolation_value", layer.extrapolation);
  if (layer.antialias) GraphWriter::attribute(node, "antialias", std::int64_t{1});
  if (names_axes) GraphWriter::attribute(node, "axes", axes);
  if (!layer.sizes.empty() && layer.aspect != ResizeAspect::stretch) {
    const bool not_larger = layer.aspect == ResizeAspect::not_larger;
    GraphWriter::attribute(node, "keep_aspect_ratio_policy", std::string(not_larger ? "not_larger" : "not_smaller"));
  }
  context.define();
}

}  // namespace fulcrum::detail::onnx_io
