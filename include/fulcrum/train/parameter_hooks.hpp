#pragma once
/// \file
/// What comes between the parameters that an optimizer moves and the values that the network computes with: masks,
/// rounding, and whatever else training is to be aware of.

#include <concepts>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <utility>

#include <fulcrum/train/trainable_parameter.hpp>

namespace fulcrum {

/// Where in the training a step is.
struct TrainingStep {
  std::int64_t number = 1;  ///< 1 for the first
  double progress = 0.0;    ///< share of the training's steps that are done, 0 … below 1
};

/// Numbers of its own that a hook learns (the step between integers, say). The optimizer moves them as it moves
/// parameters, without weight decay.
struct LearnedParameter {
  std::span<float> value;
  std::span<const float> gradient;  ///< of the same size; on_backward() fills it
};

/// What training asks of a hook: a `State` for each parameter that it works on, made by `make_state(parameter)`
/// (nothing: it leaves that parameter alone), and then in every step
///
/// 1. `on_forward(state, value, step)`, the value that the network is to compute with, of the same shape. The first
/// hook
///    is given the master value, which keeps its full precision, each other one what the hook before it made.
/// 2. `on_backward(state, gradient)`: turns ∂loss/∂(what on_forward() gave) into ∂loss/∂(what it was given), in place.
///    Keep in the state what that takes.
/// 3. `on_update(state, master)`, once the optimizer has moved the master value: sets what must hold for it.
///
/// 2. and 3. go from the last hook to the first. A hook may also have
///
/// - `check(model)`, before training: throws Error when the hook does not fit the model;
/// - `learned(state)`, a LearnedParameter of its own. Its spans stay where they are while training goes on;
/// - `finish(state, parameter)`, after training: what the hook says about a Parameter<float> of the trained model,
/// which
///   has the master value.
///
/// Values between layers are no parameters. To round those in training, too, is a step on the tape, recorded after the
/// layer whose value it is (train/detail/record_….hpp).
template <class H>
concept ParameterHook = std::copy_constructible<H> &&
    requires(const H& hook, typename H::State& state, const TrainableParameter& parameter, Tensor<float> value,
             std::span<float> elements, const TrainingStep& step) {
  { hook.make_state(parameter) } -> std::same_as<std::optional<typename H::State>>;
  { hook.on_forward(state, std::move(value), step) } -> std::same_as<Tensor<float>>;
  hook.on_backward(state, elements);
  hook.on_update(state, elements);
};

namespace detail {

/// A hook at work on one parameter.
class AttachedHook {
public:
  AttachedHook() = default;
  AttachedHook(const AttachedHook&) = delete;
  AttachedHook& operator=(const AttachedHook&) = delete;
  virtual ~AttachedHook() = default;
  [[nodiscard]] virtual Tensor<float> on_forward(Tensor<float> value, const TrainingStep& step) = 0;
  virtual void on_backward(std::span<float> gradient) = 0;
  virtual void on_update(std::span<float> master) = 0;
  [[nodiscard]] virtual std::optional<LearnedParameter> learned() = 0;
  virtual void finish(Parameter<float>& parameter) = 0;
};

template <class H>
class AttachedHookOf final : public AttachedHook {
public:
  AttachedHookOf(H hook, typename H::State state) : hook_(std::move(hook)), state_(std::move(state)) {}
  Tensor<float> on_forward(Tensor<float> value, const TrainingStep& step) override {
    return hook_.on_forward(state_, std::move(value), step);
  }
  void on_backward(std::span<float> gradient) override { hook_.on_backward(state_, gradient); }
  void on_update(std::span<float> master) override { hook_.on_update(state_, master); }
  std::optional<LearnedParameter> learned() override {
    if constexpr (requires { hook_.learned(state_); })
      return hook_.learned(state_);
    else
      return std::nullopt;
  }
  void finish(Parameter<float>& parameter) override {
    if constexpr (requires { hook_.finish(state_, parameter); }) hook_.finish(state_, parameter);
  }

private:
  const H hook_;
  typename H::State state_;
};

}  // namespace detail

/// Any hook, as a value that settings can hold.
class AnyParameterHook {
public:
  template <class H>
  requires(!std::same_as<H, AnyParameterHook>)
      AnyParameterHook(H hook) {  // NOLINT(google-explicit-constructor): a hook is any hook
    static_assert(ParameterHook<H>,
                  "a parameter hook needs State, make_state(parameter), on_forward(state, value, step), "
                  "on_backward(state, gradient) and on_update(state, master), all const: see the concept ParameterHook "
                  "in fulcrum/train/parameter_hooks.hpp");
    if constexpr (ParameterHook<H>) {
      check_ = [hook](const Model<float>& model) {
        if constexpr (requires { hook.check(model); }) hook.check(model);
      };
      attach_ = [hook = std::move(hook)](const TrainableParameter& parameter) -> std::unique_ptr<detail::AttachedHook> {
        auto state = hook.make_state(parameter);
        if (!state) return nullptr;
        return std::make_unique<detail::AttachedHookOf<H>>(hook, *std::move(state));
      };
    }
  }

  /// \throws Error when the hook does not fit the model
  void check(const Model<float>& model) const { check_(model); }
  /// Null: the hook leaves that parameter alone.
  [[nodiscard]] std::unique_ptr<detail::AttachedHook> attach(const TrainableParameter& parameter) const {
    return attach_(parameter);
  }

private:
  std::function<void(const Model<float>&)> check_;
  std::function<std::unique_ptr<detail::AttachedHook>(const TrainableParameter&)> attach_;
};

}  // namespace fulcrum
