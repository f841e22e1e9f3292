#pragma once
/// \file
/// GatherElements, GatherND, ScatterElements, ScatterND.

#include <cstdint>
#include <span>

#include <fulcrum/core/linkage.hpp>
#include <fulcrum/layers/indexed.hpp>
#include <fulcrum/layers/kernels/strided.hpp>
#include <fulcrum/layers/kernels/view.hpp>

namespace fulcrum::kernels {

/// \throws Error when an index is outside [−extent, extent)
template <class T>
void run(const GatherElements& layer, std::span<const Source<T>> src, const Result<T>& dst);
template <class T>
void run(const GatherND& layer, std::span<const Source<T>> src, const Result<T>& dst);
template <class T>
void run(const ScatterElements& layer, std::span<const Source<T>> src, const Result<T>& dst);
template <class T>
void run(const ScatterND& layer, std::span<const Source<T>> src, const Result<T>& dst);

}  // namespace fulcrum::kernels

#if FULCRUM_DEFINES(kernels)

#include <algorithm>
#include <array>
#include <cstddef>

#include <fulcrum/layers/binary.hpp>

namespace fulcrum::kernels {

/// What stands at a place where `update` is put.
template <class T>
[[nodiscard]] T scattered(ScatterKind function, T before, T update) {
  switch (function) {
    case ScatterKind::replace: return update;
    case ScatterKind::add: return before + update;
    case ScatterKind::mul: return before * update;
    case ScatterKind::min: return Binary{BinaryKind::min}(before, update);
    case ScatterKind::max: return Binary{BinaryKind::max}(before, update);
  }
  return update;
}

/// Calls f(place, i) for each element i of the indices: `place` is its position in the value of shape `shape` with the
/// index along `axis` in place of its own.
template <class T, class F>
void for_each_indexed(const Source<T>& indices, const Shape& shape, std::int64_t named_axis, const char* kind, F&& f) {
  const std::size_t axis = normalized_axis(named_axis, shape.size());
  Steps strides = row_major_strides(shape);
  const std::int64_t step = strides[axis];
  strides[axis] = 0;
  std::size_t i = 0;
  for_each_position(merged<1>(indices.shape, {strides}), {0}, [&](const std::array<std::int64_t, 1>& at) {
    f(at[0] + source_index(indices.elements[i], shape[axis], kind) * step, i);
    ++i;
  });
}

/// How tuples of indices address slices of a value.
struct IndexedSlices {
  std::int64_t batches = 1, rows = 1, depth = 1;  ///< tuples: batches × rows of `depth` indices
  std::int64_t batch_step = 1, slice = 1;         ///< elements of a batch and of a slice of the value
  Steps extents, steps;                           ///< of the indexed axes
};

FULCRUM_DECLARE [[nodiscard]] IndexedSlices indexed_slices(const Shape& value, const Shape& indices,
                                                           std::size_t batch_dims);
FULCRUM_DEFINE IndexedSlices indexed_slices(const Shape& value, const Shape& indices, std::size_t batch_dims) {
  IndexedSlices result;
  result.depth = indices.back();
  const Steps strides = row_major_strides(value);
  for (std::size_t i = 0; i + 1 < indices.size(); ++i) (i < batch_dims ? result.batches : result.rows) *= indices[i];
  const std::size_t end = batch_dims + static_cast<std::size_t>(result.depth);
  for (std::size_t i = batch_dims; i < value.size(); ++i) {
    result.batch_step *= value[i];
    if (i >= end) result.slice *= value[i];
    if (i < end) result.extents.push_back(value[i]);
    if (i < end) result.steps.push_back(strides[i]);
  }
  return result;
}

/// Calls f(place, i) for each tuple i: `place` is where its slice of the value begins.
template <class T, class F>
void for_each_tuple(const IndexedSlices& slices, const T* index, const char* kind, F&& f) {
  std::int64_t i = 0;
  for (std::int64_t batch = 0; batch < slices.batches; ++batch) {
    for (std::int64_t row = 0; row < slices.rows; ++row, ++i) {
      std::int64_t place = batch * slices.batch_step;
      for (std::size_t axis = 0; axis < slices.extents.size(); ++axis) {
        place += source_index(*index++, slices.extents[axis], kind) * slices.steps[axis];
      }
      f(place, i);
    }
  }
}

template <class T>
void run(const GatherElements& layer, std::span<const Source<T>> src, const Result<T>& dst) {
  for_each_indexed(src[1], src[0].shape, layer.axis, "GatherElements", [&](std::int64_t place, std::size_t i) {
    dst.elements[i] = src[0].elements[static_cast<std::size_t>(place)];
  });
}

template <class T>
void run(const GatherND& layer, std::span<const Source<T>> src, const Result<T>& dst) {
  const IndexedSlices slices = indexed_slices(src[0].shape, src[1].shape, static_cast<std::size_t>(layer.batch_dims));
  for_each_tuple(slices, src[1].elements.data(), "GatherND", [&](std::int64_t place, std::int64_t i) {
    std::copy_n(src[0].elements.data() + place, slices.slice, dst.elements.data() + i * slices.slice);
  });
}

template <class T>
void run(const ScatterElements& layer, std::span<const Source<T>> src, const Result<T>& dst) {
  std::copy(src[0].elements.begin(), src[0].elements.end(), dst.elements.begin());
  for_each_indexed(src[1], dst.shape, layer.axis, "ScatterElements", [&](std::int64_t place, std::size_t i) {
    T& at = dst.elements[static_cast<std::size_t>(place)];
    at = scattered(layer.function, at, src[2].elements[i]);
  });
}

template <class T>
void run(const ScatterND& layer, std::span<const Source<T>> src, const Result<T>& dst) {
  std::copy(src[0].elements.begin(), src[0].elements.end(), dst.elements.begin());
  const IndexedSlices slices = indexed_slices(dst.shape, src[1].shape, 0);
  for_each_tuple(slices, src[1].elements.data(), "ScatterND", [&](std::int64_t place, std::int64_t i) {
    T* at = dst.elements.data() + place;
    const T* update = src[2].elements.data() + i * slices.slice;
    for (std::int64_t j = 0; j < slices.slice; ++j) at[j] = scattered(layer.function, at[j], update[j]);
  });
}

}  // namespace fulcrum::kernels

#if FULCRUM_INSTANTIATES(kernels)
namespace fulcrum::kernels {
template void run(const GatherElements& layer, std::span<const Source<float>> src, const Result<float>& dst);
template void run(const GatherElements& layer, std::span<const Source<double>> src, const Result<double>& dst);
template void run(const GatherND& layer, std::span<const Source<float>> src, const Result<float>& dst);
template void run(const GatherND& layer, std::span<const Source<double>> src, const Result<double>& dst);
template void run(const ScatterElements& layer, std::span<const Source<float>> src, const Result<float>& dst);
template void run(const ScatterElements& layer, std::span<const Source<double>> src, const Result<double>& dst);
template void run(const ScatterND& layer, std::span<const Source<float>> src, const Result<float>& dst);
template void run(const ScatterND& layer, std::span<const Source<double>> src, const Result<double>& dst);
}  // namespace fulcrum::kernels
#endif

#endif
