#pragma once
/// \file
/// Operators that are written as a few element-wise layers and reductions: IsNaN, IsInf, BitShift, BitwiseNot,
/// LpNormalization, Einsum, and the windows (HannWindow, HammingWindow, BlackmanWindow), which are constants.

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>
#include <numbers>
#include <string>
#include <utility>
#include <vector>

#include <fulcrum/onnx/import/einsum.hpp>
#include <fulcrum/onnx/import/steps.hpp>

namespace fulcrum::detail::onnx_io {

/// NaN alone differs from itself.
inline void import_is_nan(ImportContext& context, const GraphNode& node) {
  const NodeId src = context.src(node, 0);
  const NodeId same = Steps(context, node).binary(BinaryKind::equal, src, src);
  context.append(node, Activation{ActivationKind::logical_not}, {same});
}

/// Past the largest finite float, on one side or both.
inline void import_is_inf(ImportContext& context, const GraphNode& node) {
  Steps steps(context, node);
  const bool negative = integer_attribute(node, "detect_negative", 1) != 0;
  const bool positive = integer_attribute(node, "detect_positive", 1) != 0;
  NodeId src = context.src(node, 0);
  if (negative && positive) src = steps.function(ActivationKind::abs, src);
  const NodeId end = steps.number(std::numeric_limits<float>::max());
  if (positive) {
    context.append(node, Binary{BinaryKind::greater}, {src, end});
  } else if (negative) {
    context.append(node, Binary{BinaryKind::less}, {src, steps.function(ActivationKind::neg, end)});
  } else {  // never
    const NodeId never = steps.number(0.0F, ElementType::boolean);
    context.append(node, Binary{BinaryKind::logical_and}, {src, never});
  }
}

/// Of unsigned integers: a product with a power of two that wraps around, or a quotient without its fraction.
inline void import_bit_shift(ImportContext& context, const GraphNode& node) {
  Steps steps(context, node);
  const std::string direction = text_attribute(node, "direction", "");
  if (direction != "LEFT" && direction != "RIGHT") {
    throw Error("attribute 'direction'", "is '" + direction + "'", "use LEFT or RIGHT");
  }
  const NodeId src = context.src(node, 0);
  const ElementType element = context.element(src);
  const auto bits = static_cast<float>(integer_bits(element));
  const NodeId by = steps.cast(context.src(node, 1), ElementType::f32);
  const NodeId places = steps.binary(BinaryKind::min, by, steps.number(bits));  // further away nothing is left
  const NodeId power = steps.binary(BinaryKind::pow, steps.number(2.0F), places);
  const NodeId real = steps.cast(src, ElementType::f32);
  const NodeId moved =
      direction == "LEFT" ? steps.mul(real, power) : steps.function(ActivationKind::floor, steps.div(real, power));
  context.append(node, Cast{element}, {moved});
}

/// −1 − x, or of unsigned integers the largest one minus x.
inline void import_bitwise_not(ImportContext& context, const GraphNode& node) {
  const NodeId src = context.src(node, 0);
  const ElementType element = context.element(src);
  const bool is_signed = element == ElementType::s8 || element == ElementType::s16 || element == ElementType::s32 ||
                         element == ElementType::s64;
  const float ones = is_signed ? -1.0F : static_cast<float>(std::ldexp(1.0, integer_bits(element)) - 1.0);
  context.append(node, Binary{BinaryKind::sub}, {Steps(context, node).number(ones, element), src});
}

/// x / ‖x‖ along an axis.
inline void import_lp_normalization(ImportContext& context, const GraphNode& node) {
  const std::int64_t p = integer_attribute(node, "p", 2);
  if (p != 1 && p != 2) throw Error("attribute 'p'", "is " + std::to_string(p), "use 1 or 2");
  const NodeId src = context.src(node, 0);
  const std::int64_t axis = integer_attribute(node, "axis", -1);
  const NodeId norm = Steps(context, node).reduce(p == 1 ? ReduceKind::l1 : ReduceKind::l2, src, {axis});
  context.append(node, Binary{BinaryKind::div}, {src, norm});
}

/// Σ_k (−1)^k a_k cos(2πk·i / n): a window of known size.
template <const double (&a)[3]>
void import_cosine_window(ImportContext& context, const GraphNode& node) {
  const std::vector<std::int64_t> size = context.integers(node, 0, "size");
  if (size.size() != 1 || size[0] < 0 || size[0] > max_setting) {
    throw Error("its size", "is not one number from 0 up", "check the export");
  }
  const bool periodic = integer_attribute(node, "periodic", 1) != 0;
  const std::int64_t type = integer_attribute(node, "output_datatype", Proto::FLOAT);
  context.reader.budget.charge(static_cast<std::size_t>(size[0]) * sizeof(double));
  Tensor<double> window(Shape{size[0]});
  const auto n = static_cast<double>(std::max<std::int64_t>(periodic ? size[0] : size[0] - 1, 1));
  double i = 0.0;
  for (double& value : window.flat()) {
    const double angle = 2.0 * std::numbers::pi * i / n;
    value = a[0] - a[1] * std::cos(angle) + a[2] * std::cos(2.0 * angle);
    i += 1.0;
  }
  context.define_traced(node, {window, window, expect_element(type, "output_datatype")});
}
inline constexpr double hann_coefficients[3] = {0.5, 0.5, 0.0};
inline constexpr double hamming_coefficients[3] = {25.0 / 46.0, 21.0 / 46.0, 0.0};
inline constexpr double blackman_coefficients[3] = {0.42, 0.5, 0.08};

inline constexpr Operator composed_operators[] = {
    {"IsNaN", 9, import_is_nan},
    {"IsInf", 10, import_is_inf},
    {"BitShift", 11, import_bit_shift},
    {"BitwiseNot", 18, import_bitwise_not},
    {"LpNormalization", 1, import_lp_normalization},
    {"Einsum", 12, import_einsum},
    {"HannWindow", 17, import_cosine_window<hann_coefficients>},
    {"HammingWindow", 17, import_cosine_window<hamming_coefficients>},
    {"BlackmanWindow", 17, import_cosine_window<blackman_coefficients>},
};

}  // namespace fulcrum::detail::onnx_io
