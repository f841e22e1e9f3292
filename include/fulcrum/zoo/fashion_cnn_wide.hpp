#pragma once
/// \file
/// A wider network for 28×28 grey images, for fashion_cnn and narrower ones to learn from.

#include <cstdint>

#include <fulcrum/core/linkage.hpp>
#include <fulcrum/model/model.hpp>

namespace fulcrum {

/// (N, 1, 28, 28) → (N, 10) probabilities: fashion_cnn with twice the channels, four times the units and a batch
/// normalization behind each convolution: conv 64 3×3, ReLU, max pool 2, conv 128 3×3, ReLU, max pool 2, flatten, dense
/// 256, ReLU, dense 10, softmax.
/// 1,683,722 parameters (384 of them running statistics), 33.4 MFLOP per image.
template <class T>
[[nodiscard]] Model<T> fashion_cnn_wide(std::uint64_t seed = 0);

}  // namespace fulcrum

#if FULCRUM_DEFINES(zoo)

#include <fulcrum/model/builder.hpp>

namespace fulcrum {

template <class T>
Model<T> fashion_cnn_wide(std::uint64_t seed) {
  return ModelBuilder<T>("fashion_cnn_wide", seed)
      .input({1, 28, 28})
      .conv(64, 3, {.padding = 1})  // (N, 64, 28, 28)
      .batch_normalization()
      .relu()
      .max_pool(2)  // (N, 64, 14, 14)
      .named("pool1")
      .conv(128, 3, {.padding = 1})  // (N, 128, 14, 14)
      .batch_normalization()
      .relu()
      .max_pool(2)  // (N, 128, 7, 7)
      .named("pool2")
      .flatten()  // (N, 6272)
      .named("flatten")
      .dense(256)
      .relu()
      .dense(10)
      .softmax()
      .named("probabilities")
      .build();
}

}  // namespace fulcrum

#if FULCRUM_INSTANTIATES(zoo)
namespace fulcrum {
template Model<float> fashion_cnn_wide(std::uint64_t seed);
template Model<double> fashion_cnn_wide(std::uint64_t seed);
}  // namespace fulcrum
#endif

#endif
