#pragma once
/// \file
/// A border of one integer around the planes of a value: the padding of a source whose zero point is not 0.

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>

#include <fulcrum/exec/runtime/program.hpp>
#include <fulcrum/onednn/layout.hpp>
#include <fulcrum/onednn/team.hpp>

namespace fulcrum::detail::onednn {

/// Integers of one byte, (n, h, w, c) or (n, d, h, w, c) in memory, and how far a border reaches on each side.
struct Border {
  std::int64_t images = 0, channels = 0;
  std::array<std::int64_t, 3> src{1, 1, 1};  ///< depth, height, width
  std::array<std::int64_t, 3> before{};
  std::array<std::int64_t, 3> dst{1, 1, 1};
};

/// The border that a convolution's padding is.
/// \param shape  (n, c, h, w) or (n, c, d, h, w)
[[nodiscard]] inline Border border_of(const Shape& shape, const Geometry& geometry) {
  Border border;
  border.images = shape[0];
  border.channels = shape[1];
  const std::size_t axes = shape.size() - 2;
  for (std::size_t i = 0; i < axes; ++i) {
    const std::size_t axis = 3 - axes + i;
    border.src[axis] = shape[2 + i];
    border.before[axis] = geometry.padding_l[i];
    border.dst[axis] = shape[2 + i] + geometry.padding_l[i] + geometry.padding_r[i];
  }
  return border;
}

/// The shape with its border.
[[nodiscard]] inline Shape bordered(Shape shape, const Geometry& geometry) {
  for (std::size_t i = 0; i + 2 < shape.size(); ++i) shape[2 + i] += geometry.padding_l[i] + geometry.padding_r[i];
  return shape;
}

/// Rows [first, last) of the result, counted through all images and planes.
inline void fill_bordered_rows(const Border& b, const std::byte* src, std::byte* dst, int fill, std::int64_t first,
                               std::int64_t last) {
  const auto bytes = [&](std::int64_t pixels) { return static_cast<std::size_t>(pixels * b.channels); };
  for (std::int64_t row = first; row < last; ++row) {
    const std::int64_t y = row % b.dst[1] - b.before[1];
    const std::int64_t z = row / b.dst[1] % b.dst[0] - b.before[0];
    const std::int64_t image = row / b.dst[1] / b.dst[0];
    std::byte* to = dst + row * b.dst[2] * b.channels;
    if (y < 0 || y >= b.src[1] || z < 0 || z >= b.src[0]) {
      std::memset(to, fill, bytes(b.dst[2]));
      continue;
    }
    const std::byte* from = src + ((image * b.src[0] + z) * b.src[1] + y) * b.src[2] * b.channels;
    std::memset(to, fill, bytes(b.before[2]));
    std::memcpy(to + b.before[2] * b.channels, from, bytes(b.src[2]));
    const std::int64_t done = b.before[2] + b.src[2];
    std::memset(to + done * b.channels, fill, bytes(b.dst[2] - done));
  }
}

/// Writes the value with its border, on a number of threads, from the first pointer to the second.
/// \param fill  the integer of the border: the value's zero point
[[nodiscard]] inline NativeFunction border_function(const Border& border, std::int32_t fill, int threads) {
  return [border, fill, threads](std::span<void* const> pointers) {
    const auto* src = static_cast<const std::byte*>(pointers[0]);
    auto* dst = static_cast<std::byte*>(pointers[1]);
    for_parts(threads, border.images * border.dst[0] * border.dst[1],
              [&](std::int64_t first, std::int64_t last) { fill_bordered_rows(border, src, dst, fill, first, last); });
  };
}

}  // namespace fulcrum::detail::onednn
