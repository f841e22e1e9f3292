#pragma once
/// \file
/// From a Model to an ONNX message and its bytes.

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <string>
#include <unordered_set>
#include <utility>
#include <vector>

#include <fulcrum/core/file.hpp>
#include <fulcrum/core/linkage.hpp>
#include <fulcrum/model/infer_shapes.hpp>
#include <fulcrum/onnx/export/layers.hpp>

namespace fulcrum {

namespace detail::onnx_io {

/// Declares a tensor. `other` is the shape at another batch size: where it differs, the extent is the batch, or
/// is left open when it is a multiple of it.
inline void declare_tensor(::onnx::ValueInfoProto& info, const std::string& name, const Shape& shape,
                           const Shape& other, std::int64_t batch, ElementType element) {
  info.set_name(name);
  auto& type = *info.mutable_type()->mutable_tensor_type();
  type.set_elem_type(proto_type_of(element));
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

/// Calls the value of a node otherwise, wherever it is named.
inline void rename_value(::onnx::GraphProto& graph, const std::string& from, const std::string& to) {
  for (::onnx::NodeProto& node : *graph.mutable_node()) {
    for (std::string& input : *node.mutable_input()) {
      if (input == from) input = to;
    }
    for (std::string& output : *node.mutable_output()) {
      if (output == from) output = to;
    }
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
  for (const Node<float>& node : model.nodes()) {
    static_cast<void>(writer.reserve(node.name));
    writer.need_opset(first_opset(node.layer));
  }
  ExportContext context(writer, model, shapes);
  std::vector<bool> computed_by_node;  // an input or an initializer cannot be an output of the graph
  for (NodeId id = 0; id < model.size(); ++id) {
    const Node<float>& node = model.node(id);
    const bool is_constant = std::holds_alternative<fulcrum::Constant<float>>(node.layer);
    context.begin(id);
    try {
      if (const auto* input = std::get_if<Input>(&node.layer)) {
        declare_tensor(*graph.add_input(), node.name, with_batch(input->shape, batch), with_batch(input->shape, 1),
                       batch, input->element);
      }
      write_layer(context, node.layer);
      const bool rounds = node.dst_quantization && !is_constant;
      if (rounds) {
        const std::string value = context.value(id, ElementType::f32);
        context.define(write_rounding(writer, value, *node.dst_quantization, shapes[id]));
      }
      computed_by_node.push_back(rounds || !(is_constant || std::holds_alternative<Input>(node.layer)));
    } catch (const Error& error) {
      throw Error("layer '" + node.name + "'", phrase(error), error.remedy());
    }
  }

  std::unordered_set<NodeId> written;
  std::vector<std::string> names;
  for (const NodeId id : model.outputs()) {
    names.push_back(context.value(id));
    if (!written.insert(id).second || !computed_by_node[id]) {
      names.back() = writer.step("Identity", model.node(id).name + "/output", {names.back()});
    }
  }
  for (std::size_t k = 0; k < names.size(); ++k) {
    const NodeId id = model.outputs()[k];
    std::string& name = names[k];
    const std::string& wanted = model.output_names()[k];
    if (wanted != name && writer.reserve(wanted) == wanted) {  // else it names another value
      rename_value(graph, name, wanted);
      name = wanted;
    }
    declare_tensor(*graph.add_output(), name, other[id], shapes[id], batch, context.element_of_value(id));
  }

  // In the order of their names: an import may meet them in another than the layers here.
  auto& initializers = *graph.mutable_initializer();
  std::sort(initializers.pointer_begin(), initializers.pointer_end(),
            [](const auto* a, const auto* b) { return a->name() < b->name(); });
  set_pruned_names(proto, writer.pruned());
  proto.set_ir_version(writer.opset() < 19 ? 8 : 9);
  auto& opset = *proto.add_opset_import();
  opset.set_domain("");
  opset.set_version(writer.opset());
  const auto is_contrib = [](const ::onnx::NodeProto& node) { return node.domain() == contrib_domain; };
  if (std::any_of(graph.node().begin(), graph.node().end(), is_contrib)) {
    auto& contrib = *proto.add_opset_import();
    contrib.set_domain(contrib_domain);
    contrib.set_version(1);
  }
  return proto;
}

}  // namespace detail::onnx_io

FULCRUM_DEFINE std::string serialize_onnx(const Model<float>& model) {
  const ::onnx::ModelProto proto = detail::onnx_io::export_model(model);
  std::string bytes;
  if (proto.ByteSizeLong() > static_cast<std::size_t>(std::numeric_limits<int>::max()) ||
      !proto.SerializeToString(&bytes)) {
    throw Error("model '" + model.name() + "'", "is larger than the 2 GB of one ONNX file", "quantize or compress it");
  }
  return bytes;
}

FULCRUM_DEFINE void export_onnx(const Model<float>& model, const std::string& path) {
  write_file_atomically(path, serialize_onnx(model));
}

}  // namespace fulcrum
