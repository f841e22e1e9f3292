#pragma once
/// \file
/// A LatencyReport as JSON. Times are in milliseconds and say so in their keys; what is not known is null. Text of any
/// origin becomes valid UTF-8, so that every report can be written.

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>

#include <nlohmann/json.hpp>

#include <fulcrum/core/linkage.hpp>
#include <fulcrum/core/utf8.hpp>
#include <fulcrum/run/environment_json.hpp>
#include <fulcrum/run/json_values.hpp>
#include <fulcrum/run/latency_report.hpp>
#include <fulcrum/run/persistence_json.hpp>
#include <fulcrum/run/run_config_json.hpp>

namespace fulcrum {

/// {"min", "mean", "p50", "p90", "p95", "p99", "p99_9", "mad"} [ms]. The number of samples stands beside it.
FULCRUM_DECLARE [[nodiscard]] nlohmann::json to_json(const LatencyStatistics& latency);

/// \throws Error when something is missing, of another type or out of range
FULCRUM_DECLARE [[nodiscard]] LatencyStatistics latency_statistics_from_json(const JsonReader& j);

/// {"p50_ms", "p99_ms", "throughput_per_s"}
[[nodiscard]] inline nlohmann::json to_json(const RunBlock& block) {
  return {{"p50_ms", block.p50.count()}, {"p99_ms", block.p99.count()}, {"throughput_per_s", block.throughput_per_s}};
}

/// \throws Error when something is missing, of another type or out of range
FULCRUM_DECLARE [[nodiscard]] RunBlock run_block_from_json(const JsonReader& j);

/// {"share", "undisturbed_p50_ms" (null: of none), "undisturbed_samples", "looks", "least_us"}
FULCRUM_DECLARE [[nodiscard]] nlohmann::json to_json(const Disturbance& disturbance);

/// \throws Error when something is missing, of another type or out of range
FULCRUM_DECLARE [[nodiscard]] Disturbance disturbance_from_json(const JsonReader& j);

/// {"name", "kind", "flops", "bytes", "latency_ms", "bound", "src", "dst", "threads", "algorithm"}; bound, src, dst
/// (types) and algorithm are null when not known.
FULCRUM_DECLARE [[nodiscard]] nlohmann::json to_json(const StepLatency& layer);

/// Older files lack dst, threads and algorithm.
/// \throws Error when anything else is missing, or something is of another type or out of range
FULCRUM_DECLARE [[nodiscard]] StepLatency step_latency_from_json(const JsonReader& j);

/// {"weights", "activations", "scratchpad"} [B]
[[nodiscard]] inline nlohmann::json to_json(const MemoryUse& memory) {
  return {{"weights", memory.weights}, {"activations", memory.activations}, {"scratchpad", memory.scratchpad}};
}

/// \throws Error when something is missing, of another type or out of range
FULCRUM_DECLARE [[nodiscard]] MemoryUse memory_use_from_json(const JsonReader& j);

/// The interval of the prediction that a report's JSON holds; nothing where it holds none.
/// \throws Error when a part of it is missing, of another type or out of range
FULCRUM_DECLARE [[nodiscard]] std::optional<PredictionInterval> prediction_interval_from_json(const JsonReader& j);

/// A prediction or a measurement: {"kind", "model", what a RunConfig has (run_config_json.hpp), "flops", "bytes",
/// "latency_ms" {…}, "samples", "throughput_per_s", "disturbance" {…} (of a measurement), "persistence" […] (where it
/// is known), "blocks" […], "layers" […],
/// "outside_int8" (share_outside_int8(), or null), "creation_ms", "memory_bytes" {…}, "noisy" (is_noisy()), "notes",
/// "environment"}, and "timings_ms" where the report keeps single inferences. Where a prediction has an interval,
/// "latency_ms" also holds "p50_low", "p50_high", "p99_low" and "p99_high", and "throughput_low_per_s" and
/// "throughput_high_per_s" stand beside the throughput.
FULCRUM_DECLARE [[nodiscard]] nlohmann::json to_json(const LatencyReport& report);

/// The report that to_json() wrote. Blocks and parts of the configuration may be absent, as they are in older files;
/// what follows from the rest ("outside_int8") is not read.
/// \throws Error when anything else is missing, or something is of another type or out of range
FULCRUM_DECLARE [[nodiscard]] LatencyReport latency_report_from_json(const JsonReader& j);

/// The report in a file that `fulcrum measure --json` or `fulcrum predict --json` wrote.
/// \throws Error when the file cannot be read or holds no report; it names the file, the key and what was expected
FULCRUM_DECLARE [[nodiscard]] LatencyReport load_report(const std::string& path);

}  // namespace fulcrum

#if FULCRUM_DEFINES(run)

namespace fulcrum {

FULCRUM_DEFINE RunBlock run_block_from_json(const JsonReader& j) {
  return {Milliseconds(j.at("p50_ms").number(0.0)), Milliseconds(j.at("p99_ms").number(0.0)),
          j.at("throughput_per_s").number(0.0)};
}

FULCRUM_DEFINE MemoryUse memory_use_from_json(const JsonReader& j) {
  return {j.at("weights").integer<std::size_t>(0), j.at("activations").integer<std::size_t>(0),
          j.at("scratchpad").integer<std::size_t>(0)};
}

FULCRUM_DEFINE nlohmann::json to_json(const LatencyStatistics& latency) {
  return {{"min", latency.min.count()},     {"mean", latency.mean.count()}, {"p50", latency.p50.count()},
          {"p90", latency.p90.count()},     {"p95", latency.p95.count()},   {"p99", latency.p99.count()},
          {"p99_9", latency.p99_9.count()}, {"mad", latency.mad.count()}};
}

FULCRUM_DEFINE LatencyStatistics latency_statistics_from_json(const JsonReader& j) {
  LatencyStatistics latency;
  latency.min = Milliseconds(j.at("min").number(0.0));
  latency.mean = Milliseconds(j.at("mean").number(0.0));
  latency.p50 = Milliseconds(j.at("p50").number(0.0));
  latency.p90 = Milliseconds(j.at("p90").number(0.0));
  latency.p95 = Milliseconds(j.at("p95").number(0.0));
  latency.p99 = Milliseconds(j.at("p99").number(0.0));
  latency.p99_9 = Milliseconds(j.at("p99_9").number(0.0));
  latency.mad = Milliseconds(j.at("mad").number(0.0));
  return latency;
}

FULCRUM_DEFINE nlohmann::json to_json(const Disturbance& disturbance) {
  nlohmann::json j{{"share", disturbance.share},
                   {"undisturbed_p50_ms", nullptr},
                   {"undisturbed_samples", disturbance.samples},
                   {"looks", disturbance.looks},
                   {"least_us", disturbance.least_us}};
  if (disturbance.samples > 0) j["undisturbed_p50_ms"] = disturbance.p50.count();
  return j;
}

FULCRUM_DEFINE Disturbance disturbance_from_json(const JsonReader& j) {
  Disturbance disturbance;
  disturbance.share = j.at("share").number(0.0, 1.0);
  disturbance.samples = j.at("undisturbed_samples").integer<std::int64_t>(0);
  if (disturbance.samples > 0) disturbance.p50 = Milliseconds(j.at("undisturbed_p50_ms").number(0.0));
  disturbance.looks = j.at("looks").integer<std::int64_t>(1);
  disturbance.least_us = j.at("least_us").number(0.0);
  return disturbance;
}

FULCRUM_DEFINE nlohmann::json to_json(const StepLatency& layer) {
  nlohmann::json j{{"name", valid_utf8(layer.name)},
                   {"kind", valid_utf8(layer.kind)},
                   {"flops", layer.flops},
                   {"bytes", layer.bytes},
                   {"latency_ms", layer.latency.count()},
                   {"bound", nullptr},
                   {"src", nullptr},
                   {"dst", nullptr},
                   {"threads", layer.threads},
                   {"algorithm", nullptr}};
  if (layer.bound) j["bound"] = name_of(*layer.bound);
  if (layer.src) j["src"] = name_of(*layer.src);
  if (layer.dst) j["dst"] = name_of(*layer.dst);
  if (!layer.algorithm.empty()) j["algorithm"] = valid_utf8(layer.algorithm);
  return j;
}

FULCRUM_DEFINE StepLatency step_latency_from_json(const JsonReader& j) {
  StepLatency layer;
  layer.name = j.at("name").text();
  layer.kind = j.at("kind").text();
  layer.flops = j.at("flops").number(0.0);
  layer.bytes = j.at("bytes").number(0.0);
  layer.latency = Milliseconds(j.at("latency_ms").number(0.0));
  if (const auto bound = j.find("bound")) layer.bound = bound->name(bound_from);
  if (const auto src = j.find("src")) layer.src = src->name(dtype_from);
  if (const auto dst = j.find("dst")) layer.dst = dst->name(dtype_from);
  if (const auto threads = j.find("threads")) layer.threads = threads->integer<int>(1);
  if (const auto algorithm = j.find("algorithm")) layer.algorithm = algorithm->text();
  return layer;
}

FULCRUM_DEFINE nlohmann::json to_json(const LatencyReport& report) {
  nlohmann::json j = to_json(report.config);
  j["kind"] = name_of(report.kind);
  j["model"] = valid_utf8(report.model);
  j["flops"] = report.flops;
  j["bytes"] = report.bytes;
  j["latency_ms"] = to_json(report.latency);
  j["samples"] = report.latency.samples;
  j["throughput_per_s"] = report.throughput_per_s;
  if (report.interval) {
    j["latency_ms"]["p50_low"] = report.interval->p50_low.count();
    j["latency_ms"]["p50_high"] = report.interval->p50_high.count();
    j["latency_ms"]["p99_low"] = report.interval->p99_low.count();
    j["latency_ms"]["p99_high"] = report.interval->p99_high.count();
    j["throughput_low_per_s"] = report.interval->throughput_low_per_s;
    j["throughput_high_per_s"] = report.interval->throughput_high_per_s;
  }
  if (report.disturbance) j["disturbance"] = to_json(*report.disturbance);
  if (report.persistence) j["persistence"] = to_json(*report.persistence);
  nlohmann::json& blocks = j["blocks"] = nlohmann::json::array();
  for (const RunBlock& block : report.blocks) blocks.push_back(to_json(block));
  nlohmann::json& layers = j["layers"] = nlohmann::json::array();
  for (const StepLatency& layer : report.layers) layers.push_back(to_json(layer));
  j["outside_int8"] = number_or_null(share_outside_int8(report));
  j["creation_ms"] = report.creation.count();
  j["memory_bytes"] = to_json(report.memory);
  j["noisy"] = is_noisy(report);
  j["notes"] = valid_utf8(report.notes);
  j["environment"] = to_json(report.environment);
  if (!report.timings.empty()) {
    nlohmann::json& timings = j["timings_ms"] = nlohmann::json::array();
    for (const Milliseconds t : report.timings) timings.push_back(t.count());
  }
  return j;
}

FULCRUM_DEFINE std::optional<PredictionInterval> prediction_interval_from_json(const JsonReader& j) {
  const JsonReader latency = j.at("latency_ms");
  if (!latency.find("p50_low")) return std::nullopt;
  return PredictionInterval{.p50_low = Milliseconds(latency.at("p50_low").number(0.0)),
                            .p50_high = Milliseconds(latency.at("p50_high").number(0.0)),
                            .p99_low = Milliseconds(latency.at("p99_low").number(0.0)),
                            .p99_high = Milliseconds(latency.at("p99_high").number(0.0)),
                            .throughput_low_per_s = j.at("throughput_low_per_s").number(0.0),
                            .throughput_high_per_s = j.at("throughput_high_per_s").number(0.0)};
}

FULCRUM_DEFINE LatencyReport latency_report_from_json(const JsonReader& j) {
  LatencyReport report;
  report.kind = j.at("kind").name(report_kind_from);
  report.model = j.at("model").text();
  report.config = run_config_from_json(j);
  report.flops = j.at("flops").number(0.0);
  report.bytes = j.at("bytes").number(0.0);
  report.latency = latency_statistics_from_json(j.at("latency_ms"));
  report.latency.samples = j.at("samples").integer<std::int64_t>(0);
  report.throughput_per_s = j.at("throughput_per_s").number(0.0);
  report.interval = prediction_interval_from_json(j);
  if (const auto disturbance = j.find("disturbance")) report.disturbance = disturbance_from_json(*disturbance);
  if (const auto persistence = j.find("persistence")) report.persistence = persistence_from_json(*persistence);
  if (const auto blocks = j.find("blocks")) {
    for (const JsonReader& block : blocks->elements()) report.blocks.push_back(run_block_from_json(block));
  }
  for (const JsonReader& layer : j.at("layers").elements()) report.layers.push_back(step_latency_from_json(layer));
  report.creation = Milliseconds(j.at("creation_ms").number(0.0));
  report.memory = memory_use_from_json(j.at("memory_bytes"));
  report.notes = j.at("notes").texts();
  report.environment = environment_from_json(j.at("environment"));
  if (const auto timings = j.find("timings_ms")) {
    for (const JsonReader& t : timings->elements()) report.timings.emplace_back(t.number(0.0));
  }
  return report;
}

FULCRUM_DEFINE LatencyReport load_report(const std::string& path) {
  const std::string remedy = "write it with `fulcrum measure --json`";
  const nlohmann::json j = read_json_file(path, remedy);
  try {
    return latency_report_from_json(j);
  } catch (const Error& error) {
    throw Error(path, error.what(), error.remedy().empty() ? remedy : std::string());
  }
}

}  // namespace fulcrum

#endif
