#pragma once
/// \file
/// From a model to a program.

#include <algorithm>
#include <optional>
#include <string>
#include <utility>
#include <variant>

#include <fulcrum/exec/lower/elementwise.hpp>
#include <fulcrum/exec/lower/matmul.hpp>
#include <fulcrum/exec/lower/native.hpp>
#include <fulcrum/exec/lower/product.hpp>
#include <fulcrum/exec/lower/rows.hpp>
#include <fulcrum/exec/lower/shape.hpp>
#include <fulcrum/onednn/thread_scope.hpp>
#include <fulcrum/passes/fold_batch_normalization.hpp>

namespace fulcrum::detail::onednn {

/// What the programs of a precision are made from: quantizations only where they apply, batch norms folded.
/// \throws Error when the model has no outputs, or int8 is asked of one without quantized weights
[[nodiscard]] inline Model<float> prepared(Model<float> model, Precision precision) {
  if (model.outputs().empty())
    throw Error("model '" + model.name() + "'", "has no outputs", "name them with set_outputs()");
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

/// The group's steps, as far as oneDNN has primitives for it.
inline void lower_layer(Lowering& lowering, const FusionGroup& group) {
  const auto native = [&] { lower_natively(lowering, group); };
  visit_layer(Overloads{
                 [](const Input&) {},  // no groups: lower_source()
                 [](const Constant<float>&) {},
                 [&](const Conv<float>& l) { lower(lowering, group, l); },
                 [&](const ConvTranspose<float>& l) { lower(lowering, group, l); },
                 [&](const Dense<float>& l) { lower(lowering, group, l); },
                 [&](const MatMul& l) { lower(lowering, group, l); },
                 [&](const Recurrent<float>&) { native(); },
                 [&](const BatchNormalization<float>& l) { lower(lowering, group, l); },
                 [&](const LayerNormalization<float>& l) { lower(lowering, group, l); },
                 [&](const InstanceNormalization<float>&) { native(); },
                 [&](const LocalResponseNormalization&) { native(); },
                 [&](const Pool& l) { lower(lowering, group, l); },
                 [&](const GlobalPool& l) { lower(lowering, group, l); },
                 [&](const MaxPoolIndices&) { native(); },
                 [&](const Activation& l) { lower(lowering, group, l); },
                 [&](const Binary& l) { lower(lowering, group, l); },
                 [&](const ElementwiseLayer auto&) { native(); },
                 [&](const Softmax& l) { lower(lowering, group, l); },
                 [&](const Reduce& l) { lower(lowering, group, l); },
                 [&](const ArgReduce&) { native(); },
                 [&](const Concat& l) { lower(lowering, group, l); },
                 [&](const Reshape&) { lower_view(lowering, group); },
                 [&](const Flatten&) { lower_view(lowering, group); },
                 [&](const Transpose& l) { lower(lowering, group, l); },
                 [&](const Slice&) { native(); },
                 [&](const Expand&) { native(); },
                 [&](const Tile&) { native(); },
                 [&](const Gather&) { native(); },
                 [&](const Pad&) { native(); },
                 [&](const Resize&) { native(); },
             },
             lowering.node(group.primary).layer);
}

/// Whether the group takes or gives a value without elements, which oneDNN's primitives are not made for. (Concat
/// leaves such sources out by itself.)
[[nodiscard]] inline bool meets_nothing(const Lowering& lowering, const FusionGroup& group) {
  const auto is_empty = [&](NodeId id) { return element_count(lowering.shape(id)) == 0; };
  const Layer<float>& layer = lowering.node(group.primary).layer;
  if (std::holds_alternative<Reshape>(layer) || std::holds_alternative<Flatten>(layer)) return false;
  if (is_empty(group.dst)) return true;
  const std::vector<NodeId> sources = group_sources(lowering.model(), group);
  return !std::holds_alternative<Concat>(layer) && std::any_of(sources.begin(), sources.end(), is_empty);
}

/// What oneDNN has no form of runs in Fulcrum's own loops.
inline void lower_group(Lowering& lowering, const FusionGroup& group) {
  if (meets_nothing(lowering, group)) return lower_natively(lowering, group);
  try {
    lower_layer(lowering, group);
  } catch (const dnnl::error& error) {
    if (!is_refusal(error)) throw;
    lower_natively(lowering, group);
  }
}

/// \param source  prepared() for the precision
/// \throws Error naming the layer that cannot be run
[[nodiscard]] inline Program compile(const Model<float>& source, const RunConfig& config, Precision precision,
                                     std::shared_ptr<ConstantStore> store) {
  Lowering lowering(source, config, precision, std::move(store));
  std::string at;
  try {
    std::size_t next_input = 0;
    for (NodeId id = 0; id < source.size(); ++id) {
      at = source.node(id).name;
      const int threads = lowering.threads_for(id);
      const ThreadScope scope(threads);
      lowering.builder().set_threads(threads);
      lower_source(lowering, id, next_input);
    }
    for (std::size_t g = 0; g < lowering.groups().size(); ++g) {
      const FusionGroup& group = lowering.groups()[g];
      at = source.node(group.primary).name;
      const int threads = lowering.threads_for(group);
      const ThreadScope scope(threads);
      lowering.begin(g, threads);
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
