#pragma once
/// \file
/// Max pooling in loops of Fulcrum's own for CPUs with AVX2, for where oneDNN's kernel is slow.

#include <cstdint>
#include <limits>
#include <optional>
#include <span>

#if defined(__x86_64__)
#include <immintrin.h>
#endif

#include <fulcrum/exec/detail/layout.hpp>
#include <fulcrum/exec/detail/program.hpp>
#include <fulcrum/exec/detail/team.hpp>
#include <fulcrum/layers/kernels/reduce.hpp>
#include <fulcrum/layers/window.hpp>

namespace fulcrum::detail::onednn {

/// Images of `channels` floats per pixel, pixels in row-major order: a value with its channels last, or each block of
/// channels of a blocked one.
struct MaxPool2d {
  std::int64_t images = 0;
  std::int64_t channels = 0;  ///< a multiple of 8
  std::int64_t src_height = 0, src_width = 0, dst_height = 0, dst_width = 0;
  fulcrum::detail::WindowAxis rows{}, columns{};
};

/// The pooling as one of images, when the values lie in layouts that are such.
[[nodiscard]] inline std::optional<MaxPool2d> max_pool_of(const Desc& src, const Desc& dst, const Window& window) {
  const Shape from = shape_of(src), to = shape_of(dst);
  if (from.size() != 4 || to.size() != 4 || dtype_of_desc(src) != DType::f32) return std::nullopt;
  const std::int64_t block = channel_block_of(src);
  MaxPool2d pool;
  if (block == 8 && channel_block_of(dst) == 8 && same_layout(src, blocked_channels_desc(from, DType::f32, block)) &&
      same_layout(dst, blocked_channels_desc(to, DType::f32, block))) {
    pool.images = from[0] * ((from[1] + block - 1) / block);
    pool.channels = block;
  } else if (from[1] % 8 == 0 && same_layout(src, channels_last_desc(from, DType::f32)) &&
             same_layout(dst, channels_last_desc(to, DType::f32))) {
    pool.images = from[0];
    pool.channels = from[1];
  } else {
    return std::nullopt;
  }
  pool.src_height = from[2];
  pool.src_width = from[3];
  pool.dst_height = to[2];
  pool.dst_width = to[3];
  pool.rows = fulcrum::detail::plane_axes(window)[0];
  pool.columns = fulcrum::detail::plane_axes(window)[1];
  return pool;
}

/// kernels::taps_inside() without a division where the whole window lies in the source.
[[nodiscard]] inline kernels::WindowTaps window_taps(const fulcrum::detail::WindowAxis& axis, std::int64_t src,
                                                     std::int64_t y) {
  const std::int64_t start = y * axis.stride - axis.before;
  if (start >= 0 && start + axis.dilation * (axis.kernel - 1) < src) return {start, axis.kernel};
  return kernels::taps_inside(axis, src, y);
}

#if defined(__x86_64__)

/// Rows [first, last) of the result, counted through all images. NaNs of the source count for nothing, as in oneDNN.
__attribute__((target("avx2"))) inline void max_pool_rows(const MaxPool2d& p, const float* src, float* dst,
                                                          std::int64_t first, std::int64_t last) {
  constexpr std::int64_t width = 8;
  const __m256 least = _mm256_set1_ps(-std::numeric_limits<float>::infinity());
  const std::int64_t next_tap = p.columns.dilation * p.channels;
  const std::int64_t next_line = p.rows.dilation * p.src_width * p.channels;
  for (std::int64_t row = first; row < last; ++row) {
    const float* image = src + row / p.dst_height * p.src_height * p.src_width * p.channels;
    const kernels::WindowTaps down = window_taps(p.rows, p.src_height, row % p.dst_height);
    float* to = dst + row * p.dst_width * p.channels;
    for (std::int64_t x = 0; x < p.dst_width; ++x) {
      const kernels::WindowTaps across = window_taps(p.columns, p.src_width, x);
      const float* corner = image + (down.first * p.src_width + across.first) * p.channels;
      for (std::int64_t c = 0; c < p.channels; c += width, to += width) {
        __m256 largest = least;
        const float* line = corner + c;
        for (std::int64_t i = 0; i < down.count; ++i, line += next_line) {
          const float* tap = line;
          for (std::int64_t j = 0; j < across.count; ++j, tap += next_tap) {
            largest = _mm256_max_ps(_mm256_loadu_ps(tap), largest);
          }
        }
        _mm256_storeu_ps(to, largest);
      }
    }
  }
}

/// The pooling on a number of threads, from the first pointer to the second.
[[nodiscard]] inline NativeFunction max_pool_function(const MaxPool2d& pool, int threads) {
  return [pool, threads](std::span<void* const> pointers) {
    const auto* src = static_cast<const float*>(pointers[0]);
    auto* dst = static_cast<float*>(pointers[1]);
    for_parts(threads, pool.images * pool.dst_height,
              [&](std::int64_t first, std::int64_t last) { max_pool_rows(pool, src, dst, first, last); });
  };
}

#endif

}  // namespace fulcrum::detail::onednn
