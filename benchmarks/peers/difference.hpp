#pragma once
/// \file
/// Whether two sides give the same outputs.

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <limits>

#include <fulcrum/tensor/tensor.hpp>

namespace fulcrum::peers {

/// The largest difference as a part of the largest of their numbers; infinite when one is NaN or the shapes differ.
[[nodiscard]] inline double largest_difference(const Tensor<float>& theirs, const Tensor<float>& ours) {
  if (theirs.dims() != ours.dims()) return std::numeric_limits<double>::infinity();
  double largest = 0.0;
  double difference = 0.0;
  for (std::size_t i = 0; i < ours.flat().size(); ++i) {
    const double t = theirs.flat()[i];
    const double d = std::abs(t - static_cast<double>(ours.flat()[i]));
    if (std::isnan(d)) return std::numeric_limits<double>::infinity();
    largest = std::max(largest, std::abs(t));
    difference = std::max(difference, d);
  }
  return difference == 0.0 ? 0.0 : difference / largest;
}

}  // namespace fulcrum::peers
