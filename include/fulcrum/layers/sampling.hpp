#pragma once
/// \file
/// Layers that read an image between its pixels, at positions that a source holds: GridSample, RoiAlign.

#include <cstdint>
#include <span>
#include <string_view>

#include <fulcrum/core/linkage.hpp>
#include <fulcrum/layers/facts.hpp>
#include <fulcrum/layers/work.hpp>

namespace fulcrum {

enum class GridSampleKind : std::uint8_t {
  linear,   ///< of the two nearest pixels along each axis
  nearest,  ///< the nearest pixel, ties to even
  cubic,    ///< of the four nearest pixels along each axis, with a = −0.75; of two axes only
};

enum class GridSamplePadding : std::uint8_t {
  zeros,       ///< 0 outside
  border,      ///< the pixel at the edge
  reflection,  ///< mirrored at the edge
};

/// src at the positions of a grid (ONNX GridSample): a position is (x, y) or (x, y, z), from −1 at the start of an axis
/// to 1 at its end.
///
/// src (n, c, h, w), grid (n, h', w', 2) → dst (n, c, h', w'); likewise with three axes. Work: 2 FLOP for each pixel
/// that an element mixes.
struct GridSample {
  GridSampleKind mode = GridSampleKind::linear;
  GridSamplePadding padding = GridSamplePadding::zeros;
  bool align_corners = false;  ///< −1 and 1 are the centers of the corner pixels, not their outer edges

  static constexpr std::string_view kind = "GridSample";
  [[nodiscard]] static constexpr LayerFacts facts() noexcept { return {.only_loops = true}; }

  /// \throws Error when the ranks are not alike, the batches differ, or a cubic one has three axes
  FULCRUM_DECLARE [[nodiscard]] Shape dst_shape(std::span<const Shape> src) const;
  FULCRUM_DECLARE [[nodiscard]] Work work(std::span<const Shape> src, const Shape& dst) const;

  friend bool operator==(const GridSample&, const GridSample&) = default;
};

/// Regions of images, each divided into bins, each of which is the mean (or the largest) of samples between the pixels
/// (ONNX RoiAlign).
///
/// src (n, c, h, w), regions (r, 4) as (x1, y1, x2, y2), images (r) → dst (r, c, height, width). Work: 8 FLOP per
/// element and sample.
struct RoiAlign {
  std::int64_t height = 1;   ///< bins; ≥ 1
  std::int64_t width = 1;    ///< ≥ 1
  std::int64_t samples = 0;  ///< along either axis of a bin; 0: as many as it has pixels
  float scale = 1.0F;        ///< from the regions' coordinates to the image's
  bool half_pixel = true;    ///< pixels' centers lie at ½, not at 0, and regions may be smaller than a pixel
  bool largest = false;      ///< false: the mean

  static constexpr std::string_view kind = "RoiAlign";
  [[nodiscard]] static constexpr LayerFacts facts() noexcept { return {.only_loops = true}; }

  /// \throws Error when a source does not have the shape above
  FULCRUM_DECLARE [[nodiscard]] Shape dst_shape(std::span<const Shape> src) const;
  [[nodiscard]] Work work(std::span<const Shape> src, const Shape& dst) const {
    const auto each = static_cast<double>(samples > 0 ? samples * samples : 1);
    return detail::elementwise_work(src, dst, 8.0 * each);
  }

  friend bool operator==(const RoiAlign&, const RoiAlign&) = default;
};

}  // namespace fulcrum

#if FULCRUM_DEFINES(layers)

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <string>

namespace fulcrum {

FULCRUM_DEFINE Shape GridSample::dst_shape(std::span<const Shape> src) const {
  detail::expect_sources(src, 2, "GridSample");
  const std::size_t rank = src[0].size();
  const auto axes = static_cast<std::int64_t>(rank) - 2;
  const bool fits =
      (rank == 4 || rank == 5) && src[1].size() == rank && src[1].back() == axes && src[1][0] == src[0][0];
  if (!fits) throw Error("GridSample", "cannot read " + to_string(src[0]) + " at a grid " + to_string(src[1]));
  if (std::find(src[0].begin() + 2, src[0].end(), 0) != src[0].end()) throw Error("GridSample", "reads an empty image");
  if (rank == 5 && mode == GridSampleKind::cubic) throw Error("GridSample", "is cubic, which is for two axes");
  Shape dst{src[0][0], src[0][1]};
  dst.insert(dst.end(), src[1].begin() + 1, src[1].end() - 1);
  return dst;
}

FULCRUM_DEFINE Work GridSample::work(std::span<const Shape> src, const Shape& dst) const {
  const double taps = mode == GridSampleKind::nearest ? 0.0 : mode == GridSampleKind::linear ? 2.0 : 4.0;
  return detail::elementwise_work(src, dst, 2.0 * std::pow(taps, static_cast<double>(src[0].size()) - 2.0));
}

FULCRUM_DEFINE Shape RoiAlign::dst_shape(std::span<const Shape> src) const {
  detail::expect_sources(src, 3, "RoiAlign");
  detail::expect_rank(src[0], 4, "RoiAlign");
  if (src[1].size() != 2 || src[1][1] != 4 || src[2] != Shape{src[1][0]}) {
    throw Error("RoiAlign", "has regions " + to_string(src[1]) + " of images " + to_string(src[2]));
  }
  if (src[0][2] < 1 || src[0][3] < 1) throw Error("RoiAlign", "reads an empty image");
  if (height < 1 || width < 1 || samples < 0) throw Error("RoiAlign", "has no bins, or a negative number of samples");
  return {src[1][0], src[0][1], height, width};
}

}  // namespace fulcrum

#endif
