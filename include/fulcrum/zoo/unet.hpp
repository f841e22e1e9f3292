#pragma once
/// \file
/// U-Net for images of 256×256 pixels.

#include <cstdint>

#include <fulcrum/core/linkage.hpp>
#include <fulcrum/model/model.hpp>

namespace fulcrum {

/// (N, 3, 256, 256) → (N, 1, 256, 256) probabilities: four levels down by max pooling and up again by transposed
/// convolutions, each level joined with what it was on the way down (Ronneberger et al., "U-Net: Convolutional Networks
/// for Biomedical Image Segmentation", 2015; layers as in the U-Net for brain MRI of PyTorch Hub (mateuszbuda), of 32
/// channels at the first level, with batch normalization). 7,763,041 learned parameters and 5,888 running
/// statistics; 12.07 G multiply-adds per image.
template <class T>
[[nodiscard]] Model<T> unet(std::uint64_t seed = 0);

}  // namespace fulcrum

#if FULCRUM_DEFINES(zoo)

#include <vector>

#include <fulcrum/zoo/detail/blocks.hpp>

namespace fulcrum {

template <class T>
Model<T> unet(std::uint64_t seed) {
  ModelBuilder<T> b("unet", seed, WeightInit::he_uniform);
  const auto level = [&](std::int64_t channels) {
    for (int i = 0; i < 2; ++i) detail::conv_normalized(b, channels, 3).relu();
  };
  b.input({3, 256, 256});
  std::vector<NodeId> down;
  for (const std::int64_t channels : {32, 64, 128, 256}) {
    level(channels);
    down.push_back(b.last());
    b.max_pool(2);
  }
  level(512);
  for (const std::int64_t channels : {256, 128, 64, 32}) {
    b.conv_transpose(channels, 2, {.stride = {2, 2}}).concat({down.back()});
    down.pop_back();
    level(channels);
  }
  return b.conv(1, 1).sigmoid().build();
}

}  // namespace fulcrum

#if FULCRUM_INSTANTIATES(zoo)
namespace fulcrum {
template Model<float> unet(std::uint64_t seed);
template Model<double> unet(std::uint64_t seed);
}  // namespace fulcrum
#endif

#endif
