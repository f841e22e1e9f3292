#pragma once
/// \file
/// Reductions along axes (ONNX ReduceSum, …, ArgMax, ArgMin; oneDNN reduction).

#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include <fulcrum/core/element_type.hpp>
#include <fulcrum/core/linkage.hpp>
#include <fulcrum/layers/facts.hpp>
#include <fulcrum/layers/work.hpp>

namespace fulcrum {

enum class ReduceKind : std::uint8_t {
  sum,          ///< Σ x
  mean,         ///< Σ x / count
  max,          ///< largest
  min,          ///< smallest
  prod,         ///< Π x
  l1,           ///< Σ |x|
  l2,           ///< √Σ x²
  log_sum,      ///< ln Σ x
  log_sum_exp,  ///< ln Σ e^x, without overflow
  sum_square,   ///< Σ x²
};

[[nodiscard]] constexpr std::string_view name_of(ReduceKind kind) noexcept {
  switch (kind) {
    case ReduceKind::sum: return "ReduceSum";
    case ReduceKind::mean: return "ReduceMean";
    case ReduceKind::max: return "ReduceMax";
    case ReduceKind::min: return "ReduceMin";
    case ReduceKind::prod: return "ReduceProd";
    case ReduceKind::l1: return "ReduceL1";
    case ReduceKind::l2: return "ReduceL2";
    case ReduceKind::log_sum: return "ReduceLogSum";
    case ReduceKind::log_sum_exp: return "ReduceLogSumExp";
    case ReduceKind::sum_square: return "ReduceSumSquare";
  }
  return "?";
}

namespace detail {

/// Which of `rank` axes are named; all when none is.
FULCRUM_DECLARE std::vector<bool> named_axes(const std::vector<std::int64_t>& axes, std::size_t rank, const char* kind);

/// The shape with the named axes 1, or gone.
FULCRUM_DECLARE Shape reduced_shape(const Shape& src, const std::vector<bool>& named, bool keep_dims);

}  // namespace detail

/// src (any shape) → dst with the extents of `axes` 1, or gone. Work: 1 FLOP per source element.
struct Reduce {
  ReduceKind function = ReduceKind::sum;
  std::vector<std::int64_t> axes;  ///< each at most once, negative counts from the end; empty: all
  bool keep_dims = true;

  static constexpr std::string_view kind = "Reduce";
  [[nodiscard]] static constexpr LayerFacts facts() noexcept { return {}; }

  [[nodiscard]] Shape dst_shape(std::span<const Shape> src) const {
    detail::expect_sources(src, 1, "Reduce");
    return detail::reduced_shape(src[0], detail::named_axes(axes, src[0].size(), "Reduce"), keep_dims);
  }
  [[nodiscard]] Work work(std::span<const Shape> src, const Shape& dst) const {
    return {static_cast<double>(element_count(src[0])), element_count(src[0]), 0, element_count(dst)};
  }

  friend bool operator==(const Reduce&, const Reduce&) = default;
};

/// The index along `axis` of the largest (or smallest) element (ONNX ArgMax, ArgMin).
///
/// src (any shape) → dst with the extent of `axis` 1, or gone. Work: 1 FLOP per source element.
struct ArgReduce {
  bool largest = true;    ///< false: the smallest
  std::int64_t axis = 0;  ///< negative counts from the end
  bool keep_dims = true;
  bool last = false;  ///< of equal elements, the last one's index; false: the first one's

  static constexpr std::string_view kind = "ArgReduce";
  [[nodiscard]] static constexpr LayerFacts facts() noexcept { return {.only_loops = true}; }
  [[nodiscard]] ElementType dst_element(std::span<const ElementType> /*src*/) const { return ElementType::s64; }

  FULCRUM_DECLARE [[nodiscard]] Shape dst_shape(std::span<const Shape> src) const;
  [[nodiscard]] Work work(std::span<const Shape> src, const Shape& dst) const {
    return {static_cast<double>(element_count(src[0])), element_count(src[0]), 0, element_count(dst)};
  }

  friend bool operator==(const ArgReduce&, const ArgReduce&) = default;
};

}  // namespace fulcrum

#if FULCRUM_DEFINES(layers)

namespace fulcrum::detail {

FULCRUM_DEFINE std::vector<bool> named_axes(const std::vector<std::int64_t>& axes, std::size_t rank, const char* kind) {
  std::vector<bool> named(rank, axes.empty());
  for (const std::int64_t axis : axes) {
    const std::size_t at = normalized_axis(axis, rank);
    if (named[at]) throw Error(kind, "names axis " + std::to_string(axis) + " twice");
    named[at] = true;
  }
  return named;
}

FULCRUM_DEFINE Shape reduced_shape(const Shape& src, const std::vector<bool>& named, bool keep_dims) {
  Shape dst;
  for (std::size_t axis = 0; axis < src.size(); ++axis) {
    if (!named[axis])
      dst.push_back(src[axis]);
    else if (keep_dims)
      dst.push_back(1);
  }
  return dst;
}

}  // namespace fulcrum::detail

namespace fulcrum {

FULCRUM_DEFINE Shape ArgReduce::dst_shape(std::span<const Shape> src) const {
  detail::expect_sources(src, 1, "ArgReduce");
  const std::size_t at = normalized_axis(axis, src[0].size());
  if (src[0][at] < 1) throw Error("ArgReduce", "looks for an element along an empty axis of " + to_string(src[0]));
  return detail::reduced_shape(src[0], detail::named_axes({axis}, src[0].size(), "ArgReduce"), keep_dims);
}

}  // namespace fulcrum

#endif
