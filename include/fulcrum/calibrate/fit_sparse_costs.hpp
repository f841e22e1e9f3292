#pragma once
/// \file
/// From timed pairs of dense and sparse products to what both cost.

#include <cstddef>
#include <utility>
#include <vector>

#include <fulcrum/core/linkage.hpp>
#include <fulcrum/run/sparse_costs.hpp>
#include <fulcrum/schedule/step.hpp>

namespace fulcrum {

/// A layer that ran dense and, with some of its weights 0, sparse.
struct SparsePair {
  StepGeometry geometry;
  int threads = 1;         ///< of the step
  double dense_us = 0.0;   ///< > 0
  double density = 1.0;    ///< share of the weights that are not 0
  double sparse_us = 0.0;  ///< > 0
};

/// Fits the factors of both times such that their ratio is right, for each kind and number of threads of which there
/// are at least eight pairs. As many pairs say little of a dozen factors, they stay near the default ones, scaled to
/// the machine, as far as nothing speaks against those. Pairs that are off by more than three times are left out:
/// something interrupted them.
FULCRUM_DECLARE [[nodiscard]] std::vector<SparseCosts> fit_sparse_costs(const std::vector<SparsePair>& pairs);

}  // namespace fulcrum

#if FULCRUM_DEFINES(calibrate)

#include <algorithm>
#include <cmath>
#include <map>

#include <fulcrum/calibrate/fit_efficiency.hpp>
#include <fulcrum/schedule/sparse.hpp>

namespace fulcrum::detail {

/// Terms of a time and how long it took.
struct TimedTerms {
  SparseTerms terms{};
  double time_us = 0.0;  ///< > 0
};

FULCRUM_DECLARE double in_total(const SparseTerms& factors, const SparseTerms& terms);

/// The largest of the default factors of each term, over all products that have these terms: how large one may be.
FULCRUM_DECLARE SparseTerms usual_factors(SparseKind kind, SparseTerms SparseCosts::*of);

/// Factors ≥ 0 whose sums are nearest to the times by relative error, with outliers weighed down.
/// \param start  what they are taken to be near
/// \param usual  how far from there they may be expected
FULCRUM_DECLARE SparseTerms fit_terms(const std::vector<TimedTerms>& timed, const SparseTerms& start,
                                      const SparseTerms& usual);

FULCRUM_DEFINE double in_total(const SparseTerms& factors, const SparseTerms& terms) {
  double sum = 0.0;
  for (std::size_t i = 0; i < terms.size(); ++i) sum += factors[i] * terms[i];
  return sum;
}

FULCRUM_DEFINE SparseTerms usual_factors(SparseKind kind, SparseTerms SparseCosts::*of) {
  const bool gathered = kind == SparseKind::gathered;
  SparseTerms most{};
  for (const SparseKind other : all_sparse_kinds) {
    if ((other == SparseKind::gathered) != gathered) continue;
    for (const int threads : {1, 2}) {
      const SparseTerms& factors = default_sparse_costs(other, threads).*of;
      for (std::size_t i = 0; i < most.size(); ++i) most[i] = std::max(most[i], factors[i]);
    }
  }
  return most;
}

FULCRUM_DEFINE SparseTerms fit_terms(const std::vector<TimedTerms>& timed, const SparseTerms& start,
                                     const SparseTerms& usual) {
  constexpr int reweighted = 6, sweeps = 300;
  constexpr double soft = 0.05, prior = 1.0;  // as much as so many pairs
  constexpr double wide = 0.1;                // a usual factor more is as unlikely as a pair that is this much off
  constexpr std::size_t width = sparse_term_count;
  std::vector<double> scales;
  for (const TimedTerms& t : timed) scales.push_back(t.time_us / std::max(in_total(start, t.terms), 1e-9));
  const double scale = median_of(scales);
  SparseTerms before = start, mean{};
  for (double& factor : before) factor *= scale;
  for (const TimedTerms& t : timed) {
    for (std::size_t j = 0; j < width; ++j) mean[j] += t.terms[j] / t.time_us / static_cast<double>(timed.size());
  }
  // A term that no pair has much of (what a cache does not hold, where all fits) would otherwise be taken for whatever
  // the pairs are off by, and be charged a million times too high where there is much of it.
  SparseTerms stiff{};
  for (std::size_t j = 0; j < width; ++j) {
    stiff[j] = usual[j] > 0.0 ? std::max(mean[j], wide / (scale * usual[j])) : mean[j];
  }
  SparseTerms x = before;
  for (int round = 0; round < reweighted; ++round) {
    // Least squares of Σⱼ xⱼ termⱼ / time − 1 and of (xⱼ − beforeⱼ) stiffⱼ, one coordinate after another, none below 0.
    std::array<SparseTerms, width> a{};
    SparseTerms b{};
    for (const TimedTerms& t : timed) {
      const double weight = soft / (soft + std::abs(in_total(x, t.terms) / t.time_us - 1.0));
      for (std::size_t i = 0; i < width; ++i) {
        b[i] += weight * t.terms[i] / t.time_us;
        for (std::size_t j = 0; j < width; ++j) a[i][j] += weight * t.terms[i] * t.terms[j] / (t.time_us * t.time_us);
      }
    }
    for (std::size_t i = 0; i < width; ++i) {
      a[i][i] += prior * stiff[i] * stiff[i];
      b[i] += prior * stiff[i] * stiff[i] * before[i];
    }
    for (int sweep = 0; sweep < sweeps; ++sweep) {
      for (std::size_t i = 0; i < width; ++i) {
        if (usual[i] > 0.0 && a[i][i] > 0.0) x[i] = std::max(0.0, x[i] - (in_total(a[i], x) - b[i]) / a[i][i]);
      }
    }
  }
  return x;
}

}  // namespace fulcrum::detail

namespace fulcrum {

FULCRUM_DEFINE std::vector<SparseCosts> fit_sparse_costs(const std::vector<SparsePair>& pairs) {
  constexpr std::size_t fewest = 8;
  constexpr double most_off = 3.0;
  constexpr int rounds = 3;
  struct Pair {
    SparseTermsPair terms;
    double dense_us, sparse_us;
  };
  std::map<std::pair<SparseKind, int>, std::vector<Pair>> groups;
  for (const SparsePair& p : pairs) {
    if (p.dense_us > 0.0 && p.sparse_us > 0.0)
      groups[{sparse_kind(p.geometry), p.threads}].push_back(
          {sparse_terms(p.geometry, p.density, p.threads), p.dense_us, p.sparse_us});
  }
  std::vector<SparseCosts> result;
  for (auto& entry : groups) {
    const auto& key = entry.first;
    auto& group = entry.second;
    if (group.size() < fewest) continue;
    const SparseCosts& start = default_sparse_costs(key.first, key.second);
    SparseCosts fitted{key.first, key.second, {}, {}};
    const auto fit = [&](bool dense, const auto& time_of) {
      std::vector<detail::TimedTerms> timed;
      for (const Pair& p : group) timed.push_back({dense ? p.terms.dense : p.terms.sparse, time_of(p)});
      const auto of = dense ? &SparseCosts::dense : &SparseCosts::sparse;
      return detail::fit_terms(timed, start.*of, detail::usual_factors(key.first, of));
    };
    const auto fit_apart = [&] {
      fitted.dense = fit(true, [](const Pair& p) { return p.dense_us; });
      fitted.sparse = fit(false, [](const Pair& p) { return p.sparse_us; });
    };
    fit_apart();
    const auto interrupted = [&](const Pair& p) {
      return std::abs(std::log(p.dense_us / detail::in_total(fitted.dense, p.terms.dense))) > std::log(most_off) ||
             std::abs(std::log(p.sparse_us / detail::in_total(fitted.sparse, p.terms.sparse))) > std::log(most_off);
    };
    group.erase(std::remove_if(group.begin(), group.end(), interrupted), group.end());
    if (group.size() < fewest) continue;
    fit_apart();
    // What both times have in common does not matter: one is fitted to what the other one and the ratio say.
    for (int round = 0; round < rounds; ++round) {
      fitted.sparse = fit(false, [&](const Pair& p) {
        return detail::in_total(fitted.dense, p.terms.dense) * p.sparse_us / p.dense_us;
      });
      fitted.dense = fit(true, [&](const Pair& p) {
        return detail::in_total(fitted.sparse, p.terms.sparse) * p.dense_us / p.sparse_us;
      });
    }
    result.push_back(fitted);
  }
  return result;
}

}  // namespace fulcrum

#endif
