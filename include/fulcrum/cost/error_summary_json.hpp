#pragma once
/// \file
/// An ErrorSummary as JSON, as a profile keeps it.

#include <cstdint>

#include <nlohmann/json.hpp>

#include <fulcrum/core/linkage.hpp>
#include <fulcrum/cost/error_summary.hpp>
#include <fulcrum/run/json_values.hpp>

namespace fulcrum {

/// {"created_utc", "groups" [{"precision", "batch", "cases", "within_10", "within_20", "mape", "bias"}]}
FULCRUM_DECLARE [[nodiscard]] nlohmann::json to_json(const ErrorSummary& summary);

/// \throws Error when something is missing, of another type or out of range
FULCRUM_DECLARE [[nodiscard]] ErrorSummary error_summary_from_json(const JsonReader& j);

}  // namespace fulcrum

#if FULCRUM_DEFINES(cost)

namespace fulcrum {

FULCRUM_DEFINE nlohmann::json to_json(const ErrorSummary& summary) {
  nlohmann::json groups = nlohmann::json::array();
  for (const ErrorSummaryGroup& g : summary.groups) {
    groups.push_back({{"precision", name_of(g.precision)},
                      {"batch", g.batch},
                      {"cases", g.cases},
                      {"within_10", g.within_10},
                      {"within_20", g.within_20},
                      {"mape", g.mape},
                      {"bias", g.bias}});
  }
  return {{"created_utc", summary.created_utc}, {"groups", std::move(groups)}};
}

FULCRUM_DEFINE ErrorSummary error_summary_from_json(const JsonReader& j) {
  ErrorSummary summary;
  summary.created_utc = j.at("created_utc").text();
  for (const JsonReader& g : j.at("groups").elements()) {
    summary.groups.push_back({g.at("precision").name(precision_from), g.at("batch").integer<std::int64_t>(1),
                              g.at("cases").integer<std::int64_t>(0), g.at("within_10").number(0.0),
                              g.at("within_20").number(0.0), g.at("mape").number(0.0), g.at("bias").number(-1.0)});
  }
  return summary;
}

}  // namespace fulcrum

#endif
