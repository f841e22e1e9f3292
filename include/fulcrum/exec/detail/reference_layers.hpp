#pragma once
/// \file
/// Each layer as its header defines it, in plain loops. Products alone go through Eigen.

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <span>
#include <vector>

#include <fulcrum/layers/layer.hpp>
#include <fulcrum/tensor/matrix_view.hpp>

namespace fulcrum::detail::reference {

/// The patches under a window, one column per output position: (c · kh · kw) × (oh · ow), 0 where the window hangs over
/// the edge. `plane` is (c, ih, iw).
template <class T>
[[nodiscard]] Matrix<T> patches(std::span<const T> plane, const Shape& src, const Window& window, std::int64_t oh,
                                std::int64_t ow) {
  const std::int64_t channels = src[0], ih = src[1], iw = src[2];
  const std::int64_t kh = window.kernel[0], kw = window.kernel[1];
  Matrix<T> columns = Matrix<T>::Zero(channels * kh * kw, oh * ow);
  for (std::int64_t c = 0; c < channels; ++c) {
    for (std::int64_t i = 0; i < kh; ++i) {
      for (std::int64_t j = 0; j < kw; ++j) {
        for (std::int64_t y = 0; y < oh; ++y) {
          const std::int64_t h = y * window.stride[0] - window.padding.top + i * window.dilation[0];
          if (h < 0 || h >= ih) continue;
          for (std::int64_t x = 0; x < ow; ++x) {
            const std::int64_t w = x * window.stride[1] - window.padding.left + j * window.dilation[1];
            if (w < 0 || w >= iw) continue;
            columns((c * kh + i) * kw + j, y * ow + x) = plane[static_cast<std::size_t>((c * ih + h) * iw + w)];
          }
        }
      }
    }
  }
  return columns;
}

template <class T>
[[nodiscard]] Tensor<T> run(const Conv<T>& layer, const Tensor<T>& src, const Shape& dst_shape) {
  using Map = Eigen::Map<Matrix<T>>;
  using ConstMap = Eigen::Map<const Matrix<T>>;
  const std::int64_t ic = src.dim(1) / layer.groups, ih = src.dim(2), iw = src.dim(3);
  const std::int64_t oc = dst_shape[1] / layer.groups, oh = dst_shape[2], ow = dst_shape[3];
  const std::int64_t depth = ic * layer.window.kernel[0] * layer.window.kernel[1];
  Tensor<T> dst(dst_shape);
  for (std::int64_t n = 0; n < dst_shape[0]; ++n) {
    for (std::int64_t g = 0; g < layer.groups; ++g) {
      const std::span<const T> plane = src.flat().subspan(
          static_cast<std::size_t>((n * layer.groups + g) * ic * ih * iw), static_cast<std::size_t>(ic * ih * iw));
      const Matrix<T> columns = patches(plane, {ic, ih, iw}, layer.window, oh, ow);
      const ConstMap weights(layer.weights.value->flat().data() + g * oc * depth, oc, depth);
      Map result(dst.flat().data() + (n * layer.groups + g) * oc * oh * ow, oc, oh * ow);
      result.noalias() = weights * columns;  // (oc, ic·kh·kw) · (ic·kh·kw, oh·ow) → (oc, oh·ow)
      if (layer.bias.empty()) continue;
      for (std::int64_t c = 0; c < oc; ++c) {
        result.row(c).array() += layer.bias.value->flat()[static_cast<std::size_t>(g * oc + c)];
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
  const Eigen::Map<const Matrix<T>> x(src.flat().data(), rows, ic);
  Eigen::Map<Matrix<T>> y(dst.flat().data(), rows, oc);
  y.noalias() = x * as_matrix(*layer.weights.value).transpose();  // (rows, ic) · (ic, oc) → (rows, oc)
  if (!layer.bias.empty()) y.rowwise() += as_matrix(*layer.bias.value).col(0).transpose();
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

/// Maximum or average of the positions of one window that lie inside the plane (ih, iw).
///
/// The average divides by their number or, with count_include_pad, by the number of positions inside the plane and its
/// padding: what a last window of ceil_mode reaches past that never counts (ONNX AveragePool since opset 19, PyTorch).
template <class T>
[[nodiscard]] T pool_window(const Pool& layer, std::span<const T> plane, Extent2 extent, std::int64_t y,
                            std::int64_t x) {
  const Window& window = layer.window;
  T sum{0};
  T largest = -std::numeric_limits<T>::infinity();
  std::int64_t inside = 0;
  std::int64_t padded = 0;
  for (std::int64_t i = 0; i < window.kernel[0]; ++i) {
    const std::int64_t h = y * window.stride[0] - window.padding.top + i * window.dilation[0];
    if (h >= extent[0] + window.padding.bottom) break;
    for (std::int64_t j = 0; j < window.kernel[1]; ++j) {
      const std::int64_t w = x * window.stride[1] - window.padding.left + j * window.dilation[1];
      if (w >= extent[1] + window.padding.right) break;
      ++padded;
      if (h < 0 || h >= extent[0] || w < 0 || w >= extent[1]) continue;
      const T value = plane[static_cast<std::size_t>(h * extent[1] + w)];
      ++inside;
      sum += value;
      largest = std::max(largest, value);
    }
  }
  if (layer.pool == PoolKind::max) return largest;
  const std::int64_t divisor = layer.count_include_pad ? padded : inside;
  return divisor == 0 ? T{0} : sum / static_cast<T>(divisor);
}

template <class T>
[[nodiscard]] Tensor<T> run(const Pool& layer, const Tensor<T>& src, const Shape& dst_shape) {
  const Extent2 extent{src.dim(2), src.dim(3)};
  const auto plane_size = static_cast<std::size_t>(extent[0] * extent[1]);
  const auto planes = static_cast<std::size_t>(dst_shape[0] * dst_shape[1]);
  Tensor<T> dst(dst_shape);
  std::size_t at = 0;
  for (std::size_t p = 0; p < planes; ++p) {
    for (std::int64_t y = 0; y < dst_shape[2]; ++y) {
      for (std::int64_t x = 0; x < dst_shape[3]; ++x) {
        dst.flat()[at++] = pool_window(layer, src.flat().subspan(p * plane_size, plane_size), extent, y, x);
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

template <class T>
[[nodiscard]] Tensor<T> run(const Activation& layer, const Tensor<T>& src) {
  Tensor<T> dst(src.dims());
  std::transform(src.flat().begin(), src.flat().end(), dst.flat().begin(), [&](T x) { return layer(x); });
  return dst;
}

/// How far one step along each axis of `dst` moves in `src`, 0 where `src` is broadcast.
[[nodiscard]] inline Shape broadcast_strides(const Shape& src, const Shape& dst) {
  Shape strides(dst.size(), 0);
  std::int64_t stride = 1;
  for (std::size_t axis = src.size(); axis-- > 0;) {
    if (src[axis] != 1) strides[axis + dst.size() - src.size()] = stride;
    stride *= src[axis];
  }
  return strides;
}

template <class T>
[[nodiscard]] Tensor<T> run(const Binary& layer, const Tensor<T>& a, const Tensor<T>& b, const Shape& dst_shape) {
  const Shape stride_a = broadcast_strides(a.dims(), dst_shape);
  const Shape stride_b = broadcast_strides(b.dims(), dst_shape);
  Tensor<T> dst(dst_shape);
  for (std::size_t i = 0; i < dst.flat().size(); ++i) {
    auto rest = static_cast<std::int64_t>(i);
    std::int64_t at_a = 0;
    std::int64_t at_b = 0;
    for (std::size_t axis = dst_shape.size(); axis-- > 0;) {
      const std::int64_t index = rest % dst_shape[axis];
      rest /= dst_shape[axis];
      at_a += index * stride_a[axis];
      at_b += index * stride_b[axis];
    }
    dst.flat()[i] = layer(a.flat()[static_cast<std::size_t>(at_a)], b.flat()[static_cast<std::size_t>(at_b)]);
  }
  return dst;
}

template <class T>
[[nodiscard]] Tensor<T> run(const Concat& layer, std::span<const Tensor<T>* const> src, const Shape& dst_shape) {
  const std::size_t axis = normalized_axis(layer.axis, dst_shape.size());
  const auto axis_offset = static_cast<std::ptrdiff_t>(axis);
  const std::int64_t outer = element_count(Shape(dst_shape.begin(), dst_shape.begin() + axis_offset));
  Tensor<T> dst(dst_shape);
  auto to = dst.flat().begin();
  for (std::int64_t o = 0; o < outer; ++o) {
    for (const Tensor<T>* part : src) {
      const Shape shape = part->dims();
      const auto rows = static_cast<std::size_t>(element_count(Shape(shape.begin() + axis_offset, shape.end())));
      const auto from = part->flat().subspan(static_cast<std::size_t>(o) * rows, rows);
      to = std::copy(from.begin(), from.end(), to);
    }
  }
  return dst;
}

template <class T>
[[nodiscard]] Tensor<T> run(const Softmax& layer, const Tensor<T>& src) {
  const Shape shape = src.dims();
  const std::size_t axis = normalized_axis(layer.axis, shape.size());
  const auto axis_offset = static_cast<std::ptrdiff_t>(axis);
  const auto extent = static_cast<std::size_t>(shape[axis]);
  const auto outer = static_cast<std::size_t>(element_count(Shape(shape.begin(), shape.begin() + axis_offset)));
  const auto inner = static_cast<std::size_t>(element_count(Shape(shape.begin() + axis_offset + 1, shape.end())));
  Tensor<T> dst(shape);
  for (std::size_t o = 0; o < outer; ++o) {
    for (std::size_t i = 0; i < inner; ++i) {
      const auto at = [&](std::size_t k) { return (o * extent + k) * inner + i; };
      T largest = -std::numeric_limits<T>::infinity();
      for (std::size_t k = 0; k < extent; ++k) largest = std::max(largest, src.flat()[at(k)]);
      T sum{0};
      for (std::size_t k = 0; k < extent; ++k) sum += dst.flat()[at(k)] = std::exp(src.flat()[at(k)] - largest);
      for (std::size_t k = 0; k < extent; ++k) dst.flat()[at(k)] /= sum;
    }
  }
  return dst;
}

/// The layer's result for the values of its sources.
template <class T>
[[nodiscard]] Tensor<T> run(const Layer<T>& layer, std::span<const Tensor<T>* const> src, const Shape& dst_shape) {
  return std::visit(Overloads{[](const Input& l) -> Tensor<T> {
                                throw Error("input of shape " + to_string(l.shape),
                                            "is given by the user, not computed");
                              },
                              [](const Constant<T>& l) { return *l.value.value; },
                              [&](const Conv<T>& l) { return run(l, *src[0], dst_shape); },
                              [&](const Dense<T>& l) { return run(l, *src[0], dst_shape); },
                              [&](const BatchNormalization<T>& l) { return run(l, *src[0], dst_shape); },
                              [&](const Pool& l) { return run(l, *src[0], dst_shape); },
                              [&](const GlobalPool& l) { return run(l, *src[0], dst_shape); },
                              [&](const Activation& l) { return run(l, *src[0]); },
                              [&](const Binary& l) { return run(l, *src[0], *src[1], dst_shape); },
                              [&](const Concat& l) { return run(l, src, dst_shape); },
                              [&](const Reshape&) { return src[0]->reshaped(dst_shape); },
                              [&](const Flatten&) { return src[0]->reshaped(dst_shape); },
                              [&](const Softmax& l) { return run(l, *src[0]); }},
                    layer);
}

}  // namespace fulcrum::detail::reference
