#pragma once
/// \file
/// A Validation as JSON, with its error card, and back.

#include <cstdint>
#include <optional>
#include <string>

#include <nlohmann/json.hpp>

#include <fulcrum/core/linkage.hpp>
#include <fulcrum/core/utf8.hpp>
#include <fulcrum/run/environment_json.hpp>
#include <fulcrum/run/json_values.hpp>
#include <fulcrum/run/run_config_json.hpp>
#include <fulcrum/validate/error_card.hpp>
#include <fulcrum/validate/validation.hpp>

namespace fulcrum {

/// {"cases", "within_5", "within_10", "within_20", "mape", "bias", "largest"}; all but the count are shares.
FULCRUM_DECLARE [[nodiscard]] nlohmann::json to_json(const ErrorFigures& figures);

/// {"p50" {…}, "at_present_speed" {…}, "skipped", "p99" {"cases", "within_25"}, "spearman", "coverage" {"p50", "p99"},
/// "choices"
/// {"arrangement", "precision"}, "noise" {"median", "p90"}, "by_model" […], "by_precision", "by_batch",
/// "by_arrangement", "kernels" […], "unpredicted_share", "unrealized_share", "outside_share", "worst" (numbers of
/// cases)}; what is not known is null.
FULCRUM_DECLARE [[nodiscard]] nlohmann::json to_json(const ErrorCard& card);

/// {"created_utc", "profile_created_utc", "duration_s", "environment", "notes", "drifts" […], "cases" […], "card" {…}}.
/// A case has its configuration, "model", "predicted" {"p50_ms", "p99_ms", "throughput_per_s", "p50_range_ms",
/// "p99_range_ms"}, "measured" (medians, or null), "error", "rounds" […], "steps" […], "why_not".
FULCRUM_DECLARE [[nodiscard]] nlohmann::json to_json(const Validation& validation);

/// What to_json() wrote; what follows from the rest (the card, medians, errors) is not read.
/// \throws Error when something is missing, of another type or out of range
FULCRUM_DECLARE [[nodiscard]] Validation validation_from_json(const JsonReader& j);

}  // namespace fulcrum

#if FULCRUM_DEFINES(report)

namespace fulcrum::detail {

FULCRUM_DECLARE nlohmann::json groups_to_json(const std::vector<GroupErrors>& groups) {
  nlohmann::json array = nlohmann::json::array();
  for (const GroupErrors& group : groups) {
    nlohmann::json j = to_json(group.figures);
    j["label"] = valid_utf8(group.label);
    array.push_back(std::move(j));
  }
  return array;
}

FULCRUM_DECLARE nlohmann::json choice_to_json(const ChoiceRate& rate) {
  return {{"decided", rate.decided}, {"right", rate.right}};
}

FULCRUM_DECLARE nlohmann::json coverage_to_json(const std::optional<Coverage>& coverage) {
  if (!coverage) return nullptr;
  return {{"cases", coverage->cases}, {"share", coverage->share}};
}

FULCRUM_DECLARE nlohmann::json range_to_json(const std::optional<PredictedRange>& range) {
  if (!range) return nullptr;
  return nlohmann::json::array({range->low_ms, range->high_ms});
}

FULCRUM_DECLARE std::optional<PredictedRange> range_from_json(const std::optional<JsonReader>& j) {
  if (!j) return std::nullopt;
  const std::vector<double> ends = j->numbers();
  if (ends.size() != 2) j->fail("a list of two numbers");
  return PredictedRange{ends[0], ends[1]};
}

FULCRUM_DECLARE nlohmann::json case_to_json(const ValidationCase& c) {
  nlohmann::json j = to_json(c.config);
  j["model"] = valid_utf8(c.model);
  j["why_not"] = valid_utf8(c.why_not);
  j["predicted"] = {{"p50_ms", c.predicted_p50_ms},
                    {"p99_ms", c.predicted_p99_ms},
                    {"throughput_per_s", c.predicted_throughput_per_s},
                    {"p50_range_ms", range_to_json(c.p50_range)},
                    {"p99_range_ms", range_to_json(c.p99_range)}};
  j["measured"] = nullptr;
  j["error"] = nullptr;
  if (c.complete()) {
    j["measured"] = {{"p50_ms", c.measured_p50_ms()},
                     {"p99_ms", c.measured_p99_ms()},
                     {"throughput_per_s", c.measured_throughput_per_s()}};
    j["error"] = c.error();
  }
  nlohmann::json& rounds = j["rounds"] = nlohmann::json::array();
  for (const ValidationRound& r : c.rounds) {
    rounds.push_back({{"p50_ms", r.p50_ms},
                      {"p99_ms", r.p99_ms},
                      {"throughput_per_s", r.throughput_per_s},
                      {"samples", r.samples},
                      {"slowdown", number_or_null(r.slowdown)}});
  }
  nlohmann::json& steps = j["steps"] = nlohmann::json::array();
  for (const ValidatedStep& s : c.steps) {
    steps.push_back({{"name", valid_utf8(s.name)},
                     {"kind", valid_utf8(s.kind)},
                     {"kernel", valid_utf8(s.kernel)},
                     {"predicted_us", number_or_null(s.predicted_us)},
                     {"measured_us", number_or_null(s.measured_us)}});
  }
  return j;
}

FULCRUM_DECLARE ValidationCase case_from_json(const JsonReader& j) {
  ValidationCase c;
  c.config = run_config_from_json(j);
  c.model = j.at("model").text();
  c.why_not = j.at("why_not").text();
  const JsonReader predicted = j.at("predicted");
  c.predicted_p50_ms = predicted.at("p50_ms").number(0.0);
  c.predicted_p99_ms = predicted.at("p99_ms").number(0.0);
  c.predicted_throughput_per_s = predicted.at("throughput_per_s").number(0.0);
  c.p50_range = range_from_json(predicted.find("p50_range_ms"));
  c.p99_range = range_from_json(predicted.find("p99_range_ms"));
  for (const JsonReader& r : j.at("rounds").elements()) {
    c.rounds.push_back({r.at("p50_ms").number(0.0),
                        r.at("p99_ms").number(0.0),
                        r.at("throughput_per_s").number(0.0),
                        r.at("samples").integer<std::int64_t>(0),
                        {}});
    if (const auto slowdown = r.find("slowdown")) c.rounds.back().slowdown = slowdown->number(0.0);
  }
  for (const JsonReader& s : j.at("steps").elements()) {
    ValidatedStep step{s.at("name").text(), s.at("kind").text(), s.at("kernel").text(), {}, {}};
    if (const auto time = s.find("predicted_us")) step.predicted_us = time->number(0.0);
    if (const auto time = s.find("measured_us")) step.measured_us = time->number(0.0);
    c.steps.push_back(std::move(step));
  }
  return c;
}

}  // namespace fulcrum::detail

namespace fulcrum {

FULCRUM_DEFINE nlohmann::json to_json(const ErrorFigures& f) {
  return {{"cases", f.cases}, {"within_5", f.within_5}, {"within_10", f.within_10}, {"within_20", f.within_20},
          {"mape", f.mape},   {"bias", f.bias},         {"largest", f.largest}};
}

FULCRUM_DEFINE nlohmann::json to_json(const ErrorCard& card) {
  nlohmann::json j{
      {"p50", to_json(card.p50)},
      {"at_present_speed", card.at_present_speed ? to_json(*card.at_present_speed) : nlohmann::json(nullptr)},
      {"skipped", card.skipped},
      {"p99", {{"cases", card.p99_cases}, {"within_25", card.p99_within_25}}},
      {"spearman", number_or_null(card.spearman)},
      {"coverage",
       {{"p50", detail::coverage_to_json(card.p50_coverage)}, {"p99", detail::coverage_to_json(card.p99_coverage)}}},
      {"choices",
       {{"arrangement", detail::choice_to_json(card.arrangement)},
        {"precision", detail::choice_to_json(card.precision)}}},
      {"noise", {{"median", number_or_null(card.noise)}, {"p90", number_or_null(card.noise_p90)}}},
      {"by_model", detail::groups_to_json(card.by_model)},
      {"by_precision", detail::groups_to_json(card.by_precision)},
      {"by_batch", detail::groups_to_json(card.by_batch)},
      {"by_arrangement", detail::groups_to_json(card.by_arrangement)},
      {"kernels", nlohmann::json::array()},
      {"unpredicted_share", card.unpredicted_share},
      {"unrealized_share", card.unrealized_share},
      {"outside_share", {{"predicted", card.outside_predicted}, {"measured", card.outside_measured}}},
      {"worst", card.worst}};
  for (const KernelErrors& k : card.kernels) {
    j["kernels"].push_back(
        {{"kernel", k.kernel}, {"steps", k.steps}, {"share", k.share}, {"bias", k.bias}, {"absolute", k.absolute}});
  }
  return j;
}

FULCRUM_DEFINE nlohmann::json to_json(const Validation& validation) {
  nlohmann::json j{{"created_utc", validation.created_utc}, {"profile_created_utc", validation.profile_created_utc},
                   {"duration_s", validation.duration_s},   {"environment", to_json(validation.environment)},
                   {"notes", valid_utf8(validation.notes)}, {"drifts", nlohmann::json::array()},
                   {"cases", nlohmann::json::array()},      {"card", to_json(error_card(validation))}};
  for (const Drift& d : validation.drifts)
    j["drifts"].push_back({{"compute", d.compute}, {"memory", d.memory}, {"noise", d.noise}});
  for (const ValidationCase& c : validation.cases) j["cases"].push_back(detail::case_to_json(c));
  return j;
}

FULCRUM_DEFINE Validation validation_from_json(const JsonReader& j) {
  Validation validation;
  validation.created_utc = j.at("created_utc").text();
  validation.profile_created_utc = j.at("profile_created_utc").text();
  validation.duration_s = j.at("duration_s").number(0.0);
  validation.environment = environment_from_json(j.at("environment"));
  validation.notes = j.at("notes").texts();
  if (const auto drifts = j.find("drifts")) {
    for (const JsonReader& d : drifts->elements())
      validation.drifts.push_back({d.at("compute").number(0.0), d.at("memory").number(0.0), d.at("noise").number(0.0)});
  }
  for (const JsonReader& c : j.at("cases").elements()) validation.cases.push_back(detail::case_from_json(c));
  return validation;
}

}  // namespace fulcrum

#endif
