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

/// Structured pruning: a convolution or dense layer with fewer output channels, the first ones, with all that depends
/// on them (channel_dependencies()). Not where they have to stay.
///
/// \param layer  of the model, not quantized
/// \param kept
/// output channels that are left, ≥ 1; more where channels stand and fall in groups
FULCRUM_DECLARE [[nodiscard]] ReducedModel with_fewer_channels(const Model<float>& model, NodeId layer,
                                                               std::int64_t kept);

/// Low rank: a dense layer (oc, ic) as two, (rank, ic) and then (oc, rank) with the bias.
/// \param layer  of the model, not quantized
/// \param rank   ≥ 1
FULCRUM_DECLARE [[nodiscard]] ReducedModel with_low_rank(const Model<float>& model, NodeId layer, std::int64_t rank);

}  // namespace fulcrum

#if FULCRUM_DEFINES(plan)

#include <algorithm>

#include <fulcrum/analysis/channel_dependencies.hpp>
#include <fulcrum/passes/remove_channels.hpp>

namespace fulcrum {

FULCRUM_DEFINE ReducedModel with_fewer_channels(const Model<float>& model, NodeId layer, std::int64_t kept) {
  if (kept < 1) throw Error("channels to keep", "is " + std::to_string(kept), "give 1 or more");
  const std::string& name = model.node(layer).name;
  const ChannelDependencies dependencies = channel_dependencies(model);
  for (const ChannelGroup& group : dependencies.groups) {
    const bool tied = std::find(group.tied.begin(), group.tied.end(), name) != group.tied.end();
    if (group.layer != name && !tied) continue;
    const auto units = static_cast<std::size_t>((kept + group.channels_of_unit - 1) / group.channels_of_unit);
    if (units >= group.units.size()) return {std::nullopt, "they stand and fall in groups too large for that"};
    std::vector<bool> removed(dependencies.units, false);
    for (std::size_t i = units; i < group.units.size(); ++i) removed[static_cast<std::size_t>(group.units[i])] = true;
    return {remove_channels(model, dependencies, removed), {}};
  }
  for (const FixedChannels& fixed : dependencies.fixed) {
    if (fixed.layer == name) return {std::nullopt, fixed.reason};
  }
  return {std::nullopt, "it has no channels to prune"};
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
