#pragma once
/// \file
/// From timed steps to the rates and efficiencies of a MachineProfile: arithmetic alone.

#include <cstddef>
#include <vector>

#include <fulcrum/calibrate/fit_efficiency.hpp>
#include <fulcrum/core/linkage.hpp>
#include <fulcrum/cost/machine_profile.hpp>
#include <fulcrum/cost/shared_cores.hpp>

namespace fulcrum {

/// A step and how long it took.
struct TimedStep {
  Step step;
  int threads = 1;  ///< that it ran on
  double time_us = 0.0;
  double disturbed_us = 0.0;  ///< while something else took part of the cores; 0: too few runs met that
  bool disturbed = false;     ///< all runs met that, and `time_us` is of them
};

/// A probe as a whole.
struct TimedNetwork {
  Precision precision = Precision::f32;
  int threads = 1;
  double latency_us = 0.0;  ///< of an inference
  double steps_us = 0.0;    ///< the sum of its steps' times
};

/// An inference among others that run the same: what it took, and what it would take with its share of the bandwidth.
struct ContendedRun {
  int instances = 2;
  int threads = 1;
  double shared_us = 0.0;    ///< latency alone, with the roofline's part for `instances`
  double measured_us = 0.0;  ///< among the others
  double steps = 0.0;
};

/// What something else on the cores makes of the time of steps: the medians over those that were timed with it and
/// without, where the two differ; where they do not, the runs lay between two spells of it. Of fewer than 20 it is
/// usual.
///
/// \param rates  with peaks and bandwidths
FULCRUM_DECLARE [[nodiscard]] std::vector<SharedSlowdown> fit_shared_slowdowns(const std::vector<TimedStep>& timed,
                                                                               const MachineRates& rates);

/// The steps with the times that they would have taken on undisturbed cores.
///
/// \param rates  with peaks and bandwidths
FULCRUM_DECLARE [[nodiscard]] std::vector<TimedStep> undisturbed(std::vector<TimedStep> timed, const SharedCores& cores,
                                                                 const MachineRates& rates);

/// The highest rate of a convolution or dense layer, per precision and thread count. A step shorter than `min_us` does
/// not count: the clock is too coarse for it.
FULCRUM_DECLARE [[nodiscard]] std::vector<PeakRate> fit_peaks(const std::vector<TimedStep>& timed,
                                                              double min_us = 10.0);

/// The shortest step per thread count, if possible on undisturbed cores, less the time that its work takes at the
/// machine's rates: the least one that is shared by several threads has work that is worth it. `inference_us` is left
/// to whoever timed whole inferences.
///
/// \param rates  with peaks and bandwidths
FULCRUM_DECLARE [[nodiscard]] std::vector<Overhead> fit_overheads(const std::vector<TimedStep>& timed,
                                                                  MachineRates rates);

namespace detail {

/// What bounds a timed step; the arithmetic where the rates do not know of it.
FULCRUM_DECLARE Bound bound_of_timed(const TimedStep& timed, double time_us, const MachineRates& rates);

/// Of inferences that take longer, what lies between the steps shows as a share; of shorter ones, as a time. Of long
/// ones, the difference of two large figures would say nothing.
inline constexpr double short_inference_us = 200.0;

/// Samples with equal features become one, with their median. Otherwise a sample left out would be predicted from its
/// own twin, and the fit would take its noise for shape.
FULCRUM_DECLARE std::vector<EfficiencySample> merged(std::vector<EfficiencySample> samples);

}  // namespace detail

/// One EfficiencyModel per class, algorithm, precision and thread count that was timed.
/// \param rates        complete: models are relative to the parts of their roofline
/// \param max_samples  of each model; evenly thinned out beyond, for the fit's time grows with their cube
FULCRUM_DECLARE [[nodiscard]] std::vector<EfficiencyModel> fit_efficiencies(const std::vector<TimedStep>& timed,
                                                                            const MachineRates& rates,
                                                                            std::size_t max_samples = 1000);

/// Contention per pair of instances and threads: the factor ≥ 1 and the extra time per step ≥ 0 that fit the runs with
/// the least squared relative error.
FULCRUM_DECLARE [[nodiscard]] std::vector<Contention> fit_contention(const std::vector<ContendedRun>& runs);

/// A network that took no part in the fit of steps: what it took, and what they predict of it.
struct CheckedNetwork {
  Precision precision = Precision::f32;
  int threads = 1;
  double measured_us = 0.0;
  double predicted_us = 0.0;
  double sd = 0.0;  ///< of ln(measured / predicted), as far as its steps tell
};

/// Composition per precision and thread count: the median of an inference over the sum of its steps, of those that take
/// long enough to tell.
FULCRUM_DECLARE [[nodiscard]] std::vector<Composition> fit_composition(const std::vector<TimedNetwork>& networks);

/// What an inference takes whatever its steps are [µs], ≥ 0: the median of what short ones on so many threads take
/// beyond their steps and the composition's share.
FULCRUM_DECLARE [[nodiscard]] double fit_inference_overhead(const std::vector<TimedNetwork>& networks,
                                                            const std::vector<Composition>& composition, int threads);

/// Corrects the factors by what networks took beside what was predicted of them, as far as these agree, and sets how
/// far they scatter around that beyond what their steps tell.
FULCRUM_DECLARE void fit_networks(const std::vector<CheckedNetwork>& networks, std::vector<Composition>& composition);

/// How many times as wide as their deviations say ranges have to be for nine of ten networks to lie inside: 1 where
/// there are none, and near it where there are few. What networks of a precision and thread count took longer on the
/// whole is the composition's, and counts for nothing.
///
/// \param composition  as fit_networks() left it
FULCRUM_DECLARE [[nodiscard]] double fit_interval_scale(const std::vector<CheckedNetwork>& networks,
                                                        const std::vector<Composition>& composition);

/// The quantiles of latencies relative to their median: of turns at different times, what the middle one of them shows.
/// A turn of fewer than 100 inferences has no p99 of its own: such turns are put together, each relative to its median.
/// \param turns_ms  the latencies of each turn [ms], in any order, none empty
FULCRUM_DECLARE [[nodiscard]] Jitter jitter_from(const std::vector<std::vector<double>>& turns_ms, int instances,
                                                 int threads);

}  // namespace fulcrum

#if FULCRUM_DEFINES(calibrate)

#include <algorithm>
#include <atomic>
#include <cmath>
#include <map>
#include <numeric>
#include <optional>
#include <span>
#include <string>
#include <thread>
#include <tuple>
#include <utility>

#include <fulcrum/cost/step_words.hpp>
#include <fulcrum/measure/statistics.hpp>

namespace fulcrum {

FULCRUM_DEFINE std::vector<SharedSlowdown> fit_shared_slowdowns(const std::vector<TimedStep>& timed,
                                                                const MachineRates& rates) {
  constexpr std::size_t enough = 20;
  struct Ratios {
    std::vector<double> brief, compute, memory;
  };
  std::map<Precision, Ratios> of_precision;
  for (const TimedStep& t : timed) {
    constexpr double differs = 1.03;
    if (t.disturbed || t.time_us <= 0.0 || t.disturbed_us < differs * t.time_us) continue;
    Ratios& ratios = of_precision[t.step.arithmetic];
    const Bound bound = detail::bound_of_timed(t, t.time_us, rates);
    const bool is_brief = t.time_us < SharedCores::brief_us || bound == Bound::overhead;
    (is_brief                 ? ratios.brief
     : bound == Bound::memory ? ratios.memory
                              : ratios.compute)
        .push_back(t.disturbed_us / t.time_us);
  }
  std::vector<SharedSlowdown> result;
  for (auto& [precision, ratios] : of_precision) {
    SharedSlowdown slowdown{.precision = precision};
    const auto fit = [&](std::vector<double>& all, double& to) {
      if (all.size() >= enough) to = std::max(1.0, detail::median_of(std::move(all)));
    };
    fit(ratios.brief, slowdown.brief);
    fit(ratios.compute, slowdown.compute);
    fit(ratios.memory, slowdown.memory);
    result.push_back(slowdown);
  }
  return result;
}

FULCRUM_DEFINE std::vector<TimedStep> undisturbed(std::vector<TimedStep> timed, const SharedCores& cores,
                                                  const MachineRates& rates) {
  for (TimedStep& t : timed) {
    if (!t.disturbed) continue;
    // Of what it took, what bounds it: that differs little from what it would have taken.
    t.time_us /= cores.slowdown(t.step.arithmetic, detail::bound_of_timed(t, t.time_us, rates), t.time_us);
    t.disturbed = false;
  }
  return timed;
}

FULCRUM_DEFINE std::vector<PeakRate> fit_peaks(const std::vector<TimedStep>& timed, double min_us) {
  std::map<std::pair<Precision, int>, double> best;
  for (const TimedStep& t : timed) {
    if (t.step.kernel != KernelClass::convolution && t.step.kernel != KernelClass::dense) continue;
    if (t.time_us < min_us) continue;
    double& rate = best[{t.step.arithmetic, t.threads}];
    rate = std::max(rate, 1e6 * executed_flops(t.step) / t.time_us);
  }
  std::vector<PeakRate> peaks;
  for (const auto& [key, rate] : best) peaks.push_back({key.first, key.second, rate});
  return peaks;
}

FULCRUM_DEFINE std::vector<Overhead> fit_overheads(const std::vector<TimedStep>& timed, MachineRates rates) {
  std::map<int, const TimedStep*> shortest;
  const auto look_at = [&](const TimedStep& t) {
    if (t.time_us <= 0.0 || !rates.knows(t.step.arithmetic)) return;
    const auto [at, first] = shortest.emplace(t.threads, &t);
    // One that was not disturbed comes before all that were.
    if (!first && std::pair(t.disturbed, t.time_us) < std::pair(at->second->disturbed, at->second->time_us))
      at->second = &t;
  };
  std::for_each(timed.begin(), timed.end(), look_at);
  std::vector<Overhead> overheads;
  for (const auto& [threads, t] : shortest) {
    rates.overheads = {{threads, 0.0, 0.0}};
    const double work_us = roofline_point(t->step, rates, threads).time_us();
    overheads.push_back({threads, std::max(0.05 * t->time_us, t->time_us - work_us), 0.0});
  }
  return overheads;
}

}  // namespace fulcrum

namespace fulcrum::detail {

FULCRUM_DEFINE Bound bound_of_timed(const TimedStep& timed, double time_us, const MachineRates& rates) {
  if (!rates.knows(timed.step.arithmetic)) return Bound::compute;
  return bound_of(roofline_point(timed.step, rates, timed.threads), time_us);
}

FULCRUM_DEFINE std::vector<EfficiencySample> merged(std::vector<EfficiencySample> samples) {
  struct Twins {
    std::vector<double> logs, times;
  };
  std::map<std::vector<double>, Twins> by_features;
  std::vector<EfficiencySample> result;
  for (const EfficiencySample& sample : samples) {
    Twins& twins = by_features[sample.features];
    twins.logs.push_back(sample.log_slowdown);
    twins.times.push_back(sample.time_us);
  }
  for (EfficiencySample& sample : samples) {  // in the order in which they were first seen
    const auto at = by_features.find(sample.features);
    if (at == by_features.end()) continue;
    result.push_back({sample.features, median_of(std::move(at->second.logs)), 0.0,
                      median_of(std::move(at->second.times)), std::move(sample.what)});
    by_features.erase(at);
  }
  return result;
}

}  // namespace fulcrum::detail

namespace fulcrum {

FULCRUM_DEFINE std::vector<EfficiencyModel> fit_efficiencies(const std::vector<TimedStep>& timed,
                                                             const MachineRates& rates, std::size_t max_samples) {
  struct Timed {
    std::vector<double> features;
    detail::TimedParts parts;
    double roofline_us;
    std::string what;
  };
  std::map<std::tuple<KernelClass, Algorithm, std::string, Precision, int>, std::vector<Timed>> groups;
  for (const TimedStep& t : timed) {
    if (t.time_us <= 0.0 || !rates.knows(t.step.arithmetic)) continue;
    const RooflinePoint roofline = roofline_point(t.step, rates, t.threads);
    groups[{t.step.kernel, t.step.algorithm, std::string(loops_of(t.step)), t.step.arithmetic, t.threads}].push_back(
        {efficiency_features(t.step, roofline),
         {parts_of(t.step, roofline), t.time_us},
         roofline.time_us(),
         words_of(t.step)});
  }
  struct Fit {
    EfficiencyModel model;
    std::vector<EfficiencySample> samples;
  };
  std::vector<Fit> fits;
  for (auto& [key, group] : groups) {
    EfficiencyModel model;
    std::tie(model.kernel, model.algorithm, model.layer, model.precision, model.threads) = key;
    std::vector<detail::TimedParts> parts;
    for (const Timed& t : group) parts.push_back(t.parts);
    const auto spread = [&model, &steps = group] {  // of what is left to interpolate
      std::vector<double> logs;
      for (const Timed& t : steps)
        logs.push_back(std::log(t.parts.time_us / model.parts_us(t.parts.parts_us, t.roofline_us)));
      const double middle = detail::median_of(logs);
      for (double& x : logs) x = std::abs(x - middle);
      return detail::median_of(std::move(logs));
    };
    const double by_roofline = spread();
    model.parts = detail::fit_parts(parts);
    if (spread() >= by_roofline) model.parts.reset();
    std::vector<EfficiencySample> all;
    for (Timed& t : group) {
      const double by_parts = model.parts_us(t.parts.parts_us, t.roofline_us);
      all.push_back(
          {std::move(t.features), std::log(t.parts.time_us / by_parts), 0.0, t.parts.time_us, std::move(t.what)});
    }
    std::vector<EfficiencySample> samples = detail::merged(std::move(all));
    std::vector<EfficiencySample> kept;
    const std::size_t count = std::min(samples.size(), max_samples);
    for (std::size_t i = 0; i < count; ++i) kept.push_back(std::move(samples[i * samples.size() / count]));
    fits.push_back({std::move(model), std::move(kept)});
  }
  // The long ones first, on all cores: each takes a second or so with many samples.
  std::vector<std::size_t> order(fits.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::stable_sort(order.begin(), order.end(),
                   [&](std::size_t a, std::size_t b) { return fits[a].samples.size() > fits[b].samples.size(); });
  std::vector<EfficiencyModel> models(fits.size());
  std::atomic<std::size_t> next{0};
  const auto work = [&] {
    for (std::size_t i = next++; i < order.size(); i = next++) {
      Fit& fit = fits[order[i]];
      models[order[i]] = fit_efficiency(std::move(fit.model), std::move(fit.samples));
    }
  };
  std::vector<std::thread> helpers;
  for (unsigned i = 1; i < std::min(std::thread::hardware_concurrency(), 16U); ++i) helpers.emplace_back(work);
  work();
  for (std::thread& helper : helpers) helper.join();
  return models;
}

FULCRUM_DEFINE std::vector<Contention> fit_contention(const std::vector<ContendedRun>& runs) {
  std::map<std::pair<int, int>, std::vector<const ContendedRun*>> groups;
  for (const ContendedRun& run : runs) {
    if (run.measured_us > 0.0 && run.shared_us > 0.0) groups[{run.instances, run.threads}].push_back(&run);
  }
  std::vector<Contention> result;
  for (const auto& [key, group] : groups) {
    // Minimizes Σ (factor·a + extra·b − 1)² with a = shared / measured, b = steps / measured.
    double aa = 0.0, ab = 0.0, bb = 0.0, a1 = 0.0, b1 = 0.0;
    for (const ContendedRun* run : group) {
      const double a = run->shared_us / run->measured_us;
      const double b = run->steps / run->measured_us;
      aa += a * a;
      ab += a * b;
      bb += b * b;
      a1 += a;
      b1 += b;
    }
    const double determinant = aa * bb - ab * ab;
    double factor = a1 / aa;
    double extra = 0.0;
    if (determinant > 1e-9 * aa * bb) {
      factor = (a1 * bb - b1 * ab) / determinant;
      extra = (b1 * aa - a1 * ab) / determinant;
      if (extra < 0.0) {
        factor = a1 / aa;
        extra = 0.0;
      }
    }
    if (factor < 1.0) {
      factor = 1.0;
      extra = std::max(0.0, (b1 - ab) / bb);
    }
    result.push_back({key.first, key.second, factor, extra});
  }
  return result;
}

FULCRUM_DEFINE std::vector<Composition> fit_composition(const std::vector<TimedNetwork>& networks) {
  std::map<std::pair<Precision, int>, std::vector<double>> groups;
  for (const TimedNetwork& n : networks) {
    if (n.steps_us >= detail::short_inference_us) groups[{n.precision, n.threads}].push_back(n.latency_us / n.steps_us);
  }
  std::vector<Composition> result;
  for (auto& [key, ratios] : groups) {
    Composition composition;
    std::tie(composition.precision, composition.threads) = key;
    composition.networks = static_cast<int>(ratios.size());
    composition.factor = detail::median_of(std::move(ratios));
    result.push_back(composition);
  }
  return result;
}

FULCRUM_DEFINE double fit_inference_overhead(const std::vector<TimedNetwork>& networks,
                                             const std::vector<Composition>& composition, int threads) {
  std::vector<double> outside;
  for (const TimedNetwork& n : networks) {
    if (n.threads != threads || n.steps_us <= 0.0 || n.steps_us >= detail::short_inference_us) continue;
    const auto same = std::find_if(composition.begin(), composition.end(), [&](const Composition& c) {
      return c.precision == n.precision && c.threads == n.threads;
    });
    outside.push_back(n.latency_us - (same == composition.end() ? 1.0 : same->factor) * n.steps_us);
  }
  return std::max(0.0, detail::median_of(std::move(outside)));
}

FULCRUM_DEFINE void fit_networks(const std::vector<CheckedNetwork>& networks, std::vector<Composition>& composition) {
  for (Composition& c : composition) {
    std::vector<double> logs;
    double explained = 0.0;
    for (const CheckedNetwork& network : networks) {
      if (network.precision != c.precision || network.threads != c.threads) continue;
      logs.push_back(std::log(network.measured_us / network.predicted_us));
      explained += network.sd * network.sd;
    }
    if (logs.empty()) continue;
    const auto count = static_cast<double>(logs.size());
    explained /= count;
    // Few networks that scatter widely say little: a bias of 4 % is as likely as not.
    constexpr double expected = 0.04;
    double bias = detail::median_of(logs);
    std::vector<double> sizes;
    for (const double x : logs) sizes.push_back(std::abs(x - bias));
    constexpr double certain = 0.05;  // no fewer agree by chance
    const double spread = std::max(1.4826 * detail::median_of(std::move(sizes)), certain);
    bias *= expected * expected / (expected * expected + (spread * spread + explained) / count);
    c.factor *= std::exp(bias);
    for (double& x : logs) x = std::abs(x - bias);
    const double scatter = 1.4826 * detail::median_of(std::move(logs));
    constexpr double least = 0.03;  // no machine runs the same twice
    c.sd = std::sqrt(std::max(scatter * scatter - explained, least * least));
  }
}

FULCRUM_DEFINE double fit_interval_scale(const std::vector<CheckedNetwork>& networks,
                                         const std::vector<Composition>& composition) {
  constexpr double inside = 0.9, two_sided = 1.645;
  constexpr double prior = 12.0;  // networks
  constexpr double least = 0.5, most = 2.0;
  std::vector<double> deviations;
  for (const Composition& c : composition) {
    std::vector<double> logs;
    for (const CheckedNetwork& network : networks) {
      if (network.precision == c.precision && network.threads == c.threads)
        logs.push_back(std::log(network.measured_us / network.predicted_us));
    }
    const double bias = detail::median_of(logs);
    for (const CheckedNetwork& network : networks) {
      if (network.precision != c.precision || network.threads != c.threads) continue;
      const double sd = std::max(std::hypot(network.sd, c.sd), 1e-6);
      deviations.push_back(std::abs(std::log(network.measured_us / network.predicted_us) - bias) / sd);
    }
  }
  if (deviations.empty()) return 1.0;
  const auto at = static_cast<std::ptrdiff_t>(inside * static_cast<double>(deviations.size()));
  std::nth_element(deviations.begin(), deviations.begin() + at, deviations.end());
  const double seen = std::clamp(deviations[static_cast<std::size_t>(at)] / two_sided, least, most);
  const auto count = static_cast<double>(deviations.size());
  return std::exp(std::log(seen) * count / (count + prior));
}

FULCRUM_DEFINE Jitter jitter_from(const std::vector<std::vector<double>>& turns_ms, int instances, int threads) {
  std::vector<std::vector<double>> turns;  // of ratios, ascending
  std::vector<double> medians;
  bool apart = true;
  for (std::vector<double> turn : turns_ms) {
    std::sort(turn.begin(), turn.end());
    medians.push_back(percentile(std::span<const double>(turn), 0.5));
    for (double& latency : turn) latency /= medians.back();
    apart = apart && turn.size() >= 100;
    turns.push_back(std::move(turn));
  }
  if (!apart) {
    std::vector<double> all;
    for (const std::vector<double>& turn : turns) all.insert(all.end(), turn.begin(), turn.end());
    std::sort(all.begin(), all.end());
    turns = {std::move(all)};
  }
  const auto middle = [&](auto statistic) {
    std::vector<double> figures;
    for (const std::vector<double>& turn : turns) figures.push_back(statistic(turn));
    return detail::median_of(std::move(figures));
  };
  const auto at = [&](double p) {
    return middle([p](const std::vector<double>& turn) { return percentile(std::span<const double>(turn), p); });
  };
  const double mean = middle([](const std::vector<double>& turn) {
    return std::accumulate(turn.begin(), turn.end(), 0.0) / static_cast<double>(turn.size());
  });
  return {instances, threads, detail::median_of(medians), at(0.0), mean, at(0.9), at(0.95), at(0.99), at(0.999)};
}

}  // namespace fulcrum

#endif
