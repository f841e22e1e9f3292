#pragma once
/// \file
/// Each layer as its header defines it, in plain loops. Products alone go through Eigen (layers/kernels/product.hpp).

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <span>
#include <vector>

#include <fulcrum/layers/kernels/kernels.hpp>
#include <fulcrum/layers/kernels/product.hpp>
#include <fulcrum/layers/layer.hpp>

namespace fulcrum::detail::reference {

/// Depth, height and width.
using Extent3 = std::array<std::int64_t, 3>;

/// The last three extents of a shape (n, c, d, h, w); depth 1 of (n, c, h, w).
[[nodiscard]] inline Extent3 volume_of(const Shape& shape) {
  const std::size_t rank = shape.size();
  return {rank == 5 ? shape[2] : 1, shape[rank - 2], shape[rank - 1]};
}
[[nodiscard]] inline std::int64_t count_of(const Extent3& volume) { return volume[0] * volume[1] * volume[2]; }

/// A window's axes along depth, height and width. (Depth is 1 wide by default, as sources without one need it.)
[[nodiscard]] inline std::array<WindowAxis, 3> volume_axes(const Window& window) {
  const auto plane = plane_axes(window);
  return {depth_axis(window), plane[0], plane[1]};
}

/// The patches under a window, one column per output position: (c · kd · kh · kw) × (od · oh · ow), 0 where the window
/// hangs over the edge. `volume` is (c, id, ih, iw).
template <class T>
[[nodiscard]] std::vector<T> patches(std::span<const T> volume, std::int64_t channels, const Extent3& src,
                                     const Window& window, const Extent3& dst) {
  const auto axes = volume_axes(window);
  const auto at = [&](std::size_t axis, std::int64_t position, std::int64_t tap) {
    return position * axes[axis].stride - axes[axis].before + tap * axes[axis].dilation;
  };
  const std::int64_t taps = axes[0].kernel * axes[1].kernel * axes[2].kernel;
  const std::int64_t positions = count_of(dst);
  std::vector<T> columns(static_cast<std::size_t>(channels * taps * positions), T{0});
  for (std::int64_t row = 0; row < channels * taps; ++row) {
    const std::int64_t c = row / taps;
    const std::int64_t k = row / (axes[1].kernel * axes[2].kernel) % axes[0].kernel;
    const std::int64_t i = row / axes[2].kernel % axes[1].kernel;
    const std::int64_t j = row % axes[2].kernel;
    for (std::int64_t z = 0; z < dst[0]; ++z) {
      const std::int64_t d = at(0, z, k);
      if (d < 0 || d >= src[0]) continue;
      for (std::int64_t y = 0; y < dst[1]; ++y) {
        const std::int64_t h = at(1, y, i);
        if (h < 0 || h >= src[1]) continue;
        for (std::int64_t x = 0; x < dst[2]; ++x) {
          const std::int64_t w = at(2, x, j);
          if (w < 0 || w >= src[2]) continue;
          columns[static_cast<std::size_t>(row * positions + (z * dst[1] + y) * dst[2] + x)] =
              volume[static_cast<std::size_t>(((c * src[0] + d) * src[1] + h) * src[2] + w)];
        }
      }
    }
  }
  return columns;
}

template <class T>
[[nodiscard]] Tensor<T> run(const Conv<T>& layer, const Tensor<T>& src, const Shape& dst_shape) {
  const Extent3 from = volume_of(src.dims()), to = volume_of(dst_shape);
  const std::int64_t ic = src.dim(1) / layer.groups, oc = dst_shape[1] / layer.groups;
  const std::int64_t positions = count_of(to);
  const auto volume_size = static_cast<std::size_t>(ic * count_of(from));
  const auto axes = volume_axes(layer.window);
  const std::int64_t taps = ic * axes[0].kernel * axes[1].kernel * axes[2].kernel;
  Tensor<T> dst(dst_shape);
  for (std::int64_t n = 0; n < dst_shape[0]; ++n) {
    for (std::int64_t g = 0; g < layer.groups; ++g) {
      const auto volume = static_cast<std::size_t>(n * layer.groups + g);
      const std::vector<T> columns =
          patches(src.flat().subspan(volume * volume_size, volume_size), ic, from, layer.window, to);
      T* result = dst.flat().data() + (n * layer.groups + g) * oc * positions;
      // (oc, ic·kd·kh·kw) · (ic·kd·kh·kw, od·oh·ow) → (oc, od·oh·ow)
      kernels::multiply<T>({layer.weights.value->flat().data() + g * oc * taps, oc, taps, taps},
                           {columns.data(), taps, positions, positions}, kernels::Factors::plain, result, positions);
      if (layer.bias.empty()) continue;
      for (std::int64_t c = 0; c < oc; ++c) {
        const T bias = layer.bias.value->flat()[static_cast<std::size_t>(g * oc + c)];
        for (std::int64_t i = 0; i < positions; ++i) result[c * positions + i] += bias;
      }
    }
  }
  return dst;
}

template <class T>
[[nodiscard]] Tensor<T> run(const Dense<T>& layer, const Tensor<T>& src, const Shape& dst_shape) {
  const std::int64_t oc = layer.weights.value->dim(0), ic = layer.weights.value->dim(1);
  const std::int64_t rows = element_count(dst_shape) / std::max<std::int64_t>(oc, 1);
  Tensor<T> dst(dst_shape);
  // (rows, ic) · (ic, oc) → (rows, oc)
  kernels::multiply<T>({src.flat().data(), rows, ic, ic}, {layer.weights.value->flat().data(), oc, ic, ic},
                       kernels::Factors::transposed_rhs, dst.flat().data(), oc);
  if (!layer.bias.empty()) kernels::add_to_rows(dst.flat().data(), rows, oc, oc, layer.bias.value->flat().data());
  return dst;
}

template <class T>
[[nodiscard]] Tensor<T> run(const BatchNormalization<T>& layer, const Tensor<T>& src, const Shape& dst_shape) {
  Tensor<T> dst(dst_shape);
  for_each_channel_element(dst_shape, 1, [&](std::size_t i, std::size_t c) {
    const T deviation = std::sqrt(layer.variance.value->flat()[c] + static_cast<T>(layer.epsilon));
    dst.flat()[i] = layer.scale.value->flat()[c] * (src.flat()[i] - layer.mean.value->flat()[c]) / deviation +
                    layer.shift.value->flat()[c];
  });
  return dst;
}

/// Maximum or average of the positions of one window that lie inside the volume (id, ih, iw).
///
/// NaN among them gives NaN. The average divides by their number or, with count_include_pad, by the number of positions
/// inside the volume and its padding: what a last window of ceil_mode reaches past that never counts (ONNX AveragePool
/// since opset 19, PyTorch).
template <class T>
[[nodiscard]] T pool_window(const Pool& layer, const std::array<WindowAxis, 3>& axes, std::span<const T> volume,
                            const Extent3& extent, const Extent3& position) {
  const auto at = [&](std::size_t axis, std::int64_t tap) {
    return position[axis] * axes[axis].stride - axes[axis].before + tap * axes[axis].dilation;
  };
  T sum{0};
  T largest = -std::numeric_limits<T>::infinity();
  std::int64_t inside = 0;
  std::int64_t padded = 0;
  for (std::int64_t k = 0; k < axes[0].kernel; ++k) {
    const std::int64_t d = at(0, k);
    if (d >= extent[0] + axes[0].after) break;
    for (std::int64_t i = 0; i < axes[1].kernel; ++i) {
      const std::int64_t h = at(1, i);
      if (h >= extent[1] + axes[1].after) break;
      for (std::int64_t j = 0; j < axes[2].kernel; ++j) {
        const std::int64_t w = at(2, j);
        if (w >= extent[2] + axes[2].after) break;
        ++padded;
        if (d < 0 || d >= extent[0] || h < 0 || h >= extent[1] || w < 0 || w >= extent[2]) continue;
        const T value = volume[static_cast<std::size_t>((d * extent[1] + h) * extent[2] + w)];
        ++inside;
        sum += value;
        if (value > largest || std::isnan(value)) largest = value;  // NaN stays
      }
    }
  }
  if (layer.pool == PoolKind::max) return largest;
  const std::int64_t divisor = layer.count_include_pad ? padded : inside;
  return divisor == 0 ? T{0} : sum / static_cast<T>(divisor);
}

template <class T>
[[nodiscard]] Tensor<T> run(const Pool& layer, const Tensor<T>& src, const Shape& dst_shape) {
  const auto axes = volume_axes(layer.window);
  const Extent3 from = volume_of(src.dims()), to = volume_of(dst_shape);
  const auto volume_size = static_cast<std::size_t>(count_of(from));
  const auto volumes = static_cast<std::size_t>(dst_shape[0] * dst_shape[1]);
  Tensor<T> dst(dst_shape);
  std::size_t at = 0;
  for (std::size_t v = 0; v < volumes; ++v) {
    const std::span<const T> volume = src.flat().subspan(v * volume_size, volume_size);
    for (std::int64_t z = 0; z < to[0]; ++z) {
      for (std::int64_t y = 0; y < to[1]; ++y) {
        for (std::int64_t x = 0; x < to[2]; ++x) dst.flat()[at++] = pool_window(layer, axes, volume, from, {z, y, x});
      }
    }
  }
  return dst;
}

template <class T>
[[nodiscard]] Tensor<T> run(const GlobalPool& layer, const Tensor<T>& src, const Shape& dst_shape) {
  Pool whole;
  whole.pool = layer.pool;
  whole.window.kernel = {src.dim(2), src.dim(3)};
  return run(whole, src, dst_shape);
}

/// A layer whose kernel stands in layers/kernels.
template <class T, class L>
[[nodiscard]] Tensor<T> run(const L& layer, std::span<const Tensor<T>* const> src, const Shape& dst_shape) {
  std::vector<kernels::Source<T>> from;
  for (const Tensor<T>* tensor : src) from.push_back({tensor->flat(), tensor->dims()});
  Tensor<T> dst(dst_shape);
  kernels::run(layer, std::span<const kernels::Source<T>>(from), kernels::Result<T>{dst.flat(), dst_shape});
  return dst;
}

/// The layer's result for the values of its sources.
template <class T>
[[nodiscard]] Tensor<T> run(const Layer<T>& layer, std::span<const Tensor<T>* const> src, const Shape& dst_shape) {
  return visit_layer(Overloads{[](const Input& l) -> Tensor<T> {
                                 throw Error("input of shape " + to_string(l.shape),
                                             "is given by the user, not computed");
                               },
                               [](const Constant<T>& l) { return *l.value.value; },
                               [&](const Conv<T>& l) { return run(l, *src[0], dst_shape); },
                               [&](const Dense<T>& l) { return run(l, *src[0], dst_shape); },
                               [&](const BatchNormalization<T>& l) { return run(l, *src[0], dst_shape); },
                               [&](const Pool& l) { return run(l, *src[0], dst_shape); },
                               [&](const GlobalPool& l) { return run(l, *src[0], dst_shape); },
                               [&](const Reshape&) { return src[0]->reshaped(dst_shape); },
                               [&](const Flatten&) { return src[0]->reshaped(dst_shape); },
                               [&](const KernelLayer auto& l) { return run<T>(l, src, dst_shape); }},
                     layer);
}

}  // namespace fulcrum::detail::reference
