#pragma once
/// \file
/// The transpose of a matrix of bytes: weights of 8 bits that a file has the other way round.

#include <algorithm>
#include <cstddef>
#include <cstdint>

#if defined(__x86_64__)
#include <emmintrin.h>
#endif

namespace fulcrum::detail {

#if defined(__x86_64__)
/// A tile of 16 × 16. Every round interleaves rows eight apart: the highest bit of a row's number becomes the lowest of
/// the column's, and four rounds change all of them.
inline void transpose_tile(const std::uint8_t* src, std::size_t src_stride, std::uint8_t* dst, std::size_t dst_stride) {
  __m128i x[16], y[16];
  for (std::size_t i = 0; i < 16; ++i) x[i] = _mm_loadu_si128(reinterpret_cast<const __m128i*>(src + i * src_stride));
  const auto interleave = [](const __m128i* from, __m128i* to) {
    for (std::size_t i = 0; i < 8; ++i) {
      to[2 * i] = _mm_unpacklo_epi8(from[i], from[i + 8]);
      to[2 * i + 1] = _mm_unpackhi_epi8(from[i], from[i + 8]);
    }
  };
  interleave(x, y);
  interleave(y, x);
  interleave(x, y);
  interleave(y, x);
  for (std::size_t i = 0; i < 16; ++i) _mm_storeu_si128(reinterpret_cast<__m128i*>(dst + i * dst_stride), x[i]);
}
#endif

/// Columns [0, columns) of a matrix as rows.
/// \param src_stride  [B] from row to row of the matrix
/// \param dst         (columns, rows)
inline void transpose_bytes(const std::uint8_t* src, std::size_t rows, std::size_t columns, std::size_t src_stride,
                            std::uint8_t* dst) {
  constexpr std::size_t tile = 16;
  for (std::size_t row = 0; row < rows; row += tile) {
    const std::size_t last_row = std::min(row + tile, rows);
    for (std::size_t column = 0; column < columns; column += tile) {
      const std::size_t last_column = std::min(column + tile, columns);
#if defined(__x86_64__)
      if (last_row - row == tile && last_column - column == tile) {
        transpose_tile(src + row * src_stride + column, src_stride, dst + column * rows + row, rows);
        continue;
      }
#endif
      for (std::size_t c = column; c < last_column; ++c) {
        for (std::size_t r = row; r < last_row; ++r) dst[c * rows + r] = src[r * src_stride + c];
      }
    }
  }
}

}  // namespace fulcrum::detail
