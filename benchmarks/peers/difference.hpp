#pragma once
/// \file
/// Whether two sides give the same outputs.

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <limits>

#include <fulcrum/tensor/tensor.hpp>

namespace fulcrum::peers {

/// Outputs that are all smaller are compared with this: probabilities near 0 carry the rounding of numbers around 1.
inline constexpr double least_compared_with = 0.01;

/// The largest difference as a part of the largest of their numbers, or of least_compared_with; infinite when one is
/// NaN or the shapes differ.
[[nodiscard]] inline double largest_difference(const Tensor<float>& theirs, const Tensor<float>& ours) {
  if (theirs.dims() != ours.dims()) return std::numeric_limits<double>::infinity();
  double largest = least_compared_with;
  double difference = 0.0;
  for (std::size_t i = 0; i < ours.flat().size(); ++i) {
    const double t = theirs.flat()[i];
    const double d = std::abs(t - static_cast<double>(ours.flat()[i]));
    if (std::isnan(d)) return std::numeric_limits<double>::infinity();
    largest = std::max(largest, std::abs(t));
    difference = std::max(difference, d);
  }
  return difference / largest;
}

}  // namespace fulcrum::peers
