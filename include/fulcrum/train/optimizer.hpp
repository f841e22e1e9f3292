#pragma once
/// \file
/// How weights follow their gradients. Element-wise rules as small structs of settings; the state of each parameter is
/// kept by the caller.

#include <cmath>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include <fulcrum/core/error.hpp>
#include <fulcrum/core/linkage.hpp>

namespace fulcrum {

/// One step of one parameter.
struct OptimizerStep {
  double learning_rate = 0.0;
  std::int64_t number = 1;  ///< 1 for the first step of the training
  bool decays = true;       ///< whether weight decay applies (to weights; not to biases, scales and shifts)
};

/// What training asks of an optimizer: a `State` per parameter made by `make_state(size)`, and
/// `update(state, value, gradient, step)` that moves `value` along `gradient` (spans of that size).
/// Updates must be element-wise and leave an element whose value and gradient were always 0 at 0.
template <class O>
concept Optimizer = std::copy_constructible<O> &&
    requires(const O& optimizer, typename O::State& state, std::span<float> value, std::span<const float> gradient,
             const OptimizerStep& step) {
  { optimizer.make_state(std::size_t{}) } -> std::same_as<typename O::State>;
  optimizer.update(state, value, gradient, step);
};

/// Stochastic gradient descent with momentum:
///
///     g ← gradient + weight_decay · w        v ← momentum · v + g
///     w ← w − rate · v                       (Nesterov: w ← w − rate · (g + momentum · v))
///
/// as in Sutskever et al., "On the importance of initialization and momentum in deep learning", ICML 2013.
struct Sgd {
  double momentum = 0.9;      ///< 0 … below 1; 0: plain descent
  bool nesterov = false;      ///< look ahead along the velocity
  double weight_decay = 0.0;  ///< ≥ 0; 0: none

  using State = std::vector<float>;  ///< the velocity

  [[nodiscard]] State make_state(std::size_t size) const { return State(size, 0.0F); }

  FULCRUM_DECLARE void update(State& state, std::span<float> value, std::span<const float> gradient,
                              const OptimizerStep& step) const;
};

/// Adam (Kingma and Ba, "Adam: a method for stochastic optimization", ICLR 2015):
///
///     m ← β₁m + (1 − β₁)g        v ← β₂v + (1 − β₂)g²
///     w ← w − rate · ( m/(1 − β₁ᵗ) / (√(v/(1 − β₂ᵗ)) + ε) + weight_decay · w )
///
/// with the weight decay decoupled from the gradient (Loshchilov and Hutter, "Decoupled weight decay regularization",
/// ICLR 2019).
struct Adam {
  double beta1 = 0.9;         ///< 0 … below 1
  double beta2 = 0.999;       ///< 0 … below 1
  double epsilon = 1e-8;      ///< > 0
  double weight_decay = 0.0;  ///< ≥ 0; 0: none

  struct State {
    std::vector<float> mean;      ///< m, of the gradient
    std::vector<float> variance;  ///< v, its uncentred second moment
  };

  [[nodiscard]] State make_state(std::size_t size) const {
    return {std::vector<float>(size, 0.0F), std::vector<float>(size, 0.0F)};
  }

  FULCRUM_DECLARE void update(State& state, std::span<float> value, std::span<const float> gradient,
                              const OptimizerStep& step) const;
};

static_assert(Optimizer<Adam> && Optimizer<Sgd>);

/// \throws Error when a setting is out of range
FULCRUM_DECLARE void validate(const Sgd& sgd);
/// \copydoc validate(const Sgd&)
FULCRUM_DECLARE void validate(const Adam& adam);

namespace detail {

/// An optimizer at work on one parameter.
class AttachedOptimizer {
public:
  AttachedOptimizer() = default;
  AttachedOptimizer(const AttachedOptimizer&) = delete;
  AttachedOptimizer& operator=(const AttachedOptimizer&) = delete;
  virtual ~AttachedOptimizer() = default;
  virtual void update(std::span<float> value, std::span<const float> gradient, const OptimizerStep& step) = 0;
};

template <class O>
class AttachedOptimizerOf final : public AttachedOptimizer {
public:
  AttachedOptimizerOf(O optimizer, std::size_t size)
      : optimizer_(std::move(optimizer)), state_(optimizer_.make_state(size)) {}
  void update(std::span<float> value, std::span<const float> gradient, const OptimizerStep& step) override {
    optimizer_.update(state_, value, gradient, step);
  }

private:
  const O optimizer_;
  typename O::State state_;
};

}  // namespace detail

/// Any optimizer, as a value that settings can hold.
class AnyOptimizer {
public:
  template <class O>
  requires(!std::same_as<O, AnyOptimizer>)
      AnyOptimizer(O optimizer) {  // NOLINT(google-explicit-constructor): an optimizer is any optimizer
    static_assert(Optimizer<O>,
                  "an optimizer needs State, make_state(size) and update(state, value, gradient, step): "
                  "see the concept Optimizer in fulcrum/train/optimizer.hpp");
    if constexpr (Optimizer<O>) {
      if constexpr (requires { validate(optimizer); }) {
        check_ = [optimizer] { validate(optimizer); };
      }
      attach_ = [optimizer = std::move(optimizer)](std::size_t size) -> std::unique_ptr<detail::AttachedOptimizer> {
        return std::make_unique<detail::AttachedOptimizerOf<O>>(optimizer, size);
      };
    }
  }

  /// Calls the optimizer's validate(optimizer), where there is one.
  /// \throws Error when a setting is out of range
  void check() const {
    if (check_) check_();
  }
  /// With a fresh state, for a parameter of `size` elements.
  [[nodiscard]] std::unique_ptr<detail::AttachedOptimizer> attach(std::size_t size) const { return attach_(size); }

private:
  std::function<void()> check_;  // empty: nothing to check
  std::function<std::unique_ptr<detail::AttachedOptimizer>(std::size_t)> attach_;
};

}  // namespace fulcrum

#if FULCRUM_DEFINES(train)

#include <Eigen/Core>

namespace fulcrum::detail {
using ArrayMap = Eigen::Map<Eigen::ArrayXf>;
using ConstArrayMap = Eigen::Map<const Eigen::ArrayXf>;

inline ArrayMap as_array(std::span<float> values) { return {values.data(), static_cast<Eigen::Index>(values.size())}; }
inline ConstArrayMap as_array(std::span<const float> values) {
  return {values.data(), static_cast<Eigen::Index>(values.size())};
}
}  // namespace fulcrum::detail

namespace fulcrum {

FULCRUM_DEFINE void Sgd::update(State& state, std::span<float> value, std::span<const float> gradient,
                                const OptimizerStep& step) const {
  const auto rate = static_cast<float>(step.learning_rate);
  const auto inertia = static_cast<float>(momentum);
  const auto decay = static_cast<float>(step.decays ? weight_decay : 0.0);
  auto w = detail::as_array(value);
  auto v = detail::as_array(std::span(state));
  const auto g = detail::as_array(gradient);
  v = inertia * v + g + decay * w;
  if (nesterov)
    w -= rate * (g + decay * w + inertia * v);
  else
    w -= rate * v;
}

FULCRUM_DEFINE void Adam::update(State& state, std::span<float> value, std::span<const float> gradient,
                                 const OptimizerStep& step) const {
  const auto t = static_cast<double>(step.number);
  const auto b1 = static_cast<float>(beta1);
  const auto b2 = static_cast<float>(beta2);
  const auto mean_unbias = static_cast<float>(1.0 / (1.0 - std::pow(beta1, t)));
  const auto variance_unbias = static_cast<float>(1.0 / (1.0 - std::pow(beta2, t)));
  const auto rate = static_cast<float>(step.learning_rate);
  const auto decay = static_cast<float>(step.decays ? step.learning_rate * weight_decay : 0.0);
  const auto tiny = static_cast<float>(epsilon);
  auto w = detail::as_array(value);
  auto m = detail::as_array(std::span(state.mean));
  auto v = detail::as_array(std::span(state.variance));
  const auto g = detail::as_array(gradient);
  m = b1 * m + (1.0F - b1) * g;
  v = b2 * v + (1.0F - b2) * g.square();
  w -= rate * (m * mean_unbias) / ((v * variance_unbias).sqrt() + tiny) + decay * w;
}

FULCRUM_DEFINE void validate(const Sgd& sgd) {
  if (!(sgd.momentum >= 0.0 && sgd.momentum < 1.0)) {
    throw Error("SGD", "has a momentum of " + std::to_string(sgd.momentum), "give 0 or more and less than 1");
  }
  if (!(sgd.weight_decay >= 0.0)) throw Error("SGD", "has a negative weight decay", "give 0 or more");
}

FULCRUM_DEFINE void validate(const Adam& adam) {
  for (const double beta : {adam.beta1, adam.beta2}) {
    if (!(beta >= 0.0 && beta < 1.0)) {
      throw Error("Adam", "has a beta of " + std::to_string(beta), "give 0 or more and less than 1");
    }
  }
  if (!(adam.epsilon > 0.0)) throw Error("Adam", "has an epsilon that is not above 0", "give 1e-8, say");
  if (!(adam.weight_decay >= 0.0)) throw Error("Adam", "has a negative weight decay", "give 0 or more");
}

}  // namespace fulcrum

#endif
