#pragma once
/// \file
/// Element-wise choice and change of type (ONNX Where, Cast).

#include <span>
#include <string_view>

#include <fulcrum/core/element_type.hpp>
#include <fulcrum/layers/facts.hpp>
#include <fulcrum/layers/work.hpp>

namespace fulcrum {

/// dst = condition ≠ 0 ? a : b, the three sources broadcast against each other (ONNX Where). Work: 1 FLOP per element.
struct Where {
  static constexpr std::string_view kind = "Where";
  [[nodiscard]] static constexpr LayerFacts facts() noexcept { return {.only_loops = true}; }
  [[nodiscard]] ElementType dst_element(std::span<const ElementType> src) const {
    return src.size() > 1 ? src[1] : ElementType::f32;
  }

  [[nodiscard]] Shape dst_shape(std::span<const Shape> src) const {
    detail::expect_sources(src, 3, "Where");
    return broadcast(broadcast(src[0], src[1]), src[2]);
  }
  [[nodiscard]] Work work(std::span<const Shape> src, const Shape& dst) const {
    return detail::elementwise_work(src, dst, 1.0);
  }

  friend bool operator==(const Where&, const Where&) = default;
};

/// Each element as one of another type (ONNX Cast): see converted_to(). Work: 1 FLOP per element.
struct Cast {
  ElementType to = ElementType::f32;

  static constexpr std::string_view kind = "Cast";
  [[nodiscard]] static constexpr LayerFacts facts() noexcept { return {.only_loops = true}; }
  [[nodiscard]] ElementType dst_element(std::span<const ElementType> /*src*/) const { return to; }

  [[nodiscard]] Shape dst_shape(std::span<const Shape> src) const {
    detail::expect_sources(src, 1, "Cast");
    return src[0];
  }
  [[nodiscard]] Work work(std::span<const Shape> src, const Shape& dst) const {
    return detail::elementwise_work(src, dst, 1.0);
  }

  friend bool operator==(const Cast&, const Cast&) = default;
};

}  // namespace fulcrum
