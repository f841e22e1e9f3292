#pragma once
/// \file
/// How long a batch waits for company while a percentile of the latency has to hold.

#include <algorithm>
#include <chrono>

#include <fulcrum/load/batch_policy.hpp>

namespace fulcrum {

/// The delay of a BatchPolicy as it is at the moment: max_delay, unless the policy has a time that 99 of 100 requests
/// are to be done within. Then each that is later cuts it by an eighth of max_delay and each other one gives a
/// ninety-ninth of that back, so that it settles where one in a hundred is late, or at its ends (a stochastic
/// approximation of the percentile, Robbins and Monro 1951). The runner and its simulation ask the same.
///
/// Not thread-safe.
class BatchDelay {
public:
  /// Precondition: the policy is valid.
  explicit BatchDelay(const BatchPolicy& policy) noexcept
      : most_(policy.max_delay), within_(policy.within), now_(policy.max_delay) {}

  [[nodiscard]] bool adapts() const noexcept { return within_.count() > 0 && most_.count() > 0; }
  [[nodiscard]] std::chrono::nanoseconds now() const noexcept {
    return std::chrono::duration_cast<std::chrono::nanoseconds>(now_);
  }

  /// \param latency  of a request that is done, from the queue to its result
  void done(std::chrono::nanoseconds latency) noexcept {
    if (!adapts()) return;
    const Exact step = most_ / 8.0;
    now_ = std::clamp(now_ + (latency > within_ ? -step : step / 99.0), Exact{0.0}, Exact(most_));
  }

private:
  using Exact = std::chrono::duration<double, std::nano>;  // what is given back may be less than a nanosecond

  std::chrono::nanoseconds most_, within_;
  Exact now_;
};

}  // namespace fulcrum
