#pragma once
/// \file
/// From samples to order statistics, and whether they can be believed.

#include <algorithm>
#include <array>
#include <chrono>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <numeric>
#include <span>
#include <string>
#include <vector>

#include <fulcrum/core/error.hpp>
#include <fulcrum/core/linkage.hpp>
#include <fulcrum/run/latency_report.hpp>

namespace fulcrum {

/// sorted[floor(n · p)], clamped to the last sample: an observed value, never an interpolation (as MLPerf LoadGen
/// does it).
/// \param sorted  ascending, not empty
/// \param p       0 … 1
template <class T>
[[nodiscard]] T percentile(std::span<const T> sorted, double p) {
  if (sorted.empty()) throw Error("percentile", "was asked of no samples");
  if (!(p >= 0.0 && p <= 1.0)) throw Error("percentile " + std::to_string(p), "is outside 0 … 1");
  const auto at = static_cast<std::size_t>(std::floor(static_cast<double>(sorted.size()) * p));
  return sorted[std::min(at, sorted.size() - 1)];
}

/// Order statistics of latencies, in any order.
/// \throws Error when there are none
FULCRUM_DECLARE [[nodiscard]] LatencyStatistics latency_statistics(std::span<const std::chrono::nanoseconds> samples);

/// Median of latencies, in any order; 0 of none.
FULCRUM_DECLARE [[nodiscard]] std::chrono::nanoseconds median(std::vector<std::chrono::nanoseconds> samples);

/// The middle of some figures and what encloses the middle half of them, each an observed one (see percentile()).
struct Quartiles {
  double lower = 0.0;   ///< 25 %
  double median = 0.0;  ///< 50 %
  double upper = 0.0;   ///< 75 %
};

/// \param figures  in any order, not NaN
/// \throws Error when there are none
FULCRUM_DECLARE [[nodiscard]] Quartiles quartiles(std::vector<double> figures);

/// What speaks against believing the samples, one sentence each; empty when nothing does.
///
/// \param samples  in the order in which they were taken, by one instance
FULCRUM_DECLARE [[nodiscard]] std::vector<std::string> noise_notes(std::span<const std::chrono::nanoseconds> samples);

}  // namespace fulcrum

#if FULCRUM_DEFINES(measure)

namespace fulcrum {

FULCRUM_DEFINE LatencyStatistics latency_statistics(std::span<const std::chrono::nanoseconds> samples) {
  if (samples.empty()) throw Error("latency_statistics", "was given no samples");
  std::vector<std::chrono::nanoseconds> sorted(samples.begin(), samples.end());
  std::sort(sorted.begin(), sorted.end());
  const auto at = [&](double p) {
    return Milliseconds(percentile(std::span<const std::chrono::nanoseconds>(sorted), p));
  };

  LatencyStatistics statistics;
  statistics.samples = static_cast<std::int64_t>(sorted.size());
  statistics.min = sorted.front();
  statistics.p50 = at(0.5);
  statistics.p90 = at(0.9);
  statistics.p95 = at(0.95);
  statistics.p99 = at(0.99);
  statistics.p99_9 = at(0.999);
  Milliseconds sum{};
  for (const auto sample : sorted) sum += sample;
  statistics.mean = sum / static_cast<double>(sorted.size());
  const auto median = percentile(std::span<const std::chrono::nanoseconds>(sorted), 0.5);
  for (auto& sample : sorted) sample = sample > median ? sample - median : median - sample;
  std::sort(sorted.begin(), sorted.end());
  statistics.mad = at(0.5);
  return statistics;
}

FULCRUM_DEFINE std::chrono::nanoseconds median(std::vector<std::chrono::nanoseconds> samples) {
  if (samples.empty()) return {};
  const auto middle = samples.begin() + static_cast<std::ptrdiff_t>(samples.size() / 2);
  std::nth_element(samples.begin(), middle, samples.end());
  return *middle;
}

FULCRUM_DEFINE Quartiles quartiles(std::vector<double> figures) {
  if (figures.empty()) throw Error("quartiles", "was given no figures");
  std::sort(figures.begin(), figures.end());
  const std::span<const double> sorted(figures);
  return {percentile(sorted, 0.25), percentile(sorted, 0.5), percentile(sorted, 0.75)};
}

FULCRUM_DEFINE std::vector<std::string> noise_notes(std::span<const std::chrono::nanoseconds> samples) {
  std::vector<std::string> notes;
  const auto percent = [](double share) {
    std::array<char, 32> text{};
    std::snprintf(text.data(), text.size(), "%.0f %%", 100.0 * share);
    return std::string(text.data());
  };
  constexpr std::size_t fewest = 20;  // below that nothing can be said
  if (samples.size() < fewest) {
    notes.push_back("only " + std::to_string(samples.size()) + " samples: the percentiles say little; measure longer");
    return notes;
  }
  const LatencyStatistics all = latency_statistics(samples);
  const double spread = all.mad / all.p50;
  if (spread > 0.05) {
    notes.push_back("the machine was noisy: half of the runs are more than " + percent(spread) +
                    " away from the median; stop other work and measure again");
  }
  if (was_interrupted(all)) {
    notes.push_back("the machine was busy: the mean is " + percent(all.mean / all.p50 - 1.0) +
                    " above the median because some runs were interrupted; stop other work and measure again");
  }
  const std::size_t half = samples.size() / 2;
  const auto first = median({samples.begin(), samples.begin() + static_cast<std::ptrdiff_t>(half)});
  const auto second = median({samples.begin() + static_cast<std::ptrdiff_t>(half), samples.end()});
  const double drift =
      static_cast<double>(second.count()) / static_cast<double>(std::max<std::int64_t>(first.count(), 1)) - 1.0;
  if (std::abs(drift) > 0.1) {
    notes.push_back("the machine was not steady: the second half of the runs was " + percent(std::abs(drift)) +
                    (drift > 0.0 ? " slower" : " faster") +
                    " than the first; look at the frequency governor and at other work");
  }
  return notes;
}

}  // namespace fulcrum

#endif
