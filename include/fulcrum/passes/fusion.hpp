#pragma once
/// \file
/// Which layers run as one step. The cost model charges these groups, quantization places its rounding at their ends
/// and executors run them, so all three read the same answer here.

#include <string>
#include <vector>

#include <fulcrum/model/infer_shapes.hpp>

namespace fulcrum {

/// A step: one layer and the layers that run as its post-operations.
struct FusionGroup {
  NodeId primary = 0;            ///< the layer that gives the step its kind
  std::vector<NodeId> absorbed;  ///< run on the primary's result, in order; empty: the primary alone
  NodeId dst = 0;                ///< the node whose value leaves the step: absorbed.back(), or primary
};

namespace detail {

/// Functions that engines run on the result of another layer before it is stored.
[[nodiscard]] constexpr bool runs_as_post_operation(ActivationKind function) noexcept {
  return function <= ActivationKind::gelu_tanh;
}
[[nodiscard]] constexpr bool runs_as_post_operation(BinaryKind function) noexcept {
  return function <= BinaryKind::max;
}

template <class T>
bool can_absorb(const Layer<T>& primary) {
  return std::visit(Overloads{[](const Conv<T>&) { return true; },
                              [](const Dense<T>&) { return true; },
                              [](const Binary& l) { return runs_as_post_operation(l.function); },
                              [](const ConvTranspose<T>&) { return false; },
                              [](const Recurrent<T>&) { return false; },
                              [](const BatchNormalization<T>&) { return false; },
                              [](const NormalizationLayer auto&) { return false; },
                              [](const Input&) { return false; },
                              [](const Constant<T>&) { return false; },
                              [](const MatMul&) { return false; },
                              [](const Pool&) { return false; },
                              [](const GlobalPool&) { return false; },
                              [](const Activation&) { return false; },
                              [](const Concat&) { return false; },
                              [](const Reshape&) { return false; },
                              [](const Flatten&) { return false; },
                              [](const Softmax&) { return false; },
                              [](const MovementLayer auto&) { return false; },
                              [](const ElementwiseLayer auto&) { return false; },
                              [](const ReductionLayer auto&) { return false; }},
                    primary);
}

/// Shapes to compare sources by. With a batch of two, what holds the batch differs from what is broadcast along it;
/// some models have their batch of one written into a Reshape and take no other.
template <class T>
std::vector<Shape> shapes_for_fusion(const Model<T>& model) {
  try {
    return infer_shapes(model, 2);
  } catch (const Error&) {
    return infer_shapes(model, 1);
  }
}

}  // namespace detail

/// Groups the nodes of a model into steps, in an order in which they can run. Inputs and constants are no steps;
/// Reshape and Flatten are steps of their own that move nothing.
///
/// A layer is absorbed when it alone takes the value before it, that value is not an output of the model and is not
/// rounded by a quantization pass. Convolutions and dense layers absorb one residual Add whose other source is ready
/// (equal shapes, batch norm already folded) and one activation after it; element-wise layers absorb an activation.
template <class T>
[[nodiscard]] std::vector<FusionGroup> fusion_groups(const Model<T>& model) {
  const auto consumers = model.consumers();
  const std::vector<Shape> shapes = detail::shapes_for_fusion(model);
  std::vector<bool> taken(model.size(), false);
  std::vector<FusionGroup> groups;

  for (NodeId id = 0; id < model.size(); ++id) {
    const Layer<T>& layer = model.node(id).layer;
    if (taken[id] || std::holds_alternative<Input>(layer) || std::holds_alternative<Constant<T>>(layer)) continue;
    FusionGroup group{id, {}, id};
    taken[id] = true;
    bool has_sum = std::holds_alternative<Binary>(layer);  // an Add absorbs no second Add
    bool has_activation = false;
    while (detail::can_absorb(layer) && !has_activation && consumers[group.dst].size() == 1 &&
           !model.is_output(group.dst) && !model.node(group.dst).dst_quantization) {
      const NodeId next = consumers[group.dst].front();
      const Node<T>& node = model.node(next);
      if (const auto* activation = std::get_if<Activation>(&node.layer);
          activation && detail::runs_as_post_operation(activation->function)) {
        has_activation = true;
      } else if (const auto* binary = std::get_if<Binary>(&node.layer);
                 binary && binary->function == BinaryKind::add && !has_sum) {
        const NodeId other = node.src[0] == group.dst ? node.src[1] : node.src[0];
        // The other source must not depend on this step; standing before the primary guarantees it. Only then is the
        // sum the later of its two sources' steps, and only one of the two can absorb it.
        const bool is_constant = std::holds_alternative<Constant<T>>(model.node(other).layer);
        if (other == group.dst || is_constant || other > id || shapes[other] != shapes[group.dst] || taken[next]) break;
        has_sum = true;
      } else {
        break;
      }
      taken[next] = true;
      group.absorbed.push_back(next);
      group.dst = next;
    }
    groups.push_back(group);
  }
  return groups;
}

/// "Conv+Add+Relu"
template <class T>
[[nodiscard]] std::string kind_of(const Model<T>& model, const FusionGroup& group) {
  std::string kind = kind_of(model.node(group.primary).layer);
  for (const NodeId id : group.absorbed) kind.append("+").append(kind_of(model.node(id).layer));
  return kind;
}

/// The values a step takes from outside: the primary's sources, then the other source of each absorbed Add.
template <class T>
[[nodiscard]] std::vector<NodeId> group_sources(const Model<T>& model, const FusionGroup& group) {
  std::vector<NodeId> src = model.node(group.primary).src;
  NodeId before = group.primary;
  for (const NodeId id : group.absorbed) {
    for (const NodeId s : model.node(id).src) {
      if (s != before) src.push_back(s);
    }
    before = id;
  }
  return src;
}

}  // namespace fulcrum
