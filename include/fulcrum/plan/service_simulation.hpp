#pragma once
/// \file
/// What a queue would do to a way of serving: simulated, from service times that are predicted or were measured.

#include <cstdint>
#include <span>
#include <vector>

#include <fulcrum/core/linkage.hpp>
#include <fulcrum/load/service_time.hpp>
#include <fulcrum/load/simulate.hpp>
#include <fulcrum/plan/service_study.hpp>
#include <fulcrum/run/latency_report.hpp>

namespace fulcrum {

/// How long simulations of a plan are.
struct ServiceSimulationOptions {
  std::int64_t requests = 20'000;       ///< of each; more where arrivals change slowly; ≥ 1000
  std::chrono::nanoseconds overhead{};  ///< of a batch beside its service time
  std::uint64_t seed = 0;
};

/// The load at a rate on a candidate: median, tail and throughput. The queue is queue_for(rate, slo).
/// \param service  of batches up to the candidate's largest
FULCRUM_DECLARE [[nodiscard]] RatePoint simulate_rate(const ServiceCandidate& candidate, const ServiceModel& service,
                                                      const ServiceTarget& target, double rate_per_s,
                                                      const ServiceSimulationOptions& options = {});

/// Samples per second of all instances with the batch size at which that is highest.
FULCRUM_DECLARE [[nodiscard]] double capacity_of(const ServiceCandidate& candidate, const ServiceModel& service);

/// The highest rate within the bound, by bisection to half a percent of the capacity; 0: even a lone request is late.
FULCRUM_DECLARE [[nodiscard]] double highest_rate(const ServiceCandidate& candidate, const ServiceModel& service,
                                                  const ServiceTarget& target,
                                                  const ServiceSimulationOptions& options = {});

/// All figures of a candidate.
FULCRUM_DECLARE [[nodiscard]] ServiceFigures simulated_figures(const ServiceCandidate& candidate,
                                                               const ServiceModel& service, const ServiceTarget& target,
                                                               const ServiceSimulationOptions& options = {});

/// Median and tail over rates up to somewhat beyond the highest within the bound.
FULCRUM_DECLARE [[nodiscard]] std::vector<RatePoint> simulated_curve(const ServiceCandidate& candidate,
                                                                     const ServiceModel& service,
                                                                     const ServiceTarget& target,
                                                                     const ServiceSimulationOptions& options = {});

/// Service times as a runner has them, in the form of reports. One half is what was measured: of sizes that ran often
/// enough as they ran, of the others in the proportions of the prediction, at the level and with the spread of what
/// ran. The other half is the prediction at the level of the quickest batches that ran: loads of seconds tell how far
/// other work slows a model now, a calibration over minutes how far it usually does.
/// \param predicted  one report for each batch size of executors, ascending
/// \param served     what loads on a runner with those executors gave; together they say how slow batches usually are
FULCRUM_DECLARE [[nodiscard]] std::vector<LatencyReport> as_served(std::vector<LatencyReport> predicted,
                                                                   std::span<const LoadReport> served);

}  // namespace fulcrum

#if FULCRUM_DEFINES(plan)

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>

#include <fulcrum/core/error.hpp>

namespace fulcrum::detail {

/// How many requests show what a process does: bursts have to come and go some fifty times, within reason.
FULCRUM_DECLARE double requests_to_simulate(const ArrivalProcess& arrivals, double rate_per_s,
                                            const ServiceSimulationOptions& options) {
  auto requests = static_cast<double>(options.requests);
  if (const auto* bursts = std::get_if<BurstArrivals>(&arrivals)) {
    const Seconds cycle = bursts->mean_calm + bursts->mean_burst;
    requests = std::clamp(50.0 * cycle.count() * rate_per_s, requests, 10.0 * requests);
  } else if (std::holds_alternative<GammaArrivals>(arrivals)) {
    requests *= 2.0;
  }
  return requests;
}

/// The latencies of a simulated load, in no order; of requests that were turned away the longest time there is.
FULCRUM_DECLARE std::vector<std::chrono::nanoseconds> simulated_latencies(const std::vector<RequestRecord>& records) {
  std::vector<std::chrono::nanoseconds> latencies;
  latencies.reserve(records.size());
  for (std::size_t i = records.size() / 20; i < records.size(); ++i) {  // the queue was empty at the start
    latencies.push_back(records[i].status == RequestStatus::done ? records[i].latency()
                                                                 : std::chrono::nanoseconds::max());
  }
  return latencies;
}

FULCRUM_DECLARE Milliseconds order_statistic(std::vector<std::chrono::nanoseconds>& latencies, double p) {
  if (latencies.empty()) return Milliseconds(0.0);
  const auto at = std::min(static_cast<std::size_t>(static_cast<double>(latencies.size()) * p), latencies.size() - 1);
  std::nth_element(latencies.begin(), latencies.begin() + static_cast<std::ptrdiff_t>(at), latencies.end());
  if (latencies[at] == std::chrono::nanoseconds::max()) return Milliseconds(std::numeric_limits<double>::infinity());
  return latencies[at];
}

FULCRUM_DECLARE void scale_times(LatencyStatistics& statistics, double factor) {
  for (Milliseconds* figure : {&statistics.min, &statistics.mean, &statistics.p50, &statistics.p90, &statistics.p95,
                               &statistics.p99, &statistics.p99_9, &statistics.mad})
    *figure *= factor;
}

}  // namespace fulcrum::detail

namespace fulcrum {

FULCRUM_DEFINE RatePoint simulate_rate(const ServiceCandidate& candidate, const ServiceModel& service,
                                       const ServiceTarget& target, double rate_per_s,
                                       const ServiceSimulationOptions& options) {
  if (options.requests < 1000) throw Error("requests of a simulation", "are too few", "give 1000 or more");
  SimulationOptions simulation;
  simulation.batching = candidate.batching;
  simulation.queue = queue_for(rate_per_s, target.slo);
  simulation.instances = candidate.config.instances;
  simulation.duration =
      Seconds(std::min(detail::requests_to_simulate(target.arrivals, rate_per_s, options) / rate_per_s, 1e6));
  simulation.overhead = options.overhead;
  simulation.seed = options.seed;
  const std::vector<RequestRecord> records =
      simulate(Server{at_rate(target.arrivals, rate_per_s)}, service, simulation);
  RatePoint point;
  point.rate_per_s = rate_per_s;
  if (records.empty()) return point;
  std::chrono::nanoseconds end{0};
  double done = 0.0;
  for (const RequestRecord& record : records) {
    if (record.status != RequestStatus::done) continue;
    ++done;
    end = std::max(end, record.finished);
  }
  if (end.count() > 0) point.throughput_per_s = done / Seconds(end).count();
  std::vector<std::chrono::nanoseconds> latencies = detail::simulated_latencies(records);
  point.tail = detail::order_statistic(latencies, target.tail.percentile);
  point.middle = detail::order_statistic(latencies, 0.5);
  return point;
}

FULCRUM_DEFINE double capacity_of(const ServiceCandidate& candidate, const ServiceModel& service) {
  double most = 0.0;
  const std::vector<std::int64_t> sizes = executor_batches(candidate.batching);
  for (const std::int64_t size : sizes) {
    const auto samples = static_cast<double>(std::min(size, candidate.batching.max_batch));
    most = std::max(most, samples / service.mean(size).count());
  }
  return most * candidate.config.instances;
}

FULCRUM_DEFINE double highest_rate(const ServiceCandidate& candidate, const ServiceModel& service,
                                   const ServiceTarget& target, const ServiceSimulationOptions& options) {
  const double capacity = capacity_of(candidate, service);
  const auto within = [&](double rate) {
    return simulate_rate(candidate, service, target, rate, options).tail <= target.slo;
  };
  double low = 0.005 * capacity;
  double high = capacity;  // the queue never ends
  if (!within(low)) return 0.0;
  while (high - low > 0.005 * capacity) {
    const double middle = 0.5 * (low + high);
    (within(middle) ? low : high) = middle;
  }
  return low;
}

FULCRUM_DEFINE ServiceFigures simulated_figures(const ServiceCandidate& candidate, const ServiceModel& service,
                                                const ServiceTarget& target, const ServiceSimulationOptions& options) {
  ServiceFigures figures;
  figures.capacity_per_s = capacity_of(candidate, service);
  figures.service = service.quantile(1, target.tail.percentile) + options.overhead;
  figures.max_rate_per_s = highest_rate(candidate, service, target, options);
  figures.tail = target.slo;
  if (!target.highest_rate)
    figures.tail = simulate_rate(candidate, service, target, rate_of(target.arrivals), options).tail;
  return figures;
}

FULCRUM_DEFINE std::vector<RatePoint> simulated_curve(const ServiceCandidate& candidate, const ServiceModel& service,
                                                      const ServiceTarget& target,
                                                      const ServiceSimulationOptions& options) {
  const double capacity = capacity_of(candidate, service);
  std::vector<RatePoint> curve;
  for (const double load :
       {0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.65, 0.7, 0.75, 0.8, 0.84, 0.88, 0.91, 0.94, 0.97, 1.0, 1.05, 1.15})
    curve.push_back(simulate_rate(candidate, service, target, load * capacity, options));
  return curve;
}

FULCRUM_DEFINE std::vector<LatencyReport> as_served(std::vector<LatencyReport> predicted,
                                                    std::span<const LoadReport> served) {
  if (predicted.empty()) return predicted;
  std::vector<std::int64_t> sizes;
  for (const LatencyReport& report : predicted) sizes.push_back(report.config.batch);
  // What ran on each executor: batches of several sizes, filled up.
  struct Seen {
    double batches = 0.0, time_ms = 0.0;
    std::vector<LatencyStatistics> spread;  // of the size that ran most, of each load
    std::vector<double> weights;
  };
  std::vector<Seen> seen(sizes.size());
  double measured_ms = 0.0, predicted_ms = 0.0;
  for (const LoadReport& load : served) {
    std::vector<const BatchCount*> most(sizes.size(), nullptr);
    for (const BatchCount& batch : load.batches) {
      if (batch.size < 1 || batch.size > sizes.back() || batch.service.samples == 0) continue;
      const std::size_t at = executor_index(sizes, batch.size);
      const auto batches = static_cast<double>(batch.batches);
      seen[at].batches += batches;
      seen[at].time_ms += batches * batch.service.mean.count();
      if (most[at] == nullptr || batch.batches > most[at]->batches) most[at] = &batch;
      measured_ms += batches * batch.service.mean.count();
      predicted_ms += batches * predicted[at].latency.mean.count();
    }
    for (std::size_t at = 0; at < sizes.size(); ++at) {
      if (most[at] == nullptr) continue;
      seen[at].spread.push_back(most[at]->service);
      seen[at].weights.push_back(static_cast<double>(most[at]->batches));
    }
  }
  if (!(predicted_ms > 0.0)) return predicted;
  constexpr double enough = 20.0, enough_for_spread = 150.0;
  const Seen* known_best = nullptr;  // the size whose spread is
  for (const Seen& s : seen) {
    if (s.batches >= enough_for_spread && (known_best == nullptr || s.batches > known_best->batches)) known_best = &s;
  }
  for (std::size_t i = 0; i < sizes.size(); ++i) {
    LatencyStatistics& statistics = predicted[i].latency;
    const bool known = seen[i].batches >= enough;
    const double mean_ms =
        known ? seen[i].time_ms / seen[i].batches : statistics.mean.count() * measured_ms / predicted_ms;
    LatencyStatistics usually = statistics;
    const Seen* shape = seen[i].batches >= enough_for_spread ? &seen[i] : known_best;
    const std::int64_t samples = statistics.samples;
    if (shape != nullptr) statistics = pooled(shape->spread, shape->weights);
    detail::scale_times(statistics, mean_ms / statistics.mean.count());
    if (shape != nullptr) {
      detail::scale_times(usually, statistics.min / usually.min);
      statistics = pooled(std::array{statistics, usually}, std::array{0.5, 0.5});
    }
    statistics.samples = samples;
  }
  return predicted;
}

}  // namespace fulcrum

#endif
