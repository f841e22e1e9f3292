#pragma once
/// \file
/// Rounding to integers, and back, where the integers themselves are wanted (ONNX QuantizeLinear, DequantizeLinear). A
/// pair of both on a computed value is no layer: it is that value's Node::dst_quantization. DynamicQuantize is both,
/// over a range that is found at run time.

#include <span>
#include <string_view>

#include <fulcrum/core/element_type.hpp>
#include <fulcrum/core/linkage.hpp>
#include <fulcrum/layers/facts.hpp>
#include <fulcrum/layers/work.hpp>
#include <fulcrum/tensor/quantization.hpp>

namespace fulcrum {

/// dst = saturate(round_half_even(src / scale) + zero_point), as floats that hold integers.
/// src (any shape) → dst of the same shape. Work: 1 FLOP per element.
struct QuantizeLinear {
  Quantization quantization;

  static constexpr std::string_view kind = "QuantizeLinear";
  [[nodiscard]] static constexpr LayerFacts facts() noexcept { return {.only_loops = true}; }
  [[nodiscard]] ElementType dst_element(std::span<const ElementType> /*src*/) const {
    return quantization.dtype == DType::u8 ? ElementType::u8 : ElementType::s8;
  }

  FULCRUM_DECLARE [[nodiscard]] Shape dst_shape(std::span<const Shape> src) const;
  [[nodiscard]] Work work(std::span<const Shape> src, const Shape& dst) const {
    return detail::elementwise_work(src, dst, 1.0);
  }

  friend bool operator==(const QuantizeLinear&, const QuantizeLinear&) = default;
};

/// dst = (src − zero_point) · scale, of floats that hold integers.
/// src (any shape) → dst of the same shape. Work: 1 FLOP per element.
struct DequantizeLinear {
  Quantization quantization;

  static constexpr std::string_view kind = "DequantizeLinear";
  [[nodiscard]] static constexpr LayerFacts facts() noexcept { return {.only_loops = true}; }
  [[nodiscard]] ElementType dst_element(std::span<const ElementType> /*src*/) const { return ElementType::f32; }

  FULCRUM_DECLARE [[nodiscard]] Shape dst_shape(std::span<const Shape> src) const;
  [[nodiscard]] Work work(std::span<const Shape> src, const Shape& dst) const {
    return detail::elementwise_work(src, dst, 1.0);
  }

  friend bool operator==(const DequantizeLinear&, const DequantizeLinear&) = default;
};

/// Rounds to 256 levels over the range that the value turns out to have, dynamic_map() of its smallest and largest
/// element, of all samples: dst = (quantize(src) − zero_point) · scale (ONNX DynamicQuantizeLinear, then
/// DequantizeLinear). A NaN counts for no range and becomes 0.
///
/// A convolution or dense layer with weights of 8 bits that takes the result multiplies the integers themselves: ONNX's
/// ConvInteger and MatMulInteger, with the product of the scales, in one step.
/// src (any shape) → dst of the same shape. Work: 2 FLOP per element.
struct DynamicQuantize {
  static constexpr std::string_view kind = "DynamicQuantize";
  [[nodiscard]] static constexpr LayerFacts facts() noexcept { return {}; }
  [[nodiscard]] ElementType dst_element(std::span<const ElementType> /*src*/) const { return ElementType::f32; }

  FULCRUM_DECLARE [[nodiscard]] Shape dst_shape(std::span<const Shape> src) const;
  [[nodiscard]] Work work(std::span<const Shape> src, const Shape& dst) const {
    return detail::elementwise_work(src, dst, 2.0);
  }

  friend bool operator==(const DynamicQuantize&, const DynamicQuantize&) = default;
};

}  // namespace fulcrum

#if FULCRUM_DEFINES(layers)

namespace fulcrum {

FULCRUM_DEFINE Shape QuantizeLinear::dst_shape(std::span<const Shape> src) const {
  detail::expect_sources(src, 1, "QuantizeLinear");
  validate(quantization, src[0]);
  return src[0];
}

FULCRUM_DEFINE Shape DynamicQuantize::dst_shape(std::span<const Shape> src) const {
  detail::expect_sources(src, 1, "DynamicQuantize");
  return src[0];
}

FULCRUM_DEFINE Shape DequantizeLinear::dst_shape(std::span<const Shape> src) const {
  detail::expect_sources(src, 1, "DequantizeLinear");
  validate(quantization, src[0]);
  return src[0];
}

}  // namespace fulcrum

#endif
