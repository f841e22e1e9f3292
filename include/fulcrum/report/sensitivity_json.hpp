#pragma once
/// \file
/// What a model's answers depend on, as JSON.

#include <nlohmann/json_fwd.hpp>

#include <fulcrum/core/linkage.hpp>
#include <fulcrum/plan/sensitivity.hpp>

namespace fulcrum {

/// {"model", "samples", "accuracy", "rows": [{"layer", "weights", "sparsity", "bits", "sqnr_db", "accuracy"}, …]}; what
/// does not apply is null.
FULCRUM_DECLARE [[nodiscard]] nlohmann::json to_json(const SensitivityReport& report);

}  // namespace fulcrum

#if FULCRUM_DEFINES(report)

#include <nlohmann/json.hpp>

#include <fulcrum/core/utf8.hpp>
#include <fulcrum/run/json_values.hpp>

namespace fulcrum {

FULCRUM_DEFINE nlohmann::json to_json(const SensitivityReport& report) {
  nlohmann::json rows = nlohmann::json::array();
  for (const LayerSensitivity& row : report.rows) {
    rows.push_back({{"layer", valid_utf8(row.layer)},
                    {"weights", row.weights},
                    {"sparsity", number_or_null(row.sparsity)},
                    {"bits", row.bits ? nlohmann::json(*row.bits) : nlohmann::json(nullptr)},
                    {"sqnr_db", number_or_null(row.sqnr_db)},
                    {"accuracy", number_or_null(row.accuracy)}});
  }
  return {{"model", valid_utf8(report.model)},
          {"samples", report.samples},
          {"accuracy", number_or_null(report.accuracy)},
          {"rows", std::move(rows)}};
}

}  // namespace fulcrum

#endif
