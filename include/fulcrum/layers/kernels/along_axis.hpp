#pragma once
/// \file
/// TopK, CumSum.

#include <span>

#include <fulcrum/core/linkage.hpp>
#include <fulcrum/layers/along_axis.hpp>
#include <fulcrum/layers/kernels/strided.hpp>
#include <fulcrum/layers/kernels/view.hpp>

namespace fulcrum::kernels {

template <class T>
void run(const TopK& layer, std::span<const Source<T>> src, const Result<T>& dst);
template <class T>
void run(const CumSum& layer, std::span<const Source<T>> src, const Result<T>& dst);

}  // namespace fulcrum::kernels

#if FULCRUM_DEFINES(kernels)

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <numeric>
#include <vector>

namespace fulcrum::kernels {

template <class T>
void run(const TopK& layer, std::span<const Source<T>> src, const Result<T>& dst) {
  const AxisExtents extents = around_axis(src[0].shape, normalized_axis(layer.axis, src[0].shape.size()));
  std::vector<std::int64_t> order(static_cast<std::size_t>(extents.extent));
  const auto is_larger = [](T a, T b) { return std::isnan(a) ? !std::isnan(b) : a > b; };
  for (std::int64_t o = 0; o < extents.outer; ++o) {
    for (std::int64_t i = 0; i < extents.inner; ++i) {
      const T* x = src[0].elements.data() + o * extents.extent * extents.inner + i;
      const auto value = [&](std::int64_t at) { return x[at * extents.inner]; };
      std::iota(order.begin(), order.end(), std::int64_t{0});
      std::partial_sort(order.begin(), order.begin() + layer.count, order.end(), [&](std::int64_t a, std::int64_t b) {
        const T va = layer.largest ? value(a) : value(b);
        const T vb = layer.largest ? value(b) : value(a);
        return is_larger(va, vb) || (!is_larger(vb, va) && a < b);
      });
      T* y = dst.elements.data() + o * layer.count * extents.inner + i;
      for (std::int64_t k = 0; k < layer.count; ++k) {
        y[k * extents.inner] = static_cast<T>(order[static_cast<std::size_t>(k)]);
      }
    }
  }
}

template <class T>
void run(const CumSum& layer, std::span<const Source<T>> src, const Result<T>& dst) {
  const AxisExtents extents = around_axis(src[0].shape, normalized_axis(layer.axis, src[0].shape.size()));
  for (std::int64_t o = 0; o < extents.outer; ++o) {
    for (std::int64_t i = 0; i < extents.inner; ++i) {
      const std::int64_t start = o * extents.extent * extents.inner + i;
      T sum{0};
      for (std::int64_t k = 0; k < extents.extent; ++k) {
        const std::int64_t step = layer.reverse ? extents.extent - 1 - k : k;
        const auto at = static_cast<std::size_t>(start + step * extents.inner);
        const T before = sum;
        sum += src[0].elements[at];
        dst.elements[at] = layer.exclusive ? before : sum;
      }
    }
  }
}

}  // namespace fulcrum::kernels

#if FULCRUM_INSTANTIATES(kernels)
namespace fulcrum::kernels {
template void run(const TopK& layer, std::span<const Source<float>> src, const Result<float>& dst);
template void run(const TopK& layer, std::span<const Source<double>> src, const Result<double>& dst);
template void run(const CumSum& layer, std::span<const Source<float>> src, const Result<float>& dst);
template void run(const CumSum& layer, std::span<const Source<double>> src, const Result<double>& dst);
}  // namespace fulcrum::kernels
#endif

#endif
