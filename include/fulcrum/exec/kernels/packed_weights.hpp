#pragma once
/// \file
/// Weights of 4 or 8 bits as they lie in memory for products that unpack them in registers.

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>

#include <fulcrum/layers/matmul_nbits.hpp>

namespace fulcrum::detail::onednn {

/// Outputs of a panel.
inline constexpr std::int64_t packed_lanes = 64;

/// How the weights of a MatMulNBits lie: panels of 64 outputs, the last one filled up with outputs that are 0. A panel
/// is read from end to end: of each block of inputs the scales of its outputs, what the zero points are off the middle
/// by (a byte an output; only where some are), then its words. A word of 32 bits is `columns()` inputs of one output,
/// words of the 64 outputs lie side by side. Of 8 bits an input is a byte; of 4 bits the first four inputs are the
/// lower halves of the bytes and the next four the upper ones. Integers are unsigned around their middle, 8 or 128.
struct PackedPanels {
  int bits = 4;  ///< 4 or 8; weights of 2 bits take 4
  std::int64_t oc = 0, ic = 0, block = 32;
  bool zeros = false;  ///< some zero points are off the middle

  [[nodiscard]] std::int64_t columns() const noexcept { return 32 / bits; }
  [[nodiscard]] std::int64_t blocks() const noexcept { return (ic + block - 1) / block; }
  [[nodiscard]] std::int64_t panels() const noexcept { return (oc + packed_lanes - 1) / packed_lanes; }
  /// Inputs of a block.
  [[nodiscard]] std::int64_t inputs_of(std::int64_t which) const noexcept {
    return std::min(block, ic - which * block);
  }
  [[nodiscard]] std::int64_t words_of(std::int64_t which) const noexcept {
    return (inputs_of(which) + columns() - 1) / columns();
  }
  /// [B] before the words of a block
  [[nodiscard]] std::int64_t head_bytes() const noexcept { return packed_lanes * (zeros ? 5 : 4); }
  [[nodiscard]] static constexpr std::int64_t word_bytes() noexcept { return 4 * packed_lanes; }
  [[nodiscard]] std::int64_t panel_bytes() const noexcept {
    return blocks() * head_bytes() + ((blocks() - 1) * (block / columns()) + words_of(blocks() - 1)) * word_bytes();
  }
  [[nodiscard]] std::int64_t bytes() const noexcept { return panels() * panel_bytes(); }
};

/// Where input i of a word of 4 bits lies: the bit it begins at.
[[nodiscard]] constexpr int bit_of_input(int bits, int i) noexcept { return bits == 8 ? 8 * i : i % 4 * 8 + i / 4 * 4; }

[[nodiscard]] inline PackedPanels packed_panels(const MatMulNBits& layer) {
  PackedPanels p{layer.bits == 8 ? 8 : 4, layer.oc(), layer.ic, layer.block, false};
  if (layer.zero_points.empty()) return p;
  const auto all = layer.zero_points->flat();
  p.zeros = std::any_of(all.begin(), all.end(), [&](int zero) { return zero != 1 << (layer.bits - 1); });
  return p;
}

/// \param to  packed_panels(layer).bytes()
inline void pack_weights(const PackedPanels& p, const MatMulNBits& layer, std::byte* to) {
  const int middle = 1 << (layer.bits - 1), as_it_lies = 1 << (p.bits - 1);
  std::uint32_t empty_word = 0;  // of the middle alone
  for (int i = 0; i < p.columns(); ++i) empty_word |= static_cast<std::uint32_t>(as_it_lies) << (p.bits * i);
  for (std::int64_t panel = 0; panel < p.panels(); ++panel) {
    for (std::int64_t which = 0; which < p.blocks(); ++which) {
      std::byte* words = to + p.head_bytes();
      for (std::int64_t lane = 0; lane < packed_lanes; ++lane) {
        const std::int64_t o = panel * packed_lanes + lane;
        const bool is_one = o < p.oc;
        const float scale = is_one ? layer.scale(o, which) : 0.0F;
        std::memcpy(to + 4 * lane, &scale, sizeof scale);
        if (p.zeros) {
          const auto off = static_cast<std::int8_t>(is_one ? layer.zero_point(o, which) - middle : 0);
          std::memcpy(to + 4 * packed_lanes + lane, &off, 1);
        }
        for (std::int64_t w = 0; w < p.words_of(which); ++w) {
          std::uint32_t word = empty_word;
          const std::int64_t first = which * p.block + w * p.columns();
          for (int i = 0; is_one && i < p.columns() && first + i < p.ic; ++i) {
            const int at = bit_of_input(p.bits, i);
            const auto q = static_cast<std::uint32_t>(layer.integer(o, first + i) - middle + as_it_lies);
            word = (word & ~(((1U << p.bits) - 1U) << at)) | q << at;
          }
          std::memcpy(words + w * PackedPanels::word_bytes() + 4 * lane, &word, sizeof word);
        }
      }
      to = words + p.words_of(which) * PackedPanels::word_bytes();
    }
  }
}

}  // namespace fulcrum::detail::onednn
