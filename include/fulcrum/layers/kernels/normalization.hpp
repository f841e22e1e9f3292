#pragma once
/// \file
/// LayerNormalization, InstanceNormalization, LocalResponseNormalization.

#include <span>

#include <fulcrum/core/linkage.hpp>
#include <fulcrum/layers/kernels/view.hpp>
#include <fulcrum/layers/normalization.hpp>

namespace fulcrum::kernels {

/// Mean, and 1 / √(variance + epsilon), of a run of elements.
struct Moments {
  double mean = 0.0;
  double inverse_deviation = 0.0;
};
template <class T>
[[nodiscard]] Moments moments(std::span<const T> x, double epsilon);

template <class T>
void run(const LayerNormalization<T>& layer, std::span<const Source<T>> src, const Result<T>& dst);

template <class T>
void run(const InstanceNormalization<T>& layer, std::span<const Source<T>> src, const Result<T>& dst);

template <class T>
void run(const LocalResponseNormalization& layer, std::span<const Source<T>> src, const Result<T>& dst);

}  // namespace fulcrum::kernels

#if FULCRUM_DEFINES(kernels)

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>

#include <fulcrum/layers/kernels/strided.hpp>

namespace fulcrum::kernels {

template <class T>
Moments moments(std::span<const T> x, double epsilon) {
  double sum = 0.0;
  for (const T value : x) sum += static_cast<double>(value);
  const double count = static_cast<double>(x.size());
  const double mean = sum / count;
  double squares = 0.0;
  for (const T value : x) squares += (static_cast<double>(value) - mean) * (static_cast<double>(value) - mean);
  return {mean, 1.0 / std::sqrt(squares / count + epsilon)};
}

template <class T>
void run(const LayerNormalization<T>& layer, std::span<const Source<T>> src, const Result<T>& dst) {
  const AxisExtents extents = around_axis(src[0].shape, normalized_axis(layer.axis, src[0].shape.size()));
  const auto count = static_cast<std::size_t>(extents.extent * extents.inner);
  const T* scale = layer.scale.empty() ? nullptr : layer.scale.value->flat().data();
  const T* shift = layer.shift.empty() ? nullptr : layer.shift.value->flat().data();
  for (std::int64_t o = 0; o < extents.outer; ++o) {
    const std::span<const T> x = src[0].elements.subspan(static_cast<std::size_t>(o) * count, count);
    T* to = dst.elements.data() + static_cast<std::size_t>(o) * count;
    const Moments m = moments(x, layer.epsilon);
    for (std::size_t i = 0; i < count; ++i) {
      const T normalized = static_cast<T>((static_cast<double>(x[i]) - m.mean) * m.inverse_deviation);
      to[i] = normalized * (scale == nullptr ? T{1} : scale[i]) + (shift == nullptr ? T{0} : shift[i]);
    }
  }
}

template <class T>
void run(const InstanceNormalization<T>& layer, std::span<const Source<T>> src, const Result<T>& dst) {
  if (src[0].elements.empty()) return;
  const AxisExtents extents = around_axis(src[0].shape, 1);
  const std::int64_t channels = layer.groups == 0 ? 1 : extents.extent / layer.groups;  // of a group
  const auto count = static_cast<std::size_t>(channels * extents.inner);
  std::size_t at = 0;
  for (std::int64_t n = 0; n < extents.outer; ++n) {
    for (std::int64_t first = 0; first < extents.extent; first += channels) {
      const Moments m = moments(src[0].elements.subspan(at, count), layer.epsilon);
      for (std::int64_t c = first; c < first + channels; ++c) {
        const T scale = layer.scale.value->flat()[static_cast<std::size_t>(c)];
        const T shift = layer.shift.value->flat()[static_cast<std::size_t>(c)];
        for (std::int64_t i = 0; i < extents.inner; ++i, ++at) {
          const double centred = static_cast<double>(src[0].elements[at]) - m.mean;
          dst.elements[at] = static_cast<T>(centred * m.inverse_deviation) * scale + shift;
        }
      }
    }
  }
}

template <class T>
void run(const LocalResponseNormalization& layer, std::span<const Source<T>> src, const Result<T>& dst) {
  const AxisExtents extents = around_axis(src[0].shape, 1);
  const std::int64_t before = (layer.size - 1) / 2;
  const std::int64_t after = layer.size - 1 - before;
  const T factor = static_cast<T>(layer.alpha) / static_cast<T>(layer.size);
  for (std::int64_t n = 0; n < extents.outer; ++n) {
    const T* sample = src[0].elements.data() + n * extents.extent * extents.inner;
    for (std::int64_t c = 0; c < extents.extent; ++c) {
      T* to = dst.elements.data() + (n * extents.extent + c) * extents.inner;
      std::fill_n(to, extents.inner, T{0});
      const std::int64_t last = c + std::min(after, extents.extent - 1 - c);
      for (std::int64_t k = std::max<std::int64_t>(c - before, 0); k <= last; ++k) {
        const T* x = sample + k * extents.inner;
        for (std::int64_t i = 0; i < extents.inner; ++i) to[i] += x[i] * x[i];
      }
      const T* x = sample + c * extents.inner;
      for (std::int64_t i = 0; i < extents.inner; ++i) {
        to[i] = x[i] / std::pow(static_cast<T>(layer.bias) + factor * to[i], static_cast<T>(layer.beta));
      }
    }
  }
}

}  // namespace fulcrum::kernels

#if FULCRUM_INSTANTIATES(kernels)
namespace fulcrum::kernels {
template Moments moments(std::span<const float> x, double epsilon);
template Moments moments(std::span<const double> x, double epsilon);
template void run(const LayerNormalization<float>& layer, std::span<const Source<float>> src, const Result<float>& dst);
template void run(const LayerNormalization<double>& layer, std::span<const Source<double>> src,
                  const Result<double>& dst);
template void run(const InstanceNormalization<float>& layer, std::span<const Source<float>> src,
                  const Result<float>& dst);
template void run(const InstanceNormalization<double>& layer, std::span<const Source<double>> src,
                  const Result<double>& dst);
template void run(const LocalResponseNormalization& layer, std::span<const Source<float>> src,
                  const Result<float>& dst);
template void run(const LocalResponseNormalization& layer, std::span<const Source<double>> src,
                  const Result<double>& dst);
}  // namespace fulcrum::kernels
#endif

#endif
