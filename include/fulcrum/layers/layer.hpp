#pragma once
/// \file
/// The closed set of layers. To add one: write its header, name it here, and let the compiler list every stage that
/// must answer for it (each visits the variant with an overload set and no `auto` catch-all).

#include <concepts>
#include <cstddef>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>
#include <variant>

#include <fulcrum/core/linkage.hpp>
#include <fulcrum/layers/activation.hpp>
#include <fulcrum/layers/along_axis.hpp>
#include <fulcrum/layers/batch_normalization.hpp>
#include <fulcrum/layers/binary.hpp>
#include <fulcrum/layers/concat.hpp>
#include <fulcrum/layers/conv.hpp>
#include <fulcrum/layers/conv_transpose.hpp>
#include <fulcrum/layers/custom.hpp>
#include <fulcrum/layers/dense.hpp>
#include <fulcrum/layers/facts.hpp>
#include <fulcrum/layers/indexed.hpp>
#include <fulcrum/layers/matmul.hpp>
#include <fulcrum/layers/matmul_nbits.hpp>
#include <fulcrum/layers/movement.hpp>
#include <fulcrum/layers/non_max_suppression.hpp>
#include <fulcrum/layers/normalization.hpp>
#include <fulcrum/layers/pool.hpp>
#include <fulcrum/layers/quantize_linear.hpp>
#include <fulcrum/layers/recurrent.hpp>
#include <fulcrum/layers/reduce.hpp>
#include <fulcrum/layers/reshape.hpp>
#include <fulcrum/layers/resize.hpp>
#include <fulcrum/layers/sampling.hpp>
#include <fulcrum/layers/select.hpp>
#include <fulcrum/layers/softmax.hpp>
#include <fulcrum/layers/source.hpp>

namespace fulcrum {

/// One layer of the set. (A struct of its own and no alias: its name is short in symbols and messages.)
template <class T>
struct Layer
    : std::variant<Input, Constant<T>, Conv<T>, ConvTranspose<T>, Dense<T>, MatMulNBits, MatMul, Recurrent<T>,
                   BatchNormalization<T>, LayerNormalization<T>, InstanceNormalization<T>, LocalResponseNormalization,
                   Pool, GlobalPool, MaxPoolIndices, Activation, Binary, Where, Cast, QuantizeLinear, DequantizeLinear,
                   DynamicQuantize, Softmax, Reduce, ArgReduce, Concat, Reshape, Flatten, Transpose, Slice, Expand,
                   Tile, Gather, GatherElements, GatherND, ScatterElements, ScatterND, TopK, CumSum, NonMaxSuppression,
                   Pad, Resize, GridSample, RoiAlign, Custom> {
  using Variant = typename Layer::variant;
  using Variant::Variant;

  // Out of line, because each is a table over all layers.
  Layer();
  Layer(const Layer&);
  Layer(Layer&&) noexcept;
  Layer& operator=(const Layer&);
  Layer& operator=(Layer&&) noexcept;
  ~Layer();

  friend bool operator==(const Layer& a, const Layer& b) { return a.equals(b); }

private:
  [[nodiscard]] bool equals(const Layer& other) const;
};

/// What every layer states about itself.
template <class L>
concept LayerType = std::equality_comparable<L> &&
    requires(const L& layer, std::span<const Shape> src, const Shape& dst) {
  { L::kind } -> std::convertible_to<std::string_view>;
  { layer.dst_shape(src) } -> std::same_as<Shape>;
  { layer.work(src, dst) } -> std::same_as<Work>;
  { layer.facts() } -> std::same_as<LayerFacts>;
};

/// Families of layers that stages treat alike where facts do not tell enough, for the overload sets of visit_layer(). A
/// new layer is named in one, or answered for by itself.
namespace detail {
template <class L, class... Family>
inline constexpr bool is_one_of = (std::same_as<std::remove_cvref_t<L>, Family> || ...);
}
/// Take elements from, or put them to, places that a source holds. (Gather stands alone.)
template <class L>
concept IndexedLayer = detail::is_one_of<L, GatherElements, GatherND, ScatterElements, ScatterND>;
/// Read between the elements of a source, at positions that another holds.
template <class L>
concept SamplingLayer = detail::is_one_of<L, GridSample, RoiAlign>;
/// Take elements from elsewhere and compute nothing, or next to nothing. (Concat, Reshape and Flatten stand alone.)
template <class L>
concept MovementLayer =
    IndexedLayer<L> || SamplingLayer<L> || detail::is_one_of<L, Transpose, Slice, Expand, Tile, Gather, Pad, Resize>;
/// Work element by element. (Activation and Binary stand alone.)
template <class L>
concept ElementwiseLayer = detail::is_one_of<L, Where, Cast, QuantizeLinear, DequantizeLinear, DynamicQuantize>;
/// Normalize by statistics of the value itself.
template <class L>
concept NormalizationLayer =
    detail::is_one_of<L, LayerNormalization<float>, LayerNormalization<double>, InstanceNormalization<float>,
                      InstanceNormalization<double>, LocalResponseNormalization>;
/// Make one element of several. (Pool and GlobalPool stand alone.)
template <class L>
concept ReductionLayer = detail::is_one_of<L, Reduce, ArgReduce, MaxPoolIndices, TopK, CumSum, NonMaxSuppression>;

/// Hold no parameters (MatMulNBits: none that passes and training know), and so do not depend on the model's scalar
/// type.
template <class L>
concept LayerWithoutWeights = MovementLayer<L> || ElementwiseLayer<L> || ReductionLayer<L> ||
    detail::is_one_of<L, Input, MatMulNBits, MatMul, LocalResponseNormalization, Pool, GlobalPool, Activation, Binary,
                      Softmax, Concat, Reshape, Flatten, Custom>;

/// What they compute is written down in layers/kernels: kernels::run(layer, sources, result).
template <class L>
concept KernelLayer = MovementLayer<L> || ElementwiseLayer<L> || NormalizationLayer<L> || ReductionLayer<L> ||
    detail::is_one_of<L, ConvTranspose<float>, ConvTranspose<double>, Recurrent<float>, Recurrent<double>, MatMulNBits,
                      MatMul, Activation, Binary, Softmax, Concat, Custom>;

/// An overload set from lambdas, for visit_layer().
template <class... F>
struct Overloads : F... {
  using F::operator()...;
};
template <class... F>
Overloads(F...) -> Overloads<F...>;

/// Calls f with the struct that the layer holds, as std::visit would: f gives the same type for each. A switch, which
/// compiles in a fraction of the time of std::visit's tables and lets the calls be inlined.
template <class F, class L>
decltype(auto) visit_layer(F&& f, L& layer) {
  using Held = typename std::remove_const_t<L>::Variant;
  constexpr std::size_t count = std::variant_size_v<Held>;
  static_assert(count <= 48, "visit_layer() has too few cases");
  std::conditional_t<std::is_const_v<L>, const Held, Held>& variant = layer;
#define FULCRUM_CASE(i)                    \
  case i:                                  \
    if constexpr (i < count)               \
      return f(*std::get_if<i>(&variant)); \
    else                                   \
      break;
#define FULCRUM_CASES(i) \
  FULCRUM_CASE(i)        \
  FULCRUM_CASE(i + 1)    \
  FULCRUM_CASE(i + 2)    \
  FULCRUM_CASE(i + 3) FULCRUM_CASE(i + 4) FULCRUM_CASE(i + 5) FULCRUM_CASE(i + 6) FULCRUM_CASE(i + 7)
  switch (variant.index()) {
    FULCRUM_CASES(0)
    FULCRUM_CASES(8)
    FULCRUM_CASES(16)
    FULCRUM_CASES(24)
    FULCRUM_CASES(32)
    FULCRUM_CASES(40)
  }
#undef FULCRUM_CASES
#undef FULCRUM_CASE
  throw std::bad_variant_access();  // left without a value by an exception in an assignment
}

namespace detail {
template <class>
inline constexpr bool all_are_layers = false;
template <class... L>
inline constexpr bool all_are_layers<std::variant<L...>> = (LayerType<L> && ...);
static_assert(all_are_layers<Layer<float>::Variant> && all_are_layers<Layer<double>::Variant>,
              "every layer needs kind, dst_shape(src), work(src, dst), facts() and ==");
}  // namespace detail

/// The layer's kind in ONNX's word for it where there is one: "Conv", "MaxPool", "Relu", "Add".
template <class T>
[[nodiscard]] std::string kind_of(const Layer<T>& layer);

/// What the layer states about itself.
template <class T>
[[nodiscard]] LayerFacts facts_of(const Layer<T>& layer);

/// Shape of the layer's result for the shapes of its sources.
/// \throws Error when they do not fit
template <class T>
[[nodiscard]] Shape dst_shape(const Layer<T>& layer, std::span<const Shape> src);

/// Work of one execution.
template <class T>
[[nodiscard]] Work work_of(const Layer<T>& layer, std::span<const Shape> src, const Shape& dst);

/// Calls f(name, parameter) for each of the layer's parameters, empty ones included, in a fixed order.
/// `layer` may be const (then the parameters are) or not.
template <class L, class F>
void for_each_parameter(L& layer, F&& f) {
  const auto visit_members = [&](auto& l) {
    if constexpr (requires { l.weights; }) {
      f("weights", l.weights);
      if constexpr (requires { l.recurrent_weights; }) f("recurrent_weights", l.recurrent_weights);
      f("bias", l.bias);
      if constexpr (requires { l.peepholes; }) f("peepholes", l.peepholes);
    } else if constexpr (requires { l.scale.value; }) {
      f("scale", l.scale);
      f("shift", l.shift);
      if constexpr (requires { l.variance; }) {
        f("mean", l.mean);
        f("variance", l.variance);
      }
    } else if constexpr (requires { l.value.mask; }) {
      f("value", l.value);
    }
  };
  visit_layer(visit_members, layer);
}

}  // namespace fulcrum

#if FULCRUM_DEFINES(layers)

namespace fulcrum {

template <class T>
Layer<T>::Layer() = default;
template <class T>
Layer<T>::Layer(const Layer&) = default;
template <class T>
Layer<T>::Layer(Layer&&) noexcept = default;
template <class T>
Layer<T>& Layer<T>::operator=(const Layer&) = default;
template <class T>
Layer<T>& Layer<T>::operator=(Layer&&) noexcept = default;
template <class T>
Layer<T>::~Layer() = default;

template <class T>
bool Layer<T>::equals(const Layer& other) const {
  return static_cast<const Variant&>(*this) == static_cast<const Variant&>(other);
}

template <class T>
std::string kind_of(const Layer<T>& layer) {
  if (const auto* activation = std::get_if<Activation>(&layer)) return std::string(name_of(activation->function));
  if (const auto* binary = std::get_if<Binary>(&layer)) return std::string(name_of(binary->function));
  if (const auto* pool = std::get_if<Pool>(&layer)) return pool->pool == PoolKind::max ? "MaxPool" : "AveragePool";
  if (const auto* pool = std::get_if<GlobalPool>(&layer))
    return pool->pool == PoolKind::max ? "GlobalMaxPool" : "GlobalAveragePool";
  if (const auto* reduce = std::get_if<Reduce>(&layer)) return std::string(name_of(reduce->function));
  if (const auto* reduce = std::get_if<ArgReduce>(&layer)) return reduce->largest ? "ArgMax" : "ArgMin";
  if (const auto* softmax = std::get_if<Softmax>(&layer)) return softmax->logarithm ? "LogSoftmax" : "Softmax";
  if (const auto* recurrent = std::get_if<Recurrent<T>>(&layer)) return std::string(name_of(recurrent->cell));
  if (const auto* custom = std::get_if<Custom>(&layer); custom != nullptr && custom->function)
    return custom->function->name;
  return visit_layer([](const auto& l) { return std::string(l.kind); }, layer);
}

template <class T>
LayerFacts facts_of(const Layer<T>& layer) {
  return visit_layer([](const auto& l) { return l.facts(); }, layer);
}

template <class T>
Shape dst_shape(const Layer<T>& layer, std::span<const Shape> src) {
  return visit_layer([&](const auto& l) { return l.dst_shape(src); }, layer);
}

template <class T>
Work work_of(const Layer<T>& layer, std::span<const Shape> src, const Shape& dst) {
  return visit_layer([&](const auto& l) { return l.work(src, dst); }, layer);
}

}  // namespace fulcrum

#if FULCRUM_INSTANTIATES(layers)
namespace fulcrum {
template struct Layer<float>;
template struct Layer<double>;
template std::string kind_of(const Layer<float>& layer);
template std::string kind_of(const Layer<double>& layer);
template LayerFacts facts_of(const Layer<float>& layer);
template LayerFacts facts_of(const Layer<double>& layer);
template Shape dst_shape(const Layer<float>& layer, std::span<const Shape> src);
template Shape dst_shape(const Layer<double>& layer, std::span<const Shape> src);
template Work work_of(const Layer<float>& layer, std::span<const Shape> src, const Shape& dst);
template Work work_of(const Layer<double>& layer, std::span<const Shape> src, const Shape& dst);
}  // namespace fulcrum
#endif

#endif
