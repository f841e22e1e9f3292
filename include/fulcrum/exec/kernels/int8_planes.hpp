#pragma once
/// \file
/// Loops over images of integers that oneDNN has no primitives for: gates, and means over whole planes, where the zero
/// point is not 0.

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>
#include <span>
#include <type_traits>

#if defined(__x86_64__)
#include <immintrin.h>
#endif

#include <fulcrum/exec/runtime/program.hpp>
#include <fulcrum/onednn/team.hpp>
#include <fulcrum/onednn/terms.hpp>

namespace fulcrum::detail::onednn {

/// Integers of one byte (u8 or s8), (n, h · w, c) in memory.
struct IntegerPlanes {
  std::int64_t images = 0, pixels = 0, channels = 0;
  AffineMap map{};
};

[[nodiscard]] inline bool cpu_has_avx2() {
#if defined(__x86_64__)
  return __builtin_cpu_supports("avx2") != 0;
#else
  return false;
#endif
}

/// Integers times one real factor each, as other integers: q' = clamp(round(factor · (q − zero point)) + zero point').
template <class Dst>
struct Rescaling {
  float src_zero = 0.0F;
  float dst_zero = 0.0F;
  static constexpr float least = static_cast<float>(std::numeric_limits<Dst>::min());
  static constexpr float most = static_cast<float>(std::numeric_limits<Dst>::max());

  [[nodiscard]] Dst operator()(float q, float factor) const {
    const float result = std::nearbyint((q - src_zero) * factor) + dst_zero;
    return static_cast<Dst>(std::max(least, std::min(most, result)));  // a NaN becomes the most
  }
};

/// Pixels [first, last), counted through all images, from channel `begin` on. `scale` is the sources' over the
/// result's.
template <class Src, class Dst>
void gate_channels(const IntegerPlanes& p, const Rescaling<Dst>& rescale, float scale, const Src* src,
                   const float* factors, Dst* dst, std::int64_t first, std::int64_t last, std::int64_t begin) {
  for (std::int64_t pixel = first; pixel < last; ++pixel) {
    const float* factor = factors + pixel / p.pixels * p.channels;
    for (std::int64_t c = begin; c < p.channels; ++c) {
      const std::int64_t at = pixel * p.channels + c;
      dst[at] = rescale(static_cast<float>(src[at]), factor[c] * scale);
    }
  }
}

/// Real means over the pixels of an image, of channels [begin, end).
template <class Src>
void mean_of_channels(const IntegerPlanes& p, const Src* image, float* dst, std::int64_t begin, std::int64_t end) {
  for (std::int64_t c = begin; c < end; ++c) {
    std::int64_t sum = 0;
    for (std::int64_t pixel = 0; pixel < p.pixels; ++pixel) sum += image[pixel * p.channels + c];
    const double mean = static_cast<double>(sum) / static_cast<double>(p.pixels) - p.map.zero_point;
    dst[c] = p.map.scale * static_cast<float>(mean);
  }
}

#if defined(__x86_64__)

/// Eight integers, in 32 bits each.
template <class Src>
__attribute__((target("avx2"), always_inline)) inline __m256i load_eight(const Src* src) {
  const __m128i bytes = _mm_loadl_epi64(reinterpret_cast<const __m128i*>(src));
  return std::is_signed_v<Src> ? _mm256_cvtepi8_epi32(bytes) : _mm256_cvtepu8_epi32(bytes);
}

/// gate_channels() for as many channels as whole vectors hold.
template <class Src, class Dst>
__attribute__((target("avx2"))) void gate_channels_avx2(const IntegerPlanes& p, const Rescaling<Dst>& rescale,
                                                        float scale, const Src* src, const float* factors, Dst* dst,
                                                        std::int64_t first, std::int64_t last) {
  const __m256 src_zero = _mm256_set1_ps(rescale.src_zero);
  const __m256 dst_zero = _mm256_set1_ps(rescale.dst_zero);
  const __m256 least = _mm256_set1_ps(rescale.least);
  const __m256 most = _mm256_set1_ps(rescale.most);
  const __m256 scales = _mm256_set1_ps(scale);
  const std::int64_t whole = p.channels / 8 * 8;
  for (std::int64_t pixel = first; pixel < last; ++pixel) {
    const float* factor = factors + pixel / p.pixels * p.channels;
    for (std::int64_t c = 0; c < whole; c += 8) {
      const std::int64_t at = pixel * p.channels + c;
      const __m256 q = _mm256_sub_ps(_mm256_cvtepi32_ps(load_eight(src + at)), src_zero);
      const __m256 product = _mm256_mul_ps(q, _mm256_mul_ps(_mm256_loadu_ps(factor + c), scales));
      const __m256 rounded =
          _mm256_add_ps(_mm256_round_ps(product, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC), dst_zero);
      const __m256i integers = _mm256_cvtps_epi32(_mm256_max_ps(_mm256_min_ps(rounded, most), least));
      const __m128i words = _mm_packs_epi32(_mm256_castsi256_si128(integers), _mm256_extracti128_si256(integers, 1));
      const __m128i bytes = std::is_signed_v<Dst> ? _mm_packs_epi16(words, words) : _mm_packus_epi16(words, words);
      _mm_storel_epi64(reinterpret_cast<__m128i*>(dst + at), bytes);
    }
  }
}

/// mean_of_channels() of 8 channels times `vectors`, from `begin` on. Sums of 32 bits hold 2^23 pixels.
template <int vectors, class Src>
__attribute__((target("avx2"))) void mean_of_channels_avx2(const IntegerPlanes& p, const Src* image, float* dst,
                                                           std::int64_t begin) {
  __m256i sums[vectors];
  for (int v = 0; v < vectors; ++v) sums[v] = _mm256_setzero_si256();
  const Src* from = image + begin;
  for (std::int64_t pixel = 0; pixel < p.pixels; ++pixel, from += p.channels) {
    for (int v = 0; v < vectors; ++v) sums[v] = _mm256_add_epi32(sums[v], load_eight(from + 8 * v));
  }
  alignas(32) std::int32_t sum[8];
  for (int v = 0; v < vectors; ++v) {
    _mm256_store_si256(reinterpret_cast<__m256i*>(sum), sums[v]);
    for (int i = 0; i < 8; ++i) {
      const double mean = static_cast<double>(sum[i]) / static_cast<double>(p.pixels) - p.map.zero_point;
      dst[begin + 8 * v + i] = p.map.scale * static_cast<float>(mean);
    }
  }
}

#endif

/// Every image times its factors (n, c), as integers of another map: from the first two pointers to the third. The
/// result may lie over the first.
template <class Src, class Dst>
[[nodiscard]] NativeFunction gate_function(const IntegerPlanes& p, const AffineMap& dst_map, int threads) {
  const Rescaling<Dst> rescale{static_cast<float>(p.map.zero_point), static_cast<float>(dst_map.zero_point)};
  const float scale = p.map.scale / dst_map.scale;
  return [p, rescale, scale, threads, vectors = cpu_has_avx2()](std::span<void* const> pointers) {
    const auto* src = static_cast<const Src*>(pointers[0]);
    const auto* factors = static_cast<const float*>(pointers[1]);
    auto* dst = static_cast<Dst*>(pointers[2]);
    for_parts(threads, p.images * p.pixels, [&](std::int64_t first, std::int64_t last) {
      std::int64_t done = 0;
#if defined(__x86_64__)
      if (vectors) {
        gate_channels_avx2(p, rescale, scale, src, factors, dst, first, last);
        done = p.channels / 8 * 8;
      }
#endif
      if (done < p.channels) gate_channels(p, rescale, scale, src, factors, dst, first, last, done);
    });
  };
}

/// The means of every plane as real numbers (n, c), from the first pointer to the second.
template <class Src>
[[nodiscard]] NativeFunction plane_mean_function(const IntegerPlanes& p, int threads) {
  constexpr std::int64_t block = 32;
  return [p, threads, vectors = cpu_has_avx2() && p.pixels < (1 << 23)](std::span<void* const> pointers) {
    const auto* src = static_cast<const Src*>(pointers[0]);
    auto* dst = static_cast<float*>(pointers[1]);
    const std::int64_t blocks = (p.channels + block - 1) / block;
    for_parts(threads, p.images * blocks, [&](std::int64_t first, std::int64_t last) {
      for (std::int64_t i = first; i < last; ++i) {
        const Src* image = src + i / blocks * p.pixels * p.channels;
        float* means = dst + i / blocks * p.channels;
        std::int64_t c = i % blocks * block;
        const std::int64_t end = std::min(c + block, p.channels);
#if defined(__x86_64__)
        if (vectors && end - c == block) {
          mean_of_channels_avx2<4>(p, image, means, c);
          continue;
        }
        for (; vectors && c + 8 <= end; c += 8) mean_of_channels_avx2<1>(p, image, means, c);
#endif
        mean_of_channels(p, image, means, c, end);
      }
    });
  };
}

}  // namespace fulcrum::detail::onednn
