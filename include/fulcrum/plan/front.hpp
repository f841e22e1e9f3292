#pragma once
/// \file
/// The Pareto front of a study: accuracy, p99 latency and throughput.

#include <cstddef>
#include <string>
#include <vector>

#include <fulcrum/core/linkage.hpp>
#include <fulcrum/plan/candidate.hpp>
#include <fulcrum/plan/pareto.hpp>

namespace fulcrum {

/// The three figures that count, in the order accuracy, p99 latency [ms], throughput [samples/s].
using TradeoffPoint = std::array<double, 3>;
inline constexpr std::array tradeoff_directions{Direction::maximize, Direction::minimize, Direction::maximize};

/// The point of a candidate from one of its reports. A candidate without an accuracy counts as having accuracy 0.
[[nodiscard]] inline TradeoffPoint tradeoff_point(const Candidate& candidate, const LatencyReport& report) noexcept {
  return {candidate.accuracy.value_or(0.0), report.latency.p99.count(), report.throughput_per_s};
}

/// The candidates with on_front set on the measured ones that no other measured one dominates. A measured candidate off
/// the front says in why_not which one on it is at least as good in everything.
FULCRUM_DECLARE [[nodiscard]] std::vector<Candidate> with_front(std::vector<Candidate> candidates);

}  // namespace fulcrum

#if FULCRUM_DEFINES(plan)

namespace fulcrum {

FULCRUM_DEFINE std::vector<Candidate> with_front(std::vector<Candidate> candidates) {
  std::vector<std::size_t> measured;
  std::vector<TradeoffPoint> points;
  for (std::size_t i = 0; i < candidates.size(); ++i) {
    candidates[i].on_front = false;
    if (!candidates[i].measured) continue;
    measured.push_back(i);
    points.push_back(tradeoff_point(candidates[i], *candidates[i].measured));
  }
  const std::vector<std::size_t> front = pareto_front<3>(points, tradeoff_directions);
  for (const std::size_t at : front) {
    candidates[measured[at]].on_front = true;
    candidates[measured[at]].why_not.clear();
  }
  for (std::size_t at = 0; at < measured.size(); ++at) {
    Candidate& candidate = candidates[measured[at]];
    if (candidate.on_front) continue;
    candidate.why_not = "its figures are not numbers";
    for (const std::size_t other : front) {
      if (!dominates(points[other], points[at], tradeoff_directions)) continue;
      candidate.why_not = "outdone by ";
      candidate.why_not += to_string(candidates[measured[other]]);
      break;
    }
  }
  return candidates;
}

}  // namespace fulcrum

#endif
