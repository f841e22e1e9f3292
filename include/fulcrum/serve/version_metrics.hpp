#pragma once
/// \file
/// What a version of a model did so far.

#include <array>
#include <atomic>
#include <cstdint>
#include <string_view>

#include <fulcrum/serve/latency_histogram.hpp>

namespace fulcrum {

/// How a request ended, as metrics count it.
enum class ServedAs : std::uint8_t { ok, refused, shed, expired, failed };

inline constexpr std::array all_served_as{ServedAs::ok, ServedAs::refused, ServedAs::shed, ServedAs::expired,
                                          ServedAs::failed};

/// "ok", "refused" (the request was wrong), "shed" (too many were there), "expired" (its deadline passed), "failed"
[[nodiscard]] constexpr std::string_view name_of(ServedAs as) noexcept {
  switch (as) {
    case ServedAs::ok: return "ok";
    case ServedAs::refused: return "refused";
    case ServedAs::shed: return "shed";
    case ServedAs::expired: return "expired";
    case ServedAs::failed: return "failed";
  }
  return "?";
}

/// Counters of a version, written by any thread.
struct VersionMetrics {
  std::array<std::atomic<std::uint64_t>, all_served_as.size()> requests{};
  std::atomic<std::uint64_t> samples{0};        ///< that were run
  std::atomic<std::uint64_t> batches_x1000{0};  ///< a sample of a batch of b adds 1000/b
  std::atomic<std::uint64_t> cache_hits{0}, cache_misses{0};
  std::atomic<std::uint64_t> replacements{0};  ///< of instances that hung or threw
  std::atomic<std::int64_t> in_flight{0};      ///< requests at the moment
  std::atomic<double> service_s{0.0};          ///< recent mean time of a batch
  std::atomic<double> sample_cost_s{0.0};      ///< the same over its samples
  std::atomic<double> gap_s{0.0};              ///< recent mean time from one request to the next
  std::atomic<std::int64_t> last_ns{0};        ///< when the last one came, by the steady clock
  LatencyHistogram total;                      ///< from the header of a request to its response, of those that are ok
  LatencyHistogram queue;                      ///< in the queue
  LatencyHistogram compute;                    ///< running

  void count(ServedAs as) noexcept { requests[static_cast<std::size_t>(as)].fetch_add(1, std::memory_order_relaxed); }
  [[nodiscard]] std::uint64_t counted(ServedAs as) const noexcept {
    return requests[static_cast<std::size_t>(as)].load(std::memory_order_relaxed);
  }
};

}  // namespace fulcrum
