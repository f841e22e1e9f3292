#pragma once
/// \file
/// Interpolation to another size (ONNX Resize and Upsample, oneDNN resampling).

#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include <fulcrum/core/linkage.hpp>
#include <fulcrum/layers/facts.hpp>
#include <fulcrum/layers/work.hpp>

namespace fulcrum {

enum class ResizeKind : std::uint8_t { nearest, linear, cubic };

/// Where an output position lies in the source (ONNX coordinate_transformation_mode).
enum class ResizeCoordinates : std::uint8_t {
  half_pixel,            ///< (x + ½)/scale − ½
  pytorch_half_pixel,    ///< the same; 0 when the result has one element
  half_pixel_symmetric,  ///< half_pixel about the middle of the source
  align_corners,         ///< x · (src − 1)/(dst − 1)
  asymmetric,            ///< x/scale
  tf_crop_and_resize,    ///< within the region of interest
};

/// How nearest rounds (ONNX nearest_mode).
enum class ResizeRounding : std::uint8_t { round_prefer_floor, round_prefer_ceil, floor, ceil };

/// What becomes of sizes that are not all of one ratio to the source's extents (ONNX keep_aspect_ratio_policy).
enum class ResizeAspect : std::uint8_t {
  stretch,      ///< each axis has a scale of its own
  not_larger,   ///< one scale for all axes with a size: the largest with which none is exceeded
  not_smaller,  ///< one scale for all of them: the smallest with which each is reached
};

/// src (any shape) → dst of `sizes`, of ⌊extent · scales⌋, or, where the aspect is kept, of ⌊extent · scale + ½⌋ on the
/// axes with a size. Positions follow from the scale, not from the extents that it is rounded to. Work: per output
/// element, 2 FLOP for each source element it mixes.
struct Resize {
  ResizeKind mode = ResizeKind::nearest;
  ResizeCoordinates coordinates = ResizeCoordinates::half_pixel;
  ResizeRounding rounding = ResizeRounding::round_prefer_floor;  ///< nearest
  std::vector<float> scales;        ///< one per axis, > 0; empty: sizes are given, and the scales are their ratios
  std::vector<std::int64_t> sizes;  ///< one per axis; −1 keeps the source's extent; empty: scales are given
  ResizeAspect aspect = ResizeAspect::stretch;  ///< of sizes
  std::vector<float> roi;  ///< tf_crop_and_resize: a start for each axis, then an end, as shares of the extent
  float cubic_coefficient = -0.75F;
  float extrapolation = 0.0F;    ///< tf_crop_and_resize: what lies outside
  bool exclude_outside = false;  ///< cubic: weights outside the source are 0, the rest renormalized
  bool antialias = false;        ///< shrinking: linear and cubic mix all elements that an output covers

  static constexpr std::string_view kind = "Resize";
  [[nodiscard]] static constexpr LayerFacts facts() noexcept { return {}; }

  /// \throws Error when settings are not one per axis or out of range
  FULCRUM_DECLARE [[nodiscard]] Shape dst_shape(std::span<const Shape> src) const;
  FULCRUM_DECLARE [[nodiscard]] Work work(std::span<const Shape> src, const Shape& dst) const;

  friend bool operator==(const Resize&, const Resize&) = default;

  /// The scale that all axes with a size share. Precondition: aspect is not stretch, and there are sizes.
  /// \throws Error when an extent is 0
  FULCRUM_DECLARE [[nodiscard]] double common_scale(const Shape& src) const;

private:
  /// Of the axis, the region of interest when there is one.
  [[nodiscard]] double extent_share(std::size_t axis) const {
    if (coordinates != ResizeCoordinates::tf_crop_and_resize) return 1.0;
    return static_cast<double>(roi[axis + scales.size()]) - static_cast<double>(roi[axis]);
  }
};

}  // namespace fulcrum

#if FULCRUM_DEFINES(layers)

#include <algorithm>
#include <cmath>
#include <string>

namespace fulcrum {

FULCRUM_DEFINE double Resize::common_scale(const Shape& src) const {
  const bool covers = aspect == ResizeAspect::not_smaller;
  double scale = covers ? 0.0 : HUGE_VAL;
  for (std::size_t axis = 0; axis < sizes.size(); ++axis) {
    if (sizes[axis] < 0) continue;
    const double ratio = static_cast<double>(sizes[axis]) / static_cast<double>(src[axis]);
    scale = covers ? std::max(scale, ratio) : std::min(scale, ratio);
  }
  if (!std::isfinite(scale)) throw Error("Resize", "resizes an empty source", "check the model");
  return scale;
}

FULCRUM_DEFINE Shape Resize::dst_shape(std::span<const Shape> src) const {
  detail::expect_sources(src, 1, "Resize");
  const std::size_t rank = src[0].size();
  if (scales.size() != (scales.empty() ? 0 : rank) || sizes.size() != (sizes.empty() ? 0 : rank) ||
      scales.empty() == sizes.empty()) {
    throw Error("Resize", "needs a scale or a size for each axis of a source " + to_string(src[0]));
  }
  if (coordinates == ResizeCoordinates::tf_crop_and_resize && roi.size() != 2 * rank)
    throw Error("Resize", "needs a start and an end of its region for each axis");
  const bool one_scale = aspect != ResizeAspect::stretch && !sizes.empty();
  const double common = one_scale ? common_scale(src[0]) : 1.0;
  Shape dst;
  for (std::size_t axis = 0; axis < rank; ++axis) {
    if (!sizes.empty()) {
      if (sizes[axis] < -1) throw Error("Resize", "has a negative size");
      const double extent = std::floor(static_cast<double>(src[0][axis]) * common + 0.5);
      if (!(extent < 0x1p40)) throw Error("Resize", "has sizes past 2^40", "check the export");
      dst.push_back(sizes[axis] == -1 ? src[0][axis] : one_scale ? static_cast<std::int64_t>(extent) : sizes[axis]);
      continue;
    }
    const double extent =
        std::floor(static_cast<double>(src[0][axis]) * extent_share(axis) * static_cast<double>(scales[axis]));
    if (!(scales[axis] > 0.0F) || !(extent >= 0.0 && extent < 0x1p40))
      throw Error("Resize", "has a scale of " + std::to_string(scales[axis]), "give positive scales");
    dst.push_back(static_cast<std::int64_t>(extent));
  }
  return dst;
}

FULCRUM_DEFINE Work Resize::work(std::span<const Shape> src, const Shape& dst) const {
  const double taps = mode == ResizeKind::nearest ? 0.0 : mode == ResizeKind::linear ? 2.0 : 4.0;
  double mixed = 1.0;
  for (std::size_t axis = 0; axis < dst.size(); ++axis) mixed *= dst[axis] == src[0][axis] ? 1.0 : taps;
  return detail::elementwise_work(src, dst, 2.0 * mixed);
}

}  // namespace fulcrum

#endif
