#pragma once
/// \file
/// Class and extents of the step that a layer is the primary of.

#include <algorithm>
#include <cstdint>
#include <optional>
#include <utility>
#include <vector>

#include <fulcrum/core/linkage.hpp>
#include <fulcrum/model/model.hpp>
#include <fulcrum/schedule/step.hpp>

namespace fulcrum::detail {

/// Activations that cost more than a comparison per element.
FULCRUM_DECLARE bool is_function(ActivationKind kind);

/// Extents of a value as (n, c, h, w): axes past the second one are folded into h.
FULCRUM_DECLARE StepGeometry plain_geometry(const Shape& shape);

/// Share of the taps of one axis of a window that lie inside the source.
FULCRUM_DECLARE double inside_share(std::int64_t src, std::int64_t dst, std::int64_t kernel, std::int64_t stride,
                                    std::int64_t dilation, std::int64_t before);

FULCRUM_DECLARE StepGeometry window_geometry(const Shape& src, const Shape& dst, const Window& window);

/// Elements of the axes before `axis`.
FULCRUM_DECLARE std::int64_t outer_count(const Shape& shape, std::int64_t axis);

/// Class and extents of a layer that is the primary of a step; nothing for what does not run (inputs, constants,
/// views).
template <class T>
std::optional<std::pair<KernelClass, StepGeometry>> classify(const Layer<T>& layer, const std::vector<Shape>& src,
                                                             const Shape& dst) {
  using Result = std::optional<std::pair<KernelClass, StepGeometry>>;
  const auto elementwise = [&](std::int64_t extra_src) -> Result {
    StepGeometry g = plain_geometry(dst);
    g.extra_src = extra_src;
    return std::pair(KernelClass::elementwise, g);
  };
  const auto nothing = []() -> Result { return std::nullopt; };
  const auto rows = [&](std::int64_t extent) -> Result {  // of a value that is worked on row by row
    StepGeometry g;
    g.ic = g.oc = std::max<std::int64_t>(extent, 1);
    g.n = std::max<std::int64_t>(element_count(src[0]) / g.oc, 1);
    return std::pair(KernelClass::softmax, g);
  };
  return visit_layer(
      Overloads{
          [&](const Conv<T>& conv) -> Result {
            StepGeometry g = window_geometry(src[0], dst, conv.window);
            g.groups = conv.groups;
            const bool depthwise = conv.groups > 1 && conv.groups == g.ic && conv.groups == g.oc;
            return std::pair(depthwise ? KernelClass::depthwise_convolution : KernelClass::convolution, g);
          },
          [&](const Dense<T>& dense) -> Result {
            StepGeometry g;
            g.oc = dense.weights.value->dim(0);
            g.ic = dense.weights.value->dim(1);
            g.n = element_count(dst) / std::max<std::int64_t>(g.oc, 1);
            return std::pair(KernelClass::dense, g);
          },
          [&](const Pool& pool) -> Result {
            return std::pair(KernelClass::pooling, window_geometry(src[0], dst, pool.window));
          },
          [&](const GlobalPool&) -> Result {
            return std::pair(KernelClass::pooling,
                             window_geometry(src[0], dst, Window{{src[0][2], src[0][3]}, {1, 1}, 0, {1, 1}, false}));
          },
          [&](const Softmax& softmax) -> Result {
            StepGeometry g;
            g.ic = g.oc = dst[normalized_axis(softmax.axis, dst.size())];
            g.n = element_count(dst) / std::max<std::int64_t>(g.oc, 1);
            return std::pair(KernelClass::softmax, g);
          },
          [&](const ConvTranspose<T>& conv) -> Result {
            // The work of the convolution that it is the gradient of.
            StepGeometry g = window_geometry(dst, src[0], conv.window);
            g.groups = conv.groups;
            return std::pair(KernelClass::convolution, g);
          },
          [&](const MatMul& product) -> Result {
            StepGeometry g;
            g.oc = dst.back();
            g.ic = src[0][src[0].size() - (product.transpose_src ? 2 : 1)];
            g.n = element_count(dst) / std::max<std::int64_t>(g.oc, 1);
            return std::pair(KernelClass::dense, g);
          },
          [&](const Recurrent<T>& recurrent) -> Result {
            StepGeometry g;
            g.ic = src[0][2] + recurrent.hidden();
            g.oc = gates_of(recurrent.cell) * recurrent.hidden();
            g.n = src[0][0] * src[0][1] * recurrent.directions();
            return std::pair(KernelClass::dense, g);
          },
          [&](const LayerNormalization<T>& l) { return rows(element_count(src[0]) / outer_count(src[0], l.axis)); },
          [&](const InstanceNormalization<T>& l) {
            const std::int64_t groups = src[0][0] * (l.groups == 0 ? src[0][1] : l.groups);
            return rows(element_count(src[0]) / std::max<std::int64_t>(groups, 1));
          },
          [&](const LocalResponseNormalization&) { return rows(src[0][1]); },
          [&](const ReductionLayer auto&) {
            return rows(element_count(src[0]) / std::max<std::int64_t>(element_count(dst), 1));
          },
          [&](const MovementLayer auto&) -> Result { return std::pair(KernelClass::movement, plain_geometry(dst)); },
          [&](const ElementwiseLayer auto&) { return elementwise(static_cast<std::int64_t>(src.size()) - 1); },
          [&](const Concat&) -> Result { return std::pair(KernelClass::movement, plain_geometry(dst)); },
          [&](const Activation&) { return elementwise(0); },
          [&](const Binary&) { return elementwise(1); },
          [&](const BatchNormalization<T>&) { return elementwise(0); },
          [&](const Input&) { return nothing(); },
          [&](const Constant<T>&) { return nothing(); },
          [&](const Reshape&) { return nothing(); },
          [&](const Flatten&) { return nothing(); }},
      layer);
}

}  // namespace fulcrum::detail

#if FULCRUM_DEFINES(schedule)

namespace fulcrum::detail {

FULCRUM_DEFINE bool is_function(ActivationKind kind) {
  switch (kind) {
    case ActivationKind::relu:
    case ActivationKind::leaky_relu:
    case ActivationKind::clip:
    case ActivationKind::hard_sigmoid:
    case ActivationKind::hard_swish:
    case ActivationKind::softsign:
    case ActivationKind::thresholded_relu:
    case ActivationKind::shrink:
    case ActivationKind::abs:
    case ActivationKind::neg:
    case ActivationKind::sqrt:
    case ActivationKind::reciprocal:
    case ActivationKind::floor:
    case ActivationKind::ceil:
    case ActivationKind::round:
    case ActivationKind::sign:
    case ActivationKind::logical_not:
    case ActivationKind::linear: return false;
    case ActivationKind::sigmoid:
    case ActivationKind::tanh:
    case ActivationKind::elu:
    case ActivationKind::swish:
    case ActivationKind::softplus:
    case ActivationKind::gelu:
    case ActivationKind::gelu_tanh:
    case ActivationKind::selu:
    case ActivationKind::celu:
    case ActivationKind::mish:
    case ActivationKind::exp:
    case ActivationKind::log:
    case ActivationKind::erf:
    case ActivationKind::sin:
    case ActivationKind::cos:
    case ActivationKind::tan:
    case ActivationKind::asin:
    case ActivationKind::acos:
    case ActivationKind::atan:
    case ActivationKind::sinh:
    case ActivationKind::cosh:
    case ActivationKind::asinh:
    case ActivationKind::acosh:
    case ActivationKind::atanh: return true;
  }
  return true;
}

FULCRUM_DEFINE StepGeometry plain_geometry(const Shape& shape) {
  StepGeometry g;
  if (shape.size() < 2) {
    g.ic = g.oc = shape.empty() ? 1 : shape[0];
    return g;
  }
  g.n = shape[0];
  g.ic = g.oc = shape[1];
  for (std::size_t axis = 2; axis < shape.size(); ++axis) g.ih *= shape[axis];
  if (shape.size() == 4) {
    g.ih = shape[2];
    g.iw = shape[3];
  }
  g.oh = g.ih;
  g.ow = g.iw;
  return g;
}

FULCRUM_DEFINE double inside_share(std::int64_t src, std::int64_t dst, std::int64_t kernel, std::int64_t stride,
                                   std::int64_t dilation, std::int64_t before) {
  // Each tap is inside for a run of outputs: 0 ≤ output · stride + tap · dilation − before < src.
  std::int64_t inside = 0;
  for (std::int64_t tap = 0; tap < kernel; ++tap) {
    const std::int64_t offset = tap * dilation - before;
    const std::int64_t first = offset >= 0 ? 0 : (-offset + stride - 1) / stride;
    const std::int64_t last = offset >= src ? -1 : (src - 1 - offset) / stride;
    inside += std::max<std::int64_t>(0, std::min(last, dst - 1) - first + 1);
  }
  return static_cast<double>(inside) / static_cast<double>(std::max<std::int64_t>(kernel * dst, 1));
}

FULCRUM_DEFINE StepGeometry window_geometry(const Shape& src, const Shape& dst, const Window& window) {
  StepGeometry g;
  // Depth counts as more samples: each of them slides the same window over a plane.
  const bool deep = dst.size() == 5;
  g.n = dst[0] * (deep ? dst[2] : 1);
  g.ic = src[1] * window.depth.kernel;
  g.oc = dst[1];
  g.ih = src[src.size() - 2];
  g.iw = src[src.size() - 1];
  g.oh = dst[dst.size() - 2];
  g.ow = dst[dst.size() - 1];
  g.kh = window.kernel[0];
  g.kw = window.kernel[1];
  g.stride = window.stride[0];
  g.dilation = window.dilation[0];
  g.inside = inside_share(g.ih, g.oh, g.kh, window.stride[0], window.dilation[0], window.padding.top) *
             inside_share(g.iw, g.ow, g.kw, window.stride[1], window.dilation[1], window.padding.left);
  return g;
}

FULCRUM_DEFINE std::int64_t outer_count(const Shape& shape, std::int64_t axis) {
  const auto at = static_cast<std::ptrdiff_t>(normalized_axis(axis, shape.size()));
  return std::max<std::int64_t>(element_count(Shape(shape.begin(), shape.begin() + at)), 1);
}

}  // namespace fulcrum::detail

#endif
