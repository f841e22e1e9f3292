#pragma once
/// \file
/// Layers that move elements and compute nothing: Transpose, Slice, Expand, Tile, Gather, Pad. (Concat and Reshape have
/// headers of their own.) Their work is traffic only.

#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include <fulcrum/core/linkage.hpp>
#include <fulcrum/layers/facts.hpp>
#include <fulcrum/layers/work.hpp>
#include <fulcrum/tensor/small_vector.hpp>

namespace fulcrum {

/// dst(i_perm[0], i_perm[1], …) = src(i_0, i_1, …): axis k of dst is axis perm[k] of src (ONNX Transpose).
struct Transpose {
  std::vector<std::int64_t> perm;  ///< each axis once; empty: all reversed

  static constexpr std::string_view kind = "Transpose";
  [[nodiscard]] static constexpr LayerFacts facts() noexcept { return {}; }

  /// \throws Error when perm is no permutation of the source's axes
  FULCRUM_DECLARE [[nodiscard]] Shape dst_shape(std::span<const Shape> src) const;
  [[nodiscard]] Work work(std::span<const Shape> src, const Shape& dst) const {
    return detail::elementwise_work(src, dst, 0.0);
  }

  /// perm written out for a rank.
  /// \throws Error when it is no permutation
  FULCRUM_DECLARE [[nodiscard]] SmallVector<std::size_t> permutation(std::size_t rank) const;

  friend bool operator==(const Transpose&, const Transpose&) = default;
};

/// Every steps[i]-th element of axes[i] from starts[i] up to, and without, ends[i] (ONNX Slice, NumPy slicing):
/// negative positions count from the end, positions outside are moved to it, a negative step walks backwards.
struct Slice {
  std::vector<std::int64_t> axes;  ///< each at most once
  std::vector<std::int64_t> starts;
  std::vector<std::int64_t> ends;
  std::vector<std::int64_t> steps;  ///< not 0; empty: all 1

  static constexpr std::string_view kind = "Slice";
  [[nodiscard]] static constexpr LayerFacts facts() noexcept { return {.only_loops = true}; }

  /// One axis of the source, resolved: dst index i is src index start + i·step.
  struct Range {
    std::int64_t start = 0;
    std::int64_t step = 1;
    std::int64_t count = 0;
  };

  /// What is taken of each axis of a source.
  /// \throws Error when the settings' numbers differ, an axis is outside or named twice, or a step is 0
  FULCRUM_DECLARE [[nodiscard]] SmallVector<Range> ranges(const Shape& src) const;

  FULCRUM_DECLARE [[nodiscard]] Shape dst_shape(std::span<const Shape> src) const;
  [[nodiscard]] Work work(std::span<const Shape> /*src*/, const Shape& dst) const {
    return {0.0, element_count(dst), 0, element_count(dst)};
  }

  friend bool operator==(const Slice&, const Slice&) = default;
};

/// src broadcast against `dims` (ONNX Expand): a dim of 1 keeps the source's extent; batch_dim is the batch of the run.
struct Expand {
  Shape dims;

  static constexpr std::string_view kind = "Expand";
  [[nodiscard]] static constexpr LayerFacts facts() noexcept { return {.only_loops = true}; }

  /// \throws Error when an extent differs from the dim and neither is 1
  FULCRUM_DECLARE [[nodiscard]] Shape dst_shape(std::span<const Shape> src) const;
  [[nodiscard]] Work work(std::span<const Shape> src, const Shape& dst) const {
    return detail::elementwise_work(src, dst, 0.0);
  }

  friend bool operator==(const Expand&, const Expand&) = default;
};

/// src repeated repeats[axis] times along each axis (ONNX Tile).
struct Tile {
  std::vector<std::int64_t> repeats;  ///< one per axis, ≥ 0

  static constexpr std::string_view kind = "Tile";
  [[nodiscard]] static constexpr LayerFacts facts() noexcept { return {.only_loops = true}; }

  /// \throws Error when there is not one number for each axis, or one is negative
  FULCRUM_DECLARE [[nodiscard]] Shape dst_shape(std::span<const Shape> src) const;
  [[nodiscard]] Work work(std::span<const Shape> src, const Shape& dst) const {
    return detail::elementwise_work(src, dst, 0.0);
  }

  friend bool operator==(const Tile&, const Tile&) = default;
};

/// Slices of the first source at the indices that the second holds (ONNX Gather): an embedding table has axis 0.
///
/// src (d0, …, dn), indices (any shape; whole numbers in [−d_axis, d_axis)) → dst (d0, …, indices' extents, …, dn).
struct Gather {
  std::int64_t axis = 0;  ///< negative counts from the end

  static constexpr std::string_view kind = "Gather";
  [[nodiscard]] static constexpr LayerFacts facts() noexcept { return {.only_loops = true}; }

  FULCRUM_DECLARE [[nodiscard]] Shape dst_shape(std::span<const Shape> src) const;
  /// Of the table, only the slices that are taken count.
  [[nodiscard]] Work work(std::span<const Shape> src, const Shape& dst) const {
    return {0.0, element_count(dst) + element_count(src[1]), 0, element_count(dst)};
  }

  friend bool operator==(const Gather&, const Gather&) = default;
};

enum class PadKind : std::uint8_t {
  constant,  ///< `value`
  reflect,   ///< mirrored at the edge element, which is not repeated
  edge,      ///< the edge element again
  wrap,      ///< from the other end
};

/// src with elements added around it, or, where a number is negative, taken away (ONNX Pad).
struct Pad {
  PadKind mode = PadKind::constant;
  std::vector<std::int64_t> before;  ///< one per axis
  std::vector<std::int64_t> after;   ///< one per axis
  float value = 0.0F;                ///< of the added elements

  static constexpr std::string_view kind = "Pad";
  [[nodiscard]] static constexpr LayerFacts facts() noexcept { return {.only_loops = true}; }

  /// \throws Error when there is not one number for each axis and end, or the source is too small to be mirrored
  FULCRUM_DECLARE [[nodiscard]] Shape dst_shape(std::span<const Shape> src) const;
  [[nodiscard]] Work work(std::span<const Shape> src, const Shape& dst) const {
    return detail::elementwise_work(src, dst, 0.0);
  }

  friend bool operator==(const Pad&, const Pad&) = default;
};

}  // namespace fulcrum

#if FULCRUM_DEFINES(layers)

#include <algorithm>
#include <string>

namespace fulcrum {

FULCRUM_DEFINE Shape Transpose::dst_shape(std::span<const Shape> src) const {
  detail::expect_sources(src, 1, "Transpose");
  Shape dst;
  for (const std::size_t axis : permutation(src[0].size())) dst.push_back(src[0][axis]);
  return dst;
}

FULCRUM_DEFINE SmallVector<std::size_t> Transpose::permutation(std::size_t rank) const {
  SmallVector<std::size_t> result;
  if (perm.empty()) {
    for (std::size_t axis = rank; axis-- > 0;) result.push_back(axis);
    return result;
  }
  SmallVector<bool> seen(rank, false);
  for (const std::int64_t axis : perm) {
    const std::size_t at = normalized_axis(axis, rank);
    if (seen[at]) throw Error("Transpose", "names axis " + std::to_string(axis) + " twice");
    seen[at] = true;
    result.push_back(at);
  }
  if (result.size() != rank) {
    throw Error("Transpose",
                "names " + std::to_string(result.size()) + " axes of a source of rank " + std::to_string(rank));
  }
  return result;
}

FULCRUM_DEFINE SmallVector<Slice::Range> Slice::ranges(const Shape& src) const {
  if (starts.size() != axes.size() || ends.size() != axes.size() || (!steps.empty() && steps.size() != axes.size()))
    throw Error("Slice", "has as many axes as it has not starts, ends and steps");
  SmallVector<Range> result;
  for (const std::int64_t extent : src) result.push_back({0, 1, extent});
  SmallVector<bool> seen(src.size(), false);
  for (std::size_t i = 0; i < axes.size(); ++i) {
    const std::size_t axis = normalized_axis(axes[i], src.size());
    if (seen[axis]) throw Error("Slice", "names axis " + std::to_string(axes[i]) + " twice");
    seen[axis] = true;
    const std::int64_t step = steps.empty() ? 1 : steps[i];
    if (step == 0) throw Error("Slice", "has a step of 0");
    const std::int64_t extent = src[axis];
    const auto absolute = [&](std::int64_t position) {
      return position >= 0 ? position : position < -extent ? std::int64_t{-1} : position + extent;
    };
    std::int64_t start = starts[i] < -extent ? (step > 0 ? 0 : -1) : absolute(starts[i]);
    std::int64_t end = absolute(ends[i]);
    Range& range = result[axis];
    if (step > 0) {
      start = std::clamp<std::int64_t>(start, 0, extent);
      end = std::clamp<std::int64_t>(end, 0, extent);
      range.count = end > start ? (end - start - 1) / step + 1 : 0;
    } else {
      start = std::min(start, extent - 1);
      end = std::clamp<std::int64_t>(end, -1, extent - 1);
      // −(step + 1) cannot overflow where −step can.
      range.count = start > end ? static_cast<std::int64_t>(static_cast<std::uint64_t>(start - end - 1) /
                                                            (static_cast<std::uint64_t>(-(step + 1)) + 1)) +
                                      1
                                : 0;
    }
    range.start = start;
    range.step = step;
  }
  return result;
}

FULCRUM_DEFINE Shape Slice::dst_shape(std::span<const Shape> src) const {
  detail::expect_sources(src, 1, "Slice");
  Shape dst;
  for (const Range& range : ranges(src[0])) dst.push_back(range.count);
  return dst;
}

FULCRUM_DEFINE Shape Expand::dst_shape(std::span<const Shape> src) const {
  detail::expect_sources(src, 1, "Expand");
  Shape wanted = dims;
  for (std::size_t i = 0; i < std::min(dims.size(), src[0].size()); ++i) {
    const std::int64_t extent = src[0][src[0].size() - 1 - i];
    if (wanted[dims.size() - 1 - i] == batch_dim && extent != 1) wanted[dims.size() - 1 - i] = extent;
  }
  return broadcast(src[0], wanted);
}

FULCRUM_DEFINE Shape Tile::dst_shape(std::span<const Shape> src) const {
  detail::expect_sources(src, 1, "Tile");
  if (repeats.size() != src[0].size()) {
    throw Error("Tile", "has " + std::to_string(repeats.size()) + " repeats for a source " + to_string(src[0]));
  }
  Shape dst;
  for (std::size_t axis = 0; axis < repeats.size(); ++axis) {
    if (repeats[axis] < 0) throw Error("Tile", "has a negative number of repeats");
    dst.push_back(element_count({src[0][axis], repeats[axis]}));
  }
  return dst;
}

FULCRUM_DEFINE Shape Gather::dst_shape(std::span<const Shape> src) const {
  detail::expect_sources(src, 2, "Gather");
  const auto at = static_cast<std::ptrdiff_t>(normalized_axis(axis, src[0].size()));
  Shape dst(src[0].begin(), src[0].begin() + at);
  dst.insert(dst.end(), src[1].begin(), src[1].end());
  dst.insert(dst.end(), src[0].begin() + at + 1, src[0].end());
  return dst;
}

FULCRUM_DEFINE Shape Pad::dst_shape(std::span<const Shape> src) const {
  detail::expect_sources(src, 1, "Pad");
  if (before.size() != src[0].size() || after.size() != src[0].size()) {
    throw Error("Pad", "has " + std::to_string(before.size()) + " + " + std::to_string(after.size()) +
                           " paddings for a source " + to_string(src[0]));
  }
  Shape dst;
  for (std::size_t axis = 0; axis < before.size(); ++axis) {
    constexpr std::int64_t limit = std::int64_t{1} << 40;
    if (std::max(before[axis], after[axis]) > limit || std::min(before[axis], after[axis]) < -limit)
      throw Error("Pad", "has a padding past 2^40");
    const std::int64_t extent = src[0][axis] + before[axis] + after[axis];
    if (extent < 0) throw Error("Pad", "takes more away than a source " + to_string(src[0]) + " has");
    const std::int64_t most = std::max(before[axis], after[axis]);
    const std::int64_t room = mode == PadKind::reflect ? src[0][axis] - 1 : src[0][axis];
    if (mode != PadKind::constant && most > 0 && (src[0][axis] == 0 || (mode != PadKind::edge && most > room))) {
      throw Error("Pad", "has a padding of " + std::to_string(most) + ", more than a source " + to_string(src[0]) +
                             " has to " + (mode == PadKind::reflect ? "mirror" : "repeat"));
    }
    dst.push_back(extent);
  }
  return dst;
}

}  // namespace fulcrum

#endif
