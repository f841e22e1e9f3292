#pragma once
/// \file
/// The sliding window that convolution and pooling share.

#include <array>
#include <cstdint>

#include <fulcrum/core/error.hpp>
#include <fulcrum/core/shape.hpp>

namespace fulcrum {

/// Height and width.
using Extent2 = std::array<std::int64_t, 2>;

/// Rows and columns added around the source.
struct Padding {
  std::int64_t top = 0, left = 0, bottom = 0, right = 0;

  Padding() = default;
  Padding(std::int64_t all) : top(all), left(all), bottom(all), right(all) {}  // NOLINT(google-explicit-constructor)
  Padding(std::int64_t t, std::int64_t l, std::int64_t b, std::int64_t r) : top(t), left(l), bottom(b), right(r) {}
  friend bool operator==(const Padding&, const Padding&) = default;
};

/// Kernel extents, strides, padding and dilation of a 2-D window.
struct Window {
  Extent2 kernel{1, 1};    ///< kh, kw; ≥ 1
  Extent2 stride{1, 1};    ///< ≥ 1
  Padding padding{};       ///< ≥ 0
  Extent2 dilation{1, 1};  ///< ≥ 1; 1: dense
  bool ceil_mode = false;  ///< pooling: a last, partial window counts (ONNX ceil_mode)

  friend bool operator==(const Window&, const Window&) = default;
};

/// Output rows and columns: floor((ih + pad − dilation·(kh − 1) − 1) / stride) + 1 (ONNX Conv, MaxPool).
/// With ceil_mode the division rounds up, but a window never starts past the source and its leading padding.
/// \throws Error when a setting is out of range or the window does not fit
[[nodiscard]] inline Extent2 output_extent(const Window& window, const Extent2& src, const char* kind) {
  const Extent2 before{window.padding.top, window.padding.left};
  const Extent2 after{window.padding.bottom, window.padding.right};
  Extent2 dst{};
  for (std::size_t axis = 0; axis < 2; ++axis) {
    if (window.kernel[axis] < 1 || window.stride[axis] < 1 || window.dilation[axis] < 1 || before[axis] < 0 ||
        after[axis] < 0) {
      throw Error(kind, "has a kernel, stride or dilation below 1 or a negative padding");
    }
    constexpr std::int64_t limit = std::int64_t{1} << 31;
    if (window.kernel[axis] > limit || window.stride[axis] > limit || window.dilation[axis] > limit ||
        before[axis] > limit || after[axis] > limit) {
      throw Error(kind, "has a kernel, stride, dilation or padding past 2^31");
    }
    const std::int64_t span = window.dilation[axis] * (window.kernel[axis] - 1) + 1;
    const std::int64_t room = src[axis] + before[axis] + after[axis] - span;
    if (room < 0) {
      throw Error(kind, "has a window of " + std::to_string(span) + " that does not fit a source of " +
                            std::to_string(src[axis]) + " with padding " + std::to_string(before[axis] + after[axis]));
    }
    dst[axis] =
        (window.ceil_mode ? (room + window.stride[axis] - 1) / window.stride[axis] : room / window.stride[axis]) + 1;
    if (window.ceil_mode && (dst[axis] - 1) * window.stride[axis] >= src[axis] + before[axis]) --dst[axis];
  }
  return dst;
}

}  // namespace fulcrum
