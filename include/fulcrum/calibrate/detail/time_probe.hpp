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
#include <string_view>
#include <utility>
#include <vector>

#include <fulcrum/calibrate/fit_profile.hpp>
#include <fulcrum/exec/onednn.hpp>
#include <fulcrum/measure/core_watch.hpp>
#include <fulcrum/measure/instances.hpp>
#include <fulcrum/onednn/environment.hpp>
#include <fulcrum/schedule/make_schedule.hpp>
#include <fulcrum/schedule/movement.hpp>

namespace fulcrum::detail {

/// What a probe told.
struct ProbeTiming {
  int threads = 1;                           ///< of the run
  std::vector<TimedStep> steps;              ///< each with the threads that it ran on
  std::vector<LayoutChange> layout_changes;  ///< one per value on its way, `reorders` 0, 1 or 2
  LatencyStatistics latency;                 ///< of whole inferences
  double steps_us = 0.0;                     ///< the sum of its steps
  double outside_us = 0.0;                   ///< an inference − the sum of its steps; may be negative
  bool disturbed = false;                    ///< all runs were: so are all times
  std::vector<CoreLook> looks;               ///< at the cores that it ran on
};

/// Finds what an executor made of a plan. The plan's step i is the executor's step places[i].
inline std::vector<std::optional<std::size_t>> match_steps(const Schedule& plan, const Schedule& realized) {
  std::vector<std::optional<std::size_t>> places;
  for (const ScheduledStep& planned : plan.steps) {
    const auto same = std::find_if(realized.steps.begin(), realized.steps.end(), [&](const ScheduledStep& entry) {
      return entry.group && entry.group->primary == planned.group->primary && entry.dst == planned.dst;
    });
    if (same == realized.steps.end())
      places.emplace_back(std::nullopt);
    else
      places.emplace_back(static_cast<std::size_t>(same - realized.steps.begin()));
  }
  return places;
}

/// Whether a layout's name ("abcd", "acdb") is that of rows.
inline bool is_row_major(std::string_view layout) {
  return std::is_sorted(layout.begin(), layout.end()) && layout.find_first_of("0123456789") == std::string_view::npos;
}

/// How often each value was reordered on its way to the steps that take it.
inline std::vector<LayoutChange> observed_layout_changes(const Schedule& plan, const std::vector<StepInfo>& infos,
                                                         const std::vector<std::optional<std::size_t>>& places) {
  std::vector<LayoutChange> result;
  for (ValueEdge& edge : value_edges(plan)) {
    std::size_t first = 0;
    DType made = DType::f32;
    bool known = true;
    for (std::size_t i = 0; i < plan.steps.size(); ++i) {
      if (plan.steps[i].dst != edge.value) continue;
      known = places[i].has_value();
      first = known ? *places[i] + 1 : 0;
      made = plan.steps[i].step.dst;
    }
    std::size_t last = infos.size();
    if (edge.before < plan.steps.size()) {
      known = known && places[edge.before].has_value();
      last = known ? *places[edge.before] : 0;
    }
    if (!known) continue;
    // One belongs to the step that made the value, one to a sum that copies what its step also takes as a source.
    int reorders = made != plan.dtypes[edge.value] ? -1 : 0;
    if (edge.before < plan.steps.size() && edge.place.to != "copied_sum") {
      const ScheduledStep& taker = plan.steps[edge.before];
      if (taker.src.size() > taker.own_src && taker.src.back() == edge.value) --reorders;
    }
    // Through a view: first as the view takes it, row-major, and then as the step does.
    const auto counts = [&](const StepInfo& info) {
      const bool leaves_rows = is_row_major(info.src_layout) && !is_row_major(info.dst_layout);
      if (edge.place.to == "view") return !leaves_rows || info.src != info.dst;
      return edge.place.from != "view" || (leaves_rows && info.src == info.dst);
    };
    for (std::size_t at = first; at < last; ++at)
      reorders +=
          infos[at].kind == "Reorder" && infos[at].name == plan.model.node(edge.seen_as).name && counts(infos[at]);
    edge.place.reorders = std::clamp(reorders, 0, 2);
    result.push_back(edge.place);
  }
  for (std::size_t i = 0; i < plan.steps.size(); ++i) {
    std::optional<LayoutChange> place = joining_place(plan, plan.steps[i]);
    if (!place) continue;
    place->reorders = places[i] ? 1.0 : 0.0;
    result.push_back(std::move(*place));
  }
  return result;
}

/// The lower quartile: on a quiet machine hardly below the median, and undisturbed as long as a quarter of the runs is.
inline double typical_us(std::vector<nanoseconds> times) {
  std::sort(times.begin(), times.end());
  return Microseconds(percentile(std::span<const nanoseconds>(times), 0.25)).count();
}

/// Runs that tell by themselves what a step takes.
inline constexpr std::size_t least_undisturbed = 2;

/// Compiles the model and times it on the given CPUs, one per thread. Runs beside which something else took part of the
/// cores count only where there are no others.
/// \param duration    of the timed parts, roughly; up to ten times that where the cores are shared
/// \param least_look  what a look at undisturbed cores takes (measure/core_watch.hpp)
/// \param algorithms  that may be taken
template <class = void>  // so that it brings nothing into a source that does not call it
ProbeTiming time_probe(const Model<float>& model, std::int64_t batch, Precision precision, const std::vector<int>& cpus,
                       Seconds duration, std::int64_t least_runs, nanoseconds least_look,
                       const AlgorithmPolicy& algorithms = {}) {
  const int threads = static_cast<int>(cpus.size());
  const auto compiled = OnednnModel::compile(
      model, {.batch = batch, .threads = threads, .precision = precision, .slice = batch, .algorithms = algorithms});
  InstancePlan plan;
  plan.cpus = {cpus};
  plan.warm_up = Seconds(0.0);
  plan.warm_up_runs = 2;
  plan.min_duration = 0.5 * duration;
  plan.max_duration = 20.0 * duration;
  plan.min_samples = least_runs;
  plan.step_runs = 2000;
  plan.step_duration = duration;
  plan.look_every = Seconds(5e-4);
  plan.least_look = least_look;
  plan.undisturbed_step_runs = 6;
  const std::vector<InstanceSamples> instances = run_instances(prepared_model(compiled), plan);
  const InstanceSamples& samples = instances.front();

  ProbeTiming timing;
  timing.threads = threads;
  timing.latency = latency_statistics(samples.latency);
  timing.looks = samples.looks;
  const std::vector<Around> around = seen_around(samples.timed_finished, samples.timed_runs, samples.looks, least_look);
  const auto count_of = [&](Around seen) {
    return static_cast<std::size_t>(std::count(around.begin(), around.end(), seen));
  };
  timing.disturbed = count_of(Around::undisturbed) < least_undisturbed;
  const bool saw_disturbed = count_of(Around::disturbed) >= least_undisturbed;
  const Schedule planned = make_schedule(model, compiled->config(), current_machine());
  const std::vector<StepInfo>& infos = compiled->steps();
  const auto places = match_steps(planned, compiled->schedule());
  timing.layout_changes = observed_layout_changes(planned, infos, places);

  std::vector<double> times_us, disturbed_us;
  for (const std::vector<nanoseconds>& times : samples.steps) {
    const double shared_us =
        Microseconds(median(saw_disturbed ? times_where(times, around, Around::disturbed) : times)).count();
    times_us.push_back(timing.disturbed ? shared_us : typical_us(times_where(times, around, Around::undisturbed)));
    disturbed_us.push_back(!timing.disturbed && saw_disturbed ? shared_us : 0.0);
    timing.steps_us += times_us.back();
  }
  // Long inferences are slower at first than later, when their steps are timed: the same runs tell. In short ones,
  // reading the clock at each step would.
  const bool is_short = timing.steps_us < short_inference_us;
  std::vector<nanoseconds> whole = is_short ? samples.latency : samples.timed_runs;
  const std::vector<Around> around_whole =
      is_short ? seen_around(samples.finished, samples.latency, samples.looks, least_look) : around;
  const std::vector<nanoseconds> alike =
      times_where(whole, around_whole, timing.disturbed ? Around::disturbed : Around::undisturbed);
  if (alike.size() >= least_undisturbed) whole = alike;
  const double whole_us = is_short && !timing.disturbed ? typical_us(whole) : Microseconds(median(whole)).count();
  timing.outside_us = whole_us - timing.steps_us;
  const auto timed = [&](const Step& step, std::size_t at) {
    return TimedStep{step, infos[at].threads, times_us[at], disturbed_us[at], timing.disturbed};
  };
  for (std::size_t i = 0; i < planned.steps.size(); ++i) {
    if (places[i]) timing.steps.push_back(timed(planned.steps[i].step, *places[i]));
  }
  for (std::size_t at = 0; at < infos.size(); ++at) {
    if (infos[at].kind == "Reorder") timing.steps.push_back(timed(compiled->schedule().steps[at].step, at));
  }
  return timing;
}

}  // namespace fulcrum::detail
