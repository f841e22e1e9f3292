#pragma once
/// \file
/// What the numbers of a value stand for, whatever they are stored as.

#include <array>
#include <cstdint>
#include <string_view>

#include <fulcrum/core/bf16.hpp>
#include <fulcrum/core/linkage.hpp>

namespace fulcrum {

/// The type that a value's numbers have in the graph (ONNX's element types). A model computes in its scalar type
/// throughout; an integer or a boolean (0 or 1) is a float that holds one, exact up to 2^24 (2^53 in double).
enum class ElementType : std::uint8_t { f32, f64, f16, bf16, s8, s16, s32, s64, u8, u16, u32, u64, boolean };

inline constexpr std::array all_element_types{
    ElementType::f32, ElementType::f64, ElementType::f16,    ElementType::bf16, ElementType::s8,
    ElementType::s16, ElementType::s32, ElementType::s64,    ElementType::u8,   ElementType::u16,
    ElementType::u32, ElementType::u64, ElementType::boolean};

[[nodiscard]] constexpr std::string_view name_of(ElementType type) noexcept {
  switch (type) {
    case ElementType::f32: return "f32";
    case ElementType::f64: return "f64";
    case ElementType::f16: return "f16";
    case ElementType::bf16: return "bf16";
    case ElementType::s8: return "s8";
    case ElementType::s16: return "s16";
    case ElementType::s32: return "s32";
    case ElementType::s64: return "s64";
    case ElementType::u8: return "u8";
    case ElementType::u16: return "u16";
    case ElementType::u32: return "u32";
    case ElementType::u64: return "u64";
    case ElementType::boolean: return "boolean";
  }
  return "?";
}

[[nodiscard]] constexpr bool is_floating(ElementType type) noexcept {
  return type == ElementType::f32 || type == ElementType::f64 || type == ElementType::f16 || type == ElementType::bf16;
}

/// Bits of an integer type; 0 for the others.
[[nodiscard]] constexpr int integer_bits(ElementType type) noexcept {
  switch (type) {
    case ElementType::s8:
    case ElementType::u8: return 8;
    case ElementType::s16:
    case ElementType::u16: return 16;
    case ElementType::s32:
    case ElementType::u32: return 32;
    case ElementType::s64:
    case ElementType::u64: return 64;
    default: return 0;
  }
}

/// The number as an element of `type` (ONNX Cast): floats round to nearest even, integers drop the fraction and, those
/// of up to 32 bits, wrap around; a boolean is whether x differs from 0. NaN and infinities give 0 in an integer type.
template <class T>
[[nodiscard]] T converted_to(ElementType type, T x);

}  // namespace fulcrum

#if FULCRUM_DEFINES(core)

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>

namespace fulcrum::detail {

/// To IEEE half precision and back: 10 bits of mantissa, ties to even, exponents −24 … 15, past 65519.99 infinite.
FULCRUM_DECLARE double round_to_half(double x) {
  if (!std::isfinite(x) || x == 0.0) return x;
  int exponent = 0;
  std::frexp(x, &exponent);  // |x| in [2^(exponent − 1), 2^exponent)
  const double unit = std::ldexp(1.0, std::max(exponent - 11, -24));
  const double rounded = std::nearbyint(x / unit) * unit;
  return std::abs(rounded) > 65504.0 ? std::copysign(std::numeric_limits<double>::infinity(), x) : rounded;
}

}  // namespace fulcrum::detail

namespace fulcrum {

template <class T>
T converted_to(ElementType type, T x) {
  switch (type) {
    case ElementType::f64: return x;
    case ElementType::f32: return static_cast<T>(static_cast<float>(x));
    case ElementType::f16: return static_cast<T>(detail::round_to_half(static_cast<double>(x)));
    case ElementType::bf16: return static_cast<T>(static_cast<float>(bf16(static_cast<float>(x))));
    case ElementType::boolean: return x != T{0} ? T{1} : T{0};
    default: break;
  }
  if (!std::isfinite(x)) return T{0};
  const T whole = std::trunc(x) + T{0};  // an integer has no −0
  const int bits = integer_bits(type);
  if (bits == 64) return whole;  // past what T holds exactly anyway
  const T span = std::ldexp(T{1}, bits);
  const bool is_signed = type == ElementType::s8 || type == ElementType::s16 || type == ElementType::s32;
  const T low = is_signed ? -span / T{2} : T{0};
  const T high = is_signed ? span / T{2} : span;
  if (whole >= low && whole < high) return whole;
  return whole - span * std::floor((whole - low) / span);
}

}  // namespace fulcrum

#if FULCRUM_INSTANTIATES(core)
namespace fulcrum {
template float converted_to(ElementType type, float x);
template double converted_to(ElementType type, double x);
}  // namespace fulcrum
#endif

#endif
