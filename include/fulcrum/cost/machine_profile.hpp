#pragma once
/// \file
/// What a machine can do: the T of L = F / T, as calibrate() found it. A plain value; profile_file.hpp keeps it as
/// JSON.

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include <fulcrum/core/environment.hpp>
#include <fulcrum/core/linkage.hpp>
#include <fulcrum/cost/drift.hpp>
#include <fulcrum/cost/efficiency.hpp>
#include <fulcrum/cost/error_summary.hpp>
#include <fulcrum/cost/machine_rates.hpp>
#include <fulcrum/cost/shared_cores.hpp>
#include <fulcrum/model/model.hpp>
#include <fulcrum/run/latency_report.hpp>
#include <fulcrum/run/run_config.hpp>
#include <fulcrum/schedule/layout_change.hpp>
#include <fulcrum/schedule/machine.hpp>
#include <fulcrum/schedule/sparse.hpp>

namespace fulcrum {

/// How the other order statistics of a latency relate to its median on this machine, for inferences of about this
/// length: interruptions have a fixed length, so the tail of a short inference is relatively longer, and the more cores
/// are busy, the more of them are met.
struct Jitter {
  int instances = 1;
  int threads = 1;  ///< of each instance
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

/// What a whole network takes beside the sum of what its steps take alone: caches and predictors that one step leaves
/// to the next otherwise than in a probe.
struct Composition {
  Precision precision = Precision::f32;
  int threads = 1;
  double factor = 1.0;  ///< > 0
  double sd = 0.1;      ///< of ln(measured / predicted), beyond what is not known of single steps
  int networks = 0;     ///< that it was learnt from

  friend bool operator==(const Composition&, const Composition&) = default;
};

/// Whose efficiency a step is predicted by.
struct EfficiencyChoice {
  const EfficiencyModel* below = nullptr;  ///< of the nearest thread count that is not above the step's; of the
                                           ///< nearest one where there is none; null: nothing is known of such steps
  const EfficiencyModel* above = nullptr;  ///< likewise, not below
  int loans = 0;  ///< 0: its own kind; 1: f32; 2: the plain loops of other layers; 3: other algorithms
};

/// A machine's figures, and where they come from.
struct MachineProfile {
  Environment environment;
  std::string created_utc;       ///< "2024-05-01T12:00:00Z"
  double duration_s = 0.0;       ///< how long the calibration took
  bool from_data_sheet = false;  ///< nothing was measured (cost/data_sheet.hpp)
  MachineRates rates;
  std::vector<EfficiencyModel> efficiency;
  std::vector<LayoutChange> layout_changes;
  std::vector<Composition> composition;
  double interval_scale = 1.0;  ///< how many times as wide as single deviations add up to ranges are; > 0
  std::vector<Contention> contention;
  std::vector<Jitter> jitter;              ///< of several lengths, for each number of instances and threads
  SharedCores shared_cores;                ///< times are those on cores that nothing else takes part of
  std::vector<DriftProbe> drift_probe;     ///< fixed work, by thread count; empty in older profiles
  std::vector<SparseCosts> sparse_costs;   ///< of sparse products beside dense ones; empty in older profiles
  std::optional<ErrorSummary> error_card;  ///< how good predictions were; absent when nobody has looked

  friend bool operator==(const MachineProfile&, const MachineProfile&) = default;

  /// How far from its roofline a step stays: from the models of its class, algorithm and precision at the calibrated
  /// thread counts, interpolated in the logarithm of the thread count. What was not calibrated borrows: from the same
  /// class and algorithm in f32, from the other plain loops of its class, from the class whatever the algorithm; the
  /// roofline itself, and next to no certainty, when there is nothing.
  FULCRUM_DECLARE [[nodiscard]] Slowdown slowdown(const Step& step, const RooflinePoint& roofline, int threads) const;

  /// The models that slowdown() takes; in the profile.
  FULCRUM_DECLARE [[nodiscard]] EfficiencyChoice choose_efficiency(const Step& step, int threads) const;

  /// Whether steps of the class, algorithm and precision of this one were calibrated.
  FULCRUM_DECLARE [[nodiscard]] bool knows(const Step& step) const;

  /// Of the precision and the nearest calibrated thread count; {factor 1, sd 0.1} where there is none.
  FULCRUM_DECLARE [[nodiscard]] Composition composition_of(Precision precision, int threads) const;

  /// The contention to expect; {factor 1, extra 0} for one instance. Between calibrated pairs the one with the nearest
  /// demand for cores is taken.
  FULCRUM_DECLARE [[nodiscard]] Contention contention_of(int instances, int threads) const;

  /// Order statistics around a median of `p50_ms`, interpolated between the calibrated lengths of the nearest
  /// calibrated instances and threads.
  FULCRUM_DECLARE [[nodiscard]] LatencyStatistics statistics_of(double p50_ms, int instances, int threads) const;

private:
  FULCRUM_DECLARE [[nodiscard]] Jitter jitter_of(double p50_ms, int instances, int threads) const;
};

/// The machine that a profile speaks of, as schedules see it.
FULCRUM_DECLARE [[nodiscard]] Machine machine_of(const MachineProfile& profile);

/// The configuration with what the profile knows of sparse products on the machine, for a model with a layer a tenth of
/// whose weights are 0 or more: what is predicted and run with it decides by that. The configuration as it is for other
/// models, and where it has such figures already; without, layers run sparse by what Fulcrum was timed on.
FULCRUM_DECLARE [[nodiscard]] RunConfig calibrated(RunConfig config, const Model<float>& model,
                                                   const MachineProfile& profile);

/// A profile speaks of one machine under one set of limits.
/// \throws Error saying whose profile it is, when the CPU, its instruction sets, the usable cores or the version of
///         oneDNN (when both are known) differ; never of a profile from a data sheet, which may be of any machine
FULCRUM_DECLARE void check_profile_matches(const MachineProfile& profile, const Environment& environment);

}  // namespace fulcrum

#if FULCRUM_DEFINES(cost)

namespace fulcrum {

FULCRUM_DEFINE Machine machine_of(const MachineProfile& profile) {
  return {profile.environment.isa, profile.environment.cores, profile.rates.caches(), profile.layout_changes};
}

FULCRUM_DEFINE RunConfig calibrated(RunConfig config, const Model<float>& model, const MachineProfile& profile) {
  if (!config.algorithms.sparse_costs.empty()) return config;
  const auto is_pruned = [](const SharedTensor<float>& weights) {
    const std::span<const float> all = weights->flat();
    return 10 * count_nonzeros(all) <= 9 * static_cast<std::int64_t>(all.size());
  };
  for (const Node<float>& node : model.nodes()) {
    const auto* conv = std::get_if<Conv<float>>(&node.layer);
    const auto* dense = std::get_if<Dense<float>>(&node.layer);
    if ((conv == nullptr || !is_pruned(conv->weights.value)) && (dense == nullptr || !is_pruned(dense->weights.value)))
      continue;
    config.algorithms.sparse_costs = profile.sparse_costs;
    break;
  }
  return config;
}

FULCRUM_DEFINE bool MachineProfile::knows(const Step& step) const {
  return std::any_of(efficiency.begin(), efficiency.end(), [&](const EfficiencyModel& m) {
    return m.kernel == step.kernel && m.algorithm == step.algorithm && m.layer == loops_of(step) &&
           m.precision == step.arithmetic && !m.samples.empty();
  });
}

FULCRUM_DEFINE EfficiencyChoice MachineProfile::choose_efficiency(const Step& step, int threads) const {
  const EfficiencyModel* below = nullptr;
  const EfficiencyModel* above = nullptr;
  const std::string_view loops = loops_of(step);
  // From the same kind of step to kinds that have less and less to do with it.
  int borrowed = 0;
  for (; borrowed < 4 && below == nullptr && above == nullptr; ++borrowed) {
    for (const EfficiencyModel& m : efficiency) {
      if (m.kernel != step.kernel || m.samples.empty()) continue;
      const bool same_width = m.layer.empty() == loops.empty();
      if (!same_width || (borrowed < 3 && m.algorithm != step.algorithm)) continue;
      if (borrowed < 2 && m.layer != loops) continue;
      if (m.precision != (borrowed == 0 ? step.arithmetic : Precision::f32)) continue;
      if (m.threads <= threads && (below == nullptr || m.threads > below->threads)) below = &m;
      if (m.threads >= threads && (above == nullptr || m.threads < above->threads)) above = &m;
    }
  }
  if (below == nullptr) below = above;
  if (above == nullptr) above = below;
  return {below, above, std::max(borrowed - 1, 0)};
}

FULCRUM_DEFINE Slowdown MachineProfile::slowdown(const Step& step, const RooflinePoint& roofline, int threads) const {
  const auto [below, above, loans] = choose_efficiency(step, threads);
  constexpr double unknown = 0.7;  // nearly a factor of two either way
  if (below == nullptr) return {0.0, unknown, unknown};
  const std::vector<double> features = efficiency_features(step, roofline);
  const auto by_model = [&](const EfficiencyModel& model) {
    Slowdown slowdown = model.slowdown(features);
    slowdown.log += std::log(model.parts_us(step, roofline) / roofline.time_us());
    return slowdown;
  };
  Slowdown result;
  if (below == above) {
    result = by_model(*below);
  } else {
    const double share = std::log(static_cast<double>(threads) / below->threads) /
                         std::log(static_cast<double>(above->threads) / below->threads);
    const Slowdown a = by_model(*below);
    const Slowdown b = by_model(*above);
    result = {(1.0 - share) * a.log + share * b.log, std::max(a.sd, b.sd), std::max(a.nearest, b.nearest)};
  }
  // Borrowed figures are as sure as their kind is alike.
  constexpr double per_loan = 0.3;
  if (loans > 0) result.sd = std::hypot(result.sd, per_loan * loans);
  return result;
}

FULCRUM_DEFINE Composition MachineProfile::composition_of(Precision precision, int threads) const {
  Composition result{precision, threads, 1.0, 0.1, 0};
  double nearest = std::numeric_limits<double>::infinity();
  for (const Composition& c : composition) {
    const double distance = std::abs(std::log(static_cast<double>(c.threads) / threads));
    if (c.precision != precision || distance >= nearest) continue;
    nearest = distance;
    result = c;
  }
  return result;
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

FULCRUM_DEFINE LatencyStatistics MachineProfile::statistics_of(double p50_ms, int instances, int threads) const {
  const Jitter j = jitter_of(p50_ms, instances, threads);
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

FULCRUM_DEFINE Jitter MachineProfile::jitter_of(double p50_ms, int instances, int threads) const {
  const auto apart = [](int a, int b) { return std::abs(std::log(static_cast<double>(a) / b)); };
  const auto distance = [&](const Jitter& x) {
    return 2.0 * apart(x.instances * x.threads, instances * threads) + apart(x.threads, threads);
  };
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
  return {instances,
          threads,
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
  if (profile.from_data_sheet) return;
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
