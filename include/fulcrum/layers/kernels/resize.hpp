#pragma once
/// \file
/// Resize, as ONNX's reference implementation defines it: axis by axis, each output position a mix of source positions.

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include <fulcrum/core/linkage.hpp>
#include <fulcrum/layers/kernels/strided.hpp>
#include <fulcrum/layers/kernels/view.hpp>
#include <fulcrum/layers/resize.hpp>

namespace fulcrum::kernels {

/// One axis of a resize.
struct ResizeAxis {
  std::int64_t src = 0, dst = 0;
  double scale = 1.0;
  double roi_start = 0.0, roi_end = 1.0;
};

FULCRUM_DECLARE [[nodiscard]] ResizeAxis resize_axis(const Resize& layer, const Shape& src, const Shape& dst,
                                                     std::size_t axis);

/// Where output position i lies in the source.
FULCRUM_DECLARE [[nodiscard]] double source_position(ResizeCoordinates coordinates, const ResizeAxis& axis,
                                                     std::int64_t i);

/// The source position that nearest takes.
FULCRUM_DECLARE [[nodiscard]] double nearest_position(ResizeRounding rounding, double x);

/// What each output position of an axis mixes: `taps` source indices with a weight each; of a position outside the
/// region's source, index −1.
struct ResizeMix {
  std::size_t taps = 0;
  std::vector<std::int64_t> index;
  std::vector<double> weight;
};

/// The weight of a source element `distance` away from the position.
FULCRUM_DECLARE [[nodiscard]] double mixing_weight(const Resize& layer, double distance);

FULCRUM_DECLARE [[nodiscard]] ResizeMix resize_mix(const Resize& layer, const ResizeAxis& axis);

/// One axis interpolated: src (outer, axis.src, inner) → dst (outer, axis.dst, inner).
template <class T>
void mix_axis(const T* src, const ResizeMix& mix, const AxisExtents& extents, std::int64_t dst_extent, T outside,
              T* dst);

/// Whether the axis stays as it is.
FULCRUM_DECLARE [[nodiscard]] bool is_kept(const Resize& layer, const ResizeAxis& axis);

/// What a Resize by nearest elements copies where.
FULCRUM_DECLARE [[nodiscard]] MappedCopy nearest_copy(const Resize& layer, const Shape& src, const Shape& dst);

/// A Resize made once for its shapes; running it takes nothing from the heap.
template <class T>
class Resizing {
public:
  /// \throws Error when there is nothing to take for a result that is not empty
  Resizing(const Resize& layer, const Shape& src, const Shape& dst);

  void operator()(const T* src, T* dst);

private:
  struct AxisMix {
    ResizeMix mix;
    AxisExtents extents;
    std::int64_t dst_extent;
  };
  std::optional<MappedCopy> copy_;
  std::vector<AxisMix> mixes_;
  std::array<std::vector<T>, 2> buffers_;
  T outside_;
};

template <class T>
void run(const Resize& layer, std::span<const Source<T>> src, const Result<T>& dst) {
  Resizing<T>(layer, src[0].shape, dst.shape)(src[0].elements.data(), dst.elements.data());
}

}  // namespace fulcrum::kernels

#if FULCRUM_DEFINES(kernels)

#include <algorithm>
#include <cmath>
#include <numeric>
#include <utility>

namespace fulcrum::kernels {

FULCRUM_DEFINE ResizeAxis resize_axis(const Resize& layer, const Shape& src, const Shape& dst, std::size_t axis) {
  ResizeAxis result{src[axis], dst[axis], 1.0, 0.0, 1.0};
  if (!layer.scales.empty())
    result.scale = static_cast<double>(layer.scales[axis]);
  else if (layer.aspect != ResizeAspect::stretch && layer.sizes[axis] != -1)
    result.scale = layer.common_scale(src);
  else
    result.scale = static_cast<double>(dst[axis]) / static_cast<double>(src[axis]);
  if (layer.coordinates == ResizeCoordinates::tf_crop_and_resize) {
    result.roi_start = static_cast<double>(layer.roi[axis]);
    result.roi_end = static_cast<double>(layer.roi[axis + src.size()]);
  }
  return result;
}

FULCRUM_DEFINE double source_position(ResizeCoordinates coordinates, const ResizeAxis& axis, std::int64_t i) {
  const double x = static_cast<double>(i);
  const double src = static_cast<double>(axis.src);
  const double dst = axis.scale * src;  // before it was rounded down
  switch (coordinates) {
    case ResizeCoordinates::half_pixel: return (x + 0.5) / axis.scale - 0.5;
    case ResizeCoordinates::pytorch_half_pixel: return dst == 1.0 ? -0.5 : (x + 0.5) / axis.scale - 0.5;
    case ResizeCoordinates::half_pixel_symmetric: {
      const double offset = src / 2.0 * (1.0 - static_cast<double>(axis.dst) / dst);
      return offset + (x + 0.5) / axis.scale - 0.5;
    }
    case ResizeCoordinates::align_corners: return dst == 1.0 ? 0.0 : x * (src - 1.0) / (dst - 1.0);
    case ResizeCoordinates::asymmetric: return x / axis.scale;
    case ResizeCoordinates::tf_crop_and_resize: {
      const double region = (axis.roi_end - axis.roi_start) * (src - 1.0);
      const double within = axis.dst == 1 ? region / 2.0 : x * region / (static_cast<double>(axis.dst) - 1.0);
      return axis.roi_start * (src - 1.0) + within;
    }
  }
  return 0.0;
}

FULCRUM_DEFINE double nearest_position(ResizeRounding rounding, double x) {
  switch (rounding) {
    case ResizeRounding::round_prefer_floor: return std::ceil(x - 0.5);
    case ResizeRounding::round_prefer_ceil: return std::floor(x + 0.5);
    case ResizeRounding::floor: return std::floor(x);
    case ResizeRounding::ceil: return std::ceil(x);
  }
  return x;
}

FULCRUM_DEFINE double mixing_weight(const Resize& layer, double distance) {
  const double x = std::abs(distance);
  if (layer.mode == ResizeKind::linear) return std::max(0.0, 1.0 - x);
  const double a = static_cast<double>(layer.cubic_coefficient);
  if (x <= 1.0) return ((a + 2.0) * x - (a + 3.0)) * x * x + 1.0;
  return x < 2.0 ? ((a * x - 5.0 * a) * x + 8.0 * a) * x - 4.0 * a : 0.0;
}

FULCRUM_DEFINE ResizeMix resize_mix(const Resize& layer, const ResizeAxis& axis) {
  // Antialiasing when shrinking spreads the weights over as many more elements.
  const double spread = layer.antialias ? std::min(axis.scale, 1.0) : 1.0;
  const double radius = layer.mode == ResizeKind::linear ? 1.0 : 2.0;
  const auto half = static_cast<std::int64_t>(-std::floor(-radius / spread));
  ResizeMix mix;
  mix.taps = static_cast<std::size_t>(2 * half);
  for (std::int64_t i = 0; i < axis.dst; ++i) {
    const double x = source_position(layer.coordinates, axis, i);
    const bool outside = layer.coordinates == ResizeCoordinates::tf_crop_and_resize &&
                         (x < 0.0 || x > static_cast<double>(axis.src - 1));
    const double left = std::ceil(x) - 1.0;
    double sum = 0.0;
    for (std::int64_t k = 1 - half; k <= half; ++k) {
      const std::int64_t at = static_cast<std::int64_t>(left) + k;
      double weight = mixing_weight(layer, spread * (static_cast<double>(k) - (x - left)));
      if (layer.exclude_outside && (at < 0 || at >= axis.src)) weight = 0.0;
      sum += weight;
      mix.weight.push_back(weight);
      mix.index.push_back(outside ? -1 : std::clamp<std::int64_t>(at, 0, axis.src - 1));
    }
    if (layer.antialias || layer.exclude_outside) {
      for (auto w = mix.weight.end() - static_cast<std::ptrdiff_t>(mix.taps); w != mix.weight.end(); ++w) *w /= sum;
    }
  }
  return mix;
}

template <class T>
void mix_axis(const T* src, const ResizeMix& mix, const AxisExtents& extents, std::int64_t dst_extent, T outside,
              T* dst) {
  for (std::int64_t o = 0; o < extents.outer; ++o, src += extents.extent * extents.inner) {
    for (std::int64_t i = 0; i < dst_extent; ++i, dst += extents.inner) {
      const std::size_t first = static_cast<std::size_t>(i) * mix.taps;
      if (mix.index[first] < 0) {
        std::fill_n(dst, extents.inner, outside);
        continue;
      }
      if (extents.inner == 1) {
        T sum{0};
        for (std::size_t k = first; k < first + mix.taps; ++k) {
          if (mix.weight[k] != 0.0) sum += static_cast<T>(mix.weight[k]) * src[mix.index[k]];
        }
        *dst = sum;
        continue;
      }
      std::fill_n(dst, extents.inner, T{0});
      for (std::size_t k = first; k < first + mix.taps; ++k) {
        const T weight = static_cast<T>(mix.weight[k]);
        if (weight == T{0}) continue;
        const T* x = src + mix.index[k] * extents.inner;
        for (std::int64_t j = 0; j < extents.inner; ++j) dst[j] += weight * x[j];
      }
    }
  }
}

FULCRUM_DEFINE bool is_kept(const Resize& layer, const ResizeAxis& axis) {
  return axis.scale == 1.0 && axis.src == axis.dst &&
         (layer.coordinates != ResizeCoordinates::tf_crop_and_resize ||
          (axis.roi_start == 0.0 && axis.roi_end == 1.0)) &&
         (layer.coordinates != ResizeCoordinates::pytorch_half_pixel || axis.src != 1);
}

FULCRUM_DEFINE MappedCopy nearest_copy(const Resize& layer, const Shape& src, const Shape& dst) {
  std::vector<std::vector<std::int64_t>> maps;
  for (std::size_t a = 0; a < src.size(); ++a) {
    const ResizeAxis axis = resize_axis(layer, src, dst, a);
    const double last = static_cast<double>(axis.src - 1);
    std::vector<std::int64_t> map;
    for (std::int64_t i = 0; i < axis.dst; ++i) {
      const double x = source_position(layer.coordinates, axis, i);
      const bool outside = layer.coordinates == ResizeCoordinates::tf_crop_and_resize && (x < 0.0 || x > last);
      const double nearest = std::clamp(nearest_position(layer.rounding, x), 0.0, last);
      map.push_back(outside ? -1 : static_cast<std::int64_t>(nearest));
    }
    maps.push_back(std::move(map));
  }
  return {src, std::move(maps)};
}

template <class T>
Resizing<T>::Resizing(const Resize& layer, const Shape& src, const Shape& dst)
    : outside_(static_cast<T>(layer.extrapolation)) {
  if (element_count(dst) == 0) return;
  if (element_count(src) == 0) throw Error("Resize", "has nothing in a source " + to_string(src) + " to take");
  if (layer.mode == ResizeKind::nearest) {
    copy_ = nearest_copy(layer, src, dst);
    return;
  }
  Shape shape = src;
  for (std::size_t a = shape.size(); a-- > 0;) {  // the last axis first
    const ResizeAxis axis = resize_axis(layer, src, dst, a);
    if (is_kept(layer, axis)) continue;
    if (!mixes_.empty()) {  // what the axis before made goes to a buffer, the last one's to dst
      std::vector<T>& buffer = buffers_[(mixes_.size() - 1) % 2];
      buffer.resize(std::max(buffer.size(), static_cast<std::size_t>(element_count(shape))));
    }
    mixes_.push_back({resize_mix(layer, axis), around_axis(shape, a), dst[a]});
    shape[a] = dst[a];
  }
  if (!mixes_.empty()) return;
  std::vector<std::vector<std::int64_t>> all;  // as it is
  for (const std::int64_t extent : src) {
    all.emplace_back(static_cast<std::size_t>(extent));
    std::iota(all.back().begin(), all.back().end(), std::int64_t{0});
  }
  copy_ = MappedCopy(src, std::move(all));
}

template <class T>
void Resizing<T>::operator()(const T* src, T* dst) {
  if (copy_) (*copy_)(src, outside_, dst);
  for (std::size_t i = 0; i < mixes_.size(); ++i) {
    T* to = i + 1 == mixes_.size() ? dst : buffers_[i % 2].data();
    mix_axis(src, mixes_[i].mix, mixes_[i].extents, mixes_[i].dst_extent, outside_, to);
    src = to;
  }
}

}  // namespace fulcrum::kernels

#if FULCRUM_INSTANTIATES(kernels)
namespace fulcrum::kernels {
template void mix_axis(const float* src, const ResizeMix& mix, const AxisExtents& extents, std::int64_t dst_extent,
                       float outside, float* dst);
template void mix_axis(const double* src, const ResizeMix& mix, const AxisExtents& extents, std::int64_t dst_extent,
                       double outside, double* dst);
template class Resizing<float>;
template class Resizing<double>;
}  // namespace fulcrum::kernels
#endif

#endif
