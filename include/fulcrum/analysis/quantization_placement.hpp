#pragma once
/// \file
/// Which layers of a model run in int8 and which values are rounded to integers between them.

#include <algorithm>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <fulcrum/analysis/channel_gate.hpp>
#include <fulcrum/analysis/fusion.hpp>
#include <fulcrum/analysis/weighted_layers.hpp>
#include <fulcrum/core/linkage.hpp>

namespace fulcrum {

/// The answer of place_quantization().
struct QuantizationPlacement {
  struct Kept {
    NodeId layer = 0;
    std::string reason;  ///< why it stays in float
  };
  std::vector<NodeId> layers;  ///< convolutions, dense and recurrent layers that take int8, in order
  std::vector<Kept> kept;      ///< those that do not
  /// By node: the value whose range decides how this node's value is rounded (itself, the one it passes through, or the
  /// one it is joined into); empty: the value stays in float.
  std::vector<std::optional<NodeId>> root;
};

namespace detail {

/// What a step does with integers: what its primary layer states of itself, or that it is a gate.
enum class IntegerStep : std::uint8_t {
  computes,  ///< as IntegerUse
  combines,  ///< as IntegerUse
  gates,     ///< as combines, for the image of a gate; its factors stay in float
  passes,    ///< as IntegerUse
  in_float,  ///< anything else
};

[[nodiscard]] constexpr IntegerStep integer_step(IntegerUse use) noexcept {
  switch (use) {
    case IntegerUse::computes: return IntegerStep::computes;
    case IntegerUse::combines: return IntegerStep::combines;
    case IntegerUse::passes: return IntegerStep::passes;
    case IntegerUse::none: break;
  }
  return IntegerStep::in_float;
}

/// The rules of place_quantization(), one function a step.
template <class T>
class QuantizationPlacer {
public:
  QuantizationPlacer(const Model<T>& model, const std::vector<std::string>& skip);

  [[nodiscard]] QuantizationPlacement take() && { return std::move(placement_); }

private:
  [[nodiscard]] IntegerStep step_of(const FusionGroup& group) const {
    const bool gates = group.absorbed.empty() && channel_gate(model_, shapes_, group.primary);
    return gates ? IntegerStep::gates : integer_step(facts_of(model_.node(group.primary).layer).integers);
  }
  /// The values that a step takes in integers when it gives integers.
  [[nodiscard]] std::vector<NodeId> integer_sources(const FusionGroup& group) const {
    if (step_of_[group.dst] != IntegerStep::gates) return group_sources(model_, group);
    return {channel_gate(model_, shapes_, group.primary)->image};
  }

  void choose_layers(const std::vector<std::string>& skip);

  /// From what int8 layers take to what lies between them and the int8 layers before.
  void spread_backward();

  void choose_roots();

  /// What only a join takes is rounded as the joined values are, so that their integers are joined as they stand.
  void share_roots_of_joins();

  [[nodiscard]] bool runs_in_integers(NodeId id) const {
    return std::find(placement_.layers.begin(), placement_.layers.end(), id) != placement_.layers.end();
  }

  const Model<T>& model_;
  std::vector<Shape> shapes_;
  std::vector<FusionGroup> groups_;
  std::vector<bool> needed_;                         // by node: an int8 layer wants this value in integers
  std::vector<std::optional<IntegerStep>> step_of_;  // by the node that ends a step
  QuantizationPlacement placement_;
};

}  // namespace detail

/// Decides what a quantization pass rounds. Batch normalization should be folded before.
///
/// Every convolution, dense and recurrent layer runs in int8, but for those in `skip` and those whose source is an
/// output of the model (outputs stay in float). Rounded are: the sources of those layers; and, between them, what goes
/// through sums, joins, pooling and gates (whose factors stay in float). MaxPool, Reshape, Flatten and Relu pass
/// integers through by their source's scale. Values are rounded at the ends of fusion groups only, so that quantization
/// never comes between what runs as one step. A value that only a Concat takes is rounded by the scale of what is
/// joined, which has room for all of its sources.
///
/// \param skip  names of layers that stay in float
/// \throws Error when a
/// name in `skip` is no convolution, dense or recurrent layer of the model
template <class T>
[[nodiscard]] QuantizationPlacement place_quantization(const Model<T>& model,
                                                       const std::vector<std::string>& skip = {}) {
  detail::expect_quantizable_layers(model, skip);
  return detail::QuantizationPlacer<T>(model, skip).take();
}

}  // namespace fulcrum

#if FULCRUM_DEFINES(analysis)

namespace fulcrum::detail {

template <class T>
QuantizationPlacer<T>::QuantizationPlacer(const Model<T>& model, const std::vector<std::string>& skip)
    : model_(model),
      shapes_(shapes_for_fusion(model)),
      groups_(fusion_groups(model)),
      needed_(model.size(), false),
      step_of_(model.size()) {
  placement_.root.resize(model.size());
  for (const FusionGroup& group : groups_) step_of_[group.dst] = step_of(group);
  choose_layers(skip);
  spread_backward();
  choose_roots();
  share_roots_of_joins();
}

template <class T>
void QuantizationPlacer<T>::choose_layers(const std::vector<std::string>& skip) {
  for (const FusionGroup& group : groups_) {
    const Node<T>& node = model_.node(group.primary);
    if (weights_of(node.layer) == nullptr && !std::holds_alternative<Recurrent<T>>(node.layer)) continue;
    const NodeId src = node.src[0];
    if (contains(skip, node.name)) {
      placement_.kept.push_back({group.primary, "asked to stay in float"});
    } else if (model_.is_output(src)) {
      placement_.kept.push_back(
          {group.primary, "its source '" + model_.node(src).name + "' is an output of the model"});
    } else {
      placement_.layers.push_back(group.primary);
      needed_[src] = true;
    }
  }
}

template <class T>
void QuantizationPlacer<T>::spread_backward() {
  for (std::size_t i = groups_.size(); i-- > 0;) {
    const FusionGroup& group = groups_[i];
    if (!needed_[group.dst]) continue;
    const IntegerStep step = *step_of_[group.dst];
    if (step == IntegerStep::in_float) continue;
    if (step == IntegerStep::computes && !runs_in_integers(group.primary)) continue;
    for (const NodeId src : integer_sources(group)) {
      // A Relu on a value that is computed in float anyway does better to round once, after it.
      const bool relu_on_float = std::holds_alternative<Activation>(model_.node(group.primary).layer) &&
                                 step_of_[src] == IntegerStep::in_float;
      if (!model_.is_output(src) && !relu_on_float && !std::holds_alternative<Constant<T>>(model_.node(src).layer)) {
        needed_[src] = true;
      }
    }
  }
}

template <class T>
void QuantizationPlacer<T>::choose_roots() {
  for (NodeId id = 0; id < model_.size(); ++id) {
    const Layer<T>& layer = model_.node(id).layer;
    const bool is_source = std::holds_alternative<Input>(layer) || std::holds_alternative<Constant<T>>(layer);
    if (is_source && needed_[id]) placement_.root[id] = id;
  }
  for (const FusionGroup& group : groups_) {
    const std::vector<NodeId>& src = model_.node(group.primary).src;
    std::optional<NodeId>& root = placement_.root[group.dst];
    if (model_.is_output(group.dst)) continue;
    if (step_of_[group.dst] == IntegerStep::passes) root = placement_.root[src[0]];
    if (!root && needed_[group.dst]) root = group.dst;
  }
}

template <class T>
void QuantizationPlacer<T>::share_roots_of_joins() {
  const std::vector<std::vector<NodeId>> consumers = model_.consumers();
  for (std::size_t i = groups_.size(); i-- > 0;) {
    const FusionGroup& group = groups_[i];
    if (!std::holds_alternative<Concat>(model_.node(group.primary).layer)) continue;
    const std::optional<NodeId> joined = placement_.root[group.dst];
    if (!joined) continue;
    for (const NodeId src : model_.node(group.primary).src) {
      const bool only_joined = std::all_of(consumers[src].begin(), consumers[src].end(),
                                           [&](NodeId consumer) { return consumer == group.primary; });
      if (only_joined && step_of_[src] && placement_.root[src] == src) placement_.root[src] = joined;
    }
  }
}

}  // namespace fulcrum::detail

#if FULCRUM_INSTANTIATES(analysis)
namespace fulcrum::detail {
template class QuantizationPlacer<float>;
template class QuantizationPlacer<double>;
}  // namespace fulcrum::detail
#endif

#endif
