#pragma once
/// \file
/// What it costs when something else takes part of the cores, as a neighbour on the other half of a core does.

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <utility>
#include <vector>

#include <fulcrum/core/dtype.hpp>
#include <fulcrum/core/linkage.hpp>
#include <fulcrum/cost/drift.hpp>
#include <fulcrum/run/latency_report.hpp>
#include <fulcrum/run/persistence.hpp>

namespace fulcrum {

/// What looks at so many cores saw during a calibration (measure/core_watch.hpp).
struct CoreLooks {
  int threads = 1;
  double least_us = 0.0;  ///< what a look at undisturbed cores takes
  double share = 0.0;     ///< of the time in which something else took part of at least one of them, 0 … 1
  Persistence lasts{};    ///< how long that lasts, of what takes no time itself

  friend bool operator==(const CoreLooks&, const CoreLooks&) = default;
};

/// How many times as long steps take while something else takes part of the cores they run on. What is usual here was
/// seen on a Xeon of a cloud whose cores two guests share.
struct SharedSlowdown {
  Precision precision = Precision::f32;
  double brief = 1.45;   ///< of steps below 10 µs, which keep a core's front end busy
  double compute = 1.3;  ///< of longer ones that arithmetic bounds
  double memory = 1.1;   ///< of longer ones that memory bounds

  friend bool operator==(const SharedSlowdown&, const SharedSlowdown&) = default;
};

/// How often something else takes part of the cores, and what that costs. The times of a profile are those on cores
/// that nothing else takes part of.
struct SharedCores {
  static constexpr double brief_us = 10.0;

  std::vector<CoreLooks> looks{};           ///< by thread count, ascending; empty in older profiles
  std::vector<SharedSlowdown> slowdowns{};  ///< by precision; what is usual of others

  /// Of a step that takes `time_us` undisturbed.
  FULCRUM_DECLARE [[nodiscard]] double slowdown(Precision precision, Bound bound, double time_us) const noexcept;

  /// The share of the time in which something else took part of so many cores when the profile was made; of the nearest
  /// thread count that was looked at, 0 where none was.
  FULCRUM_DECLARE [[nodiscard]] double share_of(int threads) const noexcept;

  /// What was seen of the nearest thread count; nothing where nobody looked.
  FULCRUM_DECLARE [[nodiscard]] const CoreLooks* nearest(int threads) const noexcept;

  friend bool operator==(const SharedCores&, const SharedCores&) = default;
};

/// How much of what a shared core costs shows in a quantile of the latency of inferences of this length, 0 … 1, when
/// cores are shared for `share` of the time. It comes and goes within milliseconds: long inferences meet about as much
/// of it as there is, each short one meets all of it or nothing.
/// \param quantile  0 … 1; 0.5: of the median
FULCRUM_DECLARE [[nodiscard]] double share_in_quantile(double share, Milliseconds latency,
                                                       double quantile = 0.5) noexcept;

/// A prediction in which `then` of what shared cores cost shows, as if `now` of it did; see share_in_quantile().
FULCRUM_DECLARE [[nodiscard]] LatencyReport at_share(LatencyReport predicted, const SharedCores& cores, double then,
                                                     double now);

/// How many times as long an inference takes then.
FULCRUM_DECLARE [[nodiscard]] double times_as_long_at_share(const LatencyReport& predicted, const SharedCores& cores,
                                                            double then, double now);

}  // namespace fulcrum

#if FULCRUM_DEFINES(cost)

namespace fulcrum {

FULCRUM_DEFINE double SharedCores::slowdown(Precision precision, Bound bound, double time_us) const noexcept {
  SharedSlowdown of;
  for (const SharedSlowdown& known : slowdowns) {
    if (known.precision == precision) of = known;
  }
  if (time_us < brief_us || bound == Bound::overhead) return of.brief;
  return bound == Bound::memory ? of.memory : of.compute;
}

FULCRUM_DEFINE double SharedCores::share_of(int threads) const noexcept {
  const CoreLooks* seen = nearest(threads);
  return seen == nullptr ? 0.0 : seen->share;
}

FULCRUM_DEFINE const CoreLooks* SharedCores::nearest(int threads) const noexcept {
  const auto closer = [&](const CoreLooks& a, const CoreLooks& b) {
    return std::abs(a.threads - threads) < std::abs(b.threads - threads);
  };
  const auto found = std::min_element(looks.begin(), looks.end(), closer);
  return found == looks.end() ? nullptr : &*found;
}

FULCRUM_DEFINE double share_in_quantile(double share, Milliseconds latency, double quantile) noexcept {
  constexpr double spell_ms = 4.0, scatter = 0.35, unsure = 0.2;
  const double above = 1.0 - quantile;  // of all inferences: so many of the shared ones leave the quantile as it is
  const double is_long = latency.count() / (latency.count() + spell_ms);
  const double met = std::clamp((share - (1.0 - unsure) * above) / (2.0 * unsure * above), 0.0, 1.0);
  // Deviations of a normal distribution at the quantile (Tukey's lambda).
  const double deviations = 4.91 * (std::pow(quantile, 0.14) - std::pow(above, 0.14));
  const double mean = std::clamp(share + scatter * deviations * std::sqrt(share * (1.0 - share)), 0.0, 1.0);
  return is_long * mean + (1.0 - is_long) * met;
}

}  // namespace fulcrum

namespace fulcrum::detail {

/// What `now` of shared cores' cost makes of times in which `then` of it shows.
struct ShareRatio {
  const SharedCores& cores;
  Precision precision;
  double then, now;

  [[nodiscard]] double of(Bound bound, double time_us) const noexcept {
    const double more = cores.slowdown(precision, bound, time_us) - 1.0;
    return (1.0 + now * more) / (1.0 + then * more);
  }
  [[nodiscard]] double operator()(const StepLatency& layer) const noexcept {
    return of(layer.bound.value_or(Bound::compute), Microseconds(layer.latency).count());
  }
  /// Of what lies between layers.
  [[nodiscard]] double outside() const noexcept { return of(Bound::overhead, 0.0); }
};

}  // namespace fulcrum::detail

namespace fulcrum {

FULCRUM_DEFINE LatencyReport at_share(LatencyReport predicted, const SharedCores& cores, double then, double now) {
  const detail::ShareRatio ratio{cores, predicted.config.precision, then, now};
  return with_layers_scaled(std::move(predicted), ratio, ratio.outside());
}

FULCRUM_DEFINE double times_as_long_at_share(const LatencyReport& predicted, const SharedCores& cores, double then,
                                             double now) {
  const detail::ShareRatio ratio{cores, predicted.config.precision, then, now};
  return times_as_long(predicted, ratio, ratio.outside());
}

}  // namespace fulcrum

#endif
