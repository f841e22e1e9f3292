#pragma once
// One ONNX operator at a time: a graph of one node, values for its inputs, and what the reference makes of them.
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include <fulcrum/exec/reference.hpp>
#include <fulcrum/model/cast.hpp>

#include <onnx/onnx_graph.hpp>

namespace fulcrum::test {

using Integers = std::vector<std::int64_t>;
using Values = Tensor<double>;

/// The node, its inputs added in order.
class OnnxOperator {
public:
  explicit OnnxOperator(std::string type, std::int64_t opset = 13) : graph_(opset), type_(std::move(type)) {}

  /// An input at run time; its first extent is the open batch.
  OnnxOperator& src(const Values& value, std::int32_t type = ::onnx::TensorProto::FLOAT) {
    Shape shape = value.dims();
    if (!shape.empty()) shape[0] = 0;
    return input(value, shape, type);
  }
  /// An input at run time of which every extent is said.
  OnnxOperator& fixed(const Values& value, std::int32_t type = ::onnx::TensorProto::FLOAT) {
    return input(value, value.dims(), type);
  }
  OnnxOperator& constant(const Shape& shape, const std::vector<float>& elements) {
    graph_.floats(next_name(), shape, elements);
    return *this;
  }
  OnnxOperator& constant(const Tensor<float>& value) {
    graph_.floats(next_name(), value);
    return *this;
  }
  OnnxOperator& integers(const Integers& elements) {
    graph_.integers(next_name(), elements);
    return *this;
  }
  OnnxOperator& integer(std::int64_t value) {
    graph_.initializer(next_name(), Shape{}, Integers{value}, ::onnx::TensorProto::INT64);
    return *this;
  }
  OnnxOperator& absent() {
    names_.emplace_back();
    return *this;
  }

  OnnxOperator& with(const std::string& name, int value) {
    return with(OnnxAttribute{name, static_cast<std::int64_t>(value)});
  }
  OnnxOperator& with(const std::string& name, float value) { return with(OnnxAttribute{name, value}); }
  OnnxOperator& with(const std::string& name, Integers value) { return with(OnnxAttribute{name, std::move(value)}); }
  OnnxOperator& with(const std::string& name, const char* value) {
    return with(OnnxAttribute{name, std::string(value)});
  }
  OnnxOperator& with_floats(const std::string& name, const std::vector<float>& values) {
    auto& attribute = list(name, ::onnx::AttributeProto::FLOATS);
    for (const float value : values) attribute.add_floats(value);
    return *this;
  }
  OnnxOperator& with_texts(const std::string& name, const std::vector<std::string>& values) {
    auto& attribute = list(name, ::onnx::AttributeProto::STRINGS);
    for (const std::string& value : values) attribute.add_strings(value);
    return *this;
  }
  template <class T>
  OnnxOperator& with_tensor(const std::string& name, const Shape& shape, const std::vector<T>& values,
                            std::int32_t type) {
    auto& attribute = list(name, ::onnx::AttributeProto::TENSOR);
    OnnxGraph::tensor(*attribute.mutable_t(), name, shape, values, type);
    return *this;
  }

  /// The model whose outputs are the node's first ones, "y0", "y1", …
  [[nodiscard]] Model<float> import(std::size_t outputs = 1) const {
    OnnxGraph graph = graph_;
    graph.node(type_, names_, "y0", attributes_);
    auto& node = *graph.model.mutable_graph()->mutable_node(0);
    for (const auto& attribute : lists_) *node.add_attribute() = attribute;
    for (std::size_t i = 0; i < outputs; ++i) {
      const std::string name = "y" + std::to_string(i);
      if (i > 0) node.add_output(name);
      graph.output(name);
    }
    return graph.import();
  }

  /// The node's first outputs.
  [[nodiscard]] std::vector<Values> run_all(std::size_t outputs) const {
    return ReferenceExecutor<double>(cast<double>(import(outputs))).run(std::span<const Values>(values_));
  }
  [[nodiscard]] Values run() const { return run_all(1).at(0); }

private:
  OnnxOperator& input(const Values& value, const Shape& shape, std::int32_t type) {
    graph_.input(next_name(), shape, type);
    values_.push_back(value);
    return *this;
  }
  OnnxOperator& with(OnnxAttribute attribute) {
    attributes_.push_back(std::move(attribute));
    return *this;
  }
  ::onnx::AttributeProto& list(const std::string& name, ::onnx::AttributeProto::AttributeType type) {
    lists_.emplace_back();
    lists_.back().set_name(name);
    lists_.back().set_type(type);
    return lists_.back();
  }
  const std::string& next_name() {
    names_.push_back("x" + std::to_string(names_.size()));
    return names_.back();
  }

  OnnxGraph graph_;
  std::string type_;
  std::vector<std::string> names_;
  std::vector<Values> values_;
  std::vector<OnnxAttribute> attributes_;
  std::vector<::onnx::AttributeProto> lists_;
};

/// The values are these, to within rounding.
inline bool is_near(const Values& value, const Shape& shape, const std::vector<double>& elements,
                    double tolerance = 1e-6) {
  if (value.dims() != shape || value.flat().size() != elements.size()) return false;
  for (std::size_t i = 0; i < elements.size(); ++i) {
    if (!(std::abs(value.flat()[i] - elements[i]) <= tolerance * (1.0 + std::abs(elements[i])))) return false;
  }
  return true;
}

}  // namespace fulcrum::test
