#pragma once
/// \file
/// Reductions and Softmax as ONNX nodes.

#include <cstdint>
#include <string>
#include <vector>

#include <fulcrum/onnx/export/context.hpp>

namespace fulcrum::detail::onnx_io {

/// Axes are an input of ReduceSum, and of the others from opset 18 on.
inline void export_layer(ExportContext& context, const Reduce& layer) {
  const bool keeps_whole =
      layer.function == ReduceKind::sum || layer.function == ReduceKind::max || layer.function == ReduceKind::min;
  const ElementType element = keeps_whole ? context.common_element(is_wide_integer) : ElementType::f32;
  std::vector<std::string> inputs{context.src(0, element)};
  const bool as_input = layer.function == ReduceKind::sum || context.writer.opset() >= 18;
  if (as_input && !layer.axes.empty()) inputs.push_back(context.writer.integers(context.name + "/axes", layer.axes));
  auto& node = context.writer.node(name_of(layer.function).data(), context.name, inputs);
  if (!as_input && !layer.axes.empty()) GraphWriter::attribute(node, "axes", layer.axes);
  GraphWriter::attribute(node, "keepdims", std::int64_t{layer.keep_dims ? 1 : 0});
  context.define(element);
}

inline void export_layer(ExportContext& context, const ArgReduce& layer) {
  const auto takes = [](ElementType type) { return type == ElementType::s32; };
  const std::string src = context.src(0, context.common_element(takes));
  auto& node = context.writer.node(layer.largest ? "ArgMax" : "ArgMin", context.name, {src});
  GraphWriter::attribute(node, "axis", layer.axis);
  GraphWriter::attribute(node, "keepdims", std::int64_t{layer.keep_dims ? 1 : 0});
  if (layer.last) GraphWriter::attribute(node, "select_last_index", std::int64_t{1});
  context.define(ElementType::s64);
}

inline void export_layer(ExportContext& context, const Softmax& layer) {
  auto& node = context.writer.node(layer.logarithm ? "LogSoftmax" : "Softmax", context.name, {context.src(0)});
  GraphWriter::attribute(node, "axis", layer.axis);
  context.define();
}

}  // namespace fulcrum::detail::onnx_io
