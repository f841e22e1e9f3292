#pragma once
/// \file
/// In which types values are kept between steps, and in which types steps take and make them, for each precision.

#include <cstddef>
#include <optional>
#include <vector>

#include <fulcrum/analysis/channel_gate.hpp>
#include <fulcrum/analysis/is_quantized.hpp>
#include <fulcrum/analysis/quantization_placement.hpp>
#include <fulcrum/schedule/step.hpp>

namespace fulcrum::detail {

/// The types of a step's source and result.
struct StepTypes {
  DType src = DType::f32;
  DType dst = DType::f32;
  Precision arithmetic = Precision::f32;
};

/// Answers for one model in one precision.
template <class T>
class TypePlan {
public:
  /// A model without quantization is planned in int8 as a quantization pass would leave it.
  TypePlan(const Model<T>& model, const std::vector<FusionGroup>& groups, Precision precision)
      : model_(model), precision_(precision), kept_(model.size(), DType::f32), int8_weights_(model.size(), false) {
    if (precision == Precision::bf16) plan_bf16(groups);
    if (precision == Precision::int8) {
      shapes_ = shapes_for_fusion(model);
      plan_int8();
    }
  }

  /// In which type each value is kept, by node id; that of a view is its source's.
  [[nodiscard]] const std::vector<DType>& kept() const noexcept { return kept_; }
  [[nodiscard]] bool assumed() const noexcept { return assumed_; }

  [[nodiscard]] StepTypes types_of(const FusionGroup& group) const {
    const Layer<T>& layer = model_.node(group.primary).layer;
    const DType kept = kept_[group.dst];
    if (precision_ == Precision::bf16 && std::holds_alternative<Softmax>(layer)) {
      return {kept_[model_.node(group.primary).src.front()], kept, Precision::f32};
    }
    if (precision_ == Precision::f32 || facts_of(layer).needs_f32) return {};
    if (precision_ == Precision::bf16) return {DType::bf16, facts_of(layer).is_product ? kept : DType::bf16, Precision::bf16};
    const std::optional<ChannelGate> gate = gate_of(group);
    const DType src = kept_[gate ? gate->image : model_.node(group.primary).src.front()];
    if (!is_integer(src) || !on_integers(group)) return {};
    if (facts_of(layer).is_product) return {src, kept, Precision::int8};
    if (makes_real_means(group)) return {src, DType::f32, Precision::int8};
    return {src, is_integer(kept) ? kept : src, Precision::int8};
  }

  /// In which type a step takes a source of its primary layer: the factors of a gate are real numbers.
  [[nodiscard]] DType src_dtype_of(const FusionGroup& group, NodeId src) const {
    const std::optional<ChannelGate> gate = gate_of(group);
    return gate && gate->factor == src ? DType::f32 : types_of(group).src;
  }

private:
  static bool is_integer(DType dtype) { return dtype == DType::u8 || dtype == DType::s8; }

  /// bf16 everywhere but for the inputs, for what layers that compute in f32 make, and for what a product or a Softmax
  /// makes for the user or such a layer alone.
  void plan_bf16(const std::vector<FusionGroup>& groups) {
    const auto consumers = model_.consumers();
    std::vector<bool> read_as_f32(model_.size(), true);
    for (NodeId id = model_.size(); id-- > 0;) {
      for (const NodeId c : consumers[id]) {
        const Layer<T>& layer = model_.node(c).layer;
        if (!facts_of(layer).needs_f32 && !(is_view(model_, c) && read_as_f32[c])) read_as_f32[id] = false;
      }
    }
    for (const FusionGroup& group : groups) {
      const Layer<T>& layer = model_.node(group.primary).layer;
      const bool gives_either = facts_of(layer).is_product || std::holds_alternative<Softmax>(layer);
      const bool f32 = gives_either ? bool{read_as_f32[group.dst]} : facts_of(layer).needs_f32;
      kept_[group.dst] = is_view(model_, group.primary) ? kept_[model_.node(group.dst).src[0]]
                         : f32                          ? DType::f32
                                                        : DType::bf16;
    }
  }

  void plan_int8() {
    assumed_ = !is_quantized(model_);
    if (assumed_) {
      const QuantizationPlacement placement = place_quantization(model_);
      for (NodeId id = 0; id < model_.size(); ++id) {
        if (placement.root[id]) kept_[id] = DType::u8;
      }
      for (const NodeId id : placement.layers) int8_weights_[id] = true;
      return;
    }
    for (NodeId id = 0; id < model_.size(); ++id) {
      if (const auto& q = model_.node(id).dst_quantization) kept_[id] = q->dtype;
      for_each_parameter(model_.node(id).layer, [&](const char*, const Parameter<T>& p) {
        if (p.quantization) int8_weights_[id] = true;
      });
    }
  }

  [[nodiscard]] std::optional<ChannelGate> gate_of(const FusionGroup& group) const {
    return group.absorbed.empty() && !shapes_.empty() ? channel_gate(model_, shapes_, group.primary) : std::nullopt;
  }
  /// An average changes the scale unless both sides agree on one.
  [[nodiscard]] bool keeps_map(const FusionGroup& group) const {
    const NodeId src = model_.node(group.primary).src.front();
    return !assumed_ && model_.node(src).dst_quantization == model_.node(group.dst).dst_quantization;
  }
  /// Means over whole planes are taken of integers of any map, but are real numbers in another.
  [[nodiscard]] bool makes_real_means(const FusionGroup& group) const {
    const auto* pool = std::get_if<GlobalPool>(&model_.node(group.primary).layer);
    return pool != nullptr && pool->pool == PoolKind::average && !keeps_map(group);
  }

  /// Whether a step of an int8 run whose source is kept in integers works on them; otherwise it works in f32.
  [[nodiscard]] bool on_integers(const FusionGroup& group) const {
    const bool dst_is_integer = is_integer(kept_[group.dst]);
    if (gate_of(group)) return dst_is_integer;
    const Layer<T>& layer = model_.node(group.primary).layer;
    switch (facts_of(layer).integers) {
      case IntegerUse::none: return false;
      case IntegerUse::computes: return int8_weights_[group.primary];
      case IntegerUse::passes: return !facts_of(layer).is_view;
      case IntegerUse::combines: break;
    }
    if (std::holds_alternative<Pool>(layer)) return keeps_map(group);
    if (std::holds_alternative<GlobalPool>(layer)) return true;
    if (std::holds_alternative<Concat>(layer)) return dst_is_integer;
    return dst_is_integer && is_integer(kept_[model_.node(group.primary).src.back()]);
  }

  const Model<T>& model_;
  Precision precision_;
  std::vector<Shape> shapes_;  // for gates, in int8
  std::vector<DType> kept_;
  std::vector<bool> int8_weights_;
  bool assumed_ = false;
};

}  // namespace fulcrum::detail
