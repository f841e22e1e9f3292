#pragma once
/// \file
/// How far predictions are from what was measured, as figures. Pure arithmetic.

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <numeric>
#include <optional>
#include <span>
#include <vector>

#include <fulcrum/core/error.hpp>
#include <fulcrum/core/linkage.hpp>

namespace fulcrum {

/// Errors of some predictions. An error is predicted / measured − 1.
struct ErrorFigures {
  std::int64_t cases = 0;
  double within_5 = 0.0;   ///< share [0, 1] of the cases whose error is at most ±5 %
  double within_10 = 0.0;  ///< ±10 %
  double within_20 = 0.0;  ///< ±20 %
  double mape = 0.0;       ///< mean absolute error, as a share
  double bias = 0.0;       ///< geometric mean of predicted / measured, − 1: 0.1 is ten percent too slow on the whole
  double largest = 0.0;    ///< error of the largest size, with its sign

  friend bool operator==(const ErrorFigures&, const ErrorFigures&) = default;
};

/// Share [0, 1] of the ratios predicted / measured that are at most `tolerance` from 1; 0 of none.
FULCRUM_DECLARE [[nodiscard]] double share_within(std::span<const double> ratios, double tolerance);

/// \param ratios  predicted / measured of each case, > 0
/// \throws Error when one is not above 0 or not finite
FULCRUM_DECLARE [[nodiscard]] ErrorFigures error_figures(std::span<const double> ratios);

/// Ranks from 1 up; equal values share the mean of their ranks.
FULCRUM_DECLARE [[nodiscard]] std::vector<double> ranks(std::span<const double> values);

/// Spearman's rank correlation [−1, 1]: Pearson's of the ranks, which is right with ties. Nothing for fewer than two
/// pairs or where all values of a side are equal.
/// \throws Error when the sides differ in length
FULCRUM_DECLARE [[nodiscard]] std::optional<double> spearman(std::span<const double> x, std::span<const double> y);

/// The middle value; the mean of the two middle ones when their number is even.
/// \throws Error when there are none
FULCRUM_DECLARE [[nodiscard]] double median_of_figures(std::vector<double> values);

/// How far repeated measurements of one thing lie apart: (largest − smallest) / median. Nothing of fewer than two.
FULCRUM_DECLARE [[nodiscard]] std::optional<double> relative_spread(std::span<const double> values);

}  // namespace fulcrum

#if FULCRUM_DEFINES(validate)

namespace fulcrum {

FULCRUM_DEFINE double share_within(std::span<const double> ratios, double tolerance) {
  if (ratios.empty()) return 0.0;
  // An error of 5 % sharp counts as within 5 %, however its ratio is rounded.
  const auto inside = std::count_if(ratios.begin(), ratios.end(),
                                    [&](double ratio) { return std::abs(ratio - 1.0) <= tolerance + 1e-12; });
  return static_cast<double>(inside) / static_cast<double>(ratios.size());
}

FULCRUM_DEFINE ErrorFigures error_figures(std::span<const double> ratios) {
  ErrorFigures figures;
  if (ratios.empty()) return figures;
  double absolute = 0.0;
  double logarithms = 0.0;
  for (const double ratio : ratios) {
    if (!(ratio > 0.0) || !std::isfinite(ratio))
      throw Error("error_figures", "was given a ratio of " + std::to_string(ratio), "leave out what was not measured");
    absolute += std::abs(ratio - 1.0);
    logarithms += std::log(ratio);
    if (std::abs(ratio - 1.0) > std::abs(figures.largest)) figures.largest = ratio - 1.0;
  }
  const auto count = static_cast<double>(ratios.size());
  figures.cases = static_cast<std::int64_t>(ratios.size());
  figures.within_5 = share_within(ratios, 0.05);
  figures.within_10 = share_within(ratios, 0.10);
  figures.within_20 = share_within(ratios, 0.20);
  figures.mape = absolute / count;
  figures.bias = std::expm1(logarithms / count);
  return figures;
}

FULCRUM_DEFINE std::vector<double> ranks(std::span<const double> values) {
  std::vector<std::size_t> order(values.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) { return values[a] < values[b]; });
  std::vector<double> result(values.size());
  for (std::size_t from = 0; from < order.size();) {
    std::size_t to = from + 1;
    while (to < order.size() && !(values[order[from]] < values[order[to]])) ++to;
    // Ranks from + 1 … to are shared.
    for (std::size_t i = from; i < to; ++i) result[order[i]] = 0.5 * static_cast<double>(from + 1 + to);
    from = to;
  }
  return result;
}

FULCRUM_DEFINE std::optional<double> spearman(std::span<const double> x, std::span<const double> y) {
  if (x.size() != y.size()) {
    throw Error("spearman", "was given " + std::to_string(x.size()) + " and " + std::to_string(y.size()) + " values");
  }
  if (x.size() < 2) return std::nullopt;
  const std::vector<double> a = ranks(x);
  const std::vector<double> b = ranks(y);
  const double mean = 0.5 * static_cast<double>(x.size() + 1);
  double ab = 0.0;
  double aa = 0.0;
  double bb = 0.0;
  for (std::size_t i = 0; i < a.size(); ++i) {
    ab += (a[i] - mean) * (b[i] - mean);
    aa += (a[i] - mean) * (a[i] - mean);
    bb += (b[i] - mean) * (b[i] - mean);
  }
  if (!(aa > 0.0) || !(bb > 0.0)) return std::nullopt;
  return ab / std::sqrt(aa * bb);
}

FULCRUM_DEFINE double median_of_figures(std::vector<double> values) {
  if (values.empty()) throw Error("median_of_figures", "was given no figures");
  std::sort(values.begin(), values.end());
  const std::size_t middle = values.size() / 2;
  return values.size() % 2 == 1 ? values[middle] : 0.5 * (values[middle - 1] + values[middle]);
}

FULCRUM_DEFINE std::optional<double> relative_spread(std::span<const double> values) {
  if (values.size() < 2) return std::nullopt;
  const auto [low, high] = std::minmax_element(values.begin(), values.end());
  return (*high - *low) / median_of_figures({values.begin(), values.end()});
}

}  // namespace fulcrum

#endif
