#pragma once
/// \file
/// ReLU after max pooling instead of before it, while a model is under training.

#include <utility>
#include <vector>

#include <fulcrum/core/linkage.hpp>
#include <fulcrum/model/model.hpp>

namespace fulcrum::detail::training {

/// Nodes whose layers have changed places.
using SwappedLayers = std::vector<std::pair<NodeId, NodeId>>;

FULCRUM_DECLARE [[nodiscard]] bool is_relu(const Layer<float>& layer);
FULCRUM_DECLARE [[nodiscard]] bool is_max_pooling(const Layer<float>& layer);

/// Lets each ReLU whose value only a max pooling takes change places with it, so that it works on the pooled elements
/// alone. max(relu(x)) = relu(max(x)), and so are the gradients: where the maximum is positive both orders choose the
/// same element, and elsewhere the gradient is 0. Neither layer has parameters and node ids stay, so that swapping the
/// same layers again gives the model back.
FULCRUM_DECLARE [[nodiscard]] SwappedLayers swap_relu_and_max_pooling(Model<float>& model);

}  // namespace fulcrum::detail::training

#if FULCRUM_DEFINES(train)

namespace fulcrum::detail::training {

FULCRUM_DEFINE bool is_relu(const Layer<float>& layer) {
  const auto* activation = std::get_if<Activation>(&layer);
  return activation != nullptr && activation->function == ActivationKind::relu;
}

FULCRUM_DEFINE bool is_max_pooling(const Layer<float>& layer) {
  const auto* pool = std::get_if<Pool>(&layer);
  const auto* global = std::get_if<GlobalPool>(&layer);
  return (pool != nullptr && pool->pool == PoolKind::max) || (global != nullptr && global->pool == PoolKind::max);
}

FULCRUM_DEFINE SwappedLayers swap_relu_and_max_pooling(Model<float>& model) {
  SwappedLayers swapped;
  const auto consumers = model.consumers();
  for (NodeId id = 0; id < model.size(); ++id) {
    if (!is_relu(model.node(id).layer) || consumers[id].size() != 1 || model.is_output(id)) continue;
    const NodeId next = consumers[id].front();
    if (!is_max_pooling(model.node(next).layer)) continue;
    std::swap(model.edit_layer(id), model.edit_layer(next));
    swapped.emplace_back(id, next);
  }
  return swapped;
}

}  // namespace fulcrum::detail::training

#endif
