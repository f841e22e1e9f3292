#pragma once
/// \file
/// A RunComparison as JSON.

#include <nlohmann/json.hpp>

#include <fulcrum/core/linkage.hpp>
#include <fulcrum/core/utf8.hpp>
#include <fulcrum/run/compare.hpp>
#include <fulcrum/run/json_values.hpp>

namespace fulcrum {

/// {"baseline", "new", "ratio", "noise" {"low", "high"}, "p_value", "chance_worse", "verdict"}; noise, p-value and
/// chance are null when they are not known, the verdict when the figure is not judged.
FULCRUM_DECLARE [[nodiscard]] nlohmann::json to_json(const FigureChange& change);

/// {"name", "kind", "baseline_ms", "new_ms"}; a time is null where the run lacks the layer.
FULCRUM_DECLARE [[nodiscard]] nlohmann::json to_json(const LayerChange& layer);

/// {"verdict", "fail_above" (a share), "p50_ms" {…}, "p99_ms" {…}, "throughput_per_s" {…}, "layers" […], "notes"}
FULCRUM_DECLARE [[nodiscard]] nlohmann::json to_json(const RunComparison& comparison);

}  // namespace fulcrum

#if FULCRUM_DEFINES(run)

namespace fulcrum {

FULCRUM_DEFINE nlohmann::json to_json(const FigureChange& change) {
  nlohmann::json j{{"baseline", change.baseline},
                   {"new", change.current},
                   {"ratio", change.ratio},
                   {"noise", nullptr},
                   {"p_value", number_or_null(change.p_value)},
                   {"chance_worse", number_or_null(change.chance_worse)},
                   {"verdict", nullptr}};
  if (change.noise) j["noise"] = {{"low", change.noise->low}, {"high", change.noise->high}};
  if (change.verdict) j["verdict"] = name_of(*change.verdict);
  return j;
}

FULCRUM_DEFINE nlohmann::json to_json(const LayerChange& layer) {
  nlohmann::json j{{"name", valid_utf8(layer.name)},
                   {"kind", valid_utf8(layer.kind)},
                   {"baseline_ms", nullptr},
                   {"new_ms", nullptr}};
  if (layer.baseline) j["baseline_ms"] = layer.baseline->count();
  if (layer.current) j["new_ms"] = layer.current->count();
  return j;
}

FULCRUM_DEFINE nlohmann::json to_json(const RunComparison& comparison) {
  nlohmann::json j{{"verdict", name_of(comparison.verdict)},
                   {"fail_above", comparison.fail_above},
                   {"p50_ms", to_json(comparison.p50)},
                   {"p99_ms", to_json(comparison.p99)},
                   {"throughput_per_s", to_json(comparison.throughput)},
                   {"layers", nlohmann::json::array()},
                   {"notes", valid_utf8(comparison.notes)}};
  for (const LayerChange& layer : comparison.layers) j["layers"].push_back(to_json(layer));
  return j;
}

}  // namespace fulcrum

#endif
