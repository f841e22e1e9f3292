#pragma once
/// \file
/// Convolution by Winograd's algorithm F(4×4, 3×3) with AVX2: the transforms in loops of Fulcrum's own, the products
/// between them as one grouped 1×1 convolution of oneDNN.

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <utility>
#include <vector>

#if defined(__x86_64__)
#include <immintrin.h>
#endif

#include <fulcrum/exec/runtime/program.hpp>
#include <fulcrum/onednn/layout.hpp>
#include <fulcrum/onednn/team.hpp>
#include <fulcrum/schedule/winograd.hpp>

namespace fulcrum::detail::onednn {

/// Where the elements of images (n, c, h, w) lie whose channels come in eights: strides in elements.
struct ImageStrides {
  std::int64_t image = 0;
  std::int64_t block = 0;  ///< of eight channels, which lie side by side
  std::int64_t row = 0;
  std::int64_t column = 0;
};

/// Nothing when eight channels do not lie side by side.
[[nodiscard]] inline std::optional<ImageStrides> image_strides_of(const Desc& desc) {
  const Shape shape = shape_of(desc);
  if (shape.size() != 4 || shape[1] % winograd_channels != 0 || dtype_of_desc(desc) != DType::f32) return std::nullopt;
  const Blocking b = blocking_of(desc);
  const bool blocked = channel_block_of(desc) == winograd_channels;
  if (!blocked && !same_layout(desc, channels_last_desc(shape, DType::f32))) return std::nullopt;
  return ImageStrides{b.strides[0], blocked ? b.strides[1] : winograd_channels, b.strides[2], b.strides[3]};
}

/// A convolution of 3×3 windows in tiles. Rows of tiles are counted through all images; a pass takes some of them
/// through transform, products and transform back, so that what lies between stays in the caches.
struct WinogradConv {
  std::int64_t images = 1, ic = 0, oc = 0;
  std::int64_t src_height = 0, src_width = 0, dst_height = 0, dst_width = 0;
  std::int64_t top = 0, left = 0;  ///< padding
  ImageStrides src, dst;
  bool adds = false;  ///< dst's earlier content
  ResultRange range;
  std::int64_t pass_rows = 0;  ///< of tiles

  [[nodiscard]] std::int64_t rows_per_image() const { return (dst_height + winograd_tile - 1) / winograd_tile; }
  [[nodiscard]] std::int64_t rows() const { return images * rows_per_image(); }
  [[nodiscard]] std::int64_t columns() const { return (dst_width + winograd_tile - 1) / winograd_tile; }
  [[nodiscard]] std::int64_t pass_tiles() const { return pass_rows * columns(); }
};

/// The tiles of a pass as pixels of an image with a group of channels per product: (1, 36 · channels, 1, tiles).
[[nodiscard]] inline Desc winograd_tiles_desc(std::int64_t channels, std::int64_t tiles) {
  return blocked_channels_desc({1, winograd_products * channels, 1, tiles}, DType::f32, winograd_channels);
}

/// The points at which the polynomials behind the algorithm are multiplied: 0, ±a, ±b and infinity. With these,
/// the worst error was 1.2 to 2.6 times that of oneDNN's direct kernel, with the usual 1 and 2 it was 2 to 16 times
/// that; the powers that are used are exact in float.
inline constexpr double winograd_a = 0.625, winograd_b = 1.5;

/// Weights (oc, ic, 3, 3) → (36, oc, ic, 1, 1): G w Gᵀ of each window.
[[nodiscard]] inline std::vector<float> winograd_weights(std::span<const float> weights) {
  constexpr std::array<double, 5> points{0.0, winograd_a, -winograd_a, winograd_b, -winograd_b};
  constexpr auto transform = [&] {
    std::array<std::array<double, 3>, 6> g{};
    for (std::size_t i = 0; i < points.size(); ++i) {
      double divisor = 1.0;
      for (std::size_t k = 0; k < points.size(); ++k) divisor *= k == i ? 1.0 : points[i] - points[k];
      g[i] = {1.0 / divisor, points[i] / divisor, points[i] * points[i] / divisor};
    }
    g[5] = {0.0, 0.0, 1.0};
    return g;
  }();
  // Windows go through in blocks: the 36 places of one window's results would share a few sets of the cache.
  constexpr std::size_t products = winograd_products, block = 64;
  const std::size_t windows = weights.size() / 9;
  std::vector<float> result(windows * products);
  std::array<std::array<float, block>, products> transformed{};
  for (std::size_t first = 0; first < windows; first += block) {
    const std::size_t count = std::min(block, windows - first);
    for (std::size_t w = 0; w < count; ++w) {
      const float* window = weights.data() + 9 * (first + w);
      std::array<std::array<double, 3>, 6> rows{};
      for (std::size_t i = 0; i < 6; ++i) {
        for (std::size_t j = 0; j < 3; ++j)
          rows[i][j] = transform[i][0] * window[j] + transform[i][1] * window[3 + j] + transform[i][2] * window[6 + j];
      }
      for (std::size_t i = 0; i < 6; ++i) {
        for (std::size_t j = 0; j < 6; ++j) {
          transformed[6 * i + j][w] = static_cast<float>(transform[j][0] * rows[i][0] + transform[j][1] * rows[i][1] +
                                                         transform[j][2] * rows[i][2]);
        }
      }
    }
    for (std::size_t k = 0; k < products; ++k)
      std::copy_n(transformed[k].begin(), count, result.begin() + static_cast<std::ptrdiff_t>(k * windows + first));
  }
  return result;
}

#if defined(__x86_64__)

/// The transforms' factors, eight times each.
struct WinogradFactors {
  __m256 a, b, aa, bb, aaa, bbb;
  __m256 product;  ///< a² b²
  __m256 sum;      ///< a² + b²
};
__attribute__((target("avx2,fma"), always_inline)) inline WinogradFactors winograd_factors() {
  constexpr auto a = static_cast<float>(winograd_a), b = static_cast<float>(winograd_b);
  return {_mm256_set1_ps(a),
          _mm256_set1_ps(b),
          _mm256_set1_ps(a * a),
          _mm256_set1_ps(b * b),
          _mm256_set1_ps(a * a * a),
          _mm256_set1_ps(b * b * b),
          _mm256_set1_ps(a * a * b * b),
          _mm256_set1_ps(a * a + b * b)};
}

/// Bᵀ x of six vectors, `from` and `to` elements apart.
__attribute__((target("avx2,fma"), always_inline)) inline void winograd_src_line(const WinogradFactors& f,
                                                                                 const __m256* x, int from, __m256* y,
                                                                                 int to) {
  const __m256 x0 = x[0], x1 = x[from], x2 = x[2 * from], x3 = x[3 * from], x4 = x[4 * from], x5 = x[5 * from];
  const __m256 even_a = _mm256_fnmadd_ps(f.bb, x2, x4);
  const __m256 odd_a = _mm256_mul_ps(f.a, _mm256_fnmadd_ps(f.bb, x1, x3));
  const __m256 even_b = _mm256_fnmadd_ps(f.aa, x2, x4);
  const __m256 odd_b = _mm256_mul_ps(f.b, _mm256_fnmadd_ps(f.aa, x1, x3));
  y[0] = _mm256_fmadd_ps(f.product, x0, _mm256_fnmadd_ps(f.sum, x2, x4));
  y[to] = _mm256_add_ps(even_a, odd_a);
  y[2 * to] = _mm256_sub_ps(even_a, odd_a);
  y[3 * to] = _mm256_add_ps(even_b, odd_b);
  y[4 * to] = _mm256_sub_ps(even_b, odd_b);
  y[5 * to] = _mm256_fmadd_ps(f.product, x1, _mm256_fnmadd_ps(f.sum, x3, x5));
}

/// Aᵀ m of six vectors: four.
__attribute__((target("avx2,fma"), always_inline)) inline void winograd_dst_line(const WinogradFactors& f,
                                                                                 const __m256* m, int from, __m256* y,
                                                                                 int to) {
  const __m256 sum_a = _mm256_add_ps(m[from], m[2 * from]), difference_a = _mm256_sub_ps(m[from], m[2 * from]);
  const __m256 sum_b = _mm256_add_ps(m[3 * from], m[4 * from]), difference_b = _mm256_sub_ps(m[3 * from], m[4 * from]);
  y[0] = _mm256_add_ps(m[0], _mm256_add_ps(sum_a, sum_b));
  y[to] = _mm256_fmadd_ps(f.a, difference_a, _mm256_mul_ps(f.b, difference_b));
  y[2 * to] = _mm256_fmadd_ps(f.aa, sum_a, _mm256_mul_ps(f.bb, sum_b));
  y[3 * to] = _mm256_add_ps(m[5 * from], _mm256_fmadd_ps(f.aaa, difference_a, _mm256_mul_ps(f.bbb, difference_b)));
}

/// The transform of the source's tiles in rows [first_row, last_row): parts [first, last) of it, each a row of one
/// block of channels.
__attribute__((target("avx2,fma"))) inline void winograd_src(const WinogradConv& conv, const float* src, float* tiles,
                                                             std::int64_t first_row, std::int64_t last_row,
                                                             std::int64_t first, std::int64_t last) {
  const WinogradFactors f = winograd_factors();
  const std::int64_t next_product = conv.ic * conv.pass_tiles();
  for (std::int64_t part = first; part < last; ++part) {
    const std::int64_t block = part / (last_row - first_row), at = part % (last_row - first_row);
    const std::int64_t row = first_row + at;
    const float* image = src + row / conv.rows_per_image() * conv.src.image + block * conv.src.block;
    const std::int64_t y0 = row % conv.rows_per_image() * winograd_tile - conv.top;
    float* to = tiles + (block * conv.pass_tiles() + at * conv.columns()) * winograd_channels;
    for (std::int64_t column = 0; column < conv.columns(); ++column, to += winograd_channels) {
      const std::int64_t x0 = column * winograd_tile - conv.left;
      __m256 x[36], y[36];
      if (y0 >= 0 && x0 >= 0 && y0 + 6 <= conv.src_height && x0 + 6 <= conv.src_width) {
        const float* corner = image + y0 * conv.src.row + x0 * conv.src.column;
        for (int i = 0; i < 6; ++i) {
          for (int j = 0; j < 6; ++j) x[6 * i + j] = _mm256_loadu_ps(corner + i * conv.src.row + j * conv.src.column);
        }
      } else {
        for (int i = 0; i < 6; ++i) {
          for (int j = 0; j < 6; ++j) {
            const std::int64_t v = y0 + i, u = x0 + j;
            const bool inside = v >= 0 && v < conv.src_height && u >= 0 && u < conv.src_width;
            x[6 * i + j] =
                inside ? _mm256_loadu_ps(image + v * conv.src.row + u * conv.src.column) : _mm256_setzero_ps();
          }
        }
      }
      for (int j = 0; j < 6; ++j) winograd_src_line(f, x + j, 6, y + j, 6);
      for (int i = 0; i < 6; ++i) winograd_src_line(f, y + 6 * i, 1, x + 6 * i, 1);
      for (int k = 0; k < 36; ++k) _mm256_storeu_ps(to + k * next_product, x[k]);
    }
  }
}

/// The transform back of the products' tiles, with bias, sum and clamp; parts as in winograd_src().
__attribute__((target("avx2,fma"))) inline void winograd_dst(const WinogradConv& conv, const float* tiles,
                                                             const float* bias, float* dst, std::int64_t first_row,
                                                             std::int64_t last_row, std::int64_t first,
                                                             std::int64_t last) {
  const WinogradFactors f = winograd_factors();
  const __m256 least = _mm256_set1_ps(conv.range.least), largest = _mm256_set1_ps(conv.range.largest);
  const std::int64_t next_product = conv.oc * conv.pass_tiles();
  for (std::int64_t part = first; part < last; ++part) {
    const std::int64_t block = part / (last_row - first_row), at = part % (last_row - first_row);
    const std::int64_t row = first_row + at;
    float* image = dst + row / conv.rows_per_image() * conv.dst.image + block * conv.dst.block;
    const std::int64_t y0 = row % conv.rows_per_image() * winograd_tile;
    const std::int64_t height = std::min(winograd_tile, conv.dst_height - y0);
    const __m256 offset = _mm256_loadu_ps(bias + block * winograd_channels);
    const float* from = tiles + (block * conv.pass_tiles() + at * conv.columns()) * winograd_channels;
    for (std::int64_t column = 0; column < conv.columns(); ++column, from += winograd_channels) {
      __m256 m[36], y[24], result[16];
      for (int k = 0; k < 36; ++k) m[k] = _mm256_loadu_ps(from + k * next_product);
      for (int j = 0; j < 6; ++j) winograd_dst_line(f, m + j, 6, y + j, 6);
      for (int i = 0; i < 4; ++i) winograd_dst_line(f, y + 6 * i, 1, result + 4 * i, 1);
      const std::int64_t x0 = column * winograd_tile;
      const std::int64_t width = std::min(winograd_tile, conv.dst_width - x0);
      for (std::int64_t i = 0; i < height; ++i) {
        float* to = image + (y0 + i) * conv.dst.row + x0 * conv.dst.column;
        for (std::int64_t j = 0; j < width; ++j, to += conv.dst.column) {
          __m256 value = _mm256_add_ps(result[4 * i + j], offset);
          if (conv.adds) value = _mm256_add_ps(value, _mm256_loadu_ps(to));
          // A NaN stays one: it is the second operand.
          _mm256_storeu_ps(to, _mm256_min_ps(largest, _mm256_max_ps(least, value)));
        }
      }
    }
  }
}

/// The step's function: (src, transformed weights, bias, tiles of src, tiles of dst, dst).
class WinogradFunction {
public:
  /// \param products  a grouped 1×1 convolution of winograd_tiles_desc()
  WinogradFunction(const WinogradConv& conv, dnnl::primitive products, const Desc& weights, int threads)
      : conv_(conv),
        products_(std::move(products)),
        weights_desc_(weights),
        threads_(threads),
        stream_(cpu_engine()),
        src_(winograd_tiles_desc(conv.ic, conv.pass_tiles()), cpu_engine(), nullptr),
        weights_(weights, cpu_engine(), nullptr),
        dst_(winograd_tiles_desc(conv.oc, conv.pass_tiles()), cpu_engine(), nullptr) {}
  /// A copy has memory objects of its own: each executor points its own at its arena.
  WinogradFunction(const WinogradFunction& other)
      : WinogradFunction(other.conv_, other.products_, other.weights_desc_, other.threads_) {}
  WinogradFunction& operator=(const WinogradFunction&) = delete;

  void operator()(std::span<void* const> pointers) {
    const auto point = [](dnnl::memory& memory, void* at) {
      if (memory.get_data_handle() != at) memory.set_data_handle(at);
    };
    point(weights_, pointers[1]);
    point(src_, pointers[3]);
    point(dst_, pointers[4]);
    const auto* src = static_cast<const float*>(pointers[0]);
    const auto* bias = static_cast<const float*>(pointers[2]);
    auto* src_tiles = static_cast<float*>(pointers[3]);
    const auto* dst_tiles = static_cast<const float*>(pointers[4]);
    auto* dst = static_cast<float*>(pointers[5]);
    const std::array<dnnl_exec_arg_t, 3> arguments{
        {{DNNL_ARG_SRC, src_.get()}, {DNNL_ARG_WEIGHTS, weights_.get()}, {DNNL_ARG_DST, dst_.get()}}};
    for (std::int64_t row = 0; row < conv_.rows(); row += conv_.pass_rows) {
      const std::int64_t end = std::min(row + conv_.pass_rows, conv_.rows());
      for_parts(threads_, conv_.ic / winograd_channels * (end - row), [&](std::int64_t first, std::int64_t last) {
        winograd_src(conv_, src, src_tiles, row, end, first, last);
      });
      dnnl::error::wrap_c_api(
          dnnl_primitive_execute(products_.get(), stream_.get(), static_cast<int>(arguments.size()), arguments.data()),
          "the products of Winograd's algorithm failed");
      stream_.wait();
      for_parts(threads_, conv_.oc / winograd_channels * (end - row), [&](std::int64_t first, std::int64_t last) {
        winograd_dst(conv_, dst_tiles, bias, dst, row, end, first, last);
      });
    }
  }

private:
  WinogradConv conv_;
  dnnl::primitive products_;
  Desc weights_desc_;
  int threads_ = 1;
  dnnl::stream stream_;
  dnnl::memory src_, weights_, dst_;
};

#endif

}  // namespace fulcrum::detail::onednn
