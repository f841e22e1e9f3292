#pragma once
/// \file
/// What became of a model's layers when it was compiled.

#include <fulcrum/core/linkage.hpp>
#include <fulcrum/exec/explanation.hpp>
#include <fulcrum/model/model.hpp>
#include <fulcrum/run/run_config.hpp>

namespace fulcrum {

/// Compiles the model and tells what runs, what was fused and folded and why the rest was not.
/// \throws Error as OnednnModel::compile()
FULCRUM_DECLARE [[nodiscard]] Explanation explain(const Model<float>& model, const RunConfig& config);

}  // namespace fulcrum

#if FULCRUM_DEFINES(exec)

#include <set>
#include <string>
#include <variant>

#include <fulcrum/exec/onednn_model.hpp>
#include <fulcrum/onednn/environment.hpp>
#include <fulcrum/schedule/make_schedule.hpp>

namespace fulcrum {

FULCRUM_DEFINE Explanation explain(const Model<float>& model, const RunConfig& config) {
  const auto compiled = OnednnModel::compile(model, config);
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
