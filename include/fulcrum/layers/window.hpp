#pragma once
/// \file
/// The sliding window that convolution and pooling share.

#include <array>
#include <cstdint>

#include <fulcrum/core/error.hpp>
#include <fulcrum/core/linkage.hpp>
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

/// A window's settings along depth, for sources (n, c, d, h, w).
struct DepthWindow {
  std::int64_t kernel = 1;    ///< ≥ 1
  std::int64_t stride = 1;    ///< ≥ 1
  std::int64_t front = 0;     ///< padding before, ≥ 0
  std::int64_t back = 0;      ///< padding behind, ≥ 0
  std::int64_t dilation = 1;  ///< ≥ 1
  friend bool operator==(const DepthWindow&, const DepthWindow&) = default;
};

/// Kernel extents, strides, padding and dilation of a window over height and width, and over depth where the source
/// has one (rank 5). A 1-D window is one of height 1.
struct Window {
  Extent2 kernel{1, 1};    ///< kh, kw; ≥ 1
  Extent2 stride{1, 1};    ///< ≥ 1
  Padding padding{};       ///< ≥ 0
  Extent2 dilation{1, 1};  ///< ≥ 1; 1: dense
  bool ceil_mode = false;  ///< pooling: a last, partial window counts (ONNX ceil_mode)
  DepthWindow depth{};     ///< of sources of rank 5; as it is by default for others

  friend bool operator==(const Window&, const Window&) = default;
};

namespace detail {

/// One axis of a window.
struct WindowAxis {
  std::int64_t kernel, stride, before, after, dilation;
  bool ceil_mode;
};

/// floor((src + pad − dilation·(kernel − 1) − 1) / stride) + 1, rounded up with ceil_mode.
FULCRUM_DECLARE std::int64_t output_extent(const WindowAxis& axis, std::int64_t src, const char* kind);

inline std::array<WindowAxis, 2> plane_axes(const Window& w) {
  return {WindowAxis{w.kernel[0], w.stride[0], w.padding.top, w.padding.bottom, w.dilation[0], w.ceil_mode},
          WindowAxis{w.kernel[1], w.stride[1], w.padding.left, w.padding.right, w.dilation[1], w.ceil_mode}};
}
inline WindowAxis depth_axis(const Window& w) {
  return {w.depth.kernel, w.depth.stride, w.depth.front, w.depth.back, w.depth.dilation, w.ceil_mode};
}

}  // namespace detail

/// Output rows and columns: floor((ih + pad − dilation·(kh − 1) − 1) / stride) + 1 (ONNX Conv, MaxPool).
/// With ceil_mode the division rounds up, but a window never starts past the source and its leading padding.
/// \throws Error when a setting is out of range or the window does not fit
[[nodiscard]] inline Extent2 output_extent(const Window& window, const Extent2& src, const char* kind) {
  const auto axes = detail::plane_axes(window);
  return {detail::output_extent(axes[0], src[0], kind), detail::output_extent(axes[1], src[1], kind)};
}

/// The extents that a window leaves of a source (n, c, h, w) or (n, c, d, h, w), without n and c.
/// \throws Error when the source has another rank, a setting is out of range or the window does not fit
FULCRUM_DECLARE [[nodiscard]] Shape output_extents(const Window& window, const Shape& src, const char* kind);

}  // namespace fulcrum

#if FULCRUM_DEFINES(layers)

namespace fulcrum::detail {

FULCRUM_DEFINE std::int64_t output_extent(const WindowAxis& axis, std::int64_t src, const char* kind) {
  if (axis.kernel < 1 || axis.stride < 1 || axis.dilation < 1 || axis.before < 0 || axis.after < 0) {
    throw Error(kind, "has a kernel, stride or dilation below 1 or a negative padding");
  }
  constexpr std::int64_t limit = std::int64_t{1} << 31;
  if (axis.kernel > limit || axis.stride > limit || axis.dilation > limit || axis.before > limit ||
      axis.after > limit) {
    throw Error(kind, "has a kernel, stride, dilation or padding past 2^31");
  }
  const std::int64_t span = axis.dilation * (axis.kernel - 1) + 1;
  const std::int64_t room = src + axis.before + axis.after - span;
  if (room < 0) {
    throw Error(kind, "has a window of " + std::to_string(span) + " that does not fit a source of " +
                          std::to_string(src) + " with padding " + std::to_string(axis.before + axis.after));
  }
  std::int64_t dst = (axis.ceil_mode ? (room + axis.stride - 1) / axis.stride : room / axis.stride) + 1;
  if (axis.ceil_mode && (dst - 1) * axis.stride >= src + axis.before) --dst;
  return dst;
}

}  // namespace fulcrum::detail

namespace fulcrum {

FULCRUM_DEFINE Shape output_extents(const Window& window, const Shape& src, const char* kind) {
  if (src.size() != 4 && src.size() != 5) {
    throw Error(kind, "takes a source (n, c, h, w) or (n, c, d, h, w) but was given " + to_string(src));
  }
  if (src.size() == 4 && window.depth != DepthWindow{}) {
    throw Error(kind, "has a window over depth but was given a source without one: " + to_string(src));
  }
  Shape dst;
  if (src.size() == 5) dst.push_back(detail::output_extent(detail::depth_axis(window), src[2], kind));
  const Extent2 plane = output_extent(window, {src[src.size() - 2], src[src.size() - 1]}, kind);
  dst.push_back(plane[0]);
  dst.push_back(plane[1]);
  return dst;
}

}  // namespace fulcrum

#endif
