#pragma once
/// \file
/// Pruned weights stay pruned.

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <utility>

#include <fulcrum/core/linkage.hpp>
#include <fulcrum/train/parameter_hooks.hpp>

namespace fulcrum {

/// Keeps the elements that Parameter::mask has pruned at 0: in the value, its gradient and what the optimizer makes of
/// both. Training always has it, before any other hook.
struct MaskHook {
  using State = SharedTensor<std::uint8_t>;  ///< 0: pruned

  FULCRUM_DECLARE [[nodiscard]] std::optional<State> make_state(const TrainableParameter& parameter) const;
  FULCRUM_DECLARE [[nodiscard]] Tensor<float> on_forward(const State& mask, Tensor<float> value,
                                                         const TrainingStep& /*step*/) const;
  void on_backward(const State& mask, std::span<float> gradient) const { apply(mask, gradient); }
  void on_update(const State& mask, std::span<float> master) const { apply(mask, master); }

private:
  static void apply(const State& mask, std::span<float> values) {
    const auto kept = mask->flat();
    for (std::size_t i = 0; i < values.size(); ++i) {
      if (kept[i] == 0) values[i] = 0.0F;
    }
  }
};

static_assert(ParameterHook<MaskHook>);

}  // namespace fulcrum

#if FULCRUM_DEFINES(train)

namespace fulcrum {

FULCRUM_DEFINE std::optional<MaskHook::State> MaskHook::make_state(const TrainableParameter& parameter) const {
  if (parameter.mask.empty()) return std::nullopt;
  return parameter.mask;
}

FULCRUM_DEFINE Tensor<float> MaskHook::on_forward(const State& mask, Tensor<float> value,
                                                  const TrainingStep& /*step*/) const {
  apply(mask, value.flat());
  return value;
}

}  // namespace fulcrum

#endif
