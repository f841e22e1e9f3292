#pragma once
/// \file
/// From timed steps to an EfficiencyModel.

#include <array>
#include <cstddef>
#include <optional>
#include <utility>
#include <vector>

#include <fulcrum/core/linkage.hpp>
#include <fulcrum/cost/efficiency.hpp>

namespace fulcrum {

namespace detail {

FULCRUM_DECLARE double median_of(std::vector<double> values);

/// A sample seen from all the others.
struct LeftOut {
  double nearest = 0.0;   ///< distance to the nearest of them
  double residual = 0.0;  ///< measured − predicted from them
};

/// noise > 0 and spread > 0 such that √(noise² + (spread · nearest)²) is the standard deviation of residuals: of
/// greatest likelihood on a grid, with residuals beyond three deviations counted as three. With few samples, a prior of
/// two of one third holds them up.
FULCRUM_DECLARE std::pair<double, double> fit_deviation(const std::vector<LeftOut>& samples);

/// A step's parts and how long it took.
struct TimedParts {
  std::array<double, 4> parts_us{};  ///< of parts_of()
  double time_us = 0.0;              ///< > 0
};

/// The non-negative parts whose sums are nearest to the times, by relative error, with outliers weighed down. Absent
/// with fewer than thirty steps.
FULCRUM_DECLARE std::optional<RooflineParts> fit_parts(const std::vector<TimedParts>& timed);

}  // namespace detail

/// Fits the samples (features and log_slowdown given) of one class, precision and thread count. The smoothness is the
/// one that predicts left-out samples best. Samples that stand out as slow by more than six robust deviations were
/// disturbed while they were timed and are dropped.
/// \param model    says whose: everything but what is fitted is kept
/// \param trusted  so many of the first samples are kept even where they stand out
FULCRUM_DECLARE [[nodiscard]] EfficiencyModel fit_efficiency(EfficiencyModel model,
                                                             std::vector<EfficiencySample> samples,
                                                             std::size_t trusted = 0);

}  // namespace fulcrum

#if FULCRUM_DEFINES(calibrate)

#include <algorithm>
#include <cmath>
#include <limits>
#include <tuple>

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

/// Samples as the solver takes them.
struct SamplePoints {
  FULCRUM_DECLARE explicit SamplePoints(const std::vector<EfficiencySample>& samples);
  Eigen::MatrixXd x;          ///< a row of features for each
  Eigen::VectorXd y;          ///< log_slowdown
  Eigen::MatrixXd distances;  ///< between each two
};

FULCRUM_DEFINE SamplePoints::SamplePoints(const std::vector<EfficiencySample>& samples) {
  const auto count = static_cast<Eigen::Index>(samples.size());
  const auto width = static_cast<Eigen::Index>(samples.front().features.size());
  x.resize(count, width);
  y.resize(count);
  distances.resize(count, count);
  for (Eigen::Index i = 0; i < count; ++i) {
    const EfficiencySample& sample = samples[static_cast<std::size_t>(i)];
    for (Eigen::Index j = 0; j < width; ++j) x(i, j) = sample.features[static_cast<std::size_t>(j)];
    y(i) = sample.log_slowdown;
    for (Eigen::Index j = 0; j <= i; ++j) {
      distances(i, j) = distance(sample.features, samples[static_cast<std::size_t>(j)].features);
      distances(j, i) = distances(i, j);
    }
  }
}

/// The one that predicts left-out samples best; of many samples, a part of them tells.
FULCRUM_DECLARE Smoothness best_smoothness(const std::vector<EfficiencySample>& samples);

FULCRUM_DEFINE Smoothness best_smoothness(const std::vector<EfficiencySample>& samples) {
  constexpr std::size_t enough = 300;
  std::vector<EfficiencySample> part;
  const std::size_t count = std::min(samples.size(), enough);
  for (std::size_t i = 0; i < count; ++i) part.push_back(samples[i * samples.size() / count]);
  const SamplePoints points(part);
  Smoothness best;
  double best_error = std::numeric_limits<double>::infinity();
  for (const double length_scale : {0.4, 0.7, 1.2, 2.0}) {
    for (const double noise : {0.03, 0.08, 0.2}) {
      const Smoothness tried{.length_scale = length_scale, .noise = noise};
      const double error = trimmed_error(solve_kriging(points.x, points.distances, points.y, tried).residuals);
      if (error >= best_error) continue;
      best_error = error;
      best = tried;
    }
  }
  return best;
}

FULCRUM_DEFINE std::pair<double, double> fit_deviation(const std::vector<LeftOut>& samples) {
  constexpr std::array grid{0.0, 0.01, 0.02, 0.03, 0.045, 0.065, 0.09, 0.13, 0.18, 0.25, 0.35, 0.5, 0.7, 1.0, 1.4, 2.0};
  constexpr double prior = 2.0;
  constexpr double least_spread = 0.18;  // samples that lie close together tell nothing of what is far from them all
  constexpr double prior_variance = 1.0 / 9.0;
  std::pair<double, double> best{1.0 / 3.0, 0.0};
  double best_cost = std::numeric_limits<double>::infinity();
  for (const double noise : grid) {
    if (noise == 0.0) continue;
    for (const double spread : grid) {
      if (spread < least_spread) continue;
      double cost = prior * (std::log(noise) + 0.5 * prior_variance / (noise * noise));
      for (const LeftOut& sample : samples) {
        const double variance = noise * noise + spread * spread * sample.nearest * sample.nearest;
        cost += 0.5 * std::log(variance) + 0.5 * std::min(sample.residual * sample.residual / variance, 9.0);
      }
      if (cost >= best_cost) continue;
      best_cost = cost;
      best = {noise, spread};
    }
  }
  return best;
}

FULCRUM_DEFINE std::optional<RooflineParts> fit_parts(const std::vector<TimedParts>& timed) {
  constexpr std::size_t fewest = 30;
  constexpr std::size_t width = 4;
  constexpr int reweighted = 6;
  constexpr int sweeps = 300;
  if (timed.size() < fewest) return std::nullopt;
  std::array<double, width> x{1.0, 1.0, 1.0, 0.0};
  std::vector<double> weights(timed.size(), 1.0);
  for (int round = 0; round < reweighted; ++round) {
    // Least squares of Σⱼ xⱼ partⱼ / time − 1, one coordinate after another, none below zero.
    Eigen::Matrix4d a = Eigen::Matrix4d::Zero();
    Eigen::Vector4d b = Eigen::Vector4d::Zero();
    for (std::size_t i = 0; i < timed.size(); ++i) {
      const Eigen::Vector4d row = Eigen::Map<const Eigen::Vector4d>(timed[i].parts_us.data()) / timed[i].time_us;
      a += weights[i] * row * row.transpose();
      b += weights[i] * row;
    }
    for (int sweep = 0; sweep < sweeps; ++sweep) {
      for (std::size_t j = 0; j < width; ++j) {
        const auto at = static_cast<Eigen::Index>(j);
        if (a(at, at) <= 0.0) continue;
        const double gradient = a.row(at).dot(Eigen::Map<const Eigen::Vector4d>(x.data())) - b(at);
        x[j] = std::max(0.0, x[j] - gradient / a(at, at));
      }
    }
    for (std::size_t i = 0; i < timed.size(); ++i) {
      double sum = 0.0;
      for (std::size_t j = 0; j < width; ++j) sum += x[j] * timed[i].parts_us[j];
      constexpr double soft = 0.05;
      weights[i] = 1.0 / (soft + std::abs(sum / timed[i].time_us - 1.0));
    }
  }
  // Of each step there has to be something.
  const bool covers = std::all_of(timed.begin(), timed.end(), [&](const TimedParts& t) {
    return x[0] * t.parts_us[0] + x[1] * t.parts_us[1] + x[2] * t.parts_us[2] > 0.0;
  });
  if (!covers) return std::nullopt;
  return RooflineParts{x[0], x[1], x[2], x[3]};
}

}  // namespace fulcrum::detail

namespace fulcrum {

FULCRUM_DEFINE EfficiencyModel fit_efficiency(EfficiencyModel model, std::vector<EfficiencySample> samples,
                                              std::size_t trusted) {
  model.samples.clear();
  model.trend.clear();
  if (samples.empty()) return model;

  detail::SamplePoints points(samples);
  const detail::Smoothness smoothness = detail::best_smoothness(samples);
  detail::KrigingFit best = detail::solve_kriging(points.x, points.distances, points.y, smoothness);
  std::vector<double> sizes;
  for (const double r : best.residuals) sizes.push_back(std::abs(r));
  const double limit = std::max(6.0 * 1.4826 * detail::median_of(sizes), 0.5);
  std::vector<EfficiencySample> kept;
  for (std::size_t i = 0; i < samples.size(); ++i) {
    if (i < trusted || best.residuals(static_cast<Eigen::Index>(i)) <= limit) kept.push_back(samples[i]);
  }
  if (kept.size() < samples.size() && kept.size() >= 3) {
    samples = std::move(kept);
    points = detail::SamplePoints(samples);
    best = detail::solve_kriging(points.x, points.distances, points.y, smoothness);
  }
  model.length_scale = smoothness.length_scale;
  model.trend.assign(static_cast<std::size_t>(points.x.cols()) + 1, 0.0);
  model.trend[0] = best.weights.sum();
  for (Eigen::Index j = 0; j < points.x.cols(); ++j)
    model.trend[static_cast<std::size_t>(j) + 1] = points.x.col(j).dot(best.weights);

  std::vector<double> errors;
  for (std::size_t i = 0; i < samples.size(); ++i) {
    samples[i].weight = smoothness.variation * smoothness.variation * best.weights(static_cast<Eigen::Index>(i));
    errors.push_back(std::abs(std::exp(-best.residuals(static_cast<Eigen::Index>(i))) - 1.0));
  }
  model.loo_error = detail::median_of(errors);
  std::vector<detail::LeftOut> left_out;
  for (std::size_t i = 0; i < samples.size(); ++i) {
    const auto row = static_cast<Eigen::Index>(i);
    double nearest = std::numeric_limits<double>::infinity();
    for (Eigen::Index j = 0; j < points.distances.cols(); ++j) {
      if (j != row) nearest = std::min(nearest, points.distances(row, j));
    }
    if (samples.size() > 1) left_out.push_back({nearest, best.residuals(row)});
  }
  std::tie(model.noise, model.spread) = detail::fit_deviation(left_out);
  model.samples = std::move(samples);
  model.prepare();
  return model;
}

}  // namespace fulcrum

#endif
