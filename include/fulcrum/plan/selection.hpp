#pragma once
/// \file
/// Which candidates are worth measuring, judged by their predictions.

#include <algorithm>
#include <cstddef>
#include <optional>
#include <span>
#include <string>
#include <tuple>
#include <vector>

#include <fulcrum/core/linkage.hpp>
#include <fulcrum/plan/front.hpp>
#include <fulcrum/plan/objective.hpp>

namespace fulcrum {

struct SelectionOptions {
  double margin = 0.35;    ///< how far off a prediction may be, as a share; a candidate is passed over only if another
                           ///< one is predicted to be better by more than this; ≥ 0
  std::size_t limit = 40;  ///< candidates to measure at most; ≥ 1
};

/// What to measure.
struct Selection {
  std::vector<std::size_t> chosen;   ///< indices, the most promising first
  std::vector<std::string> why_not;  ///< for every candidate why it is not chosen; empty when it is
};

namespace detail {

/// Whether measuring `b` is pointless beside `a`. Candidates that differ in sparsity alone run the same kernels, so
/// their predictions err alike and need no margin; equal figures then go to the less pruned one.
FULCRUM_DECLARE bool outdoes(const Candidate& a, const Candidate& b, double margin);

/// The candidates that show what a precision gives whether or not they are on the front: of each precision, unpruned,
/// the one of lowest latency and the one of highest throughput; and the other variants of the first precision at its
/// lowest latency, which show what pruning and recipes do to speed.
FULCRUM_DECLARE std::vector<bool> landmarks(std::span<const Candidate> candidates);

}  // namespace detail

/// Chooses what to measure: landmarks (the extremes of each precision) and every candidate that may be on the measured
/// front given how far off predictions can be. When there are more than the limit, those that may be recommended come
/// first, then the predicted front.
/// \throws Error when an option is out of range
FULCRUM_DECLARE [[nodiscard]] Selection select_promising(std::span<const Candidate> candidates,
                                                         const Objective& objective,
                                                         std::optional<double> baseline_accuracy,
                                                         const SelectionOptions& options = {});

}  // namespace fulcrum

#if FULCRUM_DEFINES(plan)

namespace fulcrum::detail {

FULCRUM_DEFINE bool outdoes(const Candidate& a, const Candidate& b, double margin) {
  const TradeoffPoint x = tradeoff_point(a, *a.predicted);
  TradeoffPoint y = tradeoff_point(b, *b.predicted);
  if (a.config == b.config && a.making.recipe == b.making.recipe)
    return dominates(x, y, tradeoff_directions) || (x == y && a.sparsity < b.sparsity);
  y[1] /= 1.0 + margin;
  y[2] *= 1.0 + margin;
  return dominates(x, y, tradeoff_directions);
}

FULCRUM_DEFINE std::vector<bool> landmarks(std::span<const Candidate> candidates) {
  std::vector<bool> result(candidates.size(), false);
  std::optional<std::size_t> reference;
  for (const Precision precision : all_precisions) {
    std::optional<std::size_t> lowest;
    std::optional<std::size_t> highest;
    for (std::size_t i = 0; i < candidates.size(); ++i) {
      const Candidate& c = candidates[i];
      if (!c.predicted || c.config.precision != precision || !is_unchanged(c)) continue;
      if (!lowest || c.predicted->latency.p99 < candidates[*lowest].predicted->latency.p99) lowest = i;
      if (!highest || c.predicted->throughput_per_s > candidates[*highest].predicted->throughput_per_s) highest = i;
    }
    if (!lowest) continue;
    result[*lowest] = true;
    result[*highest] = true;
    if (!reference) reference = lowest;
  }
  for (std::size_t i = 0; reference && i < candidates.size(); ++i) {
    if (candidates[i].predicted && candidates[i].config == candidates[*reference].config) result[i] = true;
  }
  return result;
}

}  // namespace fulcrum::detail

namespace fulcrum {

FULCRUM_DEFINE Selection select_promising(std::span<const Candidate> candidates, const Objective& objective,
                                          std::optional<double> baseline_accuracy, const SelectionOptions& options) {
  if (!(options.margin >= 0.0)) throw Error("selection margin", "is negative", "give a share of 0 or more");
  if (options.limit == 0) throw Error("selection limit", "is 0", "let at least one candidate be measured");
  Selection result;
  result.why_not.resize(candidates.size());
  const std::vector<bool> landmark = detail::landmarks(candidates);
  const double slack = 1.0 + options.margin;

  std::vector<std::size_t> promising;
  double wanted_throughput = 0.0;  // what a contender for the recommendation is predicted to have at least
  std::vector<bool> may_qualify(candidates.size(), false);
  for (std::size_t i = 0; i < candidates.size(); ++i) {
    const Candidate& candidate = candidates[i];
    if (!candidate.predicted) {
      result.why_not[i] = candidate.why_not.empty() ? "not predicted" : candidate.why_not;
      continue;
    }
    const auto outdoing = std::find_if(candidates.begin(), candidates.end(), [&](const Candidate& other) {
      return other.predicted && &other != &candidate && detail::outdoes(other, candidate, options.margin);
    });
    if (outdoing != candidates.end() && !landmark[i]) {
      std::string why = "not measured: predicted to be outdone by ";
      why += to_string(*outdoing);
      result.why_not[i] = std::move(why);
      continue;
    }
    promising.push_back(i);
    const Shortfall gap = shortfall(candidate, *candidate.predicted, objective, baseline_accuracy);
    may_qualify[i] = gap.accuracy_points == 0.0 && gap.latency <= options.margin;
    if (gap.none()) wanted_throughput = std::max(wanted_throughput, candidate.predicted->throughput_per_s / slack);
  }

  std::vector<TradeoffPoint> points;
  for (const std::size_t i : promising) points.push_back(tradeoff_point(candidates[i], *candidates[i].predicted));
  std::vector<bool> on_predicted_front(candidates.size(), false);
  for (const std::size_t at : pareto_front<3>(points, tradeoff_directions)) on_predicted_front[promising[at]] = true;

  const auto rank = [&](std::size_t i) {
    const double throughput = candidates[i].predicted->throughput_per_s;
    const bool contender = may_qualify[i] && throughput >= wanted_throughput;
    return std::tuple(landmark[i] ? 0 : contender ? 1 : on_predicted_front[i] ? 2 : 3, -throughput, i);
  };
  std::sort(promising.begin(), promising.end(), [&](auto a, auto b) { return rank(a) < rank(b); });
  for (std::size_t at = options.limit; at < promising.size(); ++at) {
    std::string why = "not measured: ";
    why += std::to_string(options.limit);
    why += " more promising candidates came first";
    result.why_not[promising[at]] = std::move(why);
  }
  if (promising.size() > options.limit) promising.resize(options.limit);
  result.chosen = std::move(promising);
  return result;
}

}  // namespace fulcrum

#endif
