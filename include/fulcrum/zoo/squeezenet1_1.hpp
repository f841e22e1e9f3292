#pragma once
/// \file
/// SqueezeNet 1.1 for images of 224×224 pixels.

#include <cstdint>

#include <fulcrum/core/linkage.hpp>
#include <fulcrum/model/model.hpp>

namespace fulcrum {

/// (N, 3, 224, 224) → (N, 1000) class scores: eight fire modules between convolutions, no dense layer (Iandola et al.,
/// "SqueezeNet: AlexNet-level accuracy with 50x fewer parameters", 2016; layers as in torchvision's squeezenet1_1).
/// 1,235,496 parameters; 0.349 G multiply-adds per image.
template <class T>
[[nodiscard]] Model<T> squeezenet1_1(std::uint64_t seed = 0);

}  // namespace fulcrum

#if FULCRUM_DEFINES(zoo)

#include <fulcrum/model/builder.hpp>

namespace fulcrum::detail {

/// A 1×1 convolution that narrows, then one of 1×1 and one of 3×3 side by side: (n, c, h, w) → (n, 2 · expanded, h, w).
template <class T>
ModelBuilder<T>& fire(ModelBuilder<T>& b, std::int64_t squeezed, std::int64_t expanded) {
  const NodeId narrow = b.conv(squeezed, 1).relu().last();
  const NodeId small = b.conv(expanded, 1).relu().last();
  const NodeId large = b.from(narrow).conv(expanded, 3, {.padding = 1}).relu().last();
  return b.from(small).concat({large});
}

}  // namespace fulcrum::detail

namespace fulcrum {

template <class T>
Model<T> squeezenet1_1(std::uint64_t seed) {
  const PoolOptions halves{.stride = {2, 2}, .ceil_mode = true};
  ModelBuilder<T> b("squeezenet1_1", seed, WeightInit::he_uniform);
  b.input({3, 224, 224}).conv(64, 3, {.stride = {2, 2}}).relu().max_pool(3, halves);
  detail::fire(b, 16, 64);
  detail::fire(b, 16, 64).max_pool(3, halves);
  detail::fire(b, 32, 128);
  detail::fire(b, 32, 128).max_pool(3, halves);
  detail::fire(b, 48, 192);
  detail::fire(b, 48, 192);
  detail::fire(b, 64, 256);
  detail::fire(b, 64, 256);
  return b.conv(1000, 1).relu().global_average_pool().flatten().build();
}

}  // namespace fulcrum

#if FULCRUM_INSTANTIATES(zoo)
namespace fulcrum {
template Model<float> squeezenet1_1(std::uint64_t seed);
template Model<double> squeezenet1_1(std::uint64_t seed);
}  // namespace fulcrum
#endif

#endif
