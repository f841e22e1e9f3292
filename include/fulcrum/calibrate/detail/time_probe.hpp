#pragma once
/// \file
/// Times the steps of a probe and says of each what it was.

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include <fulcrum/calibrate/fit_profile.hpp>
#include <fulcrum/exec/onednn.hpp>
#include <fulcrum/measure/instances.hpp>
#include <fulcrum/onednn/environment.hpp>
#include <fulcrum/schedule/model_steps.hpp>

namespace fulcrum::detail {

/// What a probe told.
struct ProbeTiming {
  int threads = 1;                           ///< of the run
  std::vector<TimedStep> steps;              ///< each with the threads that it ran on
  std::vector<LayoutChange> layout_changes;  ///< one per value on its way, `share` 0 or 1
  LatencyStatistics latency;                 ///< of whole inferences
  double outside_us = 0.0;                   ///< an inference − the sum of its steps; may be negative
};

/// Finds what an executor made of a model's steps. steps[i] is the place of the model's step i in the executor's list.
inline std::vector<std::optional<std::size_t>> match_steps(const ModelSteps& steps,
                                                           const std::vector<StepInfo>& infos) {
  std::vector<std::optional<std::size_t>> places(steps.steps.size());
  std::size_t from = 0;
  for (std::size_t i = 0; i < steps.steps.size(); ++i) {
    for (std::size_t at = from; at < infos.size(); ++at) {
      if (infos[at].name != steps.steps[i].step.name || infos[at].kind != steps.steps[i].step.kind) continue;
      places[i] = at;
      from = at + 1;
      break;
    }
  }
  return places;
}

/// Whether each value was reordered on its way to the steps that take it.
inline std::vector<LayoutChange> observed_layout_changes(const ModelSteps& steps, Precision precision,
                                                         const std::vector<StepInfo>& infos,
                                                         const std::vector<std::optional<std::size_t>>& places) {
  std::vector<LayoutChange> result;
  for (ValueEdge& edge : value_edges(steps, precision)) {
    std::size_t first = 0;
    DType made = DType::f32;
    bool known = true;
    for (std::size_t i = 0; i < steps.steps.size(); ++i) {
      if (steps.steps[i].dst != edge.value) continue;
      known = places[i].has_value();
      first = known ? *places[i] + 1 : 0;
      made = steps.steps[i].step.dst;
    }
    std::size_t last = infos.size();
    if (edge.before < steps.steps.size()) {
      known = known && places[edge.before].has_value();
      last = known ? *places[edge.before] : 0;
    }
    if (!known) continue;
    // One belongs to the step that made the value, one to a sum that copies what its step also takes as a source.
    int reorders = made != steps.dtypes[edge.value] ? -1 : 0;
    if (edge.before < steps.steps.size() && edge.place.to != "copied_sum") {
      const ModelStep& taker = steps.steps[edge.before];
      if (taker.src.size() > taker.own_src && taker.src.back() == edge.value) --reorders;
    }
    for (std::size_t at = first; at < last; ++at)
      reorders += infos[at].kind == "Reorder" && infos[at].name == steps.names[edge.value];
    edge.place.share = reorders > 0 ? 1.0 : 0.0;
    result.push_back(edge.place);
  }
  for (std::size_t i = 0; i < steps.steps.size(); ++i) {
    std::optional<LayoutChange> place = joining_place(steps, steps.steps[i], precision);
    if (!place) continue;
    place->share = places[i] ? 1.0 : 0.0;
    result.push_back(std::move(*place));
  }
  return result;
}

/// The lower quartile: on a quiet machine hardly below the median, and undisturbed as long as a quarter of the runs is.
inline double typical_us(std::vector<nanoseconds> times) {
  std::sort(times.begin(), times.end());
  return Microseconds(percentile(std::span<const nanoseconds>(times), 0.25)).count();
}

/// Compiles the model and times it on the given CPUs, one per thread.
/// \param duration  of the timed parts, roughly
inline ProbeTiming time_probe(const Model<float>& model, std::int64_t batch, Precision precision,
                              const std::vector<int>& cpus, Seconds duration, std::int64_t least_runs) {
  const int threads = static_cast<int>(cpus.size());
  const auto compiled =
      OnednnModel::compile(model, {.batch = batch, .threads = threads, .precision = precision, .slice = batch});
  InstancePlan plan;
  plan.cpus = {cpus};
  plan.warm_up = Seconds(0.0);
  plan.warm_up_runs = 3;
  plan.min_duration = 0.5 * duration;
  plan.max_duration = 20.0 * duration;
  plan.min_samples = least_runs;
  plan.step_runs = 200;
  plan.step_duration = duration;
  const std::vector<InstanceSamples> samples = run_instances(prepared_model(compiled), plan);

  ProbeTiming timing;
  timing.threads = threads;
  timing.latency = latency_statistics(samples.front().latency);
  const ModelSteps steps =
      model_steps(fold_batch_normalization(model).model, {batch, threads, 1, precision}, onednn_environment().isa);
  const std::vector<StepInfo>& infos = compiled->steps();
  const auto places = match_steps(steps, infos);
  timing.layout_changes = observed_layout_changes(steps, precision, infos, places);

  std::vector<double> times_us;
  timing.outside_us = typical_us(samples.front().latency);
  for (const auto& times : samples.front().steps) {
    times_us.push_back(typical_us(times));
    timing.outside_us -= times_us.back();
  }
  for (std::size_t i = 0; i < steps.steps.size(); ++i) {
    if (places[i]) timing.steps.push_back({steps.steps[i].step, infos[*places[i]].threads, times_us[*places[i]]});
  }
  for (std::size_t at = 0; at < infos.size(); ++at) {
    if (infos[at].kind != "Reorder") continue;
    const auto value = std::find(steps.names.begin(), steps.names.end(), infos[at].name);
    if (value == steps.names.end()) continue;
    const auto id = static_cast<NodeId>(value - steps.names.begin());
    const bool first = std::none_of(infos.begin(), infos.begin() + static_cast<std::ptrdiff_t>(at),
                                    [&](const StepInfo& info) { return info.name == infos[at].name; });
    const bool given = first && std::find(steps.inputs.begin(), steps.inputs.end(), id) != steps.inputs.end();
    const bool last = std::all_of(infos.begin() + static_cast<std::ptrdiff_t>(at), infos.end(),
                                  [](const StepInfo& info) { return info.kind == "Reorder"; });
    const Movement movement = given ? Movement::input : last ? Movement::output : Movement::inner;
    const int own = infos[at].threads;
    timing.steps.push_back({movement_step(steps, id, infos[at].src, infos[at].dst, movement, own), own, times_us[at]});
  }
  return timing;
}

}  // namespace fulcrum::detail
