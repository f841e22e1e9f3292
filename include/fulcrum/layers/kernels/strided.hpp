#pragma once
/// \file
/// Loops over several row-major arrays at once, by strides and without a division per element.

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <vector>

#include <fulcrum/core/linkage.hpp>
#include <fulcrum/layers/kernels/view.hpp>

namespace fulcrum::kernels {

/// Nested loops over N arrays: extents, and how far one step along each moves in every array.
template <std::size_t N>
struct Loops {
  Steps extents;
  std::array<Steps, N> strides;
};

/// The same walk with as few loops as possible, and at least one: extents of 1 go, neighbours that step alike merge.
/// \param extents  a Shape or Steps
template <std::size_t N, class Extents>
[[nodiscard]] Loops<N> merged(const Extents& extents, const std::array<Steps, N>& strides) {
  Loops<N> loops;
  for (std::size_t axis = 0; axis < extents.size(); ++axis) {
    if (extents[axis] == 1) continue;
    bool merges = !loops.extents.empty();
    for (std::size_t k = 0; merges && k < N; ++k) merges = loops.strides[k].back() == strides[k][axis] * extents[axis];
    if (merges) {
      loops.extents.back() *= extents[axis];
      for (std::size_t k = 0; k < N; ++k) loops.strides[k].back() = strides[k][axis];
    } else {
      loops.extents.push_back(extents[axis]);
      for (std::size_t k = 0; k < N; ++k) loops.strides[k].push_back(strides[k][axis]);
    }
  }
  if (loops.extents.empty()) {
    loops.extents.push_back(1);
    for (Steps& stride : loops.strides) stride.push_back(0);
  }
  return loops;
}

/// Calls f(where) for each position of all loops but the innermost, in row-major order; where[k] is the position in
/// array k, from start[k]. Calls nothing when an extent is 0.
template <std::size_t N, class F>
void for_each_row(const Loops<N>& loops, std::array<std::int64_t, N> start, F&& f) {
  if (std::find(loops.extents.begin(), loops.extents.end(), 0) != loops.extents.end()) return;
  const std::size_t outer = loops.extents.size() - 1;
  Steps index(outer, 0);
  while (true) {
    f(static_cast<const std::array<std::int64_t, N>&>(start));
    std::size_t axis = outer;
    while (axis-- > 0) {
      for (std::size_t k = 0; k < N; ++k) start[k] += loops.strides[k][axis];
      if (++index[axis] < loops.extents[axis]) break;
      for (std::size_t k = 0; k < N; ++k) start[k] -= loops.strides[k][axis] * loops.extents[axis];
      index[axis] = 0;
    }
    if (axis == static_cast<std::size_t>(-1)) return;
  }
}

/// Calls f(where) for each position of all loops, as for_each_row.
template <std::size_t N, class F>
void for_each_position(const Loops<N>& loops, const std::array<std::int64_t, N>& start, F&& f) {
  std::array<std::int64_t, N> inner{};
  for (std::size_t k = 0; k < N; ++k) inner[k] = loops.strides[k].back();
  for_each_row(loops, start, [&](std::array<std::int64_t, N> at) {
    for (std::int64_t i = 0; i < loops.extents.back(); ++i) {
      f(static_cast<const std::array<std::int64_t, N>&>(at));
      for (std::size_t k = 0; k < N; ++k) at[k] += inner[k];
    }
  });
}

/// \throws Error always: that an index is outside its axis
FULCRUM_DECLARE [[noreturn]] void throw_outside(const char* kind, double index, std::int64_t extent);

/// A value as an index of an axis; a negative one counts from the end. `kind` is the layer's, for the message.
/// \throws Error when it is outside [−extent, extent)
template <class T>
[[nodiscard]] std::int64_t source_index(T given, std::int64_t extent, const char* kind) {
  const T bound = static_cast<T>(extent);
  if (!(given >= -bound && given < bound)) throw_outside(kind, static_cast<double>(given), extent);
  const auto index = static_cast<std::int64_t>(given);
  return index < 0 ? index + extent : index;
}

/// dst, row-major of `extents`, from src at `start` and `strides`.
template <class T, class Extents>
void copy_strided(const T* src, std::int64_t start, const Steps& strides, const Extents& extents, T* dst) {
  const Loops<1> loops = merged<1>(extents, {strides});
  const std::int64_t count = loops.extents.back();
  const std::int64_t step = loops.strides[0].back();
  for_each_row(loops, {start}, [&](const std::array<std::int64_t, 1>& at) {
    const T* from = src + at[0];
    if (step == 1) {
      dst = std::copy(from, from + count, dst);
    } else if (step == 0) {
      dst = std::fill_n(dst, count, *from);
    } else {
      for (std::int64_t i = 0; i < count; ++i) *dst++ = from[i * step];
    }
  });
}

/// dst(i0, i1, …) = src(maps[0][i0], maps[1][i1], …); a filling where one of them is −1. Made once for a shape; copying
/// takes nothing from the heap.
class MappedCopy {
public:
  /// \param maps  one per axis of the source
  FULCRUM_DECLARE MappedCopy(const Shape& src, std::vector<std::vector<std::int64_t>> maps);

  template <class T>
  void operator()(const T* src, T fill, T* dst) const {
    if (block_ != 0 && !runs_.empty()) walk(0, src, fill, dst);
  }

private:
  struct Run {
    std::int64_t from, count;  // from −1: filled
    [[nodiscard]] bool goes_on_with(std::int64_t i) const { return i < 0 ? from < 0 : from >= 0 && from + count == i; }
  };

  FULCRUM_DECLARE static bool is_identity(const std::vector<std::int64_t>& map, std::int64_t extent);

  /// \param src  where the position of the axes before `axis` lies; nullptr: outside
  /// \return the end of what was written
  template <class T>
  T* walk(std::size_t axis, const T* src, T fill, T* dst) const {
    if (axis < maps_.size()) {
      for (const std::int64_t i : maps_[axis]) {
        dst = walk(axis + 1, src == nullptr || i < 0 ? nullptr : src + i * strides_[axis], fill, dst);
      }
      return dst;
    }
    for (const Run& run : runs_) {
      const std::int64_t count = run.count * block_;
      if (src == nullptr || run.from < 0) {
        dst = std::fill_n(dst, count, fill);
        continue;
      }
      const T* from = src + run.from * block_;
      if (count == 1)
        *dst++ = *from;
      else
        dst = std::copy(from, from + count, dst);
    }
    return dst;
  }

  Steps strides_;
  std::vector<std::vector<std::int64_t>> maps_;  // of the axes before the innermost one that changes
  std::vector<Run> runs_;                        // that axis, as runs of elements that follow each other
  std::int64_t block_ = 1;                       // elements under the axes that stay as they are
};

/// Extents before, at and after an axis.
struct AxisExtents {
  std::int64_t outer = 1, extent = 1, inner = 1;
};
FULCRUM_DECLARE [[nodiscard]] AxisExtents around_axis(const Shape& shape, std::size_t axis);

}  // namespace fulcrum::kernels

#if FULCRUM_DEFINES(kernels)

#include <cmath>
#include <string>
#include <utility>

namespace fulcrum::kernels {

FULCRUM_DEFINE void throw_outside(const char* kind, double index, std::int64_t extent) {
  const bool counts = std::abs(index) < 0x1p62;  // neither NaN nor infinite
  throw Error(kind, "takes index " +
                        (counts ? std::to_string(static_cast<std::int64_t>(index)) : std::to_string(index)) +
                        " of an axis of extent " + std::to_string(extent));
}

FULCRUM_DEFINE MappedCopy::MappedCopy(const Shape& src, std::vector<std::vector<std::int64_t>> maps)
    : strides_(row_major_strides(src)) {
  std::size_t inner = maps.size();
  while (inner > 0 && is_identity(maps[inner - 1], src[inner - 1])) block_ *= src[--inner];
  if (inner == 0) {
    runs_.push_back({0, 1});
    return;
  }
  for (const std::int64_t i : maps[inner - 1]) {
    if (!runs_.empty() && runs_.back().goes_on_with(i))
      ++runs_.back().count;
    else
      runs_.push_back({i, 1});
  }
  maps.resize(inner - 1);
  maps_ = std::move(maps);
}

FULCRUM_DEFINE bool MappedCopy::is_identity(const std::vector<std::int64_t>& map, std::int64_t extent) {
  if (static_cast<std::int64_t>(map.size()) != extent) return false;
  for (std::size_t i = 0; i < map.size(); ++i) {
    if (map[i] != static_cast<std::int64_t>(i)) return false;
  }
  return true;
}

FULCRUM_DEFINE AxisExtents around_axis(const Shape& shape, std::size_t axis) {
  AxisExtents result{1, shape[axis], 1};
  for (std::size_t i = 0; i < axis; ++i) result.outer *= shape[i];
  for (std::size_t i = axis + 1; i < shape.size(); ++i) result.inner *= shape[i];
  return result;
}

}  // namespace fulcrum::kernels

#endif
