#pragma once
/// \file
/// The compiler's vectors of 16 bytes, which every CPU of 64 bits has, for passes over many weights.

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>

#if defined(__SSE2__)
#include <emmintrin.h>
#endif

namespace fulcrum::detail {

/// A vector of floats or doubles.
template <class T>
struct VectorOf;
template <>
struct VectorOf<float> {
  using Type = float __attribute__((vector_size(16)));
};
template <>
struct VectorOf<double> {
  using Type = double __attribute__((vector_size(16)));
};

/// Values that a step of put_mask() takes.
inline constexpr std::size_t mask_step = 16;

/// mask[i] = src[i] ≠ 0 ? 1 : 0 for mask_step values. Compilers narrow a float to a byte one by one.
template <class T>
void put_mask(const T* src, std::uint8_t* mask) noexcept {
#if defined(__SSE2__)
  if constexpr (sizeof(T) == 4) {
    const auto is_zero = [&](std::size_t at) {
      return _mm_castps_si128(_mm_cmpeq_ps(_mm_loadu_ps(src + at), _mm_setzero_ps()));
    };
    const __m128i low = _mm_packs_epi32(is_zero(0), is_zero(4)), high = _mm_packs_epi32(is_zero(8), is_zero(12));
    const __m128i zeros = _mm_packs_epi16(low, high);  // -1 where it is 0
    _mm_storeu_si128(reinterpret_cast<__m128i*>(mask), _mm_add_epi8(zeros, _mm_set1_epi8(1)));
    return;
  }
#endif
  for (std::size_t i = 0; i < mask_step; ++i) mask[i] = src[i] != T{0} ? 1 : 0;
}

using MaskBits = std::array<std::uint8_t, mask_step>;

/// Whether one of the two masks has a 0 where the other has a 1: before[i] = 0 and now[i] ≠ 0.
inline bool takes_back(const std::uint8_t* before, const MaskBits& now) noexcept {
  using Bytes = std::uint8_t __attribute__((vector_size(mask_step)));
  Bytes was{}, is{};
  std::memcpy(&was, before, mask_step);
  std::memcpy(&is, now.data(), mask_step);
  const Bytes taken = was == 0 ? is : Bytes{};
  std::array<std::uint64_t, 2> words{};
  std::memcpy(words.data(), &taken, mask_step);
  return (words[0] | words[1]) != 0;
}

}  // namespace fulcrum::detail
