#pragma once
/// \file
/// What the importer knows about an operator. Each family of operators is a table of these in a header of its own;
/// operators.hpp lists the families.

#include <cstdint>
#include <span>

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
};

}  // namespace fulcrum::detail::onnx_io
