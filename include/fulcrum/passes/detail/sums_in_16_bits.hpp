#pragma once
/// \file
/// Whether, and by which scales, products of 8-bit integers sum in 16 bits without loss.

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <vector>

#include <fulcrum/core/linkage.hpp>
#include <fulcrum/tensor/quantization.hpp>
#include <fulcrum/tensor/tensor.hpp>

namespace fulcrum::detail {

/// The two largest and the two smallest weights that meet in an output channel; 0 where there are fewer, as of padding.
struct ChannelExtremes {
  float high[2] = {0.0F, 0.0F};
  float low[2] = {0.0F, 0.0F};
};

/// \param axis  of the output channels
[[nodiscard]] inline std::vector<ChannelExtremes> channel_extremes(const Tensor<float>& weights, std::int64_t axis) {
  std::vector<ChannelExtremes> result(static_cast<std::size_t>(weights.dim(axis)));
  for_each_channel_element(weights.dims(), axis, [&](std::size_t i, std::size_t c) {
    const float w = weights.flat()[i];
    auto& [high, low] = result[c];
    high[1] = std::max(high[1], std::min(high[0], w));
    high[0] = std::max(high[0], w);
    low[1] = std::min(low[1], std::max(low[0], w));
    low[0] = std::min(low[0], w);
  });
  return result;
}

/// Whether u8 · s8 + u8 · s8 of any two weights of the channel stays within 16 bits: 255 · (a + b) ≤ 32767 and ≥
/// −32768, that is |a + b| ≤ 128 of the two largest and of the two smallest integers.
[[nodiscard]] inline bool sums_fit(const ChannelExtremes& channel, float scale) {
  const auto integer = [&](float w) { return quantize(w, scale, 0, DType::s8); };
  return integer(channel.high[0]) + integer(channel.high[1]) <= 128 &&
         integer(channel.low[0]) + integer(channel.low[1]) >= -128;
}

/// The smallest scale from `scale` on with which sums fit: at most what 7 bits take.
[[nodiscard]] inline float fitting_scale(const ChannelExtremes& channel, float scale) {
  const float least = std::max(channel.high[0] + channel.high[1], -(channel.low[0] + channel.low[1])) / 128.0F;
  float result = std::max(scale, least);
  while (!sums_fit(channel, result)) result *= 1.001F;  // both may have been rounded up
  return result;
}

}  // namespace fulcrum::detail
