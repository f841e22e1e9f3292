#pragma once
/// \file
/// Which candidate to run, and why; or why none will do and which comes nearest.

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <limits>
#include <optional>
#include <span>
#include <string>
#include <tuple>
#include <vector>

#include <fulcrum/core/linkage.hpp>
#include <fulcrum/plan/front.hpp>
#include <fulcrum/plan/objective.hpp>

namespace fulcrum {

/// The answer of a study. That nothing qualifies is an answer, too.
struct Recommendation {
  std::optional<std::size_t> candidate;  ///< index of the one to run; always measured and on the front
  std::optional<std::size_t> nearest;    ///< when none qualifies: index of the one that comes nearest
  std::string reason;                    ///< in sentences, with figures
  /// Indices of the others that meet the objective and whose throughput cannot be told from the chosen one's: the
  /// middle one of the ratios round by round is within `same_throughput`, or their signs are no evidence (sign test, 25
  /// %) and the rounds of both overlap.
  std::vector<std::size_t> equals = {};
};

/// Throughputs this close, and p99 latencies this close, are one figure: what a repeated measurement on a quiet machine
/// differs by anyway.
inline constexpr double same_throughput = 0.02;
inline constexpr double same_latency = 0.05;

namespace detail {

/// "61,200/s at p99 0.62 ms, accuracy 91.30 % (0.20 points below f32)"
FULCRUM_DECLARE std::string describe_figures(const Candidate& candidate, const LatencyReport& report,
                                             std::optional<double> baseline_accuracy);

/// "its p99 of 2.4 ms is 1.4 ms over the target and its accuracy 0.30 points below the budget"
FULCRUM_DECLARE std::string describe_shortfall(const Candidate& candidate, const LatencyReport& report,
                                               const Objective& objective, const Shortfall& gap);

/// Keeps the items whose figure is within a share of the best one's.
template <class Figure>
void keep_best(std::vector<std::size_t>& items, Direction direction, double share, Figure figure) {
  double best = figure(items.front());
  for (const std::size_t i : items) {
    best = direction == Direction::maximize ? std::max(best, figure(i)) : std::min(best, figure(i));
  }
  std::erase_if(items, [&](std::size_t i) {
    return direction == Direction::maximize ? figure(i) < best * (1.0 - share) : figure(i) > best * (1.0 + share);
  });
}

/// Whether the rounds of two candidates, each pair measured one shortly after the other, tell their throughputs apart.
FULCRUM_DECLARE bool same_in_rounds(const LatencyReport& a, const LatencyReport& b);

/// "On this machine today, 3 others are equal to it: …"; empty where there are none.
FULCRUM_DECLARE std::string describe_equals(std::span<const Candidate> candidates, std::span<const std::size_t> equals);

/// What keeps the chosen one from more throughput: the fastest measured candidate that breaks a target.
FULCRUM_DECLARE std::string describe_bound(std::span<const Candidate> candidates, std::size_t chosen,
                                           const Objective& objective, std::optional<double> baseline_accuracy);

/// Unstructured zeros do not make a dense kernel faster; the reader of a study with pruned candidates should know.
FULCRUM_DECLARE std::string remark_on_pruning(std::span<const Candidate> candidates, bool chosen_is_pruned);

FULCRUM_DECLARE Recommendation none_qualifies(std::span<const Candidate> candidates, const Objective& objective,
                                              std::optional<double> baseline_accuracy);

}  // namespace detail

/// The measured candidate of highest throughput among those that meet the objective. Throughputs within
/// `same_throughput` are a tie, broken towards lower p99 (within `same_latency`), then higher accuracy, then the
/// simpler one: less pruned, f32 before bf16 before int8, fewer instances, fewer threads, smaller batch.
/// \param baseline_accuracy  of the f32 dense model, which accuracy drops are counted from; 0 … 1
/// \throws Error when the objective is out of range
FULCRUM_DECLARE [[nodiscard]] Recommendation recommend(std::span<const Candidate> candidates,
                                                       const Objective& objective,
                                                       std::optional<double> baseline_accuracy);

}  // namespace fulcrum

#if FULCRUM_DEFINES(plan)

namespace fulcrum::detail {

FULCRUM_DEFINE std::string describe_figures(const Candidate& candidate, const LatencyReport& report,
                                            std::optional<double> baseline_accuracy) {
  std::string text = format_rate(report.throughput_per_s);
  text += " at p99 ";
  text += format_latency(report.latency.p99);
  if (!candidate.accuracy) return text;
  text += ", accuracy ";
  text += format_accuracy(*candidate.accuracy);
  const bool is_baseline = candidate.config.precision == Precision::f32 && is_unchanged(candidate);
  if (!baseline_accuracy || is_baseline) return text;
  const double drop = accuracy_drop_points(*candidate.accuracy, *baseline_accuracy);
  if (std::abs(drop) < 0.005) return text + " (as f32)";
  return text + formatted(" (%.2f points %s f32)", std::abs(drop), drop > 0.0 ? "below" : "above");
}

FULCRUM_DEFINE std::string describe_shortfall(const Candidate& candidate, const LatencyReport& report,
                                              const Objective& objective, const Shortfall& gap) {
  std::string text;
  if (gap.latency > 0.0) {
    text += "its p99 of ";
    text += format_latency(report.latency.p99);
    text += " is ";
    text += format_latency(report.latency.p99 - *objective.slo_p99);
    text += formatted(" (%.0f %%) over the target", gap.latency * 100.0);
  }
  if (gap.accuracy_points > 0.0) {
    if (!text.empty()) text += " and ";
    text += candidate.accuracy ? "its accuracy of " + format_accuracy(*candidate.accuracy) : "its accuracy";
    text += std::isfinite(gap.accuracy_points) ? formatted(" is %.2f points beyond the budget", gap.accuracy_points)
                                               : " cannot be compared with that of the f32 model";
  }
  return text;
}

FULCRUM_DEFINE bool same_in_rounds(const LatencyReport& a, const LatencyReport& b) {
  const std::size_t rounds = std::min(a.blocks.size(), b.blocks.size());
  if (rounds < 2) return std::abs(a.throughput_per_s / b.throughput_per_s - 1.0) <= same_throughput;
  std::vector<double> ratios;
  for (std::size_t i = 0; i < rounds; ++i)
    ratios.push_back(a.blocks[i].throughput_per_s / b.blocks[i].throughput_per_s);
  std::sort(ratios.begin(), ratios.end());
  if (std::abs(ratios[rounds / 2] - 1.0) <= same_throughput) return true;
  const auto by_rate = [](const RunBlock& x, const RunBlock& y) { return x.throughput_per_s < y.throughput_per_s; };
  const auto [a_low, a_high] = std::minmax_element(a.blocks.begin(), a.blocks.end(), by_rate);
  const auto [b_low, b_high] = std::minmax_element(b.blocks.begin(), b.blocks.end(), by_rate);
  if (by_rate(*a_high, *b_low) || by_rate(*b_high, *a_low))
    return false;  // every round of one is above all of the other
  const auto above =
      static_cast<std::size_t>(std::count_if(ratios.begin(), ratios.end(), [](double r) { return r > 1; }));
  // The chance that no more rounds than these go against the others when both are alike, from either side.
  double ways = 1.0;
  double chance = 0.0;
  for (std::size_t k = 0; k <= std::min(above, rounds - above); ++k) {
    chance += 2.0 * ways / std::exp2(static_cast<double>(rounds));
    ways *= static_cast<double>(rounds - k) / static_cast<double>(k + 1);
  }
  return chance > 0.25;
}

FULCRUM_DEFINE std::string describe_equals(std::span<const Candidate> candidates, std::span<const std::size_t> equals) {
  if (equals.empty()) return {};
  constexpr std::size_t shown = 4;
  std::string text = equals.size() == 1 ? " On this machine today, one other is equal to it within the noise: "
                                        : " On this machine today, " + std::to_string(equals.size()) +
                                              " others are equal to it within the noise: ";
  for (std::size_t i = 0; i < std::min(shown, equals.size()); ++i) {
    text += i == 0 ? "" : "; ";
    text += to_string(candidates[equals[i]]);
    text += " (";
    text += format_rate(candidates[equals[i]].measured->throughput_per_s);
    text += ", p99 ";
    text += format_latency(candidates[equals[i]].measured->latency.p99);
    text += ")";
  }
  if (equals.size() > shown) text += "; and " + std::to_string(equals.size() - shown) + " more";
  return text + ".";
}

FULCRUM_DEFINE std::string describe_bound(std::span<const Candidate> candidates, std::size_t chosen,
                                          const Objective& objective, std::optional<double> baseline_accuracy) {
  const double throughput = candidates[chosen].measured->throughput_per_s;
  std::optional<std::size_t> faster;
  for (std::size_t i = 0; i < candidates.size(); ++i) {
    const auto& report = candidates[i].measured;
    if (!report || report->throughput_per_s <= throughput * (1.0 + same_throughput)) continue;
    if (shortfall(candidates[i], *report, objective, baseline_accuracy).none()) continue;
    if (!faster || report->throughput_per_s < candidates[*faster].measured->throughput_per_s) faster = i;
  }
  if (!faster) return " Nothing measured is faster: the machine is what bounds it, not the targets.";
  const Candidate& other = candidates[*faster];
  const Shortfall gap = shortfall(other, *other.measured, objective, baseline_accuracy);
  std::string text = gap.latency > 0.0 && gap.accuracy_points > 0.0 ? " Latency target and accuracy budget bound it: "
                     : gap.latency > 0.0                            ? " The latency target bounds it: "
                                                                    : " The accuracy budget bounds it: ";
  text += "the next faster one, ";
  text += to_string(other);
  text += " (";
  text += format_rate(other.measured->throughput_per_s);
  text += "), is out because ";
  return text + describe_shortfall(other, *other.measured, objective, gap) + ".";
}

FULCRUM_DEFINE std::string remark_on_pruning(std::span<const Candidate> candidates, bool chosen_is_pruned) {
  const bool any = std::any_of(candidates.begin(), candidates.end(), [](const Candidate& c) { return c.sparsity > 0; });
  if (!any) return {};
  if (chosen_is_pruned) {
    return " Its pruned weights make f32 layers faster where more of them are 0 than at the layer's break-even, which "
           "`explain` tells; elsewhere kernels multiply zeros like any number. It compresses better on disk, too.";
  }
  return " Pruned variants run the same dense kernels at the same speed unless their layers, in f32, have more weights "
         "of 0 than at the break-even, which `explain` tells.";
}

FULCRUM_DEFINE Recommendation none_qualifies(std::span<const Candidate> candidates, const Objective& objective,
                                             std::optional<double> baseline_accuracy) {
  Recommendation result;
  std::size_t measured = 0;
  double lowest_p99_ms = std::numeric_limits<double>::infinity();
  double distance = std::numeric_limits<double>::infinity();
  for (std::size_t i = 0; i < candidates.size(); ++i) {
    const LatencyReport* report = figures(candidates[i]);
    if (!report) continue;
    if (candidates[i].measured) {
      ++measured;
      lowest_p99_ms = std::min(lowest_p99_ms, report->latency.p99.count());
    }
    const double own = shortfall(candidates[i], *report, objective, baseline_accuracy).total();
    const bool first = !result.nearest;
    const bool tie = !first && own == distance;
    const bool measured_first = tie && candidates[i].measured && !candidates[*result.nearest].measured;
    const bool faster = tie && candidates[i].measured.has_value() == candidates[*result.nearest].measured.has_value() &&
                        report->throughput_per_s > figures(candidates[*result.nearest])->throughput_per_s;
    if (first || own < distance || measured_first || faster) {
      result.nearest = i;
      distance = own;
    }
  }
  if (!result.nearest) {
    result.reason = "No candidate could be predicted or measured.";
    return result;
  }
  if (measured == 0) {
    result.reason = "No candidate was measured, and only measured ones are recommended.";
  } else {
    result.reason =
        "None of the " + std::to_string(measured) + " measured candidates meets " + to_string(objective) + ".";
    if (objective.slo_p99 && lowest_p99_ms > objective.slo_p99->count()) {
      result.reason += " The lowest p99 of all is ";
      result.reason += format_latency(Milliseconds(lowest_p99_ms));
      result.reason += ".";
    }
  }
  const Candidate& nearest = candidates[*result.nearest];
  const LatencyReport& report = *figures(nearest);
  const Shortfall gap = shortfall(nearest, report, objective, baseline_accuracy);
  result.reason += " Nearest comes ";
  result.reason += to_string(nearest);
  result.reason += nearest.measured ? ": " : ", predicted: ";
  result.reason += describe_figures(nearest, report, baseline_accuracy);
  result.reason += gap.none() ? "" : "; " + describe_shortfall(nearest, report, objective, gap);
  result.reason += ".";
  return result;
}

}  // namespace fulcrum::detail

namespace fulcrum {

FULCRUM_DEFINE Recommendation recommend(std::span<const Candidate> candidates, const Objective& objective,
                                        std::optional<double> baseline_accuracy) {
  validate(objective);
  std::vector<std::size_t> eligible;
  std::vector<TradeoffPoint> points;
  for (std::size_t i = 0; i < candidates.size(); ++i) {
    const auto& report = candidates[i].measured;
    if (!report || !shortfall(candidates[i], *report, objective, baseline_accuracy).none()) continue;
    eligible.push_back(i);
    points.push_back(tradeoff_point(candidates[i], *report));
  }
  // Whatever dominates an eligible candidate is eligible itself: the front of these is part of the front of all.
  std::vector<std::size_t> best;
  for (const std::size_t at : pareto_front<3>(points, tradeoff_directions)) best.push_back(eligible[at]);
  if (best.empty()) return detail::none_qualifies(candidates, objective, baseline_accuracy);

  const auto measured = [&](std::size_t i) -> const LatencyReport& { return *candidates[i].measured; };
  detail::keep_best(best, Direction::maximize, same_throughput, [&](auto i) { return measured(i).throughput_per_s; });
  detail::keep_best(best, Direction::minimize, same_latency, [&](auto i) { return measured(i).latency.p99.count(); });
  detail::keep_best(best, Direction::maximize, 0.0, [&](auto i) { return candidates[i].accuracy.value_or(0.0); });
  const auto simplicity = [&](std::size_t i) {
    const Candidate& c = candidates[i];
    return std::tuple(c.sparsity, c.config.precision, c.config.instances, c.config.threads, c.config.batch);
  };
  std::sort(best.begin(), best.end(), [&](auto a, auto b) { return simplicity(a) < simplicity(b); });

  Recommendation result;
  result.candidate = best.front();
  const Candidate& chosen = candidates[best.front()];
  const std::string targets = to_string(objective);
  result.reason = "Run " + to_string(chosen) + ": " +
                  detail::describe_figures(chosen, *chosen.measured, baseline_accuracy) +
                  ". It has the highest throughput of the ";
  result.reason += std::to_string(eligible.size());
  result.reason += eligible.size() == 1 ? " measured candidate" : " measured candidates";
  result.reason += targets.empty() ? "." : " with " + targets + ".";
  double highest = 0.0;
  for (const std::size_t i : eligible) highest = std::max(highest, measured(i).throughput_per_s);
  if (chosen.measured->throughput_per_s < highest) {
    result.reason += detail::formatted(
        " (Throughputs within %.0f %% count as equal; among those it is the better one.)", same_throughput * 100.0);
  }
  for (const std::size_t i : eligible) {
    if (i != best.front() && detail::same_in_rounds(measured(i), *chosen.measured)) result.equals.push_back(i);
  }
  std::stable_sort(result.equals.begin(), result.equals.end(),
                   [&](auto a, auto b) { return measured(a).throughput_per_s > measured(b).throughput_per_s; });
  result.reason += detail::describe_equals(candidates, result.equals);
  result.reason += detail::describe_bound(candidates, best.front(), objective, baseline_accuracy);
  result.reason += detail::remark_on_pruning(candidates, chosen.sparsity > 0.0);
  return result;
}

}  // namespace fulcrum

#endif
