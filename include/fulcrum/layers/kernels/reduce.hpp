#pragma once
/// \file
/// Softmax, Reduce, ArgReduce, MaxPoolIndices.

#include <array>
#include <cstdint>
#include <span>

#include <fulcrum/core/linkage.hpp>
#include <fulcrum/layers/kernels/strided.hpp>
#include <fulcrum/layers/kernels/view.hpp>
#include <fulcrum/layers/pool.hpp>
#include <fulcrum/layers/reduce.hpp>
#include <fulcrum/layers/softmax.hpp>

namespace fulcrum::kernels {

template <class T>
void run(const Softmax& layer, std::span<const Source<T>> src, const Result<T>& dst);

/// The elements of src from `start` on, added up by f: Σ f(x).
template <class T, class F>
[[nodiscard]] double sum_of(const T* src, const Loops<1>& loops, F&& f) {
  double sum = 0.0;
  const std::int64_t step = loops.strides[0].back();
  for_each_row(loops, {0}, [&](const std::array<std::int64_t, 1>& at) {
    const T* x = src + at[0];
    for (std::int64_t i = 0; i < loops.extents.back(); ++i) sum += f(static_cast<double>(x[i * step]));
  });
  return sum;
}

/// The largest of sign · x, times the sign again; −sign · ∞ of nothing, NaN when one element is.
template <class T>
[[nodiscard]] double extreme_of(const T* src, const Loops<1>& loops, double sign);

/// One reduction of the elements that the loops walk over.
template <class T>
[[nodiscard]] double reduced(ReduceKind function, const T* src, const Loops<1>& loops);

/// The loops of a Reduce: over what stays, and for each position of that over what goes.
struct ReduceLoops {
  Loops<1> kept, gone;
};
FULCRUM_DECLARE [[nodiscard]] ReduceLoops reduce_loops(const Reduce& layer, const Shape& src);

template <class T>
void reduce(ReduceKind function, const ReduceLoops& loops, const T* src, T* dst);
template <class T>
void run(const Reduce& layer, std::span<const Source<T>> src, const Result<T>& dst) {
  reduce(layer.function, reduce_loops(layer, src[0].shape), src[0].elements.data(), dst.elements.data());
}

template <class T>
void run(const ArgReduce& layer, std::span<const Source<T>> src, const Result<T>& dst);

/// A window's positions along one axis for output position y: source indices from `first` in steps of the dilation.
struct WindowTaps {
  std::int64_t first, count;
};
FULCRUM_DECLARE [[nodiscard]] WindowTaps taps_inside(const detail::WindowAxis& axis, std::int64_t src, std::int64_t y);

/// Of a window that holds no element of the source, −1.
template <class T>
void run(const MaxPoolIndices& layer, std::span<const Source<T>> src, const Result<T>& dst);

}  // namespace fulcrum::kernels

#if FULCRUM_DEFINES(kernels)

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <limits>
#include <vector>

namespace fulcrum::kernels {

template <class T>
void run(const Softmax& layer, std::span<const Source<T>> src, const Result<T>& dst) {
  const AxisExtents extents = around_axis(src[0].shape, normalized_axis(layer.axis, src[0].shape.size()));
  const std::int64_t step = extents.inner;
  for (std::int64_t o = 0; o < extents.outer; ++o) {
    for (std::int64_t i = 0; i < extents.inner; ++i) {
      const T* x = src[0].elements.data() + o * extents.extent * step + i;
      T* y = dst.elements.data() + o * extents.extent * step + i;
      T largest = -std::numeric_limits<T>::infinity();
      for (std::int64_t k = 0; k < extents.extent; ++k) largest = std::max(largest, x[k * step]);
      T sum{0};
      if (layer.logarithm) {
        for (std::int64_t k = 0; k < extents.extent; ++k) sum += std::exp(x[k * step] - largest);
        const T log_sum = std::log(sum);
        for (std::int64_t k = 0; k < extents.extent; ++k) y[k * step] = x[k * step] - largest - log_sum;
      } else {
        for (std::int64_t k = 0; k < extents.extent; ++k) sum += y[k * step] = std::exp(x[k * step] - largest);
        for (std::int64_t k = 0; k < extents.extent; ++k) y[k * step] /= sum;
      }
    }
  }
}

template <class T>
double extreme_of(const T* src, const Loops<1>& loops, double sign) {
  double best = -std::numeric_limits<double>::infinity();
  for_each_position(loops, {0}, [&](const std::array<std::int64_t, 1>& at) {
    const double x = sign * static_cast<double>(src[at[0]]);
    if (x > best || std::isnan(x)) best = x;
  });
  return sign * best;
}

template <class T>
double reduced(ReduceKind function, const T* src, const Loops<1>& loops) {
  const auto itself = [](double x) { return x; };
  const auto square = [](double x) { return x * x; };
  switch (function) {
    case ReduceKind::sum: return sum_of(src, loops, itself);
    case ReduceKind::mean: return sum_of(src, loops, itself) / static_cast<double>(position_count(loops.extents));
    case ReduceKind::max: return extreme_of(src, loops, 1.0);
    case ReduceKind::min: return extreme_of(src, loops, -1.0);
    case ReduceKind::prod: {
      double product = 1.0;
      for_each_position(loops, {0},
                        [&](const std::array<std::int64_t, 1>& at) { product *= static_cast<double>(src[at[0]]); });
      return product;
    }
    case ReduceKind::l1: return sum_of(src, loops, [](double x) { return std::abs(x); });
    case ReduceKind::l2: return std::sqrt(sum_of(src, loops, square));
    case ReduceKind::log_sum: return std::log(sum_of(src, loops, itself));
    case ReduceKind::log_sum_exp: {
      const double largest = extreme_of(src, loops, 1.0);
      if (!std::isfinite(largest)) return largest;
      return largest + std::log(sum_of(src, loops, [&](double x) { return std::exp(x - largest); }));
    }
    case ReduceKind::sum_square: return sum_of(src, loops, square);
  }
  return 0.0;
}

FULCRUM_DEFINE ReduceLoops reduce_loops(const Reduce& layer, const Shape& src) {
  const std::vector<bool> named = detail::named_axes(layer.axes, src.size(), "Reduce");
  const Steps strides = row_major_strides(src);
  Steps kept, kept_strides, gone, gone_strides;
  for (std::size_t axis = 0; axis < strides.size(); ++axis) {
    (named[axis] ? gone : kept).push_back(src[axis]);
    (named[axis] ? gone_strides : kept_strides).push_back(strides[axis]);
  }
  return {merged<1>(kept, {kept_strides}), merged<1>(gone, {gone_strides})};
}

template <class T>
void reduce(ReduceKind function, const ReduceLoops& loops, const T* src, T* dst) {
  for_each_position(loops.kept, {0}, [&](const std::array<std::int64_t, 1>& at) {
    *dst++ = static_cast<T>(reduced(function, src + at[0], loops.gone));
  });
}

template <class T>
void run(const ArgReduce& layer, std::span<const Source<T>> src, const Result<T>& dst) {
  const AxisExtents extents = around_axis(src[0].shape, normalized_axis(layer.axis, src[0].shape.size()));
  T* to = dst.elements.data();
  for (std::int64_t o = 0; o < extents.outer; ++o) {
    for (std::int64_t i = 0; i < extents.inner; ++i) {
      const T* x = src[0].elements.data() + o * extents.extent * extents.inner + i;
      std::int64_t best = 0;
      for (std::int64_t k = 1; k < extents.extent; ++k) {
        const T candidate = x[k * extents.inner];
        const T held = x[best * extents.inner];
        if ((layer.largest ? candidate > held : candidate < held) || (layer.last && candidate == held)) best = k;
      }
      *to++ = static_cast<T>(best);
    }
  }
}

FULCRUM_DEFINE WindowTaps taps_inside(const detail::WindowAxis& axis, std::int64_t src, std::int64_t y) {
  const std::int64_t start = y * axis.stride - axis.before;
  const std::int64_t skipped = start < 0 ? (-start + axis.dilation - 1) / axis.dilation : 0;
  const std::int64_t first = start + skipped * axis.dilation;
  const std::int64_t reach = first < src ? (src - 1 - first) / axis.dilation + 1 : 0;
  return {first, std::max<std::int64_t>(0, std::min(axis.kernel - skipped, reach))};
}

template <class T>
void run(const MaxPoolIndices& layer, std::span<const Source<T>> src, const Result<T>& dst) {
  const Shape& from = src[0].shape;
  const bool deep = from.size() == 5;
  const auto plane = detail::plane_axes(layer.window);
  const detail::WindowAxis depth = deep ? detail::depth_axis(layer.window) : detail::WindowAxis{1, 1, 0, 0, 1, false};
  const std::int64_t id = deep ? from[2] : 1, ih = from[from.size() - 2], iw = from.back();
  const std::int64_t od = deep ? dst.shape[2] : 1, oh = dst.shape[from.size() - 2], ow = dst.shape.back();
  T* to = dst.elements.data();
  for (std::int64_t p = 0; p < from[0] * from[1]; ++p) {
    const T* volume = src[0].elements.data() + p * id * ih * iw;
    for (std::int64_t z = 0; z < od; ++z) {
      const WindowTaps in_depth = taps_inside(depth, id, z);
      for (std::int64_t y = 0; y < oh; ++y) {
        const WindowTaps rows = taps_inside(plane[0], ih, y);
        for (std::int64_t x = 0; x < ow; ++x) {
          const WindowTaps columns = taps_inside(plane[1], iw, x);
          std::int64_t best = -1;
          T largest{};
          for (std::int64_t i = 0; i < in_depth.count; ++i) {
            const std::int64_t d = in_depth.first + i * depth.dilation;
            for (std::int64_t j = 0; j < rows.count; ++j) {
              const std::int64_t h = rows.first + j * plane[0].dilation;
              for (std::int64_t k = 0; k < columns.count; ++k) {
                const std::int64_t w = columns.first + k * plane[1].dilation;
                const T value = volume[(d * ih + h) * iw + w];
                if (best >= 0 && !(value > largest)) continue;
                largest = value;
                best = p * id * ih * iw + (layer.column_major ? d + id * (h + ih * w) : (d * ih + h) * iw + w);
              }
            }
          }
          *to++ = static_cast<T>(best);
        }
      }
    }
  }
}

}  // namespace fulcrum::kernels

#if FULCRUM_INSTANTIATES(kernels)
namespace fulcrum::kernels {
template void run(const Softmax& layer, std::span<const Source<float>> src, const Result<float>& dst);
template void run(const Softmax& layer, std::span<const Source<double>> src, const Result<double>& dst);
template double extreme_of(const float* src, const Loops<1>& loops, double sign);
template double extreme_of(const double* src, const Loops<1>& loops, double sign);
template double reduced(ReduceKind function, const float* src, const Loops<1>& loops);
template double reduced(ReduceKind function, const double* src, const Loops<1>& loops);
template void reduce(ReduceKind function, const ReduceLoops& loops, const float* src, float* dst);
template void reduce(ReduceKind function, const ReduceLoops& loops, const double* src, double* dst);
template void run(const ArgReduce& layer, std::span<const Source<float>> src, const Result<float>& dst);
template void run(const ArgReduce& layer, std::span<const Source<double>> src, const Result<double>& dst);
template void run(const MaxPoolIndices& layer, std::span<const Source<float>> src, const Result<float>& dst);
template void run(const MaxPoolIndices& layer, std::span<const Source<double>> src, const Result<double>& dst);
}  // namespace fulcrum::kernels
#endif

#endif
