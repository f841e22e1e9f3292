#pragma once
/// \file
/// Affine quantization as ONNX QuantizeLinear / DequantizeLinear and oneDNN define it: x = scale · (q − zero_point).

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <utility>
#include <vector>

#include <fulcrum/core/dtype.hpp>
#include <fulcrum/core/error.hpp>
#include <fulcrum/core/linkage.hpp>
#include <fulcrum/tensor/tensor.hpp>

namespace fulcrum {

/// Smallest and largest integer of an 8-bit dtype.
FULCRUM_DECLARE [[nodiscard]] std::pair<std::int32_t, std::int32_t> integer_range(DType dtype);

/// How a tensor maps to integers: one scale and zero point for all of it (`axis` < 0), or one per index of `axis`.
struct Quantization {
  DType dtype = DType::s8;               ///< s8 or u8
  std::vector<float> scale;              ///< > 0; one element, or one per channel
  std::vector<std::int32_t> zero_point;  ///< same size as scale, within the dtype's range
  std::int64_t axis = -1;                ///< the channel axis; -1: per tensor

  [[nodiscard]] bool per_channel() const noexcept { return axis >= 0; }
  friend bool operator==(const Quantization&, const Quantization&) = default;
};

/// How values map to integers, one map for all: x = scale · (q − zero_point).
struct AffineMap {
  float scale = 1.0F;
  std::int32_t zero_point = 0;
  friend bool operator==(const AffineMap&, const AffineMap&) = default;
};

/// The map of a value whose range is found at run time to u8 (ONNX DynamicQuantizeLinear): 0 is in the range, scale =
/// (max − min)/255, zero point = round_half_even(−min/scale) within 0 … 255. A range of nothing has scale 1.
/// \param least, largest  of the value; no NaN
[[nodiscard]] inline AffineMap dynamic_map(float least, float largest) {
  const float low = least < 0.0F ? least : 0.0F;
  const float high = largest > 0.0F ? largest : 0.0F;
  const float scale = high > low ? (high - low) / 255.0F : 1.0F;
  const float zero_point = std::nearbyint(-low / scale);
  return {scale, zero_point < 255.0F ? static_cast<std::int32_t>(zero_point) : 255};
}

/// \throws Error when `q` does not fit a tensor of `shape`: axis, number of scales, scale or zero point out of range
FULCRUM_DECLARE void validate(const Quantization& q, const Shape& shape);

/// round_half_even(x / scale) + zero_point, saturated to the dtype (ONNX QuantizeLinear). NaN gives the zero point.
FULCRUM_DECLARE [[nodiscard]] std::int32_t quantize(float x, float scale, std::int32_t zero_point, DType dtype);

/// (q − zero_point) · scale
[[nodiscard]] inline float dequantize(std::int32_t q, float scale, std::int32_t zero_point) {
  return static_cast<float>(q - zero_point) * scale;
}

namespace detail {
/// Calls f(flat index of the first, number of them, channel) for all runs of elements that have one channel, in
/// row-major order; the channel is 0 when per tensor.
template <class F>
void for_each_channel_row(const Shape& shape, std::int64_t axis, F&& f) {
  const auto total = static_cast<std::size_t>(element_count(shape));
  if (total == 0) return;
  if (axis < 0) return f(std::size_t{0}, total, std::size_t{0});
  std::size_t inner = 1;
  for (std::size_t a = static_cast<std::size_t>(axis) + 1; a < shape.size(); ++a)
    inner *= static_cast<std::size_t>(shape[a]);
  const auto channels = static_cast<std::size_t>(shape[static_cast<std::size_t>(axis)]);
  for (std::size_t first = 0; first < total;) {
    for (std::size_t c = 0; c < channels; ++c, first += inner) f(first, inner, c);
  }
}

/// Calls f(flat index, channel) for every element in row-major order; the channel is 0 when per tensor.
template <class F>
void for_each_channel_element(const Shape& shape, std::int64_t axis, F&& f) {
  for_each_channel_row(shape, axis, [&](std::size_t first, std::size_t count, std::size_t channel) {
    for (std::size_t i = first; i < first + count; ++i) f(i, channel);
  });
}

/// A scale that can be divided by: that of a range of nothing is 1.
[[nodiscard]] inline float usable_scale(float scale) { return std::isnormal(scale) ? scale : 1.0F; }
}  // namespace detail

/// Symmetric s8 with as many integers as `bits` have: scale = max|x| / (2^(bits − 1) − 1), zero point 0; where all is 0
/// the scale is 1. Nothing is saturated by it.
/// \param bits  2 … 8
/// \param axis  a scale for each index of this axis; -1: one for the tensor
/// \throws Error when the bits or the axis are out of range
FULCRUM_DECLARE [[nodiscard]] Quantization symmetric_quantization(const Tensor<float>& tensor, int bits,
                                                                  std::int64_t axis = -1);

/// The values after a round trip through the integers.
/// \throws Error when `q` does not fit the tensor, as validate() says
template <class T>
[[nodiscard]] Tensor<T> quantize_dequantize(Tensor<T> tensor, const Quantization& q);

}  // namespace fulcrum

#if FULCRUM_DEFINES(tensor)

#include <algorithm>
#include <array>
#include <cmath>
#include <span>
#include <string>

#include <fulcrum/tensor/quantize_elements.hpp>

namespace fulcrum {

FULCRUM_DEFINE std::pair<std::int32_t, std::int32_t> integer_range(DType dtype) {
  if (dtype == DType::u8) return {0, 255};
  if (dtype == DType::s8) return {-128, 127};
  throw Error("dtype " + std::string(name_of(dtype)), "is not an 8-bit integer type", "use s8 or u8");
}

FULCRUM_DEFINE void validate(const Quantization& q, const Shape& shape) {
  const auto [low, high] = integer_range(q.dtype);
  const std::string where = "quantization of a tensor " + to_string(shape);
  if (q.axis < -1 || q.axis >= static_cast<std::int64_t>(shape.size())) {
    throw Error(where, "has the channel axis " + std::to_string(q.axis), "use -1 for one scale, or an axis from 0");
  }
  const std::int64_t count = q.per_channel() ? shape[static_cast<std::size_t>(q.axis)] : 1;
  if (static_cast<std::int64_t>(q.scale.size()) != count || q.zero_point.size() != q.scale.size()) {
    throw Error(where, "has " + std::to_string(q.scale.size()) + " scales and " + std::to_string(q.zero_point.size()) +
                           " zero points where it takes " + std::to_string(count));
  }
  for (const float scale : q.scale) {
    if (!(scale > 0.0F) || !std::isfinite(scale)) throw Error(where, "has a scale that is not a positive number");
  }
  for (const std::int32_t zero_point : q.zero_point) {
    if (zero_point < low || zero_point > high) {
      throw Error(where,
                  "has the zero point " + std::to_string(zero_point) + " outside " + std::string(name_of(q.dtype)));
    }
  }
}

FULCRUM_DEFINE std::int32_t quantize(float x, float scale, std::int32_t zero_point, DType dtype) {
  const auto [low, high] = integer_range(dtype);
  const double q = std::nearbyint(static_cast<double>(x / scale)) + zero_point;
  if (std::isnan(q)) return zero_point;
  return q < low ? low : q > high ? high : static_cast<std::int32_t>(q);
}

FULCRUM_DEFINE Quantization symmetric_quantization(const Tensor<float>& tensor, int bits, std::int64_t axis) {
  const Shape shape = tensor.dims();
  if (bits < 2 || bits > 8) {
    throw Error("symmetric quantization to " + std::to_string(bits) + " bits", "is not defined",
                "give a number of bits from 2 to 8");
  }
  if (axis < -1 || axis >= static_cast<std::int64_t>(shape.size())) {
    throw Error("symmetric quantization of a tensor " + to_string(shape),
                "was asked for scales along axis " + std::to_string(axis), "use -1 for one scale, or an axis from 0");
  }
  std::vector<float> scale(axis < 0 ? 1 : static_cast<std::size_t>(shape[static_cast<std::size_t>(axis)]), 0.0F);
  detail::for_each_channel_element(
      shape, axis, [&](std::size_t i, std::size_t c) { scale[c] = std::max(scale[c], std::abs(tensor.flat()[i])); });
  const auto largest = static_cast<float>((1 << (bits - 1)) - 1);
  for (float& s : scale) s = detail::usable_scale(s / largest);
  std::vector<std::int32_t> zero_point(scale.size(), 0);
  return {DType::s8, std::move(scale), std::move(zero_point), axis};
}

namespace detail {
template <class Integer, class T>
void round_trip(std::span<T> elements, float scale, std::int32_t zero_point) {
  constexpr std::size_t block = 1024;
  std::array<float, block> reals;
  std::array<Integer, block> integers;
  for (; !elements.empty(); elements = elements.subspan(std::min(block, elements.size()))) {
    const std::size_t count = std::min(block, elements.size());
    for (std::size_t i = 0; i < count; ++i) reals[i] = static_cast<float>(elements[i]);
    quantize_elements(std::span(reals).first(count), scale, zero_point, integers.data());
    dequantize_elements(std::span<const Integer>(integers).first(count), scale, zero_point, reals.data());
    for (std::size_t i = 0; i < count; ++i) elements[i] = static_cast<T>(reals[i]);
  }
}
}  // namespace detail

template <class T>
Tensor<T> quantize_dequantize(Tensor<T> tensor, const Quantization& q) {
  validate(q, tensor.dims());
  detail::for_each_channel_row(tensor.dims(), q.axis, [&](std::size_t first, std::size_t count, std::size_t c) {
    if (q.dtype == DType::s8)
      detail::round_trip<std::int8_t>(tensor.flat().subspan(first, count), q.scale[c], q.zero_point[c]);
    else
      detail::round_trip<std::uint8_t>(tensor.flat().subspan(first, count), q.scale[c], q.zero_point[c]);
  });
  return tensor;
}

}  // namespace fulcrum

#if FULCRUM_INSTANTIATES(tensor)
namespace fulcrum {
template Tensor<float> quantize_dequantize(Tensor<float> tensor, const Quantization& q);
template Tensor<double> quantize_dequantize(Tensor<double> tensor, const Quantization& q);
}  // namespace fulcrum
#endif

#endif
