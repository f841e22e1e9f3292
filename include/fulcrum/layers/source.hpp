#pragma once
/// \file
/// Where values come from: a model's inputs and its constants.

#include <span>
#include <string_view>

#include <fulcrum/core/element_type.hpp>
#include <fulcrum/core/linkage.hpp>
#include <fulcrum/layers/facts.hpp>
#include <fulcrum/layers/parameter.hpp>
#include <fulcrum/layers/work.hpp>

namespace fulcrum {

/// A value the user gives at every run. `shape` may hold batch_dim; shape inference binds it.
struct Input {
  Shape shape;  ///< with the batch dimension, usually (batch_dim, c, h, w)
  ElementType element = ElementType::f32;

  static constexpr std::string_view kind = "Input";
  [[nodiscard]] static constexpr LayerFacts facts() noexcept { return {.needs_f32 = false}; }
  [[nodiscard]] ElementType dst_element(std::span<const ElementType> /*src*/) const { return element; }

  [[nodiscard]] Shape dst_shape(std::span<const Shape> src) const {
    detail::expect_sources(src, 0, "Input");
    return shape;
  }
  [[nodiscard]] Work work(std::span<const Shape> /*src*/, const Shape& /*dst*/) const { return {}; }

  friend bool operator==(const Input&, const Input&) = default;
};

/// A value that is part of the model (an ONNX initializer that is no layer's weights).
template <class T>
struct Constant {
  static constexpr std::string_view kind = "Constant";
  [[nodiscard]] static constexpr LayerFacts facts() noexcept { return {.needs_f32 = false}; }
  [[nodiscard]] ElementType dst_element(std::span<const ElementType> /*src*/) const { return element; }

  Parameter<T> value;
  ElementType element = ElementType::f32;

  [[nodiscard]] Shape dst_shape(std::span<const Shape> src) const;
  [[nodiscard]] Work work(std::span<const Shape> /*src*/, const Shape& /*dst*/) const {
    return {0.0, 0, value.size(), 0};
  }

  friend bool operator==(const Constant&, const Constant&) = default;
};

}  // namespace fulcrum

#if FULCRUM_DEFINES(layers)

namespace fulcrum {

template <class T>
Shape Constant<T>::dst_shape(std::span<const Shape> src) const {
  detail::expect_sources(src, 0, "Constant");
  if (value.empty()) throw Error("Constant", "has no value");
  return value.value->dims();
}

}  // namespace fulcrum

#if FULCRUM_INSTANTIATES(layers)
namespace fulcrum {
template struct Constant<float>;
template struct Constant<double>;
}  // namespace fulcrum
#endif

#endif
