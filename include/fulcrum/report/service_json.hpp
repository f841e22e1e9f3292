#pragma once
/// \file
/// A planned service as JSON.

#include <nlohmann/json.hpp>

#include <fulcrum/core/linkage.hpp>
#include <fulcrum/plan/service_study.hpp>

namespace fulcrum {

/// {"model", "data", "target" {"rate_per_s" or null, "arrivals", "slo_ms", "percentile", "confidence",
/// "max_accuracy_drop_points"}, "cores", "answer" {"qualifies", "candidate" or null, "nearest" or null,
/// "max_rate_per_s", "headroom", "cores", "machines" or null, "reason", "cost", "bound", "next"}, "plan" {a
/// ServicePlan}, "variants" [{"name", "precision", "accuracy", "output_snr_db", "why_not"}], "candidates" [{"variant",
/// "config", "max_batch", "max_delay_ms", "predicted" and "simulated" {"tail_ms", "max_rate_per_s", "capacity_per_s",
/// "service_ms"} or null, "measured_rate_per_s", "measured", "why_not"}], "runs" [{"candidate", "rate_per_s", "within",
/// "predicted_tail_ms", "simulated_tail_ms", "report" {a LoadReport}}], "curves" {"predicted", "simulated": [{
/// "rate_per_s", "p50_ms", "tail_ms", "throughput_per_s"}]}, "notes", "environment", "started_at", "duration_s"}.
/// "plan" is null where nothing qualifies; tails are null where requests are turned away.
FULCRUM_DECLARE [[nodiscard]] nlohmann::json to_json(const ServiceStudy& study);

}  // namespace fulcrum

#if FULCRUM_DEFINES(report)

#include <fulcrum/core/utf8.hpp>
#include <fulcrum/load/arrivals_json.hpp>
#include <fulcrum/load/load_report_json.hpp>
#include <fulcrum/plan/service_answer.hpp>
#include <fulcrum/plan/service_plan_json.hpp>
#include <fulcrum/run/environment_json.hpp>
#include <fulcrum/run/run_config_json.hpp>

namespace fulcrum::detail {

FULCRUM_DECLARE nlohmann::json figures_to_json(const std::optional<ServiceFigures>& figures) {
  if (!figures) return nullptr;
  return {{"tail_ms", number_or_null(figures->tail.count())},
          {"max_rate_per_s", figures->max_rate_per_s},
          {"capacity_per_s", figures->capacity_per_s},
          {"service_ms", figures->service.count()}};
}

FULCRUM_DECLARE nlohmann::json curve_to_json(const std::vector<RatePoint>& curve) {
  nlohmann::json j = nlohmann::json::array();
  for (const RatePoint& point : curve) {
    j.push_back({{"rate_per_s", point.rate_per_s},
                 {"p50_ms", number_or_null(point.middle.count())},
                 {"tail_ms", number_or_null(point.tail.count())},
                 {"throughput_per_s", point.throughput_per_s}});
  }
  return j;
}

}  // namespace fulcrum::detail

namespace fulcrum {

FULCRUM_DEFINE nlohmann::json to_json(const ServiceStudy& study) {
  const ServiceTarget& target = study.target;
  nlohmann::json j{{"model", valid_utf8(study.model)},
                   {"data", valid_utf8(study.data)},
                   {"cores", study.cores},
                   {"target",
                    {{"rate_per_s", nullptr},
                     {"arrivals", to_json(target.arrivals)},
                     {"slo_ms", target.slo.count()},
                     {"percentile", target.tail.percentile},
                     {"confidence", target.tail.confidence},
                     {"max_accuracy_drop_points", number_or_null(target.max_accuracy_drop_points)}}},
                   {"notes", valid_utf8(study.notes)},
                   {"environment", to_json(study.environment)},
                   {"started_at", study.started_at},
                   {"duration_s", study.duration.count()}};
  if (!target.highest_rate) j["target"]["rate_per_s"] = rate_of(target.arrivals);
  const auto index = [](const std::optional<std::size_t>& i) {
    return i ? nlohmann::json(*i) : nlohmann::json(nullptr);
  };
  const ServiceAnswer& answer = study.answer;
  j["answer"] = {{"qualifies", answer.chosen.has_value()},
                 {"candidate", index(answer.chosen)},
                 {"nearest", index(answer.nearest)},
                 {"max_rate_per_s", answer.max_rate_per_s},
                 {"headroom", answer.headroom},
                 {"cores", answer.cores},
                 {"machines", answer.machines ? nlohmann::json(*answer.machines) : nlohmann::json(nullptr)},
                 {"reason", valid_utf8(answer.reason)},
                 {"cost", valid_utf8(answer.cost)},
                 {"bound", valid_utf8(answer.bound)},
                 {"next", valid_utf8(answer.next)}};
  j["plan"] = answer.chosen ? to_json(study.plan) : nlohmann::json(nullptr);
  nlohmann::json& variants = j["variants"] = nlohmann::json::array();
  for (const ServiceVariant& variant : study.variants) {
    variants.push_back({{"name", valid_utf8(variant.name)},
                        {"precision", name_of(variant.precision)},
                        {"accuracy", number_or_null(variant.accuracy)},
                        {"output_snr_db", number_or_null(variant.output_snr_db)},
                        {"why_not", valid_utf8(variant.why_not)}});
  }
  nlohmann::json& candidates = j["candidates"] = nlohmann::json::array();
  for (std::size_t i = 0; i < study.candidates.size(); ++i) {
    const ServiceCandidate& c = study.candidates[i];
    candidates.push_back({{"variant", valid_utf8(study.variants[c.variant].name)},
                          {"config", to_json(c.config)},
                          {"max_batch", c.batching.max_batch},
                          {"max_delay_ms", Milliseconds(c.batching.max_delay).count()},
                          {"predicted", detail::figures_to_json(c.predicted)},
                          {"simulated", detail::figures_to_json(c.refined)},
                          {"measured", c.measured},
                          {"measured_rate_per_s", highest_measured_rate(study, i)},
                          {"why_not", valid_utf8(c.why_not)}});
  }
  nlohmann::json& runs = j["runs"] = nlohmann::json::array();
  for (const ServiceRun& run : study.runs) {
    runs.push_back({{"candidate", run.candidate},
                    {"rate_per_s", run.rate_per_s},
                    {"within", run.within},
                    {"predicted_tail_ms", number_or_null(run.predicted_tail.count())},
                    {"simulated_tail_ms", number_or_null(run.simulated_tail.count())},
                    {"report", to_json(run.report)}});
  }
  j["curves"] = {{"predicted", detail::curve_to_json(study.predicted_curve)},
                 {"simulated", detail::curve_to_json(study.simulated_curve)}};
  return j;
}

}  // namespace fulcrum

#endif
