#pragma once
/// \file
/// A model in another scalar type.

#include <fulcrum/model/model.hpp>

namespace fulcrum {

namespace detail {
template <class To, class From>
Parameter<To> cast_parameter(const Parameter<From>& from) {
  Parameter<To> to;
  if (!from.empty()) to.value = cast<To>(*from.value);
  to.mask = from.mask;
  to.quantization = from.quantization;
  return to;
}
}  // namespace detail

/// The same graph with every weight converted (Model<double> from Model<float>, for the reference in double).
template <class To, class From>
[[nodiscard]] Model<To> cast(const Model<From>& model) {
  using detail::cast_parameter;
  Model<To> result(model.name());
  const auto convert =
      Overloads{[](const Constant<From>& l) -> Layer<To> { return Constant<To>{cast_parameter<To>(l.value)}; },
                [](const Conv<From>& l) -> Layer<To> {
                  return Conv<To>{cast_parameter<To>(l.weights), cast_parameter<To>(l.bias), l.window, l.groups};
                },
                [](const Dense<From>& l) -> Layer<To> {
                  return Dense<To>{cast_parameter<To>(l.weights), cast_parameter<To>(l.bias)};
                },
                [](const BatchNormalization<From>& l) -> Layer<To> {
                  return BatchNormalization<To>{cast_parameter<To>(l.scale), cast_parameter<To>(l.shift),
                                                cast_parameter<To>(l.mean), cast_parameter<To>(l.variance), l.epsilon};
                },
                [](const Input& l) -> Layer<To> { return l; },
                [](const Pool& l) -> Layer<To> { return l; },
                [](const GlobalPool& l) -> Layer<To> { return l; },
                [](const Activation& l) -> Layer<To> { return l; },
                [](const Binary& l) -> Layer<To> { return l; },
                [](const Concat& l) -> Layer<To> { return l; },
                [](const Reshape& l) -> Layer<To> { return l; },
                [](const Flatten& l) -> Layer<To> { return l; },
                [](const Softmax& l) -> Layer<To> { return l; }};
  for (const Node<From>& node : model.nodes()) {
    result.add({node.name, std::visit(convert, node.layer), node.src, node.dst_quantization});
  }
  result.set_outputs(model.outputs());
  return result;
}

}  // namespace fulcrum
