#pragma once
/// \file
/// VGG-11 for images of 224×224 pixels.

#include <cstdint>

#include <fulcrum/core/linkage.hpp>
#include <fulcrum/model/model.hpp>

namespace fulcrum {

/// (N, 3, 224, 224) → (N, 1000) class scores: eight 3×3 convolutions and three dense layers (Simonyan and Zisserman,
/// "Very Deep Convolutional Networks for Large-Scale Image Recognition", 2015, configuration A; layers as in
/// torchvision's vgg11).
/// 132,863,336 parameters (507 MiB in f32); 7.609 G multiply-adds per image.
template <class T>
[[nodiscard]] Model<T> vgg11(std::uint64_t seed = 0);

}  // namespace fulcrum

#if FULCRUM_DEFINES(zoo)

#include <fulcrum/model/builder.hpp>

namespace fulcrum {

template <class T>
Model<T> vgg11(std::uint64_t seed) {
  ModelBuilder<T> b("vgg11", seed, WeightInit::he_uniform);
  b.input({3, 224, 224});
  b.conv(64, 3, {.padding = 1}).relu().max_pool(2);
  b.conv(128, 3, {.padding = 1}).relu().max_pool(2);
  for (const std::int64_t channels : {256, 512, 512}) {
    b.conv(channels, 3, {.padding = 1}).relu().conv(channels, 3, {.padding = 1}).relu().max_pool(2);
  }
  return b.flatten().dense(4096).relu().dense(4096).relu().dense(1000).build();
}

}  // namespace fulcrum

#if FULCRUM_INSTANTIATES(zoo)
namespace fulcrum {
template Model<float> vgg11(std::uint64_t seed);
template Model<double> vgg11(std::uint64_t seed);
}  // namespace fulcrum
#endif

#endif
