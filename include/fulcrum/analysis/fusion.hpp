#pragma once
/// \file
/// Which layers run as one step. The cost model charges these groups, quantization places its rounding at their ends
/// and executors run them, so all three read the same answer here.

#include <string>
#include <vector>

#include <fulcrum/core/linkage.hpp>
#include <fulcrum/model/infer_shapes.hpp>

namespace fulcrum {

/// Whether a Transpose only orders the axes of matrix products: all that take its result are MatMul, or its source is
/// one that nobody else takes. A matrix product reads and writes in any order of the axes.
template <class T>
[[nodiscard]] bool orders_matrix_axes(const Model<T>& model, NodeId id);

/// Whether nothing runs for a layer: its result is its source under another shape or order of axes.
template <class T>
[[nodiscard]] bool is_view(const Model<T>& model, NodeId id) {
  return facts_of(model.node(id).layer).is_view || orders_matrix_axes(model, id);
}

/// A step: one layer and the layers that run as its post-operations.
struct FusionGroup {
  NodeId primary = 0;            ///< the layer that gives the step its kind
  std::vector<NodeId> absorbed;  ///< run on the primary's result, in order; empty: the primary alone
  NodeId dst = 0;                ///< the node whose value leaves the step: absorbed.back(), or primary
  std::string why_ended;  ///< why the layer after dst is no part of the step; empty: nothing follows that could be
};

namespace detail {

/// Shapes to compare sources by. With a batch of two, what holds the batch differs from what is broadcast along it;
/// some models have their batch of one written into a Reshape and take no other.
template <class T>
std::vector<Shape> shapes_for_fusion(const Model<T>& model);

}  // namespace detail

namespace detail {

/// Whether and why not a layer becomes part of a step.
struct Absorption {
  bool absorbs = false;
  bool is_sum = false;
  std::string why_not;
};

/// Builds the groups of one model.
template <class T>
class FusionPlanner {
public:
  explicit FusionPlanner(const Model<T>& model)
      : model_(model), consumers_(model.consumers()), shapes_(shapes_for_fusion(model)), taken_(model.size(), false) {}

  [[nodiscard]] std::vector<FusionGroup> groups() &&;

private:
  [[nodiscard]] FusionGroup group_of(NodeId id);

  [[nodiscard]] Absorption absorption(const FusionGroup& group, NodeId next, bool has_sum) const;

  const Model<T>& model_;
  std::vector<std::vector<NodeId>> consumers_;
  std::vector<Shape> shapes_;
  std::vector<bool> taken_;
};

}  // namespace detail

/// Groups the nodes of a model into steps, in an order in which they can run. Inputs and constants are no steps;
/// Reshape and Flatten are steps of their own that move nothing.
///
/// A layer is absorbed when it alone takes the value before it, that value is not an output of the model and is not
/// rounded by a quantization pass. Convolutions and dense layers absorb activations, any number in a row, and among
/// them one residual Add whose other source is ready (equal shapes, batch norm already folded); element-wise layers of
/// two sources and batch norms absorb activations.
template <class T>
[[nodiscard]] std::vector<FusionGroup> fusion_groups(const Model<T>& model) {
  return detail::FusionPlanner<T>(model).groups();
}

/// "Conv+Add+Relu"
template <class T>
[[nodiscard]] std::string kind_of(const Model<T>& model, const FusionGroup& group);

/// The values a step takes from outside: the primary's sources, then the other source of each absorbed Add.
template <class T>
[[nodiscard]] std::vector<NodeId> group_sources(const Model<T>& model, const FusionGroup& group);

}  // namespace fulcrum

#if FULCRUM_DEFINES(analysis)

#include <algorithm>

namespace fulcrum {

template <class T>
bool orders_matrix_axes(const Model<T>& model, NodeId id) {
  if (!std::holds_alternative<Transpose>(model.node(id).layer) || model.is_output(id)) return false;
  const auto takes = [&](NodeId node) {
    const std::vector<NodeId>& src = model.node(node).src;
    return std::find(src.begin(), src.end(), id) != src.end();
  };
  bool only_products = true;
  std::size_t of_source = 0;
  bool taken = false;
  const NodeId source = model.node(id).src[0];
  for (NodeId later = source + 1; later < model.size(); ++later) {
    if (later > id && takes(later)) {
      taken = true;
      only_products = only_products && std::holds_alternative<MatMul>(model.node(later).layer);
    }
    const std::vector<NodeId>& src = model.node(later).src;
    of_source += static_cast<std::size_t>(std::count(src.begin(), src.end(), source));
  }
  return (taken && only_products) ||
         (std::holds_alternative<MatMul>(model.node(source).layer) && of_source == 1 && !model.is_output(source));
}

}  // namespace fulcrum

namespace fulcrum::detail {

template <class T>
std::vector<Shape> shapes_for_fusion(const Model<T>& model) {
  try {
    return infer_shapes(model, 2);
  } catch (const Error&) {
    return infer_shapes(model, 1);
  }
}

template <class T>
std::vector<FusionGroup> FusionPlanner<T>::groups() && {
  std::vector<FusionGroup> groups;
  for (NodeId id = 0; id < model_.size(); ++id) {
    const Layer<T>& layer = model_.node(id).layer;
    if (taken_[id] || std::holds_alternative<Input>(layer) || std::holds_alternative<Constant<T>>(layer)) continue;
    groups.push_back(group_of(id));
  }
  return groups;
}

template <class T>
FusionGroup FusionPlanner<T>::group_of(NodeId id) {
  FusionGroup group{id, {}, id, {}};
  taken_[id] = true;
  const Layer<T>& layer = model_.node(id).layer;
  if (!facts_of(layer).takes_post_operations) return group;
  // An Add absorbs no second Add; a batch norm that no layer took, functions alone.
  bool has_sum = std::holds_alternative<Binary>(layer) || std::holds_alternative<BatchNormalization<T>>(layer);
  while (!consumers_[group.dst].empty()) {
    const NodeId next = consumers_[group.dst].front();
    const Absorption answer = absorption(group, next, has_sum);
    if (!answer.absorbs) {
      group.why_ended = answer.why_not;
      break;
    }
    has_sum = has_sum || answer.is_sum;
    taken_[next] = true;
    group.absorbed.push_back(next);
    group.dst = next;
  }
  return group;
}

template <class T>
Absorption FusionPlanner<T>::absorption(const FusionGroup& group, NodeId next, bool has_sum) const {
  const Node<T>& node = model_.node(next);
  const auto* activation = std::get_if<Activation>(&node.layer);
  const auto* binary = std::get_if<Binary>(&node.layer);
  if (activation == nullptr && binary == nullptr) return {};
  const auto no = [&](const std::string& why) { return Absorption{false, false, "'" + node.name + "' " + why}; };
  const std::string& value = model_.node(group.dst).name;
  if (consumers_[group.dst].size() != 1) {
    return no("is apart: " + std::to_string(consumers_[group.dst].size()) + " layers take '" + value + "'");
  }
  if (model_.is_output(group.dst)) return no("is apart: '" + value + "' is an output of the model");
  if (model_.node(group.dst).dst_quantization) return no("is apart: '" + value + "' is rounded to integers before it");
  if (activation != nullptr) {
    if (!runs_as_post_operation(activation->function)) return no("is no function that runs as a post-operation");
    return {true, false, {}};
  }
  if (binary->function != BinaryKind::add) return no("is apart: of two values only a sum is a post-operation");
  if (has_sum) return no("is apart: the step takes no further sum");
  // The other source must not depend on this step; standing before the primary guarantees it. Only then is the sum
  // the later of its two sources' steps, and only one of the two can absorb it.
  const NodeId other = node.src[0] == group.dst ? node.src[1] : node.src[0];
  if (other == group.dst) return no("is apart: it adds '" + value + "' to itself");
  if (std::holds_alternative<Constant<T>>(model_.node(other).layer)) return no("is apart: it adds a constant");
  if (shapes_[other] != shapes_[group.dst]) return no("is apart: it broadcasts");
  if (other > group.primary) return no("is part of the later step that gives '" + model_.node(other).name + "'");
  if (taken_[next]) return no("is part of another step");
  return {true, true, {}};
}

}  // namespace fulcrum::detail

namespace fulcrum {

template <class T>
std::string kind_of(const Model<T>& model, const FusionGroup& group) {
  std::string kind = kind_of(model.node(group.primary).layer);
  for (const NodeId id : group.absorbed) kind.append("+").append(kind_of(model.node(id).layer));
  return kind;
}

template <class T>
std::vector<NodeId> group_sources(const Model<T>& model, const FusionGroup& group) {
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

#if FULCRUM_INSTANTIATES(analysis)
namespace fulcrum {
template bool orders_matrix_axes(const Model<float>& model, NodeId id);
template bool orders_matrix_axes(const Model<double>& model, NodeId id);
}  // namespace fulcrum
namespace fulcrum::detail {
template std::vector<Shape> shapes_for_fusion(const Model<float>& model);
template std::vector<Shape> shapes_for_fusion(const Model<double>& model);
}  // namespace fulcrum::detail
namespace fulcrum {
template std::string kind_of(const Model<float>& model, const FusionGroup& group);
template std::string kind_of(const Model<double>& model, const FusionGroup& group);
template std::vector<NodeId> group_sources(const Model<float>& model, const FusionGroup& group);
template std::vector<NodeId> group_sources(const Model<double>& model, const FusionGroup& group);
}  // namespace fulcrum
namespace fulcrum::detail {
template class FusionPlanner<float>;
template class FusionPlanner<double>;
}  // namespace fulcrum::detail
#endif

#endif
