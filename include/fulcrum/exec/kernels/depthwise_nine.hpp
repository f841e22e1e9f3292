#pragma once
/// \file
/// Depthwise convolutions of 3×3 windows in planes with AVX-512: sources are read where they lie, and masks leave out
/// what is padding.

#include <algorithm>
#include <array>
#include <cstdint>

#if defined(__x86_64__)
#include <immintrin.h>
#endif

#include <fulcrum/exec/kernels/depthwise_sums.hpp>

namespace fulcrum::detail::onednn {

#if defined(__x86_64__)

namespace depthwise {

#define FULCRUM_AVX512 __attribute__((target("avx512f,avx512bw,avx512dq,avx512vl,avx2,fma")))

/// Results that lie in one vector of a row.
struct NineColumn {
  __mmask16 written = 0;
  __mmask16 taken[4] = {};  ///< of each load of a row: what lies in the source
};

/// Rows of results of one channel, in columns of vectors.
struct NineRows {
  const float* src = nullptr;  ///< where the first result's first tap is, which may lie before the plane
  std::int64_t first_row = 0;  ///< of the source, of the first result's first tap; may be padding
  std::int64_t src_height = 0, src_width = 0;
  float* dst = nullptr;
  std::int64_t dst_width = 0;
};

/// Lanes of a vector whose first one is column `first` that lie in a row.
[[nodiscard]] inline __mmask16 lanes_inside(std::int64_t first, std::int64_t width) noexcept {
  const std::int64_t from = std::clamp<std::int64_t>(-first, 0, 16);
  const std::int64_t until = std::clamp<std::int64_t>(width - first, from, 16);
  return static_cast<__mmask16>((1U << until) - (1U << from));
}

/// `count` rows of results from row `row` on, of the column that begins at `first`.
/// \param halves  of a vector's results, whose source is one vector; where windows move by two
template <int step, int count, bool halves>
FULCRUM_AVX512 inline __attribute__((always_inline)) void add_nine_rows(const NineRows& r, const NineColumn& c,
                                                                        std::int64_t row, std::int64_t first,
                                                                        const __m512* weights, __m512 bias,
                                                                        __m512 least, __m512 largest) {
  __m512 sums[count];
#pragma GCC unroll 4
  for (int i = 0; i < count; ++i) sums[i] = bias;
  const std::int64_t y = r.first_row + row * step;
  const float* from = r.src + row * step * r.src_width + first * step;
#pragma GCC unroll 9
  for (int i = 0; i < step * (count - 1) + 3; ++i, from += r.src_width) {
    if (y + i < 0 || y + i >= r.src_height) continue;
    __m512 x[3];
    if constexpr (step == 1) {
#pragma GCC unroll 3
      for (int k = 0; k < 3; ++k) x[k] = _mm512_maskz_loadu_ps(c.taken[k], from + k);
    } else {
      const __m512i even = _mm512_setr_epi32(0, 2, 4, 6, 8, 10, 12, 14, 16, 18, 20, 22, 24, 26, 28, 30);
      const __m512i odd = _mm512_setr_epi32(1, 3, 5, 7, 9, 11, 13, 15, 17, 19, 21, 23, 25, 27, 29, 31);
      const __m512 zero = _mm512_setzero_ps();
      const __m512 a = _mm512_maskz_loadu_ps(c.taken[0], from);
      const __m512 b = halves ? zero : _mm512_maskz_loadu_ps(c.taken[1], from + 16);
      x[0] = _mm512_permutex2var_ps(a, even, b);
      x[1] = _mm512_permutex2var_ps(a, odd, b);
      x[2] = _mm512_permutex2var_ps(_mm512_maskz_loadu_ps(c.taken[2], from + 2), even,
                                    halves ? zero : _mm512_maskz_loadu_ps(c.taken[3], from + 18));
    }
#pragma GCC unroll 4
    for (int k = 0; k < count; ++k) {
      const int tap = i - step * k;
      if (tap < 0 || tap > 2) continue;
#pragma GCC unroll 3
      for (int x_tap = 0; x_tap < 3; ++x_tap) sums[k] = _mm512_fmadd_ps(weights[3 * tap + x_tap], x[x_tap], sums[k]);
    }
  }
  constexpr __mmask16 all = 0xffff;
  float* to = r.dst + row * r.dst_width + first;
#pragma GCC unroll 4
  for (int k = 0; k < count; ++k, to += r.dst_width) {
    // A NaN stays one: it is the second operand.
    const __m512 clamped = _mm512_maskz_min_ps(all, largest, _mm512_maskz_max_ps(all, least, sums[k]));
    _mm512_mask_storeu_ps(to, c.written, clamped);
  }
}

template <int step, bool halves>
FULCRUM_AVX512 inline __attribute__((always_inline)) void sum_nine(const DepthwiseTile& t) {
  const DepthwiseConv conv = t.conv;
  const std::int64_t src_plane = conv.src_plane(), dst_plane = conv.dst_plane(), rows = t.rows;
  const __m512 least = _mm512_set1_ps(conv.least), largest = _mm512_set1_ps(conv.largest);
  NineRows r;
  r.first_row = t.first * step - conv.padding[0];
  r.src_height = conv.src_height;
  r.src_width = conv.src_width;
  r.dst_width = conv.dst_width;
  constexpr std::int64_t most = 32;  // columns at a time
  NineColumn columns[most];
  for (std::int64_t begin = 0; begin < conv.dst_width; begin += 16 * most) {
    const std::int64_t end = std::min(begin + 16 * most, conv.dst_width);
    for (std::int64_t first = begin; first < end; first += 16) {
      NineColumn& c = columns[(first - begin) / 16];
      c.written = lanes_inside(first, conv.dst_width);
      for (int k = 0; k < 4; ++k)
        c.taken[k] =
            lanes_inside(first * step - conv.padding[1] + (step == 1 ? k : 2 * (k / 2) + 16 * (k % 2)), conv.src_width);
    }
    const NineColumn only = columns[0];
    for (std::int64_t c = 0; c < t.channels; ++c) {
      r.src = t.src + c * src_plane + r.first_row * conv.src_width - conv.padding[1];
      r.dst = t.dst + c * dst_plane + t.first * conv.dst_width;
      const __m512 bias = _mm512_set1_ps(t.bias[c]);
      __m512 weights[9];
#pragma GCC unroll 9
      for (int tap = 0; tap < 9; ++tap) weights[tap] = _mm512_set1_ps(t.weights[9 * c + tap]);
      if (end - begin <= 16) {  // masks stay in registers
        std::int64_t row = 0;
        for (; row + 4 <= rows; row += 4)
          add_nine_rows<step, 4, halves>(r, only, row, begin, weights, bias, least, largest);
        for (; row + 2 <= rows; row += 2)
          add_nine_rows<step, 2, halves>(r, only, row, begin, weights, bias, least, largest);
        if (row < rows) add_nine_rows<step, 1, halves>(r, only, row, begin, weights, bias, least, largest);
        continue;
      }
      std::int64_t row = 0;
      for (; row + 4 <= rows; row += 4) {
        for (std::int64_t i = begin; i < end; i += 16)
          add_nine_rows<step, 4, halves>(r, columns[(i - begin) / 16], row, i, weights, bias, least, largest);
      }
      for (; row < rows; ++row) {
        for (std::int64_t i = begin; i < end; i += 16)
          add_nine_rows<step, 1, halves>(r, columns[(i - begin) / 16], row, i, weights, bias, least, largest);
      }
    }
  }
}

FULCRUM_AVX512 inline void sum_nine_by_one(const DepthwiseTile& t) { sum_nine<1, false>(t); }
FULCRUM_AVX512 inline void sum_nine_by_two(const DepthwiseTile& t) {
  // Then the second vector of the source holds nothing for any result.
  t.conv.src_width + t.conv.padding[1] <= 16 ? sum_nine<2, true>(t) : sum_nine<2, false>(t);
}

#undef FULCRUM_AVX512

}  // namespace depthwise

#endif

/// The loops that take such a window from where it lies, on the CPU at hand; null where there are none.
[[nodiscard]] inline void (*nine_loops(const DepthwiseConv& conv))(const DepthwiseTile&) {
  [[maybe_unused]] constexpr std::array<std::int64_t, 2> one{1, 1}, two{2, 2}, three{3, 3};
  if (conv.kernel != three || conv.dilation != one) return nullptr;
#if defined(__x86_64__)
  if (__builtin_cpu_supports("avx512f") != 0 && __builtin_cpu_supports("avx512bw") != 0 &&
      __builtin_cpu_supports("avx512dq") != 0 && __builtin_cpu_supports("avx512vl") != 0) {
    if (conv.stride == one) return &depthwise::sum_nine_by_one;
    if (conv.stride == two) return &depthwise::sum_nine_by_two;
  }
#endif
  return nullptr;
}

}  // namespace fulcrum::detail::onednn
