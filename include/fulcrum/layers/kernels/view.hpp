#pragma once
/// \file
/// What the kernels of layers read and write.

#include <cstdint>
#include <span>

#include <fulcrum/core/shape.hpp>

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

/// How far one step along each axis moves in a row-major array.
[[nodiscard]] inline Shape row_major_strides(const Shape& shape) {
  Shape strides(shape.size(), 1);
  for (std::size_t axis = shape.size(); axis-- > 1;) strides[axis - 1] = strides[axis] * shape[axis];
  return strides;
}

/// How far one step along each axis of `dst` moves in `src`, 0 where `src` is broadcast.
[[nodiscard]] inline Shape broadcast_strides(const Shape& src, const Shape& dst) {
  Shape strides(dst.size(), 0);
  std::int64_t stride = 1;
  for (std::size_t axis = src.size(); axis-- > 0;) {
    if (src[axis] != 1) strides[axis + dst.size() - src.size()] = stride;
    stride *= src[axis];
  }
  return strides;
}

}  // namespace fulcrum::kernels
