#pragma once
/// \file
/// bfloat16: the upper half of an IEEE binary32, as a storage type.

#include <bit>
#include <cstdint>

namespace fulcrum {

/// bfloat16 storage. Arithmetic is done in float; construction rounds to nearest, ties to even, NaN stays NaN.
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

}  // namespace fulcrum
