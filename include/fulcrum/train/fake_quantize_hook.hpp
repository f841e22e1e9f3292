#pragma once
/// \file
/// Training that is aware of rounded weights.

#include <algorithm>
#include <cmath>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include <fulcrum/analysis/weighted_layers.hpp>
#include <fulcrum/core/linkage.hpp>
#include <fulcrum/tensor/quantization.hpp>
#include <fulcrum/train/parameter_hooks.hpp>

namespace fulcrum {

/// The network computes with weights of convolutions and dense layers that are rounded to `bits`, symmetrically by the
/// range that they have; biases, scales and shifts stay. The gradient passes straight through the rounding to the
/// master weights (Bengio, Léonard and Courville, "Estimating or propagating gradients through stochastic neurons for
/// conditional computation", 2013), whole, because no weight lies outside its range.
///
/// The trained model has the master weights. With 8 bits a channel they round, in quantize(), to the integers that
/// training computed with; a batch normalization that is folded before changes nothing about it but its own rounding,
/// because it multiplies a channel by one number. Zeros stay 0, so pruned weights stay pruned.
struct FakeQuantizeHook {
  int bits = 8;                        ///< 2 … 8
  bool per_channel = true;             ///< a scale for each output channel (axis 0) rather than one for the layer
  std::vector<std::string> skip = {};  ///< names of convolutions and dense layers that are left as they are

  struct State {
    std::string layer;
  };

  /// \throws Error when a name in `skip` is no convolution or dense layer of the model
  void check(const Model<float>& model) const { detail::expect_weighted_layers(model, skip); }

  FULCRUM_DECLARE [[nodiscard]] std::optional<State> make_state(const TrainableParameter& parameter) const;
  /// \throws Error when the bits are out of range or a weight is not finite
  FULCRUM_DECLARE [[nodiscard]] Tensor<float> on_forward(const State& state, Tensor<float> value,
                                                         const TrainingStep& step) const;
  void on_backward(const State& /*state*/, std::span<float> /*gradient*/) const {}
  void on_update(const State& /*state*/, std::span<float> /*master*/) const {}
};

static_assert(ParameterHook<FakeQuantizeHook>);

}  // namespace fulcrum

#if FULCRUM_DEFINES(train)

namespace fulcrum {

FULCRUM_DEFINE std::optional<FakeQuantizeHook::State> FakeQuantizeHook::make_state(
    const TrainableParameter& parameter) const {
  if (parameter.name != "weights" || detail::contains(skip, parameter.layer)) return std::nullopt;
  return State{parameter.layer};
}

FULCRUM_DEFINE Tensor<float> FakeQuantizeHook::on_forward(const State& state, Tensor<float> value,
                                                          const TrainingStep& step) const {
  const auto elements = value.flat();
  if (!std::all_of(elements.begin(), elements.end(), [](float w) { return std::isfinite(w); })) {
    throw Error("layer '" + state.layer + "'",
                "has NaN or infinite weights to round at step " + std::to_string(step.number),
                step.number == 1 ? "repair the model first" : "lower the learning rate");
  }
  const Quantization q = symmetric_quantization(value, bits, per_channel ? 0 : -1);
  return quantize_dequantize(std::move(value), q);
}

}  // namespace fulcrum

#endif
