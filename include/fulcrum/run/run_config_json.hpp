#pragma once
/// \file
/// A RunConfig as JSON.

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <utility>
#include <vector>

#include <nlohmann/json.hpp>

#include <fulcrum/core/linkage.hpp>
#include <fulcrum/core/utf8.hpp>
#include <fulcrum/run/json_values.hpp>
#include <fulcrum/run/run_config.hpp>

namespace fulcrum {

/// {"kind", "threads", "dense" […], "sparse" […]}, without the zeros that factors end in
FULCRUM_DECLARE [[nodiscard]] nlohmann::json to_json(const SparseCosts& costs);

/// \throws Error when something is missing, of another type or out of range
FULCRUM_DECLARE [[nodiscard]] SparseCosts sparse_costs_from_json(const JsonReader& j);

/// {"winograd", "sparse"}, and "sparse_costs" where there are some
FULCRUM_DECLARE [[nodiscard]] nlohmann::json to_json(const AlgorithmPolicy& algorithms);

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

FULCRUM_DEFINE nlohmann::json to_json(const SparseCosts& costs) {
  const auto factors = [](const SparseTerms& terms) {
    std::size_t count = terms.size();
    while (count > 0 && terms[count - 1] == 0.0) --count;
    return std::vector<double>(terms.begin(), terms.begin() + static_cast<std::ptrdiff_t>(count));
  };
  return {{"kind", name_of(costs.kind)},
          {"threads", costs.threads},
          {"dense", factors(costs.dense)},
          {"sparse", factors(costs.sparse)}};
}

FULCRUM_DEFINE SparseCosts sparse_costs_from_json(const JsonReader& j) {
  constexpr double most = 1e6;
  const auto factors = [&](const char* name) {
    const std::vector<double> numbers = j.at(name).numbers();
    const bool valid = numbers.size() <= sparse_term_count &&
                       std::all_of(numbers.begin(), numbers.end(), [](double x) { return x >= 0.0 && x <= most; }) &&
                       std::any_of(numbers.begin(), numbers.end(), [](double x) { return x > 0.0; });
    if (!valid) j.at(name).fail("a list of up to 12 numbers from 0 to 1e6, one of them above 0");
    SparseTerms terms{};
    std::copy(numbers.begin(), numbers.end(), terms.begin());
    return terms;
  };
  return {j.at("kind").name(sparse_kind_from), j.at("threads").integer<int>(1), factors("dense"), factors("sparse")};
}

FULCRUM_DEFINE nlohmann::json to_json(const AlgorithmPolicy& algorithms) {
  nlohmann::json j{{"winograd", name_of(algorithms.winograd)}, {"sparse", name_of(algorithms.sparse)}};
  for (const SparseCosts& costs : algorithms.sparse_costs) j["sparse_costs"].push_back(to_json(costs));
  return j;
}

FULCRUM_DEFINE AlgorithmPolicy algorithm_policy_from_json(const JsonReader& j) {
  const auto from = [](std::string_view name) { return use_algorithm_from(name); };
  AlgorithmPolicy algorithms;
  if (const auto winograd = j.find("winograd")) algorithms.winograd = winograd->name(from);
  if (const auto sparse = j.find("sparse")) algorithms.sparse = sparse->name(from);
  if (const auto all = j.find("sparse_costs")) {
    for (const JsonReader& costs : all->elements()) algorithms.sparse_costs.push_back(sparse_costs_from_json(costs));
  }
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
