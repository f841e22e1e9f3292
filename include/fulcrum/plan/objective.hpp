#pragma once
/// \file
/// What is asked of a configuration, and by how much a candidate misses it.

#include <limits>
#include <optional>
#include <string>

#include <fulcrum/core/error.hpp>
#include <fulcrum/core/linkage.hpp>
#include <fulcrum/plan/candidate.hpp>
#include <fulcrum/plan/figures.hpp>

namespace fulcrum {

/// A latency target and an accuracy budget; wanted is the highest throughput within both.
struct Objective {
  std::optional<Milliseconds> slo_p99;             ///< largest p99 latency of one inference, > 0; absent: any
  std::optional<double> max_accuracy_drop_points;  ///< percentage points below the f32 dense model, ≥ 0; absent: any
};

/// \throws Error when a target is not a number or out of its range
FULCRUM_DECLARE void validate(const Objective& objective);

/// "p99 ≤ 1.00 ms and at most 0.5 points of accuracy lost"; empty without a target.
FULCRUM_DECLARE [[nodiscard]] std::string to_string(const Objective& objective);

/// Percentage points below the baseline; negative when above it. Both accuracies are 0 … 1.
[[nodiscard]] constexpr double accuracy_drop_points(double accuracy, double baseline) noexcept {
  return (baseline - accuracy) * 100.0;
}

/// By how much a candidate misses an objective.
struct Shortfall {
  double latency = 0.0;          ///< p99 / target − 1; 0 when within the target
  double accuracy_points = 0.0;  ///< points beyond the budget, infinite when an accuracy is not known; 0 when within

  [[nodiscard]] bool none() const noexcept { return latency == 0.0 && accuracy_points == 0.0; }
  /// One figure to compare by: 10 % of latency weigh as much as 0.1 points of accuracy.
  [[nodiscard]] double total() const noexcept { return latency + accuracy_points; }
};

/// \param report             the candidate's measured or predicted figures
/// \param baseline_accuracy  of the f32 dense model
FULCRUM_DECLARE [[nodiscard]] Shortfall shortfall(const Candidate& candidate, const LatencyReport& report,
                                                  const Objective& objective, std::optional<double> baseline_accuracy);

}  // namespace fulcrum

#if FULCRUM_DEFINES(plan)

namespace fulcrum {

FULCRUM_DEFINE void validate(const Objective& objective) {
  if (objective.slo_p99 && !(objective.slo_p99->count() > 0.0)) {
    throw Error("target for p99 [ms]", "is " + std::to_string(objective.slo_p99->count()), "give milliseconds above 0");
  }
  if (objective.max_accuracy_drop_points && !(*objective.max_accuracy_drop_points >= 0.0)) {
    throw Error("largest loss of accuracy [points]", "is " + std::to_string(*objective.max_accuracy_drop_points),
                "give percentage points of 0 or more");
  }
}

FULCRUM_DEFINE std::string to_string(const Objective& objective) {
  std::string text;
  if (objective.slo_p99) text.append("p99 ≤ ").append(format_latency(*objective.slo_p99));
  if (objective.max_accuracy_drop_points) {
    if (!text.empty()) text += " and ";
    text += detail::formatted("at most %.3g points of accuracy lost", *objective.max_accuracy_drop_points);
  }
  return text;
}

FULCRUM_DEFINE Shortfall shortfall(const Candidate& candidate, const LatencyReport& report, const Objective& objective,
                                   std::optional<double> baseline_accuracy) {
  constexpr double unknown = std::numeric_limits<double>::infinity();
  Shortfall result;
  if (objective.slo_p99) {
    const double ratio = report.latency.p99 / *objective.slo_p99;
    if (!(ratio <= 1.0)) result.latency = ratio > 1.0 ? ratio - 1.0 : unknown;
  }
  if (objective.max_accuracy_drop_points) {
    // Accuracies are counts over counts: a rounding error must not cost a candidate the last admissible image.
    constexpr double rounding = 1e-9;
    const bool known = candidate.accuracy && baseline_accuracy;
    const double drop = known ? accuracy_drop_points(*candidate.accuracy, *baseline_accuracy) : unknown;
    const double beyond = drop - *objective.max_accuracy_drop_points;
    if (!(beyond <= rounding)) result.accuracy_points = beyond;
  }
  return result;
}

}  // namespace fulcrum

#endif
