#pragma once
/// \file
/// From a model to a program.

#include <algorithm>
#include <optional>
#include <string>
#include <utility>
#include <variant>

#include <fulcrum/exec/detail/lower_elementwise.hpp>
#include <fulcrum/exec/detail/lower_product.hpp>
#include <fulcrum/exec/detail/lower_shape.hpp>
#include <fulcrum/passes/fold_batch_normalization.hpp>

namespace fulcrum::detail::onednn {

/// What the programs of a precision are made from: quantizations only where they apply, batch norms folded.
[[nodiscard]] inline Model<float> prepared(Model<float> model, Precision precision) {
  bool quantized = false;
  const bool keep = precision == Precision::int8;
  for (NodeId id = 0; id < model.size(); ++id) {
    for_each_parameter(model.node(id).layer, [&](const char*, const Parameter<float>& parameter) {
      quantized = quantized || parameter.quantization.has_value();
    });
    if (keep) continue;
    model.set_dst_quantization(id, std::nullopt);
    for_each_parameter(model.edit_layer(id), [](const char*, auto& parameter) { parameter.quantization.reset(); });
  }
  if (keep && !quantized) {
    throw Error("model '" + model.name() + "'", "holds no quantized weights, so it cannot run in int8",
                "quantize it first: fulcrum compress MODEL --quantize int8, or passes/quantize.hpp");
  }
  return fold_batch_normalization(model).model;
}

inline void lower_source(Lowering& lowering, NodeId id, std::size_t& next_input) {
  const Node<float>& node = lowering.node(id);
  const Shape& shape = lowering.shape(id);
  if (std::holds_alternative<Input>(node.layer)) {
    lowering.builder().add_input(shape);
    lowering.finish(id, {shape, plain_desc(shape, DType::f32), {Location::Place::input, next_input++}, std::nullopt});
  } else if (const auto* constant = std::get_if<Constant<float>>(&node.layer)) {
    const SharedTensor<float> elements = lowering.elements(constant->value);
    lowering.finish(id, lowering.builder().constant(shape, elements->flat()));
  }
}

inline void lower_group(Lowering& lowering, const FusionGroup& group) {
  std::visit(
      Overloads{
          [](const Input&) {},  // no groups: lower_source()
          [](const Constant<float>&) {}, [&](const Conv<float>& l) { lower(lowering, group, l); },
          [&](const Dense<float>& l) { lower(lowering, group, l); },
          [&](const BatchNormalization<float>& l) { lower(lowering, group, l); },
          [&](const Pool& l) { lower(lowering, group, l); }, [&](const GlobalPool& l) { lower(lowering, group, l); },
          [&](const Activation& l) { lower(lowering, group, l); }, [&](const Binary& l) { lower(lowering, group, l); },
          [&](const Concat& l) { lower(lowering, group, l); }, [&](const Reshape&) { lower_view(lowering, group); },
          [&](const Flatten&) { lower_view(lowering, group); }, [&](const Softmax& l) { lower(lowering, group, l); }},
      lowering.node(group.primary).layer);
}

/// \throws Error naming the layer that cannot be run
[[nodiscard]] inline Program compile(const Model<float>& model, std::int64_t batch, Precision precision) {
  if (model.outputs().empty())
    throw Error("model '" + model.name() + "'", "has no outputs", "name them with set_outputs()");
  const Model<float> source = prepared(model, precision);
  Lowering lowering(source, batch, precision);
  std::string at;
  try {
    std::size_t next_input = 0;
    for (NodeId id = 0; id < source.size(); ++id) {
      at = source.node(id).name;
      lower_source(lowering, id, next_input);
    }
    for (std::size_t g = 0; g < lowering.groups().size(); ++g) {
      const FusionGroup& group = lowering.groups()[g];
      at = source.node(group.primary).name;
      lowering.begin(g);
      lower_group(lowering, group);
    }
    for (std::size_t k = 0; k < source.outputs().size(); ++k) {
      const NodeId id = source.outputs()[k];
      at = source.node(id).name;
      lowering.builder().deliver(lowering.value(id), k, at);
    }
  } catch (const dnnl::error& error) {
    throw Error("layer '" + at + "'", std::string("is refused by oneDNN (") + error.what() + ")");
  }
  return std::move(lowering.builder()).finish();
}

}  // namespace fulcrum::detail::onednn
