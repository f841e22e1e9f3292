#pragma once
/// \file
/// What lowering one layer needs to know of the model around it.

#include <algorithm>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <fulcrum/core/linkage.hpp>
#include <fulcrum/exec/runtime/program_builder.hpp>
#include <fulcrum/schedule/plan_steps.hpp>

namespace fulcrum::detail::onednn {

/// A model on its way to a program: its groups are lowered in order by the functions of the lower_….hpp headers.
class Lowering {
public:
  /// \param schedule  outlives this
  Lowering(const Schedule& schedule, const Machine& machine, std::shared_ptr<ConstantStore> store)
      : schedule_(schedule),
        model_(schedule.model),
        planner_(schedule.model, schedule.of_slice, machine, schedule.keeps_nan),
        consumers_(schedule.model.consumers()),
        values_(schedule.model.size()),
        in_planes_(schedule.model.size()),
        builder_(std::move(store)) {
    for (const ScheduledStep& entry : schedule.steps) {
      in_planes_[entry.dst] = entry.in_planes;
      if (entry.in_chain) planner_.run_in_planes(entry.group->primary);
    }
    find_last_uses();
  }

  [[nodiscard]] const Model<float>& model() const noexcept { return model_; }
  [[nodiscard]] const Node<float>& node(NodeId id) const { return model_.node(id); }
  [[nodiscard]] const std::vector<Shape>& shapes() const noexcept { return planner_.shapes(); }
  [[nodiscard]] const Shape& shape(NodeId id) const { return planner_.shapes()[id]; }
  /// What the node computes in.
  [[nodiscard]] Precision precision_of(NodeId id) const { return planner_.types().precision_of(id); }
  [[nodiscard]] const std::vector<FusionGroup>& groups() const noexcept { return schedule_.groups; }
  /// What the group's step takes and gives, by how its sources came.
  [[nodiscard]] StepTypes types_of(const FusionGroup& group) const { return planner_.types_of(group); }
  /// The group's step as the cost model sees it, by how its sources came.
  [[nodiscard]] ScheduledStep step_of(const FusionGroup& group) const { return planner_.step_of(group); }
  [[nodiscard]] RecurrentWeights recurrent_weights_of(NodeId id) const { return planner_.recurrent_weights_of(id); }
  [[nodiscard]] bool in_loops(const FusionGroup& group) const { return planner_.in_loops(group); }
  [[nodiscard]] bool in_threaded_loops(const FusionGroup& group) const { return planner_.in_threaded_loops(group); }
  [[nodiscard]] const std::vector<NodeId>& consumers(NodeId id) const { return consumers_[id]; }
  [[nodiscard]] ProgramBuilder& builder() noexcept { return builder_; }

  /// Whether the value is to be left in planes (ScheduledStep::in_planes).
  [[nodiscard]] bool in_planes(NodeId id) const { return in_planes_[id]; }

  /// Starts with a group. Its steps run on as many threads as it has work for.
  void begin(std::size_t group, int threads) noexcept {
    current_ = group;
    builder_.set_threads(threads);
  }
  [[nodiscard]] int threads_for(const FusionGroup& group) const {
    return step_threads(model_, group, shapes(), planner_.work(), schedule_.of_slice.threads);
  }
  /// Threads for what converts a value of no group: an input.
  [[nodiscard]] int threads_for(NodeId source) const {
    return movement_threads(element_count(shape(source)), schedule_.of_slice.threads);
  }
  [[nodiscard]] const Value& value(NodeId id) const { return *values_[id]; }
  void set_value(NodeId id, Value value) { values_[id] = std::move(value); }

  [[nodiscard]] const Work& work(NodeId id) const { return planner_.work()[id]; }
  [[nodiscard]] ProgramBuilder::Label label(const FusionGroup& group) const {
    double flops = work(group.primary).flops;
    for (const NodeId id : group.absorbed) flops += work(id).flops;
    std::vector<std::string> layers{node(group.primary).name};
    for (const NodeId id : group.absorbed) layers.push_back(node(id).name);
    return {node(group.primary).name, kind_of(model_, group), flops, std::move(layers), group};
  }

  /// How the node's result maps to integers in this run; nothing where it is not rounded.
  [[nodiscard]] std::optional<AffineMap> dst_map(NodeId id) const {
    const std::optional<ValueType>& rounded = planner_.types().rounded(id);
    return rounded ? rounded->map : std::nullopt;
  }
  /// What a result that is not quantized is stored as.
  [[nodiscard]] DType activation_dtype(NodeId id) const { return planner_.types().activation_dtype(id); }

  /// The node's value as real numbers of a type, in the layout it has.
  [[nodiscard]] Value real_value(NodeId id, DType dtype) {
    return builder_.with_type(value(id), dtype, std::nullopt, node(id).name);
  }
  /// The same under the dims that the model gives it.
  [[nodiscard]] Value real_value_in_shape(NodeId id, DType dtype) {
    return builder_.with_dims(real_value(id, dtype), shape(id), node(id).name);
  }
  /// What the node takes sources in floating point as.
  [[nodiscard]] DType compute_dtype(NodeId id) const { return planner_.types().compute_dtype(id); }

  /// Whether the group being lowered may write its result over this source, whose bytes nobody reads afterwards.
  [[nodiscard]] bool may_overwrite(NodeId id, const Value& as_used) const {
    return as_used.where.place == Location::Place::arena && last_use_[root(id)] == current_ && uses_in_current(id) == 1;
  }

  /// The parameter's elements as the model computes with them: through their integers and back in int8.
  [[nodiscard]] SharedTensor<float> elements(const Parameter<float>& parameter) const {
    if (!parameter.quantization) return parameter.value;
    return quantize_dequantize(*parameter.value, *parameter.quantization);
  }

  /// Ends a group: rounds the result as the model says and makes it the value of the group's last node.
  void finish(NodeId id, Value result) {
    result.shape = shape(id);
    planner_.keep(id, {dtype_of_desc(result.desc), result.map, result.run_time_map.has_value()});
    const std::optional<ValueType>& rounded = planner_.types().rounded(id);
    if (rounded && !(result.map == rounded->map && dtype_of_desc(result.desc) == rounded->dtype))
      result = in_integers(id, result, *rounded);
    values_[id] = std::move(result);
  }

private:
  /// The result as integers, channels last when a convolution takes them.
  Value in_integers(NodeId id, const Value& result, const ValueType& wanted) {
    const bool for_conv = std::any_of(consumers_[id].begin(), consumers_[id].end(),
                                      [&](NodeId c) { return std::holds_alternative<Conv<float>>(node(c).layer); });
    const Shape dims = shape_of(result.desc);
    if (for_conv && has_channels_last(dims.size())) {
      return builder_.convert(result, channels_last_desc(dims, wanted.dtype), wanted.map, node(id).name);
    }
    return builder_.with_type(result, wanted.dtype, wanted.map, node(id).name);
  }

  /// The node whose bytes this one's value lies in.
  [[nodiscard]] NodeId root(NodeId id) const { return planner_.origin()[id]; }

  [[nodiscard]] std::size_t uses_in_current(NodeId id) const {
    std::size_t uses = 0;
    for (const NodeId s : group_sources(model_, groups()[current_])) uses += root(s) == root(id) ? 1 : 0;
    return uses;
  }

  void find_last_uses() {
    last_use_.assign(model_.size(), 0);
    for (std::size_t g = 0; g < groups().size(); ++g) {
      if (is_view(model_, groups()[g].primary)) continue;
      for (const NodeId s : group_sources(model_, groups()[g])) {
        last_use_[root(s)] = std::max(last_use_[root(s)], g);
      }
    }
    for (const NodeId id : model_.outputs()) last_use_[root(id)] = SIZE_MAX;
  }

  const Schedule& schedule_;
  const Model<float>& model_;
  StepPlanner planner_;
  std::vector<std::vector<NodeId>> consumers_;
  std::vector<std::optional<Value>> values_;
  std::vector<bool> in_planes_;
  std::vector<std::size_t> last_use_;  // by root: the last group that reads its bytes
  std::size_t current_ = 0;
  ProgramBuilder builder_;
};

/// The residual sum and the activations that a group runs after its primary.
struct Tail {
  std::optional<NodeId> addend;  ///< the other source of the sum
  std::size_t sum_at = 0;        ///< how many of the functions come before it
  std::vector<Eltwise> eltwise;
};

FULCRUM_DECLARE [[nodiscard]] Tail tail_of(const Model<float>& model, const FusionGroup& group) {
  Tail tail;
  if (const auto sum = residual_sum(model, group)) tail.addend = sum->addend;
  for (const NodeId id : group.absorbed) {
    const auto* activation = std::get_if<Activation>(&model.node(id).layer);
    if (activation == nullptr) {
      tail.sum_at = tail.eltwise.size();
      continue;
    }
    const std::vector<Eltwise> functions = eltwise_of(*activation);
    tail.eltwise.insert(tail.eltwise.end(), functions.begin(), functions.end());
  }
  return tail;
}

/// The group's steps: of oneDNN's primitives where it has them, else of Fulcrum's own loops. (compile.hpp)
FULCRUM_DECLARE void lower_group(Lowering& lowering, const FusionGroup& group);

/// The group as two, cut before a sum that comes after functions, or else before its last layer.
FULCRUM_DECLARE void lower_apart(Lowering& lowering, const FusionGroup& group) {
  const auto cut = [&] {
    for (auto it = group.absorbed.begin() + 1; it != group.absorbed.end(); ++it) {
      if (std::holds_alternative<Binary>(lowering.node(*it).layer)) return it;
    }
    return group.absorbed.end() - 1;
  }();
  FusionGroup first{group.primary, {group.absorbed.begin(), cut}, group.primary, {}};
  if (!first.absorbed.empty()) first.dst = first.absorbed.back();
  const FusionGroup second{*cut, {cut + 1, group.absorbed.end()}, group.dst, group.why_ended};
  lowering.builder().amend_aloud(lowering.node(second.primary).name,
                                 "runs apart from '" + lowering.node(first.dst).name + "'",
                                 "oneDNN has no kernel for both");
  lower_group(lowering, first);
  lower_group(lowering, second);
}

}  // namespace fulcrum::detail::onednn
