#pragma once
/// \file
/// ConvNeXt-Tiny for images of 224×224 pixels.

#include <cstdint>

#include <fulcrum/core/linkage.hpp>
#include <fulcrum/model/model.hpp>

namespace fulcrum {

/// (N, 3, 224, 224) → (N, 1000) class scores: eighteen residual blocks of a depthwise 7×7 convolution, layer
/// normalization and two dense layers per pixel with GELU between them (Liu et al., "A ConvNet for the 2020s", 2022;
/// layers as in torchvision's convnext_tiny, without its stochastic depth, which is for training). 28,589,128 learned
/// parameters; 4.456 G multiply-adds per image.
template <class T>
[[nodiscard]] Model<T> convnext_tiny(std::uint64_t seed = 0);

}  // namespace fulcrum

#if FULCRUM_DEFINES(zoo)

#include <fulcrum/zoo/detail/transformer.hpp>

namespace fulcrum::detail {

/// Layer normalization over the channels of each pixel: (n, c, h, w) → (n, c, h, w).
template <class T>
ModelBuilder<T>& normalize_channels(ModelBuilder<T>& b) {
  return b.transpose({0, 2, 3, 1}).layer_normalization(1e-6).transpose({0, 3, 1, 2});
}

}  // namespace fulcrum::detail

namespace fulcrum {

template <class T>
Model<T> convnext_tiny(std::uint64_t seed) {
  struct Stage {
    std::int64_t channels;
    int blocks;
  };
  ModelBuilder<T> b("convnext_tiny", seed, WeightInit::he_uniform);
  b.input({3, 224, 224}).conv(96, 4, {.stride = {4, 4}});
  detail::normalize_channels(b);
  for (const Stage& stage : {Stage{96, 3}, Stage{192, 3}, Stage{384, 9}, Stage{768, 3}}) {
    if (stage.channels > 96) detail::normalize_channels(b).conv(stage.channels, 2, {.stride = {2, 2}});
    for (int block = 0; block < stage.blocks; ++block) {
      const NodeId x = b.last();
      b.depthwise_conv(7, {.padding = 3}).transpose({0, 2, 3, 1}).layer_normalization(1e-6);
      const NodeId y = detail::feed_forward(b, 4 * stage.channels).transpose({0, 3, 1, 2}).last();
      // Training begins with a scale of 1e-6, which would hide the blocks of a network with untrained weights.
      const NodeId scale = b.parameter({stage.channels, 1, 1}, 0.3).last();
      b.from(y).mul(scale).add(x);
    }
  }
  b.global_average_pool();
  return detail::normalize_channels(b).flatten().dense(1000).build();
}

}  // namespace fulcrum

#if FULCRUM_INSTANTIATES(zoo)
namespace fulcrum {
template Model<float> convnext_tiny(std::uint64_t seed);
template Model<double> convnext_tiny(std::uint64_t seed);
}  // namespace fulcrum
#endif

#endif
