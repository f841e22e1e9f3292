#pragma once
/// \file
/// Layers that work at indices or positions that a value holds, and those along an axis, as ONNX nodes.

#include <cstdint>
#include <string>
#include <vector>

#include <fulcrum/onnx/export/movement.hpp>

namespace fulcrum::detail::onnx_io {

/// The type of source i as indices.
[[nodiscard]] inline ElementType index_element(const ExportContext& context, std::size_t i) {
  return is_wide_integer(context.element(i)) ? context.element(i) : ElementType::s64;
}

inline void export_layer(ExportContext& context, const GatherElements& layer) {
  const ElementType element = context.element(0);
  const std::string src = context.src(0, element);
  const std::string indices = context.src(1, index_element(context, 1));
  GraphWriter::attribute(context.writer.node("GatherElements", context.name, {src, indices}), "axis", layer.axis);
  context.define(element);
}

inline void export_layer(ExportContext& context, const GatherND& layer) {
  const ElementType element = context.element(0);
  const std::string src = context.src(0, element);
  auto& node = context.writer.node("GatherND", context.name, {src, context.src(1, ElementType::s64)});
  if (layer.batch_dims != 0) GraphWriter::attribute(node, "batch_dims", layer.batch_dims);
  context.define(element);
}

inline void export_layer(ExportContext& context, const ScatterElements& layer) {
  const ElementType element = context.element(0);
  const std::string src = context.src(0, element);
  const std::string indices = context.src(1, index_element(context, 1));
  auto& node = context.writer.node("ScatterElements", context.name, {src, indices, context.src(2, element)});
  GraphWriter::attribute(node, "axis", layer.axis);
  if (layer.function != ScatterKind::replace) {
    GraphWriter::attribute(node, "reduction", std::string(name_of(layer.function)));
  }
  context.define(element);
}

inline void export_layer(ExportContext& context, const ScatterND& layer) {
  const ElementType element = context.element(0);
  const std::string src = context.src(0, element);
  const std::string indices = context.src(1, ElementType::s64);
  auto& node = context.writer.node("ScatterND", context.name, {src, indices, context.src(2, element)});
  if (layer.function != ScatterKind::replace) {
    GraphWriter::attribute(node, "reduction", std::string(name_of(layer.function)));
  }
  context.define(element);
}

/// The indices, TopK's second result.
inline void export_layer(ExportContext& context, const TopK& layer) {
  GraphWriter& writer = context.writer;
  const std::string src = context.src(0, context.common_element(is_wide_integer));
  const std::string count = writer.integers(context.name + "/k", {layer.count});
  const std::string values = writer.reserve(context.name + "/largest");
  auto& node = writer.node_of("TopK", context.name, {src, count}, {values, context.name});
  GraphWriter::attribute(node, "axis", layer.axis);
  GraphWriter::attribute(node, "largest", std::int64_t{layer.largest ? 1 : 0});
  context.define(ElementType::s64);
}

inline void export_layer(ExportContext& context, const CumSum& layer) {
  GraphWriter& writer = context.writer;
  const ElementType element = context.common_element(is_wide_integer);
  const std::string src = context.src(0, element);
  const std::string axis =
      writer.initializer<std::int64_t>(context.name + "/axis", {}, std::span<const std::int64_t>(&layer.axis, 1));
  auto& node = writer.node("CumSum", context.name, {src, axis});
  if (layer.exclusive) GraphWriter::attribute(node, "exclusive", std::int64_t{1});
  if (layer.reverse) GraphWriter::attribute(node, "reverse", std::int64_t{1});
  context.define(element);
}

/// In ONNX there are no rows that are not used. That is the same result where nothing follows, and only there.
inline void export_layer(ExportContext& context, const NonMaxSuppression& layer) {
  if (!context.consumers(context.id()).empty()) {
    throw Error("",
                "is a NonMaxSuppression whose rows here are as many as there can be, and in ONNX as many as it keeps",
                "end the model before it or with it (--outputs, OnnxImportOptions::outputs), and export that");
  }
  GraphWriter& writer = context.writer;
  std::vector<std::string> inputs{context.src(0), context.src(1),
                                  writer.integers(context.name + "/most", {layer.most_per_class})};
  const auto number = [&](const char* what, float value) {
    inputs.push_back(writer.initializer<float>(context.name + what, {1}, std::span<const float>(&value, 1)));
  };
  number("/iou_threshold", layer.iou_threshold);
  if (layer.score_threshold) number("/score_threshold", *layer.score_threshold);
  auto& node = writer.node("NonMaxSuppression", context.name, inputs);
  if (layer.centered) GraphWriter::attribute(node, "center_point_box", std::int64_t{1});
  context.define(ElementType::s64);
}

[[nodiscard]] inline std::string name_in_onnx(GridSampleKind mode) {
  switch (mode) {
    case GridSampleKind::linear: return "linear";
    case GridSampleKind::nearest: return "nearest";
    case GridSampleKind::cubic: return "cubic";
  }
  return "";
}

[[nodiscard]] inline std::string name_in_onnx(GridSamplePadding padding) {
  switch (padding) {
    case GridSamplePadding::zeros: return "zeros";
    case GridSamplePadding::border: return "border";
    case GridSamplePadding::reflection: return "reflection";
  }
  return "";
}

inline void export_layer(ExportContext& context, const GridSample& layer) {
  auto& node = context.writer.node("GridSample", context.name, {context.src(0), context.src(1)});
  GraphWriter::attribute(node, "mode", name_in_onnx(layer.mode));
  GraphWriter::attribute(node, "padding_mode", name_in_onnx(layer.padding));
  GraphWriter::attribute(node, "align_corners", std::int64_t{layer.align_corners ? 1 : 0});
  context.define();
}

inline void export_layer(ExportContext& context, const RoiAlign& layer) {
  const std::string src = context.src(0);
  const std::string regions = context.src(1);
  auto& node = context.writer.node("RoiAlign", context.name, {src, regions, context.src(2, ElementType::s64)});
  const char* coordinates = layer.half_pixel ? "half_pixel" : "output_half_pixel";
  GraphWriter::attribute(node, "coordinate_transformation_mode", std::string(coordinates));
  GraphWriter::attribute(node, "mode", std::string(layer.largest ? "max" : "avg"));
  GraphWriter::attribute(node, "output_height", layer.height);
  GraphWriter::attribute(node, "output_width", layer.width);
  GraphWriter::attribute(node, "sampling_ratio", layer.samples);
  GraphWriter::attribute(node, "spatial_scale", layer.scale);
  context.define();
}

}  // namespace fulcrum::detail::onnx_io
