#pragma once
/// \file
/// What the kernels of layers read and write.

#include <cstdint>
#include <numeric>
#include <span>

#include <fulcrum/core/linkage.hpp>
#include <fulcrum/core/shape.hpp>
#include <fulcrum/tensor/small_vector.hpp>

namespace fulcrum::kernels {

/// A value to read: row-major elements and their shape.
template <class T>
struct Source {
  std::span<const T> elements;
  Shape shape;
};

/// A value to write.
template <class T>
struct Result {
  std::span<T> elements;
  Shape shape;
};

/// One number per axis: extents, or how far a step along it moves.
using Steps = SmallVector<std::int64_t>;

/// Number of positions; 1 without axes. Precondition: it is that of a shape that element_count() took.
[[nodiscard]] inline std::int64_t position_count(const Steps& extents) {
  return std::accumulate(extents.begin(), extents.end(), std::int64_t{1}, std::multiplies<>());
}

/// How far one step along each axis moves in a row-major array.
FULCRUM_DECLARE [[nodiscard]] Steps row_major_strides(const Shape& shape);

/// How far one step along each axis of `dst` moves in `src`, 0 where `src` is broadcast. Both are a Shape or Steps.
template <class Src, class Dst>
[[nodiscard]] Steps broadcast_strides(const Src& src, const Dst& dst) {
  Steps strides(dst.size(), 0);
  std::int64_t stride = 1;
  for (std::size_t axis = src.size(); axis-- > 0;) {
    if (src[axis] != 1) strides[axis + dst.size() - src.size()] = stride;
    stride *= src[axis];
  }
  return strides;
}

}  // namespace fulcrum::kernels

#if FULCRUM_DEFINES(kernels)

#include <functional>

namespace fulcrum::kernels {

FULCRUM_DEFINE Steps row_major_strides(const Shape& shape) {
  Steps strides(shape.size(), 1);
  for (std::size_t axis = shape.size(); axis-- > 1;) strides[axis - 1] = strides[axis] * shape[axis];
  return strides;
}

}  // namespace fulcrum::kernels

#endif
