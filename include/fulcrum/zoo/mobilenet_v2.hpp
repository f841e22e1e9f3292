#pragma once
/// \file
/// MobileNetV2 for images of 224×224 pixels.

#include <cstdint>

#include <fulcrum/core/linkage.hpp>
#include <fulcrum/model/model.hpp>

namespace fulcrum {

/// (N, 3, 224, 224) → (N, 1000) class scores: seventeen inverted residual blocks (1×1 that widens, depthwise 3×3, 1×1
/// that narrows) with ReLU6 (Sandler et al., "MobileNetV2: Inverted Residuals and Linear Bottlenecks", 2018; layers as
/// in torchvision's mobilenet_v2).
/// 3,504,872 learned parameters and 34,112 running statistics; 0.301 G multiply-adds per image.
template <class T>
[[nodiscard]] Model<T> mobilenet_v2(std::uint64_t seed = 0);

}  // namespace fulcrum

#if FULCRUM_DEFINES(zoo)

#include <fulcrum/zoo/detail/blocks.hpp>

namespace fulcrum {

template <class T>
Model<T> mobilenet_v2(std::uint64_t seed) {
  struct Stage {
    std::int64_t expansion, channels;
    int blocks;
    std::int64_t stride;
  };
  ModelBuilder<T> b("mobilenet_v2", seed, WeightInit::he_uniform);
  b.input({3, 224, 224});
  detail::conv_normalized(b, 32, 3, 2).relu6();
  for (const Stage& stage : {Stage{1, 16, 1, 1}, Stage{6, 24, 2, 2}, Stage{6, 32, 3, 2}, Stage{6, 64, 4, 2},
                             Stage{6, 96, 3, 1}, Stage{6, 160, 3, 2}, Stage{6, 320, 1, 1}}) {
    for (int block = 0; block < stage.blocks; ++block) {
      const std::int64_t stride = block == 0 ? stage.stride : 1;
      const NodeId x = b.last();
      const std::int64_t ic = b.shape()[1];
      const std::int64_t wide = ic * stage.expansion;
      if (stage.expansion > 1) detail::conv_normalized(b, wide, 1).relu6();
      detail::conv_normalized(b, wide, 3, stride, wide).relu6();
      detail::conv_normalized(b, stage.channels, 1);
      if (stride == 1 && ic == stage.channels) b.add(x);
    }
  }
  detail::conv_normalized(b, 1280, 1).relu6();
  return detail::classify_means(b, 1000).build();
}

}  // namespace fulcrum

#if FULCRUM_INSTANTIATES(zoo)
namespace fulcrum {
template Model<float> mobilenet_v2(std::uint64_t seed);
template Model<double> mobilenet_v2(std::uint64_t seed);
}  // namespace fulcrum
#endif

#endif
