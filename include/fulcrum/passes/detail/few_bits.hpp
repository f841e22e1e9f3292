#pragma once
/// \file
/// Weights that are rounded already, and values of fewer than 8 bits, for a quantization pass.

#include <map>
#include <optional>
#include <span>
#include <string>

#include <fulcrum/core/linkage.hpp>
#include <fulcrum/model/model.hpp>
#include <fulcrum/passes/range_observer.hpp>
#include <fulcrum/tensor/quantization.hpp>

namespace fulcrum::detail {

/// The largest step that all weights are multiples of, with integers of `bits`; nothing: there is none, or all are 0.
FULCRUM_DECLARE [[nodiscard]] std::optional<float> step_of(std::span<const float> weights, int bits);

/// Puts the steps of channels (axis 0) that have one in the place of the scales.
FULCRUM_DECLARE void keep_steps(const Tensor<float>& weights, int bits, Quantization& q);

/// What integers of `bits` around the zero point stand for.
FULCRUM_DECLARE [[nodiscard]] Range range_of(const Quantization& q, int bits);

/// The model with values clipped before they are rounded: a Relu becomes a Clip, behind any other layer comes one.
/// \param ranges  by node
FULCRUM_DECLARE [[nodiscard]] Model<float> with_clips(const Model<float>& model, const std::map<NodeId, Range>& ranges);

}  // namespace fulcrum::detail

#if FULCRUM_DEFINES(passes)

#include <cmath>
#include <utility>
#include <vector>

namespace fulcrum::detail {

FULCRUM_DEFINE std::optional<float> step_of(std::span<const float> weights, int bits) {
  float least = 0.0F;  // of the magnitudes above 0
  for (const float w : weights) {
    const float magnitude = std::abs(w);
    if (magnitude > 0.0F && (least == 0.0F || magnitude < least)) least = magnitude;
  }
  if (!std::isnormal(least)) return std::nullopt;
  const auto lowest = static_cast<float>(-(1 << (bits - 1)));
  constexpr int most_parts = 8;  // the smallest weight is a few steps
  for (int parts = 1; parts <= most_parts; ++parts) {
    const float step = least / static_cast<float>(parts);
    bool fits = true;
    for (std::size_t i = 0; fits && i < weights.size(); ++i) {
      const float x = weights[i] / step;
      const float nearest = std::nearbyint(x);
      fits = std::abs(x - nearest) <= 1e-5F * std::abs(nearest) && nearest >= lowest && nearest < -lowest;
    }
    if (fits) return step;
  }
  return std::nullopt;
}

FULCRUM_DEFINE void keep_steps(const Tensor<float>& weights, int bits, Quantization& q) {
  const std::size_t of_channel = weights.flat().size() / q.scale.size();
  for (std::size_t c = 0; c < q.scale.size(); ++c) {
    if (const auto step = step_of(weights.flat().subspan(c * of_channel, of_channel), bits)) q.scale[c] = *step;
  }
}

FULCRUM_DEFINE Range range_of(const Quantization& q, int bits) {
  const bool never_negative = q.dtype == DType::u8 && q.zero_point[0] == 0;
  const float largest = q.scale[0] * static_cast<float>((1 << (never_negative ? bits : bits - 1)) - 1);
  return {never_negative ? 0.0F : -largest, largest};
}

FULCRUM_DEFINE Model<float> with_clips(const Model<float>& model, const std::map<NodeId, Range>& ranges) {
  Model<float> result(model.name());
  std::vector<NodeId> moved;
  for (NodeId id = 0; id < model.size(); ++id) {
    Node<float> node = model.node(id);
    for (NodeId& src : node.src) src = moved[src];
    const auto range = ranges.find(id);
    if (range == ranges.end()) {
      moved.push_back(result.add(std::move(node)));
      continue;
    }
    const Activation clip{ActivationKind::clip, range->second.min, range->second.max};
    const auto* activation = std::get_if<Activation>(&node.layer);
    if (activation != nullptr && activation->function == ActivationKind::relu && range->second.min == 0.0F) {
      node.layer = clip;
      moved.push_back(result.add(std::move(node)));
      continue;
    }
    std::string name = node.name + "/clip";
    while (model.find(name) || result.find(name)) name += "_";
    std::optional<Quantization> rounding = std::exchange(node.dst_quantization, std::nullopt);
    const NodeId src = result.add(std::move(node));
    moved.push_back(result.add({std::move(name), clip, {src}, std::move(rounding)}));
  }
  std::vector<NodeId> outputs = model.outputs();
  for (NodeId& id : outputs) id = moved[id];
  result.set_outputs(std::move(outputs), model.output_names());
  return result;
}

}  // namespace fulcrum::detail

#endif
