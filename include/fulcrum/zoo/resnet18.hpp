#pragma once
/// \file
/// ResNet-18 for images of 224×224 pixels.

#include <cstdint>

#include <fulcrum/core/linkage.hpp>
#include <fulcrum/model/model.hpp>

namespace fulcrum {

/// (N, 3, 224, 224) → (N, 1000) class scores: a 7×7 convolution, eight residual blocks of two 3×3 convolutions, and a
/// dense layer over the channel means (He et al., "Deep Residual Learning for Image Recognition", 2016; layers as in
/// torchvision's resnet18).
/// 11,689,512 learned parameters and 9,600 running statistics; 1.814 G multiply-adds per image.
template <class T>
[[nodiscard]] Model<T> resnet18(std::uint64_t seed = 0);

}  // namespace fulcrum

#if FULCRUM_DEFINES(zoo)

#include <fulcrum/zoo/detail/blocks.hpp>

namespace fulcrum {

template <class T>
Model<T> resnet18(std::uint64_t seed) {
  ModelBuilder<T> b("resnet18", seed, WeightInit::he_uniform);
  detail::residual_stem(b);
  for (const std::int64_t channels : {64, 128, 256, 512}) {
    for (const bool first : {true, false}) {
      const std::int64_t stride = first && channels > 64 ? 2 : 1;
      const NodeId x = b.last();
      detail::conv_normalized(b, channels, 3, stride).relu();
      const NodeId y = detail::conv_normalized(b, channels, 3).last();
      const NodeId shortcut = detail::residual_shortcut(b, x, channels, stride);
      b.from(y).add(shortcut).relu();
    }
  }
  return detail::classify_means(b, 1000).build();
}

}  // namespace fulcrum

#if FULCRUM_INSTANTIATES(zoo)
namespace fulcrum {
template Model<float> resnet18(std::uint64_t seed);
template Model<double> resnet18(std::uint64_t seed);
}  // namespace fulcrum
#endif

#endif
