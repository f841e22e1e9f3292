#pragma once
/// \file
/// Training with rounded weights whose step between integers is learned (LSQ).

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include <fulcrum/analysis/weighted_layers.hpp>
#include <fulcrum/core/linkage.hpp>
#include <fulcrum/train/parameter_hooks.hpp>

namespace fulcrum {

/// The network computes with weights of convolutions and dense layers that are rounded to `bits`, by a step that
/// training learns (Esser et al., "Learned step size quantization", ICLR 2020), one for each output channel or layer:
///
///     v̂ = s · clip(round_half_even(v/s), −Q_N, Q_P)       Q_N = 2^(bits − 1),  Q_P = Q_N − 1
///     ∂v̂/∂s = round(v/s) − v/s inside, −Q_N below, Q_P above, scaled by 1/√(N·Q_P);   s starts at 2⟨|v|⟩/√Q_P
///
/// N is the number of weights that share the step. The gradient with respect to v passes inside and is 0 outside. What
/// the optimizer moves is ln(s), with the gradient s·∂/∂s: s stays positive, and optimizers that scale their steps (as
/// Adam does) move it by a share of itself. The trained model has the rounded weights v̂. Zeros stay 0, so pruned
/// weights stay pruned.
struct LearnedStepHook {
  int bits = 4;                        ///< 2 … 8
  bool per_channel = true;             ///< a step for each output channel (axis 0) rather than one for the layer
  std::vector<std::string> skip = {};  ///< names of convolutions and dense layers that are left as they are

  struct State {
    std::string layer;
    Tensor<float> log_step;  ///< ln(s)
    Tensor<float> gradient;  ///< with respect to it
    Tensor<float> value;     ///< that on_forward() was given last
    [[nodiscard]] std::size_t of_step() const { return value.flat().size() / log_step.flat().size(); }
  };

  /// \throws Error when the bits are out of range or a name in `skip` is no convolution or dense layer of the model
  FULCRUM_DECLARE void check(const Model<float>& model) const;
  FULCRUM_DECLARE [[nodiscard]] std::optional<State> make_state(const TrainableParameter& parameter) const;
  /// \throws Error when a weight is not finite
  FULCRUM_DECLARE [[nodiscard]] Tensor<float> on_forward(State& state, Tensor<float> value,
                                                         const TrainingStep& step) const;
  FULCRUM_DECLARE void on_backward(State& state, std::span<float> gradient) const;
  void on_update(const State& /*state*/, std::span<float> /*master*/) const {}
  [[nodiscard]] LearnedParameter learned(State& state) const { return {state.log_step.flat(), state.gradient.flat()}; }
  FULCRUM_DECLARE void finish(State& state, Parameter<float>& parameter) const;

private:
  [[nodiscard]] float lowest() const noexcept { return -static_cast<float>(1 << (bits - 1)); }
  [[nodiscard]] float highest() const noexcept { return static_cast<float>((1 << (bits - 1)) - 1); }
  FULCRUM_DECLARE void round(const State& state, std::span<float> values) const;
};

static_assert(ParameterHook<LearnedStepHook>);

}  // namespace fulcrum

#if FULCRUM_DEFINES(train)

#include <algorithm>
#include <cmath>

namespace fulcrum {

FULCRUM_DEFINE void LearnedStepHook::check(const Model<float>& model) const {
  if (bits < 2 || bits > 8) throw Error("learned steps", "are of " + std::to_string(bits) + " bits", "give 2 to 8");
  detail::expect_weighted_layers(model, skip);
}

FULCRUM_DEFINE std::optional<LearnedStepHook::State> LearnedStepHook::make_state(
    const TrainableParameter& parameter) const {
  const Shape dims = parameter.value.dims();
  if (parameter.name != "weights" || dims.size() < 2 || detail::contains(skip, parameter.layer)) return std::nullopt;
  const Shape steps{per_channel ? dims[0] : 1};
  State state{parameter.layer, Tensor<float>(steps), Tensor<float>(steps), parameter.value};
  const std::size_t of_step = state.of_step();
  for (std::size_t c = 0; c < state.log_step.flat().size(); ++c) {
    double sum = 0.0;
    for (const float w : parameter.value.flat().subspan(c * of_step, of_step)) sum += std::abs(w);
    const double first = 2.0 * sum / static_cast<double>(of_step) / std::sqrt(static_cast<double>(highest()));
    state.log_step.flat()[c] = static_cast<float>(std::log(first > 0.0 ? first : 1.0));
  }
  return state;
}

FULCRUM_DEFINE void LearnedStepHook::round(const State& state, std::span<float> values) const {
  const std::size_t of_step = state.of_step();
  for (std::size_t c = 0; c < state.log_step.flat().size(); ++c) {
    const float s = std::exp(state.log_step.flat()[c]);
    for (float& v : values.subspan(c * of_step, of_step))
      v = s * std::clamp(std::nearbyint(v / s), lowest(), highest());
  }
}

FULCRUM_DEFINE Tensor<float> LearnedStepHook::on_forward(State& state, Tensor<float> value,
                                                         const TrainingStep& step) const {
  const auto elements = value.flat();
  if (!std::all_of(elements.begin(), elements.end(), [](float w) { return std::isfinite(w); })) {
    throw Error("layer '" + state.layer + "'",
                "has NaN or infinite weights to round at step " + std::to_string(step.number),
                step.number == 1 ? "repair the model first" : "lower the learning rate");
  }
  state.value = value;
  round(state, value.flat());
  return value;
}

FULCRUM_DEFINE void LearnedStepHook::on_backward(State& state, std::span<float> gradient) const {
  const std::size_t of_step = state.of_step();
  const double scale = 1.0 / std::sqrt(static_cast<double>(of_step) * static_cast<double>(highest()));
  for (std::size_t c = 0; c < state.log_step.flat().size(); ++c) {
    const float s = std::exp(state.log_step.flat()[c]);
    double of_s = 0.0;
    for (std::size_t i = c * of_step; i < (c + 1) * of_step; ++i) {
      const float x = state.value.flat()[i] / s;
      const bool below = x <= lowest();
      const bool above = x >= highest();
      const float slope = below ? lowest() : above ? highest() : std::nearbyint(x) - x;
      of_s += static_cast<double>(gradient[i]) * static_cast<double>(slope);
      if (below || above) gradient[i] = 0.0F;
    }
    state.gradient.flat()[c] = static_cast<float>(of_s * scale * static_cast<double>(s));
  }
}

FULCRUM_DEFINE void LearnedStepHook::finish(State& state, Parameter<float>& parameter) const {
  round(state, parameter.value.edit().flat());
}

}  // namespace fulcrum

#endif
