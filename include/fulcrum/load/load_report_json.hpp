#pragma once
/// \file
/// A LoadReport as JSON. Times are in the unit that their keys say; what is not known is null.

#include <nlohmann/json.hpp>

#include <fulcrum/core/linkage.hpp>
#include <fulcrum/load/load_report.hpp>
#include <fulcrum/run/json_values.hpp>

namespace fulcrum {

/// {"kind", "model", "scenario", "setup", "verdict", "reason", "duration_s", "offered_per_s", "throughput_per_s",
/// "requests" {"issued", "done", "rejected", "dropped", "expired", "failed"}, "queries", "samples_per_query",
/// "latency_ms", "queue_ms", "service_ms" (each {"min", "mean", "p50", "p90", "p95", "p99", "p99_9", "mad", "max",
/// "samples"}), "tail" {"percentile", "confidence", "tolerance", "observed_ms", "estimate_ms"}, "slo" {"bound_ms",
/// "over_slo", "needed", "holds"} or null, "over_slo" (its), "batches" [{"size", "batches", "service_ms"}],
/// "mean_batch", "blocks" [{"start_s", "queries", "unfinished", "p50_ms", "p99_ms", "queue_p50_ms",
/// "throughput_per_s"}], "queue_length" [{"start_s", "mean", "most"}], "histogram" [{"up_to_ms", "queries"}],
/// "correlation", "lag_us" {"p50", "p99", "max"}, "notes", "environment"}.
FULCRUM_DECLARE [[nodiscard]] nlohmann::json to_json(const LoadReport& report);

/// The report that to_json() wrote.
/// \throws Error when something is missing, of another type or out of range
FULCRUM_DECLARE [[nodiscard]] LoadReport load_report_from_json(const JsonReader& j);

}  // namespace fulcrum

#if FULCRUM_DEFINES(load)

#include <fulcrum/core/utf8.hpp>
#include <fulcrum/run/environment_json.hpp>
#include <fulcrum/run/latency_report_json.hpp>

namespace fulcrum::detail {

// A percentile among queries that were not done is no time.
constexpr Milliseconds not_done = std::chrono::nanoseconds::max();

inline nlohmann::json load_latency_to_json(const LoadLatency& latency) {
  nlohmann::json j = to_json(latency.statistics);
  j["max"] = latency.max.count();
  j["samples"] = latency.statistics.samples;
  return j;
}

inline LoadLatency load_latency_from_json(const JsonReader& j) {
  LoadLatency latency{latency_statistics_from_json(j), Milliseconds(j.at("max").number(0.0))};
  latency.statistics.samples = j.at("samples").integer<std::int64_t>(0);
  return latency;
}

}  // namespace fulcrum::detail

namespace fulcrum {

FULCRUM_DEFINE nlohmann::json to_json(const LoadReport& report) {
  nlohmann::json j{
      {"kind", name_of(report.kind)},
      {"model", valid_utf8(report.model)},
      {"scenario", valid_utf8(report.scenario)},
      {"setup", valid_utf8(report.setup)},
      {"verdict", name_of(report.verdict)},
      {"reason", valid_utf8(report.reason)},
      {"duration_s", report.duration.count()},
      {"offered_per_s", report.offered_per_s},
      {"throughput_per_s", report.throughput_per_s},
      {"requests",
       {{"issued", report.requests.issued},
        {"done", report.requests.done},
        {"rejected", report.requests.rejected},
        {"dropped", report.requests.dropped},
        {"expired", report.requests.expired},
        {"failed", report.requests.failed}}},
      {"queries", report.queries},
      {"samples_per_query", report.samples_per_query},
      {"latency_ms", detail::load_latency_to_json(report.latency)},
      {"queue_ms", detail::load_latency_to_json(report.queue)},
      {"service_ms", detail::load_latency_to_json(report.service)},
      {"mean_batch", report.mean_batch},
      {"correlation", report.correlation},
      {"slo", nullptr},
      {"over_slo", nullptr},
      {"lag_us", {{"p50", report.lag.p50.count()}, {"p99", report.lag.p99.count()}, {"max", report.lag.max.count()}}},
      {"notes", valid_utf8(report.notes)},
      {"environment", to_json(report.environment)}};
  j["tail"] = {{"percentile", report.tail.target.percentile},
               {"confidence", report.tail.target.confidence},
               {"tolerance", report.tail.target.tolerance},
               {"observed_ms", nullptr},
               {"estimate_ms", nullptr}};
  if (report.tail.observed != detail::not_done) j["tail"]["observed_ms"] = report.tail.observed.count();
  if (report.tail.estimate) j["tail"]["estimate_ms"] = report.tail.estimate->count();
  if (report.slo) {
    j["slo"] = {{"bound_ms", report.slo->bound.count()},
                {"over_slo", report.slo->over},
                {"needed", report.slo->needed},
                {"holds", report.slo->holds}};
    j["over_slo"] = report.slo->over;
  }
  nlohmann::json& batches = j["batches"] = nlohmann::json::array();
  for (const BatchCount& batch : report.batches) {
    batches.push_back({{"size", batch.size}, {"batches", batch.batches}, {"service_ms", to_json(batch.service)}});
    batches.back()["service_ms"]["samples"] = batch.service.samples;
  }
  nlohmann::json& timeline = j["queue_length"] = nlohmann::json::array();
  for (const QueueLength& part : report.timeline)
    timeline.push_back({{"start_s", part.start.count()}, {"mean", part.mean}, {"most", part.most}});
  nlohmann::json& blocks = j["blocks"] = nlohmann::json::array();
  for (const LoadBlock& block : report.blocks) {
    blocks.push_back({{"start_s", block.start.count()},
                      {"queries", block.queries},
                      {"unfinished", block.unfinished},
                      {"p50_ms", block.p50.count()},
                      {"p99_ms", block.p99.count()},
                      {"queue_p50_ms", block.queue_p50.count()},
                      {"throughput_per_s", block.throughput_per_s}});
  }
  nlohmann::json& histogram = j["histogram"] = nlohmann::json::array();
  for (const LatencyBin& bin : report.histogram)
    histogram.push_back({{"up_to_ms", bin.up_to.count()}, {"queries", bin.queries}});
  return j;
}

FULCRUM_DEFINE LoadReport load_report_from_json(const JsonReader& j) {
  const auto count = [](const JsonReader& value) { return value.integer<std::int64_t>(0); };
  const auto ms = [](const JsonReader& value) { return Milliseconds(value.number(0.0)); };
  LoadReport report;
  report.kind = j.at("kind").name(report_kind_from);
  report.model = j.at("model").text();
  report.scenario = j.at("scenario").text();
  report.setup = j.at("setup").text();
  report.verdict = j.at("verdict").name(load_verdict_from);
  report.reason = j.at("reason").text();
  report.duration = Seconds(j.at("duration_s").number(0.0));
  report.offered_per_s = j.at("offered_per_s").number(0.0);
  report.throughput_per_s = j.at("throughput_per_s").number(0.0);
  const JsonReader requests = j.at("requests");
  report.requests = {count(requests.at("issued")),  count(requests.at("done")),    count(requests.at("rejected")),
                     count(requests.at("dropped")), count(requests.at("expired")), count(requests.at("failed"))};
  report.queries = count(j.at("queries"));
  report.samples_per_query = j.at("samples_per_query").integer<std::int64_t>(1);
  report.latency = detail::load_latency_from_json(j.at("latency_ms"));
  report.queue = detail::load_latency_from_json(j.at("queue_ms"));
  report.service = detail::load_latency_from_json(j.at("service_ms"));
  report.mean_batch = j.at("mean_batch").number(0.0);
  report.correlation = j.at("correlation").number(1.0);
  const JsonReader tail = j.at("tail");
  report.tail.target = {tail.at("percentile").number(0.0), tail.at("confidence").number(0.0),
                        tail.at("tolerance").number(0.0)};
  const auto observed = tail.find("observed_ms");
  report.tail.observed = observed ? ms(*observed) : detail::not_done;
  if (const auto estimate = tail.find("estimate_ms")) report.tail.estimate = ms(*estimate);
  if (const auto slo = j.find("slo")) {
    report.slo = BoundCheck{ms(slo->at("bound_ms")), count(slo->at("over_slo")), count(slo->at("needed")),
                            slo->at("holds").boolean()};
  }
  for (const JsonReader& batch : j.at("batches").elements()) {
    report.batches.push_back({count(batch.at("size")), count(batch.at("batches")), {}});
    if (const auto service = batch.find("service_ms")) {  // which older files lack
      report.batches.back().service = latency_statistics_from_json(*service);
      report.batches.back().service.samples = count(service->at("samples"));
    }
  }
  if (const auto timeline = j.find("queue_length")) {
    for (const JsonReader& part : timeline->elements()) {
      report.timeline.push_back(
          {Seconds(part.at("start_s").number(0.0)), part.at("mean").number(0.0), count(part.at("most"))});
    }
  }
  for (const JsonReader& block : j.at("blocks").elements()) {
    report.blocks.push_back({Seconds(block.at("start_s").number(0.0)), count(block.at("queries")),
                             count(block.at("unfinished")), ms(block.at("p50_ms")), ms(block.at("p99_ms")),
                             ms(block.at("queue_p50_ms")), block.at("throughput_per_s").number(0.0)});
  }
  for (const JsonReader& bin : j.at("histogram").elements())
    report.histogram.push_back({ms(bin.at("up_to_ms")), count(bin.at("queries"))});
  const JsonReader lag = j.at("lag_us");
  report.lag = {Microseconds(lag.at("p50").number(0.0)), Microseconds(lag.at("p99").number(0.0)),
                Microseconds(lag.at("max").number(0.0))};
  report.notes = j.at("notes").texts();
  report.environment = environment_from_json(j.at("environment"));
  return report;
}

}  // namespace fulcrum

#endif
