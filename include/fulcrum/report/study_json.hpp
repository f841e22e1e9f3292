#pragma once
/// \file
/// A study described in a file: what a trade-off study is asked for.

#include <functional>
#include <string>

#include <nlohmann/json_fwd.hpp>

#include <fulcrum/core/linkage.hpp>
#include <fulcrum/plan/tradeoff_options.hpp>
#include <fulcrum/run/json_values.hpp>

namespace fulcrum {

/// What a file asks for.
struct StudyDescription {
  std::string model;        ///< zoo:NAME or a file; empty: the file does not say
  TradeoffOptions options;  ///< with a space, and `data`, which may be empty
  std::string keep_in;      ///< a folder for StudyFolder; empty: the file does not say
};

/// {"model", "data", "slo_p99_ms", "max_accuracy_drop_points", "precisions", "sparsities", "scopes", "batches",
/// "threads", "instances", "weight_bits", "calibrations", "recipes", "rounds", "seconds_per_round",
/// "samples_per_round", "measure_at_most", "calibration_images", "seed", "keep_in"}: docs/schema/study-1.json. What is
/// absent is the default. A recipe is one (recipe_from_json()), or the name of a file with one.
/// \param cores         of the machine, for default_space()
/// \param recipe_named  reads the file
/// \throws Error when something is of another type, not known or out of range
FULCRUM_DECLARE [[nodiscard]] StudyDescription study_from_json(
    const nlohmann::json& document, int cores, const std::function<nlohmann::json(const std::string&)>& recipe_named);

}  // namespace fulcrum

#if FULCRUM_DEFINES(report)

#include <cstdint>
#include <utility>
#include <vector>

#include <nlohmann/json.hpp>

#include <fulcrum/report/recipe_json.hpp>

namespace fulcrum {

FULCRUM_DEFINE StudyDescription study_from_json(const nlohmann::json& document, int cores,
                                                const std::function<nlohmann::json(const std::string&)>& recipe_named) {
  const JsonReader j(document);
  detail::expect_keys(j, {"schema",
                          "model",
                          "data",
                          "slo_p99_ms",
                          "max_accuracy_drop_points",
                          "precisions",
                          "sparsities",
                          "scopes",
                          "batches",
                          "threads",
                          "instances",
                          "weight_bits",
                          "calibrations",
                          "recipes",
                          "rounds",
                          "seconds_per_round",
                          "samples_per_round",
                          "measure_at_most",
                          "calibration_images",
                          "seed",
                          "keep_in"});
  StudyDescription study;
  if (const auto model = j.find("model")) study.model = model->text();
  TradeoffOptions& options = study.options;
  if (const auto data = j.find("data")) options.data = data->text();
  if (const auto slo = j.find("slo_p99_ms")) options.objective.slo_p99 = Milliseconds(slo->number());
  if (const auto drop = j.find("max_accuracy_drop_points")) options.objective.max_accuracy_drop_points = drop->number();
  validate(options.objective);

  ConfigurationSpace space = default_space(cores);
  const auto list = [&](const char* key, auto& into, auto read) {
    const auto values = j.find(key);
    if (!values) return;
    into.clear();
    for (const JsonReader& value : values->elements()) into.push_back(read(value));
  };
  const auto whole = [](auto least, auto most) {
    return [least, most](const JsonReader& value) { return value.integer(least, most); };
  };
  list("precisions", space.precisions, [](const JsonReader& value) { return value.name(precision_from); });
  list("sparsities", space.sparsities, [](const JsonReader& value) { return value.number(0.0, 1.0); });
  list("scopes", space.scopes, [](const JsonReader& value) { return value.name(prune_scope_from); });
  list("batches", space.batches, whole(std::int64_t{1}, std::int64_t{65536}));
  list("threads", space.threads, whole(1, 4096));
  list("instances", space.instances, whole(1, 4096));
  list("weight_bits", space.weight_bits, whole(2, 8));
  list("calibrations", space.calibrations, [](const JsonReader& value) { return value.name(calibration_method_from); });
  if (const auto recipes = j.find("recipes")) {
    const nlohmann::json& given = document.at("recipes");
    for (std::size_t i = 0; i < recipes->elements().size(); ++i)
      space.recipes.push_back(
          recipe_from_json(given[i].is_string() ? recipe_named(given[i].get<std::string>()) : given[i]));
  }
  static_cast<void>(enumerate(space, cores));  // before anything is loaded
  options.space = std::move(space);

  if (const auto rounds = j.find("rounds")) options.rounds = rounds->integer(1, 10000);
  if (const auto time = j.find("seconds_per_round")) options.time_per_round = Seconds(time->number(1e-6, 86400.0));
  detail::read_integer<std::int64_t>(j, "samples_per_round", 1, options.samples_per_round);
  detail::read_integer<std::size_t>(j, "measure_at_most", 1, options.selection.limit);
  detail::read_integer<std::int64_t>(j, "calibration_images", 1, options.calibration_images);
  detail::read_integer<std::uint64_t>(j, "seed", 0, options.seed);
  if (const auto folder = j.find("keep_in")) study.keep_in = folder->text();
  return study;
}

}  // namespace fulcrum

#endif
