#pragma once
/// \file
/// How long what makes inferences slow lasts.

#include <array>
#include <cmath>
#include <cstddef>

#include <fulcrum/core/linkage.hpp>
#include <fulcrum/core/units.hpp>

namespace fulcrum {

/// How far slow inferences come together: the variance of how slow a machine is over time, split by how long its parts
/// last. Each part is a process of Ornstein and Uhlenbeck, whose correlation falls as exp(−t/scale); what the shares
/// leave changes from one inference to the next. Inferences that are slow one by one hardly fill a queue; ones that are
/// slow for a second do.
struct Persistence {
  static constexpr std::array<double, 5> scale_s = {1e-3, 1e-2, 1e-1, 1.0, 10.0};

  std::array<double, 5> share{};  ///< of the variance, for each of scale_s; ≥ 0, at most 1 together

  /// Whether nothing lasts.
  [[nodiscard]] bool none() const noexcept { return share == std::array<double, 5>{}; }

  friend bool operator==(const Persistence&, const Persistence&) = default;
};

/// What lasts of the latency of inferences, where `moments` says it of what takes no time: an inference meets the mean
/// of what changes while it runs, so brief changes cancel out in long ones. The mean over T of a part of scale τ varies
/// by 2(x − 1 + e^−x)/x² of it, where x = T/τ.
/// \param latency  > 0
FULCRUM_DECLARE [[nodiscard]] Persistence in_runs_of(const Persistence& moments, Milliseconds latency) noexcept;

}  // namespace fulcrum

#if FULCRUM_DEFINES(run)

namespace fulcrum {

FULCRUM_DEFINE Persistence in_runs_of(const Persistence& moments, Milliseconds latency) noexcept {
  Persistence result;
  double all = 1.0;  // begins with what changes at once, which is thought to be an inference's own
  for (const double share : moments.share) all -= share;
  for (std::size_t i = 0; i < moments.share.size(); ++i) {
    const double x = Seconds(latency).count() / Persistence::scale_s[i];
    const double stays = x < 1e-3 ? 1.0 - x / 3.0 : 2.0 * (x - 1.0 + std::exp(-x)) / (x * x);
    result.share[i] = moments.share[i] * stays;
    all += result.share[i];
  }
  for (double& share : result.share) share = all > 0.0 ? share / all : 0.0;
  return result;
}

}  // namespace fulcrum

#endif
