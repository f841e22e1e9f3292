#pragma once
/// \file
/// Whether a machine is as fast as when it was calibrated: the same fixed work, timed then and now.

#include <algorithm>
#include <array>
#include <cmath>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <fulcrum/core/linkage.hpp>
#include <fulcrum/run/latency_report.hpp>

namespace fulcrum {

/// What fixed work took on a number of threads (measure/drift_probe.hpp).
struct DriftProbe {
  int threads = 1;
  double compute_us = 0.0;  ///< of a convolution that the arithmetic bounds, the slowest tenth of its runs left out
  double memory_us = 0.0;   ///< likewise, of a dense layer whose weights come from behind a core's own caches
  double noise = 0.0;       ///< spread of the middle half of its turns, as a share: what cannot be told from a drift

  friend bool operator==(const DriftProbe&, const DriftProbe&) = default;
};

/// How much longer than at calibration work takes now: 1.1 is ten percent longer.
struct Drift {
  double compute = 1.0;  ///< of what arithmetic or a step's overhead bounds
  double memory = 1.0;   ///< of what memory bounds
  double noise = 0.0;    ///< share below which a difference says nothing

  /// Of both together.
  [[nodiscard]] double slowdown() const noexcept { return std::sqrt(compute * memory); }
  /// Whether either differs by more than the noise.
  [[nodiscard]] bool beyond_noise() const noexcept {
    return std::max(std::abs(compute - 1.0), std::abs(memory - 1.0)) > noise;
  }

  friend bool operator==(const Drift&, const Drift&) = default;
};

/// The middle one of several turns for each thread count that they have, in order, and how far the middle half of them
/// lies apart. Turns may be of one thread count each.
FULCRUM_DECLARE [[nodiscard]] std::vector<DriftProbe> middle_of(const std::vector<std::vector<DriftProbe>>& turns);

/// From the thread counts that both have: the middle one of their ratios. A difference below 5 % is noise, as is what
/// the probes' own turns were apart. Nothing when they have no thread count in common.
FULCRUM_DECLARE [[nodiscard]] std::optional<Drift> drift_between(const std::vector<DriftProbe>& then,
                                                                 const std::vector<DriftProbe>& now);

/// "this machine is 12 % slower than when it was calibrated (arithmetic 10 %, memory 14 %)"; nothing within the noise.
FULCRUM_DECLARE [[nodiscard]] std::optional<std::string> drift_note(const Drift& drift);

/// A prediction as if it had been calibrated at the present speed: steps that memory bounds take `memory` times as
/// long, all others, and what lies between steps, `compute` times; every statistic in the proportion of the whole.
FULCRUM_DECLARE [[nodiscard]] LatencyReport at_present_speed(LatencyReport predicted, const Drift& drift);

/// How many times as long an inference takes with another time for each layer, and for what lies between them.
/// \param factor   of a layer: f(const StepLatency&)
/// \param outside  of what lies between layers
template <class F>
[[nodiscard]] double times_as_long(const LatencyReport& predicted, const F& factor, double outside) {
  const double before = predicted.latency.p50.count();
  if (!(before > 0.0)) return 1.0;
  double between = before;
  double after = 0.0;
  for (const StepLatency& layer : predicted.layers) {
    between -= layer.latency.count();
    after += factor(layer) * layer.latency.count();
  }
  return (after + outside * between) / before;
}

/// A prediction in which they take those times; every statistic in the proportion of the whole.
template <class F>
[[nodiscard]] LatencyReport with_layers_scaled(LatencyReport predicted, const F& factor, double outside) {
  if (!(predicted.latency.p50.count() > 0.0)) return predicted;
  const double whole = times_as_long(predicted, factor, outside);
  for (StepLatency& layer : predicted.layers) layer.latency *= factor(std::as_const(layer));
  LatencyStatistics& l = predicted.latency;
  for (Milliseconds* figure : {&l.min, &l.mean, &l.p50, &l.p90, &l.p95, &l.p99, &l.p99_9}) *figure *= whole;
  predicted.throughput_per_s /= whole;
  if (std::optional<PredictionInterval>& i = predicted.interval) {
    for (Milliseconds* figure : {&i->p50_low, &i->p50_high, &i->p99_low, &i->p99_high}) *figure *= whole;
    i->throughput_low_per_s /= whole;
    i->throughput_high_per_s /= whole;
  }
  return predicted;
}

}  // namespace fulcrum

#if FULCRUM_DEFINES(cost)

namespace fulcrum::detail {

FULCRUM_DECLARE double middle_ratio(std::vector<double> ratios) {
  std::sort(ratios.begin(), ratios.end());
  const std::size_t middle = ratios.size() / 2;
  return ratios.size() % 2 == 1 ? ratios[middle] : std::sqrt(ratios[middle - 1] * ratios[middle]);
}

/// The lower quartile, the median and the upper quartile.
FULCRUM_DECLARE std::array<double, 3> quarters(std::vector<double> figures) {
  std::sort(figures.begin(), figures.end());
  const std::size_t n = figures.size();
  return {figures[n / 4], middle_ratio(figures), figures[n - 1 - n / 4]};
}

/// "12 % slower", "3 % faster"
FULCRUM_DECLARE std::string speed_text(double slowdown) {
  const auto percent = std::lround(100.0 * std::abs(slowdown - 1.0));
  return std::to_string(percent) + (slowdown >= 1.0 ? " % slower" : " % faster");
}

}  // namespace fulcrum::detail

namespace fulcrum {

FULCRUM_DEFINE std::vector<DriftProbe> middle_of(const std::vector<std::vector<DriftProbe>>& turns) {
  std::vector<DriftProbe> result;
  std::map<int, std::pair<std::vector<double>, std::vector<double>>> figures;  // of compute and memory, by threads
  for (const std::vector<DriftProbe>& turn : turns) {
    for (const DriftProbe& probe : turn) {
      figures[probe.threads].first.push_back(probe.compute_us);
      figures[probe.threads].second.push_back(probe.memory_us);
    }
  }
  for (auto& [threads, of] : figures) {
    const auto [compute_low, compute_us, compute_high] = detail::quarters(std::move(of.first));
    const auto [memory_low, memory_us, memory_high] = detail::quarters(std::move(of.second));
    DriftProbe probe{threads, compute_us, memory_us, 0.0};
    if (compute_low > 0.0 && memory_low > 0.0)
      probe.noise = std::max(compute_high / compute_low, memory_high / memory_low) - 1.0;
    result.push_back(probe);
  }
  return result;
}

FULCRUM_DEFINE std::optional<Drift> drift_between(const std::vector<DriftProbe>& then,
                                                  const std::vector<DriftProbe>& now) {
  std::vector<double> compute, memory;
  Drift drift;
  drift.noise = 0.05;
  for (const DriftProbe& before : then) {
    for (const DriftProbe& after : now) {
      if (before.threads != after.threads || !(before.compute_us > 0.0) || !(before.memory_us > 0.0)) continue;
      compute.push_back(after.compute_us / before.compute_us);
      memory.push_back(after.memory_us / before.memory_us);
      drift.noise = std::max(drift.noise, before.noise + after.noise);
    }
  }
  if (compute.empty()) return std::nullopt;
  drift.compute = detail::middle_ratio(std::move(compute));
  drift.memory = detail::middle_ratio(std::move(memory));
  return drift;
}

FULCRUM_DEFINE std::optional<std::string> drift_note(const Drift& drift) {
  if (!drift.beyond_noise()) return std::nullopt;
  return "this machine is " + detail::speed_text(drift.slowdown()) +
         " than when it was calibrated (arithmetic: " + detail::speed_text(drift.compute) +
         ", memory: " + detail::speed_text(drift.memory) + ")";
}

FULCRUM_DEFINE LatencyReport at_present_speed(LatencyReport predicted, const Drift& drift) {
  const double before = predicted.latency.p50.count();
  if (!(before > 0.0)) return predicted;
  predicted = with_layers_scaled(
      std::move(predicted),
      [&](const StepLatency& layer) { return layer.bound == Bound::memory ? drift.memory : drift.compute; },
      drift.compute);
  predicted.notes.push_back(
      "at the present speed of the machine: " + detail::speed_text(predicted.latency.p50.count() / before) +
      " than predicted from its profile");
  return predicted;
}

}  // namespace fulcrum

#endif
