#pragma once
/// \file
/// Shapes: formatting, element counts, broadcasting.

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include <fulcrum/core/error.hpp>
#include <fulcrum/core/linkage.hpp>

namespace fulcrum {

/// Extents of a tensor, outermost first. In a model a dimension may be `batch_dim`: "as many as the run says".
using Shape = std::vector<std::int64_t>;

/// The dimension that takes the batch size of the run.
inline constexpr std::int64_t batch_dim = -1;

/// "(64, 1, 28, 28)"; the batch dimension prints as "N".
FULCRUM_DECLARE [[nodiscard]] std::string to_string(const Shape& shape);

/// Number of elements; 1 for a scalar.
/// \throws Error for a negative dimension or a product past 2^63 - 1, extents of 0 aside: strides multiply them too
FULCRUM_DECLARE [[nodiscard]] std::int64_t element_count(const Shape& shape);

/// The shape with every batch dimension bound to `batch`.
[[nodiscard]] inline Shape with_batch(Shape shape, std::int64_t batch) {
  std::replace(shape.begin(), shape.end(), batch_dim, batch);
  return shape;
}

/// NumPy broadcasting of two shapes, aligned at the last axis.
/// \throws Error when a pair of extents differs and neither is 1
FULCRUM_DECLARE [[nodiscard]] Shape broadcast(const Shape& a, const Shape& b);

/// Axis in [0, rank) from one in [-rank, rank).
/// \throws Error when out of that range
FULCRUM_DECLARE [[nodiscard]] std::size_t normalized_axis(std::int64_t axis, std::size_t rank);

}  // namespace fulcrum

#if FULCRUM_DEFINES(core)

#include <limits>

namespace fulcrum {

FULCRUM_DEFINE std::string to_string(const Shape& shape) {
  std::string text = "(";
  for (std::size_t i = 0; i < shape.size(); ++i) {
    if (i != 0) text += ", ";
    text += shape[i] == batch_dim ? std::string("N") : std::to_string(shape[i]);
  }
  return text + ")";
}

FULCRUM_DEFINE std::int64_t element_count(const Shape& shape) {
  std::int64_t product = 1;
  bool empty = false;
  for (const std::int64_t dim : shape) {
    if (dim < 0)
      throw Error("shape " + to_string(shape), "has a dimension that is not yet known", "bind the batch size");
    empty = empty || dim == 0;
    if (dim != 0 && product > std::numeric_limits<std::int64_t>::max() / dim) {
      throw Error("shape " + to_string(shape), "has more elements than can be counted");
    }
    product *= dim == 0 ? 1 : dim;
  }
  return empty ? 0 : product;
}

FULCRUM_DEFINE Shape broadcast(const Shape& a, const Shape& b) {
  const std::size_t rank = std::max(a.size(), b.size());
  Shape result(rank, 1);
  for (std::size_t i = 0; i < rank; ++i) {
    const std::int64_t da = i < rank - a.size() ? 1 : a[i - (rank - a.size())];
    const std::int64_t db = i < rank - b.size() ? 1 : b[i - (rank - b.size())];
    if (da != db && da != 1 && db != 1) {
      throw Error("shapes " + to_string(a) + " and " + to_string(b), "cannot be broadcast together");
    }
    result[i] = da == 1 ? db : da;
  }
  return result;
}

FULCRUM_DEFINE std::size_t normalized_axis(std::int64_t axis, std::size_t rank) {
  const auto signed_rank = static_cast<std::int64_t>(rank);
  if (axis < -signed_rank || axis >= signed_rank) {
    throw Error("axis " + std::to_string(axis), "is outside a tensor of rank " + std::to_string(rank));
  }
  return static_cast<std::size_t>(axis < 0 ? axis + signed_rank : axis);
}

}  // namespace fulcrum

#endif
