#pragma once
/// \file
/// Max pooling in loops of Fulcrum's own for CPUs with AVX2, for where oneDNN's kernel is slow.

#include <cstdint>
#include <limits>
#include <optional>
#include <span>
#include <type_traits>

#if defined(__x86_64__)
#include <immintrin.h>
#endif

#include <fulcrum/exec/runtime/program.hpp>
#include <fulcrum/layers/kernels/reduce.hpp>
#include <fulcrum/layers/window.hpp>
#include <fulcrum/onednn/layout.hpp>
#include <fulcrum/onednn/team.hpp>

namespace fulcrum::detail::onednn {

/// Images of `channels` elements per pixel, pixels in row-major order: a value with its channels last, or each block of
/// channels of a blocked one.
struct MaxPool2d {
  DType dtype = DType::f32;  ///< or u8, s8
  std::int64_t images = 0;
  std::int64_t channels = 0;  ///< whole vectors of 32 bytes
  std::int64_t src_height = 0, src_width = 0, dst_height = 0, dst_width = 0;
  fulcrum::detail::WindowAxis rows{}, columns{};
};

/// The pooling as one of images, when the values lie in layouts that are such.
[[nodiscard]] inline std::optional<MaxPool2d> max_pool_of(const Desc& src, const Desc& dst, const Window& window) {
  const Shape from = shape_of(src), to = shape_of(dst);
  const DType dtype = dtype_of_desc(src);
  if (from.size() != 4 || to.size() != 4) return std::nullopt;
  if (dtype != DType::f32 && dtype != DType::u8 && dtype != DType::s8) return std::nullopt;
  const std::int64_t width = 32 / static_cast<std::int64_t>(size_of(dtype));
  const std::int64_t block = channel_block_of(src);
  MaxPool2d pool;
  pool.dtype = dtype;
  if (dtype == DType::f32 && block == 8 && channel_block_of(dst) == 8 &&
      same_layout(src, blocked_channels_desc(from, DType::f32, block)) &&
      same_layout(dst, blocked_channels_desc(to, DType::f32, block))) {
    pool.images = from[0] * ((from[1] + block - 1) / block);
    pool.channels = block;
  } else if (from[1] % width == 0 && same_layout(src, channels_last_desc(from, dtype)) &&
             same_layout(dst, channels_last_desc(to, dtype))) {
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

/// What a vector of 32 bytes holds.
struct MaxOfFloats {
  using Element = float;
  __attribute__((target("avx2"), always_inline)) static __m256 least() {
    return _mm256_set1_ps(-std::numeric_limits<float>::infinity());
  }
  /// NaN where either is. (The instruction gives its second operand where one is NaN: a NaN of the source, but also a
  /// number of it beside one that was there before.)
  __attribute__((target("avx2"), always_inline)) static __m256 larger(const float* src, __m256 largest) {
    const __m256 larger = _mm256_max_ps(largest, _mm256_loadu_ps(src));
    return _mm256_blendv_ps(larger, largest, _mm256_cmp_ps(largest, largest, _CMP_UNORD_Q));
  }
  __attribute__((target("avx2"), always_inline)) static void store(float* dst, __m256 largest) {
    _mm256_storeu_ps(dst, largest);
  }
};
template <class T>
struct MaxOfBytes {
  using Element = T;
  __attribute__((target("avx2"), always_inline)) static __m256i least() {
    return _mm256_set1_epi8(static_cast<char>(std::numeric_limits<T>::min()));
  }
  __attribute__((target("avx2"), always_inline)) static __m256i larger(const T* src, __m256i largest) {
    const __m256i tap = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(src));
    return std::is_signed_v<T> ? _mm256_max_epi8(tap, largest) : _mm256_max_epu8(tap, largest);
  }
  __attribute__((target("avx2"), always_inline)) static void store(T* dst, __m256i largest) {
    _mm256_storeu_si256(reinterpret_cast<__m256i*>(dst), largest);
  }
};

/// Rows [first, last) of the result, counted through all images.
template <class Max>
__attribute__((target("avx2"))) void max_pool_rows(const MaxPool2d& p, const typename Max::Element* src,
                                                   typename Max::Element* dst, std::int64_t first, std::int64_t last) {
  using Element = typename Max::Element;
  constexpr std::int64_t width = 32 / sizeof(Element);
  const std::int64_t next_tap = p.columns.dilation * p.channels;
  const std::int64_t next_line = p.rows.dilation * p.src_width * p.channels;
  for (std::int64_t row = first; row < last; ++row) {
    const Element* image = src + row / p.dst_height * p.src_height * p.src_width * p.channels;
    const kernels::WindowTaps down = window_taps(p.rows, p.src_height, row % p.dst_height);
    Element* to = dst + row * p.dst_width * p.channels;
    for (std::int64_t x = 0; x < p.dst_width; ++x) {
      const kernels::WindowTaps across = window_taps(p.columns, p.src_width, x);
      const Element* corner = image + (down.first * p.src_width + across.first) * p.channels;
      for (std::int64_t c = 0; c < p.channels; c += width, to += width) {
        auto largest = Max::least();
        const Element* line = corner + c;
        for (std::int64_t i = 0; i < down.count; ++i, line += next_line) {
          const Element* tap = line;
          for (std::int64_t j = 0; j < across.count; ++j, tap += next_tap) largest = Max::larger(tap, largest);
        }
        Max::store(to, largest);
      }
    }
  }
}

/// The same for floats with AVX-512: `vectors` of 16 channels at a time, of which the last one has those in `mask`.
template <int vectors>
__attribute__((target("avx512f"), always_inline)) inline void max_pool_pixel(const float* corner, float* to,
                                                                             std::int64_t lines, std::int64_t next_line,
                                                                             std::int64_t taps, std::int64_t next_tap,
                                                                             __mmask16 mask) {
  __m512 largest[vectors];
  for (int v = 0; v < vectors; ++v) largest[v] = _mm512_set1_ps(-std::numeric_limits<float>::infinity());
  for (std::int64_t i = 0; i < lines; ++i, corner += next_line) {
    const float* tap = corner;
    for (std::int64_t j = 0; j < taps; ++j, tap += next_tap) {
      for (int v = 0; v < vectors; ++v) {
        const __m512 x = _mm512_maskz_loadu_ps(v + 1 < vectors ? static_cast<__mmask16>(0xFFFF) : mask, tap + 16 * v);
        // The instruction gives its second operand where one is NaN: a NaN of the source; one from before stays.
        const __mmask16 number = _mm512_cmp_ps_mask(largest[v], largest[v], _CMP_ORD_Q);
        largest[v] = _mm512_mask_max_ps(largest[v], number, largest[v], x);
      }
    }
  }
  for (int v = 0; v < vectors; ++v)
    _mm512_mask_storeu_ps(to + 16 * v, v + 1 < vectors ? static_cast<__mmask16>(0xFFFF) : mask, largest[v]);
}

__attribute__((target("avx512f"))) inline void max_pool_rows_avx512(const MaxPool2d& p, const float* src, float* dst,
                                                                    std::int64_t first, std::int64_t last) {
  const std::int64_t next_tap = p.columns.dilation * p.channels;
  const std::int64_t next_line = p.rows.dilation * p.src_width * p.channels;
  for (std::int64_t row = first; row < last; ++row) {
    const float* image = src + row / p.dst_height * p.src_height * p.src_width * p.channels;
    const kernels::WindowTaps down = window_taps(p.rows, p.src_height, row % p.dst_height);
    float* to = dst + row * p.dst_width * p.channels;
    for (std::int64_t x = 0; x < p.dst_width; ++x, to += p.channels) {
      const kernels::WindowTaps across = window_taps(p.columns, p.src_width, x);
      const float* corner = image + (down.first * p.src_width + across.first) * p.channels;
      std::int64_t c = 0;
      for (; c + 64 <= p.channels; c += 64)
        max_pool_pixel<4>(corner + c, to + c, down.count, next_line, across.count, next_tap, 0xFFFF);
      for (; c < p.channels; c += 16) {
        const auto mask = static_cast<__mmask16>(c + 16 <= p.channels ? 0xFFFF : (1U << (p.channels - c)) - 1);
        max_pool_pixel<1>(corner + c, to + c, down.count, next_line, across.count, next_tap, mask);
      }
    }
  }
}

[[nodiscard]] inline NativeFunction max_pool_function_avx512(const MaxPool2d& pool, int threads) {
  return [pool, threads](std::span<void* const> pointers) {
    const auto* src = static_cast<const float*>(pointers[0]);
    auto* dst = static_cast<float*>(pointers[1]);
    for_parts(threads, pool.images * pool.dst_height,
              [&](std::int64_t first, std::int64_t last) { max_pool_rows_avx512(pool, src, dst, first, last); });
  };
}

template <class Max>
[[nodiscard]] NativeFunction max_pool_function_of(const MaxPool2d& pool, int threads) {
  return [pool, threads](std::span<void* const> pointers) {
    const auto* src = static_cast<const typename Max::Element*>(pointers[0]);
    auto* dst = static_cast<typename Max::Element*>(pointers[1]);
    for_parts(threads, pool.images * pool.dst_height,
              [&](std::int64_t first, std::int64_t last) { max_pool_rows<Max>(pool, src, dst, first, last); });
  };
}

/// The pooling on a number of threads, from the first pointer to the second.
[[nodiscard]] inline NativeFunction max_pool_function(const MaxPool2d& pool, int threads) {
  switch (pool.dtype) {
    case DType::u8: return max_pool_function_of<MaxOfBytes<std::uint8_t>>(pool, threads);
    case DType::s8: return max_pool_function_of<MaxOfBytes<std::int8_t>>(pool, threads);
    default:
      return __builtin_cpu_supports("avx512f") != 0 ? max_pool_function_avx512(pool, threads)
                                                    : max_pool_function_of<MaxOfFloats>(pool, threads);
  }
}

#endif

}  // namespace fulcrum::detail::onednn
