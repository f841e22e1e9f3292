#pragma once
/// \file
/// GridSample, RoiAlign.

#include <span>

#include <fulcrum/core/linkage.hpp>
#include <fulcrum/layers/kernels/strided.hpp>
#include <fulcrum/layers/kernels/view.hpp>
#include <fulcrum/layers/sampling.hpp>

namespace fulcrum::kernels {

template <class T>
void run(const GridSample& layer, std::span<const Source<T>> src, const Result<T>& dst);
/// \throws Error when an image's number is outside the batch
template <class T>
void run(const RoiAlign& layer, std::span<const Source<T>> src, const Result<T>& dst);

}  // namespace fulcrum::kernels

#if FULCRUM_DEFINES(kernels)

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <cstdint>

namespace fulcrum::kernels {

/// x mirrored at low and high until it lies between them.
FULCRUM_DECLARE [[nodiscard]] double mirrored(double x, double low, double high);
FULCRUM_DEFINE double mirrored(double x, double low, double high) {
  const double range = high - low;
  if (!(range > 0.0)) return low;
  const double outside = x < low ? low - x : x - high;
  if (!(outside > 0.0)) return x;
  const double times = std::floor(outside / range);
  const double rest = outside - times * range;
  const bool even = std::fmod(times, 2.0) == 0.0;
  return (x < low) == even ? low + rest : high - rest;
}

/// Along one axis: the pixels that a position mixes and their weights. A pixel of −1 is 0.
struct GridTaps {
  std::size_t count = 0;
  std::array<std::int64_t, 4> pixel{};
  std::array<double, 4> weight{};
};

/// \param position  from −1 to 1 along an axis of `extent` pixels
FULCRUM_DECLARE [[nodiscard]] GridTaps grid_taps(const GridSample& layer, double position, std::int64_t extent);
FULCRUM_DEFINE GridTaps grid_taps(const GridSample& layer, double position, std::int64_t extent) {
  const auto size = static_cast<double>(extent);
  const double low = layer.align_corners ? 0.0 : -0.5;
  const double high = layer.align_corners ? size - 1.0 : size - 0.5;
  double x = layer.align_corners ? (position + 1.0) / 2.0 * (size - 1.0) : ((position + 1.0) * size - 1.0) / 2.0;
  if (!std::isfinite(x)) x = low - 1.0;  // outside
  const bool nearest = layer.mode == GridSampleKind::nearest;
  if (nearest) x = std::nearbyint(x);
  if (layer.padding == GridSamplePadding::reflection && (x < low || x > high)) x = mirrored(x, low, high);
  const auto pixel = [&](double at) {
    if (layer.padding == GridSamplePadding::border) at = std::clamp(at, 0.0, size - 1.0);
    if (layer.padding == GridSamplePadding::reflection) at = std::trunc(mirrored(at, low, high));
    return at >= 0.0 && at < size ? static_cast<std::int64_t>(at) : std::int64_t{-1};
  };
  const double first = std::floor(x);
  const double rest = x - first;
  GridTaps taps;
  const auto add = [&](double at, double weight) {
    taps.pixel[taps.count] = pixel(at);
    taps.weight[taps.count++] = weight;
  };
  if (nearest) {
    add(x, 1.0);
  } else if (layer.mode == GridSampleKind::linear) {
    add(first, 1.0 - rest);
    add(first + 1.0, rest);
  } else {  // Keys' cubic convolution
    constexpr double a = -0.75;
    const auto far = [&](double d) { return ((a * d - 5.0 * a) * d + 8.0 * a) * d - 4.0 * a; };
    const auto near = [&](double d) { return ((a + 2.0) * d - (a + 3.0)) * d * d + 1.0; };
    add(first - 1.0, far(rest + 1.0));
    add(first, near(rest));
    add(first + 1.0, near(1.0 - rest));
    add(first + 2.0, far(2.0 - rest));
  }
  return taps;
}

template <class T>
void run(const GridSample& layer, std::span<const Source<T>> src, const Result<T>& dst) {
  const Shape& shape = src[0].shape;
  const bool is_volume = shape.size() == 5;
  const std::int64_t depth = is_volume ? shape[2] : 1;
  const std::int64_t height = shape[shape.size() - 2];
  const std::int64_t width = shape[shape.size() - 1];
  const std::int64_t plane = depth * height * width;
  const std::int64_t axes = is_volume ? 3 : 2;
  const std::int64_t positions = element_count(dst.shape) / std::max<std::int64_t>(shape[0] * shape[1], 1);
  GridTaps whole;  // of an axis that is not there
  whole.count = 1;
  whole.weight[0] = 1.0;
  for (std::int64_t n = 0; n < shape[0]; ++n) {
    for (std::int64_t p = 0; p < positions; ++p) {
      const T* at = src[1].elements.data() + (n * positions + p) * axes;
      const GridTaps x = grid_taps(layer, static_cast<double>(at[0]), width);
      const GridTaps y = grid_taps(layer, static_cast<double>(at[1]), height);
      const GridTaps z = is_volume ? grid_taps(layer, static_cast<double>(at[2]), depth) : whole;
      for (std::int64_t c = 0; c < shape[1]; ++c) {
        const T* image = src[0].elements.data() + (n * shape[1] + c) * plane;
        double sum = 0.0;
        for (std::size_t k = 0; k < z.count; ++k) {
          for (std::size_t j = 0; j < y.count; ++j) {
            for (std::size_t i = 0; i < x.count; ++i) {
              if (z.pixel[k] < 0 || y.pixel[j] < 0 || x.pixel[i] < 0) continue;
              const std::int64_t place = (z.pixel[k] * height + y.pixel[j]) * width + x.pixel[i];
              sum += z.weight[k] * y.weight[j] * x.weight[i] * static_cast<double>(image[place]);
            }
          }
        }
        dst.elements[static_cast<std::size_t>((n * shape[1] + c) * positions + p)] = static_cast<T>(sum);
      }
    }
  }
}

/// A sample of a region along one axis: between two pixels; outside, further than a pixel away, it is 0.
struct RoiTap {
  bool inside = false;
  std::int64_t low = 0, high = 0;
  double rest = 0.0;  ///< from low to high
};
FULCRUM_DECLARE [[nodiscard]] RoiTap roi_tap(double x, std::int64_t extent);
FULCRUM_DEFINE RoiTap roi_tap(double x, std::int64_t extent) {
  RoiTap tap;
  tap.inside = x >= -1.0 && x <= static_cast<double>(extent);
  if (!tap.inside) return tap;
  x = std::max(x, 0.0);
  tap.low = std::min(static_cast<std::int64_t>(x), extent - 1);
  tap.high = std::min(tap.low + 1, extent - 1);
  tap.rest = tap.high == tap.low ? 0.0 : x - static_cast<double>(tap.low);
  return tap;
}

/// Bins of a region along one axis.
struct RoiAxis {
  double start = 0.0, bin = 1.0;
  std::int64_t samples = 1;
  [[nodiscard]] double sample(std::int64_t of_bin, std::int64_t i) const {
    const auto each = static_cast<double>(samples);
    return start + (static_cast<double>(of_bin) + (static_cast<double>(i) + 0.5) / each) * bin;
  }
};
FULCRUM_DECLARE [[nodiscard]] RoiAxis roi_axis(const RoiAlign& layer, double start, double end, std::int64_t bins);
FULCRUM_DEFINE RoiAxis roi_axis(const RoiAlign& layer, double start, double end, std::int64_t bins) {
  const auto scale = static_cast<double>(layer.scale);
  const double offset = layer.half_pixel ? 0.5 : 0.0;
  double length = (end - start) * scale;
  if (!layer.half_pixel) length = std::max(length, 1.0);
  RoiAxis axis;
  axis.start = start * scale - offset;
  axis.bin = length / static_cast<double>(bins);
  if (!std::isfinite(axis.start) || !(std::abs(axis.bin) < 0x1p20)) throw Error("RoiAlign", "has a region without end");
  axis.samples = layer.samples > 0 ? layer.samples : static_cast<std::int64_t>(std::ceil(axis.bin));
  return axis;
}

template <class T>
void run(const RoiAlign& layer, std::span<const Source<T>> src, const Result<T>& dst) {
  const Shape& shape = src[0].shape;
  const std::int64_t height = shape[2];
  const std::int64_t width = shape[3];
  T* to = dst.elements.data();
  for (std::int64_t r = 0; r < dst.shape[0]; ++r) {
    const T* region = src[1].elements.data() + r * 4;
    const auto corner = [&](std::int64_t i) { return static_cast<double>(region[i]); };
    const RoiAxis x = roi_axis(layer, corner(0), corner(2), layer.width);
    const RoiAxis y = roi_axis(layer, corner(1), corner(3), layer.height);
    const std::int64_t image = source_index(src[2].elements[static_cast<std::size_t>(r)], shape[0], "RoiAlign");
    const auto count = static_cast<double>(std::max<std::int64_t>(x.samples * y.samples, 1));
    for (std::int64_t c = 0; c < shape[1]; ++c) {
      const T* pixels = src[0].elements.data() + (image * shape[1] + c) * height * width;
      const auto pixel = [&](std::int64_t row, std::int64_t column) {
        return static_cast<double>(pixels[row * width + column]);
      };
      for (std::int64_t row = 0; row < layer.height; ++row) {
        for (std::int64_t column = 0; column < layer.width; ++column) {
          double sum = 0.0;
          double most = -HUGE_VAL;
          for (std::int64_t j = 0; j < y.samples; ++j) {
            const RoiTap v = roi_tap(y.sample(row, j), height);
            for (std::int64_t i = 0; i < x.samples; ++i) {
              const RoiTap u = roi_tap(x.sample(column, i), width);
              const bool inside = u.inside && v.inside;
              const std::array<double, 4> parts{inside ? (1.0 - v.rest) * (1.0 - u.rest) * pixel(v.low, u.low) : 0.0,
                                                inside ? (1.0 - v.rest) * u.rest * pixel(v.low, u.high) : 0.0,
                                                inside ? v.rest * (1.0 - u.rest) * pixel(v.high, u.low) : 0.0,
                                                inside ? v.rest * u.rest * pixel(v.high, u.high) : 0.0};
              sum += parts[0] + parts[1] + parts[2] + parts[3];
              most = std::max(most, *std::max_element(parts.begin(), parts.end()));
            }
          }
          const bool any = x.samples > 0 && y.samples > 0;
          *to++ = static_cast<T>(!any ? 0.0 : layer.largest ? most : sum / count);
        }
      }
    }
  }
}

}  // namespace fulcrum::kernels

#if FULCRUM_INSTANTIATES(kernels)
namespace fulcrum::kernels {
template void run(const GridSample& layer, std::span<const Source<float>> src, const Result<float>& dst);
template void run(const GridSample& layer, std::span<const Source<double>> src, const Result<double>& dst);
template void run(const RoiAlign& layer, std::span<const Source<float>> src, const Result<float>& dst);
template void run(const RoiAlign& layer, std::span<const Source<double>> src, const Result<double>& dst);
}  // namespace fulcrum::kernels
#endif

#endif
