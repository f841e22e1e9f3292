#pragma once
/// \file
/// Weights without their zeros, as the loops of sparse_product.hpp read them.
///
/// A product by sparse weights takes its source with many positions (pixels, rows) of one channel side by side: a
/// weight that is not 0 then is one multiplication of whole vectors, whatever weights are around it (Elsen, Dukhan,
/// Gale and Simonyan, "Fast Sparse ConvNets", CVPR 2020). A tile of positions goes through blocks of channels that the
/// nearest cache holds; in a block, the rows of the weights follow one another by length, so that a CPU foresees where
/// one ends.

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <numeric>
#include <span>
#include <utility>
#include <vector>

namespace fulcrum::detail::onednn {

/// A weight and what it is multiplied by: where that lies in the source of a tile, from its start [B].
struct SparseEntry {
  float value = 0.0F;
  std::int32_t offset = 0;
};

/// A row of the weights in one block of channels.
struct SparseRow {
  std::int32_t channel = 0;  ///< output channel, from the first of the part
  std::int32_t entries = 0;  ///< that follow those of the row before
};

/// A block of channels for one part of the output channels.
struct SparseBlock {
  std::int64_t rows = 0;     ///< where its rows begin [rows]
  std::int64_t count = 0;    ///< of rows
  std::int64_t entries = 0;  ///< where its entries begin [entries]
};

/// What of the weights does not depend on their values' bytes: it says where in those the parts begin.
struct SparseLayout {
  std::vector<std::int64_t> first_channel;  ///< of each part of the output channels, and where the last one ends
  std::int64_t blocks = 0;                  ///< of input channels
  std::vector<SparseBlock> parts;           ///< by part and block
  std::int64_t row_count = 0, entry_count = 0;

  [[nodiscard]] const SparseBlock& block(std::int64_t part, std::int64_t b) const {
    return parts[static_cast<std::size_t>(part * blocks + b)];
  }
  /// Entries come first, then rows.
  [[nodiscard]] std::int64_t bytes() const noexcept {
    return entry_count * static_cast<std::int64_t>(sizeof(SparseEntry)) +
           row_count * static_cast<std::int64_t>(sizeof(SparseRow));
  }
};

/// Weights (oc, ic, taps) and how they are cut up.
struct SparseCut {
  std::int64_t oc = 0, ic = 0, taps = 1;
  std::int64_t block = 0;  ///< input channels of a block
  std::vector<std::int64_t> first_channel;
};

/// Weights that are not 0.
[[nodiscard]] inline std::int64_t sparse_count(std::span<const float> row) {
  return static_cast<std::int64_t>(row.size()) - std::count(row.begin(), row.end(), 0.0F);
}

/// Output channels cut into `parts` of about as many weights that are not 0, at whole multiples of `multiple`.
[[nodiscard]] inline std::vector<std::int64_t> sparse_parts(std::span<const float> weights, std::int64_t oc,
                                                            std::int64_t parts, std::int64_t multiple) {
  const auto columns = static_cast<std::ptrdiff_t>(weights.size()) / std::max<std::int64_t>(oc, 1);
  std::vector<std::int64_t> before{0};
  for (std::int64_t c = 0; c < oc; ++c) {
    const auto row = weights.begin() + c * columns;
    before.push_back(before.back() + columns - std::count(row, row + columns, 0.0F) + 1);
  }
  std::vector<std::int64_t> first{0};
  for (std::int64_t part = 1; part < parts; ++part) {
    std::int64_t at = first.back();
    const std::int64_t wanted = before.back() * part / parts;
    while (at < oc && before[static_cast<std::size_t>(std::min(at + multiple / 2, oc))] < wanted) at += multiple;
    first.push_back(std::min(at, oc));
  }
  first.push_back(oc);
  return first;
}

/// How the weights without their zeros lie.
[[nodiscard]] inline SparseLayout sparse_layout(const SparseCut& cut, std::span<const float> weights) {
  SparseLayout layout;
  layout.first_channel = cut.first_channel;
  layout.blocks = (cut.ic + cut.block - 1) / cut.block;
  const auto count_in = [&](std::int64_t channel, std::int64_t b) {
    const std::int64_t first = b * cut.block, last = std::min(cut.ic, first + cut.block);
    return sparse_count(weights.subspan(static_cast<std::size_t>((channel * cut.ic + first) * cut.taps),
                                        static_cast<std::size_t>((last - first) * cut.taps)));
  };
  for (std::size_t part = 0; part + 1 < cut.first_channel.size(); ++part) {
    for (std::int64_t b = 0; b < layout.blocks; ++b) {
      SparseBlock block{layout.row_count, 0, layout.entry_count};
      for (std::int64_t c = cut.first_channel[part]; c < cut.first_channel[part + 1]; ++c) {
        const std::int64_t entries = count_in(c, b);
        // The first block sets every sum to its bias, the last one finishes it.
        if (entries == 0 && b > 0 && b + 1 < layout.blocks) continue;
        ++block.count;
        layout.entry_count += entries;
      }
      layout.row_count += block.count;
      layout.parts.push_back(block);
    }
  }
  return layout;
}

/// Writes the weights without their zeros.
/// \param offset_of  (channel in its block, tap) → where the source of that weight lies [B]
/// \param to         layout.bytes()
template <class OffsetOf>
void pack_sparse_weights(const SparseCut& cut, const SparseLayout& layout, std::span<const float> weights,
                         const OffsetOf& offset_of, std::byte* to) {
  std::byte* entry = to;
  std::byte* row = to + layout.entry_count * static_cast<std::int64_t>(sizeof(SparseEntry));
  const auto put = [](std::byte*& at, const auto& value) {
    std::memcpy(at, &value, sizeof value);
    at += sizeof value;
  };
  std::vector<std::pair<std::int64_t, std::int64_t>> rows;  // (entries, channel)
  for (std::size_t part = 0; part + 1 < cut.first_channel.size(); ++part) {
    for (std::int64_t b = 0; b < layout.blocks; ++b) {
      const std::int64_t first = b * cut.block, last = std::min(cut.ic, first + cut.block);
      const auto row_of = [&](std::int64_t channel) {
        return weights.subspan(static_cast<std::size_t>((channel * cut.ic + first) * cut.taps),
                               static_cast<std::size_t>((last - first) * cut.taps));
      };
      rows.clear();
      for (std::int64_t c = cut.first_channel[part]; c < cut.first_channel[part + 1]; ++c) {
        const std::int64_t entries = sparse_count(row_of(c));
        if (entries > 0 || b == 0 || b + 1 == layout.blocks) rows.emplace_back(entries, c);
      }
      std::stable_sort(rows.begin(), rows.end(), [](const auto& x, const auto& y) { return x.first > y.first; });
      for (const auto& [entries, channel] : rows) {
        put(row, SparseRow{static_cast<std::int32_t>(channel - cut.first_channel[part]),
                           static_cast<std::int32_t>(entries)});
        const std::span<const float> from = row_of(channel);
        for (std::size_t i = 0; i < from.size(); ++i) {
          if (from[i] == 0.0F) continue;
          const auto at = static_cast<std::int64_t>(i);
          put(entry, SparseEntry{from[i], offset_of(at / cut.taps, at % cut.taps)});
        }
      }
    }
  }
}

}  // namespace fulcrum::detail::onednn
