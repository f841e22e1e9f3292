#pragma once
/// \file
/// Writes nodes and initializers into an ONNX graph under names of their own.

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <span>
#include <string>
#include <unordered_set>
#include <utility>
#include <vector>

#include <fulcrum/core/element_type.hpp>
#include <fulcrum/layers/parameter.hpp>
#include <fulcrum/onnx/graph/element.hpp>
#include <fulcrum/onnx/graph/proto.hpp>
#include <fulcrum/onnx/graph/pruned_names.hpp>

namespace fulcrum::detail::onnx_io {

/// Of the operators of ONNX Runtime that ONNX does not have.
inline constexpr const char* contrib_domain = "com.microsoft";

class GraphWriter {
public:
  explicit GraphWriter(::onnx::GraphProto& graph) : graph_(graph) {}

  /// Takes a name; when it is taken already, one that starts so.
  [[nodiscard]] std::string reserve(const std::string& wanted) { return first_free(taken_, wanted); }

  /// Adds a node of one output, which carries the node's name unless another is given. A node whose name another has
  /// gets one that starts so.
  ::onnx::NodeProto& node(const char* type, const std::string& name, const std::vector<std::string>& inputs,
                          const std::string& output = {}) {
    ::onnx::NodeProto& node = *graph_.add_node();
    node.set_op_type(type);
    node.set_name(first_free(node_names_, name));
    for (const std::string& input : inputs) node.add_input(input);
    node.add_output(output.empty() ? name : output);
    return node;
  }

  /// Adds a node of several outputs; an empty name leaves one out.
  ::onnx::NodeProto& node_of(const char* type, const std::string& name, const std::vector<std::string>& inputs,
                             const std::vector<std::string>& outputs) {
    ::onnx::NodeProto& added = node(type, name, inputs, outputs.at(0));
    added.set_output(0, outputs[0]);
    for (std::size_t i = 1; i < outputs.size(); ++i) added.add_output(outputs[i]);
    return added;
  }

  /// Adds a node in the middle of a layer's nodes; returns its value's name.
  [[nodiscard]] std::string step(const char* type, const std::string& name, const std::vector<std::string>& inputs) {
    const std::string reserved = reserve(name);
    node(type, reserved, inputs);
    return reserved;
  }

  static void attribute(::onnx::NodeProto& node, const char* name, std::int64_t value) {
    auto& attribute = *node.add_attribute();
    attribute.set_name(name);
    attribute.set_type(::onnx::AttributeProto::INT);
    attribute.set_i(value);
  }
  static void attribute(::onnx::NodeProto& node, const char* name, float value) {
    auto& attribute = *node.add_attribute();
    attribute.set_name(name);
    attribute.set_type(::onnx::AttributeProto::FLOAT);
    attribute.set_f(value);
  }
  static void attribute(::onnx::NodeProto& node, const char* name, const std::vector<std::int64_t>& values) {
    auto& attribute = *node.add_attribute();
    attribute.set_name(name);
    attribute.set_type(::onnx::AttributeProto::INTS);
    for (const std::int64_t value : values) attribute.add_ints(value);
  }

  static void attribute(::onnx::NodeProto& node, const char* name, const std::vector<float>& values) {
    auto& attribute = *node.add_attribute();
    attribute.set_name(name);
    attribute.set_type(::onnx::AttributeProto::FLOATS);
    for (const float value : values) attribute.add_floats(value);
  }
  static void attribute(::onnx::NodeProto& node, const char* name, const std::string& text) {
    auto& attribute = *node.add_attribute();
    attribute.set_name(name);
    attribute.set_type(::onnx::AttributeProto::STRING);
    attribute.set_s(text);
  }
  static void attribute(::onnx::NodeProto& node, const char* name, const std::vector<std::string>& texts) {
    auto& attribute = *node.add_attribute();
    attribute.set_name(name);
    attribute.set_type(::onnx::AttributeProto::STRINGS);
    for (const std::string& text : texts) attribute.add_strings(text);
  }

  /// Adds an initializer from elements in row-major order; returns its name, which starts as wanted.
  template <class T>
  std::string initializer(const std::string& wanted, const Shape& dims, std::span<const T> elements) {
    return initializer_named<T>(reserve(wanted), dims, elements);
  }
  /// The same under a name that is reserved already.
  template <class T>
  std::string initializer_named(const std::string& name, const Shape& dims, std::span<const T> elements) {
    return initializer_named<T>(name, dims, elements, element_type<T>());
  }
  /// Integers of rank 1: a shape, axes, positions.
  std::string integers(const std::string& name, const std::vector<std::int64_t>& values) {
    return initializer<std::int64_t>(name, {static_cast<std::int64_t>(values.size())},
                                     std::span<const std::int64_t>(values));
  }
  /// Floats as elements of a type, under a name that is reserved already. Floating types other than f32 become f32.
  std::string initializer_of(const std::string& name, const Shape& dims, std::span<const float> elements,
                             ElementType type) {
    if (is_floating(type)) return initializer_named<float>(name, dims, elements);
    const auto write = [&]<class Integer>(Integer) {
      std::vector<Integer> integers;
      integers.reserve(elements.size());
      for (const float element : elements) integers.push_back(as_integer<Integer>(converted_to(type, element)));
      return initializer_named<Integer>(name, dims, std::span<const Integer>(integers), proto_type_of(type));
    };
    switch (type) {
      case ElementType::s8: return write(std::int8_t{});
      case ElementType::s16: return write(std::int16_t{});
      case ElementType::s32: return write(std::int32_t{});
      case ElementType::u16: return write(std::uint16_t{});
      case ElementType::u32: return write(std::uint32_t{});
      case ElementType::u64: return write(std::uint64_t{});
      case ElementType::u8:
      case ElementType::boolean: return write(std::uint8_t{});
      default: return write(std::int64_t{});
    }
  }
  std::string scalar(const std::string& name, float value) {
    return initializer<float>(name, {}, std::span<const float>(&value, 1));
  }

  /// Notes that an initializer's zeros are a pruning mask.
  void mark_pruned(std::string name) { pruned_.push_back(std::move(name)); }
  [[nodiscard]] const std::vector<std::string>& pruned() const noexcept { return pruned_; }

  /// The operators used need this opset.
  void need_opset(std::int64_t opset) { opset_ = std::max(opset_, opset); }
  [[nodiscard]] std::int64_t opset() const noexcept { return opset_; }

private:
  static std::string first_free(std::unordered_set<std::string>& taken, const std::string& wanted) {
    if (taken.insert(wanted).second) return wanted;
    for (std::size_t number = 2;; ++number) {
      std::string name = wanted;
      name.append("_").append(std::to_string(number));
      if (taken.insert(name).second) return name;
    }
  }

  template <class T>
  std::string initializer_named(const std::string& name, const Shape& dims, std::span<const T> elements,
                                std::int32_t type) {
    Proto& tensor = *graph_.add_initializer();
    tensor.set_name(name);
    tensor.set_data_type(type);
    for (const std::int64_t dim : dims) tensor.add_dims(dim);
    tensor.set_raw_data(elements.data(), elements.size_bytes());
    return tensor.name();
  }

  /// A whole number; past the type's range its nearest end.
  template <class Integer>
  static Integer as_integer(float whole) {
    constexpr auto low = static_cast<float>(std::numeric_limits<Integer>::min());
    constexpr auto high = static_cast<float>(std::numeric_limits<Integer>::max());
    if (whole <= low) return std::numeric_limits<Integer>::min();
    return whole >= high ? std::numeric_limits<Integer>::max() : static_cast<Integer>(whole);
  }

  template <class T>
  static std::int32_t element_type() {
    switch (dtype_of<T>) {
      case DType::f32: return Proto::FLOAT;
      case DType::f64: return Proto::DOUBLE;
      case DType::bf16: return Proto::BFLOAT16;
      case DType::s8: return Proto::INT8;
      case DType::u8: return Proto::UINT8;
      case DType::s32: return Proto::INT32;
      case DType::s64: return Proto::INT64;
    }
    return Proto::UNDEFINED;
  }

  ::onnx::GraphProto& graph_;
  std::unordered_set<std::string> taken_;       // names of values
  std::unordered_set<std::string> node_names_;  // which may be those of values
  std::vector<std::string> pruned_;
  std::int64_t opset_ = 13;  // the first with per-channel DequantizeLinear
};

}  // namespace fulcrum::detail::onnx_io
