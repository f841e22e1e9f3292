#pragma once
/// \file
/// Training with values between layers that are rounded by steps which are learned (LSQ).

#include <string>
#include <vector>

#include <fulcrum/core/linkage.hpp>
#include <fulcrum/model/model.hpp>
#include <fulcrum/passes/calibration.hpp>

namespace fulcrum {

/// The network computes with values between its layers that are rounded to `bits`, by a step that training learns
/// (Esser et al., "Learned step size quantization", ICLR 2020), one for each value:
///
///     v̂ = s · clip(round_half_even(v/s), −Q, P)     P = 2^bits − 1, Q = 0 where nothing is negative;
///                                                    else P = Q = 2^(bits − 1) − 1
///     ∂v̂/∂s = round(v/s) − v/s inside, −Q below, P above, scaled by 1/√(N·P);   s starts at 2⟨|v|⟩/√P
///
/// N is the number of the value's elements for one sample; ⟨|v|⟩ is of the first batch. The gradient with respect to v
/// passes inside and is 0 outside. What the optimizer moves is ln(s), as with LearnedStepHook. Rounded is what
/// quantize() will round (place_quantization() of the model with its batch norms folded), but for inputs and constants,
/// which keep 8 bits; nothing is learned of those.
///
/// The trained model computes without the rounding. TrainResult::ranges are what quantize() takes for it.
struct ValueRounding {
  int bits = 4;  ///< 2 … 8
  std::vector<std::string> skip =
      {};  ///< convolutions and dense layers that stay in float, and their sources with them
};

/// A value that training rounds.
struct RoundedValue {
  NodeId node = 0;         ///< that gives it, in the model under training
  std::string root;        ///< the name that quantize() knows its range by
  bool is_signed = false;  ///< whether it may be negative
  int bits = 8;
};

/// What of a model training is to round.
/// \throws Error when the bits are out of range or a name in `skip` is no convolution or dense layer of the model
FULCRUM_DECLARE [[nodiscard]] std::vector<RoundedValue> rounded_values(const Model<float>& model,
                                                                       const ValueRounding& rounding);

/// The range that a step and the integers of a value span.
FULCRUM_DECLARE [[nodiscard]] Range range_of(const RoundedValue& value, float step);

}  // namespace fulcrum

#if FULCRUM_DEFINES(train)

#include <algorithm>
#include <variant>

#include <fulcrum/analysis/quantization_placement.hpp>
#include <fulcrum/passes/fold_batch_normalization.hpp>
#include <fulcrum/passes/simplify_arithmetic.hpp>

namespace fulcrum::detail {

/// Whether a value is never below 0, whatever the model's inputs are.
FULCRUM_DECLARE bool never_negative(const Model<float>& model, NodeId id);

FULCRUM_DEFINE bool never_negative(const Model<float>& model, NodeId id) {
  const Node<float>& node = model.node(id);
  if (const auto* activation = std::get_if<Activation>(&node.layer)) {
    switch (activation->function) {
      case ActivationKind::relu:
      case ActivationKind::sigmoid:
      case ActivationKind::hard_sigmoid:
      case ActivationKind::softplus:
      case ActivationKind::abs:
      case ActivationKind::exp: return true;
      case ActivationKind::clip: return activation->alpha >= 0.0F;
      default: return false;
    }
  }
  const auto all_sources = [&] {
    return std::all_of(node.src.begin(), node.src.end(), [&](NodeId src) { return never_negative(model, src); });
  };
  if (const auto* binary = std::get_if<Binary>(&node.layer))
    return (binary->function == BinaryKind::add || binary->function == BinaryKind::mul) && all_sources();
  const bool keeps_sign = std::holds_alternative<Pool>(node.layer) || std::holds_alternative<GlobalPool>(node.layer) ||
                          std::holds_alternative<Concat>(node.layer) || std::holds_alternative<Reshape>(node.layer) ||
                          std::holds_alternative<Flatten>(node.layer);
  return std::holds_alternative<Softmax>(node.layer) || (keeps_sign && all_sources());
}

}  // namespace fulcrum::detail

namespace fulcrum {

FULCRUM_DEFINE std::vector<RoundedValue> rounded_values(const Model<float>& model, const ValueRounding& rounding) {
  if (rounding.bits < 2 || rounding.bits > 8)
    throw Error("rounding of values", "is to " + std::to_string(rounding.bits) + " bits", "give 2 to 8");
  const Model<float> folded = fold_batch_normalization(simplify_arithmetic(model)).model;
  const QuantizationPlacement placement = place_quantization(folded, rounding.skip);
  const auto consumers = model.consumers();
  std::vector<RoundedValue> values;
  for (NodeId id = 0; id < folded.size(); ++id) {
    const Node<float>& node = folded.node(id);
    const bool keeps_8_bits =
        std::holds_alternative<Input>(node.layer) || std::holds_alternative<Constant<float>>(node.layer);
    if (placement.root[id] != id || keeps_8_bits) continue;
    // What was folded into the layer comes behind it here.
    NodeId at = *model.find(node.name);
    while (consumers[at].size() == 1 && !folded.find(model.node(consumers[at].front()).name))
      at = consumers[at].front();
    values.push_back({at, node.name, !detail::never_negative(model, at), rounding.bits});
  }
  return values;
}

FULCRUM_DEFINE Range range_of(const RoundedValue& value, float step) {
  if (!value.is_signed) return {0.0F, step * static_cast<float>((1 << value.bits) - 1)};
  const float largest = step * static_cast<float>((1 << (value.bits - 1)) - 1);
  return {-largest, largest};
}

}  // namespace fulcrum

#endif
