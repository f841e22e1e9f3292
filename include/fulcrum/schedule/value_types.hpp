#pragma once
/// \file
/// In which types values are kept between steps, and in which types steps take and give them.

#include <algorithm>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <fulcrum/analysis/channel_gate.hpp>
#include <fulcrum/analysis/fusion.hpp>
#include <fulcrum/analysis/infer_elements.hpp>
#include <fulcrum/analysis/is_quantized.hpp>
#include <fulcrum/analysis/quantization_placement.hpp>
#include <fulcrum/core/linkage.hpp>
#include <fulcrum/run/run_config.hpp>
#include <fulcrum/schedule/loops.hpp>
#include <fulcrum/schedule/recurrent.hpp>
#include <fulcrum/tensor/quantization.hpp>

namespace fulcrum {

/// How a value is kept.
struct ValueType {
  DType dtype = DType::f32;
  std::optional<AffineMap> map{};  ///< set: the elements are integers
  bool dynamic = false;            ///< the elements are integers whose map is found at run time

  friend bool operator==(const ValueType&, const ValueType&) = default;
};

/// What a step takes and gives.
struct StepTypes {
  DType src = DType::f32;  ///< of its first source
  ValueType dst;           ///< as the step gives it, before it is rounded as the model says
  Precision arithmetic = Precision::f32;
  std::vector<DType> src_dtypes;  ///< in which it takes each of group_sources()
  bool integer_loops = false;     ///< it works on integers that engines have no kernel for: in threaded loops
  bool integer_product = false;   ///< it multiplies integers whose map is found at run time
};

/// The map of a per-tensor quantization. Values are quantized per tensor.
/// \throws Error when it is per channel
FULCRUM_DECLARE [[nodiscard]] AffineMap map_of(const Quantization& q, const std::string& layer);

/// Weights that int8 kernels take: s8 with zero point 0, one scale or one per output channel.
FULCRUM_DECLARE [[nodiscard]] bool are_int8_weights(const Parameter<float>& weights);

/// Weights of 8 bits, with any zero points, one scale or one per output channel: products with a source whose range is
/// found at run time take them.
FULCRUM_DECLARE [[nodiscard]] bool are_integer_weights(const Parameter<float>& weights);

/// The residual sum that a group runs after its primary.
struct ResidualSum {
  NodeId addend = 0;          ///< the other source of the sum
  std::size_t functions = 0;  ///< activations that come before it
};

FULCRUM_DECLARE [[nodiscard]] std::optional<ResidualSum> residual_sum(const Model<float>& model,
                                                                      const FusionGroup& group);

/// Answers for one model in one configuration, group by group in their order: what a step takes depends on how the
/// values before it are kept. The planner of schedules asks it, and so does the executor, which says when a value came
/// otherwise than planned.
class ValueTypes {
public:
  /// \param model   as it runs (model_as_run()); outlives this
  /// \param shapes  of every value, by node id; outlive this
  /// \param config  its precision is one that the machine has. A model without quantization is planned in int8 as a
  ///                quantization pass would leave it.
  FULCRUM_DECLARE ValueTypes(const Model<float>& model, const std::vector<Shape>& shapes, const RunConfig& config);

  /// How the value is kept; that of a view as its source.
  [[nodiscard]] const ValueType& kept(NodeId id) const { return kept_[id]; }
  /// The value came so: it is kept so, unless the model says how it is rounded.
  void keep(NodeId id, const ValueType& given) { kept_[id] = rounded_[id] ? *rounded_[id] : given; }

  /// How the model rounds the value.
  [[nodiscard]] const std::optional<ValueType>& rounded(NodeId id) const { return rounded_[id]; }
  /// int8 was asked of a model that no quantization pass has been over.
  [[nodiscard]] bool assumed() const noexcept { return assumed_; }
  [[nodiscard]] const std::vector<ElementType>& elements() const noexcept { return elements_; }

  /// Whether the node's weights are integers of the kind that static int8 takes, or would be after a quantization pass.
  [[nodiscard]] bool has_int8_weights(NodeId id) const { return int8_weights_[id]; }

  /// What the node computes in.
  FULCRUM_DECLARE [[nodiscard]] Precision precision_of(NodeId id) const;
  /// What the node takes sources in floating point as.
  FULCRUM_DECLARE [[nodiscard]] DType compute_dtype(NodeId id) const;
  /// What a result that is not quantized is stored as: f32 where only the user and layers that compute in it take it,
  /// and where it stands for integers, which bf16 would round.
  FULCRUM_DECLARE [[nodiscard]] DType activation_dtype(NodeId id) const;

  /// The types of a group's step, given how its sources are kept.
  /// \param loops  runs_in_loops() of the group
  FULCRUM_DECLARE [[nodiscard]] StepTypes types_of(const FusionGroup& group, bool loops) const;

private:
  [[nodiscard]] static Precision arithmetic_of(DType dtype) {
    if (dtype == DType::bf16) return Precision::bf16;
    return dtype == DType::u8 || dtype == DType::s8 ? Precision::int8 : Precision::f32;
  }

  FULCRUM_DECLARE void find_integers();

  FULCRUM_DECLARE [[nodiscard]] StepTypes in_real_numbers(const FusionGroup& group, DType src, DType dst) const;

  /// Integers where a product takes them, else reals.
  FULCRUM_DECLARE [[nodiscard]] StepTypes of_dynamic_quantize(const FusionGroup& group) const;
  /// Whether the value's integers would be multiplied.
  FULCRUM_DECLARE [[nodiscard]] bool are_multiplied(NodeId id) const;
  [[nodiscard]] bool multiplies_integers(NodeId id) const {
    return precision_of(id) == Precision::int8 && integer_weights_[id];
  }

  /// A convolution or dense layer, and the sum after it, whose addend is taken as the result is given.
  FULCRUM_DECLARE [[nodiscard]] StepTypes of_product(const FusionGroup& group,
                                                     const Parameter<float>& /*weights*/) const;
  /// A bias takes the addend's zero point up, and it comes before the functions.
  FULCRUM_DECLARE [[nodiscard]] bool adds_integers(const ResidualSum& sum) const;

  /// The maximum of integers is one of them. An average is another number, which only the same map can take without a
  /// second rounding; means over whole planes are taken as real numbers.
  FULCRUM_DECLARE [[nodiscard]] StepTypes of_pool(const FusionGroup& group, PoolKind kind,
                                                  bool has_partial_windows) const;

  FULCRUM_DECLARE [[nodiscard]] StepTypes of_binary(const FusionGroup& group) const;

  /// Integers join as they are when all have the result's map, or one map and the result none.
  FULCRUM_DECLARE [[nodiscard]] StepTypes of_concat(const FusionGroup& group) const;

  /// The product for all steps takes the source in the precision's type; states are f32, which sums add to.
  FULCRUM_DECLARE [[nodiscard]] StepTypes of_recurrent(const FusionGroup& group) const;

  /// Whether the node computes in f32 in every precision: by its layer, or because bf16 would round integers.
  FULCRUM_DECLARE [[nodiscard]] bool takes_f32(NodeId id) const;
  FULCRUM_DECLARE [[nodiscard]] bool only_read_as_f32(NodeId id) const;

  const Model<float>& model_;
  const std::vector<Shape>& shapes_;
  Precision precision_;
  std::map<std::string, Precision> layer_precision_;
  std::vector<ElementType> elements_;
  std::vector<std::vector<NodeId>> consumers_;
  std::vector<std::optional<ValueType>> rounded_;
  std::vector<ValueType> kept_;
  std::vector<bool> int8_weights_;
  std::vector<bool> integer_weights_;  // are_integer_weights()
  bool assumed_ = false;
};

}  // namespace fulcrum

#if FULCRUM_DEFINES(schedule)

namespace fulcrum {

FULCRUM_DEFINE AffineMap map_of(const Quantization& q, const std::string& layer) {
  if (q.per_channel() || q.scale.size() != 1 || q.zero_point.size() != 1) {
    throw Error("layer '" + layer + "'", "has a result quantized per channel",
                "quantize values per tensor; only weights are quantized per channel");
  }
  return {q.scale.front(), q.zero_point.front()};
}

FULCRUM_DEFINE bool are_int8_weights(const Parameter<float>& weights) {
  if (!weights.quantization) return false;
  const Quantization& q = *weights.quantization;
  return q.dtype == DType::s8 && q.axis <= 0 &&
         std::all_of(q.zero_point.begin(), q.zero_point.end(), [](std::int32_t z) { return z == 0; });
}

FULCRUM_DEFINE bool are_integer_weights(const Parameter<float>& weights) {
  return weights.quantization && weights.quantization->axis <= 0;
}

FULCRUM_DEFINE std::optional<ResidualSum> residual_sum(const Model<float>& model, const FusionGroup& group) {
  NodeId before = group.primary;
  std::size_t functions = 0;
  for (const NodeId id : group.absorbed) {
    const Node<float>& node = model.node(id);
    if (std::holds_alternative<Binary>(node.layer))
      return ResidualSum{node.src[0] == before ? node.src[1] : node.src[0], functions};
    ++functions;
    before = id;
  }
  return std::nullopt;
}

FULCRUM_DEFINE ValueTypes::ValueTypes(const Model<float>& model, const std::vector<Shape>& shapes,
                                      const RunConfig& config)
    : model_(model),
      shapes_(shapes),
      precision_(config.precision),
      layer_precision_(config.layer_precision),
      elements_(infer_elements(model)),
      consumers_(model.consumers()),
      rounded_(model.size()),
      kept_(model.size()),
      int8_weights_(model.size(), false),
      integer_weights_(model.size(), false) {
  if (precision_ == Precision::int8 || is_quantized(model)) find_integers();
  for (NodeId id = 0; id < model.size(); ++id) {
    const Layer<float>& layer = model.node(id).layer;
    if (std::holds_alternative<Input>(layer) || std::holds_alternative<Constant<float>>(layer)) keep(id, {});
  }
}

FULCRUM_DEFINE Precision ValueTypes::precision_of(NodeId id) const {
  const auto own = layer_precision_.find(model_.node(id).name);
  return own == layer_precision_.end() ? precision_ : own->second;
}

FULCRUM_DEFINE DType ValueTypes::compute_dtype(NodeId id) const {
  return precision_of(id) == Precision::bf16 && !takes_f32(id) ? DType::bf16 : DType::f32;
}

FULCRUM_DEFINE DType ValueTypes::activation_dtype(NodeId id) const {
  return precision_of(id) == Precision::bf16 && is_floating(elements_[id]) && !only_read_as_f32(id) ? DType::bf16
                                                                                                    : DType::f32;
}

FULCRUM_DEFINE StepTypes ValueTypes::types_of(const FusionGroup& group, bool loops) const {
  const Node<float>& node = model_.node(group.primary);
  if (facts_of(node.layer).is_view || orders_matrix_axes(model_, group.primary)) {
    const ValueType& kept = kept_[node.src[0]];
    return {kept.dtype, kept, arithmetic_of(kept.dtype), {kept.dtype}};
  }
  if (loops) return in_real_numbers(group, DType::f32, DType::f32);
  if (const auto* conv = std::get_if<Conv<float>>(&node.layer)) return of_product(group, conv->weights);
  if (const auto* dense = std::get_if<Dense<float>>(&node.layer)) return of_product(group, dense->weights);
  if (std::holds_alternative<Recurrent<float>>(node.layer)) return of_recurrent(group);
  if (const auto* pool = std::get_if<Pool>(&node.layer))
    return of_pool(group, pool->pool, pool->count_include_pad && pool->window.ceil_mode);
  if (const auto* pool = std::get_if<GlobalPool>(&node.layer)) return of_pool(group, pool->pool, false);
  if (std::holds_alternative<DynamicQuantize>(node.layer)) return of_dynamic_quantize(group);
  if (std::holds_alternative<Binary>(node.layer)) return of_binary(group);
  if (std::holds_alternative<Concat>(node.layer)) {
    // With the batch norm behind it, it is a step in real numbers.
    if (group.absorbed.empty()) return of_concat(group);
    const DType compute = compute_dtype(group.absorbed.front());
    return in_real_numbers(group, compute, compute);
  }
  const DType compute = compute_dtype(group.primary);
  if (const auto* activation = std::get_if<Activation>(&node.layer)) {
    // max(x, 0) commutes with a scale, so it may stay in integers where 0 is 0.
    const ValueType& src = kept_[node.src[0]];
    if (src.map && src.map->zero_point == 0 && activation->function == ActivationKind::relu)
      return {src.dtype, src, Precision::int8, {src.dtype}};
    return in_real_numbers(group, compute, compute);
  }
  if (std::holds_alternative<MatMul>(node.layer))
    return in_real_numbers(group, compute, compute == DType::f32 ? DType::f32 : activation_dtype(group.dst));
  if (const auto* softmax = std::get_if<Softmax>(&node.layer)) {
    // Kernels compute in f32 but read and write bf16 as well, where values around them are kept so. A logarithm may
    // be beyond bf16's largest number where its source is; a kernel would make an infinity of it.
    const DType src = kept_[node.src[0]].dtype == DType::bf16 ? DType::bf16 : DType::f32;
    const DType dst = softmax->logarithm && src == DType::f32 ? DType::f32 : activation_dtype(group.dst);
    return {src, {dst}, Precision::f32, {src}};
  }
  return in_real_numbers(group, compute, compute);
}

FULCRUM_DEFINE void ValueTypes::find_integers() {
  assumed_ = !is_quantized(model_);
  if (assumed_) {
    const QuantizationPlacement placement = place_quantization(model_);
    for (NodeId id = 0; id < model_.size(); ++id) {
      // A scale for every range: only values of one root are alike.
      if (placement.root[id])
        rounded_[id] = ValueType{DType::u8, AffineMap{static_cast<float>(*placement.root[id] + 1), 0}};
    }
    for (const NodeId id : placement.layers) int8_weights_[id] = true;
    return;
  }
  for (NodeId id = 0; id < model_.size(); ++id) {
    const Node<float>& node = model_.node(id);
    if (const auto& q = node.dst_quantization) rounded_[id] = ValueType{q->dtype, map_of(*q, node.name)};
    const Parameter<float>* weights = detail::weights_of(node.layer);
    int8_weights_[id] = weights != nullptr && are_int8_weights(*weights);
    if (const auto* recurrent = std::get_if<Recurrent<float>>(&node.layer))
      int8_weights_[id] = detail::scales_of_rows(recurrent->weights).has_value();
    integer_weights_[id] = weights != nullptr && are_integer_weights(*weights);
  }
}

FULCRUM_DEFINE StepTypes ValueTypes::in_real_numbers(const FusionGroup& group, DType src, DType dst) const {
  return {src, {dst}, arithmetic_of(src), std::vector<DType>(group_sources(model_, group).size(), src)};
}

FULCRUM_DEFINE StepTypes ValueTypes::of_dynamic_quantize(const FusionGroup& group) const {
  StepTypes types = in_real_numbers(group, DType::f32, DType::f32);
  types.integer_loops = true;
  if (!rounded_[group.dst] && are_multiplied(group.dst)) types.dst = {DType::u8, std::nullopt, true};
  return types;
}

FULCRUM_DEFINE bool ValueTypes::are_multiplied(NodeId id) const {
  return std::any_of(consumers_[id].begin(), consumers_[id].end(), [&](NodeId consumer) {
    return is_view(model_, consumer) ? are_multiplied(consumer) : multiplies_integers(consumer);
  });
}

FULCRUM_DEFINE StepTypes ValueTypes::of_product(const FusionGroup& group, const Parameter<float>& /*weights*/) const {
  const NodeId src = model_.node(group.primary).src[0];
  const std::optional<ResidualSum> sum = residual_sum(model_, group);
  StepTypes types;
  if (kept_[src].dynamic && multiplies_integers(group.primary)) {
    types = {DType::u8, {DType::f32}, Precision::int8, {DType::u8}};
    types.integer_product = true;
  } else if (precision_of(group.primary) == Precision::int8 && int8_weights_[group.primary] && kept_[src].map) {
    types = {kept_[src].dtype, {DType::f32}, Precision::int8, {kept_[src].dtype}};
    if (rounded_[group.dst] && (!sum || adds_integers(*sum))) types.dst = *rounded_[group.dst];
  } else {
    const DType compute = compute_dtype(group.primary);
    const DType dst = compute == DType::f32 ? DType::f32 : activation_dtype(group.dst);
    types = {compute, {dst}, arithmetic_of(compute), {compute}};
  }
  if (sum) types.src_dtypes.push_back(types.dst.map ? kept_[sum->addend].dtype : types.dst.dtype);
  return types;
}

FULCRUM_DEFINE bool ValueTypes::adds_integers(const ResidualSum& sum) const {
  const std::optional<AffineMap>& map = kept_[sum.addend].map;
  return map && (map->zero_point == 0 || sum.functions == 0);
}

FULCRUM_DEFINE StepTypes ValueTypes::of_pool(const FusionGroup& group, PoolKind kind, bool has_partial_windows) const {
  const ValueType& src = kept_[model_.node(group.primary).src[0]];
  const bool same_map = src.map && src.map->zero_point == 0 && rounded_[group.dst] == src;
  const bool whole = std::holds_alternative<GlobalPool>(model_.node(group.primary).layer);
  if (src.map && whole && kind == PoolKind::average && !(same_map))
    return {src.dtype, {DType::f32}, Precision::int8, {src.dtype}, true};
  if (src.map && (kind == PoolKind::max || (same_map && !has_partial_windows)))
    return {src.dtype, src, Precision::int8, {src.dtype}};
  const DType compute = compute_dtype(group.primary);
  return in_real_numbers(group, compute, compute);
}

FULCRUM_DEFINE StepTypes ValueTypes::of_binary(const FusionGroup& group) const {
  const Node<float>& node = model_.node(group.primary);
  const std::optional<ValueType>& dst = rounded_[group.dst];
  if (group.absorbed.empty()) {
    const auto gate = channel_gate(model_, shapes_, group.primary);
    if (gate && dst && kept_[gate->image].map) {
      StepTypes types{kept_[gate->image].dtype, *dst, Precision::int8, {}, true};
      for (const NodeId src : node.src) types.src_dtypes.push_back(src == gate->image ? kept_[src].dtype : DType::f32);
      return types;
    }
  }
  const auto order = binary_order(node, shapes_[group.dst], !group.absorbed.empty(), shapes_);
  const BinaryKind function = std::get<Binary>(node.layer).function;
  const auto zero_is_zero = [&](NodeId id) { return kept_[id].map && kept_[id].map->zero_point == 0; };
  const bool scales = function == BinaryKind::add || function == BinaryKind::mul;
  if (order && scales && dst && zero_is_zero(order->first) && zero_is_zero(order->second)) {
    return {kept_[order->first].dtype, *dst, Precision::int8, {kept_[node.src[0]].dtype, kept_[node.src[1]].dtype}};
  }
  const DType compute = compute_dtype(group.primary);
  return in_real_numbers(group, compute, compute);
}

FULCRUM_DEFINE StepTypes ValueTypes::of_concat(const FusionGroup& group) const {
  std::vector<NodeId> src;
  for (const NodeId id : model_.node(group.primary).src) {
    if (element_count(shapes_[id]) != 0) src.push_back(id);
  }
  ValueType joined{compute_dtype(group.primary)};
  const bool alike = std::all_of(src.begin(), src.end(), [&](NodeId id) { return kept_[id] == kept_[src.front()]; });
  if (rounded_[group.dst])
    joined = *rounded_[group.dst];
  else if (!src.empty() && alike && kept_[src.front()].map)
    joined = kept_[src.front()];
  return {joined.dtype, joined, arithmetic_of(joined.dtype),
          std::vector<DType>(model_.node(group.primary).src.size(), joined.dtype)};
}

FULCRUM_DEFINE StepTypes ValueTypes::of_recurrent(const FusionGroup& group) const {
  const std::vector<NodeId>& src = model_.node(group.primary).src;
  StepTypes types = in_real_numbers(group, DType::f32, DType::f32);
  // Lengths are integers, which does not make the layer one of integers.
  const bool narrow = precision_of(group.primary) == Precision::bf16 && is_floating(elements_[src[0]]);
  types.src = narrow ? DType::bf16 : DType::f32;
  if (precision_of(group.primary) == Precision::int8 && kept_[src[0]].map && int8_weights_[group.primary])
    types.src = kept_[src[0]].dtype;
  types.arithmetic = arithmetic_of(types.src);
  types.src_dtypes[0] = types.src;
  return types;
}

FULCRUM_DEFINE bool ValueTypes::takes_f32(NodeId id) const {
  const std::vector<NodeId>& src = model_.node(id).src;
  return facts_of(model_.node(id).layer).needs_f32 || !is_floating(elements_[id]) ||
         std::any_of(src.begin(), src.end(), [&](NodeId s) { return !is_floating(elements_[s]); });
}

FULCRUM_DEFINE bool ValueTypes::only_read_as_f32(NodeId id) const {
  return std::all_of(consumers_[id].begin(), consumers_[id].end(),
                     [&](NodeId c) { return is_view(model_, c) ? only_read_as_f32(c) : takes_f32(c); });
}

}  // namespace fulcrum

#endif
