#pragma once
/// \file
/// Loops over several row-major arrays at once, by strides and without a division per element.

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <vector>

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

/// dst(i0, i1, …) = src(maps[0][i0], maps[1][i1], …); `fill` where one of them is −1. There is one map per axis.
template <class T>
void copy_mapped(const Source<T>& src, const std::vector<std::vector<std::int64_t>>& maps, T fill, T* dst) {
  const auto is_identity = [&](std::size_t axis) {
    if (static_cast<std::int64_t>(maps[axis].size()) != src.shape[axis]) return false;
    for (std::size_t i = 0; i < maps[axis].size(); ++i) {
      if (maps[axis][i] != static_cast<std::int64_t>(i)) return false;
    }
    return true;
  };
  std::size_t inner = maps.size();
  std::int64_t block = 1;  // elements under the axes that stay as they are
  while (inner > 0 && is_identity(inner - 1)) block *= src.shape[--inner];
  if (inner == 0) {
    std::copy(src.elements.begin(), src.elements.end(), dst);
    return;
  }
  --inner;

  // The innermost axis that changes, as runs of elements that follow each other.
  struct Run {
    std::int64_t from, count;  // from −1: filled
  };
  std::vector<Run> runs;
  for (const std::int64_t i : maps[inner]) {
    if (!runs.empty() &&
        (i < 0 ? runs.back().from < 0 : runs.back().from >= 0 && runs.back().from + runs.back().count == i))
      ++runs.back().count;
    else
      runs.push_back({i, 1});
  }
  const auto copy_row = [&](std::int64_t row) {  // row −1: filled
    for (const Run& run : runs) {
      const std::int64_t count = run.count * block;
      if (row < 0 || run.from < 0) {
        dst = std::fill_n(dst, count, fill);
        continue;
      }
      const T* from = src.elements.data() + row + run.from * block;
      if (count == 1)
        *dst++ = *from;
      else
        dst = std::copy(from, from + count, dst);
    }
  };
  if (block == 0 || runs.empty()) return;
  const Steps strides = row_major_strides(src.shape);
  const std::function<void(std::size_t, std::int64_t)> walk = [&](std::size_t axis, std::int64_t at) {
    if (axis == inner) return copy_row(at);
    for (const std::int64_t i : maps[axis]) walk(axis + 1, at < 0 || i < 0 ? -1 : at + i * strides[axis]);
  };
  walk(0, 0);
}

/// Extents before, at and after an axis.
struct AxisExtents {
  std::int64_t outer = 1, extent = 1, inner = 1;
};
[[nodiscard]] inline AxisExtents around_axis(const Shape& shape, std::size_t axis) {
  AxisExtents result{1, shape[axis], 1};
  for (std::size_t i = 0; i < axis; ++i) result.outer *= shape[i];
  for (std::size_t i = axis + 1; i < shape.size(); ++i) result.inner *= shape[i];
  return result;
}

}  // namespace fulcrum::kernels
