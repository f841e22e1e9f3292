#pragma once
/// \file
/// Products by weights without their zeros: convolutions and matrix products of many rows.

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <utility>
#include <vector>

#if defined(__x86_64__)
#include <immintrin.h>
#endif

#include <fulcrum/exec/kernels/gelu.hpp>
#include <fulcrum/exec/kernels/sparse_sums.hpp>
#include <fulcrum/exec/kernels/sparse_tiles.hpp>
#include <fulcrum/exec/kernels/sparse_weights.hpp>
#include <fulcrum/onednn/team.hpp>

namespace fulcrum::detail::onednn {

#if defined(__x86_64__)

#define FULCRUM_AVX512 __attribute__((target("avx512f,avx512bw,avx512dq,avx512vl,fma")))
#define FULCRUM_AVX2 __attribute__((target("avx2,fma")))

/// Elements 4 q … 4 q + 3 of 16 rows, as four vectors of 16, one for each element. Rows of [rows, 16) are the last one
/// again.
FULCRUM_AVX512 inline __attribute__((always_inline)) void transpose_four(const float* from, std::int64_t stride,
                                                                         std::int64_t rows, __m512* to) {
  __m512 r[4];
#pragma GCC unroll 4
  for (int i = 0; i < 4; ++i) {
    const auto quad = [&](int row) __attribute__((always_inline)) {
      return _mm_loadu_ps(from + std::min<std::int64_t>(row, rows - 1) * stride);
    };
    r[i] = _mm512_castps128_ps512(quad(i));
    r[i] = _mm512_insertf32x4(r[i], quad(i + 4), 1);
    r[i] = _mm512_insertf32x4(r[i], quad(i + 8), 2);
    r[i] = _mm512_insertf32x4(r[i], quad(i + 12), 3);
  }
  // Forms with a mask of all elements: those without one make g++ 12 warn of its own header.
  constexpr __mmask16 all = 0xffff;
  constexpr __mmask8 every = 0xff;
  const __m512d a = _mm512_castps_pd(_mm512_maskz_unpacklo_ps(all, r[0], r[1])),
                b = _mm512_castps_pd(_mm512_maskz_unpackhi_ps(all, r[0], r[1]));
  const __m512d c = _mm512_castps_pd(_mm512_maskz_unpacklo_ps(all, r[2], r[3])),
                d = _mm512_castps_pd(_mm512_maskz_unpackhi_ps(all, r[2], r[3]));
  to[0] = _mm512_castpd_ps(_mm512_maskz_unpacklo_pd(every, a, c));
  to[1] = _mm512_castpd_ps(_mm512_maskz_unpackhi_pd(every, a, c));
  to[2] = _mm512_castpd_ps(_mm512_maskz_unpacklo_pd(every, b, d));
  to[3] = _mm512_castpd_ps(_mm512_maskz_unpackhi_pd(every, b, d));
}

/// The same of 8 rows.
FULCRUM_AVX2 inline __attribute__((always_inline)) void transpose_four(const float* from, std::int64_t stride,
                                                                       std::int64_t rows, __m256* to) {
  __m256 r[4];
#pragma GCC unroll 4
  for (int i = 0; i < 4; ++i) {
    const auto quad = [&](int row) __attribute__((always_inline)) {
      return _mm_loadu_ps(from + std::min<std::int64_t>(row, rows - 1) * stride);
    };
    r[i] = _mm256_insertf128_ps(_mm256_castps128_ps256(quad(i)), quad(i + 4), 1);
  }
  const __m256d a = _mm256_castps_pd(_mm256_unpacklo_ps(r[0], r[1])),
                b = _mm256_castps_pd(_mm256_unpackhi_ps(r[0], r[1]));
  const __m256d c = _mm256_castps_pd(_mm256_unpacklo_ps(r[2], r[3])),
                d = _mm256_castps_pd(_mm256_unpackhi_ps(r[2], r[3]));
  to[0] = _mm256_castpd_ps(_mm256_unpacklo_pd(a, c));
  to[1] = _mm256_castpd_ps(_mm256_unpackhi_pd(a, c));
  to[2] = _mm256_castpd_ps(_mm256_unpacklo_pd(b, d));
  to[3] = _mm256_castpd_ps(_mm256_unpackhi_pd(b, d));
}

/// Which of elements i … i + 15 are among [0, count).
[[nodiscard]] inline std::uint16_t lanes_within(std::int64_t i, std::int64_t count) noexcept {
  const std::int64_t first = std::clamp<std::int64_t>(-i, 0, 16), last = std::clamp<std::int64_t>(count - i, first, 16);
  return static_cast<std::uint16_t>((1U << last) - (1U << first));
}

/// Pixels of one channel at a distance are brought together.
FULCRUM_AVX512 inline void pack_steps_avx512(const SparsePackSpan& span) {
  const auto step = static_cast<int>(span.step);
  const __m512i places = _mm512_mullo_epi32(_mm512_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15),
                                            _mm512_set1_epi32(step));
  for (std::int64_t c = span.first; c < span.last; ++c) {
    const float* from = span.place(c);
    float* to = span.to + (c - span.first) * span.plane + span.before;
    for (std::int64_t i = -span.before; i < span.count + span.behind; i += 16) {
      _mm512_storeu_ps(to + i, _mm512_mask_i32gather_ps(_mm512_setzero_ps(), lanes_within(i, span.count), places,
                                                        from + i * span.step, 4));
    }
  }
}

/// Rows of one channel are copied.
FULCRUM_AVX512 inline void pack_planes_avx512(const SparsePackSpan& span) {
  for (std::int64_t c = span.first; c < span.last; ++c) {
    const float* from = span.place(c);
    float* to = span.to + (c - span.first) * span.plane + span.before;
    for (std::int64_t i = -span.before; i < span.count + span.behind; i += 16)
      _mm512_storeu_ps(to + i, _mm512_maskz_loadu_ps(lanes_within(i, span.count), from + i));
  }
}

FULCRUM_AVX512 inline void pack_span_avx512(const SparsePackSpan& span) {
  constexpr std::int64_t n = 16;
  const SparseStrides& s = span.strides;
  if (s.channels == 1) return span.step == 1 ? pack_planes_avx512(span) : pack_steps_avx512(span);
  if (s.whole_blocks && s.channels % n != 0) return pack_span_anywhere(span, span.first);
  const std::int64_t in_vectors =
      s.whole_blocks ? (span.last - span.first + n - 1) / n * n : (span.last - span.first) / n * n;
  const auto pack = [&](const float* from, std::int64_t rows, float* to)
      __attribute__((target("avx512f,avx512bw,avx512dq,avx512vl,fma"), always_inline)) {
#pragma GCC unroll 4
    for (int q = 0; q < 4; ++q) {
      __m512 x[4];
      transpose_four(from + 4 * q, span.step, rows, x);
#pragma GCC unroll 4
      for (int k = 0; k < 4; ++k) _mm512_storeu_ps(to + (4 * q + k) * span.plane, x[k]);
    }
  };
  for (std::int64_t i = 0; i < span.count; i += n) {
    const std::int64_t rows = std::min(n, span.count - i);
    float* to = span.to + span.before + i;
    for (std::int64_t c = 0; c < in_vectors; c += n, to += n * span.plane) {
      const float* from = span.place(span.first + c) + i * span.step;
      if (rows == n)
        pack(from, n, to);  // whole: addresses are known while compiling
      else
        pack(from, rows, to);
    }
  }
  pack_span_anywhere(span, std::min(span.last, span.first + in_vectors));
}

FULCRUM_AVX2 inline void pack_span_avx2(const SparsePackSpan& span) {
  constexpr std::int64_t n = 8;
  const SparseStrides& s = span.strides;
  if (s.channels == 1 || (s.whole_blocks && s.channels % n != 0)) return pack_span_anywhere(span, span.first);
  const std::int64_t in_vectors =
      s.whole_blocks ? (span.last - span.first + n - 1) / n * n : (span.last - span.first) / n * n;
  for (std::int64_t i = 0; i < span.count; i += n) {
    const std::int64_t rows = std::min(n, span.count - i);
    float* to = span.to + span.before + i;
    for (std::int64_t c = 0; c < in_vectors; c += n, to += n * span.plane) {
      const float* from = span.place(span.first + c) + i * span.step;
#pragma GCC unroll 2
      for (int q = 0; q < 2; ++q) {
        __m256 x[4];
        transpose_four(from + 4 * q, span.step, rows, x);
#pragma GCC unroll 4
        for (int k = 0; k < 4; ++k) _mm256_storeu_ps(to + (4 * q + k) * span.plane, x[k]);
      }
    }
  }
  pack_span_anywhere(span, std::min(span.last, span.first + in_vectors));
}

/// Where the channels of the result do not lie side by side: rows are copied.
FULCRUM_AVX512 inline void store_planes_avx512(const SparseStoreSpan& span) {
  const SparseConv& conv = span.conv;
  const __m512 least = _mm512_set1_ps(conv.least), largest = _mm512_set1_ps(conv.largest);
  for (std::int64_t c = 0; c < span.channels; ++c) {
    const float* from = span.sums + c * conv.sum_pitch();
    float* to = span.place(c);
    for (std::int64_t i = 0; i < span.count; i += 16) {
      const auto used = static_cast<__mmask16>((1U << std::min<std::int64_t>(16, span.count - i)) - 1U);
      __m512 x = _mm512_maskz_loadu_ps(used, from + i);
      if (conv.adds) x = _mm512_add_ps(x, _mm512_maskz_loadu_ps(used, to + i));
      x = _mm512_maskz_min_ps(used, largest,
                              _mm512_maskz_max_ps(used, least, x));  // a NaN stays one: it is the second operand
      _mm512_mask_storeu_ps(to + i, used, x);
    }
  }
}

FULCRUM_AVX512 inline void store_span_avx512(const SparseStoreSpan& span) {
  constexpr std::int64_t n = 16;
  const SparseConv& conv = span.conv;
  const SparseStrides& s = conv.dst;
  if (s.channels == 1 && s.column == 1) return store_planes_avx512(span);
  if (s.channels == 1 || (s.whole_blocks && s.channels % n != 0) || span.first % n != 0)
    return store_span_anywhere(span, 0);
  const __m512 least = _mm512_set1_ps(conv.least), largest = _mm512_set1_ps(conv.largest);
  for (std::int64_t i = 0; i < span.count; i += n) {
    const std::int64_t pixels = std::min(n, span.count - i);
    for (std::int64_t c = 0; c < span.channels; c += n) {
      const std::int64_t channels = std::min(n, span.channels - c);
      const auto used = static_cast<__mmask16>((1U << channels) - 1U);
      // What makes the last block of channels whole stays 0.
      const auto written = s.whole_blocks ? static_cast<__mmask16>(0xffff) : used;
      const float* from = span.sums + c * conv.sum_pitch() + i;
      float* to = span.place(c) + i * s.column;
#pragma GCC unroll 4
      for (int q = 0; q < 4; ++q) {
        __m512 x[4];
        transpose_four(from + 4 * q, conv.sum_pitch(), n, x);
#pragma GCC unroll 4
        for (int k = 0; k < 4; ++k) {
          float* at = to + (4 * q + k) * s.column;
          if (4 * q + k >= pixels) break;
          if (conv.adds) x[k] = _mm512_add_ps(x[k], _mm512_maskz_loadu_ps(used, at));
          x[k] = _mm512_maskz_min_ps(used, largest, _mm512_maskz_max_ps(used, least, x[k]));
          _mm512_mask_storeu_ps(at, written, x[k]);
        }
      }
    }
  }
}

FULCRUM_AVX2 inline void store_span_avx2(const SparseStoreSpan& span) {
  constexpr std::int64_t n = 8;
  const SparseConv& conv = span.conv;
  const SparseStrides& s = conv.dst;
  if (s.channels == 1 || (s.whole_blocks && s.channels % n != 0) || span.first % n != 0)
    return store_span_anywhere(span, 0);
  const __m256 least = _mm256_set1_ps(conv.least), largest = _mm256_set1_ps(conv.largest);
  const std::int64_t in_vectors = s.whole_blocks ? (span.channels + n - 1) / n * n : span.channels / n * n;
  for (std::int64_t i = 0; i < span.count; i += n) {
    const std::int64_t pixels = std::min(n, span.count - i);
    for (std::int64_t c = 0; c < in_vectors; c += n) {
      const std::int64_t channels = std::min(n, span.channels - c);
      const __m256 used = _mm256_castsi256_ps(
          _mm256_cmpgt_epi32(_mm256_set1_epi32(static_cast<int>(channels)), _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7)));
      const float* from = span.sums + c * conv.sum_pitch() + i;
      float* to = span.place(c) + i * s.column;
#pragma GCC unroll 2
      for (int q = 0; q < 2; ++q) {
        __m256 x[4];
        transpose_four(from + 4 * q, conv.sum_pitch(), n, x);
#pragma GCC unroll 4
        for (int k = 0; k < 4; ++k) {
          float* at = to + (4 * q + k) * s.column;
          if (4 * q + k >= pixels) break;
          if (conv.adds) x[k] = _mm256_add_ps(x[k], _mm256_loadu_ps(at));
          x[k] = _mm256_and_ps(used, _mm256_min_ps(largest, _mm256_max_ps(least, x[k])));
          _mm256_storeu_ps(at, x[k]);
        }
      }
    }
  }
  store_span_anywhere(span, std::min(span.channels, in_vectors));
}

#undef FULCRUM_AVX512
#undef FULCRUM_AVX2

#endif

/// For the CPU at hand.
[[nodiscard]] inline SparseLoops sparse_loops() {
  const auto of_units = [&]<int... i>(std::integer_sequence<int, i...>) {
#if defined(__x86_64__)
    if (__builtin_cpu_supports("avx512f") != 0 && __builtin_cpu_supports("avx512bw") != 0 &&
        __builtin_cpu_supports("avx512dq") != 0 && __builtin_cpu_supports("avx512vl") != 0)
      return SparseLoops{{&add_rows_avx512<i + 1>...}, &pack_span_avx512, true, &store_span_avx512};
    if (__builtin_cpu_supports("avx2") != 0 && __builtin_cpu_supports("fma") != 0)
      return SparseLoops{{&add_rows_avx2<i + 1>...}, &pack_span_avx2, false, &store_span_avx2};
#endif
    return SparseLoops{{&add_rows_anywhere<i + 1>...},
                       [](const SparsePackSpan& span) { pack_span_anywhere(span, span.first); },
                       false,
                       [](const SparseStoreSpan& span) { store_span_anywhere(span, 0); }};
  };
  return of_units(std::make_integer_sequence<int, sparse_most_units>());
}

/// The step's function: (src, weights, bias, scratch memory, dst).
class SparseFunction {
public:
  /// \param most_units  of positions whose sums are in registers at a time; 1 … sparse_most_units
  /// \param functions   of the sums, before the clamp; none where conv.adds
  SparseFunction(const SparseConv& conv, SparseLayout layout, std::vector<Activation> functions, int most_units,
                 int threads)
      : conv_(conv),
        layout_(std::move(layout)),
        loops_(sparse_loops()),
        far_(is_far(conv, threads)),
        most_units_(most_units),
        threads_(threads) {
    for (Activation& activation : functions) {
      const ActivationRun apply = run_on_sums(activation.function);
      functions_.emplace_back(std::move(activation), apply);
    }
  }

  /// [B] of scratch memory of all threads
  [[nodiscard]] static std::int64_t scratch_bytes(const SparseConv& conv, const SparseLayout& layout, int threads) {
    return threads * thread_elements(conv, layout) * static_cast<std::int64_t>(sizeof(float));
  }

  void operator()(std::span<void* const> pointers) const {
    const auto* src = static_cast<const float*>(pointers[0]);
    const auto* weights = static_cast<const std::byte*>(pointers[1]);
    const auto* bias = static_cast<const float*>(pointers[2]);
    auto* scratch = static_cast<float*>(pointers[3]);
    auto* dst = static_cast<float*>(pointers[4]);
    const auto parts = static_cast<std::int64_t>(layout_.first_channel.size()) - 1;
    const std::int64_t items = parts * conv_.tiles();
    for_parts(threads_, items, [&](std::int64_t begin, std::int64_t end) {
      // Each thread of a team begins elsewhere.
      float* own = scratch + (begin * threads_ + items - 1) / items * thread_elements(conv_, layout_);
      for (std::int64_t item = begin; item < end; ++item) {
        const std::int64_t tile = item % conv_.tiles(), part = item / conv_.tiles();
        run(src, weights, bias, own, dst, tile, part, item + 1 < end && tile + 1 < conv_.tiles());
      }
    });
  }

private:
  /// Whole cache lines of a thread's scratch memory.
  [[nodiscard]] static std::int64_t thread_elements(const SparseConv& conv, const SparseLayout& layout) {
    std::int64_t most = 0;
    for (std::size_t i = 1; i < layout.first_channel.size(); ++i)
      most = std::max(most, layout.first_channel[i] - layout.first_channel[i - 1]);
    return SparseConv::rows_of(conv.scratch_elements(most)) + sparse_unit;
  }

  void run(const float* src, const std::byte* weights, const float* bias, float* scratch, float* dst, std::int64_t tile,
           std::int64_t part, bool goes_on) const {
    const std::int64_t first = layout_.first_channel[static_cast<std::size_t>(part)];
    const std::int64_t channels = layout_.first_channel[static_cast<std::size_t>(part) + 1] - first;
    float* const tile_sums = scratch + SparseConv::rows_of(conv_.src_elements());
    const auto* entries = reinterpret_cast<const SparseEntry*>(weights);
    const auto* rows = reinterpret_cast<const SparseRow*>(entries + layout_.entry_count);
    if (far_) {
      prefetch_sparse_tile(conv_, conv_.dst, dst, tile, first, first + channels);
      if (goes_on) prefetch_sparse_tile(conv_, conv_.src, src, tile + 1, 0, conv_.ic);
    }
    // Of planes, whose tiles do not go from one image to the next.
    const std::int64_t image = tile / conv_.cuts, cut = tile % conv_.cuts;
    const std::int64_t pixel = conv_.flat() ? conv_.units_before(cut) * sparse_unit : 0;
    const bool in_place = conv_.writes_directly();
    float* const sums = in_place ? dst + image * conv_.dst.image + first * conv_.dst.block + pixel : tile_sums;
    const std::int64_t units = conv_.flat() ? conv_.units_before(cut + 1) - conv_.units_before(cut) : conv_.units;
    const std::int64_t pieces = (units + most_units_ - 1) / most_units_;
    for (std::int64_t b = 0; b < layout_.blocks; ++b) {
      const std::int64_t from = b * conv_.block;
      const float* packed = scratch;
      if (conv_.reads_directly())
        packed = src + image * conv_.src.image + from * conv_.src.block + pixel;
      else
        pack_sparse_tile(loops_, conv_, src, tile, from, std::min(conv_.ic, from + conv_.block), scratch);
      const SparseBlock& block = layout_.block(part, b);
      SparseSums s{rows + block.rows,
                   block.count,
                   entries + block.entries,
                   nullptr,
                   nullptr,
                   in_place ? conv_.dst.block : conv_.sum_pitch(),
                   b == 0 ? bias + first : nullptr};
      s.adds = in_place && conv_.adds;
      s.ends = in_place && b + 1 == layout_.blocks;
      s.least = conv_.least;
      s.largest = conv_.largest;
      for (std::int64_t piece = 0; piece < pieces; ++piece) {
        const std::int64_t unit = units * piece / pieces, end = units * (piece + 1) / pieces;
        s.src = packed + unit * sparse_unit;
        s.sums = sums + unit * sparse_unit;
        loops_.add[static_cast<std::size_t>(end - unit - 1)](s);
      }
    }
    if (in_place) return;
    // Not of what lies between the rows: run after run they would make denormal numbers of it, which take CPUs long.
    const std::int64_t used = conv_.flat() ? std::min(conv_.run() - pixel, units * sparse_unit) : units * sparse_unit;
    for (const auto& [activation, apply] : functions_) {
      for (std::int64_t c = 0; c < channels; ++c)
        apply(activation, sums + c * conv_.sum_pitch(), sums + c * conv_.sum_pitch(), used);
    }
    std::fill(sums + channels * conv_.sum_pitch(), sums + SparseConv::rows_of(channels) * conv_.sum_pitch(), 0.0F);
    store_sparse_tile(loops_, conv_, sums, dst, tile, first, channels);
  }

  /// Whether values come from and go to memory that a core's own caches do not hold: they are asked for a tile ahead.
  [[nodiscard]] static bool is_far(const SparseConv& conv, int threads) {
    constexpr std::int64_t near = std::int64_t{1} << 20;  // [B] of a thread
    const std::int64_t elements = conv.images * conv.pixels() * (conv.ic + conv.oc);
    return conv.flat() && elements * static_cast<std::int64_t>(sizeof(float)) > near * threads;
  }

  SparseConv conv_;
  SparseLayout layout_;
  SparseLoops loops_;
  bool far_ = false;
  std::vector<std::pair<Activation, ActivationRun>> functions_;
  int most_units_ = 1;
  int threads_ = 1;
};

}  // namespace fulcrum::detail::onednn
