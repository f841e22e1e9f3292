#pragma once
/// \file
/// A model in another scalar type.

#include <fulcrum/core/linkage.hpp>
#include <fulcrum/model/model.hpp>

namespace fulcrum {

/// The same graph with every weight converted (Model<double> from Model<float>, for the reference in double).
template <class To, class From>
[[nodiscard]] Model<To> cast(const Model<From>& model);

}  // namespace fulcrum

#if FULCRUM_DEFINES(model)

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

template <class To, class From>
Model<To> cast(const Model<From>& model) {
  using detail::cast_parameter;
  Model<To> result(model.name());
  const auto convert = Overloads{
      [](const Constant<From>& l) -> Layer<To> {
        return Constant<To>{cast_parameter<To>(l.value), l.element};
      },
      [](const Conv<From>& l) -> Layer<To> {
        return Conv<To>{cast_parameter<To>(l.weights), cast_parameter<To>(l.bias), l.window, l.groups};
      },
      [](const ConvTranspose<From>& l) -> Layer<To> {
        return ConvTranspose<To>{cast_parameter<To>(l.weights),
                                 cast_parameter<To>(l.bias),
                                 l.window,
                                 l.output_padding,
                                 l.depth_output_padding,
                                 l.groups};
      },
      [](const Recurrent<From>& l) -> Layer<To> {
        return Recurrent<To>{l.cell,
                             l.direction,
                             cast_parameter<To>(l.weights),
                             cast_parameter<To>(l.recurrent_weights),
                             cast_parameter<To>(l.bias),
                             cast_parameter<To>(l.peepholes),
                             l.functions,
                             l.clip,
                             l.linear_before_reset,
                             l.couple_input_forget,
                             l.with_cell_state,
                             l.with_hidden_state,
                             l.with_lengths};
      },
      [](const LayerNormalization<From>& l) -> Layer<To> {
        return LayerNormalization<To>{l.axis, cast_parameter<To>(l.scale), cast_parameter<To>(l.shift), l.epsilon};
      },
      [](const InstanceNormalization<From>& l) -> Layer<To> {
        return InstanceNormalization<To>{cast_parameter<To>(l.scale), cast_parameter<To>(l.shift), l.epsilon, l.groups};
      },
      [](const Dense<From>& l) -> Layer<To> {
        return Dense<To>{cast_parameter<To>(l.weights), cast_parameter<To>(l.bias)};
      },
      [](const BatchNormalization<From>& l) -> Layer<To> {
        return BatchNormalization<To>{cast_parameter<To>(l.scale), cast_parameter<To>(l.shift),
                                      cast_parameter<To>(l.mean), cast_parameter<To>(l.variance), l.epsilon};
      },
      [](const LayerWithoutWeights auto& l) -> Layer<To> { return l; }};
  for (const Node<From>& node : model.nodes()) {
    result.add({node.name, visit_layer(convert, node.layer), node.src, node.dst_quantization});
  }
  result.set_outputs(model.outputs(), model.output_names());
  return result;
}

}  // namespace fulcrum

#if FULCRUM_INSTANTIATES(model)
namespace fulcrum {
template Model<float> cast<float>(const Model<float>& model);
template Model<float> cast<float>(const Model<double>& model);
template Model<double> cast<double>(const Model<float>& model);
template Model<double> cast<double>(const Model<double>& model);
}  // namespace fulcrum
#endif

#endif
