#pragma once
/// \file
/// Element-wise functions of two and more arguments with broadcasting (Add, …, Mean), comparisons and logic, Where, and
/// Cast.

#include <cstddef>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include <fulcrum/onnx/import/fold_shape.hpp>
#include <fulcrum/onnx/import/pieces.hpp>

namespace fulcrum::detail::onnx_io {

/// Whether a result of the function may leave the integer type of its arguments: a quotient or power has a fraction,
/// and the narrow and unsigned types wrap around.
inline bool leaves_type(BinaryKind function, ElementType element) {
  if (integer_bits(element) == 0) return false;
  if (function == BinaryKind::div || function == BinaryKind::pow) return true;
  if (function != BinaryKind::add && function != BinaryKind::sub && function != BinaryKind::mul) return false;
  return element != ElementType::s32 && element != ElementType::s64;
}

template <BinaryKind function>
void import_binary(ImportContext& context, const GraphNode& node) {
  const NodeId a = context.src(node, 0);
  const NodeId b = broadcast_operand(context, node);
  const ElementType element = context.element(a);
  if (!leaves_type(function, element)) {
    context.append(node, Binary{function}, {a, b});
    return;
  }
  const NodeId value = context.append(node.name + "/exact", Binary{function}, {a, b});
  context.append(node, Cast{element}, {value});
}

inline void import_mod(ImportContext& context, const GraphNode& node) {
  const NodeId a = context.src(node, 0);
  const NodeId b = context.src(node, 1);
  const bool truncates = integer_attribute(node, "fmod", 0) != 0;
  if (!truncates && integer_bits(context.element(a)) == 0) {
    throw Error("attribute 'fmod'", "is 0, which is for integers", "set it to 1");
  }
  context.append(node, Binary{truncates ? BinaryKind::fmod : BinaryKind::remainder}, {a, b});
}

/// Min, Max, Sum and Mean of one or more values: a chain of binary layers, the last of which is the node.
template <BinaryKind function, bool mean = false>
void import_of_several(ImportContext& context, const GraphNode& node) {
  if (node.inputs.empty()) throw Error("", "has no input", "the file is damaged; export it again");
  NodeId value = context.src(node, 0);
  const std::size_t count = node.inputs.size();
  for (std::size_t i = 1; i < count; ++i) {
    const NodeId other = context.src(node, i);
    const bool is_last = i + 1 == count && !mean;
    value = is_last ? context.append(node, Binary{function}, {value, other})
                    : context.append(node.name + "/" + std::to_string(i), Binary{function}, {value, other});
  }
  if (mean && count > 1) {
    const NodeId divisor = append_number(context, node.name + "/count", static_cast<float>(count));
    context.append(node, Binary{BinaryKind::div}, {value, divisor});
  } else if (count == 1) {
    context.define(node, 0, value);
  }
}

inline void import_where(ImportContext& context, const GraphNode& node) {
  std::vector<NodeId> src;
  for (std::size_t i = 0; i < 3; ++i) src.push_back(context.src(node, i));
  context.append(node, Where{}, std::move(src));
}

inline void import_cast(ImportContext& context, const GraphNode& node) {
  const ElementType to = expect_element(required_integer(node, "to"), "to");
  const NodeId src = context.src(node, 0);
  context.append(node, Cast{to}, {src});
}

inline void import_cast_like(ImportContext& context, const GraphNode& node) {
  const NodeId src = context.src(node, 0);
  const NodeId like = context.src(node, 1);
  context.append(node, Cast{context.element(like)}, {src});
}

inline constexpr Operator arithmetic_operators[] = {
    {"Add", 6, import_binary<BinaryKind::add>, nullptr, "broadcast"},
    {"Sub", 6, import_binary<BinaryKind::sub>, nullptr, "broadcast"},
    {"Mul", 6, import_binary<BinaryKind::mul>, nullptr, "broadcast"},
    {"Div", 6, import_binary<BinaryKind::div>, nullptr, "broadcast"},
    {"Pow", 1, import_binary<BinaryKind::pow>, nullptr, "broadcast"},
    {"Mod", 10, import_mod},
    {"Min", 6, import_of_several<BinaryKind::min>},
    {"Max", 6, import_of_several<BinaryKind::max>},
    {"Sum", 6, import_of_several<BinaryKind::add>},
    {"Mean", 6, import_of_several<BinaryKind::add, true>},
    {"Equal", 1, import_binary<BinaryKind::equal>, nullptr, "broadcast"},
    {"Less", 1, import_binary<BinaryKind::less>, nullptr, "broadcast"},
    {"LessOrEqual", 12, import_binary<BinaryKind::less_or_equal>},
    {"Greater", 1, import_binary<BinaryKind::greater>, nullptr, "broadcast"},
    {"GreaterOrEqual", 12, import_binary<BinaryKind::greater_or_equal>},
    {"And", 1, import_binary<BinaryKind::logical_and>, nullptr, "broadcast"},
    {"Or", 1, import_binary<BinaryKind::logical_or>, nullptr, "broadcast"},
    {"Xor", 1, import_binary<BinaryKind::logical_xor>, nullptr, "broadcast"},
    {"BitwiseAnd", 18, import_binary<BinaryKind::bit_and>},
    {"BitwiseOr", 18, import_binary<BinaryKind::bit_or>},
    {"BitwiseXor", 18, import_binary<BinaryKind::bit_xor>},
    {"Where", 9, import_where},
    {"Cast", 6, import_cast, fold_cast, "saturate round_mode"},
    {"CastLike", 15, import_cast_like, nullptr, "saturate round_mode"},
};

}  // namespace fulcrum::detail::onnx_io
