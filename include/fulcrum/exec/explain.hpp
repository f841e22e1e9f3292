#pragma once
/// \file
/// What became of a model's layers when it was compiled.

#include <vector>

#include <fulcrum/core/linkage.hpp>
#include <fulcrum/exec/explanation.hpp>
#include <fulcrum/exec/state.hpp>
#include <fulcrum/model/model.hpp>
#include <fulcrum/run/run_config.hpp>

namespace fulcrum {

/// Compiles the model and tells what runs, what was fused and folded and why the rest was not.
/// \throws Error as OnednnModel::compile()
FULCRUM_DECLARE [[nodiscard]] Explanation explain(const Model<float>& model, const RunConfig& config,
                                                  std::vector<State> states = {});

}  // namespace fulcrum

#if FULCRUM_DEFINES(exec)

#include <algorithm>
#include <set>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include <fulcrum/exec/onednn_model.hpp>
#include <fulcrum/onednn/environment.hpp>
#include <fulcrum/schedule/make_schedule.hpp>
#include <fulcrum/schedule/plan_steps.hpp>
#include <fulcrum/schedule/sparse.hpp>

namespace fulcrum {

namespace detail {

/// Why a pruned layer runs as it does.
FULCRUM_DECLARE [[nodiscard]] std::vector<Explanation::PrunedLayer> pruned_layers(const Schedule& plan,
                                                                                  const Schedule& realized) {
  const Machine machine = current_machine();
  const StepPlanner planner(plan.model, plan.of_slice, machine, plan.keeps_nan);
  std::vector<Explanation::PrunedLayer> result;
  for (const ScheduledStep& entry : plan.steps) {
    if (!entry.group || entry.step.weight_bytes == 0.0) continue;
    const NodeId id = entry.group->primary;
    const Layer<float>& layer = plan.model.node(id).layer;
    if (!std::holds_alternative<Conv<float>>(layer) && !std::holds_alternative<Dense<float>>(layer)) continue;
    Explanation::PrunedLayer pruned{entry.step.name, 1.0 - planner.density_of(id), 1.0, false, {}};
    if (pruned.sparsity < 0.1) continue;
    pruned.runs_sparse = std::any_of(realized.steps.begin(), realized.steps.end(), [&](const ScheduledStep& s) {
      return s.group && s.group->primary == id && s.step.algorithm == Algorithm::sparse;
    });
    const UseAlgorithm use = plan.config.algorithms.sparse;
    const bool has_form = has_sparse_form(plan.model, *entry.group, entry.step.geometry);
    const std::vector<SparseCosts>& costs = plan.config.algorithms.sparse_costs;
    if (has_form && isa_runs_sparse(machine.isa))
      pruned.break_even = break_even_sparsity(entry.step.geometry, entry.step.threads, costs);
    if (use == UseAlgorithm::never)
      pruned.reason = "the configuration forbids sparse products";
    else if (entry.step.arithmetic != Precision::f32)
      pruned.reason = "sparse products are of f32";
    else if (!has_form)
      pruned.reason = "it has no sparse form: it is grouped, of one pixel, or followed by what that does not take";
    else if (use == UseAlgorithm::always)
      pruned.reason = "the configuration asks for sparse products";
    else if (!isa_runs_sparse(machine.isa))
      pruned.reason = "this CPU has neither AVX-512 nor AVX2";
    else if (entry.in_chain)
      pruned.reason = "values stay in planes between it and the depthwise convolution beside it";
    else
      pruned.reason = std::string(pruned.sparsity > pruned.break_even ? "more" : "fewer") +
                      " weights are 0 than at the break-even, " +
                      (costs.empty() ? "as on the machines that Fulcrum was timed on" : "by this machine's profile");
    result.push_back(std::move(pruned));
  }
  return result;
}

}  // namespace detail

FULCRUM_DEFINE Explanation explain(const Model<float>& model, const RunConfig& config, std::vector<State> states) {
  const auto compiled = OnednnModel::compile(model, config, std::move(states));
  const Schedule plan = make_schedule(model, config, current_machine());
  Explanation result;
  result.model = model.name();
  result.batch = config.batch;
  result.threads = config.threads;
  result.precision = compiled->precision();
  result.steps = compiled->steps();
  result.folded = plan.folded;
  result.amendments = compiled->schedule().amendments;
  result.memory = compiled->memory();
  result.notes = compiled->notes();
  result.pruned = detail::pruned_layers(plan, compiled->schedule());
  std::set<std::string> in_steps;
  for (const StepInfo& step : result.steps) in_steps.insert(step.layers.begin(), step.layers.end());
  for (const Node<float>& node : plan.model.nodes()) {
    const bool is_source =
        std::holds_alternative<Input>(node.layer) || std::holds_alternative<Constant<float>>(node.layer);
    if (!is_source && !in_steps.contains(node.name)) result.free_layers.push_back({node.name, kind_of(node.layer)});
  }
  return result;
}

}  // namespace fulcrum

#endif
