#pragma once
/// \file
/// How long a batch takes, as a distribution that follows from what a LatencyReport says of it.

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include <fulcrum/core/linkage.hpp>
#include <fulcrum/core/random.hpp>
#include <fulcrum/run/latency_report.hpp>
#include <fulcrum/run/persistence.hpp>

namespace fulcrum {

/// A distribution of service times. Between the order statistics of a report its quantile function is a power of the
/// probability; one number shifts all parts up or down so that the mean is the report's. What the mean has above all
/// that is put into the slowest thousandth, as an exponential tail.
class ServiceTime {
public:
  /// \throws Error when min, p50, p90, p95, p99 and p99.9 are not ascending times above 0
  FULCRUM_DECLARE explicit ServiceTime(const LatencyStatistics& latency);

  /// The same time for every batch.
  FULCRUM_DECLARE [[nodiscard]] static ServiceTime constant(Seconds time);
  /// An exponential distribution, which queueing theory likes.
  FULCRUM_DECLARE [[nodiscard]] static ServiceTime exponential(Seconds mean);

  /// \param u  0 ≤ u < 1
  FULCRUM_DECLARE [[nodiscard]] Seconds quantile(double u) const noexcept;

  [[nodiscard]] Seconds mean() const noexcept { return Seconds(mean_); }

private:
  ServiceTime() = default;

  static constexpr std::array<double, 6> edges = {0.0, 0.5, 0.9, 0.95, 0.99, 0.999};

  std::array<double, 6> value_{};  // [s] at the edges
  double below_ = 1.0;             // exponent of the part below the median
  double above_ = 1.0;             // of those above
  double tail_ = 0.0;              // [s] mean of what exceeds the last value, beyond the last edge
  double mean_ = 0.0;              // [s]
  bool exponential_ = false;
  bool constant_ = false;
};

/// Service times of one kind from several runs, as if they were one: what was slow in one run was slow for a part of
/// the whole.
/// \param runs     each with min > 0; not empty
/// \param weights  how much each counts; ≥ 0, one for each, one of them above 0
FULCRUM_DECLARE [[nodiscard]] LatencyStatistics pooled(std::span<const LatencyStatistics> runs,
                                                       std::span<const double> weights);

/// The service time of every batch size up to a largest one.
class ServiceModel {
public:
  /// What is between the sizes is interpolated, from the one below to the one above; below the smallest it is as that.
  /// \param batches  ascending, ≥ 1, one for each of `times`
  /// \param lasts    how far batches that follow one another are slow together; nothing: each for itself
  /// \throws Error when there are none, or sizes are out of order
  FULCRUM_DECLARE ServiceModel(std::vector<std::int64_t> batches, std::vector<ServiceTime> times,
                               const Persistence& lasts = {});

  /// From reports of one model at several batch sizes, in any order, predicted or measured. How long what slows them
  /// lasts is that of the smallest size.
  /// \throws Error when there are none, or two for one batch size
  FULCRUM_DECLARE [[nodiscard]] static ServiceModel from_reports(std::span<const LatencyReport> reports);

  [[nodiscard]] std::int64_t max_batch() const noexcept { return batches_.back(); }
  [[nodiscard]] const Persistence& lasts() const noexcept { return lasts_; }

  /// Precondition: 1 ≤ batch ≤ max_batch(), 0 ≤ u < 1.
  FULCRUM_DECLARE [[nodiscard]] Seconds quantile(std::int64_t batch, double u) const noexcept;
  FULCRUM_DECLARE [[nodiscard]] Seconds mean(std::int64_t batch) const noexcept;

private:
  struct Between {
    std::size_t low = 0;
    std::size_t high = 0;
    double share = 0.0;  // of the high one
  };
  FULCRUM_DECLARE [[nodiscard]] Between between(std::int64_t batch) const noexcept;

  std::vector<std::int64_t> batches_;
  std::vector<ServiceTime> times_;
  Persistence lasts_;
};

}  // namespace fulcrum

#if FULCRUM_DEFINES(load)

#include <algorithm>
#include <cmath>
#include <string>
#include <utility>

namespace fulcrum {

FULCRUM_DEFINE ServiceTime::ServiceTime(const LatencyStatistics& latency) {
  const auto seconds = [](Milliseconds time) { return Seconds(time).count(); };
  value_ = {seconds(latency.min), seconds(latency.p50), seconds(latency.p90),
            seconds(latency.p95), seconds(latency.p99), seconds(latency.p99_9)};
  if (!(value_[0] > 0.0) || !std::isfinite(value_[5]) || !std::is_sorted(value_.begin(), value_.end())) {
    throw Error("a service time", "needs min, p50, p90, p95, p99 and p99.9 above 0 and ascending",
                "take those of a LatencyReport");
  }
  // A part from a to b has the mean a + (b − a)·s, where s = 1 / (1 + exponent); the lowest, whose power is that of the
  // distance to the median, has the exponent s / (1 − s). So the whole is at_zero + slope·s.
  double at_zero = 0.5 * value_[0];
  double slope = 0.5 * (value_[1] - value_[0]);
  for (std::size_t i = 1; i + 1 < edges.size(); ++i) {
    at_zero += (edges[i + 1] - edges[i]) * value_[i];
    slope += (edges[i + 1] - edges[i]) * (value_[i + 1] - value_[i]);
  }
  constexpr double beyond = 1.0 - 0.999;
  at_zero += beyond * value_.back();
  const double wanted = seconds(latency.mean);
  const double fitted = slope > 1e-9 * value_[1] ? (wanted - at_zero) / slope : 0.5;
  const double s = std::isfinite(fitted) ? std::clamp(fitted, 0.05, 0.95) : 0.5;
  above_ = 1.0 / s - 1.0;
  below_ = s / (1.0 - s);
  mean_ = at_zero + slope * s;
  if (wanted > mean_) {
    tail_ = (wanted - mean_) / beyond;
    mean_ = wanted;
  }
  constant_ = value_.front() == value_.back() && tail_ == 0.0;
}

FULCRUM_DEFINE ServiceTime ServiceTime::constant(Seconds time) {
  LatencyStatistics latency;
  latency.min = latency.mean = latency.p50 = latency.p90 = latency.p95 = latency.p99 = latency.p99_9 = time;
  return ServiceTime(latency);
}

FULCRUM_DEFINE ServiceTime ServiceTime::exponential(Seconds mean) {
  if (!(mean.count() > 0.0)) throw Error("a mean service time", "is not above 0", "give seconds");
  ServiceTime time;
  time.mean_ = mean.count();
  time.exponential_ = true;
  return time;
}

FULCRUM_DEFINE Seconds ServiceTime::quantile(double u) const noexcept {
  if (constant_) return Seconds(value_[0]);
  if (exponential_) return Seconds(-std::log1p(-u) * mean_);
  if (u >= edges.back()) {
    const double beyond = (u - edges.back()) / (1.0 - edges.back());
    return Seconds(value_.back() - (tail_ > 0.0 ? std::log1p(-std::min(beyond, 1.0 - 0x1.0p-50)) * tail_ : 0.0));
  }
  if (u < edges[1]) {
    const double x = u / edges[1];
    return Seconds(value_[1] - (value_[1] - value_[0]) * std::pow(1.0 - x, below_));
  }
  std::size_t i = 1;
  while (u >= edges[i + 1]) ++i;
  const double x = (u - edges[i]) / (edges[i + 1] - edges[i]);
  return Seconds(value_[i] + (value_[i + 1] - value_[i]) * std::pow(x, above_));
}

FULCRUM_DEFINE LatencyStatistics pooled(std::span<const LatencyStatistics> runs, std::span<const double> weights) {
  double all = 0.0;
  for (const double weight : weights) all += weight;
  if (runs.empty() || weights.size() != runs.size() || !(all > 0.0))
    throw Error("runs to pool", "need one weight each, of which one is above 0", "give at least one run");
  LatencyStatistics result;
  constexpr int parts = 2000;                    // of each run
  std::vector<std::pair<double, double>> drawn;  // [s], weight
  result.min = runs.front().min;
  for (std::size_t i = 0; i < runs.size(); ++i) {
    const double weight = weights[i] / all;
    if (weight == 1.0) return runs[i];
    if (!(weight > 0.0)) continue;
    const ServiceTime time(runs[i]);
    for (int part = 0; part < parts; ++part)
      drawn.emplace_back(time.quantile((part + 0.5) / parts).count(), weight / parts);
    result.mean += weight * runs[i].mean;
    result.mad += weight * runs[i].mad;
    result.min = std::min(result.min, runs[i].min);
    result.samples += runs[i].samples;
  }
  std::sort(drawn.begin(), drawn.end());
  const auto at = [&](double quantile) {
    double below = 0.0;
    for (const auto& [time, weight] : drawn) {
      below += weight;
      if (below > quantile) return Milliseconds(Seconds(time));
    }
    return Milliseconds(Seconds(drawn.back().first));
  };
  result.p50 = at(0.5), result.p90 = at(0.9), result.p95 = at(0.95), result.p99 = at(0.99), result.p99_9 = at(0.999);
  return result;
}

FULCRUM_DEFINE ServiceModel::ServiceModel(std::vector<std::int64_t> batches, std::vector<ServiceTime> times,
                                          const Persistence& lasts)
    : batches_(std::move(batches)), times_(std::move(times)), lasts_(lasts) {
  if (batches_.empty() || batches_.size() != times_.size())
    throw Error("a service model", "needs one service time for each batch size", "give at least one");
  for (std::size_t i = 0; i < batches_.size(); ++i) {
    if (batches_[i] < 1 || (i > 0 && batches_[i] <= batches_[i - 1])) {
      throw Error("a service model", "has the batch size " + std::to_string(batches_[i]) + " out of order or twice",
                  "give one report for each size");
    }
  }
}

FULCRUM_DEFINE ServiceModel ServiceModel::from_reports(std::span<const LatencyReport> reports) {
  std::vector<const LatencyReport*> sorted;
  for (const LatencyReport& report : reports) sorted.push_back(&report);
  std::sort(sorted.begin(), sorted.end(),
            [](const auto* a, const auto* b) { return a->config.batch < b->config.batch; });
  std::vector<std::int64_t> batches;
  std::vector<ServiceTime> times;
  for (const LatencyReport* report : sorted) {
    batches.push_back(report->config.batch);
    times.emplace_back(report->latency);
  }
  const Persistence lasts = sorted.empty() ? Persistence{} : sorted.front()->persistence.value_or(Persistence{});
  return {std::move(batches), std::move(times), lasts};
}

FULCRUM_DEFINE ServiceModel::Between ServiceModel::between(std::int64_t batch) const noexcept {
  const auto above = std::lower_bound(batches_.begin(), batches_.end(), batch);
  if (above == batches_.end()) return {batches_.size() - 1, batches_.size() - 1, 0.0};
  const auto high = static_cast<std::size_t>(above - batches_.begin());
  if (high == 0 || *above == batch) return {high, high, 0.0};
  const double share =
      static_cast<double>(batch - batches_[high - 1]) / static_cast<double>(batches_[high] - batches_[high - 1]);
  return {high - 1, high, share};
}

FULCRUM_DEFINE Seconds ServiceModel::quantile(std::int64_t batch, double u) const noexcept {
  const Between at = between(batch);
  if (at.low == at.high) return times_[at.low].quantile(u);
  return (1.0 - at.share) * times_[at.low].quantile(u) + at.share * times_[at.high].quantile(u);
}

FULCRUM_DEFINE Seconds ServiceModel::mean(std::int64_t batch) const noexcept {
  const Between at = between(batch);
  return (1.0 - at.share) * times_[at.low].mean() + at.share * times_[at.high].mean();
}

}  // namespace fulcrum

#endif
