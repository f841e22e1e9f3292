#pragma once
/// \file
/// MNASNet 1.0 for images of 224×224 pixels.

#include <cstdint>

#include <fulcrum/core/linkage.hpp>
#include <fulcrum/model/model.hpp>

namespace fulcrum {

/// (N, 3, 224, 224) → (N, 1000) class scores: inverted residual blocks with depthwise 3×3 or 5×5 convolutions and ReLU,
/// as found by a search that timed them on phones (Tan et al., "MnasNet: Platform-Aware Neural Architecture Search for
/// Mobile", 2019; layers as in torchvision's mnasnet1_0). 4,383,312 learned parameters and 37,920 running statistics;
/// 0.314 G multiply-adds per image.
template <class T>
[[nodiscard]] Model<T> mnasnet1_0(std::uint64_t seed = 0);

}  // namespace fulcrum

#if FULCRUM_DEFINES(zoo)

#include <fulcrum/zoo/detail/blocks.hpp>

namespace fulcrum {

template <class T>
Model<T> mnasnet1_0(std::uint64_t seed) {
  struct Stage {
    std::int64_t expansion, kernel, stride, channels;
    int blocks;
  };
  ModelBuilder<T> b("mnasnet1_0", seed, WeightInit::he_uniform);
  b.input({3, 224, 224});
  detail::conv_normalized(b, 32, 3, 2).relu();
  detail::conv_normalized(b, 32, 3, 1, 32).relu();
  detail::conv_normalized(b, 16, 1);
  for (const Stage& stage : {Stage{3, 3, 2, 24, 3}, Stage{3, 5, 2, 40, 3}, Stage{6, 5, 2, 80, 3}, Stage{6, 3, 1, 96, 2},
                             Stage{6, 5, 2, 192, 4}, Stage{6, 3, 1, 320, 1}}) {
    for (int block = 0; block < stage.blocks; ++block) {
      const NodeId x = b.last();
      const std::int64_t wide = b.shape()[1] * stage.expansion;
      detail::conv_normalized(b, wide, 1).relu();
      detail::conv_normalized(b, wide, stage.kernel, block == 0 ? stage.stride : 1, wide).relu();
      detail::conv_normalized(b, stage.channels, 1);
      if (block > 0) b.add(x);
    }
  }
  detail::conv_normalized(b, 1280, 1).relu();
  return b.mean({2, 3}, false).dense(1000).build();
}

}  // namespace fulcrum

#if FULCRUM_INSTANTIATES(zoo)
namespace fulcrum {
template Model<float> mnasnet1_0(std::uint64_t seed);
template Model<double> mnasnet1_0(std::uint64_t seed);
}  // namespace fulcrum
#endif

#endif
