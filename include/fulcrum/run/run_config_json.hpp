#pragma once
/// \file
/// A RunConfig as JSON.

#include <cstdint>
#include <utility>

#include <nlohmann/json.hpp>

#include <fulcrum/core/linkage.hpp>
#include <fulcrum/core/utf8.hpp>
#include <fulcrum/run/json_values.hpp>
#include <fulcrum/run/run_config.hpp>

namespace fulcrum {

/// {"winograd", "sparse"}
[[nodiscard]] inline nlohmann::json to_json(const AlgorithmPolicy& algorithms) {
  return {{"winograd", name_of(algorithms.winograd)}, {"sparse", name_of(algorithms.sparse)}};
}

/// What is absent is the default.
/// \throws Error when something is of another type or not known
FULCRUM_DECLARE [[nodiscard]] AlgorithmPolicy algorithm_policy_from_json(const JsonReader& j);

/// {"batch", "threads", "instances", "precision", "missing_precision", "roundings", "layer_precision" {name:
/// precision}, "slice", "algorithms" {…}}
FULCRUM_DECLARE [[nodiscard]] nlohmann::json to_json(const RunConfig& config);

/// What is absent is the default: older files lack some.
/// \throws Error when something is of another type, not known or out of range
FULCRUM_DECLARE [[nodiscard]] RunConfig run_config_from_json(const JsonReader& j);

}  // namespace fulcrum

#if FULCRUM_DEFINES(run)

namespace fulcrum {

FULCRUM_DEFINE AlgorithmPolicy algorithm_policy_from_json(const JsonReader& j) {
  const auto from = [](std::string_view name) { return use_algorithm_from(name); };
  AlgorithmPolicy algorithms;
  if (const auto winograd = j.find("winograd")) algorithms.winograd = winograd->name(from);
  if (const auto sparse = j.find("sparse")) algorithms.sparse = sparse->name(from);
  return algorithms;
}

FULCRUM_DEFINE nlohmann::json to_json(const RunConfig& config) {
  nlohmann::json layers = nlohmann::json::object();
  for (const auto& [layer, precision] : config.layer_precision) layers[valid_utf8(layer)] = name_of(precision);
  return {{"batch", config.batch},
          {"threads", config.threads},
          {"instances", config.instances},
          {"precision", name_of(config.precision)},
          {"missing_precision", name_of(config.missing_precision)},
          {"roundings", name_of(config.roundings)},
          {"layer_precision", std::move(layers)},
          {"slice", config.slice},
          {"algorithms", to_json(config.algorithms)}};
}

FULCRUM_DEFINE RunConfig run_config_from_json(const JsonReader& j) {
  RunConfig config;
  if (const auto batch = j.find("batch")) config.batch = batch->integer<std::int64_t>(1);
  if (const auto threads = j.find("threads")) config.threads = threads->integer<int>(1);
  if (const auto instances = j.find("instances")) config.instances = instances->integer<int>(1);
  if (const auto precision = j.find("precision")) config.precision = precision->name(precision_from);
  if (const auto missing = j.find("missing_precision"))
    config.missing_precision = missing->name(missing_precision_from);
  if (const auto roundings = j.find("roundings")) config.roundings = roundings->name(roundings_from);
  if (const auto layers = j.find("layer_precision")) {
    for (const auto& [layer, precision] : layers->members())
      config.layer_precision[layer] = precision.name(precision_from);
  }
  if (const auto slice = j.find("slice")) config.slice = slice->integer<std::int64_t>(0);
  if (const auto algorithms = j.find("algorithms")) config.algorithms = algorithm_policy_from_json(*algorithms);
  validate(config);
  return config;
}

}  // namespace fulcrum

#endif
