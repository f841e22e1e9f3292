#pragma once
/// \file
/// ResNet-50 for images of 224×224 pixels.

#include <cstdint>

#include <fulcrum/core/linkage.hpp>
#include <fulcrum/model/model.hpp>

namespace fulcrum {

/// (N, 3, 224, 224) → (N, 1000) class scores: a 7×7 convolution, sixteen bottleneck blocks (1×1, 3×3, 1×1), and a dense
/// layer over the channel means (He et al., "Deep Residual Learning for Image Recognition", 2016; layers as in
/// torchvision's resnet50, which has the stride in the 3×3 convolution).
/// 25,557,032 learned parameters and 53,120 running statistics; 4.089 G multiply-adds per image.
template <class T>
[[nodiscard]] Model<T> resnet50(std::uint64_t seed = 0);

}  // namespace fulcrum

#if FULCRUM_DEFINES(zoo)

#include <fulcrum/zoo/detail/blocks.hpp>

namespace fulcrum {

template <class T>
Model<T> resnet50(std::uint64_t seed) {
  ModelBuilder<T> b("resnet50", seed, WeightInit::he_uniform);
  detail::residual_stem(b);
  detail::bottlenecks_of_50_layers(b, 1, 1);
  return detail::classify_means(b, 1000).build();
}

}  // namespace fulcrum

#if FULCRUM_INSTANTIATES(zoo)
namespace fulcrum {
template Model<float> resnet50(std::uint64_t seed);
template Model<double> resnet50(std::uint64_t seed);
}  // namespace fulcrum
#endif

#endif
