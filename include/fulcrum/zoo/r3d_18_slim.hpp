#pragma once
/// \file
/// A slim residual network of 18 layers for clips of 8 frames.

#include <cstdint>

#include <fulcrum/core/linkage.hpp>
#include <fulcrum/model/model.hpp>

namespace fulcrum {

/// (N, 3, 8, 112, 112) → (N, 400) class scores of a clip: ResNet-18 with 3-D convolutions, which see three frames at
/// once (Tran et al., "A Closer Look at Spatiotemporal Convolutions for Action Recognition", 2018; layers as in
/// torchvision's r3d_18, with a quarter of its channels, and half of its frames). 2,131,584 learned parameters and
/// 2,400 running statistics; 1.405 G multiply-adds per clip.
///
/// \param width  channels of the first stage, ≥ 1; 64 for
/// r3d_18 itself
/// \param frames  of a clip, ≥ 1
template <class T>
[[nodiscard]] Model<T> r3d_18_slim(std::uint64_t seed = 0, std::int64_t width = 16, std::int64_t frames = 8);

}  // namespace fulcrum

#if FULCRUM_DEFINES(zoo)

#include <fulcrum/zoo/detail/blocks.hpp>

namespace fulcrum {

template <class T>
Model<T> r3d_18_slim(std::uint64_t seed, std::int64_t width, std::int64_t frames) {
  ModelBuilder<T> b("r3d_18_slim", seed, WeightInit::he_uniform);
  const auto conv = [&](std::int64_t oc, std::int64_t kernel, std::int64_t stride) -> ModelBuilder<T>& {
    const std::int64_t padding = (kernel - 1) / 2;
    return b
        .conv(oc, kernel,
              {.stride = {stride, stride},
               .padding = padding,
               .bias = false,
               .depth = {.kernel = kernel, .stride = stride, .front = padding, .back = padding}})
        .batch_normalization();
  };
  b.input({3, frames, 112, 112});
  b.conv(width, 7, {.stride = {2, 2}, .padding = 3, .bias = false, .depth = {.kernel = 3, .front = 1, .back = 1}});
  b.batch_normalization().relu();
  for (const std::int64_t channels : {width, 2 * width, 4 * width, 8 * width}) {
    for (int block = 0; block < 2; ++block) {
      const std::int64_t stride = block == 0 && channels > width ? 2 : 1;
      const NodeId x = b.last();
      conv(channels, 3, stride).relu();
      const NodeId y = conv(channels, 3, 1).last();
      b.from(x);
      const NodeId shortcut = stride == 1 ? x : conv(channels, 1, stride).last();
      b.from(y).add(shortcut).relu();
    }
  }
  return b.mean({2, 3, 4}, false).dense(400).build();
}

}  // namespace fulcrum

#if FULCRUM_INSTANTIATES(zoo)
namespace fulcrum {
template Model<float> r3d_18_slim(std::uint64_t seed, std::int64_t width, std::int64_t frames);
template Model<double> r3d_18_slim(std::uint64_t seed, std::int64_t width, std::int64_t frames);
}  // namespace fulcrum
#endif

#endif
