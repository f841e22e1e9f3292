#pragma once
/// \file
/// Layers that take elements from, or put them to, places that a source holds as indices: GatherElements, GatherND,
/// ScatterElements, ScatterND. An index counts from the end of its axis where it is negative. Their work is traffic
/// only.

#include <cstdint>
#include <span>
#include <string_view>

#include <fulcrum/core/linkage.hpp>
#include <fulcrum/layers/facts.hpp>
#include <fulcrum/layers/work.hpp>

namespace fulcrum {

/// dst(i_0, …) = src(i_0, …, indices(i_0, …), …), the index along `axis` (ONNX GatherElements).
///
/// src (any shape), indices (of the same rank, along the other axes no larger) → dst of the indices' shape.
struct GatherElements {
  std::int64_t axis = 0;  ///< negative counts from the end

  static constexpr std::string_view kind = "GatherElements";
  [[nodiscard]] static constexpr LayerFacts facts() noexcept { return {.only_loops = true}; }

  /// \throws Error when the ranks differ or the indices are larger along another axis
  FULCRUM_DECLARE [[nodiscard]] Shape dst_shape(std::span<const Shape> src) const;
  /// Of the source, only the elements that are taken count.
  [[nodiscard]] Work work(std::span<const Shape> /*src*/, const Shape& dst) const {
    return {0.0, 2 * element_count(dst), 0, element_count(dst)};
  }

  friend bool operator==(const GatherElements&, const GatherElements&) = default;
};

/// Slices of the source at the tuples of indices along the last axis of the second source (ONNX GatherND).
///
/// src (b…, d_1, …, d_k, rest…), indices (b…, positions…, k) → dst (b…, positions…, rest…), with `batch_dims` extents
/// b.
struct GatherND {
  std::int64_t batch_dims = 0;  ///< ≥ 0

  static constexpr std::string_view kind = "GatherND";
  [[nodiscard]] static constexpr LayerFacts facts() noexcept { return {.only_loops = true}; }

  /// \throws Error when a tuple is longer than the source has axes, or the batch extents differ
  FULCRUM_DECLARE [[nodiscard]] Shape dst_shape(std::span<const Shape> src) const;
  [[nodiscard]] Work work(std::span<const Shape> src, const Shape& dst) const {
    return {0.0, element_count(dst) + element_count(src[1]), 0, element_count(dst)};
  }

  friend bool operator==(const GatherND&, const GatherND&) = default;
};

/// What becomes of an element that another is put to.
enum class ScatterKind : std::uint8_t {
  replace,  ///< the new one; of several for one place, the last in row-major order
  add,      ///< the sum
  mul,      ///< the product
  min,      ///< the smaller
  max,      ///< the larger
};

[[nodiscard]] constexpr std::string_view name_of(ScatterKind kind) noexcept {
  switch (kind) {
    case ScatterKind::replace: return "none";
    case ScatterKind::add: return "add";
    case ScatterKind::mul: return "mul";
    case ScatterKind::min: return "min";
    case ScatterKind::max: return "max";
  }
  return "?";
}

/// The source with dst(i_0, …, indices(i_0, …), …) = updates(i_0, …), the index along `axis` (ONNX ScatterElements).
///
/// src (any shape), indices and updates (alike, of the same rank, along the other axes no larger) → dst of src's shape.
struct ScatterElements {
  std::int64_t axis = 0;  ///< negative counts from the end
  ScatterKind function = ScatterKind::replace;

  static constexpr std::string_view kind = "ScatterElements";
  [[nodiscard]] static constexpr LayerFacts facts() noexcept { return {.only_loops = true}; }

  /// \throws Error when the ranks differ, indices and updates differ, or are larger along another axis
  FULCRUM_DECLARE [[nodiscard]] Shape dst_shape(std::span<const Shape> src) const;
  [[nodiscard]] Work work(std::span<const Shape> src, const Shape& dst) const {
    return detail::elementwise_work(src, dst, 0.0);
  }

  friend bool operator==(const ScatterElements&, const ScatterElements&) = default;
};

/// The source with slices put to the tuples of indices along the last axis of the second source (ONNX ScatterND).
///
/// src (d_1, …, d_k, rest…), indices (positions…, k), updates (positions…, rest…) → dst of src's shape.
struct ScatterND {
  ScatterKind function = ScatterKind::replace;

  static constexpr std::string_view kind = "ScatterND";
  [[nodiscard]] static constexpr LayerFacts facts() noexcept { return {.only_loops = true}; }

  /// \throws Error when a tuple is longer than the source has axes, or the updates do not fit
  FULCRUM_DECLARE [[nodiscard]] Shape dst_shape(std::span<const Shape> src) const;
  [[nodiscard]] Work work(std::span<const Shape> src, const Shape& dst) const {
    return detail::elementwise_work(src, dst, 0.0);
  }

  friend bool operator==(const ScatterND&, const ScatterND&) = default;
};

}  // namespace fulcrum

#if FULCRUM_DEFINES(layers)

#include <cstddef>
#include <string>

namespace fulcrum::detail {

/// \throws Error unless indices have the source's rank and fit into it along all axes but one
FULCRUM_DECLARE void expect_element_indices(const Shape& src, const Shape& indices, std::int64_t axis,
                                            const char* kind);

FULCRUM_DEFINE void expect_element_indices(const Shape& src, const Shape& indices, std::int64_t axis,
                                           const char* kind) {
  const std::size_t at = normalized_axis(axis, src.size());
  bool fits = indices.size() == src.size();
  for (std::size_t i = 0; fits && i < src.size(); ++i) fits = i == at || indices[i] <= src[i];
  if (!fits) throw Error(kind, "cannot take indices " + to_string(indices) + " for a source " + to_string(src));
}

}  // namespace fulcrum::detail

namespace fulcrum {

FULCRUM_DEFINE Shape GatherElements::dst_shape(std::span<const Shape> src) const {
  detail::expect_sources(src, 2, "GatherElements");
  detail::expect_element_indices(src[0], src[1], axis, "GatherElements");
  return src[1];
}

FULCRUM_DEFINE Shape GatherND::dst_shape(std::span<const Shape> src) const {
  detail::expect_sources(src, 2, "GatherND");
  const Shape& from = src[0];
  const Shape& indices = src[1];
  const auto batch = static_cast<std::size_t>(batch_dims);
  bool fits = batch_dims >= 0 && !indices.empty() && indices.size() > batch && from.size() > batch &&
              indices.back() >= 0 && static_cast<std::size_t>(indices.back()) <= from.size() - batch;
  for (std::size_t i = 0; fits && i < batch; ++i) fits = from[i] == indices[i];
  if (!fits) {
    throw Error("GatherND", "cannot take indices " + to_string(indices) + " for a source " + to_string(from) +
                                " with " + std::to_string(batch_dims) + " batch axes");
  }
  Shape dst(indices.begin(), indices.end() - 1);
  dst.insert(dst.end(), from.begin() + static_cast<std::ptrdiff_t>(batch) + indices.back(), from.end());
  return dst;
}

FULCRUM_DEFINE Shape ScatterElements::dst_shape(std::span<const Shape> src) const {
  detail::expect_sources(src, 3, "ScatterElements");
  detail::expect_element_indices(src[0], src[1], axis, "ScatterElements");
  if (src[1] != src[2]) {
    throw Error("ScatterElements", "has indices " + to_string(src[1]) + " but updates " + to_string(src[2]));
  }
  return src[0];
}

FULCRUM_DEFINE Shape ScatterND::dst_shape(std::span<const Shape> src) const {
  detail::expect_sources(src, 3, "ScatterND");
  const Shape& indices = src[1];
  bool fits = !indices.empty() && indices.back() >= 0 && static_cast<std::size_t>(indices.back()) <= src[0].size();
  if (fits) {
    Shape updates(indices.begin(), indices.end() - 1);
    updates.insert(updates.end(), src[0].begin() + indices.back(), src[0].end());
    fits = updates == src[2];
  }
  if (!fits) {
    throw Error("ScatterND", "cannot put " + to_string(src[2]) + " to indices " + to_string(indices) + " of a source " +
                                 to_string(src[0]));
  }
  return src[0];
}

}  // namespace fulcrum

#endif
