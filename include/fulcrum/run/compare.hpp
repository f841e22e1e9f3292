#pragma once
/// \file
/// A prediction against a measurement, and a run against an earlier one.

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <fulcrum/core/error.hpp>
#include <fulcrum/core/linkage.hpp>
#include <fulcrum/run/latency_report.hpp>
#include <fulcrum/run/rank_test.hpp>

namespace fulcrum {

/// How far a prediction is off: predicted / measured − 1. −0.1 is ten percent too low.
struct PredictionError {
  double p50 = 0.0;
  double p99 = 0.0;
  double throughput = 0.0;
};

/// \throws Error when the two are not of the same model and configuration, or the measurement holds no time
FULCRUM_DECLARE [[nodiscard]] PredictionError compare(const LatencyReport& predicted, const LatencyReport& measured);

/// A layer of two reports; null where one of them lacks it.
struct LayerPair {
  const StepLatency* first = nullptr;
  const StepLatency* second = nullptr;
};

/// The layers of two reports side by side, matched by name and kind: those of the second in their order, then what only
/// the first has. Points into both.
FULCRUM_DECLARE [[nodiscard]] std::vector<LayerPair> pair_layers(const LatencyReport& first,
                                                                 const LatencyReport& second);

enum class Verdict : std::uint8_t {
  no_regression,
  regression,
  too_noisy,  ///< to tell
};

/// "no_regression", "regression", "too_noisy"
[[nodiscard]] constexpr std::string_view name_of(Verdict verdict) noexcept {
  switch (verdict) {
    case Verdict::no_regression: return "no_regression";
    case Verdict::regression: return "regression";
    case Verdict::too_noisy: return "too_noisy";
  }
  return "?";
}

/// From … to.
struct Interval {
  double low = 0.0;
  double high = 0.0;
};

/// One figure of two runs.
struct FigureChange {
  double baseline = 0.0;
  double current = 0.0;
  double ratio = 1.0;             ///< current / baseline: how much has changed
  std::optional<Interval> noise;  ///< where the ratio may lie as well; absent when that is not known
  /// The chance that repetitions without a difference lie so far on the worse side; absent when the noise is not known
  /// or there is none.
  std::optional<double> p_value;
  /// The chance that a repetition of the current run is worse than one of the baseline: 0.5 where there is no
  /// difference. Absent as the p-value.
  std::optional<double> chance_worse;
  std::optional<Verdict> verdict;  ///< absent when the figure is not judged
};

/// One layer of two runs: its median latency. Their noise is not known.
struct LayerChange {
  std::string name;
  std::string kind;
  std::optional<Milliseconds> baseline;  ///< absent when the layer is new
  std::optional<Milliseconds> current;   ///< absent when the layer is gone
};

/// A run against an earlier one.
struct RunComparison {
  double fail_above = 0.0;  ///< what was allowed: 0.05 is a slowdown of five percent
  FigureChange p50;         ///< [ms]
  FigureChange p99;         ///< [ms]
  FigureChange throughput;  ///< [samples/s]
  std::vector<LayerChange> layers;
  std::vector<std::string> notes;  ///< what else differs between the two, and what the reports say of themselves
  Verdict verdict = Verdict::no_regression;
};

namespace detail {

/// Fewest blocks that say something of noise. With them or more in both runs, 95 % of the pairs on one side pass a
/// Mann-Whitney test at a level of 1 % or a stricter one.
inline constexpr std::size_t fewest_blocks = 5;

/// What a figure was in each block of a run. A prediction is one block, since it has no noise. Empty: not known.
template <class Figure>
std::vector<double> block_figures(const LatencyReport& report, Figure figure) {
  if (report.kind == ReportKind::predicted)
    return {figure(RunBlock{report.latency.p50, report.latency.p99, report.throughput_per_s})};
  std::vector<double> figures;
  if (report.blocks.size() < fewest_blocks) return figures;
  for (const RunBlock& block : report.blocks) {
    const double value = figure(block);
    if (!(value > 0.0) || !std::isfinite(value)) return {};
    figures.push_back(value);
  }
  return figures;
}

/// The ratios of all pairs of blocks, one of each run, without a twentieth at either end.
FULCRUM_DECLARE std::optional<Interval> ratio_noise(const std::vector<double>& baseline,
                                                    const std::vector<double>& current, double ratio);

/// \param slowdown  how many times as slow the current run is: the ratio of a latency, its inverse of a throughput
/// \param noise     of the slowdown
FULCRUM_DECLARE Verdict verdict_of(double slowdown, const std::optional<Interval>& noise, double fail_above);

/// Fills p_value and chance_worse from repetitions of both runs.
/// \param sign  1: larger is worse; −1: smaller is
FULCRUM_DECLARE void fill_tests(FigureChange& change, std::vector<double> baseline, std::vector<double> current,
                                double sign);

FULCRUM_DECLARE FigureChange latency_change(const LatencyReport& baseline, const LatencyReport& current,
                                            double fail_above, Milliseconds LatencyStatistics::*whole,
                                            Milliseconds RunBlock::*part);

FULCRUM_DECLARE FigureChange throughput_change(const LatencyReport& baseline, const LatencyReport& current,
                                               double fail_above);

/// What else differs between two runs, so that the reader does not take it for a change of the code.
FULCRUM_DECLARE void append_difference_notes(std::vector<std::string>& notes, const LatencyReport& baseline,
                                             const LatencyReport& current);

}  // namespace detail

/// How a run differs from an earlier one, and whether that is a regression.
///
/// The noise of a ratio is what the ratios of pairs of blocks are, one of each run: the middle 90 % of them. It does
/// not shrink with the number of blocks as the error of a mean would: between two runs a machine drifts at least as far
/// as within one, and that does not average out over a run.
///
/// Besides, each figure has the p-value of the test of Mann and Whitney on the blocks and the chance that a block of
/// the current run is worse (rank_test.hpp). Blocks of one run are no independent samples, so these say how clear the
/// difference is, and the noise above decides.
///
/// A figure is a regression when it is worse by more than `fail_above` and nothing within its noise is as good as
/// before; no regression when nothing within its noise is worse by more than `fail_above`; otherwise too noisy to tell.
/// A measured figure whose noise is not known (fewer than 5 blocks) is too noisy. The comparison is a regression when
/// one of its figures is; else what the median is: p99 and throughput feel every interruption, and would hardly ever
/// let a comparison pass. Where the current run was interrupted (was_interrupted()), one of these two that is worse is
/// too noisy, and so is the comparison unless the median is a regression. p99 is judged where each measured run has
/// 1000 samples or more.
///
/// \param fail_above  slowdown that is allowed, as a share: 0.05 is five percent; ≥ 0
/// \throws Error when the two are of different models or batch sizes, or one holds no times
FULCRUM_DECLARE [[nodiscard]] RunComparison compare_runs(const LatencyReport& baseline, const LatencyReport& current,
                                                         double fail_above = 0.05);

}  // namespace fulcrum

#if FULCRUM_DEFINES(run)

namespace fulcrum {

FULCRUM_DEFINE PredictionError compare(const LatencyReport& predicted, const LatencyReport& measured) {
  // By whose costs it was judged where sparse products pay is no setting: rows say which ran sparse.
  RunConfig asked = predicted.config;
  asked.algorithms.sparse_costs = measured.config.algorithms.sparse_costs;
  if (predicted.model != measured.model || !(asked == measured.config)) {
    throw Error("compare",
                "was given " + predicted.model + " (" + to_string(predicted.config) + ") and " + measured.model + " (" +
                    to_string(measured.config) + ")",
                "compare reports of one model in one configuration");
  }
  if (measured.latency.p50.count() <= 0.0 || measured.latency.p99.count() <= 0.0 || measured.throughput_per_s <= 0.0)
    throw Error("compare", "was given a measurement without times");
  return {predicted.latency.p50 / measured.latency.p50 - 1.0, predicted.latency.p99 / measured.latency.p99 - 1.0,
          predicted.throughput_per_s / measured.throughput_per_s - 1.0};
}

FULCRUM_DEFINE std::vector<LayerPair> pair_layers(const LatencyReport& first, const LatencyReport& second) {
  using Key = std::pair<std::string_view, std::string_view>;
  std::multimap<Key, const StepLatency*> left;
  for (const StepLatency& layer : first.layers) left.emplace(Key(layer.name, layer.kind), &layer);
  std::vector<LayerPair> pairs;
  const auto take = [&](const StepLatency& layer) -> const StepLatency* {
    const auto found = left.find(Key(layer.name, layer.kind));
    return found == left.end() ? nullptr : left.extract(found).mapped();
  };
  for (const StepLatency& layer : second.layers) pairs.push_back({take(layer), &layer});
  for (const StepLatency& layer : first.layers) {
    if (const StepLatency* unmatched = take(layer)) pairs.push_back({unmatched, nullptr});
  }
  return pairs;
}

}  // namespace fulcrum

namespace fulcrum::detail {

FULCRUM_DEFINE std::optional<Interval> ratio_noise(const std::vector<double>& baseline,
                                                   const std::vector<double>& current, double ratio) {
  if (baseline.empty() || current.empty()) return std::nullopt;
  std::vector<double> ratios;
  for (const double b : baseline) {
    for (const double c : current) ratios.push_back(c / b);
  }
  std::sort(ratios.begin(), ratios.end());
  const std::size_t cut = ratios.size() / 20;
  // The figure of a whole run may lie beside those of its blocks.
  return Interval{std::min(ratio, ratios[cut]), std::max(ratio, ratios[ratios.size() - 1 - cut])};
}

FULCRUM_DEFINE Verdict verdict_of(double slowdown, const std::optional<Interval>& noise, double fail_above) {
  if (!noise) return Verdict::too_noisy;
  if (slowdown > 1.0 + fail_above && noise->low > 1.0) return Verdict::regression;
  return noise->high <= 1.0 + fail_above ? Verdict::no_regression : Verdict::too_noisy;
}

FULCRUM_DEFINE void fill_tests(FigureChange& change, std::vector<double> baseline, std::vector<double> current,
                               double sign) {
  if (baseline.size() < fewest_blocks || current.size() < fewest_blocks) return;
  for (std::vector<double>* values : {&baseline, &current}) {
    for (double& value : *values) value *= sign;
  }
  change.p_value = mann_whitney_above(current, baseline);
  change.chance_worse = chance_above(current, baseline);
}

FULCRUM_DEFINE FigureChange latency_change(const LatencyReport& baseline, const LatencyReport& current,
                                           double fail_above, Milliseconds LatencyStatistics::*whole,
                                           Milliseconds RunBlock::*part) {
  const auto figure = [part](const RunBlock& block) { return (block.*part).count(); };
  FigureChange change;
  change.baseline = (baseline.latency.*whole).count();
  change.current = (current.latency.*whole).count();
  change.ratio = change.current / change.baseline;
  change.noise = ratio_noise(block_figures(baseline, figure), block_figures(current, figure), change.ratio);
  fill_tests(change, block_figures(baseline, figure), block_figures(current, figure), 1.0);
  change.verdict = verdict_of(change.ratio, change.noise, fail_above);
  return change;
}

FULCRUM_DEFINE FigureChange throughput_change(const LatencyReport& baseline, const LatencyReport& current,
                                              double fail_above) {
  const auto figure = [](const RunBlock& block) { return block.throughput_per_s; };
  FigureChange change;
  change.baseline = baseline.throughput_per_s;
  change.current = current.throughput_per_s;
  change.ratio = change.current / change.baseline;
  change.noise = ratio_noise(block_figures(baseline, figure), block_figures(current, figure), change.ratio);
  fill_tests(change, block_figures(baseline, figure), block_figures(current, figure), -1.0);
  std::optional<Interval> slowdowns;
  if (change.noise) slowdowns = {1.0 / change.noise->high, 1.0 / change.noise->low};
  change.verdict = verdict_of(1.0 / change.ratio, slowdowns, fail_above);
  return change;
}

FULCRUM_DEFINE void append_difference_notes(std::vector<std::string>& notes, const LatencyReport& baseline,
                                            const LatencyReport& current) {
  const auto differ = [&](const std::string& what, const std::string& was, const std::string& is,
                          const std::string& advice = {}) {
    if (was != is) notes.push_back(what + " differ: baseline " + was + ", new " + is + advice);
  };
  if (baseline.kind != current.kind) {
    notes.push_back("the " + std::string(baseline.kind == ReportKind::predicted ? "baseline" : "new report") +
                    " is a prediction: the difference is its error as much as a change");
  } else if (baseline.kind == ReportKind::predicted) {
    notes.push_back("both are predictions: there is no noise, and every difference counts");
  }
  differ("the configurations", to_string(baseline.config), to_string(current.config));
  const Environment& was = baseline.environment;
  const Environment& is = current.environment;
  const auto cpu = [](const Environment& e) {
    return e.cpu + " (" + e.isa + "), " + std::to_string(e.cores) + " cores";
  };
  differ("the machines", cpu(was), cpu(is), "; measure both on one to compare more than the machines");
  const auto quota = [](const Environment& e) { return std::to_string(e.cpu_quota); };
  differ("the CPU quotas of the containers", quota(was), quota(is));
  std::map<std::string, std::pair<std::string, std::string>> versions;
  for (const auto& [name, version] : was.versions) versions[name].first = version;
  for (const auto& [name, version] : is.versions) versions[name].second = version;
  for (const auto& [name, both] : versions) {
    const auto known = [](const std::string& version) { return version.empty() ? std::string("none") : version; };
    differ("the versions of " + name, known(both.first), known(both.second));
  }
}

}  // namespace fulcrum::detail

namespace fulcrum {

FULCRUM_DEFINE RunComparison compare_runs(const LatencyReport& baseline, const LatencyReport& current,
                                          double fail_above) {
  if (!(fail_above >= 0.0) || !std::isfinite(fail_above))
    throw Error("slowdown to allow", "is " + std::to_string(fail_above), "give a share of 0 or more");
  if (baseline.model != current.model || baseline.config.batch != current.config.batch) {
    const auto text = [](const LatencyReport& r) { return r.model + " at batch " + std::to_string(r.config.batch); };
    throw Error("compare", "was given " + text(baseline) + " and " + text(current),
                "compare reports of one model and one batch size");
  }
  for (const LatencyReport* report : {&baseline, &current}) {
    const auto positive = [](double figure) { return figure > 0.0 && std::isfinite(figure); };
    if (!positive(report->latency.p50.count()) || !positive(report->latency.p99.count()) ||
        !positive(report->throughput_per_s))
      throw Error("compare", "was given a report without times", "measure again");
  }

  RunComparison result;
  result.fail_above = fail_above;
  result.p50 = detail::latency_change(baseline, current, fail_above, &LatencyStatistics::p50, &RunBlock::p50);
  result.p99 = detail::latency_change(baseline, current, fail_above, &LatencyStatistics::p99, &RunBlock::p99);
  result.throughput = detail::throughput_change(baseline, current, fail_above);
  detail::append_difference_notes(result.notes, baseline, current);

  for (const auto& [report, name] : {std::pair(&baseline, "baseline"), std::pair(&current, "new")}) {
    if (report->kind != ReportKind::measured) continue;
    constexpr std::int64_t fewest_samples = 1000;
    if (report->latency.samples < fewest_samples && result.p99.verdict) {
      result.p99.verdict.reset();
      result.notes.push_back(std::string(name) + ": has " + std::to_string(report->latency.samples) +
                             " samples of the " + std::to_string(fewest_samples) +
                             " that p99 takes, which is not judged");
    }
    if (report->blocks.size() < detail::fewest_blocks) {
      result.notes.push_back(std::string(name) + ": its noise is not known, since it has " +
                             std::to_string(report->blocks.size()) + " blocks of the " +
                             std::to_string(detail::fewest_blocks) + " that this takes; measure it again");
    }
    for (const std::string& note : report->notes) result.notes.push_back(std::string(name) + ": " + note);
  }
  for (const LayerPair& pair : pair_layers(baseline, current)) {
    const StepLatency& layer = pair.second != nullptr ? *pair.second : *pair.first;
    LayerChange change{layer.name, layer.kind, {}, {}};
    if (pair.first != nullptr) change.baseline = pair.first->latency;
    if (pair.second != nullptr) change.current = pair.second->latency;
    result.layers.push_back(std::move(change));
  }

  result.verdict = *result.p50.verdict;
  for (FigureChange* figure : {&result.p99, &result.throughput}) {
    if (figure->verdict != Verdict::regression) continue;
    if (was_interrupted(current.latency)) figure->verdict = Verdict::too_noisy;
    if (result.verdict != Verdict::regression) result.verdict = *figure->verdict;
  }
  return result;
}

}  // namespace fulcrum

#endif
