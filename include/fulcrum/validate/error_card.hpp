#pragma once
/// \file
/// The error card: how good a cost model is on a machine, from a Validation. Pure arithmetic.

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <fulcrum/core/linkage.hpp>
#include <fulcrum/cost/error_summary.hpp>
#include <fulcrum/validate/statistics.hpp>
#include <fulcrum/validate/validation.hpp>

namespace fulcrum {

/// Errors of the cases that have something in common.
struct GroupErrors {
  std::string label;  ///< "resnet18", "int8", "batch 4", "1 thread, 2 instances"
  ErrorFigures figures;
};

/// Errors of the steps of a kernel class, over all cases. Only steps that were predicted and ran count.
struct KernelErrors {
  std::string kernel;
  std::int64_t steps = 0;
  double share = 0.0;     ///< of the measured time of all steps
  double bias = 0.0;      ///< Σ predicted / Σ measured − 1, every case weighing the same
  double absolute = 0.0;  ///< Σ |predicted − measured| / Σ measured, every case weighing the same
};

/// How often the better of several ways was named, where they differ by more than 10 % as measured.
struct ChoiceRate {
  std::int64_t decided = 0;
  std::int64_t right = 0;
};

/// How often a measured figure lay in its predicted range.
struct Coverage {
  std::int64_t cases = 0;
  double share = 0.0;  ///< [0, 1]
};

struct ErrorCard {
  ErrorFigures p50;  ///< errors of medians over all complete cases
  std::optional<ErrorFigures>
      at_present_speed;            ///< of the same predictions, scaled to the machine's speed in each round
  std::int64_t skipped = 0;        ///< cases that could not be predicted or measured
  std::int64_t p99_cases = 0;      ///< with enough samples for a 99th percentile (fewest_p99_samples a round)
  double p99_within_25 = 0.0;      ///< share of them with an error of at most ±25 %
  std::optional<double> spearman;  ///< rank correlation of predicted and measured medians
  std::optional<Coverage> p50_coverage;
  std::optional<Coverage> p99_coverage;
  ChoiceRate arrangement;  ///< of threads and instances on as many cores, by throughput
  ChoiceRate precision;    ///< the fastest one, by median latency
  /// Spread of a case's medians between rounds (relative_spread()): the machine's own noise, below which no error of a
  /// prediction can be told. Median and 90th percentile over the cases; absent with fewer than two rounds.
  std::optional<double> noise;
  std::optional<double> noise_p90;
  std::vector<GroupErrors> by_model, by_precision, by_batch, by_arrangement;
  std::vector<KernelErrors> kernels;  ///< by falling share
  double unpredicted_share = 0.0;     ///< of the measured time of steps: in steps that were not predicted
  double unrealized_share = 0.0;      ///< of the predicted time of steps: in steps that did not run
  double outside_predicted =
      0.0;  ///< time between steps in parts of the measured median: mean over the cases, as predicted
  double outside_measured = 0.0;   ///< and as measured; below 0 where timing the steps by themselves slows them down
  std::vector<std::size_t> worst;  ///< complete cases by falling size of error, at most worst_cases
};

/// Below this a round's 99th percentile is little more than its maximum.
inline constexpr std::int64_t fewest_p99_samples = 100;
inline constexpr std::size_t worst_cases = 5;
/// Ways that differ by less are as good as each other.
inline constexpr double choice_margin = 0.10;

FULCRUM_DECLARE [[nodiscard]] ErrorCard error_card(const Validation& validation);

/// The steps of a case that contribute most to its error, by falling |predicted − measured|; an absent time counts as
/// 0.
FULCRUM_DECLARE [[nodiscard]] std::vector<ValidatedStep> worst_steps(const ValidationCase& of, std::size_t count);

/// What a profile keeps of it: errors by precision and batch.
FULCRUM_DECLARE [[nodiscard]] ErrorSummary error_summary(const Validation& validation);

}  // namespace fulcrum

#if FULCRUM_DEFINES(validate)

namespace fulcrum::detail {

FULCRUM_DECLARE std::string arrangement_label(const RunConfig& config) {
  return std::to_string(config.threads) + (config.threads == 1 ? " thread, " : " threads, ") +
         std::to_string(config.instances) + (config.instances == 1 ? " instance" : " instances");
}

/// Errors of the complete cases by a label, in the order in which labels appear.
template <class Label>
std::vector<GroupErrors> grouped_errors(const std::vector<const ValidationCase*>& cases, Label label) {
  std::vector<std::pair<std::string, std::vector<double>>> groups;
  for (const ValidationCase* c : cases) {
    const std::string name = label(*c);
    auto at = std::find_if(groups.begin(), groups.end(), [&](const auto& g) { return g.first == name; });
    if (at == groups.end()) at = groups.insert(groups.end(), {name, {}});
    at->second.push_back(1.0 + c->error());
  }
  std::vector<GroupErrors> result;
  for (const auto& [name, ratios] : groups) result.push_back({name, error_figures(ratios)});
  return result;
}

/// For every set of cases with the same key: whether the one that is best as predicted is at most choice_margin behind
/// the best as measured. Sets where the best and the worst are closer than that decide nothing.
template <class Key, class Predicted, class Measured>
ChoiceRate choice_rate(const std::vector<const ValidationCase*>& cases, Key key, Predicted predicted,
                       Measured measured) {
  std::map<std::string, std::vector<const ValidationCase*>> sets;
  for (const ValidationCase* c : cases) sets[key(*c)].push_back(c);
  ChoiceRate rate;
  for (const auto& [name, set] : sets) {
    const auto less = [](auto figure) {
      return [figure](const ValidationCase* a, const ValidationCase* b) { return figure(*a) < figure(*b); };
    };
    const auto [worst, best] = std::minmax_element(set.begin(), set.end(), less(measured));
    if (measured(**best) <= (1.0 + choice_margin) * measured(**worst)) continue;
    const ValidationCase& named = **std::max_element(set.begin(), set.end(), less(predicted));
    ++rate.decided;
    if ((1.0 + choice_margin) * measured(named) >= measured(**best)) ++rate.right;
  }
  return rate;
}

FULCRUM_DECLARE Coverage covered(const std::vector<const ValidationCase*>& cases,
                                 std::optional<PredictedRange> ValidationCase::*range,
                                 double (ValidationCase::*measured)() const) {
  Coverage coverage;
  std::int64_t inside = 0;
  for (const ValidationCase* c : cases) {
    if (!(c->*range)) continue;
    ++coverage.cases;
    const double value = (c->*measured)();
    inside += (c->*range)->low_ms <= value && value <= (c->*range)->high_ms ? 1 : 0;
  }
  if (coverage.cases > 0) coverage.share = static_cast<double>(inside) / static_cast<double>(coverage.cases);
  return coverage;
}

/// Kernel classes and the shares of unmatched steps. Each case weighs the same, whatever its length: its steps count in
/// parts of its measured time.
FULCRUM_DECLARE void add_kernels(ErrorCard& card, const std::vector<const ValidationCase*>& cases) {
  struct Sums {
    std::int64_t steps = 0;
    double predicted = 0.0, measured = 0.0, absolute = 0.0;
  };
  std::map<std::string, Sums> kernels;
  double measured = 0.0;
  double predicted = 0.0;
  double unpredicted = 0.0;
  double unrealized = 0.0;
  double counted = 0.0;
  for (const ValidationCase* c : cases) {
    double whole = 0.0;
    double whole_predicted = 0.0;
    for (const ValidatedStep& step : c->steps) {
      whole += step.measured_us.value_or(0.0);
      whole_predicted += step.predicted_us.value_or(0.0);
    }
    if (!(whole > 0.0)) continue;
    const double median_us = 1e3 * c->measured_p50_ms();
    counted += 1.0;
    card.outside_predicted += (1e3 * c->predicted_p50_ms - whole_predicted) / median_us;
    card.outside_measured += 1.0 - whole / median_us;
    for (const ValidatedStep& step : c->steps) {
      const double m = step.measured_us.value_or(0.0) / whole;
      const double p = step.predicted_us.value_or(0.0) / whole;
      measured += m;
      predicted += p;
      if (!step.predicted_us) {
        unpredicted += m;
      } else if (!step.measured_us) {
        unrealized += p;
      } else {
        Sums& sums = kernels[step.kernel];
        ++sums.steps;
        sums.predicted += p;
        sums.measured += m;
        sums.absolute += std::abs(p - m);
      }
    }
  }
  if (!(measured > 0.0)) return;
  card.outside_predicted /= counted;
  card.outside_measured /= counted;
  card.unpredicted_share = unpredicted / measured;
  card.unrealized_share = predicted > 0.0 ? unrealized / predicted : 0.0;
  for (const auto& [kernel, sums] : kernels) {
    if (!(sums.measured > 0.0)) continue;
    card.kernels.push_back({kernel, sums.steps, sums.measured / measured, sums.predicted / sums.measured - 1.0,
                            sums.absolute / sums.measured});
  }
  std::sort(card.kernels.begin(), card.kernels.end(),
            [](const KernelErrors& a, const KernelErrors& b) { return a.share > b.share; });
}

FULCRUM_DECLARE void add_noise(ErrorCard& card, const std::vector<const ValidationCase*>& cases) {
  std::vector<double> spreads;
  for (const ValidationCase* c : cases) {
    std::vector<double> medians;
    for (const ValidationRound& round : c->rounds) medians.push_back(round.p50_ms);
    if (const auto spread = relative_spread(medians)) spreads.push_back(*spread);
  }
  if (spreads.empty()) return;
  std::sort(spreads.begin(), spreads.end());
  card.noise = median_of_figures(spreads);
  card.noise_p90 = spreads[std::min(spreads.size() - 1, spreads.size() * 9 / 10)];
}

FULCRUM_DECLARE std::vector<const ValidationCase*> complete_cases(const Validation& validation) {
  std::vector<const ValidationCase*> cases;
  for (const ValidationCase& c : validation.cases) {
    if (c.complete()) cases.push_back(&c);
  }
  return cases;
}

}  // namespace fulcrum::detail

namespace fulcrum {

FULCRUM_DEFINE ErrorCard error_card(const Validation& validation) {
  using detail::arrangement_label;
  const std::vector<const ValidationCase*> cases = detail::complete_cases(validation);
  ErrorCard card;
  card.skipped = static_cast<std::int64_t>(validation.cases.size() - cases.size());
  std::vector<double> scaled;
  std::vector<double> ratios, p99_ratios, predicted, measured;
  for (const ValidationCase* c : cases) {
    predicted.push_back(c->predicted_p50_ms);
    measured.push_back(c->measured_p50_ms());
    ratios.push_back(predicted.back() / measured.back());
    if (const auto error = c->error_at_present_speed()) scaled.push_back(1.0 + *error);
    const bool enough = std::all_of(c->rounds.begin(), c->rounds.end(),
                                    [](const ValidationRound& r) { return r.samples >= fewest_p99_samples; });
    if (enough) p99_ratios.push_back(c->predicted_p99_ms / c->measured_p99_ms());
  }
  card.p50 = error_figures(ratios);
  if (!scaled.empty()) card.at_present_speed = error_figures(scaled);
  card.p99_cases = static_cast<std::int64_t>(p99_ratios.size());
  card.p99_within_25 = share_within(p99_ratios, 0.25);
  card.spearman = spearman(predicted, measured);
  if (const Coverage c = detail::covered(cases, &ValidationCase::p50_range, &ValidationCase::measured_p50_ms);
      c.cases > 0)
    card.p50_coverage = c;
  if (const Coverage c = detail::covered(cases, &ValidationCase::p99_range, &ValidationCase::measured_p99_ms);
      c.cases > 0)
    card.p99_coverage = c;

  const auto batch = [](const ValidationCase& c) { return "batch " + std::to_string(c.config.batch); };
  const auto precision = [](const ValidationCase& c) { return std::string(name_of(c.config.precision)); };
  const auto arrangement = [](const ValidationCase& c) { return arrangement_label(c.config); };
  card.by_model = detail::grouped_errors(cases, [](const ValidationCase& c) { return c.model; });
  card.by_precision = detail::grouped_errors(cases, precision);
  card.by_batch = detail::grouped_errors(cases, batch);
  card.by_arrangement = detail::grouped_errors(cases, arrangement);

  card.arrangement = detail::choice_rate(
      cases,
      [&](const ValidationCase& c) {
        const int cores = c.config.threads * c.config.instances;
        return c.model + "\n" + batch(c) + "\n" + precision(c) + "\n" + std::to_string(cores);
      },
      [](const ValidationCase& c) { return c.predicted_throughput_per_s; },
      [](const ValidationCase& c) { return c.measured_throughput_per_s(); });
  card.precision = detail::choice_rate(
      cases, [&](const ValidationCase& c) { return c.model + "\n" + batch(c) + "\n" + arrangement(c); },
      [](const ValidationCase& c) { return 1.0 / c.predicted_p50_ms; },
      [](const ValidationCase& c) { return 1.0 / c.measured_p50_ms(); });

  detail::add_kernels(card, cases);
  detail::add_noise(card, cases);
  for (std::size_t i = 0; i < validation.cases.size(); ++i) {
    if (validation.cases[i].complete()) card.worst.push_back(i);
  }
  std::stable_sort(card.worst.begin(), card.worst.end(), [&](std::size_t a, std::size_t b) {
    return std::abs(validation.cases[a].error()) > std::abs(validation.cases[b].error());
  });
  if (card.worst.size() > worst_cases) card.worst.resize(worst_cases);
  return card;
}

FULCRUM_DEFINE std::vector<ValidatedStep> worst_steps(const ValidationCase& of, std::size_t count) {
  std::vector<ValidatedStep> steps = of.steps;
  const auto off = [](const ValidatedStep& s) {
    return std::abs(s.predicted_us.value_or(0.0) - s.measured_us.value_or(0.0));
  };
  std::stable_sort(steps.begin(), steps.end(),
                   [&](const ValidatedStep& a, const ValidatedStep& b) { return off(a) > off(b); });
  if (steps.size() > count) steps.resize(count);
  return steps;
}

FULCRUM_DEFINE ErrorSummary error_summary(const Validation& validation) {
  std::map<std::pair<Precision, std::int64_t>, std::vector<double>> groups;
  for (const ValidationCase* c : detail::complete_cases(validation))
    groups[{c->config.precision, c->config.batch}].push_back(1.0 + c->error());
  ErrorSummary summary;
  summary.created_utc = validation.created_utc;
  for (const auto& [key, ratios] : groups) {
    const ErrorFigures figures = error_figures(ratios);
    summary.groups.push_back(
        {key.first, key.second, figures.cases, figures.within_10, figures.within_20, figures.mape, figures.bias});
  }
  return summary;
}

}  // namespace fulcrum

#endif
