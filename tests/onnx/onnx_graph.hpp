#pragma once
// ONNX files for tests, written node by node with ONNX's own classes.
#include <cstdint>
#include <initializer_list>
#include <span>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include <fulcrum/onnx/graph/proto.hpp>
#include <fulcrum/onnx/import.hpp>
#include <fulcrum/tensor/tensor.hpp>

namespace fulcrum::test {

/// An attribute: its name and an integer, a number, integers or a text.
struct OnnxAttribute {
  std::string name;
  std::variant<std::int64_t, float, std::vector<std::int64_t>, std::string> value;
};

/// A graph in the making; start with inputs, end with output() and bytes() or import().
class OnnxGraph {
public:
  explicit OnnxGraph(std::int64_t opset = 13) {
    model.set_ir_version(8);
    model.add_opset_import()->set_version(opset);
    model.mutable_graph()->set_name("g");
  }

  /// A float input; an extent below 0 is left open, one of 0 becomes the symbol "N".
  OnnxGraph& input(const std::string& name, const Shape& shape, std::int32_t type = ::onnx::TensorProto::FLOAT) {
    auto& info = *model.mutable_graph()->add_input();
    info.set_name(name);
    auto& tensor = *info.mutable_type()->mutable_tensor_type();
    tensor.set_elem_type(type);
    auto& dims = *tensor.mutable_shape();
    for (const std::int64_t extent : shape) {
      auto& dim = *dims.add_dim();
      if (extent == 0) dim.set_dim_param("N");
      if (extent > 0) dim.set_dim_value(extent);
    }
    return *this;
  }

  /// An initializer of any element type that Fulcrum has.
  template <class T>
  OnnxGraph& initializer(const std::string& name, const Shape& dims, const std::vector<T>& elements,
                         std::int32_t type) {
    tensor(*model.mutable_graph()->add_initializer(), name, dims, elements, type);
    return *this;
  }
  OnnxGraph& floats(const std::string& name, const Shape& dims, const std::vector<float>& elements) {
    return initializer(name, dims, elements, ::onnx::TensorProto::FLOAT);
  }
  OnnxGraph& floats(const std::string& name, const Tensor<float>& value) {
    return floats(name, value.dims(), {value.flat().begin(), value.flat().end()});
  }
  OnnxGraph& integers(const std::string& name, const std::vector<std::int64_t>& elements) {
    return initializer(name, {static_cast<std::int64_t>(elements.size())}, elements, ::onnx::TensorProto::INT64);
  }
  OnnxGraph& bytes8(const std::string& name, const Shape& dims, const std::vector<std::int8_t>& elements) {
    return initializer(name, dims, elements, ::onnx::TensorProto::INT8);
  }
  OnnxGraph& ubytes8(const std::string& name, const Shape& dims, const std::vector<std::uint8_t>& elements) {
    return initializer(name, dims, elements, ::onnx::TensorProto::UINT8);
  }

  /// A node named "<output>_node".
  OnnxGraph& node(const std::string& type, const std::vector<std::string>& inputs, const std::string& output,
                  const std::vector<OnnxAttribute>& attributes = {}) {
    auto& node = *model.mutable_graph()->add_node();
    node.set_op_type(type);
    node.set_name(output + "_node");
    for (const std::string& name : inputs) node.add_input(name);
    node.add_output(output);
    for (const OnnxAttribute& from : attributes) {
      auto& attribute = *node.add_attribute();
      attribute.set_name(from.name);
      if (const auto* i = std::get_if<std::int64_t>(&from.value)) {
        attribute.set_type(::onnx::AttributeProto::INT);
        attribute.set_i(*i);
      } else if (const auto* f = std::get_if<float>(&from.value)) {
        attribute.set_type(::onnx::AttributeProto::FLOAT);
        attribute.set_f(*f);
      } else if (const auto* list = std::get_if<std::vector<std::int64_t>>(&from.value)) {
        attribute.set_type(::onnx::AttributeProto::INTS);
        for (const std::int64_t value : *list) attribute.add_ints(value);
      } else {
        attribute.set_type(::onnx::AttributeProto::STRING);
        attribute.set_s(std::get<std::string>(from.value));
      }
    }
    return *this;
  }

  /// A node of ONNX Runtime's own domain, com.microsoft.
  OnnxGraph& contrib(const std::string& type, const std::vector<std::string>& inputs, const std::string& output,
                     const std::vector<OnnxAttribute>& attributes = {}) {
    node(type, inputs, output, attributes);
    auto& graph = *model.mutable_graph();
    graph.mutable_node(graph.node_size() - 1)->set_domain("com.microsoft");
    return *this;
  }

  OnnxGraph& output(const std::string& name) {
    model.mutable_graph()->add_output()->set_name(name);
    return *this;
  }

  [[nodiscard]] std::string bytes() const { return model.SerializeAsString(); }
  [[nodiscard]] Model<float> import(const OnnxImportOptions& options = {}) const {
    return parse_onnx(bytes(), options);
  }
  /// Gives a dimension of an input a symbol.
  OnnxGraph& symbol(int input, int axis, const std::string& name) {
    auto& type = *model.mutable_graph()->mutable_input(input)->mutable_type();
    type.mutable_tensor_type()->mutable_shape()->mutable_dim(axis)->set_dim_param(name);
    return *this;
  }

  template <class T>
  static void tensor(::onnx::TensorProto& proto, const std::string& name, const Shape& dims,
                     const std::vector<T>& elements, std::int32_t type) {
    proto.set_name(name);
    proto.set_data_type(type);
    for (const std::int64_t dim : dims) proto.add_dims(dim);
    proto.set_raw_data(elements.data(), elements.size() * sizeof(T));
  }

  ::onnx::ModelProto model;
};

/// The layer of the one node named so, as what it should be.
template <class L>
const L& layer_of(const Model<float>& model, const std::string& name) {
  return std::get<L>(model.node(model.find(name).value()).layer);
}

}  // namespace fulcrum::test
