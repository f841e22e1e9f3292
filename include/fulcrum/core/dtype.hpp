#pragma once
/// \file
/// Element types and the precisions a model can run in.

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

#include <fulcrum/core/bf16.hpp>
#include <fulcrum/core/enum_name.hpp>
#include <fulcrum/core/error.hpp>

namespace fulcrum {

/// Element type of a tensor in memory.
enum class DType : std::uint8_t { f32, f64, bf16, s8, u8, s32, s64 };

/// Every element type.
inline constexpr std::array all_dtypes{DType::f32, DType::f64, DType::bf16, DType::s8,
                                       DType::u8,  DType::s32, DType::s64};

/// What a whole model computes in. int8 means u8/s8 activations and s8 weights with s32 accumulation;
/// layers that have no int8 form stay in f32.
enum class Precision : std::uint8_t { f32, bf16, int8 };

/// Every precision, in the order in which tables show them.
inline constexpr std::array all_precisions{Precision::f32, Precision::bf16, Precision::int8};

/// Bytes of one element.
[[nodiscard]] constexpr std::size_t size_of(DType dtype) noexcept {
  switch (dtype) {
    case DType::f64:
    case DType::s64: return 8;
    case DType::f32:
    case DType::s32: return 4;
    case DType::bf16: return 2;
    case DType::s8:
    case DType::u8: return 1;
  }
  return 0;
}

[[nodiscard]] constexpr std::string_view name_of(DType dtype) noexcept {
  switch (dtype) {
    case DType::f32: return "f32";
    case DType::f64: return "f64";
    case DType::bf16: return "bf16";
    case DType::s8: return "s8";
    case DType::u8: return "u8";
    case DType::s32: return "s32";
    case DType::s64: return "s64";
  }
  return "?";
}

/// \throws Error when the name is none of f32, f64, bf16, s8, u8, s32, s64
[[nodiscard]] inline DType dtype_from(std::string_view name) { return enum_from("element type", name, all_dtypes); }

[[nodiscard]] constexpr std::string_view name_of(Precision precision) noexcept {
  switch (precision) {
    case Precision::f32: return "f32";
    case Precision::bf16: return "bf16";
    case Precision::int8: return "int8";
  }
  return "?";
}

/// Bytes of one weight or activation element in a precision.
[[nodiscard]] constexpr std::size_t size_of(Precision precision) noexcept {
  return precision == Precision::f32 ? 4 : precision == Precision::bf16 ? 2 : 1;
}

/// \throws Error when the name is none of f32, bf16, int8
[[nodiscard]] inline Precision precision_from(std::string_view name) {
  return enum_from("precision", name, all_precisions);
}

namespace detail {
template <class T>
struct DTypeOf;
template <>
struct DTypeOf<float> {
  static constexpr DType value = DType::f32;
};
template <>
struct DTypeOf<double> {
  static constexpr DType value = DType::f64;
};
template <>
struct DTypeOf<bf16> {
  static constexpr DType value = DType::bf16;
};
template <>
struct DTypeOf<std::int8_t> {
  static constexpr DType value = DType::s8;
};
template <>
struct DTypeOf<std::uint8_t> {
  static constexpr DType value = DType::u8;
};
template <>
struct DTypeOf<std::int32_t> {
  static constexpr DType value = DType::s32;
};
template <>
struct DTypeOf<std::int64_t> {
  static constexpr DType value = DType::s64;
};
}  // namespace detail

/// The DType of a C++ element type.
template <class T>
inline constexpr DType dtype_of = detail::DTypeOf<T>::value;

}  // namespace fulcrum
