#pragma once
/// \file
/// Reports and studies as JSON. Times are in milliseconds and say so in their keys; what is not known is null. Text of
/// any origin becomes valid UTF-8, so that every document can be written.

#include <cmath>
#include <concepts>
#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <nlohmann/json.hpp>

#include <fulcrum/cost/profile_file.hpp>
#include <fulcrum/plan/study.hpp>
#include <fulcrum/report/table.hpp>

namespace fulcrum {

struct AccuracyReport;  // measure/accuracy.hpp

namespace detail {

/// The text with every byte that is no valid UTF-8 replaced by U+FFFD.
inline std::string valid_utf8(std::string_view text) {
  std::string result;
  for (std::size_t at = 0; at < text.size();) {
    const CodePoint c = decode_utf8(text, at);
    if (c.value == 0xfffdU && c.bytes == 1)
      result += "\xef\xbf\xbd";
    else
      result.append(text.substr(at, c.bytes));
    at += c.bytes;
  }
  return result;
}

inline nlohmann::json valid_utf8(const std::vector<std::string>& texts) {
  nlohmann::json array = nlohmann::json::array();
  for (const std::string& text : texts) array.push_back(valid_utf8(text));
  return array;
}

/// Null when absent or not a number.
inline nlohmann::json number_or_null(const std::optional<double>& value) {
  return value && std::isfinite(*value) ? nlohmann::json(*value) : nlohmann::json(nullptr);
}

inline nlohmann::json latency_to_json(const LatencyStatistics& latency) {
  return {{"min", latency.min.count()},     {"mean", latency.mean.count()}, {"p50", latency.p50.count()},
          {"p90", latency.p90.count()},     {"p95", latency.p95.count()},   {"p99", latency.p99.count()},
          {"p99_9", latency.p99_9.count()}, {"mad", latency.mad.count()}};
}

}  // namespace detail

[[nodiscard]] inline nlohmann::json to_json(const Environment& environment) {
  Environment valid = environment;
  valid.cpu = detail::valid_utf8(environment.cpu);
  valid.isa = detail::valid_utf8(environment.isa);
  return detail::environment_to_json(valid);
}

/// {"batch", "threads", "instances", "precision"}
[[nodiscard]] inline nlohmann::json to_json(const RunConfig& config) {
  return {{"batch", config.batch},
          {"threads", config.threads},
          {"instances", config.instances},
          {"precision", name_of(config.precision)}};
}

/// {"name", "kind", "flops", "bytes", "latency_ms", "bound", "src"}; bound and src (a type) are null when not known.
[[nodiscard]] inline nlohmann::json to_json(const LayerLatency& layer) {
  nlohmann::json j{{"name", detail::valid_utf8(layer.name)},
                   {"kind", detail::valid_utf8(layer.kind)},
                   {"flops", layer.flops},
                   {"bytes", layer.bytes},
                   {"latency_ms", layer.latency.count()},
                   {"bound", nullptr},
                   {"src", nullptr}};
  if (layer.bound) j["bound"] = name_of(*layer.bound);
  if (layer.src) j["src"] = name_of(*layer.src);
  return j;
}

/// {"weights", "activations", "scratchpad"} [B]
[[nodiscard]] inline nlohmann::json to_json(const MemoryUse& memory) {
  return {{"weights", memory.weights}, {"activations", memory.activations}, {"scratchpad", memory.scratchpad}};
}

/// A prediction or a measurement: {"kind", "model", "batch", "threads", "instances", "precision", "flops", "bytes",
/// "latency_ms" {…}, "samples", "throughput_per_s", "layers" […], "outside_int8" (share_outside_int8(), or null),
/// "creation_ms", "memory_bytes" {…}, "notes", "environment"}.
[[nodiscard]] inline nlohmann::json to_json(const LatencyReport& report) {
  nlohmann::json j = to_json(report.config);
  j["kind"] = name_of(report.kind);
  j["model"] = detail::valid_utf8(report.model);
  j["flops"] = report.flops;
  j["bytes"] = report.bytes;
  j["latency_ms"] = detail::latency_to_json(report.latency);
  j["samples"] = report.latency.samples;
  j["throughput_per_s"] = report.throughput_per_s;
  nlohmann::json& layers = j["layers"] = nlohmann::json::array();
  for (const LayerLatency& layer : report.layers) layers.push_back(to_json(layer));
  j["outside_int8"] = nullptr;
  if (const std::optional<double> outside = share_outside_int8(report)) j["outside_int8"] = *outside;
  j["creation_ms"] = report.creation.count();
  j["memory_bytes"] = to_json(report.memory);
  j["notes"] = detail::valid_utf8(report.notes);
  j["environment"] = to_json(report.environment);
  return j;
}

/// {"accuracy", "samples", "correct", "notes"}. A template so that this header does not need measure/accuracy.hpp, and
/// with it oneDNN.
template <std::same_as<AccuracyReport> Report>
[[nodiscard]] nlohmann::json to_json(const Report& report) {
  return {{"accuracy", report.accuracy},
          {"samples", report.samples},
          {"correct", report.correct},
          {"notes", detail::valid_utf8(report.notes)}};
}

/// Its configuration, "sparsity", "accuracy" (0 … 1), "predicted", "measured", "prediction_error" (of the median, as a
/// share), "on_front", "why_not".
[[nodiscard]] inline nlohmann::json to_json(const Candidate& candidate) {
  nlohmann::json j = to_json(candidate.config);
  j["sparsity"] = candidate.sparsity;
  j["accuracy"] = detail::number_or_null(candidate.accuracy);
  j["predicted"] = candidate.predicted ? to_json(*candidate.predicted) : nlohmann::json(nullptr);
  j["measured"] = candidate.measured ? to_json(*candidate.measured) : nlohmann::json(nullptr);
  j["prediction_error"] = detail::number_or_null(prediction_error(candidate));
  j["on_front"] = candidate.on_front;
  j["why_not"] = detail::valid_utf8(candidate.why_not);
  return j;
}

[[nodiscard]] inline nlohmann::json to_json(const Variant& variant) {
  return {{"precision", name_of(variant.precision)},
          {"sparsity", variant.sparsity},
          {"accuracy", detail::number_or_null(variant.accuracy)},
          {"parameters", variant.parameters},
          {"nonzero_parameters", variant.nonzero_parameters},
          {"why_not", detail::valid_utf8(variant.why_not)}};
}

namespace detail {

/// The key figures of one candidate of a study with its "candidate" number; null when there is none.
inline nlohmann::json choice_to_json(const TradeoffStudy& study, const std::optional<std::size_t>& index) {
  if (!index) return nullptr;
  const Candidate& candidate = study.candidates.at(*index);
  nlohmann::json j = to_json(candidate.config);
  j["candidate"] = *index;
  j["sparsity"] = candidate.sparsity;
  j["accuracy"] = number_or_null(candidate.accuracy);
  if (const LatencyReport* report = figures(candidate)) {
    j["latency_ms"] = latency_to_json(report->latency);
    j["throughput_per_s"] = report->throughput_per_s;
  }
  return j;
}

}  // namespace detail

/// The whole study: {"model", "data", "test_samples", "objective", "baseline_accuracy", "variants", "candidates",
/// "recommendation", "nearest", "reason", "notes", "started_at", "duration_s", "environment"}. The recommendation is
/// the configuration to run with its figures, or null when none qualifies; then "nearest" is the one that comes
/// nearest.
[[nodiscard]] inline nlohmann::json to_json(const TradeoffStudy& study) {
  nlohmann::json j{{"model", detail::valid_utf8(study.model)},
                   {"data", detail::valid_utf8(study.data)},
                   {"test_samples", study.test_samples},
                   {"baseline_accuracy", detail::number_or_null(study.baseline_accuracy)},
                   {"reason", detail::valid_utf8(study.recommendation.reason)},
                   {"notes", detail::valid_utf8(study.notes)},
                   {"started_at", study.started_at},
                   {"duration_s", study.duration.count()},
                   {"environment", to_json(study.environment)}};
  std::optional<double> slo;
  if (study.objective.slo_p99) slo = study.objective.slo_p99->count();
  j["objective"] = {{"slo_p99_ms", detail::number_or_null(slo)},
                    {"max_accuracy_drop_points", detail::number_or_null(study.objective.max_accuracy_drop_points)}};
  nlohmann::json& variants = j["variants"] = nlohmann::json::array();
  for (const Variant& variant : study.variants) variants.push_back(to_json(variant));
  nlohmann::json& candidates = j["candidates"] = nlohmann::json::array();
  for (const Candidate& candidate : study.candidates) candidates.push_back(to_json(candidate));
  j["recommendation"] = detail::choice_to_json(study, study.recommendation.candidate);
  j["nearest"] = detail::choice_to_json(study, study.recommendation.nearest);
  return j;
}

}  // namespace fulcrum
