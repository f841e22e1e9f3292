#pragma once
/// \file
/// Whether a load says what was to be known. Needs Boost.Math (target fulcrum::load).

#include <optional>
#include <span>

#include <fulcrum/core/linkage.hpp>
#include <fulcrum/load/load_report.hpp>
#include <fulcrum/load/scenario.hpp>
#include <fulcrum/load/tail.hpp>

namespace fulcrum {

/// How a load is judged.
struct AssessOptions {
  std::chrono::nanoseconds from{0};  ///< queries due before that are not counted
  TailTarget tail{};
  std::optional<Milliseconds> slo{};  ///< bound on the tail's percentile; above 0
  GeneratorLag lag{};                 ///< how far behind the generator was; 0 in a simulation
};

/// The report of a load, with its verdict. VALID, as in LoadGen: the generator kept its pace, every request was done,
/// and, where there is a bound, the percentile keeps within it with the confidence asked for. Latencies of neighbours
/// in a queue are alike, and the rule of load/tail.hpp is one for independent ones: n queries, t of them over the
/// bound, go into it as n / correlation and t / correlation (LoadReport::correlation).
///
/// The generator kept its pace when it was late by no more than 50 µs, or a tenth of the latency at the same
/// percentile, at its 99th percentile; what it was late is a part of the latencies, so these are too high at worst.
/// \throws Error when an option is out of range
FULCRUM_DECLARE [[nodiscard]] LoadReport assess_load(std::span<const RequestRecord> records, const Scenario& scenario,
                                                     const AssessOptions& options = {});

}  // namespace fulcrum

#if FULCRUM_DEFINES(load)

#include <algorithm>
#include <cmath>
#include <string>

#include <fulcrum/load/detail/overloads.hpp>

namespace fulcrum {

FULCRUM_DEFINE LoadReport assess_load(std::span<const RequestRecord> records, const Scenario& scenario,
                                      const AssessOptions& options) {
  validate(options.tail);
  validate(scenario);
  if (options.slo && !(options.slo->count() > 0.0 && std::isfinite(options.slo->count())))
    throw Error("the bound of the tail", "is " + detail::plain_figure(options.slo->count()) + " ms",
                "give one above 0");
  const SummaryOptions summary{samples_per_query(scenario), options.from, options.tail.percentile};
  LoadReport report = summarize_load(records, summary);
  report.scenario = to_string(scenario);
  report.tail.target = options.tail;
  report.lag = options.lag;
  if (!std::holds_alternative<Server>(scenario)) report.offered_per_s = 0.0;

  const std::vector<detail::QueryLatency> queries = detail::query_latencies(records, summary);
  std::vector<std::chrono::nanoseconds> sorted;
  for (const detail::QueryLatency& query : queries) sorted.push_back(query.latency);
  std::sort(sorted.begin(), sorted.end());
  report.tail.estimate = tail_estimate(sorted, options.tail, report.correlation);
  if (report.tail.estimate && Seconds(*report.tail.estimate) > std::chrono::hours(24 * 365))
    report.tail.estimate.reset();

  const auto count = [](std::int64_t n) { return format_count(n); };
  const auto ms = [](Milliseconds time) { return detail::short_figure(time.count()) + " ms"; };
  const std::string name = "p" + detail::plain_figure(100.0 * options.tail.percentile);
  const std::string confidence = detail::plain_figure(100.0 * options.tail.confidence) + " % confidence";
  std::vector<std::string> reasons;
  if (report.queries == 0) reasons.emplace_back("no request was due after the warm-up");
  const std::int64_t unfinished = report.requests.issued - report.requests.done;
  if (unfinished > 0)
    reasons.push_back(count(unfinished) + " of " + count(report.requests.issued) + " requests were not done");
  const Milliseconds lag(options.lag.p99);
  if (report.queries > 0 && lag > Microseconds(50.0) && lag > 0.1 * report.latency.statistics.p99) {
    reasons.push_back("the generator did not keep its own pace: 1 % of the requests were sent more than " + ms(lag) +
                      " late, which the latencies contain");
  }
  std::string held;
  if (options.slo && report.queries > 0) {
    BoundCheck check{*options.slo, 0, 0, false};
    check.over = sorted.end() - std::upper_bound(sorted.begin(), sorted.end(),
                                                 std::chrono::duration_cast<std::chrono::nanoseconds>(*options.slo));
    const auto independent = [&](std::int64_t n) { return static_cast<double>(n) / report.correlation; };
    const TailCheck tail = check_tail(static_cast<std::int64_t>(independent(report.queries)),
                                      static_cast<std::int64_t>(std::ceil(independent(check.over))), options.tail);
    check.holds = tail.holds;
    check.needed = static_cast<std::int64_t>(std::ceil(static_cast<double>(tail.needed) * report.correlation));
    report.slo = check;
    const std::string bound = name + " ≤ " + ms(*options.slo);
    if (check.holds) {
      held = bound + " holds at " + confidence;
    } else if (static_cast<double>(check.over) >
               (1.0 - options.tail.percentile) * static_cast<double>(report.queries)) {
      reasons.push_back(bound + " does not hold: " + count(check.over) + " of " + count(report.queries) +
                        " queries took longer or were not done");
    } else {
      reasons.push_back(bound + " held in this run, but " + count(check.needed - report.queries) +
                        " more queries that keep it are needed to say so at " + confidence);
    }
  }
  report.verdict = reasons.empty() ? LoadVerdict::valid : LoadVerdict::invalid;
  if (reasons.empty()) report.reason = held.empty() ? "every request was done, at the pace that was asked for" : held;
  for (const std::string& reason : reasons) report.reason += (report.reason.empty() ? "" : "; ") + reason;
  if (!reasons.empty() && !held.empty()) report.reason += "; " + held + " all the same";
  if (report.correlation > 1.5) {
    report.notes.push_back("neighbouring latencies are alike, as they are in a queue: " + count(report.queries) +
                           " queries say as much of the tail as " +
                           count(static_cast<std::int64_t>(static_cast<double>(report.queries) / report.correlation)) +
                           " independent ones");
  }
  if (!report.tail.estimate && report.queries > 0 && unfinished == 0) {
    report.notes.push_back("too few queries for an estimate of " + name + " that holds at " + confidence +
                           ": only the " + "observed one is given");
  }
  return report;
}

}  // namespace fulcrum

#endif
