#pragma once
/// \file
/// What a machine can do: the T of L = F / T, as calibrate() found it. A plain value; profile_file.hpp keeps it as
/// JSON.

#include <algorithm>
#include <cmath>
#include <string>
#include <utility>
#include <vector>

#include <fulcrum/core/environment.hpp>
#include <fulcrum/core/linkage.hpp>
#include <fulcrum/cost/efficiency.hpp>
#include <fulcrum/cost/machine_rates.hpp>
#include <fulcrum/run/latency_report.hpp>
#include <fulcrum/schedule/layout_change.hpp>
#include <fulcrum/schedule/machine.hpp>

namespace fulcrum {

/// How the other order statistics of a latency relate to its median on this machine, for inferences of about this
/// length: interruptions have a fixed length, so the tail of a short inference is relatively longer.
struct Jitter {
  int threads = 1;
  double p50_ms = 0.0;
  double min_ratio = 1.0;  ///< to the median, as all that follow
  double mean_ratio = 1.0;
  double p90_ratio = 1.0;
  double p95_ratio = 1.0;
  double p99_ratio = 1.0;
  double p99_9_ratio = 1.0;

  friend bool operator==(const Jitter&, const Jitter&) = default;
};

/// What running side by side costs beyond the shared bandwidth, which the roofline knows of:
/// latency among others = factor · latency with a share of the bandwidth + extra_step_us · steps.
struct Contention {
  int instances = 2;           ///< ≥ 2
  int threads = 1;             ///< of each instance
  double factor = 1.0;         ///< ≥ 1: shared cores, power and translation buffers
  double extra_step_us = 0.0;  ///< ≥ 0: barriers that wait for a thread that is not running

  friend bool operator==(const Contention&, const Contention&) = default;
};

/// A machine's figures, and where they come from.
struct MachineProfile {
  Environment environment;
  std::string created_utc;  ///< "2024-05-01T12:00:00Z"
  double duration_s = 0.0;  ///< how long the calibration took
  MachineRates rates;
  std::vector<EfficiencyModel> efficiency;
  std::vector<LayoutChange> layout_changes;
  std::vector<Contention> contention;
  std::vector<Jitter> jitter;  ///< per thread count by ascending p50_ms

  friend bool operator==(const MachineProfile&, const MachineProfile&) = default;

  /// ln(time / roofline time) of a step: from the models of its class and precision at the calibrated thread counts,
  /// interpolated in the logarithm of the thread count. A class or precision that was not calibrated borrows from the
  /// same class in f32; 0 when there is none.
  FULCRUM_DECLARE [[nodiscard]] double log_slowdown(const Step& step, const RooflinePoint& roofline, int threads) const;

  /// The contention to expect; {factor 1, extra 0} for one instance. Between calibrated pairs the one with the nearest
  /// demand for cores is taken.
  FULCRUM_DECLARE [[nodiscard]] Contention contention_of(int instances, int threads) const;

  /// Order statistics around a median of `p50_ms`, interpolated between the calibrated lengths of the nearest
  /// calibrated thread count.
  FULCRUM_DECLARE [[nodiscard]] LatencyStatistics statistics_of(double p50_ms, int threads) const;

private:
  FULCRUM_DECLARE [[nodiscard]] Jitter jitter_of(double p50_ms, int threads) const;
};

/// The machine that a profile speaks of, as schedules see it.
FULCRUM_DECLARE [[nodiscard]] Machine machine_of(const MachineProfile& profile);

/// A profile speaks of one machine under one set of limits.
/// \throws Error saying whose profile it is, when the CPU, its instruction sets, the usable cores or the version of
///         oneDNN (when both are known) differ
FULCRUM_DECLARE void check_profile_matches(const MachineProfile& profile, const Environment& environment);

}  // namespace fulcrum

#if FULCRUM_DEFINES(cost)

namespace fulcrum {

FULCRUM_DEFINE Machine machine_of(const MachineProfile& profile) {
  return {profile.environment.isa, profile.environment.cores, profile.rates.caches(), profile.layout_changes};
}

FULCRUM_DEFINE double MachineProfile::log_slowdown(const Step& step, const RooflinePoint& roofline, int threads) const {
  const EfficiencyModel* below = nullptr;
  const EfficiencyModel* above = nullptr;
  for (const Precision precision : {step.arithmetic, Precision::f32}) {
    for (const EfficiencyModel& model : efficiency) {
      if (model.kernel != step.kernel || model.precision != precision || model.samples.empty()) continue;
      if (model.threads <= threads && (below == nullptr || model.threads > below->threads)) below = &model;
      if (model.threads >= threads && (above == nullptr || model.threads < above->threads)) above = &model;
    }
    if (below != nullptr || above != nullptr) break;
  }
  if (below == nullptr && above == nullptr) return 0.0;
  const std::vector<double> features = efficiency_features(step, roofline);
  if (below == nullptr || above == nullptr || below == above)
    return (below != nullptr ? below : above)->log_slowdown(features);
  const double share = std::log(static_cast<double>(threads) / below->threads) /
                       std::log(static_cast<double>(above->threads) / below->threads);
  return (1.0 - share) * below->log_slowdown(features) + share * above->log_slowdown(features);
}

FULCRUM_DEFINE Contention MachineProfile::contention_of(int instances, int threads) const {
  Contention none{instances, threads, 1.0, 0.0};
  if (instances <= 1 || contention.empty()) return none;
  const auto distance = [&](const Contention& c) {
    const double demand =
        std::log(static_cast<double>(c.instances) * c.threads / (static_cast<double>(instances) * threads));
    const double team = std::log(static_cast<double>(c.threads) / threads);
    return 4.0 * std::abs(demand) + std::abs(team);
  };
  const auto nearest =
      std::min_element(contention.begin(), contention.end(),
                       [&](const Contention& a, const Contention& b) { return distance(a) < distance(b); });
  Contention result = *nearest;
  const double calibrated = static_cast<double>(result.instances) * result.threads;
  const double asked = static_cast<double>(instances) * threads;
  const double cores = std::max(environment.cores, 1);
  // Past the cores, everyone waits in proportion.
  if (asked > cores && asked > calibrated) result.factor *= asked / std::max(calibrated, cores);
  result.instances = instances;
  result.threads = threads;
  return result;
}

FULCRUM_DEFINE LatencyStatistics MachineProfile::statistics_of(double p50_ms, int threads) const {
  const Jitter j = jitter_of(p50_ms, threads);
  LatencyStatistics s;
  s.p50 = Milliseconds(p50_ms);
  s.min = s.p50 * j.min_ratio;
  s.mean = s.p50 * j.mean_ratio;
  s.p90 = s.p50 * j.p90_ratio;
  s.p95 = s.p50 * j.p95_ratio;
  s.p99 = s.p50 * j.p99_ratio;
  s.p99_9 = s.p50 * j.p99_9_ratio;
  return s;
}

FULCRUM_DEFINE Jitter MachineProfile::jitter_of(double p50_ms, int threads) const {
  const auto distance = [&](const Jitter& x) { return std::abs(std::log(static_cast<double>(x.threads) / threads)); };
  const Jitter* below = nullptr;
  const Jitter* above = nullptr;
  double nearest = 1e300;
  for (const Jitter& x : jitter) nearest = std::min(nearest, distance(x));
  for (const Jitter& x : jitter) {
    if (distance(x) > nearest) continue;
    if (x.p50_ms <= p50_ms && (below == nullptr || x.p50_ms > below->p50_ms)) below = &x;
    if (x.p50_ms >= p50_ms && (above == nullptr || x.p50_ms < above->p50_ms)) above = &x;
  }
  if (below == nullptr && above == nullptr) return {};
  if (below == nullptr || above == nullptr || below == above) return below != nullptr ? *below : *above;
  const double share = std::log(p50_ms / below->p50_ms) / std::log(above->p50_ms / below->p50_ms);
  const auto mix = [&](double Jitter::*m) { return (1.0 - share) * below->*m + share * above->*m; };
  return {threads,
          p50_ms,
          mix(&Jitter::min_ratio),
          mix(&Jitter::mean_ratio),
          mix(&Jitter::p90_ratio),
          mix(&Jitter::p95_ratio),
          mix(&Jitter::p99_ratio),
          mix(&Jitter::p99_9_ratio)};
}

FULCRUM_DEFINE void check_profile_matches(const MachineProfile& profile, const Environment& environment) {
  const auto refuse = [](const std::string& what, const std::string& of, const std::string& here) {
    std::string problem = "is of another machine: its ";
    problem.append(what).append(" is ").append(of).append(", here it is ").append(here);
    throw Error("the machine profile", problem, "run `fulcrum calibrate` on this machine");
  };
  const Environment& of = profile.environment;
  if (of.cpu != environment.cpu) refuse("CPU", "'" + of.cpu + "'", "'" + environment.cpu + "'");
  if (of.isa != environment.isa) refuse("instruction set", "'" + of.isa + "'", "'" + environment.isa + "'");
  if (of.cores != environment.cores)
    refuse("number of usable cores", std::to_string(of.cores), std::to_string(environment.cores));
  const auto ours = of.versions.find("oneDNN");
  const auto theirs = environment.versions.find("oneDNN");
  if (ours != of.versions.end() && theirs != environment.versions.end() && ours->second != theirs->second)
    refuse("oneDNN", ours->second, theirs->second);
}

}  // namespace fulcrum

#endif
