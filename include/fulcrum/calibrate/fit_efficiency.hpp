#pragma once
/// \file
/// From timed steps to an EfficiencyModel.

#include <vector>

#include <fulcrum/core/linkage.hpp>
#include <fulcrum/cost/efficiency.hpp>

namespace fulcrum {

namespace detail {

FULCRUM_DECLARE double median_of(std::vector<double> values);

}  // namespace detail

/// Fits the samples (features and log_slowdown given) of one class, precision and thread count. The smoothness is the
/// one that predicts left-out samples best. Samples that stand out as slow by more than six robust deviations were
/// disturbed while they were timed and are dropped.
FULCRUM_DECLARE [[nodiscard]] EfficiencyModel fit_efficiency(KernelClass kernel, Precision precision, int threads,
                                                             std::vector<EfficiencySample> samples);

}  // namespace fulcrum

#if FULCRUM_DEFINES(calibrate)

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <utility>

#include <Eigen/Cholesky>
#include <Eigen/Core>

namespace fulcrum::detail {

/// What a fit is tried with: the prior standard deviations of noise and of the interpolated part, and the distance over
/// which the latter varies. Features are scaled so that 1 is about right everywhere.
struct Smoothness {
  double length_scale = 1.0;
  double noise = 0.1;
  double variation = 0.9;
};

struct KrigingFit {
  Eigen::VectorXd weights;    ///< of the samples
  Eigen::VectorXd residuals;  ///< measured − predicted from all other samples
};

/// weights = C⁻¹ y with C = trend² (1 + x xᵀ) + variation² k + noise² I. The leave-one-out residual of sample i is
/// weightᵢ / (C⁻¹)ᵢᵢ (Rasmussen and Williams 2006, eq. 5.12).
FULCRUM_DECLARE KrigingFit solve_kriging(const Eigen::MatrixXd& x, const Eigen::MatrixXd& distances,
                                         const Eigen::VectorXd& y, const Smoothness& smoothness) {
  Eigen::MatrixXd c = Eigen::MatrixXd::Ones(x.rows(), x.rows());
  c.noalias() += x * x.transpose();
  const double scale = smoothness.length_scale;
  const double variance = smoothness.variation * smoothness.variation;
  c += distances.unaryExpr([&](double d) { return variance * matern(d / scale); });
  c.diagonal().array() += smoothness.noise * smoothness.noise;
  const Eigen::LLT<Eigen::MatrixXd> factor(c);
  KrigingFit fit;
  fit.weights = factor.solve(y);
  const Eigen::MatrixXd inverse = factor.solve(Eigen::MatrixXd::Identity(x.rows(), x.rows()));
  fit.residuals = fit.weights.cwiseQuotient(inverse.diagonal());
  return fit;
}

FULCRUM_DEFINE double median_of(std::vector<double> values) {
  if (values.empty()) return 0.0;
  const auto middle = values.begin() + static_cast<std::ptrdiff_t>(values.size() / 2);
  std::nth_element(values.begin(), middle, values.end());
  return *middle;
}

/// Mean absolute residual with the worst tenth left out: what a choice of smoothness is judged by.
FULCRUM_DECLARE double trimmed_error(const Eigen::VectorXd& residuals) {
  std::vector<double> sizes;
  for (const double r : residuals) sizes.push_back(std::abs(r));
  std::sort(sizes.begin(), sizes.end());
  const std::size_t kept = std::max<std::size_t>(1, sizes.size() * 9 / 10);
  double sum = 0.0;
  for (std::size_t i = 0; i < kept; ++i) sum += sizes[i];
  return sum / static_cast<double>(kept);
}

}  // namespace fulcrum::detail

namespace fulcrum {

FULCRUM_DEFINE EfficiencyModel fit_efficiency(KernelClass kernel, Precision precision, int threads,
                                              std::vector<EfficiencySample> samples) {
  EfficiencyModel model;
  model.kernel = kernel;
  model.precision = precision;
  model.threads = threads;
  if (samples.empty()) return model;

  constexpr double variation = 0.9;
  detail::KrigingFit best;
  for (int round = 0; round < 2; ++round) {
    const auto count = static_cast<Eigen::Index>(samples.size());
    const auto width = static_cast<Eigen::Index>(samples.front().features.size());
    Eigen::MatrixXd x(count, width);
    Eigen::VectorXd y(count);
    Eigen::MatrixXd distances(count, count);
    for (Eigen::Index i = 0; i < count; ++i) {
      const EfficiencySample& sample = samples[static_cast<std::size_t>(i)];
      for (Eigen::Index j = 0; j < width; ++j) x(i, j) = sample.features[static_cast<std::size_t>(j)];
      y(i) = sample.log_slowdown;
      for (Eigen::Index j = 0; j <= i; ++j) {
        distances(i, j) = detail::distance(sample.features, samples[static_cast<std::size_t>(j)].features);
        distances(j, i) = distances(i, j);
      }
    }
    double best_error = 0.0;
    for (const double length_scale : {0.7, 1.2}) {
      for (const double noise : {0.04, 0.1, 0.2}) {
        detail::KrigingFit fit = detail::solve_kriging(x, distances, y, {length_scale, noise, variation});
        const double error = detail::trimmed_error(fit.residuals);
        if (best.weights.size() == count && best_error > 0.0 && error >= best_error) continue;
        best_error = error;
        best = std::move(fit);
        model.length_scale = length_scale;
      }
    }
    model.trend.assign(static_cast<std::size_t>(width) + 1, 0.0);
    model.trend[0] = best.weights.sum();
    for (Eigen::Index j = 0; j < width; ++j) model.trend[static_cast<std::size_t>(j) + 1] = x.col(j).dot(best.weights);

    std::vector<double> sizes;
    for (const double r : best.residuals) sizes.push_back(std::abs(r));
    const double limit = std::max(6.0 * 1.4826 * detail::median_of(sizes), 0.5);
    std::vector<EfficiencySample> kept;
    for (Eigen::Index i = 0; i < count; ++i) {
      if (best.residuals(i) <= limit) kept.push_back(samples[static_cast<std::size_t>(i)]);
    }
    if (round == 1 || kept.size() == samples.size() || kept.size() < 3) break;
    samples = std::move(kept);
    best = {};
  }

  std::vector<double> errors;
  for (std::size_t i = 0; i < samples.size(); ++i) {
    samples[i].weight = variation * variation * best.weights(static_cast<Eigen::Index>(i));
    errors.push_back(std::abs(std::exp(-best.residuals(static_cast<Eigen::Index>(i))) - 1.0));
  }
  model.loo_error = detail::median_of(errors);
  model.samples = std::move(samples);
  return model;
}

}  // namespace fulcrum

#endif
