#pragma once
/// \file
/// Shapes and values at two batch sizes at once: what differs between them depends on the batch.

#include <cstddef>
#include <cstdint>
#include <vector>

#include <fulcrum/core/element_type.hpp>
#include <fulcrum/tensor/tensor.hpp>

namespace fulcrum::detail::onnx_io {

/// How the batch extent of the graph's inputs is taken.
///
/// Every shape is inferred for two batch sizes, so an extent that depends on the batch is one that differs.
struct BatchPlan {
  bool free = true;         ///< inputs get batch_dim; otherwise they keep `extent`
  bool given = false;       ///< free, but the file says a number: constants in the graph may repeat it
  std::int64_t extent = 1;  ///< the first of the two batch sizes: what the file says, or 1
  std::int64_t other = 1;   ///< the second; equals `extent` when not free
};

/// Shape of a value at the two batch sizes of the plan.
struct TracedShape {
  Shape first;
  Shape second;

  [[nodiscard]] std::size_t rank() const noexcept { return first.size(); }
  [[nodiscard]] bool depends_on_batch(std::size_t axis) const { return first[axis] != second[axis]; }
};

/// A vector of integers at the two batch sizes.
struct TracedIntegers {
  std::vector<std::int64_t> first;
  std::vector<std::int64_t> second;

  [[nodiscard]] bool same() const { return first == second; }
};

/// A value that is known while importing, at the two batch sizes. In double, which holds integers to 2^53.
struct TracedTensor {
  Tensor<double> first;
  Tensor<double> second;
  ElementType element = ElementType::f32;

  [[nodiscard]] bool same() const {
    return first.dims() == second.dims() && std::equal(first.flat().begin(), first.flat().end(), second.flat().begin(),
                                                       [](double a, double b) { return a == b || (a != a && b != b); });
  }
};

/// The nearest integer that 64 bits hold; NaN gives 0.
[[nodiscard]] inline std::int64_t to_integer(double value) {
  if (value != value) return 0;
  if (value >= 0x1p63) return INT64_MAX;
  if (value <= -0x1p63) return INT64_MIN;
  return static_cast<std::int64_t>(value);
}

}  // namespace fulcrum::detail::onnx_io
