#pragma once
/// \file
/// Comparing two versions while looking: a test whose error does not grow with how often one looks.

#include <algorithm>
#include <cmath>
#include <cstdint>

#include <fulcrum/core/linkage.hpp>

namespace fulcrum {

/// The mixture sequential probability ratio test (mSPRT) of Johari, Pekelis and Walsh, "Always Valid Inference" (2015),
/// on pairs of observations, one of each version at about the same time. With the difference's variance v (2σ² there),
/// its mean d over n pairs and the mixture N(0, τ²),
///
///     Λ = √(v / (v + nτ²)) · exp(n²τ²d² / (2v(v + nτ²))),   p = min(p before, 1/Λ)
///
/// The variance is that of the pairs so far, as if one more pair had differed by 1: at the start nothing is known of
/// it. For observations from 0 to 1: indicators of a bound that was exceeded, of errors.
class SequentialTest {
public:
  /// \param tau  deviation of the differences that are looked for; > 0
  explicit SequentialTest(double tau = 0.1) : tau2_(tau * tau) {}

  /// \param x, y  of the two versions; 0 … 1
  void add(double x, double y) noexcept {
    const double difference = y - x;
    ++pairs_;
    sum_ += difference;
    squares_ += difference * difference;
    sum_x_ += x;
    const auto n = static_cast<double>(pairs_);
    const double mean = sum_ / n;
    const double v = std::max((squares_ + 1.0) / (n + 1.0) - mean * mean, 1.0 / (n + 1.0));
    const double log_ratio =
        0.5 * std::log(v / (v + n * tau2_)) + n * n * tau2_ * mean * mean / (2.0 * v * (v + n * tau2_));
    p_ = std::min(p_, std::exp(-log_ratio));
  }

  [[nodiscard]] std::int64_t pairs() const noexcept { return pairs_; }
  /// Probability of so large a difference, at any time, between versions that are equal: always valid.
  [[nodiscard]] double p_value() const noexcept { return p_; }
  /// Mean of y less that of x.
  [[nodiscard]] double difference() const noexcept { return pairs_ > 0 ? sum_ / static_cast<double>(pairs_) : 0.0; }
  /// Mean of x.
  [[nodiscard]] double baseline() const noexcept { return pairs_ > 0 ? sum_x_ / static_cast<double>(pairs_) : 0.0; }

private:
  double tau2_;
  std::int64_t pairs_ = 0;
  double sum_ = 0.0, squares_ = 0.0, sum_x_ = 0.0;
  double p_ = 1.0;
};

}  // namespace fulcrum
