#pragma once
/// \file
/// A perceptron of two hidden layers for 28×28 grey images.

#include <cstdint>

#include <fulcrum/core/linkage.hpp>
#include <fulcrum/model/model.hpp>

namespace fulcrum {

/// (N, 1, 28, 28) → (N, 10) probabilities: flatten, dense 256, ReLU, dense 128, ReLU, dense 10, softmax.
/// 235,146 parameters, 0.47 MFLOP per image.
template <class T>
[[nodiscard]] Model<T> mlp(std::uint64_t seed = 0);

}  // namespace fulcrum

#if FULCRUM_DEFINES(zoo)

#include <fulcrum/model/builder.hpp>

namespace fulcrum {

template <class T>
Model<T> mlp(std::uint64_t seed) {
  return ModelBuilder<T>("mlp", seed)
      .input({1, 28, 28})
      .flatten()  // (N, 784)
      .named("flatten")
      .dense(256)
      .relu()
      .dense(128)
      .relu()
      .dense(10)
      .softmax()
      .named("probabilities")
      .build();
}

}  // namespace fulcrum

#if FULCRUM_INSTANTIATES(zoo)
namespace fulcrum {
template Model<float> mlp(std::uint64_t seed);
template Model<double> mlp(std::uint64_t seed);
}  // namespace fulcrum
#endif

#endif
