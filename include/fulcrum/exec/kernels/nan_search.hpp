#pragma once
/// \file
/// Whether there is a NaN among floats.

#include <cstddef>
#include <cstring>
#include <span>

#if defined(__x86_64__)
#include <immintrin.h>
#endif

namespace fulcrum::detail::onednn {

#if defined(__x86_64__)
/// Of as many elements, from the first on, as fill whole blocks of 32.
__attribute__((target("avx2"))) inline bool blocks_hold_nan(const float* src, std::size_t count) {
  __m256 any = _mm256_setzero_ps();
  for (std::size_t i = 0; i + 32 <= count; i += 32) {
    for (std::size_t k = 0; k < 32; k += 16) {
      const __m256 a = _mm256_loadu_ps(src + i + k);
      const __m256 b = _mm256_loadu_ps(src + i + k + 8);
      any = _mm256_or_ps(any, _mm256_cmp_ps(a, b, _CMP_UNORD_Q));  // where either is NaN
    }
  }
  return _mm256_movemask_ps(any) != 0;
}
#endif

[[nodiscard]] inline bool holds_nan(std::span<const float> elements) {
#if defined(__x86_64__)
  if (__builtin_cpu_supports("avx2") != 0) {
    if (blocks_hold_nan(elements.data(), elements.size())) return true;
    elements = elements.last(elements.size() % 32);
  }
#endif
  bool any = false;
  for (const float x : elements) any = any || x != x;
  return any;
}

}  // namespace fulcrum::detail::onednn
