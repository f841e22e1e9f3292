#pragma once
/// \file
/// Which layers run in Fulcrum's own loops, because no engine has a (good) kernel for what they are: element-wise ones
/// on all threads and in any layout, others in plain loops on one thread.

#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

#include <fulcrum/core/linkage.hpp>
#include <fulcrum/model/infer_shapes.hpp>

namespace fulcrum {

/// Axes of the values that engines have kernels for.
inline constexpr std::size_t most_engine_axes = 12;

/// The sources of an element-wise layer in the order in which engines take them: the one of the result's shape goes
/// first, since they broadcast the second.
struct BinaryOrder {
  NodeId first = 0;
  NodeId second = 0;
  bool negated = false;  ///< the kernel's result is the negative of the layer's
};

namespace detail {

/// A shape with as many ones in front as make up a rank.
FULCRUM_DECLARE [[nodiscard]] Shape with_leading_ones(Shape shape, std::size_t rank);

/// Functions of two values that engines have kernels for: those that also take post-operations.
[[nodiscard]] constexpr bool has_kernel(BinaryKind function) noexcept { return runs_as_post_operation(function); }

/// Functions that engines have kernels for which are as exact as ours and give NaN for NaN.
[[nodiscard]] constexpr bool has_kernel(ActivationKind function) noexcept {
  switch (function) {
    case ActivationKind::selu:
    case ActivationKind::mish:
    case ActivationKind::sqrt:
    case ActivationKind::round: return true;
    default: return runs_as_post_operation(function) && !loses_nan(function);
  }
}

/// To floats, as which every value of a model may be taken.
[[nodiscard]] constexpr bool rounds_to_16_bits(const Cast& cast) noexcept {
  return cast.to == ElementType::f16 || cast.to == ElementType::bf16;
}

/// Whether a reduction is one that engines have, over axes that make up rows: none that is kept stands behind them.
FULCRUM_DECLARE [[nodiscard]] bool reduces_rows(const Reduce& layer, const Shape& src);

/// Whether a reduction is the mean of each plane (n, c, h, w): a pooling, whose kernels take the value as it lies.
FULCRUM_DECLARE [[nodiscard]] bool averages_planes(const Reduce& layer, const Shape& src);

/// Whether a transposed convolution's padding is that of some convolution.
template <class T>
[[nodiscard]] bool has_usual_padding(const ConvTranspose<T>& layer, const Shape& src, const Shape& dst) {
  const auto plane = plane_axes(layer.window);
  std::vector<WindowAxis> axes(plane.begin(), plane.end());
  if (src.size() == 5) axes.insert(axes.begin(), depth_axis(layer.window));
  for (std::size_t i = 0; i < axes.size(); ++i) {
    const std::int64_t span = axes[i].dilation * (axes[i].kernel - 1) + 1;
    // Rows that output_padding adds are padding that is not taken away.
    const std::int64_t after = (src[i + 2] - 1) * axes[i].stride + span - dst[i + 2] - axes[i].before;
    if (axes[i].before >= span || after < 0 || after >= span) return false;
  }
  return true;
}

}  // namespace detail

/// Functions that Fulcrum's own loops run on whole vectors, so that they cost next to nothing behind another layer.
[[nodiscard]] constexpr bool runs_in_vectors(ActivationKind function) noexcept {
  switch (function) {
    case ActivationKind::relu:
    case ActivationKind::leaky_relu:
    case ActivationKind::clip:
    case ActivationKind::sigmoid:
    case ActivationKind::hard_sigmoid:
    case ActivationKind::hard_swish:
    case ActivationKind::swish:
    case ActivationKind::linear: return true;
    default: return false;
  }
}

/// Whether an engine's kernel for the layer gives a number for NaN.
template <class T>
[[nodiscard]] bool kernel_loses_nan(const Layer<T>& layer) {
  if (const auto* activation = std::get_if<Activation>(&layer)) return loses_nan(activation->function);
  if (const auto* pool = std::get_if<Pool>(&layer)) return pool->pool == PoolKind::max;
  if (const auto* pool = std::get_if<GlobalPool>(&layer)) return pool->pool == PoolKind::max;
  if (std::holds_alternative<Softmax>(layer)) return true;  // in the elements beside it
  const auto* binary = std::get_if<Binary>(&layer);
  return binary != nullptr && (binary->function == BinaryKind::min || binary->function == BinaryKind::max);
}

/// Nothing when both sources are broadcast or the function cannot be turned round.
/// \param absorbs  whether functions run on the result
/// \param shapes   of every value, by node id
template <class T>
[[nodiscard]] std::optional<BinaryOrder> binary_order(const Node<T>& node, const Shape& dst, bool absorbs,
                                                      const std::vector<Shape>& shapes) {
  const BinaryKind function = std::get<Binary>(node.layer).function;
  if (!detail::has_kernel(function) || dst.size() > most_engine_axes) return std::nullopt;
  const Shape dims = dst.empty() ? Shape{1} : dst;
  const auto is_whole = [&](NodeId id) { return detail::with_leading_ones(shapes[id], dims.size()) == dims; };
  if (is_whole(node.src[0])) return BinaryOrder{node.src[0], node.src[1], false};
  if (!is_whole(node.src[1]) || function == BinaryKind::div) return std::nullopt;
  // The sign is one linear function, and kernels of oneDNN's 2.x line take no second one.
  if (function == BinaryKind::sub && absorbs) return std::nullopt;
  return BinaryOrder{node.src[1], node.src[0], function == BinaryKind::sub};
}

/// Whether a layer that computes in f32 runs in Fulcrum's own loops on all threads and in any layout: a Resize, a
/// rounding to floats of 16 bits, batch norms of images, and element-wise layers where their sources are broadcast, for
/// which engines have kernels in some layouts only, or where no kernel of theirs is as exact.
/// \param shapes  of every value, by node id
template <class T>
[[nodiscard]] bool runs_in_threaded_loops(const Node<T>& node, const std::vector<Shape>& shapes, const Shape& dst) {
  if (const auto* activation = std::get_if<Activation>(&node.layer)) return !detail::has_kernel(activation->function);
  if (const auto* cast = std::get_if<Cast>(&node.layer)) return detail::rounds_to_16_bits(*cast);
  if (std::holds_alternative<Resize>(node.layer)) return true;
  if (std::holds_alternative<BatchNormalization<T>>(node.layer)) return dst.size() == 4;
  const auto* binary = std::get_if<Binary>(&node.layer);
  if (binary == nullptr) return false;
  return !detail::has_kernel(binary->function) || kernel_loses_nan(node.layer) || shapes[node.src[0]] != dst ||
         shapes[node.src[1]] != dst;
}

/// Whether a layer runs in plain loops.
/// \param shapes  of every value, by node id
template <class T>
[[nodiscard]] bool runs_in_loops(const Model<T>& model, NodeId id, const std::vector<Shape>& shapes) {
  constexpr std::size_t most_joined = 64;    // sources, of oneDNN's fast implementations
  constexpr std::size_t most_reordered = 6;  // axes, of its fast reorders
  const Node<T>& node = model.node(id);
  const Layer<T>& layer = node.layer;
  const Shape& dst = shapes[id];
  if (facts_of(layer).is_view) return false;
  // Kernels are not made for values without elements. (A join leaves such sources out.)
  if (element_count(dst) == 0) return true;
  if (const auto* concat = std::get_if<Concat>(&layer)) {
    static_cast<void>(concat);
    std::size_t joined = 0;
    for (const NodeId src : node.src) joined += element_count(shapes[src]) != 0 ? 1 : 0;
    return dst.size() > most_engine_axes || joined > most_joined;
  }
  for (const NodeId src : node.src) {
    if (element_count(shapes[src]) == 0) return true;
  }
  const auto* cast = std::get_if<Cast>(&layer);
  if ((cast != nullptr && detail::rounds_to_16_bits(*cast)) || std::holds_alternative<Resize>(layer))
    return dst.empty() || dst.size() > most_engine_axes;
  if (facts_of(layer).only_loops) return true;
  if (std::holds_alternative<Binary>(layer)) return dst.size() > most_engine_axes;
  if (const auto* softmax = std::get_if<Softmax>(&layer)) {
    // Over one element it is exactly 1, or 0 as a logarithm.
    return dst.size() > most_engine_axes || dst[normalized_axis(softmax->axis, dst.size())] == 1;
  }
  if (const auto* reduce = std::get_if<Reduce>(&layer)) return !detail::reduces_rows(*reduce, shapes[node.src[0]]);
  if (std::holds_alternative<Transpose>(layer)) return dst.empty() || dst.size() > most_reordered;
  if (const auto* conv = std::get_if<ConvTranspose<T>>(&layer))
    return !detail::has_usual_padding(*conv, shapes[node.src[0]], dst);
  return false;
}

}  // namespace fulcrum

#if FULCRUM_DEFINES(schedule)

namespace fulcrum::detail {

FULCRUM_DEFINE Shape with_leading_ones(Shape shape, std::size_t rank) {
  if (shape.size() < rank) shape.insert(shape.begin(), rank - shape.size(), 1);
  return shape;
}

FULCRUM_DEFINE bool averages_planes(const Reduce& layer, const Shape& src) {
  return layer.function == ReduceKind::mean && src.size() == 4 &&
         named_axes(layer.axes, src.size(), "Reduce") == std::vector<bool>{false, false, true, true};
}

FULCRUM_DEFINE bool reduces_rows(const Reduce& layer, const Shape& src) {
  // (Maxima and minima of engines lose a NaN.)
  const bool has_algorithm = layer.function == ReduceKind::sum || layer.function == ReduceKind::mean;
  const std::vector<bool> named = named_axes(layer.axes, src.size(), "Reduce");
  std::int64_t count = 1;
  for (std::size_t axis = 0; axis < named.size(); ++axis) {
    if (named[axis])
      count *= src[axis];
    else if (src[axis] != 1 && count != 1)
      return false;
  }
  return has_algorithm && count != 1;
}

}  // namespace fulcrum::detail

#endif
