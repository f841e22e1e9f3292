#pragma once
/// \file
/// A timed run in blocks, by which another run can tell noise from a difference.

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include <fulcrum/core/linkage.hpp>
#include <fulcrum/core/units.hpp>
#include <fulcrum/measure/statistics.hpp>
#include <fulcrum/run/latency_report.hpp>

namespace fulcrum {

/// One inference and when it was done.
struct TimedInference {
  std::chrono::nanoseconds latency{};
  std::chrono::steady_clock::time_point finished;
};

/// Ten blocks of equal numbers of inferences in the order in which these were done; as many as there are inferences
/// when there are fewer.
/// \param inferences  of all instances, in any order
/// \param batch       samples of each; ≥ 1
FULCRUM_DECLARE [[nodiscard]] std::vector<RunBlock> run_blocks(std::vector<TimedInference> inferences,
                                                               std::int64_t batch);

}  // namespace fulcrum

#if FULCRUM_DEFINES(measure)

namespace fulcrum {

FULCRUM_DEFINE std::vector<RunBlock> run_blocks(std::vector<TimedInference> inferences, std::int64_t batch) {
  if (inferences.empty()) return {};
  std::sort(inferences.begin(), inferences.end(), [](const auto& a, const auto& b) { return a.finished < b.finished; });
  const std::size_t count = std::min<std::size_t>(inferences.size(), 10);
  const auto first_of = [&](std::size_t block) { return block * inferences.size() / count; };

  // A block ends when its last inference is done, and there the next one begins.
  auto start = inferences.front().finished;
  for (const TimedInference& i : inferences) start = std::min(start, i.finished - i.latency);
  std::vector<std::chrono::steady_clock::time_point> edges{start};
  for (std::size_t block = 0; block < count; ++block) edges.push_back(inferences[first_of(block + 1) - 1].finished);

  std::vector<RunBlock> blocks(count);
  for (std::size_t block = 0; block < count; ++block) {
    std::vector<std::chrono::nanoseconds> sorted;
    for (std::size_t i = first_of(block); i < first_of(block + 1); ++i) {
      const TimedInference& inference = inferences[i];
      sorted.push_back(inference.latency);
      // An inference that began in an earlier block counts there by its share.
      const auto began = inference.finished - inference.latency;
      const Seconds latency = std::max(inference.latency, std::chrono::nanoseconds(1));
      for (std::size_t b = block + 1; b-- > 0;) {
        const Seconds inside = std::min(inference.finished, edges[b + 1]) - std::max(began, edges[b]);
        blocks[b].throughput_per_s += inside / latency;
        if (began >= edges[b]) break;
      }
    }
    std::sort(sorted.begin(), sorted.end());
    const std::span<const std::chrono::nanoseconds> samples(sorted);
    blocks[block].p50 = percentile(samples, 0.5);
    blocks[block].p99 = percentile(samples, 0.99);
  }
  for (std::size_t block = 0; block < count; ++block) {
    const Seconds duration = edges[block + 1] - edges[block];
    blocks[block].throughput_per_s *= duration.count() > 0.0 ? static_cast<double>(batch) / duration.count() : 0.0;
  }
  return blocks;
}

}  // namespace fulcrum

#endif
