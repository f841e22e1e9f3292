#pragma once
/// \file
/// Whether one set of repetitions lies above another: tests by ranks, which suppose nothing of how times are
/// distributed, and how large the difference is.

#include <span>

#include <fulcrum/core/linkage.hpp>

namespace fulcrum {

/// The chance that unpaired values lie as far above others as these do, or farther, when both come from one
/// distribution: the one-sided p-value of the test of Mann and Whitney (1947). Exact up to 400 pairs without ties, else
/// by the normal approximation with its correction for ties and continuity.
/// \param values, others  finite
/// \return 0 … 1; 1 when there are no values or no others
FULCRUM_DECLARE [[nodiscard]] double mann_whitney_above(std::span<const double> values, std::span<const double> others);

/// The chance that paired differences lie as far above 0 as these do, or farther, when they are symmetric around it:
/// the one-sided p-value of Wilcoxon's signed-rank test (1945). Exact up to 40 differences; zeros are left out, ties
/// get their mean rank.
///
/// \param differences  finite
/// \return 0 … 1; 1 when there are none but zeros
FULCRUM_DECLARE [[nodiscard]] double signed_rank_above(std::span<const double> differences);

/// The chance that one of `values` is above one of `others`, a tie counted half (Vargha and Delaney's A): 0.5 where
/// there is no difference, 1 where all are above.
/// \return 0.5 when there are no values or no others
FULCRUM_DECLARE [[nodiscard]] double chance_above(std::span<const double> values, std::span<const double> others);

}  // namespace fulcrum

#if FULCRUM_DEFINES(run)

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <numbers>
#include <numeric>
#include <vector>

namespace fulcrum::detail {

/// Twice the rank of each value, ascending from 2; equal values share the mean of theirs, which is whole when doubled.
FULCRUM_DECLARE std::vector<std::size_t> doubled_ranks(const std::vector<double>& values) {
  std::vector<std::size_t> order(values.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) { return values[a] < values[b]; });
  std::vector<std::size_t> ranks(values.size());
  for (std::size_t first = 0; first < order.size();) {
    std::size_t last = first;
    while (last + 1 < order.size() && values[order[last + 1]] == values[order[first]]) ++last;
    for (std::size_t i = first; i <= last; ++i) ranks[order[i]] = first + last + 2;
    first = last + 1;
  }
  return ranks;
}

/// Of a normal distribution, what lies above z.
FULCRUM_DECLARE double normal_above(double z) { return 0.5 * std::erfc(z / std::numbers::sqrt2); }

}  // namespace fulcrum::detail

namespace fulcrum {

FULCRUM_DEFINE double mann_whitney_above(std::span<const double> values, std::span<const double> others) {
  const std::size_t n = values.size();
  const std::size_t m = others.size();
  if (n == 0 || m == 0) return 1.0;
  std::vector<double> all(values.begin(), values.end());
  all.insert(all.end(), others.begin(), others.end());
  const std::vector<std::size_t> ranks = detail::doubled_ranks(all);
  const std::size_t sum =
      std::accumulate(ranks.begin(), ranks.begin() + static_cast<std::ptrdiff_t>(n), std::size_t{0});
  std::vector<double> sorted = all;
  std::sort(sorted.begin(), sorted.end());
  const bool tied = std::adjacent_find(sorted.begin(), sorted.end()) != sorted.end();
  if (!tied && n * m <= 400) {
    // ways[k][s]: how many sets of k of the ranks so far have the sum s.
    const std::size_t most = n * (n + 2 * m + 1) / 2;
    std::vector<std::vector<double>> ways(n + 1, std::vector<double>(most + 1, 0.0));
    ways[0][0] = 1.0;
    for (std::size_t rank = 1; rank <= n + m; ++rank) {
      for (std::size_t k = std::min(n, rank); k >= 1; --k) {
        for (std::size_t s = most; s >= rank; --s) ways[k][s] += ways[k - 1][s - rank];
      }
    }
    const double total = std::accumulate(ways[n].begin(), ways[n].end(), 0.0);
    return std::accumulate(ways[n].begin() + static_cast<std::ptrdiff_t>(sum / 2), ways[n].end(), 0.0) / total;
  }
  const auto nd = static_cast<double>(n);
  const auto md = static_cast<double>(m);
  const double u = static_cast<double>(sum) / 2.0 - nd * (nd + 1.0) / 2.0;
  double ties = 0.0;
  for (auto first = sorted.begin(); first != sorted.end();) {
    const auto last = std::upper_bound(first, sorted.end(), *first);
    const auto t = static_cast<double>(last - first);
    ties += t * t * t - t;
    first = last;
  }
  const double count = nd + md;
  const double variance = nd * md / 12.0 * (count + 1.0 - ties / (count * (count - 1.0)));
  if (!(variance > 0.0)) return 1.0;  // all are equal
  return detail::normal_above((u - nd * md / 2.0 - 0.5) / std::sqrt(variance));
}

FULCRUM_DEFINE double signed_rank_above(std::span<const double> differences) {
  std::vector<double> sizes;
  std::vector<bool> above;
  for (const double d : differences) {
    if (d == 0.0) continue;
    sizes.push_back(std::abs(d));
    above.push_back(d > 0.0);
  }
  if (sizes.empty()) return 1.0;
  const std::vector<std::size_t> ranks = detail::doubled_ranks(sizes);
  std::size_t sum = 0;
  for (std::size_t i = 0; i < ranks.size(); ++i) sum += above[i] ? ranks[i] : 0;
  const std::size_t most = std::accumulate(ranks.begin(), ranks.end(), std::size_t{0});
  if (ranks.size() <= 40) {
    std::vector<double> ways(most + 1, 0.0);  // of the signs that give each sum
    ways[0] = 1.0;
    for (const std::size_t rank : ranks) {
      for (std::size_t s = most; s >= rank; --s) ways[s] += ways[s - rank];
    }
    return std::accumulate(ways.begin() + static_cast<std::ptrdiff_t>(sum), ways.end(), 0.0) /
           std::exp2(static_cast<double>(ranks.size()));
  }
  double squares = 0.0;
  for (const std::size_t rank : ranks) squares += static_cast<double>(rank) * static_cast<double>(rank);
  return detail::normal_above((static_cast<double>(sum) - static_cast<double>(most) / 2.0 - 1.0) /
                              (0.5 * std::sqrt(squares)));
}

FULCRUM_DEFINE double chance_above(std::span<const double> values, std::span<const double> others) {
  if (values.empty() || others.empty()) return 0.5;
  double above = 0.0;
  for (const double value : values) {
    for (const double other : others) above += value > other ? 1.0 : value == other ? 0.5 : 0.0;
  }
  return above / static_cast<double>(values.size() * others.size());
}

}  // namespace fulcrum

#endif
