#pragma once
/// \file
/// ONNX models out. Needs the CMake target fulcrum::onnx.

#include <cstddef>
#include <cstdint>
#include <limits>
#include <string>
#include <unordered_set>
#include <utility>
#include <vector>

#include <fulcrum/core/file.hpp>
#include <fulcrum/io/detail/onnx/export_layers.hpp>
#include <fulcrum/model/infer_shapes.hpp>

namespace fulcrum {

namespace detail::onnx_io {

/// Declares a float tensor. `other` is the shape at another batch size: where it differs, the extent is the batch, or
/// is left open when it is a multiple of it.
inline void declare_tensor(::onnx::ValueInfoProto& info, const std::string& name, const Shape& shape,
                           const Shape& other, std::int64_t batch) {
  info.set_name(name);
  auto& type = *info.mutable_type()->mutable_tensor_type();
  type.set_elem_type(Proto::FLOAT);
  auto& dims = *type.mutable_shape();
  for (std::size_t axis = 0; axis < shape.size(); ++axis) {
    auto& dim = *dims.add_dim();
    const bool varies = shape[axis] != other[axis];
    if (!varies)
      dim.set_dim_value(shape[axis]);
    else if (shape[axis] == batch)
      dim.set_dim_param("N");
  }
}

inline ::onnx::ModelProto export_model(const Model<float>& model) {
  if (model.outputs().empty()) {
    throw Error("model '" + model.name() + "'", "has no output", "name one with set_outputs() before exporting");
  }
  ::onnx::ModelProto proto;
  proto.set_producer_name(own_producer_name);
  ::onnx::GraphProto& graph = *proto.mutable_graph();
  graph.set_name(model.name().empty() ? "model" : model.name());

  constexpr std::int64_t batch = 2;
  const std::vector<Shape> shapes = infer_shapes(model, 1);
  std::vector<Shape> other;
  try {
    other = infer_shapes(model, batch);
  } catch (const Error&) {
    other = shapes;  // a model for a batch of 1 alone
  }

  GraphWriter writer(graph);
  for (const Node<float>& node : model.nodes()) static_cast<void>(writer.reserve(node.name));
  LayerWriter layers(writer);
  std::vector<std::string> values;     // by node id
  std::vector<bool> computed_by_node;  // an input or an initializer cannot be an output of the graph
  for (NodeId id = 0; id < model.size(); ++id) {
    const Node<float>& node = model.node(id);
    const bool is_constant = std::holds_alternative<fulcrum::Constant<float>>(node.layer);
    layers.name = node.name;
    layers.src.clear();
    for (const NodeId src : node.src) layers.src.push_back(values[src]);
    layers.src_shapes = src_shapes(node, shapes);
    layers.src_quantization = node.src.empty() ? std::nullopt : model.node(node.src[0]).dst_quantization;
    layers.dst_quantization = node.dst_quantization;
    try {
      if (const auto* input = std::get_if<Input>(&node.layer)) {
        declare_tensor(*graph.add_input(), node.name, with_batch(input->shape, batch), with_batch(input->shape, 1),
                       batch);
      }
      layers.write(node.layer);
      const bool rounds = node.dst_quantization && !is_constant;
      values.push_back(rounds ? write_rounding(writer, node.name, *node.dst_quantization, shapes[id]) : node.name);
      computed_by_node.push_back(rounds || !(is_constant || std::holds_alternative<Input>(node.layer)));
    } catch (const Error& error) {
      throw Error("layer '" + node.name + "'", phrase(error), error.remedy());
    }
  }

  std::unordered_set<NodeId> written;
  for (const NodeId id : model.outputs()) {
    std::string name = values[id];
    if (!written.insert(id).second || !computed_by_node[id]) {
      name = writer.step("Identity", model.node(id).name + "/output", {name});
    }
    declare_tensor(*graph.add_output(), name, other[id], shapes[id], batch);
  }

  set_pruned_names(proto, writer.pruned());
  proto.set_ir_version(writer.opset() < 19 ? 8 : 9);
  auto& opset = *proto.add_opset_import();
  opset.set_domain("");
  opset.set_version(writer.opset());
  return proto;
}

}  // namespace detail::onnx_io

/// The bytes of an ONNX file. The same model gives the same bytes.
/// \throws Error when the model has no output, does not fit together or is larger than 2 GB
[[nodiscard]] inline std::string serialize_onnx(const Model<float>& model) {
  const ::onnx::ModelProto proto = detail::onnx_io::export_model(model);
  std::string bytes;
  if (proto.ByteSizeLong() > static_cast<std::size_t>(std::numeric_limits<int>::max()) ||
      !proto.SerializeToString(&bytes)) {
    throw Error("model '" + model.name() + "'", "is larger than the 2 GB of one ONNX file", "quantize or compress it");
  }
  return bytes;
}

/// Writes an ONNX file (opset 13, or the first that has the operators used), atomically.
///
/// Weights with a quantization are stored as int8 with a DequantizeLinear (per channel along the output channels), the
/// bias beside them as int32 where the source is quantized too; each Node::dst_quantization becomes a QuantizeLinear
/// and DequantizeLinear pair. Pruned weights are zeros, and the metadata "fulcrum.pruned" lists the initializers whose
/// zeros are a mask. The batch is the symbolic dimension "N". Swish and GELU, which opset 13 lacks, are written as the
/// nodes that import_onnx() recognises.
///
/// import_onnx() gives the model back except for what the format cannot say: quantized weights and biases come back
/// rounded, a kept weight that is 0 counts as pruned, constants stand before their first use. A second export has the
/// same bytes as the first.
/// \throws Error when the model cannot be written in ONNX or the file cannot be written
inline void export_onnx(const Model<float>& model, const std::string& path) {
  write_file_atomically(path, serialize_onnx(model));
}

}  // namespace fulcrum
