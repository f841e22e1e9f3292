#pragma once
// Deterministic data for tests.
#include <cstdint>

#include <fulcrum/core/random.hpp>
#include <fulcrum/tensor/tensor.hpp>

namespace fulcrum::test {

/// Uniform in [low, high); the same for a seed everywhere.
template <class T>
[[nodiscard]] Tensor<T> random_tensor(const Shape& shape, std::uint64_t seed, double low = -1.0, double high = 1.0) {
  Random random(seed);
  Tensor<T> tensor(shape);
  for (T& x : tensor.flat()) x = static_cast<T>(random.uniform(low, high));
  return tensor;
}

/// 0, 1, 2, … in row-major order.
template <class T>
[[nodiscard]] Tensor<T> counting_tensor(const Shape& shape) {
  Tensor<T> tensor(shape);
  T next{0};
  for (T& x : tensor.flat()) {
    x = next;
    next += T{1};
  }
  return tensor;
}

}  // namespace fulcrum::test
