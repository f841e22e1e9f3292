#pragma once
/// \file
/// Element types as the KServe v2 protocol names them, and tensors as its clients send their bytes.

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

#include <fulcrum/core/element_type.hpp>
#include <fulcrum/core/linkage.hpp>

namespace fulcrum {

/// "FP32", "INT64", "BOOL", …
[[nodiscard]] constexpr std::string_view kserve_datatype(ElementType type) noexcept {
  switch (type) {
    case ElementType::f32: return "FP32";
    case ElementType::f64: return "FP64";
    case ElementType::f16: return "FP16";
    case ElementType::bf16: return "BF16";
    case ElementType::s8: return "INT8";
    case ElementType::s16: return "INT16";
    case ElementType::s32: return "INT32";
    case ElementType::s64: return "INT64";
    case ElementType::u8: return "UINT8";
    case ElementType::u16: return "UINT16";
    case ElementType::u32: return "UINT32";
    case ElementType::u64: return "UINT64";
    case ElementType::boolean: return "BOOL";
  }
  return "?";
}

/// Nothing when there is no such datatype, or none that is a number (BYTES).
[[nodiscard]] constexpr std::optional<ElementType> element_from_kserve(std::string_view datatype) noexcept {
  for (const ElementType type : all_element_types) {
    if (kserve_datatype(type) == datatype) return type;
  }
  return std::nullopt;
}

/// Of an element on its way: 1, 2, 4 or 8.
[[nodiscard]] constexpr std::size_t wire_bytes(ElementType type) noexcept {
  switch (type) {
    case ElementType::f64: return 8;
    case ElementType::f32: return 4;
    case ElementType::f16:
    case ElementType::bf16: return 2;
    case ElementType::boolean: return 1;
    default: return static_cast<std::size_t>(integer_bits(type)) / 8;
  }
}

/// Numbers of their little-endian bytes. Integers of 32 and 64 bits become the nearest float.
/// Precondition: bytes.size() = wire_bytes(type) · values.size()
FULCRUM_DECLARE void decode_tensor(ElementType type, std::span<const std::byte> bytes,
                                   std::span<float> values) noexcept;

/// The other way, as converted_to() converts; integers past the ends of their type take its end.
/// Precondition: as decode_tensor()
FULCRUM_DECLARE void encode_tensor(ElementType type, std::span<const float> values,
                                   std::span<std::byte> bytes) noexcept;

}  // namespace fulcrum

#if FULCRUM_DEFINES(serve)

#include <bit>
#include <cmath>
#include <cstring>
#include <limits>
#include <type_traits>

namespace fulcrum::detail {

static_assert(std::endian::native == std::endian::little, "tensors are sent little-endian");

/// Of IEEE half precision's 16 bits.
inline float float_of_half(std::uint16_t bits) noexcept {
  const int exponent = (bits >> 10U) & 31;
  const int mantissa = bits & 1023;
  float value = 0.0F;
  if (exponent == 31)
    value = mantissa == 0 ? std::numeric_limits<float>::infinity() : std::numeric_limits<float>::quiet_NaN();
  else if (exponent == 0)
    value = std::ldexp(static_cast<float>(mantissa), -24);
  else
    value = std::ldexp(static_cast<float>(1024 + mantissa), exponent - 25);
  return (bits & 0x8000U) != 0 ? -value : value;
}

/// Ties to even; past 65,520 infinite.
inline std::uint16_t half_of_float(float value) noexcept {
  const unsigned sign = std::signbit(value) ? 0x8000U : 0U;
  if (std::isnan(value)) return static_cast<std::uint16_t>(sign | 0x7E00U);
  const double size = std::abs(static_cast<double>(value));
  if (size >= 65'520.0) return static_cast<std::uint16_t>(sign | 0x7C00U);
  int exponent = -13;  // of the smallest normal number, 2^-14
  if (size >= 0x1p-14) std::frexp(size, &exponent);
  // With a mantissa that rounds up to the next power of two, the sum carries into the exponent.
  const auto mantissa = static_cast<unsigned>(std::nearbyint(std::ldexp(size, 11 - exponent)));
  const unsigned bits = size >= 0x1p-14 ? (static_cast<unsigned>(exponent + 13) << 10U) + mantissa : mantissa;
  return static_cast<std::uint16_t>(sign | bits);
}

template <class Stored>
void decode_as(std::span<const std::byte> bytes, std::span<float> values) noexcept {
  for (std::size_t i = 0; i < values.size(); ++i) {
    Stored stored;
    std::memcpy(&stored, bytes.data() + i * sizeof(Stored), sizeof(Stored));
    values[i] = static_cast<float>(stored);
  }
}

template <class Stored>
void encode_as(std::span<const float> values, std::span<std::byte> bytes) noexcept {
  for (std::size_t i = 0; i < values.size(); ++i) {
    Stored stored{};
    if constexpr (std::is_integral_v<Stored>) {
      const double whole = std::trunc(static_cast<double>(values[i]));
      if (std::isnan(whole))
        stored = 0;
      else if (whole <= static_cast<double>(std::numeric_limits<Stored>::min()))
        stored = std::numeric_limits<Stored>::min();
      else if (whole >= static_cast<double>(std::numeric_limits<Stored>::max()))
        stored = std::numeric_limits<Stored>::max();
      else
        stored = static_cast<Stored>(whole);
    } else {
      stored = static_cast<Stored>(values[i]);
    }
    std::memcpy(bytes.data() + i * sizeof(Stored), &stored, sizeof(Stored));
  }
}

}  // namespace fulcrum::detail

namespace fulcrum {

FULCRUM_DEFINE void decode_tensor(ElementType type, std::span<const std::byte> bytes,
                                  std::span<float> values) noexcept {
  switch (type) {
    case ElementType::f32:
      if (!bytes.empty()) std::memcpy(values.data(), bytes.data(), bytes.size());
      return;
    case ElementType::f64: return detail::decode_as<double>(bytes, values);
    case ElementType::s8: return detail::decode_as<std::int8_t>(bytes, values);
    case ElementType::s16: return detail::decode_as<std::int16_t>(bytes, values);
    case ElementType::s32: return detail::decode_as<std::int32_t>(bytes, values);
    case ElementType::s64: return detail::decode_as<std::int64_t>(bytes, values);
    case ElementType::u8: return detail::decode_as<std::uint8_t>(bytes, values);
    case ElementType::u16: return detail::decode_as<std::uint16_t>(bytes, values);
    case ElementType::u32: return detail::decode_as<std::uint32_t>(bytes, values);
    case ElementType::u64: return detail::decode_as<std::uint64_t>(bytes, values);
    case ElementType::boolean:
      for (std::size_t i = 0; i < values.size(); ++i) values[i] = bytes[i] != std::byte{0} ? 1.0F : 0.0F;
      return;
    case ElementType::f16:
    case ElementType::bf16:
      for (std::size_t i = 0; i < values.size(); ++i) {
        std::uint16_t bits = 0;
        std::memcpy(&bits, bytes.data() + 2 * i, 2);
        values[i] = type == ElementType::f16 ? detail::float_of_half(bits)
                                             : std::bit_cast<float>(static_cast<std::uint32_t>(bits) << 16U);
      }
      return;
  }
}

FULCRUM_DEFINE void encode_tensor(ElementType type, std::span<const float> values,
                                  std::span<std::byte> bytes) noexcept {
  switch (type) {
    case ElementType::f32:
      if (!bytes.empty()) std::memcpy(bytes.data(), values.data(), bytes.size());
      return;
    case ElementType::f64: return detail::encode_as<double>(values, bytes);
    case ElementType::s8: return detail::encode_as<std::int8_t>(values, bytes);
    case ElementType::s16: return detail::encode_as<std::int16_t>(values, bytes);
    case ElementType::s32: return detail::encode_as<std::int32_t>(values, bytes);
    case ElementType::s64: return detail::encode_as<std::int64_t>(values, bytes);
    case ElementType::u8: return detail::encode_as<std::uint8_t>(values, bytes);
    case ElementType::u16: return detail::encode_as<std::uint16_t>(values, bytes);
    case ElementType::u32: return detail::encode_as<std::uint32_t>(values, bytes);
    case ElementType::u64: return detail::encode_as<std::uint64_t>(values, bytes);
    case ElementType::boolean:
      for (std::size_t i = 0; i < values.size(); ++i) bytes[i] = values[i] != 0.0F ? std::byte{1} : std::byte{0};
      return;
    case ElementType::f16:
    case ElementType::bf16:
      for (std::size_t i = 0; i < values.size(); ++i) {
        const std::uint16_t bits =
            type == ElementType::f16
                ? detail::half_of_float(values[i])
                : static_cast<std::uint16_t>(std::bit_cast<std::uint32_t>(static_cast<float>(bf16(values[i]))) >> 16U);
        std::memcpy(bytes.data() + 2 * i, &bits, 2);
      }
      return;
  }
}

}  // namespace fulcrum

#endif
