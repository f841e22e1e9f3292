#pragma once
/// \file
/// Rounding of f32 to floats of 16 bits and back (Cast), in loops of Fulcrum's own on all threads.

#include <cstdint>
#include <span>

#if defined(__x86_64__)
#include <immintrin.h>
#endif

#include <fulcrum/core/element_type.hpp>
#include <fulcrum/exec/kernels/int8_planes.hpp>

namespace fulcrum::detail::onednn {

#if defined(__x86_64__)
/// Eight at a time, as the CPU's own conversions round.
__attribute__((target("avx2,f16c"))) inline void round_to_f16(const float* src, float* dst, std::int64_t whole) {
  for (std::int64_t i = 0; i < whole; i += 8) {
    const __m128i half = _mm256_cvtps_ph(_mm256_loadu_ps(src + i), _MM_FROUND_TO_NEAREST_INT);
    _mm256_storeu_ps(dst + i, _mm256_cvtph_ps(half));
  }
}
#endif

/// Every element as one of `type` (converted_to()), from the first pointer to the second, which may be the same.
[[nodiscard]] inline NativeFunction cast_function(ElementType type, std::int64_t count, int threads) {
  return [type, count, threads](std::span<void* const> pointers) {
    const auto* src = static_cast<const float*>(pointers[0]);
    auto* dst = static_cast<float*>(pointers[1]);
    for_parts(threads, count, [&](std::int64_t first, std::int64_t last) {
      std::int64_t i = first;
#if defined(__x86_64__)
      if (type == ElementType::f16 && cpu_has_avx2()) {  // such CPUs have F16C
        const std::int64_t whole = (last - first) / 8 * 8;
        round_to_f16(src + first, dst + first, whole);
        i += whole;
      }
#endif
      for (; i < last; ++i) dst[i] = converted_to(type, src[i]);
    });
  };
}

}  // namespace fulcrum::detail::onednn
