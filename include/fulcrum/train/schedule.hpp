#pragma once
/// \file
/// How the learning rate changes over a training.

#include <cmath>
#include <numbers>
#include <variant>

#include <fulcrum/core/error.hpp>
#include <fulcrum/core/linkage.hpp>

namespace fulcrum {

/// The same rate throughout.
struct ConstantRate {
  /// Factor on the learning rate at `progress` (0: first step … 1: end).
  [[nodiscard]] double operator()(double /*progress*/) const { return 1.0; }
};

/// A linear rise over `warm_up`, then half a cosine from 1 down to `floor`: floor + (1 − floor)·½(1 + cos πt)
/// (Loshchilov and Hutter, "SGDR: stochastic gradient descent with warm restarts", ICLR 2017).
struct CosineRate {
  double warm_up = 0.05;  ///< share of the training, 0 … below 1; 0: none
  double floor = 0.0;     ///< factor at the end, 0 … 1

  /// \copydoc ConstantRate::operator()
  FULCRUM_DECLARE [[nodiscard]] double operator()(double progress) const;
};

/// The schedules that settings can name.
using LearningRateSchedule = std::variant<CosineRate, ConstantRate>;

/// \param progress  share of the training's steps that are done, 0 … 1
[[nodiscard]] inline double rate_factor(const LearningRateSchedule& schedule, double progress) {
  return std::visit([&](const auto& s) { return s(progress); }, schedule);
}

/// \throws Error when a setting is out of range
FULCRUM_DECLARE void validate(const LearningRateSchedule& schedule);

}  // namespace fulcrum

#if FULCRUM_DEFINES(train)

namespace fulcrum {

FULCRUM_DEFINE double CosineRate::operator()(double progress) const {
  if (progress < warm_up) return progress / warm_up;
  const double t = (progress - warm_up) / (1.0 - warm_up);
  return floor + (1.0 - floor) * 0.5 * (1.0 + std::cos(std::numbers::pi * t));
}

FULCRUM_DEFINE void validate(const LearningRateSchedule& schedule) {
  const auto* cosine = std::get_if<CosineRate>(&schedule);
  if (cosine == nullptr) return;
  if (!(cosine->warm_up >= 0.0 && cosine->warm_up < 1.0) || !(cosine->floor >= 0.0 && cosine->floor <= 1.0)) {
    throw Error("cosine learning rate", "has a warm-up or floor out of range",
                "give a warm-up of 0 or more and less than 1, and a floor of 0 to 1");
  }
}

}  // namespace fulcrum

#endif
