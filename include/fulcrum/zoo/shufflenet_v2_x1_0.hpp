#pragma once
/// \file
/// ShuffleNetV2 ×1.0 for images of 224×224 pixels.

#include <cstdint>

#include <fulcrum/core/linkage.hpp>
#include <fulcrum/model/model.hpp>

namespace fulcrum {

/// (N, 3, 224, 224) → (N, 1000) class scores: sixteen units of two branches each, depthwise 3×3 and pointwise
/// convolutions, whose channels are dealt out anew after each unit (Ma et al., "ShuffleNet V2: Practical Guidelines for
/// Efficient CNN Architecture Design", 2018; layers as in torchvision's shufflenet_v2_x1_0). 2,278,604 learned
/// parameters and 16,180 running statistics; 0.145 G multiply-adds per image.
template <class T>
[[nodiscard]] Model<T> shufflenet_v2_x1_0(std::uint64_t seed = 0);

}  // namespace fulcrum

#if FULCRUM_DEFINES(zoo)

#include <fulcrum/zoo/detail/blocks.hpp>

namespace fulcrum::detail {

/// Deals the channels of `groups` groups out in turns: (n, c, h, w) → (n, c, h, w).
template <class T>
ModelBuilder<T>& shuffle_channels(ModelBuilder<T>& b, std::int64_t groups) {
  const Shape shape = b.shape();
  return b.reshape({0, groups, shape[1] / groups, shape[2], shape[3]})
      .transpose({0, 2, 1, 3, 4})
      .reshape({0, shape[1], shape[2], shape[3]});
}

}  // namespace fulcrum::detail

namespace fulcrum {

template <class T>
Model<T> shufflenet_v2_x1_0(std::uint64_t seed) {
  struct Stage {
    std::int64_t channels;
    int units;
  };
  ModelBuilder<T> b("shufflenet_v2_x1_0", seed, WeightInit::he_uniform);
  b.input({3, 224, 224});
  detail::conv_normalized(b, 24, 3, 2).relu().max_pool(3, {.stride = {2, 2}, .padding = 1});
  for (const Stage& stage : {Stage{116, 4}, Stage{232, 8}, Stage{464, 4}}) {
    for (int unit = 0; unit < stage.units; ++unit) {
      const std::int64_t half = stage.channels / 2;
      const std::int64_t stride = unit == 0 ? 2 : 1;
      const NodeId x = b.last();
      NodeId kept = 0;
      if (stride == 2) {  // both branches read all channels
        detail::conv_normalized(b, b.shape()[1], 3, stride, b.shape()[1]);
        kept = detail::conv_normalized(b, half, 1).relu().last();
        b.from(x);
      } else {
        kept = b.slice(1, 0, half).last();
        b.from(x).slice(1, half, stage.channels);
      }
      detail::conv_normalized(b, half, 1).relu();
      detail::conv_normalized(b, half, 3, stride, half);
      const NodeId convolved = detail::conv_normalized(b, half, 1).relu().last();
      b.from(kept).concat({convolved});
      detail::shuffle_channels(b, 2);
    }
  }
  detail::conv_normalized(b, 1024, 1).relu();
  return b.mean({2, 3}, false).dense(1000).build();
}

}  // namespace fulcrum

#if FULCRUM_INSTANTIATES(zoo)
namespace fulcrum {
template Model<float> shufflenet_v2_x1_0(std::uint64_t seed);
template Model<double> shufflenet_v2_x1_0(std::uint64_t seed);
}  // namespace fulcrum
#endif

#endif
