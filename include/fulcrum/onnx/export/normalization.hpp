#pragma once
/// \file
/// Normalizations as ONNX nodes.

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include <fulcrum/onnx/export/context.hpp>

namespace fulcrum::detail::onnx_io {

inline void export_layer(ExportContext& context, const BatchNormalization<float>& layer) {
  GraphWriter& writer = context.writer;
  const std::string name = context.name;
  const std::vector<std::string> inputs{context.src(0), write_parameter(writer, name + ".scale", layer.scale),
                                        write_parameter(writer, name + ".shift", layer.shift),
                                        write_parameter(writer, name + ".mean", layer.mean),
                                        write_parameter(writer, name + ".variance", layer.variance)};
  auto& node = writer.node("BatchNormalization", name, inputs);
  GraphWriter::attribute(node, "epsilon", static_cast<float>(layer.epsilon));
  context.define();
}

/// The operator's scale is no option: it is 1 where the layer has none.
inline void export_layer(ExportContext& context, const LayerNormalization<float>& layer) {
  GraphWriter& writer = context.writer;
  const std::string name = context.name;
  std::vector<std::string> inputs{context.src(0)};
  if (layer.scale.empty()) {
    const Shape& src = context.src_shape(0);
    const auto axis = static_cast<std::ptrdiff_t>(normalized_axis(layer.axis, src.size()));
    inputs.push_back(
        write_parameter(writer, name + ".scale", Tensor<float>(Shape(src.begin() + axis, src.end()), 1.0F)));
  } else {
    inputs.push_back(write_parameter(writer, name + ".scale", layer.scale));
  }
  if (!layer.shift.empty()) inputs.push_back(write_parameter(writer, name + ".shift", layer.shift));
  auto& node = writer.node("LayerNormalization", name, inputs);
  GraphWriter::attribute(node, "axis", layer.axis);
  GraphWriter::attribute(node, "epsilon", static_cast<float>(layer.epsilon));
  context.define();
}

/// A parameter (c) as (c, 1, …), to be broadcast over a source (n, c, …).
inline Parameter<float> per_channel(const Parameter<float>& parameter, std::size_t rank) {
  Shape dims(rank - 1, 1);
  dims[0] = parameter.size();
  return Parameter<float>(parameter.value->reshaped(dims));
}

/// Channels that share statistics are written as rows of one group each, and scaled and shifted afterwards.
inline void export_layer(ExportContext& context, const InstanceNormalization<float>& layer) {
  GraphWriter& writer = context.writer;
  const std::string name = context.name;
  const auto epsilon = static_cast<float>(layer.epsilon);
  context.define();
  if (layer.groups == 0) {
    const std::string src = context.src(0);
    const std::string scale = write_parameter(writer, name + ".scale", layer.scale);
    const std::string shift = write_parameter(writer, name + ".shift", layer.shift);
    GraphWriter::attribute(writer.node("InstanceNormalization", name, {src, scale, shift}), "epsilon", epsilon);
    return;
  }
  Shape whole = context.src_shape(0);
  whole[0] = 0;
  const std::string groups = name + "/groups";
  const std::string normalized = name + "/normalized";
  const std::string channels = name + "/channels";
  const std::string grouped =
      writer.step("Reshape", groups, {context.src(0), writer.integers(groups + "/shape", {0, layer.groups, -1})});
  const std::string ones = write_parameter(writer, normalized + ".scale", Tensor<float>(Shape{layer.groups}, 1.0F));
  const std::string zeros = write_parameter(writer, normalized + ".shift", Tensor<float>(Shape{layer.groups}));
  const std::string normal = writer.reserve(normalized);
  GraphWriter::attribute(writer.node("InstanceNormalization", normal, {grouped, ones, zeros}), "epsilon", epsilon);
  const std::string back = writer.step("Reshape", channels, {normal, writer.integers(channels + "/shape", whole)});
  const std::string scale = write_parameter(writer, name + ".scale", per_channel(layer.scale, whole.size()));
  const std::string scaled = writer.step("Mul", name + "/scaled", {back, scale});
  const std::string shift = write_parameter(writer, name + ".shift", per_channel(layer.shift, whole.size()));
  writer.node("Add", name, {scaled, shift});
}

inline void export_layer(ExportContext& context, const LocalResponseNormalization& layer) {
  auto& node = context.writer.node("LRN", context.name, {context.src(0)});
  GraphWriter::attribute(node, "size", layer.size);
  GraphWriter::attribute(node, "alpha", layer.alpha);
  GraphWriter::attribute(node, "beta", layer.beta);
  GraphWriter::attribute(node, "bias", layer.bias);
  context.define();
}

}  // namespace fulcrum::detail::onnx_io
