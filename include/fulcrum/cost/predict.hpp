#pragma once
/// \file
/// Predicts a LatencyReport from how a model runs and a machine profile: arithmetic alone, no clock, no engine.

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <functional>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include <fulcrum/core/linkage.hpp>
#include <fulcrum/cost/calibration_note.hpp>
#include <fulcrum/cost/machine_profile.hpp>
#include <fulcrum/cost/memory.hpp>
#include <fulcrum/cost/roofline.hpp>
#include <fulcrum/run/latency_report.hpp>
#include <fulcrum/schedule/make_schedule.hpp>
#include <fulcrum/schedule/movement.hpp>

namespace fulcrum {

/// Time of one step alone on the machine.
struct StepPrediction {
  double time_us = 0.0;  ///< its roofline time, slowed down as steps like it were
  double sd = 0.0;       ///< standard deviation of ln(time)
  RooflinePoint roofline;
};

FULCRUM_DECLARE [[nodiscard]] StepPrediction predict_step(const Step& step, const MachineProfile& profile);

/// What steps take on a machine, each of those that run alike predicted once: networks repeat their blocks, and
/// configurations of one network most of their steps. One thread at a time may use it.
class StepPredictions {
public:
  /// \param profile  outlives this
  explicit StepPredictions(const MachineProfile& profile) : profile_(&profile) {}

  struct Entry {
    Step step;
    StepPrediction alone;
    int instances = 1;       ///< that `shared_us` is for
    double shared_us = 0.0;  ///< with a share of what instances have in common
  };

  /// Until the next question.
  FULCRUM_DECLARE [[nodiscard]] const Entry& of(const Step& step, int instances);

  [[nodiscard]] const MachineProfile& profile() const noexcept { return *profile_; }

private:
  const MachineProfile* profile_;
  std::unordered_multimap<std::size_t, Entry> known_;  // by a hash of what tells most steps apart
};

/// L = F / T for every step of a schedule and in total; see docs/cost-model.md. A schedule that an executor made is
/// charged as it runs; of a plan, movements are those to expect on the profile's machine.
/// \throws Error when the profile lacks the precision
FULCRUM_DECLARE [[nodiscard]] LatencyReport predict(const Schedule& schedule, const MachineProfile& profile);

/// The same with the steps that earlier predictions had: of many configurations or variants of a network, most of what
/// a prediction takes.
/// \throws Error when the profile lacks the precision
FULCRUM_DECLARE [[nodiscard]] LatencyReport predict(const Schedule& schedule, StepPredictions& steps);

/// The same for a model in a configuration on the profile's machine: predict(make_schedule(…), profile).
/// \throws Error as make_schedule(), and when the profile lacks the precision
FULCRUM_DECLARE [[nodiscard]] LatencyReport predict(const Model<float>& model, const RunConfig& config,
                                                    const MachineProfile& profile);

}  // namespace fulcrum

#if FULCRUM_DEFINES(cost)

namespace fulcrum {

FULCRUM_DEFINE StepPrediction predict_step(const Step& step, const MachineProfile& profile) {
  StepPrediction result;
  result.roofline = roofline_point(step, profile.rates, step.threads);
  const Slowdown slowdown = profile.slowdown(step, result.roofline, step.threads);
  // However far from what was timed: arithmetic is not faster than the fastest that was.
  result.time_us = std::max(result.roofline.time_us() * std::exp(slowdown.log), result.roofline.compute_us);
  result.sd = slowdown.sd;
  return result;
}

}  // namespace fulcrum

namespace fulcrum::detail {

/// With 90 % confidence, when ln(measured / predicted) of the median has the standard deviation `sd`. How far the tail
/// lies from the median has one of 0.1 besides.
FULCRUM_DECLARE PredictionInterval interval_of(const LatencyReport& report, double sd);

FULCRUM_DEFINE PredictionInterval interval_of(const LatencyReport& report, double sd) {
  constexpr double two_sided = 1.645;
  const double factor = std::exp(two_sided * sd);
  const double tail = std::exp(two_sided * std::hypot(sd, 0.1));
  return {.p50_low = report.latency.p50 / factor,
          .p50_high = report.latency.p50 * factor,
          .p99_low = report.latency.p99 / tail,
          .p99_high = report.latency.p99 * tail,
          .throughput_low_per_s = report.throughput_per_s / factor,
          .throughput_high_per_s = report.throughput_per_s * factor};
}

/// A prediction for undisturbed cores, as if they were shared as often as they were when the profile was made.
/// \param whole  how many times as long as on undisturbed cores it takes while they are shared
FULCRUM_DECLARE LatencyReport at_usual_share(LatencyReport report, const SharedCores& cores, double whole);

FULCRUM_DEFINE LatencyReport at_usual_share(LatencyReport report, const SharedCores& cores, double whole) {
  const double share = cores.share_of(report.config.threads);
  if (!(share > 0.0)) return report;
  const LatencyStatistics alone = report.latency;
  report = at_share(std::move(report), cores, 0.0, share_in_quantile(share, alone.p50));
  LatencyStatistics& l = report.latency;
  const auto at = [&](Milliseconds figure, double quantile) {
    return figure * (1.0 + share_in_quantile(share, alone.p50, quantile) * (whole - 1.0));
  };
  l.min = alone.min;
  l.mean = alone.mean * (1.0 + share * (whole - 1.0));
  l.p90 = at(alone.p90, 0.9);
  l.p95 = at(alone.p95, 0.95);
  l.p99 = at(alone.p99, 0.99);
  l.p99_9 = at(alone.p99_9, 0.999);
  return report;
}

/// Whether two steps take the same: they differ in their name alone.
FULCRUM_DECLARE bool run_alike(const Step& a, const Step& b);

FULCRUM_DEFINE bool run_alike(const Step& a, const Step& b) {
  // First what tells most steps apart.
  return a.flops == b.flops && a.dst_bytes == b.dst_bytes && a.kernel == b.kernel && a.geometry == b.geometry &&
         a.src_bytes == b.src_bytes && a.weight_bytes == b.weight_bytes && a.src == b.src && a.dst == b.dst &&
         a.arithmetic == b.arithmetic && a.algorithm == b.algorithm && a.movement == b.movement &&
         a.threads == b.threads && a.team == b.team && a.average == b.average && a.functions == b.functions &&
         a.function_flops == b.function_flops && a.density == b.density && a.turned_bytes == b.turned_bytes &&
         a.reread_bytes == b.reread_bytes && a.reread_set == b.reread_set && a.reuse_bytes == b.reuse_bytes &&
         a.reuse_weight_bytes == b.reuse_weight_bytes && a.kind == b.kind;
}

/// Alike for steps that run alike.
FULCRUM_DECLARE std::size_t hash_of(const Step& step) noexcept;

FULCRUM_DEFINE std::size_t hash_of(const Step& step) noexcept {
  std::size_t hash = 0;
  const auto mix = [&](std::size_t part) { hash = (hash ^ part) * 0x9e3779b97f4a7c15U, hash ^= hash >> 29U; };
  for (const double figure : {step.flops, step.src_bytes, step.weight_bytes, step.dst_bytes})
    mix(std::hash<double>()(figure));
  mix(static_cast<std::size_t>(step.kernel));
  mix(static_cast<std::size_t>(step.threads));
  return hash;
}

/// The variance of a sum of times that are known in part only. What is wrong about one step is half wrong about the
/// others of its class.
class SumOfUncertain {
public:
  FULCRUM_DECLARE void add(const Step& step, double time, double sd);
  FULCRUM_DECLARE [[nodiscard]] double variance() const;

private:
  struct OfKind {
    KernelClass kernel;
    Algorithm algorithm;
    double sum;
  };
  std::vector<OfKind> kinds_;
  double squares_ = 0.0;
};

FULCRUM_DEFINE void SumOfUncertain::add(const Step& step, double time, double sd) {
  const double deviation = time * sd;
  squares_ += deviation * deviation;
  for (OfKind& kind : kinds_) {
    if (kind.kernel != step.kernel || kind.algorithm != step.algorithm) continue;
    kind.sum += deviation;
    return;
  }
  kinds_.push_back({step.kernel, step.algorithm, deviation});
}

FULCRUM_DEFINE double SumOfUncertain::variance() const {
  constexpr double in_common = 0.5;
  double variance = (1.0 - in_common) * squares_;
  for (const OfKind& kind : kinds_) variance += in_common * kind.sum * kind.sum;
  return variance;
}

}  // namespace fulcrum::detail

namespace fulcrum {

FULCRUM_DEFINE const StepPredictions::Entry& StepPredictions::of(const Step& step, int instances) {
  const std::size_t hash = detail::hash_of(step);
  auto [at, last] = known_.equal_range(hash);
  at = std::find_if(at, last, [&](const auto& known) { return detail::run_alike(known.second.step, step); });
  if (at == last) {
    Entry entry{step, predict_step(step, *profile_)};
    entry.shared_us = entry.alone.time_us;
    at = known_.emplace(hash, std::move(entry));
  }
  Entry& entry = at->second;
  if (entry.instances != instances) {
    entry.instances = instances;
    entry.shared_us = entry.alone.time_us;
    if (instances > 1) {
      entry.shared_us *=
          roofline_point(step, profile_->rates, step.threads, instances).time_us() / entry.alone.roofline.time_us();
    }
  }
  return entry;
}

FULCRUM_DEFINE LatencyReport predict(const Schedule& schedule, const MachineProfile& profile) {
  StepPredictions steps(profile);
  return predict(schedule, steps);
}

FULCRUM_DEFINE LatencyReport predict(const Schedule& schedule, StepPredictions& predictions) {
  const MachineProfile& profile = predictions.profile();
  const RunConfig& config = schedule.config;
  const RunConfig& run = schedule.of_slice;
  LatencyReport report;
  report.kind = ReportKind::predicted;
  report.model = schedule.model.name();
  report.config = config;
  report.environment = profile.environment;
  if (!profile.rates.knows(run.precision))
    static_cast<void>(profile.rates.peak(run.precision, run.threads));  // its Error says what is missing

  const auto count = static_cast<double>(schedule.slices.count);
  const double rounds = schedule.slices.rounds();
  const Contention contention = profile.contention_of(run.instances, run.threads);
  const Composition composition = profile.composition_of(run.precision, run.threads);
  double total_us = rounds * profile.rates.inference_overhead_us(run.threads) * contention.factor;
  detail::SumOfUncertain uncertain;
  // Lanes start together, as threads do at a step.
  if (schedule.slices.lanes > 1) total_us += profile.rates.step_overhead_us(schedule.slices.lanes);
  const ExpectedSteps steps(schedule, profile.layout_changes);
  report.layers.reserve(steps.in_order().size());
  for (const ScheduledStep* entry : steps.in_order()) {
    const Step& step = entry->step;
    const StepPredictions::Entry& predicted = predictions.of(step, run.instances);
    const StepPrediction& alone = predicted.alone;
    const double time_us =
        rounds * composition.factor * (contention.factor * predicted.shared_us + contention.extra_step_us);
    uncertain.add(step, time_us, alone.sd);
    StepLatency row = row_of(step, count);
    row.latency = Microseconds(time_us);
    row.bound = bound_of(alone.roofline, alone.time_us);
    report.flops += row.flops;
    report.bytes += row.bytes;
    report.layers.push_back(std::move(row));
    total_us += time_us;
  }
  report.latency = profile.statistics_of(1e-3 * total_us, config.instances, config.threads);
  // How often cores are shared while somebody measures is not how often they usually are.
  constexpr double unsteady = 0.6;
  const double share = profile.shared_cores.share_of(config.threads);
  const double whole = times_as_long_at_share(report, profile.shared_cores, 0.0, 1.0);
  const double relative = std::hypot(
      profile.interval_scale * std::hypot(std::sqrt(uncertain.variance()) / std::max(total_us, 1e-9), composition.sd),
      unsteady * std::sqrt(share * (1.0 - share)) * (whole - 1.0));
  report = detail::at_usual_share(std::move(report), profile.shared_cores, whole);
  if (const CoreLooks* seen = profile.shared_cores.nearest(config.threads); seen != nullptr && !seen->lasts.none())
    report.persistence = in_runs_of(seen->lasts, report.latency.p50);
  // Little's law: the instances hold `instances` batches at any time, each for its mean latency.
  report.throughput_per_s =
      static_cast<double>(config.instances) * static_cast<double>(config.batch) / (1e-3 * report.latency.mean.count());
  report.interval = detail::interval_of(report, relative);

  if (!schedule.realized) report.memory = predicted_memory(schedule, steps, {.isa = profile.environment.isa});
  report.notes = schedule.notes;
  const int wanted = config.instances * config.threads;
  if (wanted > profile.environment.cores) {
    report.notes.push_back(std::to_string(wanted) + " threads share " + std::to_string(profile.environment.cores) +
                           " usable core(s): expect waiting, and a prediction that is rougher than usual");
  }
  if (schedule.quantization_assumed)
    report.notes.push_back("the model is not quantized: predicted as if a quantization pass had been over it");
  for (std::string& note : calibration_notes(profile)) report.notes.push_back(std::move(note));
  return report;
}

FULCRUM_DEFINE LatencyReport predict(const Model<float>& model, const RunConfig& config,
                                     const MachineProfile& profile) {
  return predict(make_schedule(model, config, machine_of(profile)), profile);
}

}  // namespace fulcrum

#endif
