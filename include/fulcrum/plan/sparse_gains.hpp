#pragma once
/// \file
/// What layers gain by weights that are 0, predicted: which of them to prune.

#include <string>
#include <vector>

#include <fulcrum/core/linkage.hpp>
#include <fulcrum/core/units.hpp>
#include <fulcrum/cost/machine_profile.hpp>
#include <fulcrum/model/model.hpp>
#include <fulcrum/plan/reduced_model.hpp>
#include <fulcrum/run/run_config.hpp>

namespace fulcrum {

/// A convolution or dense layer whose weights are 0 in part.
struct SparseGain {
  std::string layer;
  double sparsity = 0.0;    ///< share of its weights that are 0
  double break_even = 1.0;  ///< from which on it runs sparse; 1: never
  Milliseconds dense{};     ///< predicted time of its step by a dense product
  Milliseconds sparse{};    ///< and by the sparse one; `dense` where it has none
  std::string why_not;      ///< it does not gain; empty where it does
};

/// What every convolution and dense layer of the model gains by the weights that are 0 in it, in f32.
/// \param config  slices, threads and batch of the prediction; its sparse_costs, or else those of the profile, decide
/// \throws Error as predict()
FULCRUM_DECLARE [[nodiscard]] std::vector<SparseGain> sparse_gains(const Model<float>& model, const RunConfig& config,
                                                                   const MachineProfile& profile);

/// Convolutions and dense layers that would not gain were that share of each layer's weights 0: depthwise ones, tiny
/// ones, those that break even at more. For PruneOptions::skip.
/// \param sparsity  (0, 1)
/// \throws Error as predict(), and when the sparsity is out of range
FULCRUM_DECLARE [[nodiscard]] std::vector<std::string> layers_not_worth_pruning(const Model<float>& model,
                                                                                double sparsity,
                                                                                const RunConfig& config,
                                                                                const MachineProfile& profile);

/// A model with a share of one layer's weights 0, spread evenly, to predict what that would bring; or why it brings
/// nothing: the layer's break-even is in the sentence.
struct SparseLayer {
  ReducedModel reduced;
  double break_even = 1.0;
};

/// \param config  in f32
FULCRUM_DECLARE [[nodiscard]] SparseLayer with_sparse_weights(const Model<float>& model, NodeId layer, double sparsity,
                                                              const RunConfig& config, const Machine& machine);

}  // namespace fulcrum

#if FULCRUM_DEFINES(plan)

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <map>
#include <optional>
#include <utility>
#include <variant>

#include <fulcrum/cost/predict.hpp>
#include <fulcrum/schedule/make_schedule.hpp>
#include <fulcrum/schedule/sparse.hpp>

namespace fulcrum::detail {

/// How a layer's step would run sparse.
struct SparseForm {
  double sparsity = 0.0;
  double break_even = 1.0;
  std::string why_not;  ///< it has no such form
};

/// Of all convolutions and dense layers, by name.
FULCRUM_DECLARE std::map<std::string, SparseForm> sparse_forms(const Model<float>& model, const RunConfig& config,
                                                               const Machine& machine);

/// Sets weights to 0, spread evenly, until that share of them is.
FULCRUM_DECLARE void set_to_zero(Layer<float>& layer, double sparsity);

FULCRUM_DEFINE std::map<std::string, SparseForm> sparse_forms(const Model<float>& model, const RunConfig& config,
                                                              const Machine& machine) {
  RunConfig dense = config;
  dense.precision = Precision::f32;
  dense.layer_precision.clear();
  dense.algorithms.sparse = UseAlgorithm::never;
  const Schedule schedule = make_schedule(model, dense, machine);
  std::map<std::string, SparseForm> forms;
  for (const ScheduledStep& entry : schedule.steps) {
    if (!entry.group) continue;
    const Layer<float>& layer = schedule.model.node(entry.group->primary).layer;
    const auto* conv = std::get_if<Conv<float>>(&layer);
    if (conv == nullptr && !std::holds_alternative<Dense<float>>(layer)) continue;
    const SharedTensor<float>& weights =
        (conv != nullptr ? conv->weights : std::get<Dense<float>>(layer).weights).value;
    SparseForm form;
    form.sparsity = 1.0 - static_cast<double>(count_nonzeros(weights->flat())) /
                              static_cast<double>(std::max<std::size_t>(weights->flat().size(), 1));
    if (!isa_runs_sparse(machine.isa))
      form.why_not = "this CPU has neither AVX-512 nor AVX2";
    else if (entry.step.arithmetic != Precision::f32 ||
             !has_sparse_form(schedule.model, *entry.group, entry.step.geometry))
      form.why_not = "it has no sparse form: it is grouped, of one pixel, or followed by what that does not take";
    else
      form.break_even = break_even_sparsity(entry.step.geometry, entry.step.threads, config.algorithms.sparse_costs);
    if (form.why_not.empty() && form.break_even >= 1.0) form.why_not = "its dense product is faster at any sparsity";
    forms.emplace(entry.step.name, std::move(form));
  }
  return forms;
}

FULCRUM_DEFINE void set_to_zero(Layer<float>& layer, double sparsity) {
  auto* conv = std::get_if<Conv<float>>(&layer);
  Tensor<float>& weights = (conv != nullptr ? conv->weights : std::get<Dense<float>>(layer).weights).value.edit();
  double zeros = 0.0;
  std::size_t set = 0;
  for (float& weight : weights.flat()) {
    zeros += sparsity;
    if (static_cast<double>(set) + 1.0 <= zeros) {
      weight = 0.0F;
      ++set;
    } else if (weight == 0.0F) {
      weight = 1.0F;
    }
  }
}

FULCRUM_DECLARE std::string percent_text(double share);
FULCRUM_DEFINE std::string percent_text(double share) { return std::to_string(std::lround(100.0 * share)) + " %"; }

}  // namespace fulcrum::detail

namespace fulcrum {

FULCRUM_DEFINE std::vector<SparseGain> sparse_gains(const Model<float>& model, const RunConfig& config,
                                                    const MachineProfile& profile) {
  RunConfig run = config;
  run.precision = Precision::f32;
  run.layer_precision.clear();
  if (run.algorithms.sparse_costs.empty()) run.algorithms.sparse_costs = profile.sparse_costs;
  const std::map<std::string, detail::SparseForm> forms = detail::sparse_forms(model, run, machine_of(profile));
  run.algorithms.sparse = UseAlgorithm::never;
  const LatencyReport dense = predict(model, run, profile);
  run.algorithms.sparse = UseAlgorithm::always;
  const LatencyReport sparse = predict(model, run, profile);
  const auto time_of = [](const LatencyReport& report, const std::string& layer) {
    const auto row = std::find_if(report.layers.begin(), report.layers.end(), [&](const StepLatency& step) {
      return step.name == layer && step.kind != "Reorder";
    });
    return row == report.layers.end() ? Milliseconds{} : row->latency;
  };
  std::vector<SparseGain> gains;
  for (const StepLatency& row : dense.layers) {
    const auto form = forms.find(row.name);
    if (form == forms.end() || row.kind == "Reorder") continue;
    SparseGain gain{row.name,    form->second.sparsity, form->second.break_even,
                    row.latency, row.latency,           form->second.why_not};
    if (gain.why_not.empty()) {
      gain.sparse = time_of(sparse, row.name);
      if (gain.sparsity <= gain.break_even)
        gain.why_not = "it breaks even at " + detail::percent_text(gain.break_even) + " of its weights 0";
    }
    gains.push_back(std::move(gain));
  }
  return gains;
}

FULCRUM_DEFINE std::vector<std::string> layers_not_worth_pruning(const Model<float>& model, double sparsity,
                                                                 const RunConfig& config,
                                                                 const MachineProfile& profile) {
  if (!(sparsity > 0.0) || !(sparsity < 1.0))
    throw Error("sparsity " + std::to_string(sparsity), "is outside (0, 1)", "give the share of weights to set to 0");
  RunConfig run = config;
  if (run.algorithms.sparse_costs.empty()) run.algorithms.sparse_costs = profile.sparse_costs;
  std::vector<std::string> result;
  for (const auto& [layer, form] : detail::sparse_forms(model, run, machine_of(profile))) {
    if (!form.why_not.empty() || form.break_even >= sparsity) result.push_back(layer);
  }
  return result;
}

FULCRUM_DEFINE SparseLayer with_sparse_weights(const Model<float>& model, NodeId layer, double sparsity,
                                               const RunConfig& config, const Machine& machine) {
  SparseLayer result;
  const std::map<std::string, detail::SparseForm> forms = detail::sparse_forms(model, config, machine);
  const auto form = forms.find(model.node(layer).name);
  if (form == forms.end()) {
    result.reduced.why_not = "it is no step of its own";
    return result;
  }
  result.break_even = form->second.break_even;
  result.reduced.why_not = form->second.why_not;
  if (!result.reduced.why_not.empty()) return result;
  if (result.break_even >= sparsity) {
    result.reduced.why_not = "it breaks even at " + detail::percent_text(result.break_even) + " of its weights 0";
    return result;
  }
  Model<float> pruned = model;
  detail::set_to_zero(pruned.edit_layer(layer), sparsity);
  result.reduced.model = std::move(pruned);
  return result;
}

}  // namespace fulcrum

#endif
