#pragma once
/// \file
/// Measures many candidates in turns, so that a drift of the machine meets all alike.

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <exception>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include <fulcrum/core/linkage.hpp>
#include <fulcrum/measure/measure.hpp>
#include <fulcrum/measure/turns.hpp>
#include <fulcrum/plan/figures.hpp>

namespace fulcrum {

/// One thing to measure.
struct MeasurementJob {
  const Model<float>* model = nullptr;  ///< not owned; must outlive the measurement
  RunConfig config;
  std::vector<LatencyReport> before = {};  ///< rounds that were measured already
};

/// What came of it: a report, or why there is none.
struct JobResult {
  std::optional<LatencyReport> report;
  std::string why_not;
};

using OnRound = std::function<void(std::size_t job, const LatencyReport& round)>;

namespace detail {

/// The middle value; the lower of the two when their number is even.
FULCRUM_DECLARE double middle(std::vector<double> values);

template <class Figure>
double middle_of(std::span<const LatencyReport> rounds, Figure figure) {
  std::vector<double> values;
  for (const LatencyReport& round : rounds) values.push_back(figure(round));
  return middle(std::move(values));
}

}  // namespace detail

/// One report from several of the same model and configuration: every percentile, the mean, the throughput and every
/// layer is the median over the rounds, so that one disturbed round does not speak for the candidate; min is the least,
/// samples are all, and each round is a block. Notes are those of the round whose median is the middle one, and one
/// more when the rounds' medians are further apart than 10 %.
/// \param rounds  not empty
/// \throws Error when there are none
FULCRUM_DECLARE [[nodiscard]] LatencyReport merge_rounds(std::span<const LatencyReport> rounds);

/// Measures every job once a round, forwards in one round and backwards in the next. A job that throws is left out of
/// the rounds that follow and says why; one that has rounds already is left out of as many.
/// \param rounds    ≥ 1
/// \param options   of each single measurement
/// \param on_round  told every round of a job, by its index, as soon as it is measured: to keep it
/// \throws Error when rounds is below 1
FULCRUM_DECLARE [[nodiscard]] std::vector<JobResult> measure_in_turns(std::span<const MeasurementJob> jobs, int rounds,
                                                                      const MeasureOptions& options,
                                                                      const ProgressSink& progress = {},
                                                                      const OnRound& on_round = {});

}  // namespace fulcrum

#if FULCRUM_DEFINES(plan)

namespace fulcrum::detail {

FULCRUM_DEFINE double middle(std::vector<double> values) {
  const auto at = values.begin() + static_cast<std::ptrdiff_t>((values.size() - 1) / 2);
  std::nth_element(values.begin(), at, values.end());
  return *at;
}

}  // namespace fulcrum::detail

namespace fulcrum {

FULCRUM_DEFINE LatencyReport merge_rounds(std::span<const LatencyReport> rounds) {
  if (rounds.empty()) throw Error("merge_rounds", "was given no rounds");
  const auto p50 = [](const LatencyReport& r) { return r.latency.p50.count(); };
  const double middle_p50 = detail::middle_of(rounds, p50);
  LatencyReport merged =
      *std::find_if(rounds.begin(), rounds.end(), [&](const auto& r) { return p50(r) == middle_p50; });

  for (Milliseconds LatencyStatistics::*statistic :
       {&LatencyStatistics::mean, &LatencyStatistics::p90, &LatencyStatistics::p95, &LatencyStatistics::p99,
        &LatencyStatistics::p99_9, &LatencyStatistics::mad}) {
    merged.latency.*statistic =
        Milliseconds(detail::middle_of(rounds, [&](const LatencyReport& r) { return (r.latency.*statistic).count(); }));
  }
  merged.latency.samples = 0;
  merged.blocks.clear();
  merged.timings.clear();
  double highest_p50 = middle_p50;
  double lowest_p50 = middle_p50;
  for (const LatencyReport& round : rounds) {
    merged.latency.samples += round.latency.samples;
    merged.blocks.push_back({round.latency.p50, round.latency.p99, round.throughput_per_s});
    merged.timings.insert(merged.timings.end(), round.timings.begin(), round.timings.end());
    merged.latency.min = std::min(merged.latency.min, round.latency.min);
    highest_p50 = std::max(highest_p50, p50(round));
    lowest_p50 = std::min(lowest_p50, p50(round));
  }
  merged.throughput_per_s = detail::middle_of(rounds, [](const LatencyReport& r) { return r.throughput_per_s; });
  merged.creation = Milliseconds(detail::middle_of(rounds, [](const LatencyReport& r) { return r.creation.count(); }));
  for (std::size_t i = 0; i < merged.layers.size(); ++i) {
    merged.layers[i].latency =
        Milliseconds(detail::middle_of(rounds, [&](const LatencyReport& r) { return r.layers.at(i).latency.count(); }));
  }
  if (highest_p50 > 1.1 * lowest_p50) {
    std::string note = "the medians of its rounds lie between ";
    note += format_latency(Milliseconds(lowest_p50));
    note += " and ";
    note += format_latency(Milliseconds(highest_p50));
    merged.notes.push_back(std::move(note));
  }
  return merged;
}

FULCRUM_DEFINE std::vector<JobResult> measure_in_turns(std::span<const MeasurementJob> jobs, int rounds,
                                                       const MeasureOptions& options, const ProgressSink& progress,
                                                       const OnRound& on_round) {
  if (rounds < 1) throw Error("measurement rounds", "is " + std::to_string(rounds), "give 1 or more");
  std::vector<std::vector<LatencyReport>> reports(jobs.size());
  std::vector<JobResult> results(jobs.size());
  for (std::size_t i = 0; i < jobs.size(); ++i) reports[i] = jobs[i].before;
  const std::size_t total = jobs.size() * static_cast<std::size_t>(rounds);
  for (std::size_t turn = 0; turn < total; ++turn) {
    const std::size_t round = turn / jobs.size();
    const std::size_t place = turn % jobs.size();
    const std::size_t at = whose_turn(round, place, jobs.size());
    if (reports[at].size() > round) continue;
    if (progress) {
      std::string stage = "measuring, round ";
      stage.append(std::to_string(round + 1)).append("/").append(std::to_string(rounds));
      progress({static_cast<double>(turn) / static_cast<double>(total), stage, to_string(jobs[at].config)});
    }
    if (!results[at].why_not.empty()) continue;
    try {
      reports[at].push_back(measure(*jobs[at].model, jobs[at].config, options));
    } catch (const std::exception& error) {
      results[at].why_not = "could not be measured: ";
      results[at].why_not += error.what();
      continue;
    }
    if (on_round) on_round(at, reports[at].back());
  }
  for (std::size_t i = 0; i < jobs.size(); ++i) {
    if (results[i].why_not.empty()) results[i].report = merge_rounds(reports[i]);
  }
  return results;
}

}  // namespace fulcrum

#endif
