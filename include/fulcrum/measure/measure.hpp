#pragma once
/// \file
/// Measures a model in a RunConfig on this machine.

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <fulcrum/core/cpu.hpp>
#include <fulcrum/core/linkage.hpp>
#include <fulcrum/core/progress.hpp>
#include <fulcrum/cost/machine_profile.hpp>
#include <fulcrum/cost/roofline.hpp>
#include <fulcrum/exec/onednn_factory.hpp>
#include <fulcrum/measure/core_watch.hpp>
#include <fulcrum/measure/instances.hpp>
#include <fulcrum/measure/looks_persistence.hpp>
#include <fulcrum/measure/run_blocks.hpp>
#include <fulcrum/measure/statistics.hpp>
#include <fulcrum/onednn/environment.hpp>
#include <fulcrum/run/latency_report.hpp>
#include <fulcrum/run/run_config.hpp>

namespace fulcrum {

/// How to measure.
struct MeasureOptions {
  Seconds warm_up{0.1};           ///< runs before anything is timed, for at least this long
  Seconds min_duration{1.0};      ///< of the timed part
  Seconds max_duration{30.0};     ///< the timed part ends after this even with fewer than min_samples
  std::int64_t min_samples = 50;  ///< of each instance; ≥ 1
  std::int64_t layer_runs = 100;  ///< runs whose layers are timed, after the others; 0: no layer times
  bool pin = true;                ///< keep instances on CPUs of their own when there are enough
  bool cold_cache = false;        ///< sources rotate over buffers of twice the last-level cache, so that none is cached
  std::uint64_t seed = 0;         ///< of the random sources
  const MachineProfile* profile = nullptr;  ///< when given, layers say what bounds them; not owned
  ExecutorFactory executors = {};           ///< what runs the model; empty: oneDNN's
  /// Single inferences that the report keeps (LatencyReport::timings), spread evenly over the run when there are more.
  std::size_t timings = 0;
};

/// \throws Error when a duration is no finite one of 0 or more, nothing is to be timed, or it would take over a day
FULCRUM_DECLARE void validate(const MeasureOptions& options);

namespace detail {

FULCRUM_DECLARE InstancePlan instance_plan(const RunConfig& config, const MeasureOptions& options,
                                           const Environment& environment);

/// Samples per second of all instances in the time in which all of them ran, without what lay between their runs.
FULCRUM_DECLARE double throughput_of(const std::vector<InstanceSamples>& instances, std::int64_t batch);

/// The timed inferences of all instances, as run_blocks() takes them.
FULCRUM_DECLARE std::vector<TimedInference> timed_inferences(const std::vector<InstanceSamples>& instances);

/// At most `count` latencies, evenly spread over the run, in the order of time.
FULCRUM_DECLARE std::vector<Milliseconds> kept_timings(std::vector<TimedInference> inferences, std::size_t count);

/// What looks at the cores between the inferences saw; nothing when there were none.
/// \param least  what a look takes on undisturbed cores
FULCRUM_DECLARE std::optional<Disturbance> disturbance_of(const std::vector<InstanceSamples>& instances,
                                                          nanoseconds least);

FULCRUM_DECLARE void append_run_notes(LatencyReport& report, const MeasureOptions& options, const InstancePlan& plan,
                                      const std::vector<InstanceSamples>& instances);

/// What bounds each step by a profile's roofline and the time it took.
FULCRUM_DECLARE void fill_bounds(LatencyReport& report, const Schedule& schedule, const MachineProfile& profile);

}  // namespace detail

/// Runs the model as configured and times it. `instances` threads each run an instance of their own, made by
/// options.executors, on CPUs of their own when there are enough. After a warm-up all start together; whole inferences
/// are timed first and their layers afterwards, in runs of their own, where the executor can tell. Sources are random:
/// see source_ranges().
///
/// More threads than usable cores is allowed but slow: OpenMP threads that wait for one that is not running spin or
/// sleep until the system lets it run.
/// \param progress  called before and after, never while anything is timed
/// \throws Error when the configuration or the options are out of range, there are more threads than the machine takes
///         (expect_threads()), or as the factory does (oneDNN's: the CPU lacks the precision,
///         or int8 is asked of a model that is not quantized); what an executor throws comes out as it is
FULCRUM_DECLARE [[nodiscard]] LatencyReport measure(const Model<float>& model, const RunConfig& config,
                                                    const MeasureOptions& options = {},
                                                    const ProgressSink& progress = {});

}  // namespace fulcrum

#if FULCRUM_DEFINES(measure)

namespace fulcrum::detail {

FULCRUM_DEFINE InstancePlan instance_plan(const RunConfig& config, const MeasureOptions& options,
                                          const Environment& environment) {
  InstancePlan plan;
  plan.instances = config.instances;
  plan.warm_up = options.warm_up;
  plan.min_duration = options.min_duration;
  plan.max_duration = options.max_duration;
  plan.min_samples = std::max<std::int64_t>(options.min_samples, 1);
  plan.step_runs = options.layer_runs;
  plan.step_duration = std::max(0.5 * options.min_duration, Seconds(0.01));
  plan.seed = options.seed;
  if (options.cold_cache) {
    const CacheSizes caches = believable_caches(current_caches(), environment.cores);
    plan.rotate_bytes = 2 * static_cast<std::size_t>(std::max<std::int64_t>({caches.l3, caches.l2, 1 << 20}));
  }
  const auto wanted = static_cast<std::size_t>(config.instances) * static_cast<std::size_t>(config.threads);
  if (static_cast<int>(wanted) <= environment.cores) plan.look_every = Seconds(0.001);
  if (options.pin && wanted <= environment.affinity.size() && static_cast<int>(wanted) <= environment.cores) {
    auto next = environment.affinity.begin();
    for (int i = 0; i < config.instances; ++i, next += config.threads)
      plan.cpus.emplace_back(next, next + config.threads);
  }
  return plan;
}

FULCRUM_DEFINE double throughput_of(const std::vector<InstanceSamples>& instances, std::int64_t batch) {
  Clock::time_point start = instances.front().start;
  Clock::time_point end = Clock::time_point::max();
  for (const InstanceSamples& instance : instances) {
    start = std::max(start, instance.start);
    if (!instance.finished.empty()) end = std::min(end, instance.finished.back());
  }
  if (end <= start) return 0.0;
  double per_s = 0.0;
  for (const InstanceSamples& instance : instances) {
    double runs = 0.0;
    nanoseconds busy{};
    for (std::size_t i = 0; i < instance.finished.size(); ++i) {
      if (instance.finished[i] > start && instance.finished[i] <= end) {
        // A run that began before the window counts by its share inside.
        const auto inside = std::min<nanoseconds>(instance.latency[i], instance.finished[i] - start);
        runs += static_cast<double>(inside.count()) /
                static_cast<double>(std::max<std::int64_t>(instance.latency[i].count(), 1));
        busy += inside;
      }
    }
    if (busy.count() > 0) per_s += runs / Seconds(busy).count();
  }
  return per_s * static_cast<double>(batch);
}

FULCRUM_DEFINE std::vector<TimedInference> timed_inferences(const std::vector<InstanceSamples>& instances) {
  std::vector<TimedInference> inferences;
  for (const InstanceSamples& instance : instances) {
    for (std::size_t i = 0; i < instance.latency.size(); ++i)
      inferences.push_back({instance.latency[i], instance.finished[i]});
  }
  return inferences;
}

FULCRUM_DEFINE std::vector<Milliseconds> kept_timings(std::vector<TimedInference> inferences, std::size_t count) {
  std::sort(inferences.begin(), inferences.end(),
            [](const TimedInference& a, const TimedInference& b) { return a.finished < b.finished; });
  const std::size_t kept = std::min(count, inferences.size());
  std::vector<Milliseconds> timings;
  for (std::size_t i = 0; i < kept; ++i) timings.emplace_back(inferences[i * inferences.size() / kept].latency);
  return timings;
}

FULCRUM_DEFINE std::optional<Disturbance> disturbance_of(const std::vector<InstanceSamples>& instances,
                                                         nanoseconds least) {
  Disturbance result;
  std::vector<nanoseconds> alone;
  std::int64_t disturbed = 0;
  for (const InstanceSamples& instance : instances) {
    for (const CoreLook& look : instance.looks) {
      if (look.at > instance.finished.back() && &look != &instance.looks.front()) continue;  // beside timed steps
      ++result.looks;
      disturbed += !is_undisturbed(look.took, least);
    }
    const std::vector<Around> around = seen_around(instance.finished, instance.latency, instance.looks, least);
    const std::vector<nanoseconds> undisturbed = times_where(instance.latency, around, Around::undisturbed);
    alone.insert(alone.end(), undisturbed.begin(), undisturbed.end());
  }
  if (result.looks == 0) return std::nullopt;
  result.least_us = Microseconds(least).count();
  result.share = static_cast<double>(disturbed) / static_cast<double>(result.looks);
  result.samples = static_cast<std::int64_t>(alone.size());
  if (!alone.empty()) result.p50 = median(std::move(alone));
  return result;
}

FULCRUM_DEFINE void append_run_notes(LatencyReport& report, const MeasureOptions& options, const InstancePlan& plan,
                                     const std::vector<InstanceSamples>& instances) {
  const RunConfig& config = report.config;
  const int wanted = config.instances * config.threads;
  if (wanted > report.environment.cores) {
    report.notes.push_back(std::to_string(wanted) + " threads share " + std::to_string(report.environment.cores) +
                           " usable core(s): they wait for one another, and nothing was pinned");
  } else if (!options.pin) {
    report.notes.push_back("threads were not pinned to CPUs");
  }
  if (options.cold_cache)
    report.notes.push_back("sources were cold: they rotated over " +
                           format_bytes(static_cast<double>(plan.rotate_bytes)));
  const auto fewest = std::min_element(instances.begin(), instances.end(), [](const auto& a, const auto& b) {
                        return a.latency.size() < b.latency.size();
                      })->latency.size();
  if (static_cast<std::int64_t>(fewest) < plan.min_samples) {
    report.notes.push_back("only " + std::to_string(fewest) + " of " + std::to_string(plan.min_samples) +
                           " samples were taken in the longest time allowed");
  }
  constexpr double hardly = 0.1;
  if (const std::optional<Disturbance>& d = report.disturbance; d && d->share > hardly) {
    std::string note = "something else (a neighbour on the same machine, or another program) took part of the cores " +
                       std::to_string(std::lround(100.0 * d->share)) + " % of the time";
    if (d->samples > 0 && d->p50 < report.latency.p50) {
      note += "; the median of the inferences that it left alone is " +
              std::to_string(std::lround(100.0 * (1.0 - d->p50 / report.latency.p50))) + " % lower";
    }
    report.notes.push_back(std::move(note));
  }
  for (std::string& note : noise_notes(instances.front().latency)) report.notes.push_back(std::move(note));
}

FULCRUM_DEFINE void fill_bounds(LatencyReport& report, const Schedule& schedule, const MachineProfile& profile) {
  if (!profile.rates.knows(schedule.precision())) return;
  for (std::size_t i = 0; i < report.layers.size(); ++i) {
    const Step& step = schedule.steps[i].step;
    report.layers[i].bound = bound_of(roofline_point(step, profile.rates, step.threads),
                                      Microseconds(report.layers[i].latency).count() / schedule.slices.rounds());
  }
}

}  // namespace fulcrum::detail

namespace fulcrum {

FULCRUM_DEFINE void validate(const MeasureOptions& options) {
  constexpr Seconds day(86400.0);
  const auto check = [&](const char* name, Seconds value, Seconds least) {
    if (!(value >= least && value <= day)) {
      throw Error(name, "is " + std::to_string(value.count()) + " s",
                  "give a time " + std::string(least.count() > 0.0 ? "above 0" : "from 0") + " to 86,400 s");
    }
  };
  check("warm-up", options.warm_up, Seconds(0.0));
  check("time to measure for", options.min_duration, Seconds(1e-9));
  check("longest time to measure for", options.max_duration, Seconds(1e-9));
}

FULCRUM_DEFINE LatencyReport measure(const Model<float>& model, const RunConfig& config, const MeasureOptions& options,
                                     const ProgressSink& progress) {
  validate(config);
  validate(options);
  expect_threads(std::int64_t{config.threads} * config.instances);
  const auto say = [&](double fraction, const std::string& stage) {
    if (progress) progress({fraction, stage, to_string(config)});
  };
  LatencyReport report;
  report.kind = ReportKind::measured;
  report.model = model.name();
  report.config = config;
  report.environment = onednn_environment();
  report.environment.seed = options.seed;

  say(0.0, "compiling " + model.name());
  const detail::Clock::time_point start = detail::Clock::now();
  const PreparedModel prepared = prepare(options.executors, model, config);
  report.creation = detail::Clock::now() - start;
  report.memory = prepared.memory;
  report.notes = prepared.notes;

  say(0.05, "measuring " + model.name());
  detail::InstancePlan plan = detail::instance_plan(config, options, report.environment);
  plan.ranges = source_ranges(model, infer_shapes(model, config.batch));
  if (prepared.sources) {  // the others are states, which the instances keep
    std::vector<SourceRange> ranges;
    for (const std::size_t at : *prepared.sources) ranges.push_back(plan.ranges.at(at));
    plan.ranges = std::move(ranges);
  }
  std::chrono::nanoseconds least = std::chrono::nanoseconds::max();
  if (plan.look_every.count() > 0.0) {
    least = time_undisturbed_look(std::max(prepared.openmp_threads, 1));  // of another team, this core alone tells
    detail::release_team();
  }
  const std::vector<detail::InstanceSamples> instances = detail::run_instances(prepared, plan);
  for (const detail::InstanceSamples& instance : instances) {
    for (const CoreLook& look : instance.looks) least = std::min(least, look.took);
  }
  report.disturbance = detail::disturbance_of(instances, least);
  const std::optional<Persistence> lasts = persistence_of(instances.front().looks, least);
  report.creation += instances.front().creation;

  std::vector<std::chrono::nanoseconds> samples;
  for (const auto& instance : instances)
    samples.insert(samples.end(), instance.latency.begin(), instance.latency.end());
  report.latency = latency_statistics(samples);
  if (lasts) report.persistence = in_runs_of(*lasts, report.latency.p50);
  std::vector<TimedInference> timed = detail::timed_inferences(instances);
  report.timings = detail::kept_timings(timed, options.timings);
  report.blocks = run_blocks(std::move(timed), config.batch);
  report.throughput_per_s = detail::throughput_of(instances, config.batch);
  for (std::size_t i = 0; i < instances.front().step_infos.size(); ++i) {
    StepLatency row = row_of(instances.front().step_infos[i]);
    if (options.layer_runs > 0) row.latency = median(instances.front().steps[i]);
    report.flops += row.flops;
    report.bytes += row.bytes;
    report.layers.push_back(std::move(row));
  }
  if (report.layers.empty()) report.flops = total_work(model, config.batch).flops;
  if (options.profile != nullptr && prepared.schedule)
    detail::fill_bounds(report, *prepared.schedule, *options.profile);
  detail::append_run_notes(report, options, plan, instances);
  say(1.0, "measured " + model.name());
  return report;
}

}  // namespace fulcrum

#endif
