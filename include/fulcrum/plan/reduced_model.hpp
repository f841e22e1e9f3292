#pragma once
/// \file
/// Models with less work in a layer, to predict what that would bring. Their weights are those that are left or zeros:
/// they have the shapes of a model that was made so with care, not its values.

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <fulcrum/core/linkage.hpp>
#include <fulcrum/model/infer_shapes.hpp>
#include <fulcrum/model/model.hpp>

namespace fulcrum {

/// A model with less work, or why there is none.
struct ReducedModel {
  std::optional<Model<float>> model;
  std::string why_not;
};

/// Structured pruning: a convolution or dense layer with fewer output channels, and what takes its value with as many
/// source channels, through activations, pooling, batch norms, depthwise convolutions and Flatten. Not where channels
/// are tied to those of other layers by a sum, a join or an output of the model.
/// \param layer  of the model, not quantized
/// \param kept   output channels that are left; ≥ 1
FULCRUM_DECLARE [[nodiscard]] ReducedModel with_fewer_channels(const Model<float>& model, NodeId layer,
                                                               std::int64_t kept);

/// Low rank: a dense layer (oc, ic) as two, (rank, ic) and then (oc, rank) with the bias.
/// \param layer  of the model, not quantized
/// \param rank   ≥ 1
FULCRUM_DECLARE [[nodiscard]] ReducedModel with_low_rank(const Model<float>& model, NodeId layer, std::int64_t rank);

}  // namespace fulcrum

#if FULCRUM_DEFINES(plan)

#include <algorithm>
#include <variant>

namespace fulcrum::detail {

/// The first `count` slices of a parameter along an axis; an empty one stays empty.
FULCRUM_DECLARE Parameter<float> first_of(const Parameter<float>& parameter, std::size_t axis, std::int64_t count) {
  if (parameter.empty()) return parameter;
  const Shape from = parameter.value->dims();
  Shape to = from;
  to[axis] = count;
  Tensor<float> result(to);
  std::int64_t outer = 1;
  std::int64_t inner = 1;
  for (std::size_t i = 0; i < from.size(); ++i) (i < axis ? outer : inner) *= i == axis ? 1 : from[i];
  const auto elements = parameter.value->flat();
  for (std::int64_t o = 0; o < outer; ++o) {
    std::copy_n(elements.begin() + o * from[axis] * inner, count * inner, result.flat().begin() + o * count * inner);
  }
  return result;
}

/// Carries a smaller number of channels from a layer to those that take its value.
class ChannelNarrowing {
public:
  ChannelNarrowing(const Model<float>& model, NodeId layer, std::int64_t kept)
      : model_(model), shapes_(infer_shapes(model, 1)), kept_(model.size()), layer_(layer), count_(kept) {}

  /// \return why it cannot be done; empty: it was
  FULCRUM_DECLARE std::string run();
  [[nodiscard]] Model<float> take() && { return std::move(model_); }

private:
  /// \return why it cannot be done; empty: it was, or there was nothing to do
  FULCRUM_DECLARE std::string narrow(NodeId id);
  FULCRUM_DECLARE std::string narrow_product(NodeId id, std::int64_t of_source);
  [[nodiscard]] std::string tied(NodeId id) const {
    return "its channels are tied to '" + model_.node(id).name + "' (" + std::string(kind_of(model_.node(id).layer)) +
           ")";
  }

  Model<float> model_;
  std::vector<Shape> shapes_;                      // of the model as it was
  std::vector<std::optional<std::int64_t>> kept_;  // extents of the axis of channels, of values that are narrower
  NodeId layer_;
  std::int64_t count_;
};

FULCRUM_DEFINE std::string ChannelNarrowing::run() {
  if (auto* conv = std::get_if<Conv<float>>(&model_.edit_layer(layer_))) {
    if (conv->groups != 1) return "it is grouped";
    conv->weights = first_of(conv->weights, 0, count_);
    conv->bias = first_of(conv->bias, 0, count_);
  } else if (auto* dense = std::get_if<Dense<float>>(&model_.edit_layer(layer_))) {
    if (shapes_[layer_].size() != 2 && shapes_[layer_].size() != 3) return "its result is no list of vectors";
    dense->weights = first_of(dense->weights, 0, count_);
    dense->bias = first_of(dense->bias, 0, count_);
  } else {
    return "it is no convolution or dense layer";
  }
  kept_[layer_] = count_;
  if (model_.is_output(layer_)) return "it is an output of the model";
  for (NodeId id = layer_ + 1; id < model_.size(); ++id) {
    if (std::string why = narrow(id); !why.empty()) return why;
    if (kept_[id] && model_.is_output(id)) return "its channels are an output of the model";
  }
  return {};
}

FULCRUM_DEFINE std::string ChannelNarrowing::narrow_product(NodeId id, std::int64_t of_source) {
  if (auto* conv = std::get_if<Conv<float>>(&model_.edit_layer(id))) {
    const Shape weights = conv->weights.value->dims();
    if (conv->groups == 1) {
      conv->weights = first_of(conv->weights, 1, of_source);
      return {};
    }
    const bool depthwise = weights[1] == 1 && weights[0] == conv->groups;
    if (!depthwise) return tied(id);
    conv->weights = first_of(conv->weights, 0, of_source);
    conv->bias = first_of(conv->bias, 0, of_source);
    conv->groups = of_source;
    kept_[id] = of_source;
    return {};
  }
  auto& dense = std::get<Dense<float>>(model_.edit_layer(id));
  dense.weights = first_of(dense.weights, 1, of_source);
  return {};
}

FULCRUM_DEFINE std::string ChannelNarrowing::narrow(NodeId id) {
  const Node<float>& node = model_.node(id);
  std::optional<std::int64_t> of_source;
  bool all = true;
  for (const NodeId src : node.src) {
    if (kept_[src]) {
      of_source = kept_[src];
    } else if (element_count(shapes_[src]) != 1) {
      all = false;
    }
  }
  if (!of_source) return {};
  const Layer<float>& layer = node.layer;
  if (std::holds_alternative<Conv<float>>(layer) || std::holds_alternative<Dense<float>>(layer))
    return narrow_product(id, *of_source);
  if (const auto* norm = std::get_if<BatchNormalization<float>>(&layer)) {
    BatchNormalization<float> narrow = *norm;
    for (Parameter<float>* p : {&narrow.scale, &narrow.shift, &narrow.mean, &narrow.variance})
      *p = first_of(*p, 0, *of_source);
    model_.edit_layer(id) = std::move(narrow);
  } else if (std::holds_alternative<Flatten>(layer)) {
    const Shape& from = shapes_[node.src[0]];
    if (from.size() < 2 || shapes_[id].size() != 2 || shapes_[id][0] != from[0]) return tied(id);
    *of_source *= shapes_[id][1] / from[1];
  } else if (const bool channelwise = std::holds_alternative<Activation>(layer) ||
                                      std::holds_alternative<Pool>(layer) || std::holds_alternative<GlobalPool>(layer);
             !channelwise && !(std::holds_alternative<Binary>(layer) && all)) {
    return tied(id);
  }
  kept_[id] = of_source;
  return {};
}

}  // namespace fulcrum::detail

namespace fulcrum {

FULCRUM_DEFINE ReducedModel with_fewer_channels(const Model<float>& model, NodeId layer, std::int64_t kept) {
  if (kept < 1) throw Error("channels to keep", "is " + std::to_string(kept), "give 1 or more");
  detail::ChannelNarrowing narrowing(model, layer, kept);
  if (std::string why = narrowing.run(); !why.empty()) return {std::nullopt, std::move(why)};
  return {std::move(narrowing).take(), {}};
}

FULCRUM_DEFINE ReducedModel with_low_rank(const Model<float>& model, NodeId layer, std::int64_t rank) {
  if (rank < 1) throw Error("rank", "is " + std::to_string(rank), "give 1 or more");
  const auto* dense = std::get_if<Dense<float>>(&model.node(layer).layer);
  if (dense == nullptr) return {std::nullopt, "it is no dense layer"};
  const Shape weights = dense->weights.value->dims();
  Model<float> result(model.name());
  std::vector<NodeId> at;  // of the model's nodes, in the result
  for (NodeId id = 0; id < model.size(); ++id) {
    Node<float> node = model.node(id);
    for (NodeId& src : node.src) src = at[src];
    if (id == layer) {
      std::string name = node.name + ".low_rank";
      while (model.find(name)) name += "_";
      const NodeId first =
          result.add({std::move(name), Dense<float>{Tensor<float>(Shape{rank, weights[1]}), {}}, node.src, {}});
      node.src = {first};
      node.layer = Dense<float>{Tensor<float>(Shape{weights[0], rank}), dense->bias};
    }
    at.push_back(result.add(std::move(node)));
  }
  std::vector<NodeId> outputs;
  for (const NodeId id : model.outputs()) outputs.push_back(at[id]);
  result.set_outputs(std::move(outputs));
  return {std::move(result), {}};
}

}  // namespace fulcrum

#endif
