#pragma once
/// \file
/// Sums of products with weights of 4 or 8 bits, in f32. One row, or a few, takes as long as reading the weights does:
/// they are unpacked in registers. For more rows a part of a panel is unpacked once, into the nearest cache.

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <vector>

#if defined(__x86_64__)
#include <immintrin.h>
#endif

#include <fulcrum/exec/kernels/packed_weights.hpp>

namespace fulcrum::detail::onednn {

/// Sums of a panel's outputs with rows that follow one another: sums (rows, 64).
/// \param block_sums  (rows, blocks): the sums of the rows' elements; read only where zero points are off the middle
using PackedSums = void (*)(const PackedPanels& p, const std::byte* panel, const float* src, const float* block_sums,
                            float* sums);
/// The real weights (count, 64) of words of one block.
///
/// \param head  where the block begins
using PackedUnpack = void (*)(const PackedPanels& p, const std::byte* head, const std::byte* words, std::int64_t count,
                              float* weights);
/// Adds to sums (rows, 64) the products of `columns` inputs of each row and weights (columns, 64).
using PackedMultiply = void (*)(const float* weights, std::int64_t columns, const float* src, std::int64_t stride,
                                std::int64_t rows, float* sums);

struct PackedKernels {
  std::vector<PackedSums> sums;  ///< for 1, 2, … rows; more than those are multiplied with unpacked weights
  PackedUnpack unpack = nullptr;
  PackedMultiply multiply = nullptr;
};

/// For the CPU at hand.
[[nodiscard]] inline PackedKernels packed_kernels(int bits);

/// Plain loops, for any CPU.
template <int bits>
void unpack_anywhere(const PackedPanels& p, const std::byte* head, const std::byte* words, std::int64_t count,
                     float* weights) {
  for (std::int64_t w = 0; w < count; ++w, words += PackedPanels::word_bytes()) {
    for (std::int64_t lane = 0; lane < packed_lanes; ++lane) {
      std::uint32_t word = 0;
      float scale = 0.0F;
      std::int8_t off = 0;
      std::memcpy(&word, words + 4 * lane, sizeof word);
      std::memcpy(&scale, head + 4 * lane, sizeof scale);
      if (p.zeros) std::memcpy(&off, head + 4 * packed_lanes + lane, 1);
      for (int i = 0; i < 32 / bits; ++i) {
        const auto q = static_cast<int>(word >> bit_of_input(bits, i) & ((1U << bits) - 1U));
        weights[(w * (32 / bits) + i) * packed_lanes + lane] = static_cast<float>(q - (1 << (bits - 1)) - off) * scale;
      }
    }
  }
}

inline void multiply_anywhere(const float* weights, std::int64_t columns, const float* src, std::int64_t stride,
                              std::int64_t rows, float* sums) {
  for (std::int64_t row = 0; row < rows; ++row) {
    float* to = sums + row * packed_lanes;
    for (std::int64_t k = 0; k < columns; ++k) {
      for (std::int64_t lane = 0; lane < packed_lanes; ++lane)
        to[lane] += weights[k * packed_lanes + lane] * src[row * stride + k];
    }
  }
}

#if defined(__x86_64__)

/// Input i of 16 words as a real, from its middle.
template <int bits>
__attribute__((target("avx512f"), always_inline)) inline __m512 input_of_words(__m512i words, int i) {
  // Forms with a mask of all elements: those without one make g++ 12 warn of its own header.
  constexpr __mmask16 all = 0xffff;
  if constexpr (bits == 4) {
    const __m512 reals = _mm512_setr_ps(-8, -7, -6, -5, -4, -3, -2, -1, 0, 1, 2, 3, 4, 5, 6, 7);
    const auto at = static_cast<unsigned>(bit_of_input(4, i));
    return _mm512_maskz_permutexvar_ps(all, at == 0 ? words : _mm512_maskz_srli_epi32(all, words, at), reals);
  } else {
    const __m512i centered = _mm512_xor_si512(words, _mm512_set1_epi32(static_cast<int>(0x80808080U)));
    const __m512i raised =
        i == 3 ? centered : _mm512_maskz_slli_epi32(all, centered, static_cast<unsigned>(24 - 8 * i));
    return _mm512_maskz_cvtepi32_ps(all, _mm512_maskz_srai_epi32(all, raised, 24));
  }
}

template <int bits, int rows>
__attribute__((target("avx512f,avx512bw,avx512dq,avx512vl,fma"))) void packed_sums_avx512(
    const PackedPanels& p, const std::byte* panel, const float* src, const float* block_sums, float* sums) {
  constexpr int columns = 32 / bits, vectors = packed_lanes / 16;
  constexpr __mmask16 all = 0xffff;
  std::fill_n(sums, rows * packed_lanes, 0.0F);
  const std::int64_t blocks = p.blocks();
  for (std::int64_t which = 0; which < blocks; ++which) {
    const std::byte* head = panel;
    const std::byte* words = head + p.head_bytes();
    const std::int64_t inputs = p.inputs_of(which);
    __m512 part[vectors][rows];
    for (auto& of_vector : part) {
      for (__m512& x : of_vector) x = _mm512_setzero_ps();
    }
    // \param from, stride  rows of the source at the word's first input
    const auto add_word = [&](const float* from, std::int64_t stride)
        __attribute__((target("avx512f,avx512bw,avx512dq,avx512vl,fma"), always_inline)) {
#pragma GCC unroll 4
      for (int v = 0; v < vectors; ++v) {
        const __m512i word = _mm512_loadu_si512(words + 64 * v);
#pragma GCC unroll 8
        for (int i = 0; i < columns; ++i) {
          const __m512 weight = input_of_words<bits>(word, i);
#pragma GCC unroll 4
          for (int row = 0; row < rows; ++row)
            part[v][row] = _mm512_fmadd_ps(weight, _mm512_set1_ps(from[row * stride + i]), part[v][row]);
        }
      }
      words += PackedPanels::word_bytes();
    };
    const float* from = src + which * p.block;
    for (std::int64_t w = 0; w < inputs / columns; ++w, from += columns) {
      _mm_prefetch(reinterpret_cast<const char*>(words) + 2048, _MM_HINT_T0);
      _mm_prefetch(reinterpret_cast<const char*>(words) + 2048 + 64, _MM_HINT_T0);
      _mm_prefetch(reinterpret_cast<const char*>(words) + 2048 + 128, _MM_HINT_T0);
      _mm_prefetch(reinterpret_cast<const char*>(words) + 2048 + 192, _MM_HINT_T0);
      add_word(from, p.ic);
    }
    if (const std::int64_t left = inputs % columns; left > 0) {
      float last[rows * columns] = {};
      for (int row = 0; row < rows; ++row) std::copy_n(from + row * p.ic, left, last + row * columns);
      add_word(last, columns);
    }
#pragma GCC unroll 4
    for (int v = 0; v < vectors; ++v) {
      const __m512 scale = _mm512_loadu_ps(head + 64 * v);
      __m512 off = _mm512_setzero_ps();
      if (p.zeros) {
        const __m128i bytes = _mm_loadu_si128(reinterpret_cast<const __m128i*>(head + 4 * packed_lanes + 16 * v));
        off = _mm512_maskz_cvtepi32_ps(all, _mm512_maskz_cvtepi8_epi32(all, bytes));
      }
#pragma GCC unroll 4
      for (int row = 0; row < rows; ++row) {
        float* to = sums + row * packed_lanes + 16 * v;
        __m512 sum = part[v][row];
        if (p.zeros) sum = _mm512_fnmadd_ps(off, _mm512_set1_ps(block_sums[row * blocks + which]), sum);
        _mm512_storeu_ps(to, _mm512_fmadd_ps(sum, scale, _mm512_loadu_ps(to)));
      }
    }
    panel = words;
  }
}

template <int bits>
__attribute__((target("avx512f,avx512bw,avx512dq,avx512vl,fma"))) void unpack_avx512(
    const PackedPanels& p, const std::byte* head, const std::byte* words, std::int64_t count, float* weights) {
  constexpr int columns = 32 / bits;
  constexpr __mmask16 all = 0xffff;
  for (int v = 0; v < packed_lanes / 16; ++v) {
    const __m512 scale = _mm512_loadu_ps(head + 64 * v);
    __m512 off = _mm512_setzero_ps();
    if (p.zeros) {
      const __m128i bytes = _mm_loadu_si128(reinterpret_cast<const __m128i*>(head + 4 * packed_lanes + 16 * v));
      off = _mm512_maskz_cvtepi32_ps(all, _mm512_maskz_cvtepi8_epi32(all, bytes));
    }
    for (std::int64_t w = 0; w < count; ++w) {
      const __m512i word = _mm512_loadu_si512(words + w * PackedPanels::word_bytes() + 64 * v);
      float* to = weights + w * columns * packed_lanes + 16 * v;
#pragma GCC unroll 8
      for (int i = 0; i < columns; ++i) {
        const __m512 real = _mm512_mul_ps(_mm512_sub_ps(input_of_words<bits>(word, i), off), scale);
        _mm512_storeu_ps(to + i * packed_lanes, real);
      }
    }
  }
}

template <int rows>
__attribute__((target("avx512f,fma"))) void multiply_rows_avx512(const float* weights, std::int64_t columns,
                                                                 const float* src, std::int64_t stride, float* sums) {
  constexpr int vectors = packed_lanes / 16;
  __m512 sum[vectors][rows];
#pragma GCC unroll 4
  for (int v = 0; v < vectors; ++v) {
#pragma GCC unroll 6
    for (int row = 0; row < rows; ++row) sum[v][row] = _mm512_loadu_ps(sums + row * packed_lanes + 16 * v);
  }
  for (std::int64_t k = 0; k < columns; ++k, weights += packed_lanes) {
    __m512 weight[vectors];
#pragma GCC unroll 4
    for (int v = 0; v < vectors; ++v) weight[v] = _mm512_loadu_ps(weights + 16 * v);
#pragma GCC unroll 6
    for (int row = 0; row < rows; ++row) {
      const __m512 x = _mm512_set1_ps(src[row * stride + k]);
#pragma GCC unroll 4
      for (int v = 0; v < vectors; ++v) sum[v][row] = _mm512_fmadd_ps(weight[v], x, sum[v][row]);
    }
  }
#pragma GCC unroll 4
  for (int v = 0; v < vectors; ++v) {
#pragma GCC unroll 6
    for (int row = 0; row < rows; ++row) _mm512_storeu_ps(sums + row * packed_lanes + 16 * v, sum[v][row]);
  }
}

inline void multiply_avx512(const float* weights, std::int64_t columns, const float* src, std::int64_t stride,
                            std::int64_t rows, float* sums) {
  constexpr int at_a_time = 6;
  std::int64_t row = 0;
  for (; row + at_a_time <= rows; row += at_a_time)
    multiply_rows_avx512<at_a_time>(weights, columns, src + row * stride, stride, sums + row * packed_lanes);
  for (; row + 2 <= rows; row += 2)
    multiply_rows_avx512<2>(weights, columns, src + row * stride, stride, sums + row * packed_lanes);
  if (row < rows) multiply_rows_avx512<1>(weights, columns, src + row * stride, stride, sums + row * packed_lanes);
}

/// The same of 8 words.
template <int bits>
__attribute__((target("avx2"), always_inline)) inline __m256 input_of_words(__m256i words, int i) {
  const int at = bit_of_input(bits, i) + bits;
  const __m256i raised = at == 32 ? words : _mm256_slli_epi32(words, 32 - at);
  return _mm256_cvtepi32_ps(_mm256_srai_epi32(raised, 32 - bits));
}
/// Words as integers from their middle.
template <int bits>
__attribute__((target("avx2"), always_inline)) inline __m256i centered_words(const std::byte* at) {
  const __m256i words = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(at));
  return _mm256_xor_si256(words, _mm256_set1_epi32(static_cast<int>(bits == 4 ? 0x88888888U : 0x80808080U)));
}

/// One row, half of a panel after the other: AVX2 has half as many registers, of half the width.
template <int bits>
__attribute__((target("avx2,fma"))) void packed_sums_avx2(const PackedPanels& p, const std::byte* panel,
                                                          const float* src, const float* block_sums, float* sums) {
  constexpr int columns = 32 / bits, vectors = packed_lanes / 8;
  std::fill_n(sums, packed_lanes, 0.0F);
  for (std::int64_t which = 0; which < p.blocks(); ++which) {
    const std::byte* head = panel;
    const std::byte* words = head + p.head_bytes();
    const std::int64_t inputs = p.inputs_of(which);
    __m256 part[vectors];
    for (__m256& x : part) x = _mm256_setzero_ps();
    const auto add_word = [&](const float* from) __attribute__((target("avx2,fma"), always_inline)) {
#pragma GCC unroll 8
      for (int v = 0; v < vectors; ++v) {
        const __m256i word = centered_words<bits>(words + 32 * v);
#pragma GCC unroll 8
        for (int i = 0; i < columns; ++i)
          part[v] = _mm256_fmadd_ps(input_of_words<bits>(word, i), _mm256_set1_ps(from[i]), part[v]);
      }
      words += PackedPanels::word_bytes();
    };
    const float* from = src + which * p.block;
    for (std::int64_t w = 0; w < inputs / columns; ++w, from += columns) add_word(from);
    if (const std::int64_t left = inputs % columns; left > 0) {
      float last[columns] = {};
      std::copy_n(from, left, last);
      add_word(last);
    }
    for (int v = 0; v < vectors; ++v) {
      __m256 sum = part[v];
      if (p.zeros) {
        const __m128i bytes = _mm_loadl_epi64(reinterpret_cast<const __m128i*>(head + 4 * packed_lanes + 8 * v));
        const __m256 off = _mm256_cvtepi32_ps(_mm256_cvtepi8_epi32(bytes));
        sum = _mm256_fnmadd_ps(off, _mm256_set1_ps(block_sums[which]), sum);
      }
      const __m256 scale = _mm256_loadu_ps(reinterpret_cast<const float*>(head) + 8 * v);
      _mm256_storeu_ps(sums + 8 * v, _mm256_fmadd_ps(sum, scale, _mm256_loadu_ps(sums + 8 * v)));
    }
    panel = words;
  }
}

template <int bits>
__attribute__((target("avx2,fma"))) void unpack_avx2(const PackedPanels& p, const std::byte* head,
                                                     const std::byte* words, std::int64_t count, float* weights) {
  constexpr int columns = 32 / bits;
  for (int v = 0; v < packed_lanes / 8; ++v) {
    const __m256 scale = _mm256_loadu_ps(reinterpret_cast<const float*>(head) + 8 * v);
    __m256 off = _mm256_setzero_ps();
    if (p.zeros) {
      const __m128i bytes = _mm_loadl_epi64(reinterpret_cast<const __m128i*>(head + 4 * packed_lanes + 8 * v));
      off = _mm256_cvtepi32_ps(_mm256_cvtepi8_epi32(bytes));
    }
    for (std::int64_t w = 0; w < count; ++w) {
      const __m256i word = centered_words<bits>(words + w * PackedPanels::word_bytes() + 32 * v);
      float* to = weights + w * columns * packed_lanes + 8 * v;
#pragma GCC unroll 8
      for (int i = 0; i < columns; ++i) {
        const __m256 real = _mm256_mul_ps(_mm256_sub_ps(input_of_words<bits>(word, i), off), scale);
        _mm256_storeu_ps(to + i * packed_lanes, real);
      }
    }
  }
}

template <int rows>
__attribute__((target("avx2,fma"))) void multiply_rows_avx2(const float* weights, std::int64_t columns,
                                                            const float* src, std::int64_t stride, float* sums) {
  for (std::int64_t lane = 0; lane < packed_lanes; lane += 16) {
    __m256 sum[2][rows];
#pragma GCC unroll 6
    for (int row = 0; row < rows; ++row) {
      sum[0][row] = _mm256_loadu_ps(sums + row * packed_lanes + lane);
      sum[1][row] = _mm256_loadu_ps(sums + row * packed_lanes + lane + 8);
    }
    for (std::int64_t k = 0; k < columns; ++k) {
      const __m256 low = _mm256_loadu_ps(weights + k * packed_lanes + lane);
      const __m256 high = _mm256_loadu_ps(weights + k * packed_lanes + lane + 8);
#pragma GCC unroll 6
      for (int row = 0; row < rows; ++row) {
        const __m256 x = _mm256_set1_ps(src[row * stride + k]);
        sum[0][row] = _mm256_fmadd_ps(low, x, sum[0][row]);
        sum[1][row] = _mm256_fmadd_ps(high, x, sum[1][row]);
      }
    }
#pragma GCC unroll 6
    for (int row = 0; row < rows; ++row) {
      _mm256_storeu_ps(sums + row * packed_lanes + lane, sum[0][row]);
      _mm256_storeu_ps(sums + row * packed_lanes + lane + 8, sum[1][row]);
    }
  }
}

inline void multiply_avx2(const float* weights, std::int64_t columns, const float* src, std::int64_t stride,
                          std::int64_t rows, float* sums) {
  constexpr int at_a_time = 6;
  std::int64_t row = 0;
  for (; row + at_a_time <= rows; row += at_a_time)
    multiply_rows_avx2<at_a_time>(weights, columns, src + row * stride, stride, sums + row * packed_lanes);
  for (; row < rows; ++row)
    multiply_rows_avx2<1>(weights, columns, src + row * stride, stride, sums + row * packed_lanes);
}

#endif

/// The kernels by what they need of the CPU.
enum class PackedIsa : std::uint8_t { anywhere, avx2, avx512 };

[[nodiscard]] inline PackedIsa packed_isa() {
#if defined(__x86_64__)
  if (__builtin_cpu_supports("avx512f") != 0 && __builtin_cpu_supports("avx512bw") != 0 &&
      __builtin_cpu_supports("avx512dq") != 0 && __builtin_cpu_supports("avx512vl") != 0)
    return PackedIsa::avx512;
  if (__builtin_cpu_supports("avx2") != 0 && __builtin_cpu_supports("fma") != 0) return PackedIsa::avx2;
#endif
  return PackedIsa::anywhere;
}

template <int bits>
[[nodiscard]] PackedKernels packed_kernels_of(PackedIsa isa) {
#if defined(__x86_64__)
  if (isa == PackedIsa::avx512)
    return {{&packed_sums_avx512<bits, 1>, &packed_sums_avx512<bits, 2>, &packed_sums_avx512<bits, 3>,
             &packed_sums_avx512<bits, 4>},
            &unpack_avx512<bits>,
            &multiply_avx512};
  if (isa == PackedIsa::avx2) return {{&packed_sums_avx2<bits>}, &unpack_avx2<bits>, &multiply_avx2};
#endif
  static_cast<void>(isa);
  return {{}, &unpack_anywhere<bits>, &multiply_anywhere};
}

inline PackedKernels packed_kernels(int bits) {
  return bits == 4 ? packed_kernels_of<4>(packed_isa()) : packed_kernels_of<8>(packed_isa());
}

}  // namespace fulcrum::detail::onednn
