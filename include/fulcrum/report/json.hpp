#pragma once
/// \file
/// Studies and accuracies as JSON, in the manner of run/latency_report_json.hpp.

#include <concepts>
#include <cstddef>
#include <optional>

#include <nlohmann/json.hpp>

#include <fulcrum/core/linkage.hpp>
#include <fulcrum/core/utf8.hpp>
#include <fulcrum/plan/study.hpp>
#include <fulcrum/run/json_values.hpp>
#include <fulcrum/run/latency_report_json.hpp>

namespace fulcrum {

struct AccuracyReport;  // measure/accuracy.hpp

/// {"accuracy", "samples", "correct", "notes"}. A template so that this header does not need measure/accuracy.hpp, and
/// with it oneDNN.
template <std::same_as<AccuracyReport> Report>
[[nodiscard]] nlohmann::json to_json(const Report& report) {
  return {{"accuracy", report.accuracy},
          {"samples", report.samples},
          {"correct", report.correct},
          {"notes", valid_utf8(report.notes)}};
}

/// "scope", and "weight_bits", "calibration" and "recipe", null where it is the study's own or none.
FULCRUM_DECLARE [[nodiscard]] nlohmann::json to_json(const VariantMaking& making);

/// Its configuration, its making, "variant" (its name), "sparsity", "accuracy" (0 … 1), "predicted", "measured",
/// "prediction_error" (of the median, as a share), "on_front", "why_not".
FULCRUM_DECLARE [[nodiscard]] nlohmann::json to_json(const Candidate& candidate);

FULCRUM_DECLARE [[nodiscard]] nlohmann::json to_json(const Variant& variant);

namespace detail {

/// The key figures of one candidate of a study with its "candidate" number; null when there is none.
FULCRUM_DECLARE nlohmann::json choice_to_json(const TradeoffStudy& study, const std::optional<std::size_t>& index);

}  // namespace detail

/// The whole study: {"model", "data", "test_samples", "objective", "baseline_accuracy", "variants", "candidates",
/// "recommendation", "nearest", "reason", "equals" (numbers of candidates that cannot be told from the recommended
/// one), "busy" and "disturbance" (whether other work was on the machine, and what came of it), "notes", "started_at",
/// "duration_s", "environment"}. The recommendation is the configuration to run with its figures, or null when none
/// qualifies; then "nearest" is the one that comes nearest.
FULCRUM_DECLARE [[nodiscard]] nlohmann::json to_json(const TradeoffStudy& study);

}  // namespace fulcrum

#if FULCRUM_DEFINES(report)

namespace fulcrum {

FULCRUM_DEFINE nlohmann::json to_json(const VariantMaking& making) {
  nlohmann::json j{
      {"scope", name_of(making.scope)}, {"weight_bits", nullptr}, {"calibration", nullptr}, {"recipe", nullptr}};
  if (making.weight_bits) j["weight_bits"] = *making.weight_bits;
  if (making.calibration) j["calibration"] = name_of(*making.calibration);
  if (!making.recipe.empty()) j["recipe"] = valid_utf8(making.recipe);
  return j;
}

FULCRUM_DEFINE nlohmann::json to_json(const Candidate& candidate) {
  nlohmann::json j = to_json(candidate.config);
  j["sparsity"] = candidate.sparsity;
  j.update(to_json(candidate.making));
  j["variant"] = valid_utf8(variant_name(candidate.config.precision, candidate.sparsity, candidate.making));
  j["accuracy"] = number_or_null(candidate.accuracy);
  j["predicted"] = candidate.predicted ? to_json(*candidate.predicted) : nlohmann::json(nullptr);
  j["measured"] = candidate.measured ? to_json(*candidate.measured) : nlohmann::json(nullptr);
  j["prediction_error"] = number_or_null(prediction_error(candidate));
  j["on_front"] = candidate.on_front;
  j["why_not"] = valid_utf8(candidate.why_not);
  return j;
}

FULCRUM_DEFINE nlohmann::json to_json(const Variant& variant) {
  nlohmann::json j{{"precision", name_of(variant.precision)},
                   {"sparsity", variant.sparsity},
                   {"variant", valid_utf8(variant_name(variant.precision, variant.sparsity, variant.making))},
                   {"accuracy", number_or_null(variant.accuracy)},
                   {"parameters", variant.parameters},
                   {"nonzero_parameters", variant.nonzero_parameters},
                   {"size_mb", parameter_bytes(variant) / 1e6},
                   {"why_not", valid_utf8(variant.why_not)}};
  j.update(to_json(variant.making));
  return j;
}

}  // namespace fulcrum

namespace fulcrum::detail {

FULCRUM_DEFINE nlohmann::json choice_to_json(const TradeoffStudy& study, const std::optional<std::size_t>& index) {
  if (!index) return nullptr;
  const Candidate& candidate = study.candidates.at(*index);
  nlohmann::json j = to_json(candidate.config);
  j["candidate"] = *index;
  j["sparsity"] = candidate.sparsity;
  j.update(to_json(candidate.making));
  j["accuracy"] = number_or_null(candidate.accuracy);
  if (const LatencyReport* report = figures(candidate)) {
    j["latency_ms"] = to_json(report->latency);
    j["throughput_per_s"] = report->throughput_per_s;
  }
  return j;
}

}  // namespace fulcrum::detail

namespace fulcrum {

FULCRUM_DEFINE nlohmann::json to_json(const TradeoffStudy& study) {
  nlohmann::json j{{"model", valid_utf8(study.model)},
                   {"data", valid_utf8(study.data)},
                   {"test_samples", study.test_samples},
                   {"baseline_accuracy", number_or_null(study.baseline_accuracy)},
                   {"reason", valid_utf8(study.recommendation.reason)},
                   {"equals", study.recommendation.equals},
                   {"busy", !study.disturbance.empty()},
                   {"disturbance", study.disturbance},
                   {"notes", valid_utf8(study.notes)},
                   {"started_at", study.started_at},
                   {"duration_s", study.duration.count()},
                   {"environment", to_json(study.environment)}};
  std::optional<double> slo;
  if (study.objective.slo_p99) slo = study.objective.slo_p99->count();
  j["objective"] = {{"slo_p99_ms", number_or_null(slo)},
                    {"max_accuracy_drop_points", number_or_null(study.objective.max_accuracy_drop_points)}};
  nlohmann::json& variants = j["variants"] = nlohmann::json::array();
  for (const Variant& variant : study.variants) variants.push_back(to_json(variant));
  nlohmann::json& candidates = j["candidates"] = nlohmann::json::array();
  for (std::size_t i = 0; i < study.candidates.size(); ++i) {
    const Candidate& candidate = study.candidates[i];
    nlohmann::json row = to_json(candidate);
    row["recommended"] = study.recommendation.candidate == i;
    row["size_mb"] = nullptr;
    row["memory_mb"] = nullptr;
    if (const Variant* variant = variant_of(study, candidate); variant != nullptr && variant->parameters > 0)
      row["size_mb"] = parameter_bytes(*variant) / 1e6;
    if (candidate.measured) row["memory_mb"] = memory_mb(*candidate.measured);
    candidates.push_back(std::move(row));
  }
  j["recommendation"] = detail::choice_to_json(study, study.recommendation.candidate);
  j["nearest"] = detail::choice_to_json(study, study.recommendation.nearest);
  return j;
}

}  // namespace fulcrum

#endif
