#pragma once
/// \file
/// Rows of one channel of a depthwise convolution in planes: how they are copied with their padding, and the sums.

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <limits>
#include <type_traits>

#include <fulcrum/exec/kernels/elementwise_vectors.hpp>
#include <fulcrum/exec/kernels/sparse_tiles.hpp>

namespace fulcrum::detail::onednn {

/// A depthwise convolution whose source and result lie in planes of whole units (SparseConv::in_units()), one after the
/// other.
///
/// The rows of the source that some rows of results need are copied with the padding around them, `pitch` elements
/// apart, dealt out to phases, one for each remainder of row and column by the stride: so each tap reads whole vectors
/// from one place. What a row does not use of its pitch is 0.
struct DepthwiseConv {
  std::int64_t images = 1, channels = 0;
  std::int64_t src_height = 1, src_width = 1, dst_height = 1, dst_width = 1;
  std::array<std::int64_t, 2> kernel{1, 1}, stride{1, 1}, dilation{1, 1}, padding{0, 0};  ///< rows, columns
  float least = -std::numeric_limits<float>::infinity(), largest = std::numeric_limits<float>::infinity();
  std::int64_t tile_rows = 1;  ///< of results that are made at a time, at most

  [[nodiscard]] std::int64_t taps() const noexcept { return kernel[0] * kernel[1]; }
  [[nodiscard]] std::int64_t src_plane() const noexcept { return SparseConv::rows_of(src_height * src_width); }
  [[nodiscard]] std::int64_t dst_plane() const noexcept { return SparseConv::rows_of(dst_height * dst_width); }
  /// How many rows or columns of a phase the last tap lies behind the first one.
  [[nodiscard]] std::int64_t reach(std::size_t axis) const noexcept {
    return (kernel[axis] - 1) * dilation[axis] / stride[axis];
  }
  /// Elements from row to row: narrow_pitch, or whole units.
  [[nodiscard]] std::int64_t pitch() const noexcept {
    std::int64_t wide = dst_width + reach(1);
    // Where windows move by one, the padding behind a row is that before the next one.
    const std::int64_t behind = wide - padding[1] - src_width;
    if (stride[1] == 1) wide -= std::max<std::int64_t>(0, std::min(padding[1], behind));
    return std::max(wide, dst_width) <= narrow_pitch ? narrow_pitch : SparseConv::rows_of(wide);
  }
  static constexpr std::int64_t narrow_pitch = 8;
  [[nodiscard]] std::int64_t phase_rows() const noexcept { return tile_rows + reach(0); }
  /// A phase, with what vectors run over its ends.
  [[nodiscard]] std::int64_t phase_elements() const noexcept { return (phase_rows() + 1) * pitch() + 3 * sparse_unit; }
  /// Columns of padding before a row of a phase.
  [[nodiscard]] std::int64_t left(std::int64_t phase) const noexcept {
    return std::max<std::int64_t>(0, (padding[1] - phase + stride[1] - 1) / stride[1]);
  }
  /// Where the first row of a phase begins: such that what comes from the source begins at a whole unit.
  [[nodiscard]] std::int64_t begin(std::int64_t phase) const noexcept {
    return (sparse_unit - left(phase) % sparse_unit) % sparse_unit;
  }
  /// Copied elements of a channel of a tile.
  [[nodiscard]] std::int64_t channel_elements() const noexcept { return stride[0] * stride[1] * phase_elements(); }
  /// Where the first result of a tile finds what the tap multiplies.
  [[nodiscard]] std::int64_t offset_of(std::int64_t tap) const noexcept {
    const std::int64_t y = tap / kernel[1] * dilation[0], x = tap % kernel[1] * dilation[1];
    const std::int64_t phase = x % stride[1];
    return (y % stride[0] * stride[1] + phase) * phase_elements() + begin(phase) + y / stride[0] * pitch() +
           x / stride[1];
  }
  /// Whether three rows of three taps lie side by side.
  [[nodiscard]] bool is_nine() const noexcept {
    constexpr std::array<std::int64_t, 2> one{1, 1}, three{3, 3};
    return kernel == three && stride == one && dilation == one;
  }
};

/// Some rows of results of one channel, and the same rows of those that follow it.
struct DepthwiseTile {
  const DepthwiseConv& conv;
  std::int64_t first = 0, rows = 0;  ///< of results
  std::int64_t channels = 0;
  const float* src = nullptr;  ///< the first channel's plane
  float* packed = nullptr;     ///< begins at a whole cache line
  const float* weights = nullptr;
  const std::int64_t* offsets = nullptr;  ///< of taps
  const float* bias = nullptr;
  bool clamps = false;
  float* dst = nullptr;  ///< the first channel's plane
};

/// The loops for one instruction set.
struct DepthwiseLoops {
  void (*pack)(const DepthwiseTile&);
  void (*sum)(const DepthwiseTile&);
};

namespace depthwise {

#define FULCRUM_INLINE __attribute__((always_inline)) inline
using SixteenFloats = float __attribute__((vector_size(64)));
using vectors::fill;
using vectors::load;
using vectors::store;

template <class X>
inline constexpr std::int64_t lanes = sizeof(X) / sizeof(float);

/// Fewer than 32 floats.
FULCRUM_INLINE void copy_few(const float* from, std::int64_t count, float* to) {
  if (count & 16) {
    std::memcpy(to, from, 16 * sizeof(float));
    from += 16;
    to += 16;
  }
  if (count & 8) {
    std::memcpy(to, from, 8 * sizeof(float));
    from += 8;
    to += 8;
  }
  if (count & 4) {
    std::memcpy(to, from, 4 * sizeof(float));
    from += 4;
    to += 4;
  }
  for (std::int64_t i = 0; i < (count & 3); ++i) to[i] = from[i];
}

/// Has a compiler not make a call of a loop that mostly runs once.
FULCRUM_INLINE void keep_loop(std::int64_t& i) { asm("" : "+r"(i)); }

/// Whole vectors of zeros over [from, until).
template <class X>
FULCRUM_INLINE void clear(float* to, std::int64_t from, std::int64_t until) {
  const X zero{};
  for (; from < until; from += lanes<X>) {
    keep_loop(from);
    store(zero, to + from);
  }
}

/// What lies behind the first `count` elements becomes 0.
template <class X>
FULCRUM_INLINE void keep_first(std::int64_t count, X& x) {
  constexpr std::array<float, 16> places{0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15};
  X place, limit;
  load(places.data(), place);
  fill(static_cast<float>(count), limit);
  x = place < limit ? x : X{};
}

/// A vector of which `readable` elements may be read.
template <class X>
FULCRUM_INLINE void load_some(const float* from, std::int64_t readable, X& x) {
  if (readable >= lanes<X>) return load(from, x);
  alignas(64) float some[lanes<X> + 16]{};
  if (readable > 0) copy_few(from, readable, some);
  load(some, x);
}

/// A row of a phase and what lies between it and the next one.
struct DepthwiseRow {
  std::int64_t count = 0;  ///< elements from the source
  std::int64_t until = 0;  ///< zeros behind them
};

template <class X>
FULCRUM_INLINE void copy_row(const float* from, std::int64_t readable, const DepthwiseRow& row, float* to) {
  std::int64_t i = 0;
  for (; i + lanes<X> <= row.count; i += lanes<X>) {
    X x;
    keep_loop(i);
    load(from + i, x);
    store(x, to + i);
  }
  if (i < row.count) {
    X x;
    load_some(from + i, readable - i, x);
    keep_first(row.count - i, x);
    store(x, to + i);
    i += lanes<X>;
  }
  clear<X>(to, i, row.until);
}

/// Elements of even and of odd places.
FULCRUM_INLINE void deal(const SixteenFloats& a, const SixteenFloats& b, SixteenFloats& even, SixteenFloats& odd) {
  even = __builtin_shufflevector(a, b, 0, 2, 4, 6, 8, 10, 12, 14, 16, 18, 20, 22, 24, 26, 28, 30);
  odd = __builtin_shufflevector(a, b, 1, 3, 5, 7, 9, 11, 13, 15, 17, 19, 21, 23, 25, 27, 29, 31);
}
FULCRUM_INLINE void deal(const EightFloats& a, const EightFloats& b, EightFloats& even, EightFloats& odd) {
  even = __builtin_shufflevector(a, b, 0, 2, 4, 6, 8, 10, 12, 14);
  odd = __builtin_shufflevector(a, b, 1, 3, 5, 7, 9, 11, 13, 15);
}

template <class X>
FULCRUM_INLINE void deal_row(const float* from, std::int64_t readable, const DepthwiseRow& even,
                             const DepthwiseRow& odd, float* to, float* odd_to) {
  std::int64_t i = 0;
  for (; i < std::max(even.count, odd.count); i += lanes<X>) {
    X a, b, x, y;
    load_some(from + 2 * i, readable - 2 * i, a);
    load_some(from + 2 * i + lanes<X>, readable - 2 * i - lanes<X>, b);
    deal(a, b, x, y);
    keep_first(even.count - i, x);
    keep_first(odd.count - i, y);
    store(x, to + i);
    store(y, odd_to + i);
  }
  clear<X>(to, i, even.until);
  clear<X>(odd_to, i, odd.until);
}

template <class X>
FULCRUM_INLINE void pack(const DepthwiseTile& t) {
  const DepthwiseConv conv = t.conv;
  const std::int64_t pitch = conv.pitch(), size = conv.phase_elements(), step = conv.stride[1], width = conv.src_width;
  const std::int64_t rows = t.rows + conv.reach(0), plane = conv.src_plane(), channel = conv.channel_elements();
  const std::int64_t odd = conv.padding[1] % 2;  // of windows that move by two: where even columns go
  const auto row_of = [&](std::int64_t phase, std::int64_t count) {
    const std::int64_t left = std::min(conv.left(phase), pitch);
    return DepthwiseRow{std::min(count, pitch - left), pitch};
  };
  const DepthwiseRow whole = row_of(0, width), even_row = row_of(odd, (width + 1) / 2),
                     odd_row = row_of(1 - odd, width / 2);
  // In the order of memory: what is written beyond a row's end is written over, or lies behind the phase.
  for (std::int64_t c = 0; c < t.channels; ++c) {
    const float* const src = t.src + c * plane;
    for (std::int64_t py = 0; py < conv.stride[0]; ++py) {
      float* const phase = t.packed + c * channel + py * step * size;
      float* to = phase + conv.begin(0) + conv.left(0);
      float* even_to = phase + odd * size + conv.begin(odd) + conv.left(odd);
      float* odd_to = phase + (1 - odd) * size + conv.begin(1 - odd) + conv.left(1 - odd);
      for (std::int64_t px = 0; px < std::min<std::int64_t>(step, 2); ++px)
        clear<X>(phase + px * size, 0, conv.begin(px) + conv.left(px));
      std::int64_t y = t.first * conv.stride[0] + py - conv.padding[0];
      for (std::int64_t row = 0; row < rows; ++row, y += conv.stride[0]) {
        const bool inside = y >= 0 && y < conv.src_height;
        const float* from = src + (inside ? y * width : 0);
        const std::int64_t readable = plane - y * width;
        if (step == 1) {
          inside ? copy_row<X>(from, readable, whole, to) : clear<X>(to, 0, pitch);
          to += pitch;
        } else if (step == 2) {
          if (inside) {
            deal_row<X>(from, readable, even_row, odd_row, even_to, odd_to);
          } else {
            clear<X>(even_to, 0, pitch);
            clear<X>(odd_to, 0, pitch);
          }
          even_to += pitch;
          odd_to += pitch;
        } else {
          for (std::int64_t px = 0; px < step; ++px) {
            float* at = phase + px * size + conv.begin(px) + row * pitch;
            for (std::int64_t i = 0; i < pitch; ++i) {
              const std::int64_t x = i * step + px - conv.padding[1];
              at[i] = inside && x >= 0 && x < width ? from[x] : 0.0F;
            }
          }
        }
      }
    }
  }
}

/// What the sums of a channel go through: vectors `step` apart from one another, in columns.
struct DepthwiseUnits {
  std::int64_t count = 0, step = 0;
  bool pairs = false;  ///< of rows in one vector
  std::int64_t rows = 0, width = 0;
  float bias = 0.0F, least = 0.0F, largest = 0.0F;
  bool clamps = false;
  std::int64_t taps = 0;
  const float* weights = nullptr;
  const std::int64_t* offsets = nullptr;
  const float* src = nullptr;
  float* dst = nullptr;
};

/// Sums of `count` vectors `step` apart, by any taps.
template <class X, int count>
FULCRUM_INLINE void add_taps(const DepthwiseUnits& u, const float* src, X (&sums)[count]) {
  for (std::int64_t tap = 0; tap < u.taps; ++tap) {
    X weight;
    fill(u.weights[tap], weight);
    const float* from = src + u.offsets[tap];
#pragma GCC unroll 4
    for (int i = 0; i < count; ++i) {
      X x;
      load(from + i * u.step, x);
      sums[i] = sums[i] + weight * x;
    }
  }
}

/// Has GCC not load it anew wherever it is used: most of these loads lie in two cache lines.
template <class X>
FULCRUM_INLINE void keep_in_register(X& x) {
#if defined(__x86_64__) && !defined(__clang__)
  if constexpr (lanes<X> == 16) asm("" : "+v"(x));
#endif
  static_cast<void>(x);
}

/// By three rows of three taps: each vector of the source is loaded once for all sums that it is a part of.
template <class X, int count>
FULCRUM_INLINE void add_nine(const float* src, std::int64_t pitch, const X (&weights)[9], X (&sums)[count]) {
#pragma GCC unroll 6
  for (int row = 0; row < count + 2; ++row) {
#pragma GCC unroll 3
    for (int column = 0; column < 3; ++column) {
      X x;
      load(src + row * pitch + column, x);
      keep_in_register(x);
#pragma GCC unroll 3
      for (int tap = 0; tap < 3; ++tap) {
        if (row >= tap && row - tap < count) sums[row - tap] = sums[row - tap] + weights[3 * tap + column] * x;
      }
    }
  }
}

/// A vector of results to a row. What lies behind `width` of it is written where the thread writes something else
/// later, never from `end` on.
template <class X>
FULCRUM_INLINE void put(const X& x, std::int64_t width, float* to, const float* end) {
  if (end - to >= lanes<X>) return store(x, to);
  if (width == lanes<X>) return store(x, to);
  alignas(64) float all[32];
  store(x, all);
  copy_few(all, width, to);
}

template <class X, int count, bool nine>
FULCRUM_INLINE void sum_units(const DepthwiseUnits& u, std::int64_t unit, std::int64_t column, const X (&weights)[9]) {
  X sums[count];
#pragma GCC unroll 4
  for (int i = 0; i < count; ++i) fill(u.bias, sums[i]);
  const float* src = u.src + unit * u.step + column * lanes<X>;
  if constexpr (nine)
    add_nine<X, count>(src, u.step, weights, sums);
  else
    add_taps<X, count>(u, src, sums);
  const std::int64_t width = std::min(u.width - column * lanes<X>, lanes<X>);
  const float* end = u.dst + u.rows * u.width;
  X least, largest;
  fill(u.least, least);
  fill(u.largest, largest);
#pragma GCC unroll 4
  for (int i = 0; i < count; ++i) {
    X x = sums[i];
    if (u.clamps) {
      x = x < least ? least : x;  // a NaN stays one
      x = x > largest ? largest : x;
    }
    if constexpr (lanes<X> == 16) {
      if (u.pairs) {
        EightFloats half[2];
        std::memcpy(half, &x, sizeof(x));
        const std::int64_t row = 2 * (unit + i);
        float* to = u.dst + row * u.width;
        put(half[0], u.width, to, end);
        if (row + 1 < u.rows) put(half[1], u.width, to + u.width, end);
        continue;
      }
    }
    put(x, width, u.dst + (unit + i) * u.width + column * lanes<X>, end);
  }
}

template <class X, bool nine>
FULCRUM_INLINE void sum_columns(const DepthwiseUnits& u, std::int64_t columns) {
  X weights[9];
#pragma GCC unroll 9
  for (std::int64_t tap = 0; tap < 9; ++tap) fill(nine ? u.weights[tap] : 0.0F, weights[tap]);
  // The last column first: its vectors run over the beginning of the row behind.
  for (std::int64_t column = columns - 1; column >= 0; --column) {
    std::int64_t unit = 0;
    for (; unit + 4 <= u.count; unit += 4) sum_units<X, 4, nine>(u, unit, column, weights);
    if (unit + 2 <= u.count) {
      sum_units<X, 2, nine>(u, unit, column, weights);
      unit += 2;
    }
    if (unit < u.count) sum_units<X, 1, nine>(u, unit, column, weights);
  }
}

template <class X>
FULCRUM_INLINE void sum(const DepthwiseTile& t) {
  const DepthwiseConv conv = t.conv;
  const std::int64_t src = conv.channel_elements(), dst = conv.dst_plane(),
                     columns = (conv.dst_width + lanes<X> - 1) / lanes<X>;
  const bool nine = conv.is_nine();
  DepthwiseUnits u{t.rows, conv.pitch(), conv.pitch() < lanes<X>, t.rows, conv.dst_width};
  if (u.pairs) {
    u.count = (t.rows + 1) / 2;
    u.step *= 2;
  }
  u.least = conv.least;
  u.largest = conv.largest;
  u.clamps = t.clamps;
  u.taps = conv.taps();
  u.offsets = t.offsets;
  for (std::int64_t c = 0; c < t.channels; ++c) {
    u.bias = t.bias[c];
    u.weights = t.weights + c * u.taps;
    u.src = t.packed + c * src + (nine && !u.pairs ? conv.begin(0) : 0);
    u.dst = t.dst + c * dst + t.first * conv.dst_width;
    if (u.pairs)
      sum_columns<X, false>(u, 1);
    else if (nine)
      sum_columns<X, true>(u, columns);
    else
      sum_columns<X, false>(u, columns);
  }
}

// The same code for CPUs with AVX-512, with AVX2 and for any.
inline void pack_anywhere(const DepthwiseTile& t) { pack<EightFloats>(t); }
inline void sum_anywhere(const DepthwiseTile& t) { sum<EightFloats>(t); }
#if defined(__x86_64__)
#define FULCRUM_AVX512 __attribute__((target("avx512f,avx512bw,avx512dq,avx512vl,avx2,fma")))
#define FULCRUM_AVX2 __attribute__((target("avx2,fma")))
FULCRUM_AVX512 inline void pack_avx512(const DepthwiseTile& t) {
  t.conv.pitch() == DepthwiseConv::narrow_pitch ? pack<EightFloats>(t) : pack<SixteenFloats>(t);
}
FULCRUM_AVX512 inline void sum_avx512(const DepthwiseTile& t) { sum<SixteenFloats>(t); }
FULCRUM_AVX2 inline void pack_avx2(const DepthwiseTile& t) { pack<EightFloats>(t); }
FULCRUM_AVX2 inline void sum_avx2(const DepthwiseTile& t) { sum<EightFloats>(t); }
#undef FULCRUM_AVX512
#undef FULCRUM_AVX2
#endif

#undef FULCRUM_INLINE

}  // namespace depthwise

/// For the CPU at hand.
[[nodiscard]] inline DepthwiseLoops depthwise_loops() {
#if defined(__x86_64__)
  if (__builtin_cpu_supports("avx512f") != 0 && __builtin_cpu_supports("avx512bw") != 0 &&
      __builtin_cpu_supports("avx512dq") != 0 && __builtin_cpu_supports("avx512vl") != 0)
    return {&depthwise::pack_avx512, &depthwise::sum_avx512};
  if (__builtin_cpu_supports("avx2") != 0 && __builtin_cpu_supports("fma") != 0)
    return {&depthwise::pack_avx2, &depthwise::sum_avx2};
#endif
  return {&depthwise::pack_anywhere, &depthwise::sum_anywhere};
}

}  // namespace fulcrum::detail::onednn
