#pragma once
/// \file
/// What load/load_report.hpp declares.

#include <algorithm>
#include <cmath>
#include <cstddef>

#include <fulcrum/load/detail/overloads.hpp>
#include <fulcrum/load/load_report.hpp>
#include <fulcrum/measure/statistics.hpp>

namespace fulcrum::detail {

using std::chrono::nanoseconds;

/// The records that count: of whole queries that were due from a time on.
inline std::span<const RequestRecord> counted_records(std::span<const RequestRecord> records,
                                                      const SummaryOptions& options) {
  const auto per_query = static_cast<std::size_t>(options.samples_per_query);
  std::size_t first = 0;
  while (first + per_query <= records.size() && records[first].scheduled < options.from) first += per_query;
  return records.subspan(first, (records.size() - first) / per_query * per_query);
}

/// percentile() of samples that are not sorted, one after the other from the highest: each orders what is below it, so
/// that all of them together take about as long as a pass or three. Simulations are summarized by the million.
class Percentiles {
public:
  /// \param samples  not empty; in another order afterwards
  explicit Percentiles(std::span<nanoseconds> samples) : samples_(samples), end_(samples.size()) {}

  /// \param p  below that of the call before
  nanoseconds at(double p) {
    const auto n = static_cast<double>(samples_.size());
    const std::size_t at = std::min(static_cast<std::size_t>(std::floor(n * p)), samples_.size() - 1);
    if (at < end_) {
      const auto first = samples_.begin();
      std::nth_element(first, first + static_cast<std::ptrdiff_t>(at), first + static_cast<std::ptrdiff_t>(end_));
      end_ = at;
    }
    return samples_[at];
  }

private:
  std::span<nanoseconds> samples_;
  std::size_t end_;  // from here on all is in its place
};

/// \param samples  in another order afterwards
inline LoadLatency load_latency(std::span<nanoseconds> samples) {
  if (samples.empty()) return {};
  LoadLatency result;
  LatencyStatistics& s = result.statistics;
  s.samples = static_cast<std::int64_t>(samples.size());
  Milliseconds sum{};
  for (const nanoseconds sample : samples) sum += sample;
  s.mean = sum / static_cast<double>(samples.size());
  const auto [least, most] = std::minmax_element(samples.begin(), samples.end());
  s.min = *least;
  result.max = *most;
  Percentiles percentiles(samples);
  s.p99_9 = percentiles.at(0.999);
  s.p99 = percentiles.at(0.99);
  s.p95 = percentiles.at(0.95);
  s.p90 = percentiles.at(0.9);
  const nanoseconds middle = percentiles.at(0.5);
  s.p50 = middle;
  for (nanoseconds& sample : samples) sample = sample > middle ? sample - middle : middle - sample;
  s.mad = Percentiles(samples).at(0.5);
  return result;
}

/// \see LoadReport::correlation
inline double tail_correlation(std::span<const QueryLatency> queries, nanoseconds threshold) {
  constexpr std::size_t blocks = 20;
  if (queries.size() < 10 * blocks) return 1.0;
  std::array<double, blocks> over{};
  double all = 0.0;
  const auto count = [&](auto is_slow) {
    for (std::size_t i = 0; i < queries.size(); ++i) {
      if (is_slow(queries[i].latency)) over[i * blocks / queries.size()] += 1.0, all += 1.0;
    }
  };
  count([&](nanoseconds latency) { return latency > threshold; });
  if (all == 0.0) count([&](nanoseconds latency) { return latency == threshold; });  // which many are
  if (all < 2.0) return 1.0;
  const double mean = all / blocks;
  double squares = 0.0;
  for (const double slow : over) squares += (slow - mean) * (slow - mean);
  const double independent = mean * (1.0 - all / static_cast<double>(queries.size()));
  if (!(independent > 0.0)) return 1.0;
  return std::max(1.0, squares / (blocks - 1) / independent);
}

inline std::vector<LoadBlock> load_blocks(std::span<const RequestRecord> records, std::span<const QueryLatency> queries,
                                          std::size_t per_query, nanoseconds end) {
  const std::size_t count = std::min<std::size_t>(queries.size(), 10);
  std::vector<nanoseconds> edges;  // when the first query of each block was due
  for (std::size_t b = 0; b < count; ++b) edges.push_back(queries[b * queries.size() / count].due);
  std::vector<LoadBlock> blocks(count);
  for (std::size_t b = 0; b < count; ++b) {
    LoadBlock& block = blocks[b];
    std::vector<nanoseconds> latency, queue;
    const std::size_t first = b * queries.size() / count, last = (b + 1) * queries.size() / count;
    for (std::size_t q = first; q < last; ++q) {
      if (!queries[q].done) continue;
      latency.push_back(queries[q].latency);
      for (std::size_t i = 0; i < per_query; ++i) queue.push_back(records[q * per_query + i].queued());
    }
    block.start = edges[b];
    block.queries = static_cast<std::int64_t>(last - first);
    block.unfinished = block.queries - static_cast<std::int64_t>(latency.size());
    block.queue_p50 = median(queue);
    if (latency.empty()) continue;
    Percentiles percentiles(latency);
    block.p99 = percentiles.at(0.99);
    block.p50 = percentiles.at(0.5);
  }
  edges.push_back(std::max(end, queries.back().due));
  for (const RequestRecord& record : records) {
    if (record.status != RequestStatus::done) continue;
    const auto above = std::upper_bound(edges.begin(), edges.end(), record.finished);
    const auto b = static_cast<std::size_t>(above - edges.begin());
    if (b > 0) blocks[std::min(b, count) - 1].throughput_per_s += 1.0;
  }
  for (std::size_t b = 0; b < count; ++b) {
    const Seconds length = edges[b + 1] - edges[b];
    blocks[b].throughput_per_s = length.count() > 0.0 ? blocks[b].throughput_per_s / length.count() : 0.0;
  }
  return blocks;
}

/// Bins whose upper ends are 1 µs · 2^(k/4).
inline std::vector<LatencyBin> latency_histogram(std::span<const nanoseconds> latencies) {
  constexpr int least = -40, most = 220;  // 1 ns … 2⁶³ ns
  std::array<std::int64_t, most - least + 1> counts{};
  for (const nanoseconds latency : latencies) {
    const double us = std::max(Microseconds(latency).count(), 1e-3);
    const int k = static_cast<int>(std::ceil(4.0 * std::log2(us) - 1e-9));
    ++counts[static_cast<std::size_t>(std::clamp(k, least, most) - least)];
  }
  std::vector<LatencyBin> bins;
  for (std::size_t i = 0; i < counts.size(); ++i) {
    if (counts[i] > 0) bins.push_back({Microseconds(std::exp2(0.25 * (static_cast<int>(i) + least))), counts[i]});
  }
  return bins;
}

/// The queue over time: what was due and did not run yet.
inline std::vector<QueueLength> queue_timeline(std::span<const RequestRecord> records, nanoseconds start,
                                               nanoseconds end) {
  constexpr std::int64_t parts = 100;
  if (end <= start) return {};
  std::vector<nanoseconds> left;  // when each left the queue; they came in the order of the records
  left.reserve(records.size());
  for (const RequestRecord& record : records) left.push_back(std::max(record.started, record.scheduled));
  if (!std::is_sorted(left.begin(), left.end())) std::sort(left.begin(), left.end());
  std::vector<QueueLength> timeline(parts);
  const auto edge = [&](std::int64_t part) { return start + (end - start) * part / parts; };
  nanoseconds now = start;
  std::int64_t waiting = 0, part = 0;
  const auto go_to = [&](nanoseconds time) {  // what comes and goes at one time was never there
    while (now < time && part < parts) {
      const nanoseconds until = std::min(time, edge(part + 1));
      QueueLength& at = timeline[static_cast<std::size_t>(part)];
      at.mean += static_cast<double>(waiting) * Seconds(until - now).count();
      if (until > now) at.most = std::max(at.most, waiting);
      now = until;
      if (now == edge(part + 1)) ++part;
    }
  };
  std::size_t came = 0, gone = 0;
  while (gone < left.size()) {
    const bool comes = came < records.size() && records[came].scheduled <= left[gone];
    go_to(comes ? records[came].scheduled : left[gone]);
    comes ? (++came, ++waiting) : (++gone, --waiting);
  }
  const double length = Seconds(end - start).count() / static_cast<double>(parts);
  for (std::int64_t i = 0; i < parts; ++i) {
    timeline[static_cast<std::size_t>(i)].start = edge(i) - start;
    timeline[static_cast<std::size_t>(i)].mean /= length;
  }
  return timeline;
}

inline void append_load_notes(LoadReport& report) {
  if (report.blocks.size() < 10) return;
  const auto mean_of = [&](std::size_t first, std::size_t last) {
    Milliseconds sum{};
    for (std::size_t b = first; b < last; ++b) sum += report.blocks[b].queue_p50 / static_cast<double>(last - first);
    return sum;
  };
  const Milliseconds early = mean_of(0, 3), late = mean_of(7, 10);
  if (report.offered_per_s > 0.0 && late > 2.0 * early + report.service.statistics.mean) {
    report.notes.push_back(
        "the queue grew throughout: the rate is above what this setup can do, and a longer run would "
        "have higher latencies");
  }
}

FULCRUM_DEFINE std::vector<QueryLatency> query_latencies(std::span<const RequestRecord> all,
                                                         const SummaryOptions& options) {
  const std::span<const RequestRecord> records = counted_records(all, options);
  const auto per_query = static_cast<std::size_t>(options.samples_per_query);
  std::vector<QueryLatency> queries;
  queries.reserve(records.size() / per_query);
  for (std::size_t first = 0; first < records.size(); first += per_query) {
    QueryLatency query{records[first].scheduled, nanoseconds{0}, true};
    for (const RequestRecord& record : records.subspan(first, per_query)) {
      query.done = query.done && record.status == RequestStatus::done;
      query.latency = std::max(query.latency, record.latency());
    }
    if (!query.done) query.latency = nanoseconds::max();
    queries.push_back(query);
  }
  return queries;
}

}  // namespace fulcrum::detail

namespace fulcrum {

FULCRUM_DEFINE LoadReport summarize_load(std::span<const RequestRecord> all, const SummaryOptions& options) {
  using std::chrono::nanoseconds;
  if (options.samples_per_query < 1)
    throw Error("samples per query", "are " + std::to_string(options.samples_per_query), "give a number of 1 or more");
  if (!(options.percentile > 0.0 && options.percentile < 1.0))
    throw Error("percentile " + detail::plain_figure(options.percentile), "is outside 0 … 1", "give 0.99, say");
  LoadReport report;
  report.samples_per_query = options.samples_per_query;
  report.tail.target.percentile = options.percentile;
  const std::span<const RequestRecord> records = detail::counted_records(all, options);
  const std::vector<detail::QueryLatency> queries = detail::query_latencies(all, options);
  report.queries = static_cast<std::int64_t>(queries.size());
  if (queries.empty()) return report;

  std::vector<nanoseconds> queue, service, latency, with_unfinished;
  std::vector<std::vector<nanoseconds>> service_of_size;
  nanoseconds end{0};
  for (const RequestRecord& record : records) {
    ++report.requests.issued;
    end = std::max(end, record.finished);
    switch (record.status) {
      case RequestStatus::done: ++report.requests.done; break;
      case RequestStatus::rejected: ++report.requests.rejected; break;
      case RequestStatus::dropped: ++report.requests.dropped; break;
      case RequestStatus::expired: ++report.requests.expired; break;
      case RequestStatus::failed: ++report.requests.failed; break;
    }
    if (record.status != RequestStatus::done) continue;
    queue.push_back(record.queued());
    service.push_back(record.service());
    const auto size = static_cast<std::size_t>(std::max(record.batch, 0));
    if (size >= service_of_size.size()) service_of_size.resize(size + 1);
    service_of_size[size].push_back(record.service());
  }
  for (const detail::QueryLatency& query : queries) {
    with_unfinished.push_back(query.latency);
    if (query.done) latency.push_back(query.latency);
  }
  report.histogram = detail::latency_histogram(latency);
  report.latency = detail::load_latency(latency);
  report.queue = detail::load_latency(queue);
  report.service = detail::load_latency(service);
  // A batch of which some samples came before the run was counted is one in part.
  double batches = 0.0;
  for (std::size_t i = 1; i < service_of_size.size(); ++i) {
    const auto samples = static_cast<std::int64_t>(service_of_size[i].size());
    const auto size = static_cast<std::int64_t>(i);
    if (samples == 0) continue;
    report.batches.push_back({size, (samples + size - 1) / size, detail::load_latency(service_of_size[i]).statistics});
    batches += static_cast<double>(samples) / static_cast<double>(size);
  }
  if (batches > 0.0) report.mean_batch = static_cast<double>(report.requests.done) / batches;

  const nanoseconds start = queries.front().due;
  report.duration = end - start;
  const Seconds length = end - start;
  if (length.count() > 0.0) report.throughput_per_s = static_cast<double>(report.requests.done) / length.count();
  const Seconds due = queries.back().due - start;
  if (due.count() > 0.0) {
    report.offered_per_s = static_cast<double>((report.queries - 1) * options.samples_per_query) / due.count();
  }

  const nanoseconds observed = detail::Percentiles(with_unfinished).at(options.percentile);
  report.tail.observed = observed;
  report.correlation = detail::tail_correlation(queries, observed);
  report.blocks = detail::load_blocks(records, queries, static_cast<std::size_t>(options.samples_per_query), end);
  for (LoadBlock& block : report.blocks) block.start -= start;
  report.timeline = detail::queue_timeline(records, start, end);
  detail::append_load_notes(report);
  return report;
}

}  // namespace fulcrum
