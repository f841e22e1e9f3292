#pragma once
/// \file
/// Pruning while training, a little more at a time.

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include <fulcrum/analysis/weighted_layers.hpp>
#include <fulcrum/core/linkage.hpp>
#include <fulcrum/train/parameter_hooks.hpp>

namespace fulcrum {

/// The weights of convolutions and dense layers of smallest magnitude are pruned to a sparsity that rises over the
/// training (Zhu and Gupta, "To prune, or not to prune", 2017):
///
///     s(t) = s_final + (s_start − s_final)·(1 − t)³,   t from 0 at `begin` to 1 at `end`
///
/// Of N weights of a layer max(round(N · (1 − s)), 1) are kept, of equal magnitudes those of lowest index. While it
/// rises, a pruned weight gets no gradient but keeps its value and comes back where others have become smaller. The
/// trained model has them 0, and the mask (Parameter::mask).
struct GradualPruneHook {
  double sparsity = 0.9;  ///< s_final, [0, 1)
  /// Other ones for some layers: those that a global pruning of the model gave them, say.
  std::map<std::string, double> sparsity_of_layer = {};
  double start = 0.0;                  ///< s_start, [0, 1)
  double begin = 0.0;                  ///< share of the training at which it starts to rise; 0 ≤ begin < end
  double end = 0.5;                    ///< and at which it is reached; what is left fine-tunes under the mask; ≤ 1
  std::int64_t every = 50;             ///< steps between two prunings, ≥ 1
  std::vector<std::string> skip = {};  ///< names of convolutions and dense layers that are left as they are

  struct State {
    double final_sparsity = 0.0;
    Tensor<std::uint8_t> mask;  ///< 0: pruned
    double sparsity = -1.0;     ///< that the mask was made for
  };

  /// \throws Error when an option is out of range or a name is no convolution or dense layer of the model
  FULCRUM_DECLARE void check(const Model<float>& model) const;
  FULCRUM_DECLARE [[nodiscard]] std::optional<State> make_state(const TrainableParameter& parameter) const;
  FULCRUM_DECLARE [[nodiscard]] Tensor<float> on_forward(State& state, Tensor<float> value,
                                                         const TrainingStep& step) const;
  FULCRUM_DECLARE void on_backward(const State& state, std::span<float> gradient) const;
  void on_update(const State& /*state*/, std::span<float> /*master*/) const {}
  FULCRUM_DECLARE void finish(const State& state, Parameter<float>& parameter) const;

  /// s(t) at a share of the training.
  /// \param final_sparsity  s_final of the layer
  FULCRUM_DECLARE [[nodiscard]] double sparsity_at(double progress, double final_sparsity) const;
};

static_assert(ParameterHook<GradualPruneHook>);

}  // namespace fulcrum

#if FULCRUM_DEFINES(train)

#include <algorithm>
#include <cmath>
#include <numeric>

namespace fulcrum {

FULCRUM_DEFINE void GradualPruneHook::check(const Model<float>& model) const {
  const auto share = [](const char* what, double value) {
    if (!(value >= 0.0 && value < 1.0))
      throw Error(std::string("gradual pruning's ") + what, "is " + std::to_string(value), "give a share in [0, 1)");
  };
  share("sparsity", sparsity);
  share("starting sparsity", start);
  std::vector<std::string> named = skip;
  for (const auto& [layer, of_layer] : sparsity_of_layer) {
    share("sparsity of a layer", of_layer);
    named.push_back(layer);
  }
  if (!(begin >= 0.0 && begin < end && end <= 1.0))
    throw Error("gradual pruning", "begins at " + std::to_string(begin) + " and ends at " + std::to_string(end),
                "give shares of the training with 0 ≤ begin < end ≤ 1");
  if (every < 1) throw Error("gradual pruning", "prunes every " + std::to_string(every) + " steps", "give 1 or more");
  detail::expect_weighted_layers(model, named);
}

FULCRUM_DEFINE std::optional<GradualPruneHook::State> GradualPruneHook::make_state(
    const TrainableParameter& parameter) const {
  const Shape dims = parameter.value.dims();
  if (parameter.name != "weights" || dims.size() < 2 || detail::contains(skip, parameter.layer)) return std::nullopt;
  const auto own = sparsity_of_layer.find(parameter.layer);
  return State{own == sparsity_of_layer.end() ? sparsity : own->second, Tensor<std::uint8_t>(dims, std::uint8_t{1}),
               -1.0};
}

FULCRUM_DEFINE double GradualPruneHook::sparsity_at(double progress, double final_sparsity) const {
  const double t = std::clamp((progress - begin) / (end - begin), 0.0, 1.0);
  return final_sparsity + (start - final_sparsity) * std::pow(1.0 - t, 3.0);
}

FULCRUM_DEFINE Tensor<float> GradualPruneHook::on_forward(State& state, Tensor<float> value,
                                                          const TrainingStep& step) const {
  const auto values = value.flat();
  const bool done = state.sparsity == state.final_sparsity;
  const bool reached = step.progress >= end;
  if (!done && step.progress >= begin && (reached || (step.number - 1) % every == 0)) {
    state.sparsity = reached ? state.final_sparsity : sparsity_at(step.progress, state.final_sparsity);
    const auto wanted = std::llround(static_cast<double>(values.size()) * (1.0 - state.sparsity));
    const auto keep = static_cast<std::size_t>(std::max<long long>(wanted, 1));
    std::vector<std::uint32_t> order(values.size());
    std::iota(order.begin(), order.end(), 0U);
    if (keep < order.size()) {
      std::nth_element(order.begin(), order.begin() + static_cast<std::ptrdiff_t>(keep), order.end(),
                       [&](std::uint32_t a, std::uint32_t b) {
                         const float x = std::abs(values[a]);
                         const float y = std::abs(values[b]);
                         return x > y || (x == y && a < b);
                       });
    }
    for (std::size_t i = 0; i < order.size(); ++i) state.mask.flat()[order[i]] = i < keep ? 1 : 0;
  }
  for (std::size_t i = 0; i < values.size(); ++i) {
    if (state.mask.flat()[i] == 0) values[i] = 0.0F;
  }
  return value;
}

FULCRUM_DEFINE void GradualPruneHook::on_backward(const State& state, std::span<float> gradient) const {
  for (std::size_t i = 0; i < gradient.size(); ++i) {
    if (state.mask.flat()[i] == 0) gradient[i] = 0.0F;
  }
}

FULCRUM_DEFINE void GradualPruneHook::finish(const State& state, Parameter<float>& parameter) const {
  const auto values = parameter.value.edit().flat();
  for (std::size_t i = 0; i < values.size(); ++i) {
    if (state.mask.flat()[i] == 0) values[i] = 0.0F;
  }
  parameter.mask = state.mask;
}

}  // namespace fulcrum

#endif
