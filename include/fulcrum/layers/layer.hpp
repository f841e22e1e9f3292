#pragma once
/// \file
/// The closed set of layers. To add one: write its header, name it here, and let the compiler list every stage that
/// must answer for it (each visits the variant with an overload set and no `auto` catch-all).

#include <concepts>
#include <span>
#include <string>
#include <string_view>
#include <variant>

#include <fulcrum/layers/activation.hpp>
#include <fulcrum/layers/batch_normalization.hpp>
#include <fulcrum/layers/binary.hpp>
#include <fulcrum/layers/concat.hpp>
#include <fulcrum/layers/conv.hpp>
#include <fulcrum/layers/dense.hpp>
#include <fulcrum/layers/pool.hpp>
#include <fulcrum/layers/reshape.hpp>
#include <fulcrum/layers/softmax.hpp>
#include <fulcrum/layers/source.hpp>

namespace fulcrum {

template <class T>
using Layer = std::variant<Input, Constant<T>, Conv<T>, Dense<T>, BatchNormalization<T>, Pool, GlobalPool, Activation,
                           Binary, Concat, Reshape, Flatten, Softmax>;

/// What every layer states about itself.
template <class L>
concept LayerType = std::equality_comparable<L> &&
    requires(const L& layer, std::span<const Shape> src, const Shape& dst) {
  { L::kind } -> std::convertible_to<std::string_view>;
  { layer.dst_shape(src) } -> std::same_as<Shape>;
  { layer.work(src, dst) } -> std::same_as<Work>;
};

/// An overload set from lambdas, for std::visit.
template <class... F>
struct Overloads : F... {
  using F::operator()...;
};
template <class... F>
Overloads(F...) -> Overloads<F...>;

namespace detail {
template <class>
inline constexpr bool all_are_layers = false;
template <class... L>
inline constexpr bool all_are_layers<std::variant<L...>> = (LayerType<L> && ...);
static_assert(all_are_layers<Layer<float>> && all_are_layers<Layer<double>>,
              "every layer needs kind, dst_shape(src), work(src, dst) and ==");
}  // namespace detail

/// The layer's kind in ONNX's word for it where there is one: "Conv", "MaxPool", "Relu", "Add".
template <class T>
[[nodiscard]] std::string kind_of(const Layer<T>& layer) {
  if (const auto* activation = std::get_if<Activation>(&layer)) return std::string(name_of(activation->function));
  if (const auto* binary = std::get_if<Binary>(&layer)) return std::string(name_of(binary->function));
  if (const auto* pool = std::get_if<Pool>(&layer)) return pool->pool == PoolKind::max ? "MaxPool" : "AveragePool";
  if (const auto* pool = std::get_if<GlobalPool>(&layer))
    return pool->pool == PoolKind::max ? "GlobalMaxPool" : "GlobalAveragePool";
  return std::visit([](const auto& l) { return std::string(l.kind); }, layer);
}

/// Shape of the layer's result for the shapes of its sources.
/// \throws Error when they do not fit
template <class T>
[[nodiscard]] Shape dst_shape(const Layer<T>& layer, std::span<const Shape> src) {
  return std::visit([&](const auto& l) { return l.dst_shape(src); }, layer);
}

/// Work of one execution.
template <class T>
[[nodiscard]] Work work_of(const Layer<T>& layer, std::span<const Shape> src, const Shape& dst) {
  return std::visit([&](const auto& l) { return l.work(src, dst); }, layer);
}

/// Calls f(name, parameter) for each of the layer's parameters, empty ones included, in a fixed order.
/// `layer` may be const (then the parameters are) or not.
template <class L, class F>
void for_each_parameter(L& layer, F&& f) {
  const auto visit_members = [&](auto& l) {
    if constexpr (requires { l.weights; }) {
      f("weights", l.weights);
      f("bias", l.bias);
    } else if constexpr (requires { l.variance; }) {
      f("scale", l.scale);
      f("shift", l.shift);
      f("mean", l.mean);
      f("variance", l.variance);
    } else if constexpr (requires { l.value; }) {
      f("value", l.value);
    }
  };
  std::visit(visit_members, layer);
}

}  // namespace fulcrum
