#pragma once
/// \file
/// Activation, Binary, Where, Cast, QuantizeLinear, DequantizeLinear, DynamicQuantize.

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <span>

#include <fulcrum/core/element_type.hpp>
#include <fulcrum/core/linkage.hpp>
#include <fulcrum/layers/activation.hpp>
#include <fulcrum/layers/binary.hpp>
#include <fulcrum/layers/kernels/strided.hpp>
#include <fulcrum/layers/kernels/view.hpp>
#include <fulcrum/layers/quantize_linear.hpp>
#include <fulcrum/layers/select.hpp>

namespace fulcrum::kernels {

template <class T>
void run(const Activation& layer, std::span<const Source<T>> src, const Result<T>& dst) {
  std::transform(src[0].elements.begin(), src[0].elements.end(), dst.elements.begin(), [&](T x) { return layer(x); });
}

template <class T>
void run(const Cast& layer, std::span<const Source<T>> src, const Result<T>& dst) {
  std::transform(src[0].elements.begin(), src[0].elements.end(), dst.elements.begin(),
                 [&](T x) { return converted_to(layer.to, x); });
}

template <class T>
void run(const Binary& layer, std::span<const Source<T>> src, const Result<T>& dst);

template <class T>
void run(const Where& /*layer*/, std::span<const Source<T>> src, const Result<T>& dst);

/// dst = f(src, channel), the channel counted along the quantization's axis; 0 when per tensor.
template <class T, class F>
void for_each_of_channel(const Quantization& q, const Source<T>& src, const Result<T>& dst, F&& f) {
  const AxisExtents extents = q.per_channel() ? around_axis(src.shape, static_cast<std::size_t>(q.axis))
                                              : AxisExtents{1, 1, static_cast<std::int64_t>(src.elements.size())};
  const T* from = src.elements.data();
  T* to = dst.elements.data();
  for (std::int64_t outer = 0; outer < extents.outer; ++outer) {
    for (std::int64_t c = 0; c < extents.extent; ++c) {
      for (std::int64_t i = 0; i < extents.inner; ++i) *to++ = f(*from++, static_cast<std::size_t>(c));
    }
  }
}

template <class T>
void run(const QuantizeLinear& layer, std::span<const Source<T>> src, const Result<T>& dst);

template <class T>
void run(const DequantizeLinear& layer, std::span<const Source<T>> src, const Result<T>& dst);

template <class T>
void run(const DynamicQuantize& layer, std::span<const Source<T>> src, const Result<T>& dst);

}  // namespace fulcrum::kernels

#if FULCRUM_DEFINES(kernels)

#include <array>

namespace fulcrum::kernels {

template <class T>
void run(const Binary& layer, std::span<const Source<T>> src, const Result<T>& dst) {
  const Loops<2> loops =
      merged<2>(dst.shape, {broadcast_strides(src[0].shape, dst.shape), broadcast_strides(src[1].shape, dst.shape)});
  const std::int64_t count = loops.extents.back();
  const std::int64_t step_a = loops.strides[0].back();
  const std::int64_t step_b = loops.strides[1].back();
  T* to = dst.elements.data();
  for_each_row(loops, {0, 0}, [&](const std::array<std::int64_t, 2>& at) {
    const T* a = src[0].elements.data() + at[0];
    const T* b = src[1].elements.data() + at[1];
    for (std::int64_t i = 0; i < count; ++i) *to++ = layer(a[i * step_a], b[i * step_b]);
  });
}

template <class T>
void run(const Where& /*layer*/, std::span<const Source<T>> src, const Result<T>& dst) {
  const Loops<3> loops =
      merged<3>(dst.shape, {broadcast_strides(src[0].shape, dst.shape), broadcast_strides(src[1].shape, dst.shape),
                            broadcast_strides(src[2].shape, dst.shape)});
  const std::int64_t count = loops.extents.back();
  const std::array<std::int64_t, 3> step{loops.strides[0].back(), loops.strides[1].back(), loops.strides[2].back()};
  T* to = dst.elements.data();
  for_each_row(loops, {0, 0, 0}, [&](const std::array<std::int64_t, 3>& at) {
    const T* condition = src[0].elements.data() + at[0];
    const T* a = src[1].elements.data() + at[1];
    const T* b = src[2].elements.data() + at[2];
    for (std::int64_t i = 0; i < count; ++i) *to++ = condition[i * step[0]] != T{0} ? a[i * step[1]] : b[i * step[2]];
  });
}

template <class T>
void run(const QuantizeLinear& layer, std::span<const Source<T>> src, const Result<T>& dst) {
  const Quantization& q = layer.quantization;
  for_each_of_channel(q, src[0], dst, [&](T x, std::size_t c) {
    return static_cast<T>(quantize(static_cast<float>(x), q.scale[c], q.zero_point[c], q.dtype));
  });
}

template <class T>
void run(const DequantizeLinear& layer, std::span<const Source<T>> src, const Result<T>& dst) {
  const Quantization& q = layer.quantization;
  for_each_of_channel(q, src[0], dst, [&](T x, std::size_t c) {
    return static_cast<T>(static_cast<float>(x - static_cast<T>(q.zero_point[c])) * q.scale[c]);
  });
}

template <class T>
void run(const DynamicQuantize& /*layer*/, std::span<const Source<T>> src, const Result<T>& dst) {
  float least = 0.0F;
  float largest = 0.0F;
  for (const T x : src[0].elements) {
    if (static_cast<float>(x) < least) least = static_cast<float>(x);
    if (static_cast<float>(x) > largest) largest = static_cast<float>(x);
  }
  const AffineMap map = dynamic_map(least, largest);
  std::transform(src[0].elements.begin(), src[0].elements.end(), dst.elements.begin(), [&](T x) {
    const std::int32_t q = quantize(static_cast<float>(x), map.scale, map.zero_point, DType::u8);
    return static_cast<T>(dequantize(q, map.scale, map.zero_point));
  });
}

}  // namespace fulcrum::kernels

#if FULCRUM_INSTANTIATES(kernels)
namespace fulcrum::kernels {
template void run(const Binary& layer, std::span<const Source<float>> src, const Result<float>& dst);
template void run(const Binary& layer, std::span<const Source<double>> src, const Result<double>& dst);
template void run(const Where& /*layer*/, std::span<const Source<float>> src, const Result<float>& dst);
template void run(const Where& /*layer*/, std::span<const Source<double>> src, const Result<double>& dst);
template void run(const QuantizeLinear& layer, std::span<const Source<float>> src, const Result<float>& dst);
template void run(const QuantizeLinear& layer, std::span<const Source<double>> src, const Result<double>& dst);
template void run(const DequantizeLinear& layer, std::span<const Source<float>> src, const Result<float>& dst);
template void run(const DequantizeLinear& layer, std::span<const Source<double>> src, const Result<double>& dst);
template void run(const DynamicQuantize& layer, std::span<const Source<float>> src, const Result<float>& dst);
template void run(const DynamicQuantize& layer, std::span<const Source<double>> src, const Result<double>& dst);
}  // namespace fulcrum::kernels
#endif

#endif
