#pragma once
/// \file
/// Everything that was measured, as JSON.

#include <algorithm>
#include <vector>

#include <nlohmann/json.hpp>

#include <fulcrum/core/utf8.hpp>
#include <fulcrum/run/latency_report_json.hpp>

#include "report.hpp"

namespace fulcrum::peers {

namespace detail {
inline nlohmann::json case_to_json(const Case& test) {
  return {{"network", test.network}, {"batch", test.batch}, {"precision", name_of(test.comparison.ours)}};
}
inline nlohmann::json quartiles_to_json(const std::vector<double>& figures) {
  const Quartiles q = quartiles(figures);
  return {{"lower", q.lower}, {"median", q.median}, {"upper", q.upper}, {"rounds", figures}};
}
inline nlohmann::json side_to_json(const LatencyStatistics& latency, Milliseconds creation) {
  return {{"latency_ms", to_json(latency)}, {"samples", latency.samples}, {"creation_ms", creation.count()}};
}
}  // namespace detail

/// {"environment", "threads", "seconds", "rounds", "cases" […], "steps" […]}. ONNX Runtime's times are as measured in
/// JavaScript; "node_call_ms" is what the ratio is without.
[[nodiscard]] inline nlohmann::json to_json(const Report& report) {
  nlohmann::json j{{"environment", to_json(report.environment)}, {"threads", report.timing.threads},
                   {"seconds", report.timing.seconds.count()},   {"rounds", report.timing.rounds},
                   {"cases", nlohmann::json::array()},           {"steps", nlohmann::json::array()}};
  for (const CaseResult& result : report.cases) {
    nlohmann::json c = detail::case_to_json(result.test);
    c["onnxruntime_precision"] = name_of(result.test.comparison.theirs);
    c["tolerance"] = std::max(result.test.comparison.tolerance, result.allowed);
    c["difference"] = result.difference >= 0.0 ? number_or_null(result.difference) : nlohmann::json(nullptr);
    c["failed"] = result.failed;
    c["why_not"] = valid_utf8(result.why_not);
    if (result.why_not.empty()) {
      c["fulcrum"] = detail::side_to_json(result.ours, result.our_creation);
      c["onnxruntime"] = detail::side_to_json(result.theirs, result.their_creation);
      c["node_call_ms"] = result.node_call.count();
      c["ratio"] = detail::quartiles_to_json(ratios(result.rounds));
      for (const Round& round : result.rounds) {
        c["rounds"].push_back({{"fulcrum_ms", round.ours.count()},
                               {"onnxruntime_ms", round.theirs.count()},
                               {"node_call_ms", round.node_call.count()}});
      }
    }
    j["cases"].push_back(std::move(c));
  }
  for (const StepResult& result : report.steps) {
    nlohmann::json c = detail::case_to_json(result.test);
    c["failed"] = result.failed;
    c["why_not"] = valid_utf8(result.why_not);
    c["steps"] = result.steps;
    if (result.why_not.empty()) {
      c["ratio_to_steps_alone"] = detail::quartiles_to_json(ratios(result.rounds, &StepRound::alone));
      c["ratio_to_steps_in_place"] = detail::quartiles_to_json(ratios(result.rounds, &StepRound::in_place));
      for (const StepRound& round : result.rounds) {
        c["rounds"].push_back({{"executor_ms", round.executor.count()},
                               {"steps_alone_ms", round.alone.count()},
                               {"steps_in_place_ms", round.in_place.count()}});
      }
    }
    j["steps"].push_back(std::move(c));
  }
  return j;
}

}  // namespace fulcrum::peers
