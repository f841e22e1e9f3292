#pragma once
/// \file
/// Conv, ConvTranspose and the poolings as ONNX nodes.

#include <algorithm>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include <fulcrum/onnx/export/dynamic.hpp>

namespace fulcrum::detail::onnx_io {

inline std::vector<std::string> with_parameters(ExportContext& context, const Parameter<float>& weights,
                                                const Parameter<float>& bias) {
  std::vector<std::string> inputs{context.src(0)};
  inputs.push_back(write_parameter(context.writer, context.name + ".weights", weights));
  if (!bias.empty()) {
    inputs.push_back(
        write_bias(context.writer, context.name + ".bias", bias, weights.quantization, context.src_quantization()));
  }
  return inputs;
}

/// \param rank  of the source: 5 with depth
inline void window_attributes(::onnx::NodeProto& node, const Window& window, std::size_t rank) {
  const bool deep = rank == 5;
  const auto extents = [&](std::int64_t depth, const Extent2& plane) {
    return deep ? std::vector<std::int64_t>{depth, plane[0], plane[1]} : std::vector<std::int64_t>{plane[0], plane[1]};
  };
  const Padding& pads = window.padding;
  std::vector<std::int64_t> all_pads = extents(window.depth.front, {pads.top, pads.left});
  for (const std::int64_t end : extents(window.depth.back, {pads.bottom, pads.right})) all_pads.push_back(end);
  const std::vector<std::int64_t> dilations = extents(window.depth.dilation, window.dilation);
  GraphWriter::attribute(node, "kernel_shape", extents(window.depth.kernel, window.kernel));
  GraphWriter::attribute(node, "strides", extents(window.depth.stride, window.stride));
  GraphWriter::attribute(node, "pads", all_pads);
  if (std::any_of(dilations.begin(), dilations.end(), [](std::int64_t dilation) { return dilation != 1; })) {
    GraphWriter::attribute(node, "dilations", dilations);
  }
}

inline void export_layer(ExportContext& context, const Conv<float>& layer) {
  if (multiplies_dynamic_integers(context.model, context.id())) {
    Shape channel(context.src_shape(0).size() - 1, 1);
    channel[0] = layer.weights.value->dim(0);
    auto& product = export_dynamic_product(context, "ConvInteger", layer.weights, layer.bias, channel);
    window_attributes(product, layer.window, context.src_shape(0).size());
    GraphWriter::attribute(product, "group", layer.groups);
    return;
  }
  auto& node = context.writer.node("Conv", context.name, with_parameters(context, layer.weights, layer.bias));
  window_attributes(node, layer.window, context.src_shape(0).size());
  GraphWriter::attribute(node, "group", layer.groups);
  context.define();
}

inline void export_layer(ExportContext& context, const ConvTranspose<float>& layer) {
  std::vector<std::string> inputs{context.src(0)};
  inputs.push_back(write_parameter(context.writer, context.name + ".weights", layer.weights));
  if (!layer.bias.empty()) inputs.push_back(write_parameter(context.writer, context.name + ".bias", layer.bias));
  const std::size_t rank = context.src_shape(0).size();
  auto& node = context.writer.node("ConvTranspose", context.name, inputs);
  window_attributes(node, layer.window, rank);
  GraphWriter::attribute(node, "group", layer.groups);
  std::vector<std::int64_t> more{layer.output_padding[0], layer.output_padding[1]};
  if (rank == 5) more.insert(more.begin(), layer.depth_output_padding);
  if (std::any_of(more.begin(), more.end(), [](std::int64_t extent) { return extent != 0; })) {
    GraphWriter::attribute(node, "output_padding", more);
  }
  context.define();
}

/// The MaxPoolIndices behind a MaxPool's own source that says where its maxima lie.
inline std::optional<NodeId> indices_of(const ExportContext& context, NodeId pool) {
  const Node<float>& node = context.model.node(pool);
  const auto* layer = std::get_if<Pool>(&node.layer);
  if (layer == nullptr || layer->pool != PoolKind::max) return std::nullopt;
  for (const NodeId id : context.consumers(node.src[0])) {
    const auto* indices = std::get_if<MaxPoolIndices>(&context.model.node(id).layer);
    if (indices != nullptr && id > pool && indices->window == layer->window &&
        !context.model.node(id).dst_quantization && context.model.node(id).name == node.name + "/indices")
      return id;
  }
  return std::nullopt;
}

/// Whether the layer is the second output of a MaxPool that has been written.
inline bool is_part_of_max_pool(const ExportContext& context, NodeId id) {
  const Node<float>& node = context.model.node(id);
  if (!std::holds_alternative<MaxPoolIndices>(node.layer)) return false;
  const std::vector<NodeId>& others = context.consumers(node.src[0]);
  return std::any_of(others.begin(), others.end(), [&](NodeId other) { return indices_of(context, other) == id; });
}

inline void export_layer(ExportContext& context, const Pool& layer) {
  const bool max = layer.pool == PoolKind::max;
  std::vector<std::string> outputs{context.name};
  const std::optional<NodeId> indices = indices_of(context, context.id());
  if (indices) outputs.push_back(context.model.node(*indices).name);
  auto& node = context.writer.node_of(max ? "MaxPool" : "AveragePool", context.name, {context.src(0)}, outputs);
  window_attributes(node, layer.window, context.src_shape(0).size());
  if (layer.window.ceil_mode) GraphWriter::attribute(node, "ceil_mode", std::int64_t{1});
  if (!max && layer.count_include_pad) GraphWriter::attribute(node, "count_include_pad", std::int64_t{1});
  context.define();
  if (!indices) return;
  const auto& second = std::get<MaxPoolIndices>(context.model.node(*indices).layer);
  if (second.column_major) GraphWriter::attribute(node, "storage_order", std::int64_t{1});
  context.define_later(*indices, outputs[1], ElementType::s64);
}

inline void export_layer(ExportContext& context, const GlobalPool& layer) {
  const char* type = layer.pool == PoolKind::max ? "GlobalMaxPool" : "GlobalAveragePool";
  context.writer.node(type, context.name, {context.src(0)});
  context.define();
}

/// A MaxPool whose second output is wanted. Its value ends in "/indices", and the node is named without that, as the
/// importer names them.
inline void export_layer(ExportContext& context, const MaxPoolIndices& layer) {
  constexpr std::string_view suffix = "/indices";
  const bool has_suffix = context.name.size() > suffix.size() && context.name.ends_with(suffix);
  const std::string stem = has_suffix ? context.name.substr(0, context.name.size() - suffix.size()) : context.name;
  const std::string indices = has_suffix ? context.name : context.writer.reserve(stem + std::string(suffix));
  const std::string values = context.writer.reserve(stem + "/max");
  auto& node = context.writer.node_of("MaxPool", stem, {context.src(0)}, {values, indices});
  window_attributes(node, layer.window, context.src_shape(0).size());
  if (layer.window.ceil_mode) GraphWriter::attribute(node, "ceil_mode", std::int64_t{1});
  if (layer.column_major) GraphWriter::attribute(node, "storage_order", std::int64_t{1});
  context.define(indices, ElementType::s64);
}

}  // namespace fulcrum::detail::onnx_io
