#pragma once
/// \file
/// What a load did to a queue, measured or simulated.

#include <array>
#include <chrono>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <fulcrum/core/enum_name.hpp>
#include <fulcrum/core/environment.hpp>
#include <fulcrum/core/linkage.hpp>
#include <fulcrum/core/units.hpp>
#include <fulcrum/load/request_record.hpp>
#include <fulcrum/run/latency_report.hpp>

namespace fulcrum {

/// What is to be shown of a tail (load/tail.hpp).
struct TailTarget {
  double percentile = 0.99;  ///< p; above 0.5, below 1
  double confidence = 0.99;  ///< c; above 0.5, below 1
  double tolerance = 0.0;    ///< d; ≥ 0, below p − 0.5

  friend bool operator==(const TailTarget&, const TailTarget&) = default;
};

/// Samples by what became of them.
struct RequestCounts {
  std::int64_t issued = 0, done = 0, rejected = 0, dropped = 0, expired = 0, failed = 0;

  friend bool operator==(const RequestCounts&, const RequestCounts&) = default;
};

/// How many batches of a size ran, and how long they took.
struct BatchCount {
  std::int64_t size = 0;
  std::int64_t batches = 0;
  LatencyStatistics service{};  ///< of their samples, from when the batch began to run; of one batch all take as long

  friend bool operator==(const BatchCount&, const BatchCount&) = default;
};

/// A tenth of the queries, in the order in which they were due: how the run went on.
struct LoadBlock {
  Seconds start{};  ///< when its first query was due
  std::int64_t queries = 0;
  std::int64_t unfinished = 0;    ///< of these, not done
  Milliseconds p50{}, p99{};      ///< latency of those that are done; 0 where none is
  Milliseconds queue_p50{};       ///< time in the queue of the same
  double throughput_per_s = 0.0;  ///< samples done in the time in which those of the block were due

  friend bool operator==(const LoadBlock&, const LoadBlock&) = default;
};

/// The queue in a part of the run.
struct QueueLength {
  Seconds start{};
  double mean = 0.0;  ///< samples that were due and did not run yet, over the time
  std::int64_t most = 0;

  friend bool operator==(const QueueLength&, const QueueLength&) = default;
};

/// Queries with a latency above the bin before and up to this one.
struct LatencyBin {
  Milliseconds up_to{};
  std::int64_t queries = 0;

  friend bool operator==(const LatencyBin&, const LatencyBin&) = default;
};

/// How far behind its schedule the generator was, by its own fault: from when a request would have been sent, had it
/// always been in time and the server taken as long as it did to take each, to when it was.
struct GeneratorLag {
  Microseconds p50{}, p99{}, max{};

  friend bool operator==(const GeneratorLag&, const GeneratorLag&) = default;
};

/// A percentile, and what can be said of it beyond this run.
struct TailFigure {
  TailTarget target;
  Milliseconds observed{};               ///< sorted[floor(n · p)]; of unfinished queries: the longest time
  std::optional<Milliseconds> estimate;  ///< holds with the target's confidence (tail_estimate()); nothing: too few

  friend bool operator==(const TailFigure&, const TailFigure&) = default;
};

/// Whether the tail keeps within a bound.
struct BoundCheck {
  Milliseconds bound{};
  std::int64_t over = 0;    ///< queries above the bound, or not done
  std::int64_t needed = 0;  ///< queries at which it would hold, were no more of them over the bound
  bool holds = false;       ///< with the tail's confidence

  friend bool operator==(const BoundCheck&, const BoundCheck&) = default;
};

enum class LoadVerdict : std::uint8_t { unjudged, valid, invalid };

/// "UNJUDGED", "VALID", "INVALID", as LoadGen writes it
[[nodiscard]] constexpr std::string_view name_of(LoadVerdict verdict) noexcept {
  switch (verdict) {
    case LoadVerdict::unjudged: return "UNJUDGED";
    case LoadVerdict::valid: return "VALID";
    case LoadVerdict::invalid: return "INVALID";
  }
  return "?";
}

/// \throws Error when there is no such word
[[nodiscard]] inline LoadVerdict load_verdict_from(std::string_view name) {
  return enum_from("verdict", name, std::array{LoadVerdict::unjudged, LoadVerdict::valid, LoadVerdict::invalid});
}

/// Order statistics and the longest of all.
struct LoadLatency {
  LatencyStatistics statistics;  ///< of those that are done; 0 where none is
  Milliseconds max{};

  friend bool operator==(const LoadLatency&, const LoadLatency&) = default;
};

/// What came of a load.
struct LoadReport {
  ReportKind kind = ReportKind::measured;  ///< predicted: simulated
  std::string model;
  std::string scenario;  ///< to_string(Scenario)
  std::string setup;     ///< what served it: configuration, batching, queue
  Seconds duration{};    ///< from when the first query was due to when the last was done
  std::int64_t samples_per_query = 1;
  RequestCounts requests;  ///< samples
  std::int64_t queries = 0;
  double offered_per_s = 0.0;         ///< samples that were due per second; 0 where they were not by the clock
  double throughput_per_s = 0.0;      ///< samples done per second
  LoadLatency latency;                ///< of a query, from when it was due to when its last sample was done
  LoadLatency queue;                  ///< of a sample, from when it was due to when its batch began to run
  LoadLatency service;                ///< of a sample, from there to when it was done
  std::vector<BatchCount> batches;    ///< by size, ascending
  double mean_batch = 0.0;            ///< samples of a batch
  std::vector<LoadBlock> blocks;      ///< ten, or fewer where there are fewer queries
  std::vector<QueueLength> timeline;  ///< a hundred parts of the same length; empty where nothing came
  std::vector<LatencyBin> histogram;  ///< four bins to a doubling; empty ones are left out
  /// By how much neighbouring latencies are alike: the variance of how many of a block are in the slowest 1 − p over
  /// what it would be if they were independent; ≥ 1. n queries say as much as n / correlation independent ones.
  double correlation = 1.0;
  TailFigure tail;
  std::optional<BoundCheck> slo;
  GeneratorLag lag;
  LoadVerdict verdict = LoadVerdict::unjudged;
  std::string reason;  ///< of the verdict
  std::vector<std::string> notes;
  Environment environment;

  friend bool operator==(const LoadReport&, const LoadReport&) = default;
};

/// What is made a report of.
struct SummaryOptions {
  std::int64_t samples_per_query = 1;  ///< records of a query, one after the other; ≥ 1
  std::chrono::nanoseconds from{0};    ///< queries due before that are not counted: the run warms up
  double percentile = 0.99;            ///< p of the tail
};

/// The figures of a load. Nothing is judged; tail.estimate and slo are assess_load()'s (load/assess.hpp).
/// \param records  in the order in which they were due; that of a query that is incomplete at the end is left out
/// \throws Error when an option is out of range
FULCRUM_DECLARE [[nodiscard]] LoadReport summarize_load(std::span<const RequestRecord> records,
                                                        const SummaryOptions& options = {});

namespace detail {

/// One query: latencies of those that are not done are the longest time there is.
struct QueryLatency {
  std::chrono::nanoseconds due{};
  std::chrono::nanoseconds latency{};
  bool done = false;
};

/// The queries of records, as summarize_load() counts them.
FULCRUM_DECLARE [[nodiscard]] std::vector<QueryLatency> query_latencies(std::span<const RequestRecord> records,
                                                                        const SummaryOptions& options);

}  // namespace detail
}  // namespace fulcrum

#if FULCRUM_DEFINES(load)
#include <fulcrum/load/detail/summarize_load.hpp>
#endif
