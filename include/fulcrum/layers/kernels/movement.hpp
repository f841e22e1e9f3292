#pragma once
/// \file
/// Concat, Transpose, Slice, Expand, Tile, Gather, Pad.

#include <span>

#include <fulcrum/core/linkage.hpp>
#include <fulcrum/layers/concat.hpp>
#include <fulcrum/layers/kernels/strided.hpp>
#include <fulcrum/layers/kernels/view.hpp>
#include <fulcrum/layers/movement.hpp>

namespace fulcrum::kernels {

template <class T>
void run(const Concat& layer, std::span<const Source<T>> src, const Result<T>& dst);

template <class T>
void run(const Transpose& layer, std::span<const Source<T>> src, const Result<T>& dst);

template <class T>
void run(const Slice& layer, std::span<const Source<T>> src, const Result<T>& dst);

template <class T>
void run(const Expand& /*layer*/, std::span<const Source<T>> src, const Result<T>& dst) {
  copy_strided(src[0].elements.data(), 0, broadcast_strides(src[0].shape, dst.shape), dst.shape, dst.elements.data());
}

template <class T>
void run(const Tile& layer, std::span<const Source<T>> src, const Result<T>& dst);

/// \throws Error when an index is outside [−extent, extent)
template <class T>
void run(const Gather& layer, std::span<const Source<T>> src, const Result<T>& dst);

/// What a Pad copies where.
FULCRUM_DECLARE [[nodiscard]] MappedCopy padding_copy(const Pad& layer, const Shape& src, const Shape& dst);
template <class T>
void run(const Pad& layer, std::span<const Source<T>> src, const Result<T>& dst) {
  padding_copy(layer, src[0].shape, dst.shape)(src[0].elements.data(), static_cast<T>(layer.value),
                                               dst.elements.data());
}

}  // namespace fulcrum::kernels

#if FULCRUM_DEFINES(kernels)

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

namespace fulcrum::kernels {

template <class T>
void run(const Concat& layer, std::span<const Source<T>> src, const Result<T>& dst) {
  const std::size_t axis = normalized_axis(layer.axis, dst.shape.size());
  const std::int64_t outer = around_axis(dst.shape, axis).outer;
  T* to = dst.elements.data();
  for (std::int64_t o = 0; o < outer; ++o) {
    for (const Source<T>& part : src) {
      const AxisExtents extents = around_axis(part.shape, axis);
      const std::int64_t rows = extents.extent * extents.inner;
      const T* from = part.elements.data() + o * rows;
      to = std::copy(from, from + rows, to);
    }
  }
}

template <class T>
void run(const Transpose& layer, std::span<const Source<T>> src, const Result<T>& dst) {
  const Steps strides = row_major_strides(src[0].shape);
  Steps moved;
  for (const std::size_t axis : layer.permutation(src[0].shape.size())) moved.push_back(strides[axis]);
  copy_strided(src[0].elements.data(), 0, moved, dst.shape, dst.elements.data());
}

template <class T>
void run(const Slice& layer, std::span<const Source<T>> src, const Result<T>& dst) {
  Steps strides = row_major_strides(src[0].shape);
  const SmallVector<Slice::Range> ranges = layer.ranges(src[0].shape);
  std::int64_t start = 0;
  for (std::size_t axis = 0; axis < ranges.size(); ++axis) {
    if (ranges[axis].count == 0) return;
    start += ranges[axis].start * strides[axis];
    if (ranges[axis].count > 1) strides[axis] *= ranges[axis].step;
  }
  copy_strided(src[0].elements.data(), start, strides, dst.shape, dst.elements.data());
}

template <class T>
void run(const Tile& layer, std::span<const Source<T>> src, const Result<T>& dst) {
  const Steps src_strides = row_major_strides(src[0].shape);
  Steps extents;
  Steps strides;
  for (std::size_t axis = 0; axis < src_strides.size(); ++axis) {  // axis of dst: repeats × extent
    extents.push_back(layer.repeats[axis]);
    extents.push_back(src[0].shape[axis]);
    strides.push_back(0);
    strides.push_back(src_strides[axis]);
  }
  copy_strided(src[0].elements.data(), 0, strides, extents, dst.elements.data());
}

template <class T>
void run(const Gather& layer, std::span<const Source<T>> src, const Result<T>& dst) {
  const AxisExtents extents = around_axis(src[0].shape, normalized_axis(layer.axis, src[0].shape.size()));
  T* to = dst.elements.data();
  for (std::int64_t o = 0; o < extents.outer; ++o) {
    const T* plane = src[0].elements.data() + o * extents.extent * extents.inner;
    for (const T given : src[1].elements) {
      const T* from = plane + source_index(given, extents.extent, "Gather") * extents.inner;
      if (extents.inner == 1)
        *to++ = *from;
      else
        to = std::copy(from, from + extents.inner, to);
    }
  }
}

FULCRUM_DEFINE MappedCopy padding_copy(const Pad& layer, const Shape& src, const Shape& dst) {
  std::vector<std::vector<std::int64_t>> maps;
  for (std::size_t axis = 0; axis < dst.size(); ++axis) {
    const std::int64_t extent = src[axis];
    const std::int64_t last = extent - 1;
    std::vector<std::int64_t> map;
    map.reserve(static_cast<std::size_t>(dst[axis]));
    for (std::int64_t i = 0; i < dst[axis]; ++i) {
      std::int64_t at = i - layer.before[axis];
      if (at < 0 || at > last) {
        switch (layer.mode) {
          case PadKind::constant: at = -1; break;
          case PadKind::reflect: at = at < 0 ? -at : 2 * last - at; break;
          case PadKind::edge: at = at < 0 ? 0 : last; break;
          case PadKind::wrap: at = at < 0 ? at + extent : at - extent; break;
        }
      }
      map.push_back(at);
    }
    maps.push_back(std::move(map));
  }
  return {src, std::move(maps)};
}

}  // namespace fulcrum::kernels

#if FULCRUM_INSTANTIATES(kernels)
namespace fulcrum::kernels {
template void run(const Concat& layer, std::span<const Source<float>> src, const Result<float>& dst);
template void run(const Concat& layer, std::span<const Source<double>> src, const Result<double>& dst);
template void run(const Transpose& layer, std::span<const Source<float>> src, const Result<float>& dst);
template void run(const Transpose& layer, std::span<const Source<double>> src, const Result<double>& dst);
template void run(const Slice& layer, std::span<const Source<float>> src, const Result<float>& dst);
template void run(const Slice& layer, std::span<const Source<double>> src, const Result<double>& dst);
template void run(const Tile& layer, std::span<const Source<float>> src, const Result<float>& dst);
template void run(const Tile& layer, std::span<const Source<double>> src, const Result<double>& dst);
template void run(const Gather& layer, std::span<const Source<float>> src, const Result<float>& dst);
template void run(const Gather& layer, std::span<const Source<double>> src, const Result<double>& dst);
}  // namespace fulcrum::kernels
#endif

#endif
