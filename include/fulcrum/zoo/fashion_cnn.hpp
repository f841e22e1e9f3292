#pragma once
/// \file
/// A small convolutional network for 28×28 grey images.

#include <cstdint>

#include <fulcrum/core/linkage.hpp>
#include <fulcrum/model/model.hpp>

namespace fulcrum {

/// (N, 1, 28, 28) → (N, 10) probabilities: conv 32 3×3, ReLU, max pool 2, conv 64 3×3, ReLU, max pool 2, flatten,
/// dense 64, ReLU, dense 10, softmax. Convolutions keep the image's extent (padding 1).
/// 220,234 parameters, 8.2 MFLOP per image.
template <class T>
[[nodiscard]] Model<T> fashion_cnn(std::uint64_t seed = 0);

}  // namespace fulcrum

#if FULCRUM_DEFINES(zoo)

#include <fulcrum/model/builder.hpp>

namespace fulcrum {

template <class T>
Model<T> fashion_cnn(std::uint64_t seed) {
  return ModelBuilder<T>("fashion_cnn", seed)
      .input({1, 28, 28})
      .conv(32, 3, {.padding = 1})  // (N, 32, 28, 28)
      .relu()
      .max_pool(2)  // (N, 32, 14, 14)
      .named("pool1")
      .conv(64, 3, {.padding = 1})  // (N, 64, 14, 14)
      .relu()
      .max_pool(2)  // (N, 64, 7, 7)
      .named("pool2")
      .flatten()  // (N, 3136)
      .named("flatten")
      .dense(64)
      .relu()
      .dense(10)
      .softmax()
      .named("probabilities")
      .build();
}

}  // namespace fulcrum

#if FULCRUM_INSTANTIATES(zoo)
namespace fulcrum {
template Model<float> fashion_cnn(std::uint64_t seed);
template Model<double> fashion_cnn(std::uint64_t seed);
}  // namespace fulcrum
#endif

#endif
