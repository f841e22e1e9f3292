#pragma once
/// \file
/// Layers that go along one axis: TopK, CumSum.

#include <cstdint>
#include <span>
#include <string_view>

#include <fulcrum/core/element_type.hpp>
#include <fulcrum/core/linkage.hpp>
#include <fulcrum/layers/facts.hpp>
#include <fulcrum/layers/work.hpp>

namespace fulcrum {

/// The indices along `axis` of the `count` largest (or smallest) elements, in order (ONNX TopK's second result; the
/// first is GatherElements of them). Of equal elements the first comes first; NaN counts as the largest.
///
/// src (any shape) → dst with the extent of `axis` `count`. Work: 1 FLOP per source element.
struct TopK {
  std::int64_t count = 1;  ///< from 0 to the axis's extent
  std::int64_t axis = -1;  ///< negative counts from the end
  bool largest = true;     ///< false: the smallest

  static constexpr std::string_view kind = "TopK";
  [[nodiscard]] static constexpr LayerFacts facts() noexcept { return {.only_loops = true}; }
  [[nodiscard]] ElementType dst_element(std::span<const ElementType> /*src*/) const { return ElementType::s64; }

  /// \throws Error when the axis is outside or has fewer elements
  FULCRUM_DECLARE [[nodiscard]] Shape dst_shape(std::span<const Shape> src) const;
  [[nodiscard]] Work work(std::span<const Shape> src, const Shape& dst) const {
    return {static_cast<double>(element_count(src[0])), element_count(src[0]), 0, element_count(dst)};
  }

  friend bool operator==(const TopK&, const TopK&) = default;
};

/// dst(…, i, …) = Σ src(…, j, …) for j ≤ i along `axis` (ONNX CumSum).
///
/// src (any shape) → dst of the same shape. Work: 1 FLOP per element.
struct CumSum {
  std::int64_t axis = 0;   ///< negative counts from the end
  bool exclusive = false;  ///< without element i itself
  bool reverse = false;    ///< from the end: for j ≥ i

  static constexpr std::string_view kind = "CumSum";
  [[nodiscard]] static constexpr LayerFacts facts() noexcept { return {.only_loops = true}; }

  /// \throws Error when the axis is outside
  FULCRUM_DECLARE [[nodiscard]] Shape dst_shape(std::span<const Shape> src) const;
  [[nodiscard]] Work work(std::span<const Shape> src, const Shape& dst) const {
    return detail::elementwise_work(src, dst, 1.0);
  }

  friend bool operator==(const CumSum&, const CumSum&) = default;
};

}  // namespace fulcrum

#if FULCRUM_DEFINES(layers)

#include <cstddef>
#include <string>

namespace fulcrum {

FULCRUM_DEFINE Shape TopK::dst_shape(std::span<const Shape> src) const {
  detail::expect_sources(src, 1, "TopK");
  const std::size_t at = normalized_axis(axis, src[0].size());
  if (count < 0 || count > src[0][at]) {
    throw Error("TopK", "looks for " + std::to_string(count) + " elements along axis " + std::to_string(axis) +
                            " of a source " + to_string(src[0]));
  }
  Shape dst = src[0];
  dst[at] = count;
  return dst;
}

FULCRUM_DEFINE Shape CumSum::dst_shape(std::span<const Shape> src) const {
  detail::expect_sources(src, 1, "CumSum");
  static_cast<void>(normalized_axis(axis, src[0].size()));
  return src[0];
}

}  // namespace fulcrum

#endif
