#pragma once
/// \file
/// EfficientNet-B0 for images of 224×224 pixels.

#include <cstdint>

#include <fulcrum/core/linkage.hpp>
#include <fulcrum/model/model.hpp>

namespace fulcrum {

/// (N, 3, 224, 224) → (N, 1000) class scores: sixteen inverted residual blocks with depthwise 3×3 or 5×5 convolutions,
/// squeeze-and-excitation and SiLU (Tan and Le, "EfficientNet: Rethinking Model Scaling for Convolutional Neural
/// Networks", 2019; layers as in torchvision's efficientnet_b0, without its stochastic depth, which is for training).
/// 5,288,548 learned parameters and 42,016 running statistics; 0.386 G multiply-adds per image.
template <class T>
[[nodiscard]] Model<T> efficientnet_b0(std::uint64_t seed = 0);

}  // namespace fulcrum

#if FULCRUM_DEFINES(zoo)

#include <fulcrum/zoo/detail/blocks.hpp>

namespace fulcrum {

template <class T>
Model<T> efficientnet_b0(std::uint64_t seed) {
  struct Stage {
    std::int64_t expansion, kernel, stride, channels;
    int blocks;
  };
  ModelBuilder<T> b("efficientnet_b0", seed, WeightInit::he_uniform);
  b.input({3, 224, 224});
  detail::conv_normalized(b, 32, 3, 2).swish();
  for (const Stage& stage : {Stage{1, 3, 1, 16, 1}, Stage{6, 3, 2, 24, 2}, Stage{6, 5, 2, 40, 2}, Stage{6, 3, 2, 80, 3},
                             Stage{6, 5, 1, 112, 3}, Stage{6, 5, 2, 192, 4}, Stage{6, 3, 1, 320, 1}}) {
    for (int block = 0; block < stage.blocks; ++block) {
      const std::int64_t stride = block == 0 ? stage.stride : 1;
      const NodeId x = b.last();
      const std::int64_t ic = b.shape()[1];
      const std::int64_t wide = ic * stage.expansion;
      if (stage.expansion > 1) detail::conv_normalized(b, wide, 1).swish();
      detail::conv_normalized(b, wide, stage.kernel, stride, wide).swish();
      b.squeeze_excitation(ic / 4, ActivationKind::swish);
      detail::conv_normalized(b, stage.channels, 1);
      if (stride == 1 && ic == stage.channels) b.add(x);
    }
  }
  detail::conv_normalized(b, 1280, 1).swish();
  return detail::classify_means(b, 1000).build();
}

}  // namespace fulcrum

#if FULCRUM_INSTANTIATES(zoo)
namespace fulcrum {
template Model<float> efficientnet_b0(std::uint64_t seed);
template Model<double> efficientnet_b0(std::uint64_t seed);
}  // namespace fulcrum
#endif

#endif
