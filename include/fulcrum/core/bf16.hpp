#pragma once
/// \file
/// bfloat16: the upper half of an IEEE binary32, as a storage type.

#include <bit>
#include <cstdint>

#include <fulcrum/core/language.hpp>

namespace fulcrum {

/// bfloat16 storage. Arithmetic is done in float; construction rounds as IEEE 754 has it, and as ONNX's Cast does: to
/// nearest, ties to even, NaN stays NaN, and what lies half a step beyond the largest bf16 becomes infinite. float's
/// own largest number does: see finite_bf16().
struct bf16 {
  std::uint16_t bits = 0;

  constexpr bf16() = default;
  constexpr explicit bf16(float value) noexcept {
    auto word = std::bit_cast<std::uint32_t>(value);
    if ((word & 0x7fffffffU) > 0x7f800000U) {
      bits = static_cast<std::uint16_t>((word >> 16U) | 0x0040U);  // quiet NaN, sign and payload kept
      return;
    }
    word += 0x7fffU + ((word >> 16U) & 1U);
    bits = static_cast<std::uint16_t>(word >> 16U);
  }
  constexpr explicit operator float() const noexcept {
    return std::bit_cast<float>(static_cast<std::uint32_t>(bits) << 16U);
  }

  friend bool operator==(bf16, bf16) = default;
};

static_assert(sizeof(bf16) == 2);

/// Whether a finite number lies so far beyond bf16's largest one (2^128 − 2^120, 3.39e38) that bf16() makes it
/// infinite.
[[nodiscard]] constexpr bool is_finite_beyond_bf16(float value) noexcept {
  const std::uint32_t magnitude = std::bit_cast<std::uint32_t>(value) & 0x7fffffffU;
  return magnitude >= 0x7f7f8000U && magnitude < 0x7f800000U;
}

/// The nearest finite bf16 to a finite number; infinities and NaN stay what they are. For values that are in bf16 only
/// because somebody chose to compute so: a mask of float's lowest number must not become −∞ there, as 0 · ∞ and ∞ − ∞
/// are NaN.
[[nodiscard]] constexpr bf16 finite_bf16(float value) noexcept {
  bf16 rounded(value);
  if (is_finite_beyond_bf16(value)) --rounded.bits;
  return rounded;
}

}  // namespace fulcrum
