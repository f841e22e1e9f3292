#pragma once
/// \file
/// Two models, or two versions of one, that were measured in turns.

#include <span>

#include <fulcrum/core/linkage.hpp>
#include <fulcrum/run/compare.hpp>

namespace fulcrum {

/// Fewest rounds that a verdict takes: with fewer the test cannot reach its level of 1 %.
inline constexpr int fewest_rounds = 7;

/// Whether the current model is slower than the baseline, from rounds in which both ran one after the other, so that
/// the machine's drift meets both and leaves their ratio alone.
///
/// The change of a figure is the median of the rounds' ratios, its noise where all but the outermost ratios lie that a
/// 98 % interval of a median (by order statistics) may leave out. A figure is a regression when that median is worse by
/// more than `fail_above` and Wilcoxon's signed-rank test says at a level of 1 % that it is worse at all; no regression
/// when the same test says that it is not worse by `fail_above`; otherwise too noisy to tell. The comparison is what
/// its median latency is; p99 is judged where both have 1000 samples in all rounds together, and it and the throughput
/// make a comparison fail that the median would pass when they are regressions and the current rounds were not
/// interrupted.
///
/// \param baseline, current  one report a round each, in the order of the rounds; as many of both, fewest_rounds or
/// more
/// \param fail_above         slowdown that is allowed, as a share; ≥ 0
/// \throws Error when there are too few
/// rounds, they do not match, batch sizes differ, or a report holds no times
FULCRUM_DECLARE [[nodiscard]] RunComparison compare_rounds(std::span<const LatencyReport> baseline,
                                                           std::span<const LatencyReport> current,
                                                           double fail_above = 0.05);

}  // namespace fulcrum

#if FULCRUM_DEFINES(run)

namespace fulcrum::detail {

FULCRUM_DECLARE double middle_value(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  const std::size_t half = values.size() / 2;
  return values.size() % 2 == 1 ? values[half] : 0.5 * (values[half - 1] + values[half]);
}

/// How many values at each end of n sorted ones an interval leaves out that holds their median with a confidence of
/// 98 %: the largest k with P(Binomial(n, ½) < k) ≤ 1 %.
FULCRUM_DECLARE std::size_t left_out_of_median(std::size_t n) {
  double term = std::exp2(-static_cast<double>(n));
  double below = 0.0;
  for (std::size_t k = 0; k < n / 2; ++k) {
    below += term;
    if (below > 0.01) return k;
    term *= static_cast<double>(n - k) / static_cast<double>(k + 1);
  }
  return 0;
}

/// \param sign  1: larger is worse; −1: smaller is
template <class Figure>
FigureChange paired_change(std::span<const LatencyReport> baseline, std::span<const LatencyReport> current,
                           double fail_above, double sign, Figure figure) {
  std::vector<double> was, is, ratios, worse, within;
  for (std::size_t i = 0; i < baseline.size(); ++i) {
    was.push_back(figure(baseline[i]));
    is.push_back(figure(current[i]));
    ratios.push_back(is.back() / was.back());
    worse.push_back(sign * std::log(ratios.back()));
    within.push_back(std::log1p(fail_above) - worse.back());
  }
  FigureChange change;
  change.baseline = middle_value(was);
  change.current = middle_value(is);
  change.ratio = middle_value(ratios);
  change.p_value = signed_rank_above(worse);
  change.chance_worse = chance_above(worse, std::vector<double>{0.0});
  std::sort(ratios.begin(), ratios.end());
  const std::size_t out = left_out_of_median(ratios.size());
  change.noise = Interval{ratios[out], ratios[ratios.size() - 1 - out]};
  constexpr double level = 0.01;
  const double slowdown = sign > 0.0 ? change.ratio : 1.0 / change.ratio;
  if (slowdown > 1.0 + fail_above && *change.p_value <= level)
    change.verdict = Verdict::regression;
  else
    change.verdict = signed_rank_above(within) <= level ? Verdict::no_regression : Verdict::too_noisy;
  return change;
}

}  // namespace fulcrum::detail

namespace fulcrum {

FULCRUM_DEFINE RunComparison compare_rounds(std::span<const LatencyReport> baseline,
                                            std::span<const LatencyReport> current, double fail_above) {
  if (!(fail_above >= 0.0) || !std::isfinite(fail_above))
    throw Error("slowdown to allow", "is " + std::to_string(fail_above), "give a share of 0 or more");
  if (baseline.size() != current.size() || baseline.size() < static_cast<std::size_t>(fewest_rounds)) {
    throw Error("compare_rounds",
                "was given " + std::to_string(baseline.size()) + " and " + std::to_string(current.size()) + " rounds",
                "give " + std::to_string(fewest_rounds) + " or more of both");
  }
  std::int64_t samples = std::numeric_limits<std::int64_t>::max();
  bool interrupted = false;
  for (const std::span<const LatencyReport> rounds : {baseline, current}) {
    std::int64_t all = 0;
    for (const LatencyReport& round : rounds) {
      const auto positive = [](double figure) { return figure > 0.0 && std::isfinite(figure); };
      if (!positive(round.latency.p50.count()) || !positive(round.latency.p99.count()) ||
          !positive(round.throughput_per_s))
        throw Error("compare_rounds", "was given a report without times", "measure again");
      if (round.config.batch != baseline.front().config.batch)
        throw Error("compare_rounds", "was given rounds of different batch sizes", "measure both with one");
      all += round.latency.samples;
    }
    samples = std::min(samples, all);
  }
  for (const LatencyReport& round : current) interrupted = interrupted || was_interrupted(round.latency);

  const auto p50 = [](const LatencyReport& r) { return r.latency.p50.count(); };
  const auto p99 = [](const LatencyReport& r) { return r.latency.p99.count(); };
  const auto throughput = [](const LatencyReport& r) { return r.throughput_per_s; };
  RunComparison result;
  result.fail_above = fail_above;
  result.p50 = detail::paired_change(baseline, current, fail_above, 1.0, p50);
  result.p99 = detail::paired_change(baseline, current, fail_above, 1.0, p99);
  result.throughput = detail::paired_change(baseline, current, fail_above, -1.0, throughput);
  detail::append_difference_notes(result.notes, baseline.front(), current.front());
  result.notes.push_back("both ran in turns, " + std::to_string(baseline.size()) + " times each");
  constexpr std::int64_t fewest_samples = 1000;
  if (samples < fewest_samples) {
    result.p99.verdict.reset();
    result.notes.push_back("p99 is not judged: it takes " + std::to_string(fewest_samples) +
                           " samples, and there are " + std::to_string(samples));
  }
  const auto layer_time = [](std::span<const LatencyReport> rounds, const StepLatency& layer) {
    std::vector<double> times;
    for (const LatencyReport& round : rounds) {
      for (const StepLatency& other : round.layers) {
        if (other.name == layer.name && other.kind == layer.kind) times.push_back(other.latency.count());
      }
    }
    return Milliseconds(times.empty() ? 0.0 : detail::middle_value(std::move(times)));
  };
  for (const LayerPair& pair : pair_layers(baseline.front(), current.front())) {
    const StepLatency& layer = pair.second != nullptr ? *pair.second : *pair.first;
    LayerChange change{layer.name, layer.kind, {}, {}};
    if (pair.first != nullptr) change.baseline = layer_time(baseline, layer);
    if (pair.second != nullptr) change.current = layer_time(current, layer);
    result.layers.push_back(std::move(change));
  }
  result.verdict = *result.p50.verdict;
  for (FigureChange* figure : {&result.p99, &result.throughput}) {
    if (figure->verdict != Verdict::regression) continue;
    if (interrupted) figure->verdict = Verdict::too_noisy;
    if (result.verdict != Verdict::regression) result.verdict = *figure->verdict;
  }
  return result;
}

}  // namespace fulcrum

#endif
