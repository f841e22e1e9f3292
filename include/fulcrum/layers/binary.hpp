#pragma once
/// \file
/// Element-wise functions of two arguments with NumPy broadcasting (ONNX Add, Mul, …; oneDNN binary).

#include <cmath>
#include <cstdint>
#include <span>
#include <string_view>

#include <fulcrum/core/element_type.hpp>
#include <fulcrum/layers/facts.hpp>
#include <fulcrum/layers/work.hpp>

namespace fulcrum {

/// The function of a (the first source) and b. Comparisons and logic give 1 or 0.
enum class BinaryKind : std::uint8_t {
  add,               ///< a + b
  mul,               ///< a · b
  sub,               ///< a − b
  div,               ///< a / b
  min,               ///< the smaller; NaN when either is
  max,               ///< the larger; NaN when either is
  pow,               ///< a^b
  remainder,         ///< a − b·⌊a/b⌋: the sign of b (ONNX Mod, Python %)
  fmod,              ///< a − b·trunc(a/b): the sign of a (ONNX Mod with fmod)
  prelu,             ///< a < 0 ? b·a : a
  bit_and,           ///< a & b of whole numbers, in two’s complement
  bit_or,            ///< a | b
  bit_xor,           ///< a ^ b
  equal,             ///< a = b
  less,              ///< a < b
  less_or_equal,     ///< a ≤ b
  greater,           ///< a > b
  greater_or_equal,  ///< a ≥ b
  logical_and,       ///< both differ from 0
  logical_or,        ///< one differs from 0, or both
  logical_xor,       ///< exactly one differs from 0
};

[[nodiscard]] constexpr std::string_view name_of(BinaryKind kind) noexcept {
  switch (kind) {
    case BinaryKind::add: return "Add";
    case BinaryKind::mul: return "Mul";
    case BinaryKind::sub: return "Sub";
    case BinaryKind::div: return "Div";
    case BinaryKind::min: return "Min";
    case BinaryKind::max: return "Max";
    case BinaryKind::pow: return "Pow";
    case BinaryKind::remainder:
    case BinaryKind::fmod: return "Mod";
    case BinaryKind::prelu: return "PRelu";
    case BinaryKind::bit_and: return "BitwiseAnd";
    case BinaryKind::bit_or: return "BitwiseOr";
    case BinaryKind::bit_xor: return "BitwiseXor";
    case BinaryKind::equal: return "Equal";
    case BinaryKind::less: return "Less";
    case BinaryKind::less_or_equal: return "LessOrEqual";
    case BinaryKind::greater: return "Greater";
    case BinaryKind::greater_or_equal: return "GreaterOrEqual";
    case BinaryKind::logical_and: return "And";
    case BinaryKind::logical_or: return "Or";
    case BinaryKind::logical_xor: return "Xor";
  }
  return "?";
}

/// Whether the result is a boolean: 1 or 0.
[[nodiscard]] constexpr bool is_predicate(BinaryKind kind) noexcept { return kind >= BinaryKind::equal; }

/// Whether engines have a kernel for the function that also runs post-operations.
[[nodiscard]] constexpr bool runs_as_post_operation(BinaryKind function) noexcept {
  switch (function) {
    case BinaryKind::add:
    case BinaryKind::mul:
    case BinaryKind::sub:
    case BinaryKind::div:
    case BinaryKind::min:
    case BinaryKind::max: return true;
    default: return false;
  }
}

/// src (two, broadcast against each other) → dst of the broadcast shape. Work: 1 FLOP per output element.
struct Binary {
  BinaryKind function = BinaryKind::add;

  static constexpr std::string_view kind = "Binary";

  [[nodiscard]] constexpr LayerFacts facts() const noexcept {
    return {.takes_post_operations = runs_as_post_operation(function),
            .needs_f32 = !runs_as_post_operation(function),
            .integers = function == BinaryKind::add ? IntegerUse::combines : IntegerUse::none};
  }
  [[nodiscard]] ElementType dst_element(std::span<const ElementType> src) const {
    return is_predicate(function) ? ElementType::boolean : src.empty() ? ElementType::f32 : src[0];
  }

  [[nodiscard]] Shape dst_shape(std::span<const Shape> src) const {
    detail::expect_sources(src, 2, "Binary");
    return broadcast(src[0], src[1]);
  }
  [[nodiscard]] Work work(std::span<const Shape> src, const Shape& dst) const {
    return detail::elementwise_work(src, dst, 1.0);
  }

  template <class T>
  [[nodiscard]] T operator()(T a, T b) const {
    const auto truth = [](bool value) { return static_cast<T>(value); };
    const auto whole = [](T value) {
      const bool fits = value > static_cast<T>(-0x1p63) && value < static_cast<T>(0x1p63);  // no NaN either
      return fits ? static_cast<std::int64_t>(value) : std::int64_t{0};
    };
    const T zero{0};
    switch (function) {
      case BinaryKind::add: return a + b;
      case BinaryKind::mul: return a * b;
      case BinaryKind::sub: return a - b;
      case BinaryKind::div: return a / b;
      case BinaryKind::min: return std::isnan(a) || a < b ? a : b;
      case BinaryKind::max: return std::isnan(a) || a > b ? a : b;
      case BinaryKind::pow: return std::pow(a, b);
      case BinaryKind::remainder: {
        const T rest = std::fmod(a, b);
        return rest != zero && (rest < zero) != (b < zero) ? rest + b : rest;
      }
      case BinaryKind::fmod: return std::fmod(a, b);
      case BinaryKind::prelu: return a < zero ? b * a : a;
      case BinaryKind::bit_and: return static_cast<T>(whole(a) & whole(b));
      case BinaryKind::bit_or: return static_cast<T>(whole(a) | whole(b));
      case BinaryKind::bit_xor: return static_cast<T>(whole(a) ^ whole(b));
      case BinaryKind::equal: return truth(a == b);
      case BinaryKind::less: return truth(a < b);
      case BinaryKind::less_or_equal: return truth(a <= b);
      case BinaryKind::greater: return truth(a > b);
      case BinaryKind::greater_or_equal: return truth(a >= b);
      case BinaryKind::logical_and: return truth(a != zero && b != zero);
      case BinaryKind::logical_or: return truth(a != zero || b != zero);
      case BinaryKind::logical_xor: return truth((a != zero) != (b != zero));
    }
    return a;
  }

  friend bool operator==(const Binary&, const Binary&) = default;
};

}  // namespace fulcrum
