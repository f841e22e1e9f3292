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
#include <fulcrum/schedule/loops.hpp>
#include <fulcrum/schedule/step.hpp>

namespace fulcrum::detail {

/// Activations that cost more than a comparison per element.
FULCRUM_DECLARE bool is_function(ActivationKind kind);

/// [FLOP] about of an activation of one element in vectors: what it takes relative to others.
FULCRUM_DECLARE double function_flops(ActivationKind kind);

/// Extents of a value as (n, c, h, w): axes past the second one are folded into h.
FULCRUM_DECLARE StepGeometry plain_geometry(const Shape& shape);

/// Share of the taps of one axis of a window that lie inside the source.
FULCRUM_DECLARE double inside_share(std::int64_t src, std::int64_t dst, std::int64_t kernel, std::int64_t stride,
                                    std::int64_t dilation, std::int64_t before);

FULCRUM_DECLARE StepGeometry window_geometry(const Shape& src, const Shape& dst, const Window& window);

/// Elements of the axes before `axis`.
FULCRUM_DECLARE std::int64_t outer_count(const Shape& shape, std::int64_t axis);

/// Extent of an axis, at least 1.
FULCRUM_DECLARE std::int64_t axis_extent(const Shape& shape, std::int64_t axis);

/// Elements of the innermost axes that source and result have in common.
FULCRUM_DECLARE std::int64_t common_run(const Shape& src, const Shape& dst);

/// Elements of the innermost axes that stay where they are.
FULCRUM_DECLARE std::int64_t unmoved_run(const Transpose& transpose, const Shape& dst);

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
  // Of a value that is worked on row by row.
  const auto rows = [&](KernelClass kernel, std::int64_t extent) -> Result {
    StepGeometry g;
    g.ic = g.oc = std::max<std::int64_t>(extent, 1);
    g.n = std::max<std::int64_t>(element_count(src[0]) / g.oc, 1);
    return std::pair(kernel, g);
  };
  const auto moved = [&](std::int64_t run) -> Result {
    StepGeometry g = plain_geometry(dst);
    g.run = std::max<std::int64_t>(run, 1);
    return std::pair(KernelClass::movement, g);
  };
  const auto whole_planes = [&]() -> Result {
    const Shape& from = src[0];
    const Window plane{{from[from.size() - 2], from[from.size() - 1]}, {1, 1}, 0, {1, 1}, false};
    StepGeometry g = window_geometry(from, {from[0], from[1], 1, 1}, plane);
    if (from.size() == 5) g.kd = from[2];
    return std::pair(KernelClass::pooling, g);
  };
  const auto reduction = [&] {
    Result result = rows(KernelClass::reduction, element_count(src[0]) / std::max<std::int64_t>(element_count(dst), 1));
    result->second.run = common_run(src[0], dst);
    return result;
  };
  return visit_layer(
      Overloads{[&](const Conv<T>& conv) -> Result {
                  StepGeometry g = window_geometry(src[0], dst, conv.window);
                  g.groups = conv.groups;
                  const bool depthwise = conv.groups > 1 && conv.groups == g.ic && conv.groups == g.oc;
                  return std::pair(depthwise         ? KernelClass::depthwise_convolution
                                   : conv.groups > 1 ? KernelClass::grouped_convolution
                                                     : KernelClass::convolution,
                                   g);
                },
                [&](const Dense<T>& dense) -> Result {
                  StepGeometry g;
                  g.oc = dense.weights.value->dim(0);
                  g.ic = dense.weights.value->dim(1);
                  g.n = element_count(dst) / std::max<std::int64_t>(g.oc, 1);
                  return std::pair(KernelClass::dense, g);
                },
                [&](const MatMulNBits& product) -> Result {
                  StepGeometry g;
                  g.oc = product.oc();
                  g.ic = product.ic;
                  g.n = element_count(dst) / std::max<std::int64_t>(g.oc, 1);
                  return std::pair(KernelClass::packed_dense, g);
                },
                [&](const Pool& pool) -> Result {
                  return std::pair(KernelClass::pooling, window_geometry(src[0], dst, pool.window));
                },
                [&](const GlobalPool&) { return whole_planes(); },
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
                  return std::pair(KernelClass::transposed_convolution, g);
                },
                [&](const MatMul& product) -> Result {
                  StepGeometry g;
                  g.oc = dst.back();
                  g.ic = src[0][src[0].size() - (product.transpose_src ? 2 : 1)];
                  g.n = dst.size() < 2 ? 1 : dst[dst.size() - 2];
                  g.groups = std::max<std::int64_t>(element_count(dst) / std::max<std::int64_t>(g.n * g.oc, 1), 1);
                  return std::pair(KernelClass::matmul, g);
                },
                [&](const Recurrent<T>& recurrent) -> Result {
                  StepGeometry g;
                  g.n = src[0][1];
                  g.ic = src[0][2];
                  g.oc = recurrent.hidden();
                  g.ih = g.oh = src[0][0];
                  g.kh = gates_of(recurrent.cell);
                  g.groups = recurrent.directions();
                  return std::pair(KernelClass::recurrent, g);
                },
                [&](const LayerNormalization<T>& l) {
                  return rows(KernelClass::normalization, element_count(src[0]) / outer_count(src[0], l.axis));
                },
                [&](const InstanceNormalization<T>& l) {
                  const std::int64_t groups = src[0][0] * (l.groups == 0 ? src[0][1] : l.groups);
                  return rows(KernelClass::normalization, element_count(src[0]) / std::max<std::int64_t>(groups, 1));
                },
                [&](const LocalResponseNormalization&) { return rows(KernelClass::normalization, src[0][1]); },
                [&](const Reduce& reduce) { return averages_planes(reduce, src[0]) ? whole_planes() : reduction(); },
                [&](const ReductionLayer auto&) { return reduction(); },
                [&](const Transpose& transpose) { return moved(unmoved_run(transpose, dst)); },
                [&](const Gather& gather) {
                  return moved(element_count(src[0]) /
                               (outer_count(src[0], gather.axis) * axis_extent(src[0], gather.axis)));
                },
                [&](const MovementLayer auto&) { return moved(src.empty() ? 1 : common_run(src[0], dst)); },
                [&](const ElementwiseLayer auto&) { return elementwise(static_cast<std::int64_t>(src.size()) - 1); },
                [&](const Custom&) {
                  return elementwise(std::max<std::int64_t>(static_cast<std::int64_t>(src.size()) - 1, 0));
                },
                [&](const Concat& concat) {
                  return moved(element_count(dst) / (outer_count(dst, concat.axis) * axis_extent(dst, concat.axis)));
                },
                [&](const Activation&) { return elementwise(0); },
                [&](const Binary&) { return elementwise(1); },
                [&](const BatchNormalization<T>&) -> Result {
                  return std::pair(KernelClass::batch_normalization, plain_geometry(dst));
                },
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

FULCRUM_DEFINE double function_flops(ActivationKind kind) {
  if (is_function(kind)) return 30.0;
  switch (kind) {
    case ActivationKind::relu: return 1.0;
    case ActivationKind::hard_sigmoid:
    case ActivationKind::hard_swish:
    case ActivationKind::softsign:
    case ActivationKind::sqrt:
    case ActivationKind::reciprocal: return 8.0;
    default: return 4.0;
  }
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
  const bool deep = dst.size() == 5;
  g.n = dst[0] * (deep ? dst[2] : 1);
  g.ic = src[1];
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
  if (deep) {
    g.kd = window.depth.kernel;
    g.inside *= inside_share(src[2], dst[2], g.kd, window.depth.stride, window.depth.dilation, window.depth.front);
  }
  return g;
}

FULCRUM_DEFINE std::int64_t outer_count(const Shape& shape, std::int64_t axis) {
  const auto at = static_cast<std::ptrdiff_t>(normalized_axis(axis, shape.size()));
  return std::max<std::int64_t>(element_count(Shape(shape.begin(), shape.begin() + at)), 1);
}

FULCRUM_DEFINE std::int64_t axis_extent(const Shape& shape, std::int64_t axis) {
  return shape.empty() ? 1 : std::max<std::int64_t>(shape[normalized_axis(axis, shape.size())], 1);
}

FULCRUM_DEFINE std::int64_t common_run(const Shape& src, const Shape& dst) {
  std::int64_t run = 1;
  const std::size_t most = std::min(src.size(), dst.size());
  for (std::size_t i = 1; i <= most && src[src.size() - i] == dst[dst.size() - i]; ++i) run *= src[src.size() - i];
  return run;
}

FULCRUM_DEFINE std::int64_t unmoved_run(const Transpose& transpose, const Shape& dst) {
  const SmallVector<std::size_t> perm = transpose.permutation(dst.size());
  std::int64_t run = 1;
  for (std::size_t axis = dst.size(); axis-- > 0 && perm[axis] == axis;) run *= dst[axis];
  return run;
}

}  // namespace fulcrum::detail

#endif
