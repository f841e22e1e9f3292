// expect: a parameter hook needs
#include <fulcrum/train/parameter_hooks.hpp>

// Whoever changes the value on the way forward says what becomes of its gradient on the way back.
struct Doubling {
  struct State {};
  [[nodiscard]] std::optional<State> make_state(const fulcrum::TrainableParameter&) const { return State{}; }
  [[nodiscard]] fulcrum::Tensor<float> on_forward(State&, fulcrum::Tensor<float> value,
                                                  const fulcrum::TrainingStep&) const {
    for (float& w : value.flat()) w *= 2.0F;
    return value;
  }
#ifndef MUST_FAIL
  void on_backward(State&, std::span<float> gradient) const {
    for (float& g : gradient) g *= 2.0F;
  }
#endif
  void on_update(State&, std::span<float>) const {}
};

fulcrum::AnyParameterHook hook() { return Doubling{}; }
