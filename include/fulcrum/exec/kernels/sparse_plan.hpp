#pragma once
/// \file
/// How a convolution by sparse weights is cut: tiles of positions, blocks of channels, and parts for threads.

#include <algorithm>
#include <cstdint>

#include <fulcrum/exec/kernels/sparse_tiles.hpp>

namespace fulcrum::detail::onednn {

/// What of the source the nearest cache should hold while the weights of a block go over it [B].
inline constexpr std::int64_t sparse_near_bytes = std::int64_t{32} << 10;
/// The sums of a tile and its source, which the next cache should hold [B].
inline constexpr std::int64_t sparse_tile_bytes = std::int64_t{512} << 10;

/// Whether threads share an image in planes by its channels: where a core's own cache holds it, or else by pixels.
/// \param elements  of the image
[[nodiscard]] constexpr bool shares_channels(std::int64_t elements) noexcept {
  return elements * static_cast<std::int64_t>(sizeof(float)) <= std::int64_t{1} << 20;
}

/// A cut that keeps threads busy.
struct SparseCutPlan {
  int units_at_a_time = 1;  ///< of positions whose sums are in registers
  std::int64_t parts = 1;   ///< of the output channels
};

/// Chooses tile_rows, units and block of a convolution.
[[nodiscard]] inline SparseCutPlan plan_sparse_cut(SparseConv& conv, int threads) {
  const auto up = [](std::int64_t x, std::int64_t y) { return (x + y - 1) / y; };
  constexpr std::int64_t most_units = 6;
  SparseCutPlan plan;
  bool by_channels = false;
  if (conv.flat()) {
    const std::int64_t all = up(conv.run(), sparse_unit);
    // Tiles of about the same size, as many as threads have the same number of.
    std::int64_t tiles = up(all, most_units);
    // Of one tile threads share the channels of the result. Then each brings all of the source into order, which for
    // few results takes longer than loading weights for fewer positions at a time.
    const bool cuts_one = conv.merged() && conv.oc < conv.ic && conv.oc <= 256;
    // Planes that a thread has to itself lie in one piece, and a depthwise convolution after them is cut likewise. In
    // parts of every plane lines come one by one from wherever another layer's thread has left them.
    by_channels = conv.writes_directly() && conv.oc > conv.ic && conv.images % threads != 0 &&
                  shares_channels(conv.oc * conv.dst.block);
    const bool shares = !by_channels && (conv.merged() || conv.images % threads != 0);
    if (shares && (tiles > 1 || cuts_one)) tiles = std::min(up(tiles, threads) * threads, all);
    conv.cuts = tiles;
    conv.units = up(all, tiles);
    conv.tile_rows = 1;
    const std::int64_t channel_bytes = conv.positions() * static_cast<std::int64_t>(sizeof(float));
    const std::int64_t most = std::max<std::int64_t>(sparse_near_bytes / channel_bytes / sparse_unit, 1) * sparse_unit;
    conv.block = std::min(up(up(conv.ic, up(conv.ic, most)), sparse_unit) * sparse_unit, conv.ic);
    plan.units_at_a_time = static_cast<int>(conv.units);
  } else {
    const auto bytes_of = [&](std::int64_t rows) {
      return (rows * conv.pitch() + sparse_unit) * conv.oc * static_cast<std::int64_t>(sizeof(float));
    };
    std::int64_t rows = conv.dst_height;
    while (rows > 1 && bytes_of(rows) > sparse_tile_bytes) rows = up(rows, 2);
    // As many tiles as threads have the same number of, where that does not cut them too small.
    std::int64_t tiles = up(conv.dst_height, rows) * conv.images;
    if (tiles % threads != 0 && conv.images % threads != 0 && rows >= 2 * threads * conv.kernel[0])
      rows = up(conv.dst_height, up(up(conv.dst_height, rows), threads) * threads);
    conv.tile_rows = rows;
    conv.units = up(rows * conv.pitch() - (conv.pitch() - conv.dst_width), sparse_unit);
    const std::int64_t pieces = up(conv.units, most_units);
    plan.units_at_a_time = static_cast<int>(up(conv.units, pieces));
    // Lines that a piece of the tile reads of a channel.
    const std::int64_t piece = plan.units_at_a_time * sparse_unit + conv.reach(1);
    const std::int64_t channel = std::min(conv.kernel[0] * (piece + sparse_unit) * conv.phases(1), conv.plane()) *
                                 static_cast<std::int64_t>(sizeof(float));
    const std::int64_t most = std::max<std::int64_t>(sparse_near_bytes / channel / sparse_unit, 1) * sparse_unit;
    conv.block = std::min(up(up(conv.ic, up(conv.ic, most)), sparse_unit) * sparse_unit, conv.ic);
  }
  // Threads that share no tiles evenly share the output channels of each.
  const bool even = !by_channels && (conv.tiles() % threads == 0 || conv.tiles() >= 8 * threads);
  plan.parts = even ? 1 : std::min<std::int64_t>(threads, up(conv.oc, sparse_unit));
  return plan;
}

}  // namespace fulcrum::detail::onednn
