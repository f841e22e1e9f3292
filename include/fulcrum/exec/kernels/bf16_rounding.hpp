#pragma once
/// \file
/// Rounding to bf16 that keeps finite numbers finite. oneDNN's reorders make infinities of what lies beyond bf16's
/// largest number, of which float's lowest one is in use: as the score of what a mask hides.

#include <algorithm>
#include <cstdint>
#include <span>

#if defined(__x86_64__)
#include <immintrin.h>
#endif

#include <fulcrum/core/bf16.hpp>
#include <fulcrum/exec/runtime/program.hpp>
#include <fulcrum/onednn/team.hpp>

namespace fulcrum::detail::onednn {

#if defined(__x86_64__)

/// finite_bf16() of eight floats, in the lower halves of 32 bits each.
__attribute__((target("avx2"), always_inline)) inline __m256i eight_finite_bf16(const float* src) {
  const __m256i word = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(src));
  const __m256i magnitude = _mm256_and_si256(word, _mm256_set1_epi32(0x7fffffff));
  const __m256i sign = _mm256_srli_epi32(_mm256_xor_si256(word, magnitude), 16);
  const __m256i infinity = _mm256_set1_epi32(0x7f800000);
  // Finite: half a step is added, or next to nothing less where that makes a tie go to the even neighbour.
  const __m256i capped = _mm256_min_epu32(magnitude, _mm256_set1_epi32(0x7f7f0000));
  const __m256i is_odd = _mm256_and_si256(_mm256_srli_epi32(capped, 16), _mm256_set1_epi32(1));
  const __m256i nearest = _mm256_add_epi32(_mm256_add_epi32(capped, _mm256_set1_epi32(0x7fff)), is_odd);
  // Infinities stay; NaNs become quiet.
  const __m256i is_nan = _mm256_cmpgt_epi32(magnitude, infinity);
  const __m256i quiet = _mm256_or_si256(magnitude, _mm256_and_si256(is_nan, _mm256_set1_epi32(0x00400000)));
  const __m256i is_finite = _mm256_cmpgt_epi32(infinity, magnitude);
  return _mm256_or_si256(_mm256_srli_epi32(_mm256_blendv_epi8(quiet, nearest, is_finite), 16), sign);
}

/// As many elements, from the first on, as fill whole vectors.
/// \return how many
__attribute__((target("avx2"))) inline std::int64_t round_vectors_to_bf16(const float* src, bf16* dst,
                                                                          std::int64_t count) {
  constexpr std::int64_t width = 16;
  std::int64_t i = 0;
  for (; i + width <= count; i += width) {
    const __m256i packed = _mm256_packus_epi32(eight_finite_bf16(src + i), eight_finite_bf16(src + i + 8));
    _mm256_storeu_si256(reinterpret_cast<__m256i*>(dst + i), _mm256_permute4x64_epi64(packed, 0xd8));
  }
  return i;
}

/// Whether is_finite_beyond_bf16() holds of one of the first elements, as many as fill whole vectors.
__attribute__((target("avx2"))) inline bool vectors_reach_beyond_bf16(const float* src, std::int64_t count) {
  constexpr std::int64_t width = 8;
  __m256i any = _mm256_setzero_si256();
  for (std::int64_t i = 0; i + width <= count; i += width) {
    const __m256i word = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(src + i));
    const __m256i magnitude = _mm256_and_si256(word, _mm256_set1_epi32(0x7fffffff));
    const __m256i is_finite = _mm256_cmpgt_epi32(_mm256_set1_epi32(0x7f800000), magnitude);
    const __m256i is_beyond = _mm256_cmpgt_epi32(magnitude, _mm256_set1_epi32(0x7f7f7fff));
    any = _mm256_or_si256(any, _mm256_and_si256(is_finite, is_beyond));
  }
  return _mm256_testz_si256(any, any) == 0;
}

#endif

/// Whether is_finite_beyond_bf16() holds of an element. Asked of all weights of a model.
[[nodiscard]] inline bool reaches_beyond_bf16(std::span<const float> elements) {
#if defined(__x86_64__)
  if (__builtin_cpu_supports("avx2") != 0) {
    if (vectors_reach_beyond_bf16(elements.data(), static_cast<std::int64_t>(elements.size()))) return true;
    elements = elements.last(elements.size() % 8);
  }
#endif
  return std::any_of(elements.begin(), elements.end(), is_finite_beyond_bf16);
}

/// finite_bf16() of each element.
inline void round_to_bf16(const float* src, bf16* dst, std::int64_t count) {
  std::int64_t done = 0;
#if defined(__x86_64__)
  if (__builtin_cpu_supports("avx2") != 0) done = round_vectors_to_bf16(src, dst, count);
#endif
  for (; done < count; ++done) dst[done] = finite_bf16(src[done]);
}

/// The same on a number of threads, from the first pointer to the second.
[[nodiscard]] inline NativeFunction bf16_rounding_function(std::int64_t count, int threads) {
  return [count, threads](std::span<void* const> pointers) {
    const auto* src = static_cast<const float*>(pointers[0]);
    auto* dst = static_cast<bf16*>(pointers[1]);
    for_parts(threads, count,
              [&](std::int64_t first, std::int64_t last) { round_to_bf16(src + first, dst + first, last - first); });
  };
}

}  // namespace fulcrum::detail::onednn
