#pragma once
/// \file
/// ResNeXt-50 (32×4d) for images of 224×224 pixels.

#include <cstdint>

#include <fulcrum/core/linkage.hpp>
#include <fulcrum/model/model.hpp>

namespace fulcrum {

/// (N, 3, 224, 224) → (N, 1000) class scores: ResNet-50 with 3×3 convolutions twice as wide, in 32 groups (Xie et al.,
/// "Aggregated Residual Transformations for Deep Neural Networks", 2017; layers as in torchvision's resnext50_32x4d).
/// 25,028,904 learned parameters and 68,224 running statistics; 4.230 G multiply-adds per image.
template <class T>
[[nodiscard]] Model<T> resnext50_32x4d(std::uint64_t seed = 0);

}  // namespace fulcrum

#if FULCRUM_DEFINES(zoo)

#include <fulcrum/zoo/detail/blocks.hpp>

namespace fulcrum {

template <class T>
Model<T> resnext50_32x4d(std::uint64_t seed) {
  ModelBuilder<T> b("resnext50_32x4d", seed, WeightInit::he_uniform);
  detail::residual_stem(b);
  detail::bottlenecks_of_50_layers(b, 2, 32);
  return detail::classify_means(b, 1000).build();
}

}  // namespace fulcrum

#if FULCRUM_INSTANTIATES(zoo)
namespace fulcrum {
template Model<float> resnext50_32x4d(std::uint64_t seed);
template Model<double> resnext50_32x4d(std::uint64_t seed);
}  // namespace fulcrum
#endif

#endif
