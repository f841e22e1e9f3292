#pragma once
/// \file
/// Whether a percentile holds beyond the run in which it was seen: the early stopping of MLPerf's LoadGen. Needs
/// Boost.Math (target fulcrum::load).
///
/// Of n independent latencies, t are over a bound. If the bound were not kept by a share p of all latencies there are,
/// so few would be seen with a probability below 1 − c. h(t) is the smallest h with I_{p−d}(h, t + 1) < 1 − c, I being
/// the regularized incomplete beta function; the run passes when n ≥ h(t) + t.

#include <cstdint>
#include <optional>
#include <span>

#include <fulcrum/core/linkage.hpp>
#include <fulcrum/load/load_report.hpp>

namespace fulcrum {

/// \throws Error naming what is out of range
FULCRUM_DECLARE void validate(const TailTarget& target);

/// h(t): how many latencies within a bound outweigh `over` beyond it.
/// \param over  t, 0 … 10⁹
/// \throws Error when something is out of range
FULCRUM_DECLARE [[nodiscard]] std::int64_t fewest_within(std::int64_t over, const TailTarget& target = {});

/// Where the estimate of the percentile stands among n ascending latencies, from 0: n − t for the largest t ≥ 1 with
/// h(t) + t ≤ n. At most 1 − c of all runs give an estimate below the true percentile. Nothing when n is too small:
/// below 64 for p90, 662 for p99, 6,636 for p99.9.
FULCRUM_DECLARE [[nodiscard]] std::optional<std::int64_t> tail_rank(std::int64_t n, const TailTarget& target = {});

/// Whether a bound holds.
struct TailCheck {
  bool holds = false;       ///< with the confidence asked for
  std::int64_t needed = 0;  ///< n at which it would, with no more over the bound than there are: h(t) + t
};

/// \param n     independent latencies
/// \param over  of these, over the bound
/// \throws Error when something is out of range
FULCRUM_DECLARE [[nodiscard]] TailCheck check_tail(std::int64_t n, std::int64_t over, const TailTarget& target = {});

/// The estimate of a percentile that holds with the confidence asked for, of latencies that are not independent: those
/// of n requests count as n / correlation (see LoadReport::correlation).
/// \param sorted  ascending
FULCRUM_DECLARE [[nodiscard]] std::optional<Milliseconds> tail_estimate(
    std::span<const std::chrono::nanoseconds> sorted, const TailTarget& target = {}, double correlation = 1.0);

}  // namespace fulcrum

#if FULCRUM_DEFINES(load)

#include <algorithm>
#include <cmath>
#include <string>

#include <boost/math/special_functions/beta.hpp>

#include <fulcrum/core/error.hpp>
#include <fulcrum/load/detail/overloads.hpp>

namespace fulcrum {

FULCRUM_DEFINE void validate(const TailTarget& target) {
  const auto check = [](const char* what, double value, bool good, const char* remedy) {
    if (!good) throw Error(what, "is " + detail::plain_figure(value), remedy);
  };
  check("the percentile of a tail", target.percentile, target.percentile > 0.5 && target.percentile <= 0.9999999,
        "give a number above 0.5 and below 1");
  check("the confidence", target.confidence, target.confidence > 0.5 && target.confidence <= 0.9999999,
        "give a number above 0.5 and below 1");
  check("the tolerance of a percentile", target.tolerance,
        target.tolerance >= 0.0 && target.tolerance < target.percentile - 0.5,
        "give a number from 0 that leaves more than half of all latencies");
}

FULCRUM_DEFINE std::int64_t fewest_within(std::int64_t over, const TailTarget& target) {
  validate(target);
  if (over < 0 || over > 1'000'000'000)
    throw Error("latencies over the bound", "are " + std::to_string(over), "give a number from 0 to 1e9");
  const double p = target.percentile - target.tolerance;
  const auto convinces = [&](std::int64_t h) {  // monotone: the beta function falls with h
    return boost::math::ibeta(static_cast<double>(h), static_cast<double>(over) + 1.0, p) < 1.0 - target.confidence;
  };
  std::int64_t high = 1;
  while (!convinces(high)) high *= 2;
  std::int64_t low = high / 2;  // does not convince, or is 0
  while (high - low > 1) {
    const std::int64_t middle = low + (high - low) / 2;
    (convinces(middle) ? high : low) = middle;
  }
  return high;
}

FULCRUM_DEFINE std::optional<std::int64_t> tail_rank(std::int64_t n, const TailTarget& target) {
  const auto fits = [&](std::int64_t t) { return fewest_within(t, target) + t <= n; };  // monotone
  if (n < 2 || !fits(1)) return std::nullopt;
  std::int64_t low = 1;
  std::int64_t high = 2;
  while (high < n && fits(high)) low = high, high *= 2;
  high = std::min(high, n);
  while (high - low > 1) {
    const std::int64_t middle = low + (high - low) / 2;
    (fits(middle) ? low : high) = middle;
  }
  return n - low;
}

FULCRUM_DEFINE TailCheck check_tail(std::int64_t n, std::int64_t over, const TailTarget& target) {
  const std::int64_t needed = fewest_within(over, target) + over;
  return {n >= needed, needed};
}

FULCRUM_DEFINE std::optional<Milliseconds> tail_estimate(std::span<const std::chrono::nanoseconds> sorted,
                                                         const TailTarget& target, double correlation) {
  const auto n = static_cast<std::int64_t>(static_cast<double>(sorted.size()) / std::max(correlation, 1.0));
  const std::optional<std::int64_t> rank = tail_rank(n, target);
  if (!rank) return std::nullopt;
  // The same share of all latencies stands above it.
  const auto above = static_cast<double>(n - *rank) / static_cast<double>(n) * static_cast<double>(sorted.size());
  const auto at = sorted.size() - static_cast<std::size_t>(std::max(1.0, std::floor(above)));
  return Milliseconds(sorted[at]);
}

}  // namespace fulcrum

#endif
