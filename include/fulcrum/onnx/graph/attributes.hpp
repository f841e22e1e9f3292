#pragma once
/// \file
/// A node's attributes, with their defaults and types checked.

#include <charconv>
#include <cmath>
#include <cstdint>
#include <string>
#include <vector>

#include <fulcrum/onnx/graph/graph.hpp>

namespace fulcrum::detail::onnx_io {

/// The attribute, or null when the node does not have it.
/// \throws Error when it is there with another type
inline const ::onnx::AttributeProto* find_attribute(const GraphNode& node, const char* name,
                                                    ::onnx::AttributeProto::AttributeType type) {
  node.asked_attributes->emplace(name);
  for (const auto& attribute : node.proto->attribute()) {
    if (attribute.name() != name) continue;
    if (attribute.type() != type) {
      throw Error("attribute '" + attribute.name() + "'", "is not of the type that " + node.type + " wants",
                  "the file is damaged; export it again");
    }
    return &attribute;
  }
  return nullptr;
}

inline bool has_attribute(const GraphNode& node, const char* name) {
  node.asked_attributes->emplace(name);
  for (const auto& attribute : node.proto->attribute()) {
    if (attribute.name() == name) return true;
  }
  return false;
}

inline std::int64_t integer_attribute(const GraphNode& node, const char* name, std::int64_t otherwise) {
  const auto* attribute = find_attribute(node, name, ::onnx::AttributeProto::INT);
  return attribute == nullptr ? otherwise : attribute->i();
}

inline std::string text_attribute(const GraphNode& node, const char* name, const char* otherwise) {
  const auto* attribute = find_attribute(node, name, ::onnx::AttributeProto::STRING);
  return attribute == nullptr ? otherwise : attribute->s();
}

inline std::vector<std::int64_t> integers_attribute(const GraphNode& node, const char* name) {
  const auto* attribute = find_attribute(node, name, ::onnx::AttributeProto::INTS);
  if (attribute == nullptr) return {};
  return {attribute->ints().begin(), attribute->ints().end()};
}

inline std::vector<std::string> texts_attribute(const GraphNode& node, const char* name) {
  const auto* attribute = find_attribute(node, name, ::onnx::AttributeProto::STRINGS);
  if (attribute == nullptr) return {};
  return {attribute->strings().begin(), attribute->strings().end()};
}

/// \throws Error when it is NaN
inline float number_attribute(const GraphNode& node, const char* name, float otherwise) {
  const auto* attribute = find_attribute(node, name, ::onnx::AttributeProto::FLOAT);
  if (attribute == nullptr) return otherwise;
  if (std::isnan(attribute->f())) {
    throw Error("attribute '" + attribute->name() + "'", "is NaN", "the file is damaged; export it again");
  }
  return attribute->f();
}

/// \throws Error when one is NaN
inline std::vector<float> numbers_attribute(const GraphNode& node, const char* name) {
  const auto* attribute = find_attribute(node, name, ::onnx::AttributeProto::FLOATS);
  if (attribute == nullptr) return {};
  for (const float number : attribute->floats()) {
    if (std::isnan(number)) {
      throw Error("attribute '" + attribute->name() + "'", "holds a NaN", "the file is damaged; export it again");
    }
  }
  return {attribute->floats().begin(), attribute->floats().end()};
}

/// The double that was meant by a float: the shortest decimal that rounds to it (1e-5, not 9.99999974738e-6).
inline double decimal(float value) {
  char text[32];
  const auto end = std::to_chars(text, text + sizeof text, value).ptr;
  double result = value;
  std::from_chars(text, end, result);
  return result;
}

}  // namespace fulcrum::detail::onnx_io
