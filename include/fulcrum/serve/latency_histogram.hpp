#pragma once
/// \file
/// Counts of times in fixed bounds, which add up over servers as percentiles do not.

#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>

#include <fulcrum/core/linkage.hpp>
#include <fulcrum/core/units.hpp>

namespace fulcrum {

/// Counts of times, by any number of threads. Bounds are a third of an octave apart: from 10 µs to 84 s, so that a
/// percentile read off it is right to within 26 %, and to a few per cent when interpolated.
class LatencyHistogram {
public:
  static constexpr std::size_t bounds = 70;

  /// What was counted so far.
  struct Snapshot {
    std::array<std::uint64_t, bounds + 1> counts{};  ///< of times up to bound(i); the last: of longer ones
    double sum_s = 0.0;

    [[nodiscard]] std::uint64_t count() const noexcept {
      std::uint64_t total = 0;
      for (const std::uint64_t n : counts) total += n;
      return total;
    }
    /// Of the times between an earlier snapshot and this one.
    FULCRUM_DECLARE [[nodiscard]] Snapshot since(const Snapshot& earlier) const noexcept;
    /// Interpolated between bounds; 0 of nothing.
    /// \param share  0 … 1
    FULCRUM_DECLARE [[nodiscard]] Seconds percentile(double share) const noexcept;
  };

  /// Upper bound of a bucket. Precondition: i < bounds.
  FULCRUM_DECLARE [[nodiscard]] static Seconds bound(std::size_t i) noexcept;

  FULCRUM_DECLARE void add(std::chrono::nanoseconds time) noexcept;
  FULCRUM_DECLARE [[nodiscard]] Snapshot snapshot() const noexcept;

private:
  std::array<std::atomic<std::uint64_t>, bounds + 1> counts_{};
  std::atomic<std::int64_t> sum_ns_{0};
};

}  // namespace fulcrum

#if FULCRUM_DEFINES(serve)

#include <cmath>

namespace fulcrum {

FULCRUM_DEFINE Seconds LatencyHistogram::bound(std::size_t i) noexcept {
  static const std::array<double, bounds> table = [] {
    std::array<double, bounds> result{};
    for (std::size_t k = 0; k < bounds; ++k) result[k] = 1e-5 * std::exp2(static_cast<double>(k) / 3.0);
    return result;
  }();
  return Seconds(table[i]);
}

FULCRUM_DEFINE void LatencyHistogram::add(std::chrono::nanoseconds time) noexcept {
  const double seconds = Seconds(time).count();
  std::size_t i = 0;
  if (seconds > 1e-5) {
    i = static_cast<std::size_t>(std::min(std::ceil(3.0 * std::log2(seconds / 1e-5)), static_cast<double>(bounds)));
  }
  // The logarithm may be off by a rounding at a bound.
  if (i > 0 && seconds <= bound(i - 1).count()) --i;
  if (i < bounds && seconds > bound(i).count()) ++i;
  counts_[i].fetch_add(1, std::memory_order_relaxed);
  sum_ns_.fetch_add(time.count(), std::memory_order_relaxed);
}

FULCRUM_DEFINE LatencyHistogram::Snapshot LatencyHistogram::snapshot() const noexcept {
  Snapshot result;
  for (std::size_t i = 0; i < counts_.size(); ++i) result.counts[i] = counts_[i].load(std::memory_order_relaxed);
  result.sum_s = 1e-9 * static_cast<double>(sum_ns_.load(std::memory_order_relaxed));
  return result;
}

FULCRUM_DEFINE LatencyHistogram::Snapshot LatencyHistogram::Snapshot::since(const Snapshot& earlier) const noexcept {
  Snapshot result = *this;
  for (std::size_t i = 0; i < counts.size(); ++i) result.counts[i] -= std::min(earlier.counts[i], counts[i]);
  result.sum_s -= earlier.sum_s;
  return result;
}

FULCRUM_DEFINE Seconds LatencyHistogram::Snapshot::percentile(double share) const noexcept {
  const auto total = static_cast<double>(count());
  if (total == 0.0) return Seconds(0.0);
  double below = 0.0;
  for (std::size_t i = 0; i < bounds; ++i) {
    const auto here = static_cast<double>(counts[i]);
    if (below + here >= share * total && here > 0.0) {
      const double low = i == 0 ? 0.0 : bound(i - 1).count();
      return Seconds(low + (bound(i).count() - low) * std::clamp((share * total - below) / here, 0.0, 1.0));
    }
    below += here;
  }
  return bound(bounds - 1);
}

}  // namespace fulcrum

#endif
