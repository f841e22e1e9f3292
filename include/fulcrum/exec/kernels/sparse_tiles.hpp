#pragma once
/// \file
/// Tiles of a convolution by sparse weights: which positions they hold, and how values come into that order and back
/// from the layouts that the layers around have.

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <limits>

#include <fulcrum/exec/kernels/sparse_weights.hpp>

namespace fulcrum::detail::onednn {

/// Positions of a tile come in whole multiples of it.
inline constexpr std::int64_t sparse_unit = 16;

/// Where the elements of images (n, c, h, w) lie: strides in elements.
struct SparseStrides {
  std::int64_t image = 0;
  std::int64_t channels = 1;  ///< that lie side by side
  std::int64_t block = 0;     ///< from one such block of channels to the next
  std::int64_t row = 0;
  std::int64_t column = 0;
  bool whole_blocks = false;  ///< the last block is as long as the others, its unused channels are 0
};

/// A convolution by sparse weights, in tiles of positions.
///
/// Where the window is one pixel that moves by one, positions are the pixels of all images, one after the other. Else a
/// tile holds some rows of results of one image, `pitch` positions apart, of which the first dst_width count; the
/// source of a channel lies as many rows of the same pitch, the window's further rows and the padding among them, so
/// that each tap reads the whole tile from one place. Where windows move by more than one, the source is dealt out to
/// phases, one for each remainder of row and column.
struct SparseConv {
  std::int64_t images = 1, ic = 0, oc = 0;
  std::int64_t src_height = 1, src_width = 0, dst_height = 1, dst_width = 0;
  std::array<std::int64_t, 2> kernel{1, 1}, stride{1, 1}, dilation{1, 1}, padding{0, 0};  ///< rows, columns
  SparseStrides src, dst;
  bool adds = false;           ///< dst's earlier content
  bool has_functions = false;  ///< of the sums, before the clamp; not with `adds`
  float least = -std::numeric_limits<float>::infinity(), largest = std::numeric_limits<float>::infinity();

  std::int64_t tile_rows = 1;  ///< of results; not flat()
  std::int64_t units = 1;      ///< of positions of the largest tile
  std::int64_t cuts = 1;       ///< tiles that a run is cut into, of as many units give or take one; flat()
  std::int64_t block = 16;     ///< channels of the source that are in order at a time

  [[nodiscard]] bool flat() const noexcept {
    constexpr std::array<std::int64_t, 2> one{1, 1}, none{0, 0};
    return kernel == one && stride == one && padding == none && src_height == dst_height && src_width == dst_width;
  }
  [[nodiscard]] std::int64_t taps() const noexcept { return kernel[0] * kernel[1]; }
  [[nodiscard]] std::int64_t pixels() const noexcept { return dst_height * dst_width; }
  [[nodiscard]] std::int64_t positions() const noexcept { return units * sparse_unit; }
  /// Elements from one row of a tile's sums to the next: an odd number of cache lines, which share no sets of a cache.
  [[nodiscard]] std::int64_t sum_pitch() const noexcept { return (units | 1) * sparse_unit; }

  /// Where tiles of a flat() convolution go on from one image to the next: where no side has planes.
  [[nodiscard]] bool merged() const noexcept { return src.channels > 1 && dst.channels > 1; }
  [[nodiscard]] std::int64_t run() const noexcept { return merged() ? images * pixels() : pixels(); }
  /// Whether planes of whole units lie as the loops want them.
  [[nodiscard]] static bool in_units(const SparseStrides& s) noexcept {
    return s.channels == 1 && s.column == 1 && s.block % sparse_unit == 0;
  }
  [[nodiscard]] bool reads_directly() const noexcept { return flat() && in_units(src); }
  /// Whether sums are made where the result goes.
  [[nodiscard]] bool writes_directly() const noexcept { return flat() && in_units(dst) && !has_functions; }

  /// How many rows or columns of a phase the last tap lies behind the first one.
  [[nodiscard]] std::int64_t reach(std::size_t axis) const noexcept {
    return (kernel[axis] - 1) * dilation[axis] / stride[axis];
  }
  /// Remainders that occur.
  [[nodiscard]] std::int64_t phases(std::size_t axis) const noexcept {
    return std::min(stride[axis], (kernel[axis] - 1) * dilation[axis] + 1);
  }
  /// Columns from one row of a tile to the next. Where windows move by one, the padding behind a row is that before the
  /// next one.
  [[nodiscard]] std::int64_t pitch() const noexcept {
    if (flat()) return 0;
    const std::int64_t wide = dst_width + reach(1);
    if (stride[1] != 1) return wide;
    const std::int64_t behind = wide - padding[1] - src_width;
    return wide - std::max<std::int64_t>(0, std::min(padding[1], behind));
  }
  [[nodiscard]] std::int64_t phase_rows() const noexcept { return tile_rows + reach(0); }
  /// Elements of a channel of a tile's source. What a span writes beyond its end must not reach the next channel.
  [[nodiscard]] std::int64_t plane() const noexcept {
    if (reads_directly()) return src.block;
    if (flat()) {
      const bool even = images == 1 || !merged() || pixels() % sparse_unit == 0;
      return positions() + (even ? 0 : sparse_unit);
    }
    const std::int64_t elements = phases(0) * phases(1) * phase_rows() * pitch() + 2 * sparse_unit;
    return (elements + sparse_unit - 1) / sparse_unit * sparse_unit;
  }
  /// Units of a run before the tile that is number `cut` in it; flat().
  [[nodiscard]] std::int64_t units_before(std::int64_t cut) const noexcept {
    return (run() + sparse_unit - 1) / sparse_unit * cut / cuts;
  }
  [[nodiscard]] std::int64_t tiles() const noexcept {
    if (flat()) return cuts * (merged() ? 1 : images);
    return images * ((dst_height + tile_rows - 1) / tile_rows);
  }
  /// Where what a tap multiplies lies in a tile's source [B].
  [[nodiscard]] std::int32_t offset_of(std::int64_t channel, std::int64_t tap) const noexcept {
    const std::int64_t y = tap / kernel[1] * dilation[0], x = tap % kernel[1] * dilation[1];
    const std::int64_t phase = y % stride[0] * phases(1) + x % stride[1];
    const std::int64_t at = (phase * phase_rows() + y / stride[0]) * pitch() + x / stride[1];
    return static_cast<std::int32_t>((channel * plane() + at) * static_cast<std::int64_t>(sizeof(float)));
  }

  // Scratch memory of a thread, in elements.
  [[nodiscard]] std::int64_t src_elements() const noexcept {
    if (reads_directly()) return 0;
    return (block + sparse_unit - 1) / sparse_unit * sparse_unit * plane() + positions() + sparse_unit;
  }
  [[nodiscard]] static std::int64_t rows_of(std::int64_t channels) noexcept {
    return (channels + sparse_unit - 1) / sparse_unit * sparse_unit;
  }
  /// \param channels  of a part
  [[nodiscard]] std::int64_t scratch_elements(std::int64_t channels) const noexcept {
    return src_elements() + (writes_directly() ? 0 : rows_of(channels) * sum_pitch()) + sparse_unit;
  }
};

/// The most units of positions whose sums are in registers at a time.
inline constexpr int sparse_most_units = 8;

/// Rows of the weights times a block of the source, for some units of positions.
struct SparseSums {
  const SparseRow* rows = nullptr;
  std::int64_t count = 0;
  const SparseEntry* entries = nullptr;
  const float* src = nullptr;   ///< what offsets count from
  float* sums = nullptr;        ///< rows of channels
  std::int64_t positions = 0;   ///< elements of a row of sums
  const float* bias = nullptr;  ///< set: sums begin with it; else with what they are
  bool adds = false;            ///< sums begin with both
  bool ends = false;            ///< sums are clamped
  float least = 0.0F, largest = 0.0F;
};

/// Pixels of channels [first, last) that lie `step` elements apart to rows of positions, one row per channel.
struct SparsePackSpan {
  const SparseStrides& strides;
  const float* pixels = nullptr;  ///< the first one of channel 0
  std::int64_t step = 0;
  std::int64_t count = 0;
  std::int64_t first = 0, last = 0;
  float* to = nullptr;  ///< of channel `first`; may be written up to a unit beyond the row's end
  std::int64_t plane = 0;
  std::int64_t before = 0, behind = 0;  ///< zeros

  [[nodiscard]] const float* place(std::int64_t c) const noexcept {
    return pixels + c / strides.channels * strides.block + c % strides.channels;
  }
};

/// Positions of channels [first, first + channels) to pixels that lie side by side in the result.
struct SparseStoreSpan {
  const SparseConv& conv;
  const float* sums = nullptr;  ///< of channel `first`, rows of conv.sum_pitch(); up to whole units of rows are there
  float* pixels = nullptr;      ///< the first one of channel 0
  std::int64_t count = 0;       ///< of pixels
  std::int64_t first = 0, channels = 0;

  [[nodiscard]] float* place(std::int64_t c) const noexcept {
    const SparseStrides& s = conv.dst;
    return pixels + (first + c) / s.channels * s.block + (first + c) % s.channels;
  }
};

/// Zeros before and behind the pixels of a row.
inline void clear_ends(const SparsePackSpan& span) {
  if (span.before + span.behind == 0) return;
  float* to = span.to;
  for (std::int64_t c = span.first; c < span.last; ++c, to += span.plane) {
    for (std::int64_t i = 0; i < span.before; ++i) to[i] = 0.0F;
    float* end = to + span.before + span.count;
    for (std::int64_t i = 0; i < span.behind; ++i) end[i] = 0.0F;
  }
}

/// Pixels in plain loops, from channel `c` on.
inline void pack_span_anywhere(const SparsePackSpan& span, std::int64_t c) {
  float* to = span.to + (c - span.first) * span.plane + span.before;
  for (; c < span.last; ++c, to += span.plane) {
    const float* from = span.place(c);
    for (std::int64_t i = 0; i < span.count; ++i) to[i] = from[i * span.step];
  }
}

/// The same: from channel first + c on.
inline void store_span_anywhere(const SparseStoreSpan& span, std::int64_t c) {
  const SparseConv& conv = span.conv;
  for (; c < span.channels; ++c) {
    const float* from = span.sums + c * conv.sum_pitch();
    float* to = span.place(c);
    for (std::int64_t i = 0; i < span.count; ++i, to += conv.dst.column) {
      float value = from[i];
      if (conv.adds) value += *to;
      value = value < conv.least ? conv.least : value;  // a NaN stays one
      *to = value > conv.largest ? conv.largest : value;
    }
  }
}

/// The loops for one instruction set.
struct SparseLoops {
  std::array<void (*)(const SparseSums&), sparse_most_units> add;  ///< by units − 1
  void (*pack)(const SparsePackSpan&);  ///< clear_ends() comes after it, unless it writes those
  bool clears;                          ///< it does
  void (*store)(const SparseStoreSpan&);
};

/// Calls f(image, pixel, count, offset) for pixels of one image after the other that make up a tile of a flat()
/// convolution; `offset` is that of the first one in the tile.
template <class F>
void for_pieces(const SparseConv& conv, std::int64_t tile, const F& f) {
  const std::int64_t run = tile / conv.cuts, cut = tile % conv.cuts;
  const std::int64_t begin = conv.units_before(cut) * sparse_unit;
  const std::int64_t end = std::min(conv.units_before(cut + 1) * sparse_unit, conv.run());
  for (std::int64_t at = begin; at < end;) {
    const std::int64_t image = conv.merged() ? at / conv.pixels() : run;
    const std::int64_t pixel = conv.merged() ? at % conv.pixels() : at;
    const std::int64_t count = std::min(conv.pixels() - pixel, end - at);
    f(image, pixel, count, at - begin);
    at += count;
  }
}

/// Channels [first, last) of a tile's source.
/// \param to  of channel `first`
inline void pack_sparse_tile(const SparseLoops& loops, const SparseConv& conv, const float* src, std::int64_t tile,
                             std::int64_t first, std::int64_t last, float* to) {
  const SparseStrides& s = conv.src;
  const std::int64_t plane = conv.plane();
  if (conv.flat()) {
    for_pieces(conv, tile, [&](std::int64_t image, std::int64_t pixel, std::int64_t count, std::int64_t offset) {
      loops.pack({s, src + image * s.image + pixel * s.column, s.column, count, first, last, to + offset, plane, 0, 0});
    });
    return;
  }
  const std::int64_t of_image = (conv.dst_height + conv.tile_rows - 1) / conv.tile_rows;
  const float* image = src + tile / of_image * s.image;
  const std::int64_t y0 = tile % of_image * conv.tile_rows, pitch = conv.pitch();
  const auto clear = [&](float* at, std::int64_t count) {
    for (std::int64_t c = first; c < last; ++c, at += plane)
      std::memset(at, 0, static_cast<std::size_t>(count) * sizeof(float));
  };
  // In the order of memory: what a span writes beyond its end is written over.
  for (std::int64_t py = 0; py < conv.phases(0); ++py) {
    for (std::int64_t px = 0; px < conv.phases(1); ++px) {
      // Columns of the phase that lie in the source: 0 ≤ column · stride + px − padding < width.
      const std::int64_t step = conv.stride[1], before = conv.padding[1] - px;
      const std::int64_t from = std::clamp<std::int64_t>(before <= 0 ? 0 : (before + step - 1) / step, 0, pitch);
      const std::int64_t until = std::clamp<std::int64_t>((conv.src_width + before + step - 1) / step, from, pitch);
      for (std::int64_t row = 0; row < conv.phase_rows(); ++row, to += pitch) {
        const std::int64_t y = (y0 + row) * conv.stride[0] + py - conv.padding[0];
        if (y < 0 || y >= conv.src_height) {
          clear(to, pitch);
          continue;
        }
        const SparsePackSpan span{s,
                                  image + y * s.row + (from * step - before) * s.column,
                                  step * s.column,
                                  until - from,
                                  first,
                                  last,
                                  to,
                                  plane,
                                  from,
                                  pitch - until};
        loops.pack(span);
        if (!loops.clears || s.channels > 1) clear_ends(span);
      }
    }
  }
  clear(to, 2 * sparse_unit);
}

/// A tile's sums of channels [first, first + count) to the result.
inline void store_sparse_tile(const SparseLoops& loops, const SparseConv& conv, const float* sums, float* dst,
                              std::int64_t tile, std::int64_t first, std::int64_t channels) {
  const SparseStrides& s = conv.dst;
  if (conv.flat()) {
    for_pieces(conv, tile, [&](std::int64_t image, std::int64_t pixel, std::int64_t count, std::int64_t offset) {
      loops.store({conv, sums + offset, dst + image * s.image + pixel * s.column, count, first, channels});
    });
    return;
  }
  const std::int64_t of_image = (conv.dst_height + conv.tile_rows - 1) / conv.tile_rows;
  float* image = dst + tile / of_image * s.image;
  const std::int64_t y0 = tile % of_image * conv.tile_rows;
  for (std::int64_t y = y0; y < std::min(y0 + conv.tile_rows, conv.dst_height); ++y)
    loops.store({conv, sums + (y - y0) * conv.pitch(), image + y * s.row, conv.dst_width, first, channels});
  // What makes a plane whole is read, though nobody sees what becomes of it.
  if (!SparseConv::in_units(s) || y0 + conv.tile_rows < conv.dst_height) return;
  for (std::int64_t c = first; c < first + channels; ++c)
    std::fill(image + c * s.block + conv.pixels(), image + (c + 1) * s.block, 0.0F);
}

/// Asks for the cache lines that some pixels of channels [first, last) lie in, some time before they are read or
/// written.
inline void prefetch_span(const SparseStrides& s, const float* pixels, std::int64_t count, std::int64_t first,
                          std::int64_t last) {
  constexpr std::int64_t line = 64 / static_cast<std::int64_t>(sizeof(float));
  if (s.column == s.channels) {  // blocks of channels, or all of them, in one piece
    for (std::int64_t c = first / s.channels * s.channels; c < last; c += s.channels) {
      const float* from = pixels + c / s.channels * s.block;
      for (std::int64_t i = 0; i < count * s.column; i += line) __builtin_prefetch(from + i, 0, 2);
    }
    return;
  }
  if (s.channels != 1) return;
  for (std::int64_t c = first; c < last; ++c) {
    for (std::int64_t i = 0; i < count; i += line) __builtin_prefetch(pixels + c * s.block + i * s.column, 0, 2);
  }
}

/// The same for a tile of a flat() convolution.
inline void prefetch_sparse_tile(const SparseConv& conv, const SparseStrides& s, const float* values, std::int64_t tile,
                                 std::int64_t first, std::int64_t last) {
  for_pieces(conv, tile, [&](std::int64_t image, std::int64_t pixel, std::int64_t count, std::int64_t /*offset*/) {
    prefetch_span(s, values + image * s.image + pixel * s.column, count, first, last);
  });
}

}  // namespace fulcrum::detail::onednn
