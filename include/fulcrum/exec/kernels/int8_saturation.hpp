#pragma once
/// \file
/// Whether 8-bit products can be summed without loss on CPUs that add pairs of them in 16 bits.

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <span>

namespace fulcrum::detail {

/// Whether no pair of weights that meet in one output channel can push u8 · s8 + u8 · s8 past 16 bits.
///
/// Without VNNI, VPMADDUBSW adds two neighbouring products with saturation at −32768 and 32767. Which weights are
/// neighbours depends on the kernel's blocking, so any two of one channel count: 255 · (a + b) must stay inside for the
/// two largest and the two smallest.
/// \param weights   (channels, …) in row-major order
[[nodiscard]] inline bool never_saturates(std::span<const std::int8_t> weights, std::size_t channels) {
  if (channels == 0) return true;
  const std::size_t row = weights.size() / channels;
  for (std::size_t c = 0; c < channels; ++c) {
    int high[2] = {0, 0};  // a partner may be padding, which is 0
    int low[2] = {0, 0};
    for (const int w : weights.subspan(c * row, row)) {
      high[1] = std::max(high[1], std::min(high[0], w));
      high[0] = std::max(high[0], w);
      low[1] = std::min(low[1], std::max(low[0], w));
      low[0] = std::min(low[0], w);
    }
    if (255 * (high[0] + high[1]) > 32767 || 255 * (low[0] + low[1]) < -32768) return false;
  }
  return true;
}

}  // namespace fulcrum::detail
