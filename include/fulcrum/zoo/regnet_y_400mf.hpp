#pragma once
/// \file
/// RegNetY-400MF for images of 224×224 pixels.

#include <cstdint>

#include <fulcrum/core/linkage.hpp>
#include <fulcrum/model/model.hpp>

namespace fulcrum {

/// (N, 3, 224, 224) → (N, 1000) class scores: sixteen residual blocks whose 3×3 convolutions have groups of eight
/// channels, each with squeeze-and-excitation (Radosavovic et al., "Designing Network Design Spaces", 2020; layers as
/// in torchvision's regnet_y_400mf). 4,344,144 learned parameters and 27,152 running statistics; 0.402 G multiply-adds
/// per image.
template <class T>
[[nodiscard]] Model<T> regnet_y_400mf(std::uint64_t seed = 0);

}  // namespace fulcrum

#if FULCRUM_DEFINES(zoo)

#include <fulcrum/zoo/detail/blocks.hpp>

namespace fulcrum {

template <class T>
Model<T> regnet_y_400mf(std::uint64_t seed) {
  struct Stage {
    std::int64_t channels;
    int blocks;
  };
  ModelBuilder<T> b("regnet_y_400mf", seed, WeightInit::he_uniform);
  b.input({3, 224, 224});
  detail::conv_normalized(b, 32, 3, 2).relu();
  for (const Stage& stage : {Stage{48, 1}, Stage{104, 3}, Stage{208, 6}, Stage{440, 6}}) {
    for (int block = 0; block < stage.blocks; ++block) {
      const std::int64_t stride = block == 0 ? 2 : 1;
      const NodeId x = b.last();
      const std::int64_t ic = b.shape()[1];
      const NodeId shortcut = detail::residual_shortcut(b, x, stage.channels, stride);
      b.from(x);
      detail::conv_normalized(b, stage.channels, 1).relu();
      detail::conv_normalized(b, stage.channels, 3, stride, stage.channels / 8).relu();
      b.squeeze_excitation(ic / 4);
      detail::conv_normalized(b, stage.channels, 1).add(shortcut).relu();
    }
  }
  return detail::classify_means(b, 1000).build();
}

}  // namespace fulcrum

#if FULCRUM_INSTANTIATES(zoo)
namespace fulcrum {
template Model<float> regnet_y_400mf(std::uint64_t seed);
template Model<double> regnet_y_400mf(std::uint64_t seed);
}  // namespace fulcrum
#endif

#endif
