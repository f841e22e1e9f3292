#pragma once
/// \file
/// GoogLeNet for images of 224×224 pixels.

#include <cstdint>

#include <fulcrum/core/linkage.hpp>
#include <fulcrum/model/model.hpp>

namespace fulcrum {

/// (N, 3, 224, 224) → (N, 1000) class scores: nine modules of four branches each, whose channels are joined (Szegedy et
/// al., "Going Deeper with Convolutions", 2015; layers as in torchvision's googlenet: batch normalization, 3×3 in place
/// of 5×5 convolutions, and neither the classifiers in between nor the input's transformation). 6,624,904 learned
/// parameters and 14,560 running statistics; 1.498 G multiply-adds per image.
template <class T>
[[nodiscard]] Model<T> googlenet(std::uint64_t seed = 0);

}  // namespace fulcrum

#if FULCRUM_DEFINES(zoo)

#include <fulcrum/zoo/detail/blocks.hpp>

namespace fulcrum::detail {

/// Channels of a module's convolutions: a 1×1 by itself, two times a 1×1 and the 3×3 behind it, and a 1×1 behind a
/// pool.
struct InceptionModule {
  std::int64_t plain, reduced, convolved, reduced_again, convolved_again, pooled;
};

}  // namespace fulcrum::detail

namespace fulcrum {

template <class T>
Model<T> googlenet(std::uint64_t seed) {
  using Module = detail::InceptionModule;
  ModelBuilder<T> b("googlenet", seed, WeightInit::he_uniform);
  const auto conv = [&](std::int64_t oc, std::int64_t kernel, std::int64_t stride = 1) -> ModelBuilder<T>& {
    const ConvOptions options{.stride = {stride, stride}, .padding = (kernel - 1) / 2, .bias = false};
    return b.conv(oc, kernel, options).batch_normalization(0.001).relu();
  };
  const auto module = [&](const Module& m) {
    const NodeId x = b.last();
    const NodeId plain = conv(m.plain, 1).last();
    b.from(x);
    conv(m.reduced, 1);
    const NodeId convolved = conv(m.convolved, 3).last();
    b.from(x);
    conv(m.reduced_again, 1);
    const NodeId convolved_again = conv(m.convolved_again, 3).last();
    b.from(x).max_pool(3, {.stride = {1, 1}, .padding = 1, .ceil_mode = true});
    const NodeId pooled = conv(m.pooled, 1).last();
    b.from(plain).concat({convolved, convolved_again, pooled});
  };
  b.input({3, 224, 224});
  conv(64, 7, 2).max_pool(3, {.stride = {2, 2}, .ceil_mode = true});
  conv(64, 1);
  conv(192, 3).max_pool(3, {.stride = {2, 2}, .ceil_mode = true});
  for (const Module& m : {Module{64, 96, 128, 16, 32, 32}, Module{128, 128, 192, 32, 96, 64}}) module(m);
  b.max_pool(3, {.stride = {2, 2}, .ceil_mode = true});
  for (const Module& m :
       {Module{192, 96, 208, 16, 48, 64}, Module{160, 112, 224, 24, 64, 64}, Module{128, 128, 256, 24, 64, 64},
        Module{112, 144, 288, 32, 64, 64}, Module{256, 160, 320, 32, 128, 128}}) {
    module(m);
  }
  b.max_pool(2, {.ceil_mode = true});
  for (const Module& m : {Module{256, 160, 320, 32, 128, 128}, Module{384, 192, 384, 48, 128, 128}}) module(m);
  return detail::classify_means(b, 1000).build();
}

}  // namespace fulcrum

#if FULCRUM_INSTANTIATES(zoo)
namespace fulcrum {
template Model<float> googlenet(std::uint64_t seed);
template Model<double> googlenet(std::uint64_t seed);
}  // namespace fulcrum
#endif

#endif
