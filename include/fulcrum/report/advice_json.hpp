#pragma once
/// \file
/// An Advice as JSON.

#include <nlohmann/json.hpp>

#include <fulcrum/core/linkage.hpp>
#include <fulcrum/core/utf8.hpp>
#include <fulcrum/plan/advice.hpp>
#include <fulcrum/run/json_values.hpp>
#include <fulcrum/run/run_config_json.hpp>

namespace fulcrum {

/// The configuration, "model", "latency_ms", "precisions" [{"precision", "latency_ms", "conversions_ms", "slower"}],
/// "best"
/// {"precision", "layer_precision", "latency_ms"}, "layers" [{"layer", "kind", "time_ms", "options" [{"name", "what",
/// "saves_ms" (null where there is no such change), "why_not"}]}], "notes".
FULCRUM_DECLARE [[nodiscard]] nlohmann::json to_json(const Advice& advice);

}  // namespace fulcrum

#if FULCRUM_DEFINES(report)

namespace fulcrum {

FULCRUM_DEFINE nlohmann::json to_json(const Advice& advice) {
  nlohmann::json j = to_json(advice.config);
  j["model"] = valid_utf8(advice.model);
  j["latency_ms"] = advice.latency.count();
  j["notes"] = valid_utf8(advice.notes);
  nlohmann::json& precisions = j["precisions"] = nlohmann::json::array();
  for (const PrecisionAdvice& p : advice.precisions) {
    precisions.push_back({{"precision", name_of(p.precision)},
                          {"latency_ms", p.latency.count()},
                          {"conversions_ms", p.conversions.count()},
                          {"slower", valid_utf8(p.slower)}});
  }
  nlohmann::json best = nlohmann::json::object();
  for (const auto& [layer, precision] : advice.best_layers) best[valid_utf8(layer)] = name_of(precision);
  j["best"] = {{"precision", name_of(advice.best_precision)},
               {"layer_precision", std::move(best)},
               {"latency_ms", advice.best_latency.count()}};
  nlohmann::json& layers = j["layers"] = nlohmann::json::array();
  for (const LayerAdvice& layer : advice.layers) {
    nlohmann::json options = nlohmann::json::array();
    for (const LayerOption& o : layer.options) {
      std::optional<double> saves;
      if (o.saves) saves = o.saves->count();
      options.push_back({{"name", o.name},
                         {"what", o.what},
                         {"saves_ms", number_or_null(saves)},
                         {"why_not", valid_utf8(o.why_not)}});
    }
    layers.push_back({{"layer", valid_utf8(layer.layer)},
                      {"kind", layer.kind},
                      {"time_ms", layer.time.count()},
                      {"options", std::move(options)}});
  }
  return j;
}

}  // namespace fulcrum

#endif
