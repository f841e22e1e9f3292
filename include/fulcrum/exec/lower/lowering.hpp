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

#include <fulcrum/analysis/infer_elements.hpp>
#include <fulcrum/exec/runtime/program_builder.hpp>
#include <fulcrum/schedule/step_threads.hpp>

namespace fulcrum::detail::onednn {

/// A model on its way to a program: its groups are lowered in order by the functions of the lower_….hpp headers.
class Lowering {
public:
  /// \param precision  of all layers but those that config.layer_precision names
  Lowering(const Model<float>& model, const RunConfig& config, Precision precision,
           std::shared_ptr<ConstantStore> store)
      : model_(model),
        config_(config),
        precision_(precision),
        shapes_(infer_shapes(model, config.batch)),
        work_(infer_work(model, shapes_)),
        elements_(infer_elements(model)),
        groups_(fusion_groups(model)),
        consumers_(model.consumers()),
        values_(model.size()),
        builder_(std::move(store)) {
    find_last_uses();
  }

  [[nodiscard]] const Model<float>& model() const noexcept { return model_; }
  [[nodiscard]] const RunConfig& config() const noexcept { return config_; }
  [[nodiscard]] const Node<float>& node(NodeId id) const { return model_.node(id); }
  [[nodiscard]] const std::vector<Shape>& shapes() const noexcept { return shapes_; }
  [[nodiscard]] const Shape& shape(NodeId id) const { return shapes_[id]; }
  /// What the node computes in.
  [[nodiscard]] Precision precision_of(NodeId id) const {
    const auto own = config_.layer_precision.find(node(id).name);
    return own == config_.layer_precision.end() ? precision_ : own->second;
  }
  [[nodiscard]] const std::vector<FusionGroup>& groups() const noexcept { return groups_; }
  [[nodiscard]] const std::vector<NodeId>& consumers(NodeId id) const { return consumers_[id]; }
  [[nodiscard]] ProgramBuilder& builder() noexcept { return builder_; }

  /// Starts with a group. Its steps run on as many threads as it has work for.
  void begin(std::size_t group, int threads) noexcept {
    current_ = group;
    builder_.set_threads(threads);
  }
  [[nodiscard]] int threads_for(const FusionGroup& group) const {
    return step_threads(model_, group, shapes_, work_, config_.threads);
  }
  /// Threads for what converts a value of no group: an input.
  [[nodiscard]] int threads_for(NodeId source) const {
    return movement_threads(element_count(shapes_[source]), config_.threads);
  }
  [[nodiscard]] const Value& value(NodeId id) const { return *values_[id]; }
  void set_value(NodeId id, Value value) { values_[id] = std::move(value); }

  [[nodiscard]] const Work& work(NodeId id) const { return work_[id]; }
  [[nodiscard]] ProgramBuilder::Label label(const FusionGroup& group) const {
    double flops = work_[group.primary].flops;
    for (const NodeId id : group.absorbed) flops += work_[id].flops;
    std::vector<std::string> layers{node(group.primary).name};
    for (const NodeId id : group.absorbed) layers.push_back(node(id).name);
    return {node(group.primary).name, kind_of(model_, group), flops, std::move(layers), group.why_ended};
  }

  /// How the node's result maps to integers in this run; nothing outside int8.
  [[nodiscard]] std::optional<AffineMap> dst_map(NodeId id) const {
    if (precision_ != Precision::int8 || !node(id).dst_quantization) return std::nullopt;
    return map_of(*node(id).dst_quantization, node(id).name);
  }
  [[nodiscard]] DType dst_dtype(NodeId id) const {
    if (dst_map(id)) return node(id).dst_quantization->dtype;
    return activation_dtype(id);
  }

  /// What a result that is not quantized is stored as: f32 where only the user and layers that compute in it take it,
  /// and where it stands for integers, which bf16 would round.
  [[nodiscard]] DType activation_dtype(NodeId id) const {
    return precision_of(id) == Precision::bf16 && is_floating(elements_[id]) && !only_read_as_f32(id) ? DType::bf16
                                                                                                      : DType::f32;
  }

  /// The node's value as real numbers of a type, in the layout it has.
  [[nodiscard]] Value real_value(NodeId id, DType dtype) {
    return builder_.with_type(value(id), dtype, std::nullopt, node(id).name);
  }
  /// The same under the dims that the model gives it.
  [[nodiscard]] Value real_value_in_shape(NodeId id, DType dtype) {
    return builder_.with_dims(real_value(id, dtype), shapes_[id], node(id).name);
  }
  /// What the node takes sources in floating point as.
  [[nodiscard]] DType compute_dtype(NodeId id) const {
    return precision_of(id) == Precision::bf16 && !takes_f32(id) ? DType::bf16 : DType::f32;
  }

  /// Whether the group being lowered may write its result over this source, whose bytes nobody reads afterwards.
  [[nodiscard]] bool may_overwrite(NodeId id, const Value& as_used) const {
    return as_used.where.place == Location::Place::arena && last_use_[root(id)] == current_ && uses_in_current(id) == 1;
  }

  /// The parameter's elements as the model computes with them: through their integers and back in int8.
  [[nodiscard]] SharedTensor<float> elements(const Parameter<float>& parameter) const {
    if (precision_ == Precision::int8 && parameter.quantization) {
      return quantize_dequantize(*parameter.value, *parameter.quantization);
    }
    return parameter.value;
  }

  /// Ends a group: rounds the result as the model says and makes it the value of the group's last node.
  void finish(NodeId id, Value result) {
    result.shape = shapes_[id];
    const std::optional<AffineMap> map = dst_map(id);
    if (map && !(result.map == map && dtype_of_desc(result.desc) == node(id).dst_quantization->dtype)) {
      result = quantized(id, result, *map);
    }
    values_[id] = std::move(result);
  }

private:
  /// The result as integers, channels last when a convolution takes them.
  Value quantized(NodeId id, const Value& result, const AffineMap& map) {
    const DType dtype = node(id).dst_quantization->dtype;
    const bool for_conv = std::any_of(consumers_[id].begin(), consumers_[id].end(),
                                      [&](NodeId c) { return std::holds_alternative<Conv<float>>(node(c).layer); });
    const Shape dims = shape_of(result.desc);
    if (for_conv && has_channels_last(dims.size())) {
      return builder_.convert(result, channels_last_desc(dims, dtype), map, node(id).name);
    }
    return builder_.with_type(result, dtype, map, node(id).name);
  }

  /// The node whose bytes this one's value lies in.
  [[nodiscard]] NodeId root(NodeId id) const {
    while (is_view(model_, id)) id = node(id).src[0];
    return id;
  }

  /// Whether the node computes in f32 in every precision: by its layer, or because bf16 would round integers.
  [[nodiscard]] bool takes_f32(NodeId id) const {
    const std::vector<NodeId>& src = node(id).src;
    return facts_of(node(id).layer).needs_f32 || !is_floating(elements_[id]) ||
           std::any_of(src.begin(), src.end(), [&](NodeId s) { return !is_floating(elements_[s]); });
  }
  [[nodiscard]] bool only_read_as_f32(NodeId id) const {
    return std::all_of(consumers_[id].begin(), consumers_[id].end(),
                       [&](NodeId c) { return is_view(model_, c) ? only_read_as_f32(c) : takes_f32(c); });
  }

  [[nodiscard]] std::size_t uses_in_current(NodeId id) const {
    std::size_t uses = 0;
    for (const NodeId s : group_sources(model_, groups_[current_])) uses += root(s) == root(id) ? 1 : 0;
    return uses;
  }

  void find_last_uses() {
    last_use_.assign(model_.size(), 0);
    for (std::size_t g = 0; g < groups_.size(); ++g) {
      if (is_view(model_, groups_[g].primary)) continue;
      for (const NodeId s : group_sources(model_, groups_[g])) {
        last_use_[root(s)] = std::max(last_use_[root(s)], g);
      }
    }
    for (const NodeId id : model_.outputs()) last_use_[root(id)] = SIZE_MAX;
  }

  const Model<float>& model_;
  const RunConfig& config_;
  Precision precision_;
  std::vector<Shape> shapes_;
  std::vector<Work> work_;
  std::vector<ElementType> elements_;
  std::vector<FusionGroup> groups_;
  std::vector<std::vector<NodeId>> consumers_;
  std::vector<std::optional<Value>> values_;
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

[[nodiscard]] inline Tail tail_of(const Model<float>& model, const FusionGroup& group) {
  Tail tail;
  NodeId before = group.primary;
  for (const NodeId id : group.absorbed) {
    const Node<float>& node = model.node(id);
    if (const auto* activation = std::get_if<Activation>(&node.layer)) {
      const std::vector<Eltwise> functions = eltwise_of(*activation);
      tail.eltwise.insert(tail.eltwise.end(), functions.begin(), functions.end());
    } else {
      tail.addend = node.src[0] == before ? node.src[1] : node.src[0];
      tail.sum_at = tail.eltwise.size();
    }
    before = id;
  }
  return tail;
}

/// The group's steps: of oneDNN's primitives where it has them, else of Fulcrum's own loops. (compile.hpp)
inline void lower_group(Lowering& lowering, const FusionGroup& group);

/// The group as two, cut before a sum that comes after functions, or else before its last layer.
inline void lower_apart(Lowering& lowering, const FusionGroup& group) {
  const auto cut = [&] {
    for (auto it = group.absorbed.begin() + 1; it != group.absorbed.end(); ++it) {
      if (std::holds_alternative<Binary>(lowering.node(*it).layer)) return it;
    }
    return group.absorbed.end() - 1;
  }();
  FusionGroup first{group.primary, {group.absorbed.begin(), cut}, group.primary, {}};
  if (!first.absorbed.empty()) first.dst = first.absorbed.back();
  const FusionGroup second{*cut, {cut + 1, group.absorbed.end()}, group.dst, group.why_ended};
  lowering.builder().note("layer '" + lowering.node(second.primary).name + "' runs apart from '" +
                          lowering.node(first.dst).name + "': oneDNN has no kernel for both");
  lower_group(lowering, first);
  lower_group(lowering, second);
}

}  // namespace fulcrum::detail::onednn
