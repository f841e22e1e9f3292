#pragma once
/// \file
/// Pooling over windows and over whole planes (ONNX MaxPool, AveragePool, GlobalMaxPool, GlobalAveragePool).

#include <cstdint>
#include <span>
#include <string_view>

#include <fulcrum/core/element_type.hpp>
#include <fulcrum/core/linkage.hpp>
#include <fulcrum/layers/facts.hpp>
#include <fulcrum/layers/window.hpp>
#include <fulcrum/layers/work.hpp>

namespace fulcrum {

enum class PoolKind : std::uint8_t { max, average };

/// src (n, c, ih, iw) → dst (n, c, oh, ow), or with depth (n, c, id, ih, iw) → (n, c, od, oh, ow).
/// Work: (kd) · kh · kw FLOP per output element.
struct Pool {
  PoolKind pool = PoolKind::max;
  Window window;                   ///< padding below the kernel, so that a dense window always meets the source
  bool count_include_pad = false;  ///< average: whether padding counts in the divisor

  static constexpr std::string_view kind = "Pool";

  [[nodiscard]] constexpr LayerFacts facts() const noexcept {
    return {.needs_f32 = false, .integers = pool == PoolKind::max ? IntegerUse::passes : IntegerUse::combines};
  }

  /// \throws Error when the window does not fit the source or its padding is as large as its kernel
  FULCRUM_DECLARE [[nodiscard]] Shape dst_shape(std::span<const Shape> src) const;

  [[nodiscard]] Work work(std::span<const Shape> src, const Shape& dst) const {
    return detail::elementwise_work(src, dst,
                                    static_cast<double>(window.kernel[0] * window.kernel[1] * window.depth.kernel));
  }

  friend bool operator==(const Pool&, const Pool&) = default;
};

/// src (n, c, ih, iw) → dst (n, c, 1, 1). Work: ih · iw FLOP per output element.
struct GlobalPool {
  PoolKind pool = PoolKind::average;

  static constexpr std::string_view kind = "GlobalPool";

  [[nodiscard]] constexpr LayerFacts facts() const noexcept {
    return {.needs_f32 = false, .integers = pool == PoolKind::max ? IntegerUse::passes : IntegerUse::combines};
  }

  FULCRUM_DECLARE [[nodiscard]] Shape dst_shape(std::span<const Shape> src) const;

  [[nodiscard]] Work work(std::span<const Shape> src, const Shape& dst) const {
    return detail::elementwise_work(src, dst, static_cast<double>(src[0][2] * src[0][3]));
  }

  friend bool operator==(const GlobalPool&, const GlobalPool&) = default;
};

/// Where the maximum of each window lies: its flat index in src (ONNX MaxPool's Indices).
///
/// Shapes as Pool. Work: (kd) · kh · kw FLOP per output element.
struct MaxPoolIndices {
  Window window;
  bool column_major = false;  ///< indices count columns before rows (ONNX storage_order 1)

  static constexpr std::string_view kind = "MaxPoolIndices";
  [[nodiscard]] static constexpr LayerFacts facts() noexcept { return {.only_loops = true}; }
  [[nodiscard]] ElementType dst_element(std::span<const ElementType> /*src*/) const { return ElementType::s64; }

  [[nodiscard]] Shape dst_shape(std::span<const Shape> src) const {
    return Pool{PoolKind::max, window, false}.dst_shape(src);
  }
  [[nodiscard]] Work work(std::span<const Shape> src, const Shape& dst) const {
    return Pool{PoolKind::max, window, false}.work(src, dst);
  }

  friend bool operator==(const MaxPoolIndices&, const MaxPoolIndices&) = default;
};

}  // namespace fulcrum

#if FULCRUM_DEFINES(layers)

#include <algorithm>

namespace fulcrum {

FULCRUM_DEFINE Shape Pool::dst_shape(std::span<const Shape> src) const {
  detail::expect_sources(src, 1, "Pool");
  const Shape extents = output_extents(window, src[0], "Pool");
  const Padding& padding = window.padding;
  if (std::max(padding.top, padding.bottom) >= window.kernel[0] ||
      std::max(padding.left, padding.right) >= window.kernel[1] ||
      std::max(window.depth.front, window.depth.back) >= window.depth.kernel) {
    throw Error("Pool", "has a padding that is not below its kernel", "a window must not lie in the padding alone");
  }
  Shape dst{src[0][0], src[0][1]};
  dst.insert(dst.end(), extents.begin(), extents.end());
  return dst;
}

FULCRUM_DEFINE Shape GlobalPool::dst_shape(std::span<const Shape> src) const {
  detail::expect_sources(src, 1, "GlobalPool");
  detail::expect_rank(src[0], 4, "GlobalPool");
  if (src[0][2] < 1 || src[0][3] < 1)
    throw Error("GlobalPool", "has an empty plane to pool over: " + to_string(src[0]));
  return {src[0][0], src[0][1], 1, 1};
}

}  // namespace fulcrum

#endif
