#pragma once
/// \file
/// Sums by weights without their zeros: rows of weights times a block of channels whose positions lie side by side.

#include <cstddef>
#include <cstdint>

#if defined(__x86_64__)
#include <immintrin.h>
#endif

#include <fulcrum/exec/kernels/sparse_tiles.hpp>

namespace fulcrum::detail::onednn {

/// SparseLoops::add in plain loops.
template <int units>
void add_rows_anywhere(const SparseSums& s) {
  constexpr std::int64_t count = units * sparse_unit;
  const SparseEntry* entry = s.entries;
  const auto* src = reinterpret_cast<const std::byte*>(s.src);
  for (std::int64_t r = 0; r < s.count; ++r) {
    float* to = s.sums + s.rows[r].channel * s.positions;
    if (s.bias != nullptr) {
      const float bias = s.bias[s.rows[r].channel];
      for (std::int64_t i = 0; i < count; ++i) to[i] = s.adds ? to[i] + bias : bias;
    }
    for (const SparseEntry* end = entry + s.rows[r].entries; entry != end; ++entry) {
      const auto* from = reinterpret_cast<const float*>(src + entry->offset);
      for (std::int64_t i = 0; i < count; ++i) to[i] += entry->value * from[i];
    }
    for (std::int64_t i = 0; s.ends && i < count; ++i) {
      const float value = to[i] < s.least ? s.least : to[i];  // a NaN stays one
      to[i] = value > s.largest ? s.largest : value;
    }
  }
}

#if defined(__x86_64__)

#define FULCRUM_AVX512 __attribute__((target("avx512f,avx512bw,avx512dq,avx512vl,fma")))
#define FULCRUM_AVX2 __attribute__((target("avx2,fma")))

/// Sums that one row of few units goes into in turns: a multiplication waits four cycles for the one before it into the
/// same sum, and two may begin in each.
template <int units>
inline constexpr int sparse_turns = units == 1   ? 4
                                    : units == 2 ? 2
                                                 : 1;

template <int units>
FULCRUM_AVX512 void add_rows_avx512(const SparseSums& s) {
  constexpr int turns = sparse_turns<units>, step = turns > 2 ? turns : 2;
  const SparseEntry* entry = s.entries;
  const auto* src = reinterpret_cast<const std::byte*>(s.src);
  for (std::int64_t r = 0; r < s.count; ++r) {
    float* to = s.sums + s.rows[r].channel * s.positions;
    __m512 sum[turns * units];
    if (s.bias != nullptr) {
      const __m512 bias = _mm512_set1_ps(s.bias[s.rows[r].channel]);
#pragma GCC unroll 8
      for (int i = 0; i < units; ++i) sum[i] = s.adds ? _mm512_add_ps(bias, _mm512_loadu_ps(to + 16 * i)) : bias;
    } else {
#pragma GCC unroll 8
      for (int i = 0; i < units; ++i) sum[i] = _mm512_loadu_ps(to + 16 * i);
    }
#pragma GCC unroll 8
    for (int i = units; i < turns * units; ++i) sum[i] = _mm512_setzero_ps();
    const auto add = [&](const SparseEntry& e, int turn)
        __attribute__((target("avx512f,avx512bw,avx512dq,avx512vl,fma"), always_inline)) {
      const __m512 value = _mm512_set1_ps(e.value);
      const auto* from = reinterpret_cast<const float*>(src + e.offset);
#pragma GCC unroll 8
      for (int i = 0; i < units; ++i) {
        __m512& into = sum[turn * units + i];
        into = _mm512_fmadd_ps(value, _mm512_loadu_ps(from + 16 * i), into);
      }
    };
    const std::int32_t count = s.rows[r].entries;
    for (const SparseEntry* end = entry + count / step * step; entry != end; entry += step) {
#pragma GCC unroll 4
      for (int k = 0; k < step; ++k) add(entry[k], k % turns);
    }
    for (const SparseEntry* end = entry + count % step; entry != end; ++entry) add(*entry, 0);
#pragma GCC unroll 4
    for (int turn = turns / 2; turn > 0; turn /= 2) {
#pragma GCC unroll 8
      for (int i = 0; i < turn * units; ++i) sum[i] = _mm512_add_ps(sum[i], sum[turn * units + i]);
    }
    if (s.ends) {
      const __m512 least = _mm512_set1_ps(s.least), largest = _mm512_set1_ps(s.largest);
      constexpr __mmask16 all = 0xffff;
      // A NaN stays one: it is the second operand.
#pragma GCC unroll 8
      for (int i = 0; i < units; ++i)
        sum[i] = _mm512_maskz_min_ps(all, largest, _mm512_maskz_max_ps(all, least, sum[i]));
    }
#pragma GCC unroll 8
    for (int i = 0; i < units; ++i) _mm512_storeu_ps(to + 16 * i, sum[i]);
  }
}

template <int units>
FULCRUM_AVX2 void add_rows_avx2(const SparseSums& s) {
  // Sixteen registers hold the sums of up to seven units of eight with the weight and what it is multiplied by.
  constexpr int most = 6, count = 2 * units;
  const auto* src = reinterpret_cast<const std::byte*>(s.src);
#pragma GCC unroll 8
  for (int first = 0; first < count; first += most) {
    constexpr int width = count < most ? count : most;
    const int here = count - first < width ? count - first : width;
    const SparseEntry* entry = s.entries;
    for (std::int64_t r = 0; r < s.count; ++r) {
      float* to = s.sums + s.rows[r].channel * s.positions + 8 * first;
      __m256 sum[width];
#pragma GCC unroll 6
      for (int i = 0; i < width; ++i) {
        if (i >= here) continue;
        sum[i] = s.bias == nullptr || s.adds ? _mm256_loadu_ps(to + 8 * i) : _mm256_setzero_ps();
        if (s.bias != nullptr) sum[i] = _mm256_add_ps(sum[i], _mm256_set1_ps(s.bias[s.rows[r].channel]));
      }
      for (const SparseEntry* end = entry + s.rows[r].entries; entry != end; ++entry) {
        const __m256 value = _mm256_set1_ps(entry->value);
        const auto* from = reinterpret_cast<const float*>(src + entry->offset) + 8 * first;
#pragma GCC unroll 6
        for (int i = 0; i < width; ++i) {
          if (i < here) sum[i] = _mm256_fmadd_ps(value, _mm256_loadu_ps(from + 8 * i), sum[i]);
        }
      }
#pragma GCC unroll 6
      for (int i = 0; i < width; ++i) {
        if (i >= here) continue;
        if (s.ends) sum[i] = _mm256_min_ps(_mm256_set1_ps(s.largest), _mm256_max_ps(_mm256_set1_ps(s.least), sum[i]));
        _mm256_storeu_ps(to + 8 * i, sum[i]);
      }
    }
  }
}

#undef FULCRUM_AVX512
#undef FULCRUM_AVX2

#endif

}  // namespace fulcrum::detail::onednn
