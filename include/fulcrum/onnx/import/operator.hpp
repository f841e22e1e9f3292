#pragma once
/// \file
/// What the importer knows about an operator. Each family of operators is a table of these in a header of its own;
/// operators.hpp lists the families.

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include <fulcrum/onnx/import/context.hpp>

namespace fulcrum::detail::onnx_io {

struct Operator {
  const char* type;    ///< "Conv"
  std::int64_t since;  ///< the opset from which on it means what is imported

  /// Builds layers for a node whose value depends on the graph's inputs. Null: only its constant form is known, or it
  /// is only known as a part of a pattern.
  void (*import)(ImportContext& context, const GraphNode& node) = nullptr;

  /// Computes a node whose inputs are all constant; null result: not this one after all. Null: the operator is never
  /// folded, and its constant inputs become Constant layers.
  ConstantPtr (*fold)(ConstantReader& reader, const GraphNode& node, std::span<const ConstantPtr> inputs) = nullptr;

  /// Attributes that are not always asked for, with spaces between: they change nothing when they are not.
  std::string_view idle = {};
};

/// \throws Error naming an attribute of the node that its import did not ask for
inline void expect_all_attributes_asked(const Operator& op, const GraphNode& node) {
  if (node.is_pattern) return;
  const auto is_idle = [&](const std::string& name) {
    const std::string words = std::string(" ").append(op.idle).append(" ");
    return words.find(std::string(" ").append(name).append(" ")) != std::string::npos;
  };
  for (const auto& attribute : node.proto->attribute()) {
    if (node.asked_attributes->count(attribute.name()) != 0 || is_idle(attribute.name())) continue;
    throw Error("attribute '" + attribute.name() + "'", "is not one that is understood here",
                "export the model without it");
  }
}

/// \throws Error naming an input of the node that its import did not ask for
inline void expect_all_inputs_asked(const GraphNode& node) {
  for (std::size_t i = 0; i < node.inputs.size() && !node.is_pattern; ++i) {
    if (node.inputs[i].empty() || node.asked_inputs->count(i) != 0) continue;
    throw Error("its input " + std::to_string(i), "('" + node.inputs[i] + "') is not one that is understood here",
                "export the model without it");
  }
}

}  // namespace fulcrum::detail::onnx_io
