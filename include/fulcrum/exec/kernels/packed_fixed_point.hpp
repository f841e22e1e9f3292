#pragma once
/// \file
/// Sums of products with weights of 4 or 8 bits by VNNI, which multiplies bytes: rows of the source are integers of 24
/// bits, of which each byte is multiplied by itself. In f32 a weight is one multiplication of its own; here four are
/// one.
///
/// For every 32 inputs (or 16, in blocks of as many) a row has a scale, by which the largest of them is 127 · 2^16: an
/// element is off by about 2^-24 of that one, as much as f32 itself loses of a sum with it. Sums of bytes are exact.

#include <algorithm>
#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <vector>

#if defined(__x86_64__)
#include <immintrin.h>
#endif

#include <fulcrum/exec/kernels/packed_weights.hpp>

namespace fulcrum::detail::onednn {

/// How rows in fixed point lie.
struct FixedRows {
  static constexpr std::int64_t bytes = 3;  ///< of an element, each in a plane of its own: the lowest first, signed

  std::int64_t ic = 0, chunk = 32;  ///< inputs that share a scale

  [[nodiscard]] std::int64_t chunks() const noexcept { return (ic + chunk - 1) / chunk; }
  [[nodiscard]] std::int64_t plane() const noexcept { return (ic + 63) / 64 * 64; }
  /// Of each chunk its scale and, for each plane, what sums of it begin with: the middle of the weights' integers is
  /// taken from all of them, so that weights around it are as exact as others.
  [[nodiscard]] std::int64_t row_bytes() const noexcept { return bytes * plane() + chunks() * 16; }
};

/// Whether a block is whole chunks.
[[nodiscard]] inline bool has_fixed_rows(const PackedPanels& p) noexcept { return p.block == 16 || p.block % 32 == 0; }
[[nodiscard]] inline FixedRows fixed_rows(const PackedPanels& p) noexcept {
  return {p.ic, std::min<std::int64_t>(p.block, 32)};
}

/// A row in fixed point; false where it has no such form: an element that is not finite, or all of a chunk next to 0.
/// \param middle  of the weights' integers
/// \param to      row_bytes() of memory
using FixRow = bool (*)(const FixedRows& form, const float* src, int middle, std::byte* to);
/// PackedSums of such rows.
using FixedSums = void (*)(const PackedPanels& p, const std::byte* panel, const FixedRows& form, const std::byte* rows,
                           const float* block_sums, float* sums);

struct FixedKernels {
  FixRow fix = nullptr;
  std::vector<FixedSums> sums;  ///< for 1 and 2 rows, more take as long in f32; empty: the CPU has none
};

#if defined(__x86_64__)

__attribute__((target("avx512f,avx512bw,avx512dq,avx512vl,avx512vnni,fma"))) inline bool fix_row_vnni(
    const FixedRows& form, const float* src, int middle, std::byte* to) {
  // Forms with a mask of all elements: those without one make g++ 12 warn of its own header.
  constexpr __mmask16 all = 0xffff;
  constexpr float largest_integer = 127.0F * 65536.0F;
  const std::int64_t plane = form.plane();
  std::byte* heads = to + FixedRows::bytes * plane;
  // Words of a chunk may reach past the last element.
  for (std::int64_t d = 0; d < FixedRows::bytes; ++d) std::memset(to + (d + 1) * plane - 64, 0, 64);
  const int vectors = static_cast<int>(form.chunk / 16);
  for (std::int64_t first = 0; first < form.ic; first += form.chunk, heads += 16) {
    __m512 x[2] = {};
    __m512i magnitude = _mm512_setzero_si512();
    for (int v = 0; v < vectors; ++v) {
      const std::int64_t left = std::clamp<std::int64_t>(form.ic - first - 16 * v, 0, 16);
      x[v] = _mm512_maskz_loadu_ps(static_cast<__mmask16>((1U << left) - 1U), src + first + 16 * v);
      const __m512i bits = _mm512_and_si512(_mm512_castps_si512(x[v]), _mm512_set1_epi32(0x7fffffff));
      magnitude = _mm512_maskz_max_epu32(all, magnitude, bits);
    }
    // Of magnitudes, bits are in the order of the numbers; infinity and NaN are the largest.
    alignas(64) std::array<std::uint32_t, 16> bits{};
    _mm512_store_si512(bits.data(), magnitude);
    const std::uint32_t largest_bits = *std::max_element(bits.begin(), bits.end());
    const auto largest = std::bit_cast<float>(largest_bits);
    if (largest_bits >= 0x7f800000U || (largest > 0.0F && largest < 1e-30F)) return false;
    const float factor = largest > 0.0F ? largest_integer / largest : 0.0F;
    std::array<std::int32_t, 4> head{};
    for (int v = 0; v < vectors; ++v) {
      const __m512i q = _mm512_maskz_cvtps_epi32(all, _mm512_mul_ps(x[v], _mm512_set1_ps(factor)));
      // Bytes of 0 … 255 around 128 are those of the sum; less 128 they are signed.
      const __m512i sum = _mm512_add_epi32(q, _mm512_set1_epi32(0x00808080));
      for (int d = 0; d < FixedRows::bytes; ++d) {
        const __m512i byte = _mm512_maskz_srli_epi32(all, sum, static_cast<unsigned>(8 * d));
        const __m128i bytes =
            _mm_xor_si128(_mm512_maskz_cvtepi32_epi8(all, byte), _mm_set1_epi8(static_cast<char>(0x80)));
        std::byte* at = to + d * plane + first + 16 * v;
        _mm_storeu_si128(reinterpret_cast<__m128i*>(at), bytes);
        // Sums of eight bytes each, as they are without a sign.
        const __m128i halves = _mm_sad_epu8(_mm512_maskz_cvtepi32_epi8(all, byte), _mm_setzero_si128());
        const int total = _mm_cvtsi128_si32(halves) + _mm_extract_epi32(halves, 2);
        head[static_cast<std::size_t>(d + 1)] -= middle * (total - 16 * 128);
      }
    }
    const float scale = largest / largest_integer;
    std::memcpy(heads, head.data(), sizeof head);
    std::memcpy(heads, &scale, sizeof scale);
  }
  return true;
}

template <int bits, int rows>
__attribute__((target("avx512f,avx512bw,avx512dq,avx512vl,avx512vnni,fma"))) void fixed_sums_vnni(
    const PackedPanels& p, const std::byte* panel, const FixedRows& form, const std::byte* fixed,
    const float* block_sums, float* sums) {
  constexpr int columns = 32 / bits, planes = FixedRows::bytes;
  constexpr int vectors = packed_lanes / 16;
  constexpr __mmask16 all = 0xffff;
  const __m512 byte = _mm512_set1_ps(256.0F);
  std::fill_n(sums, rows * packed_lanes, 0.0F);
  const std::int64_t blocks = p.blocks(), plane = form.plane(), row_bytes = form.row_bytes();
  for (std::int64_t which = 0; which < blocks; ++which) {
    const std::byte* head = panel;
    const std::byte* words = head + p.head_bytes();
    const std::int64_t first = which * p.block, inputs = p.inputs_of(which);
    for (std::int64_t done = 0; done < inputs; done += form.chunk) {
      const std::int64_t count = (std::min(form.chunk, inputs - done) + columns - 1) / columns;
      const std::byte* heads = fixed + planes * plane + (first + done) / form.chunk * 16;
      __m512i sum[vectors][planes][rows];
#pragma GCC unroll 2
      for (int row = 0; row < rows; ++row) {
#pragma GCC unroll 3
        for (int d = 0; d < planes; ++d) {
          std::int32_t start = 0;
          std::memcpy(&start, heads + row * row_bytes + 4 * (d + 1), sizeof start);
#pragma GCC unroll 4
          for (int v = 0; v < vectors; ++v) sum[v][d][row] = _mm512_set1_epi32(start);
        }
      }
      const std::byte* from = fixed + first + done;
      for (std::int64_t w = 0; w < count; ++w, words += PackedPanels::word_bytes(), from += columns) {
#pragma GCC unroll 4
        for (int v = 0; v < vectors; ++v)
          _mm_prefetch(reinterpret_cast<const char*>(words) + 4096 + 64 * v, _MM_HINT_T0);
        __m512i low[vectors], high[vectors];
#pragma GCC unroll 4
        for (int v = 0; v < vectors; ++v) {
          const __m512i word = _mm512_loadu_si512(words + 64 * v);
          if constexpr (bits == 4) {
            const __m512i mask = _mm512_set1_epi8(15);
            low[v] = _mm512_and_si512(word, mask);
            high[v] = _mm512_and_si512(_mm512_maskz_srli_epi32(all, word, 4), mask);
          } else {
            low[v] = word;
          }
        }
#pragma GCC unroll 4
        for (int row = 0; row < rows; ++row) {
#pragma GCC unroll 3
          for (int d = 0; d < planes; ++d) {
            std::int32_t four = 0;
            std::memcpy(&four, from + row * row_bytes + d * plane, sizeof four);
            const __m512i x = _mm512_set1_epi32(four);
#pragma GCC unroll 4
            for (int v = 0; v < vectors; ++v) sum[v][d][row] = _mm512_dpbusd_epi32(sum[v][d][row], low[v], x);
            if constexpr (bits == 4) {
              std::memcpy(&four, from + row * row_bytes + d * plane + 4, sizeof four);
              const __m512i next = _mm512_set1_epi32(four);
#pragma GCC unroll 4
              for (int v = 0; v < vectors; ++v) sum[v][d][row] = _mm512_dpbusd_epi32(sum[v][d][row], high[v], next);
            }
          }
        }
      }
#pragma GCC unroll 2
      for (int row = 0; row < rows; ++row) {
        float scale = 0.0F;
        std::memcpy(&scale, heads + row * row_bytes, sizeof scale);
#pragma GCC unroll 4
        for (int v = 0; v < vectors; ++v) {
          __m512 total = _mm512_maskz_cvtepi32_ps(all, sum[v][2][row]);
          total = _mm512_fmadd_ps(total, byte, _mm512_maskz_cvtepi32_ps(all, sum[v][1][row]));
          total = _mm512_fmadd_ps(total, byte, _mm512_maskz_cvtepi32_ps(all, sum[v][0][row]));
          const __m512 factor = _mm512_mul_ps(_mm512_loadu_ps(head + 64 * v), _mm512_set1_ps(scale));
          float* to = sums + row * packed_lanes + 16 * v;
          _mm512_storeu_ps(to, _mm512_fmadd_ps(total, factor, _mm512_loadu_ps(to)));
        }
      }
    }
    for (int v = 0; p.zeros && v < 4; ++v) {
      const __m128i bytes = _mm_loadu_si128(reinterpret_cast<const __m128i*>(head + 4 * packed_lanes + 16 * v));
      const __m512 off = _mm512_mul_ps(_mm512_maskz_cvtepi32_ps(all, _mm512_maskz_cvtepi8_epi32(all, bytes)),
                                       _mm512_loadu_ps(head + 64 * v));
      for (int row = 0; row < rows; ++row) {
        float* to = sums + row * packed_lanes + 16 * v;
        const __m512 total = _mm512_loadu_ps(to);
        _mm512_storeu_ps(to, _mm512_fnmadd_ps(off, _mm512_set1_ps(block_sums[row * blocks + which]), total));
      }
    }
    panel = words;
  }
}

#endif

/// For the CPU at hand.
template <int bits>
[[nodiscard]] FixedKernels fixed_kernels_of() {
#if defined(__x86_64__)
  if (__builtin_cpu_supports("avx512vnni") != 0 && __builtin_cpu_supports("avx512bw") != 0 &&
      __builtin_cpu_supports("avx512dq") != 0 && __builtin_cpu_supports("avx512vl") != 0) {
    return {&fix_row_vnni, {&fixed_sums_vnni<bits, 1>, &fixed_sums_vnni<bits, 2>}};
  }
#endif
  return {};
}

[[nodiscard]] inline FixedKernels fixed_kernels(int bits) {
  return bits == 4 ? fixed_kernels_of<4>() : fixed_kernels_of<8>();
}

}  // namespace fulcrum::detail::onednn
