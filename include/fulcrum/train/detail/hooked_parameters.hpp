#pragma once
/// \file
/// The parameters of a network with hooks between what an optimizer moves and what the network computes with.

#include <algorithm>
#include <memory>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include <fulcrum/core/linkage.hpp>
#include <fulcrum/train/network.hpp>
#include <fulcrum/train/parameter_hooks.hpp>

namespace fulcrum::detail::training {

/// A parameter that no hook works on is moved where it is; any other has a master value beside what the network
/// computes with. The network must outlive this.
class HookedParameters {
public:
  /// What the optimizer moves, and along what.
  struct Movable {
    std::span<float> value;
    std::span<const float> gradient;
    bool decays = false;
  };

  /// \param model  that the network was made of
  /// \throws Error when a hook does not fit the model
  FULCRUM_DECLARE HookedParameters(TrainingNetwork& network, const Model<float>& model,
                                   std::span<const AnyParameterHook> hooks);

  [[nodiscard]] std::span<const Movable> movables() const noexcept { return movables_; }

  /// Derives what the network computes with.
  /// \throws Error when a hook makes another shape
  FULCRUM_DECLARE void before_forward(const TrainingStep& step);

  /// Turns the gradients of what the network computed with into those of the master values.
  FULCRUM_DECLARE void after_backward();

  FULCRUM_DECLARE void after_update();

  /// The trained model, with the master values and what hooks say about them.
  FULCRUM_DECLARE [[nodiscard]] Model<float> model() const;

private:
  struct Hooked {
    TrainableParameter* parameter = nullptr;
    Tensor<float> master;
    std::vector<std::unique_ptr<AttachedHook>> hooks;
  };

  TrainingNetwork& network_;
  std::vector<Hooked> hooked_;
  std::vector<Movable> movables_;
};

}  // namespace fulcrum::detail::training

#if FULCRUM_DEFINES(train)

namespace fulcrum::detail::training {

FULCRUM_DEFINE HookedParameters::HookedParameters(TrainingNetwork& network, const Model<float>& model,
                                                  std::span<const AnyParameterHook> hooks)
    : network_(network) {
  for (const AnyParameterHook& hook : hooks) hook.check(model);
  hooked_.reserve(network.parameters().size());  // movables_ refers into it
  for (TrainableParameter& parameter : network.parameters()) {
    std::vector<std::unique_ptr<AttachedHook>> attached;
    for (const AnyParameterHook& hook : hooks) {
      if (auto at_work = hook.attach(parameter)) attached.push_back(std::move(at_work));
    }
    if (attached.empty()) {
      movables_.push_back({parameter.value.flat(), parameter.gradient.flat(), parameter.decays});
      continue;
    }
    Hooked& hooked = hooked_.emplace_back(Hooked{&parameter, parameter.value, std::move(attached)});
    movables_.push_back({hooked.master.flat(), parameter.gradient.flat(), parameter.decays});
    for (const auto& hook : hooked.hooks) {
      if (const auto learned = hook->learned()) movables_.push_back({learned->value, learned->gradient, false});
    }
  }
}

FULCRUM_DEFINE void HookedParameters::before_forward(const TrainingStep& step) {
  for (const Hooked& hooked : hooked_) {
    Tensor<float> value = hooked.master;
    for (const auto& hook : hooked.hooks) value = hook->on_forward(std::move(value), step);
    if (value.dims() != hooked.master.dims()) {
      throw Error("layer '" + hooked.parameter->layer + "'",
                  "has " + hooked.parameter->name + " " + to_string(hooked.master.dims()) +
                      " of which a parameter hook made " + to_string(value.dims()),
                  "keep the shape");
    }
    // Into the same memory, which the network's steps refer to.
    std::copy(value.flat().begin(), value.flat().end(), hooked.parameter->value.flat().begin());
  }
}

FULCRUM_DEFINE void HookedParameters::after_backward() {
  for (const Hooked& hooked : hooked_) {
    for (auto hook = hooked.hooks.rbegin(); hook != hooked.hooks.rend(); ++hook) {
      (*hook)->on_backward(hooked.parameter->gradient.flat());
    }
  }
}

FULCRUM_DEFINE void HookedParameters::after_update() {
  for (Hooked& hooked : hooked_) {
    for (auto hook = hooked.hooks.rbegin(); hook != hooked.hooks.rend(); ++hook) {
      (*hook)->on_update(hooked.master.flat());
    }
  }
}

FULCRUM_DEFINE Model<float> HookedParameters::model() const {
  Model<float> result = network_.model();
  for (const Hooked& hooked : hooked_) {
    for_each_parameter(result.edit_layer(hooked.parameter->node), [&](const char* name, Parameter<float>& parameter) {
      if (name != hooked.parameter->name) return;
      parameter.value = hooked.master;
      for (const auto& hook : hooked.hooks) hook->finish(parameter);
    });
  }
  return result;
}

}  // namespace fulcrum::detail::training

#endif
