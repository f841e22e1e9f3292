#pragma once
// Candidates with made-up figures, for tests of what plans do with figures.

#include <cstdint>
#include <optional>

#include <fulcrum/core/random.hpp>
#include <fulcrum/plan/candidate.hpp>

namespace fulcrum::synthetic {

/// A report whose median is `p50_ms`, whose p99 is `tail` times that, with the throughput that follows from it.
inline LatencyReport report(ReportKind kind, const RunConfig& config, double p50_ms, double tail = 1.2) {
  LatencyReport result;
  result.kind = kind;
  result.model = "synthetic";
  result.config = config;
  auto& l = result.latency;
  l.min = Milliseconds(p50_ms * 0.9);
  l.mean = l.p50 = l.p90 = Milliseconds(p50_ms);
  l.p95 = l.p99 = l.p99_9 = Milliseconds(p50_ms * tail);
  result.throughput_per_s = static_cast<double>(config.batch) * config.instances / (p50_ms * 1e-3);
  return result;
}

/// A candidate with an accuracy and a measured p99 and throughput.
inline Candidate measured(Precision precision, double sparsity, std::int64_t batch, double accuracy, double p99_ms,
                          double throughput_per_s) {
  Candidate c;
  c.sparsity = sparsity;
  c.config = {batch, 1, 1, precision};
  c.accuracy = accuracy;
  c.predicted = report(ReportKind::predicted, c.config, p99_ms, 1.0);
  c.measured = report(ReportKind::measured, c.config, p99_ms, 1.0);
  c.measured->throughput_per_s = throughput_per_s;
  return c;
}

/// The same, only predicted.
inline Candidate predicted(Precision precision, double sparsity, std::int64_t batch, double accuracy, double p99_ms,
                           double throughput_per_s) {
  Candidate c = measured(precision, sparsity, batch, accuracy, p99_ms, throughput_per_s);
  c.predicted->throughput_per_s = throughput_per_s;
  c.measured.reset();
  return c;
}

}  // namespace fulcrum::synthetic
