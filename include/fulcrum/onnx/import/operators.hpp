#pragma once
/// \file
/// All operators the importer knows: a family of operators is a header with a table, listed here.

#include <string>
#include <string_view>
#include <unordered_map>

#include <fulcrum/onnx/import/activation.hpp>
#include <fulcrum/onnx/import/arithmetic.hpp>
#include <fulcrum/onnx/import/composed.hpp>
#include <fulcrum/onnx/import/contrib_operators.hpp>
#include <fulcrum/onnx/import/control_flow.hpp>
#include <fulcrum/onnx/import/dense.hpp>
#include <fulcrum/onnx/import/indexed.hpp>
#include <fulcrum/onnx/import/integer.hpp>
#include <fulcrum/onnx/import/loss.hpp>
#include <fulcrum/onnx/import/quantization.hpp>
#include <fulcrum/onnx/import/recurrent.hpp>
#include <fulcrum/onnx/import/reduce.hpp>
#include <fulcrum/onnx/import/sampling.hpp>
#include <fulcrum/onnx/import/sequence.hpp>
#include <fulcrum/onnx/import/shape.hpp>
#include <fulcrum/onnx/import/suppression.hpp>
#include <fulcrum/onnx/import/window.hpp>

namespace fulcrum::detail::onnx_io {

/// What recognised patterns turn into (GraphNode::is_pattern).
inline constexpr Operator pattern_operators[] = {
    {"Swish", 0, import_swish},
    {"HardSwish", 0, import_activation<ActivationKind::hard_swish>},
    {"Gelu", 0, import_gelu},
    {"MatMul", 0, import_matmul},
    {"DynamicQuantize", 0, import_dynamic_reals},
    {"ConvInteger", 0, import_conv_integer},
    {"MatMulInteger", 0, import_matmul_integer},
    {"LayerNormalization", 0, import_layer_normalization},
};

/// The operator of a node, or null when it is unknown.
inline const Operator* find_operator(const GraphNode& node) {
  using Table = std::unordered_map<std::string_view, const Operator*>;
  static const Table patterns = [] {
    Table table;
    for (const Operator& op : pattern_operators) table.emplace(op.type, &op);
    return table;
  }();
  static const Table standard = [] {
    Table table;
    const auto add = [&](std::span<const Operator> family) {
      for (const Operator& op : family) table.emplace(op.type, &op);
    };
    add(window_operators);
    add(dense_operators);
    add(activation_operators);
    add(shape_operators);
    add(quantization_operators);
    add(integer_operators);
    add(arithmetic_operators);
    add(reduce_operators);
    add(recurrent_operators);
    add(attention_operators);
    add(indexed_operators);
    add(composed_operators);
    add(loss_operators);
    add(sampling_operators);
    add(suppression_operators);
    add(control_flow_operators);
    add(sequence_operators);
    return table;
  }();
  static const Table contrib = [] {
    Table table;
    for (const Operator& op : contrib_operators) table.emplace(op.type, &op);
    return table;
  }();
  if (!node.domain.empty() && node.domain != "com.microsoft") return nullptr;
  const Table& table = node.is_pattern ? patterns : node.domain.empty() ? standard : contrib;
  const auto at = table.find(node.type);
  return at == table.end() ? nullptr : at->second;
}

}  // namespace fulcrum::detail::onnx_io
