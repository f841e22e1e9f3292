#pragma once
/// \file
/// The boxes of a detector that stay when those are left out that overlap a better one.

#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

#include <fulcrum/core/element_type.hpp>
#include <fulcrum/core/linkage.hpp>
#include <fulcrum/layers/facts.hpp>
#include <fulcrum/layers/work.hpp>

namespace fulcrum {

/// For each image and class, the boxes in the order of their scores, without those that overlap one that was kept by
/// more than `iou_threshold` (ONNX NonMaxSuppression). Of equal scores the first comes first; NaN is no score.
///
/// boxes (n, b, 4), scores (n, c, b) → dst (n · c · min(b, most_per_class), 3): rows (image, class, box), those of an
/// image and class together, in that order. How many there are depends on the values and a shape does not: rows behind
/// the last are −1. Work: 1 FLOP per score, and 16 for each box that each row may be compared with.
struct NonMaxSuppression {
  std::int64_t most_per_class = 0;            ///< boxes of an image and class; ≥ 0
  float iou_threshold = 0.0F;                 ///< intersection over union, 0 … 1
  std::optional<float> score_threshold = {};  ///< scores must be larger; nothing: any will do
  bool centered = false;  ///< boxes are (x, y, width, height) about their centers, not (y1, x1, y2, x2) of two corners

  static constexpr std::string_view kind = "NonMaxSuppression";
  [[nodiscard]] static constexpr LayerFacts facts() noexcept { return {.only_loops = true}; }
  [[nodiscard]] ElementType dst_element(std::span<const ElementType> /*src*/) const { return ElementType::s64; }

  /// \throws Error when a source does not have the shape above, or a number is out of range
  FULCRUM_DECLARE [[nodiscard]] Shape dst_shape(std::span<const Shape> src) const;
  FULCRUM_DECLARE [[nodiscard]] Work work(std::span<const Shape> src, const Shape& dst) const;

  friend bool operator==(const NonMaxSuppression&, const NonMaxSuppression&) = default;
};

}  // namespace fulcrum

#if FULCRUM_DEFINES(layers)

#include <algorithm>
#include <string>

namespace fulcrum {

FULCRUM_DEFINE Shape NonMaxSuppression::dst_shape(std::span<const Shape> src) const {
  detail::expect_sources(src, 2, "NonMaxSuppression");
  detail::expect_rank(src[0], 3, "NonMaxSuppression");
  detail::expect_rank(src[1], 3, "NonMaxSuppression");
  if (src[0][2] != 4 || src[0][0] != src[1][0] || src[0][1] != src[1][2]) {
    throw Error("NonMaxSuppression", "has boxes " + to_string(src[0]) + " and scores " + to_string(src[1]));
  }
  if (most_per_class < 0 || !(iou_threshold >= 0.0F && iou_threshold <= 1.0F)) {
    throw Error("NonMaxSuppression", "keeps " + std::to_string(most_per_class) + " boxes that overlap by " +
                                         std::to_string(iou_threshold) + ", which are not 0 or more and 0 to 1");
  }
  return {src[1][0] * src[1][1] * std::min(src[1][2], most_per_class), 3};
}

FULCRUM_DEFINE Work NonMaxSuppression::work(std::span<const Shape> src, const Shape& dst) const {
  const auto kept = static_cast<double>(std::min(src[1][2], most_per_class));
  const auto rows = static_cast<double>(dst[0]);
  const std::int64_t elements = element_count(src[0]) + element_count(src[1]);
  return {static_cast<double>(element_count(src[1])) + 16.0 * rows * kept, elements, 0, element_count(dst)};
}

}  // namespace fulcrum

#endif
