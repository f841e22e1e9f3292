#pragma once
/// \file
/// Recipes from JSON, and what they did as JSON and as text.

#include <string>

#include <nlohmann/json_fwd.hpp>

#include <fulcrum/core/linkage.hpp>
#include <fulcrum/plan/recipe.hpp>
#include <fulcrum/run/json_values.hpp>

namespace fulcrum {

/// {"name", "seed", "steps": [{"step": KIND, …}, …]}, the keys of each kind as docs/compression.md lists them. What is
/// absent is the default.
/// \throws Error when something is of another type, not known or out of range, or as validate()
FULCRUM_DECLARE [[nodiscard]] Recipe recipe_from_json(const JsonReader& j);

FULCRUM_DECLARE [[nodiscard]] nlohmann::json to_json(const RecipeState& state);

/// A row for each state.
FULCRUM_DECLARE [[nodiscard]] std::string to_text(const RecipeResult& result);

}  // namespace fulcrum

#if FULCRUM_DEFINES(report)

#include <algorithm>
#include <array>
#include <cmath>
#include <initializer_list>
#include <string_view>
#include <vector>

#include <nlohmann/json.hpp>

#include <fulcrum/core/utf8.hpp>
#include <fulcrum/plan/figures.hpp>
#include <fulcrum/report/table.hpp>

namespace fulcrum::detail {

/// \throws Error naming a key that is none of those known
inline void expect_keys(const JsonReader& j, std::initializer_list<std::string_view> known) {
  for (const auto& [key, value] : j.members()) {
    if (std::find(known.begin(), known.end(), key) != known.end()) continue;
    std::string all;
    for (const std::string_view k : known) all += (all.empty() ? "" : ", ") + std::string(k);
    value.fail("one of the keys " + all);
  }
}

inline void read_number(const JsonReader& j, const char* key, double& into) {
  if (const auto value = j.find(key)) into = value->number();
}
template <class Integer>
void read_integer(const JsonReader& j, const char* key, Integer least, Integer& into) {
  if (const auto value = j.find(key)) into = value->integer<Integer>(least);
}
inline void read_texts(const JsonReader& j, const char* key, std::vector<std::string>& into) {
  if (const auto value = j.find(key)) into = value->texts();
}

inline RecipeStep prune_channels_step(const JsonReader& j) {
  expect_keys(j, {"step", "flops", "latency_ms", "saliency", "scope", "multiple", "keep"});
  PruneChannelsStep step;
  read_number(j, "flops", step.options.flops);
  if (const auto ms = j.find("latency_ms")) step.latency_ms = ms->number(0.0);
  if (const auto saliency = j.find("saliency")) step.options.saliency = saliency->name(channel_saliency_from);
  if (const auto scope = j.find("scope")) step.options.scope = scope->name(prune_scope_from);
  read_integer<std::int64_t>(j, "multiple", 1, step.options.multiple);
  read_texts(j, "keep", step.options.skip);
  return step;
}

inline RecipeStep low_rank_step(const JsonReader& j) {
  expect_keys(j, {"step", "energy", "multiple", "skip"});
  LowRankStep step;
  read_number(j, "energy", step.options.energy);
  read_integer<std::int64_t>(j, "multiple", 1, step.options.multiple);
  read_texts(j, "skip", step.options.skip);
  return step;
}

inline RecipeStep prune_step(const JsonReader& j) {
  expect_keys(j, {"step", "sparsity", "threshold", "keep", "group", "scope", "skip"});
  PruneStep step;
  if (const auto sparsity = j.find("sparsity")) step.options.sparsity = sparsity->number(0.0);
  if (const auto threshold = j.find("threshold")) step.options.threshold = threshold->number(0.0);
  if (j.find("keep") || j.find("group"))
    step.options.groups = PruneGroups{j.at("keep").integer<std::int64_t>(1), j.at("group").integer<std::int64_t>(2)};
  step.options.scope = PruneScope::global;
  if (const auto scope = j.find("scope")) step.options.scope = scope->name(prune_scope_from);
  read_texts(j, "skip", step.options.skip);
  return step;
}

inline RecipeStep train_step(const JsonReader& j) {
  expect_keys(j, {"step", "epochs", "learning_rate", "batch", "prune", "round", "round_values", "teacher",
                  "temperature", "soft"});
  TrainStep step;
  read_integer<int>(j, "epochs", 1, step.epochs);
  read_number(j, "learning_rate", step.learning_rate);
  read_integer<std::int64_t>(j, "batch", 1, step.batch);
  if (const auto prune = j.find("prune")) {
    expect_keys(*prune, {"sparsity", "scope", "start", "begin", "end", "every", "skip"});
    if (const auto scope = prune->find("scope")) step.prune_scope = scope->name(prune_scope_from);
    GradualPruneHook& hook = step.prune.emplace();
    read_number(*prune, "sparsity", hook.sparsity);
    read_number(*prune, "start", hook.start);
    read_number(*prune, "begin", hook.begin);
    read_number(*prune, "end", hook.end);
    read_integer<std::int64_t>(*prune, "every", 1, hook.every);
    read_texts(*prune, "skip", hook.skip);
  }
  if (const auto round = j.find("round")) {
    expect_keys(*round, {"bits", "per_channel", "skip"});
    LearnedStepHook& hook = step.round.emplace();
    read_integer<int>(*round, "bits", 2, hook.bits);
    if (const auto per_channel = round->find("per_channel")) hook.per_channel = per_channel->boolean();
    read_texts(*round, "skip", hook.skip);
  }
  if (const auto values = j.find("round_values")) {
    expect_keys(*values, {"bits", "skip"});
    ValueRounding& rounding = step.round_values.emplace();
    read_integer<int>(*values, "bits", 2, rounding.bits);
    read_texts(*values, "skip", rounding.skip);
  }
  if (const auto teacher = j.find("teacher")) step.teacher = teacher->text();
  read_number(j, "temperature", step.temperature);
  read_number(j, "soft", step.soft);
  return step;
}

inline RecipeStep equalize_step(const JsonReader& j) {
  expect_keys(j, {"step", "iterations", "tolerance", "relu6_as_relu", "skip"});
  EqualizeStep step;
  read_integer<int>(j, "iterations", 1, step.options.iterations);
  read_number(j, "tolerance", step.options.tolerance);
  if (const auto clips = j.find("relu6_as_relu")) step.options.clips_as_relu = clips->boolean();
  read_texts(j, "skip", step.options.skip);
  return step;
}

inline RecipeStep quantize_step(const JsonReader& j) {
  expect_keys(j, {"step", "method", "percentile", "weight_bits", "value_bits", "per_tensor", "bias_correction",
                  "max_accuracy_drop", "min_sqnr_db", "samples", "skip"});
  QuantizeStep step;
  if (const auto method = j.find("method")) step.options.method = method->name(calibration_method_from);
  read_number(j, "percentile", step.options.percentile);
  read_integer<int>(j, "weight_bits", 2, step.options.weight_bits);
  read_integer<int>(j, "value_bits", 2, step.options.value_bits);
  if (const auto per_tensor = j.find("per_tensor")) step.options.per_tensor = per_tensor->boolean();
  if (const auto drop = j.find("max_accuracy_drop")) step.max_accuracy_drop = drop->number(0.0) / 100.0;
  if (const auto sqnr = j.find("min_sqnr_db")) step.min_sqnr_db = sqnr->number();
  if (const auto correct = j.find("bias_correction")) step.options.bias_correction = correct->boolean();
  read_integer<std::int64_t>(j, "samples", 1, step.samples);
  read_texts(j, "skip", step.options.skip);
  return step;
}

inline RecipeStep quantize_weights_step(const JsonReader& j) {
  expect_keys(j, {"step", "bits", "group", "symmetric", "skip"});
  QuantizeWeightsStep step;
  read_integer<int>(j, "bits", 4, step.options.bits);
  read_integer<std::int64_t>(j, "group", 16, step.options.group);
  if (const auto symmetric = j.find("symmetric")) step.options.symmetric = symmetric->boolean();
  read_texts(j, "skip", step.options.skip);
  return step;
}

}  // namespace fulcrum::detail

namespace fulcrum {

FULCRUM_DEFINE Recipe recipe_from_json(const JsonReader& j) {
  detail::expect_keys(j, {"name", "seed", "steps"});
  const auto name = j.find("name");
  const auto seed = j.find("seed");
  Recipe recipe(name ? name->text() : "recipe", seed ? seed->integer<std::uint64_t>(0) : 0);
  for (const JsonReader& step : j.at("steps").elements()) {
    const std::string kind = step.at("step").text();
    if (kind == PruneChannelsStep::kind)
      recipe.add(detail::prune_channels_step(step));
    else if (kind == LowRankStep::kind)
      recipe.add(detail::low_rank_step(step));
    else if (kind == PruneStep::kind)
      recipe.add(detail::prune_step(step));
    else if (kind == TrainStep::kind)
      recipe.add(detail::train_step(step));
    else if (kind == EqualizeStep::kind)
      recipe.add(detail::equalize_step(step));
    else if (kind == QuantizeStep::kind)
      recipe.add(detail::quantize_step(step));
    else if (kind == QuantizeWeightsStep::kind)
      recipe.add(detail::quantize_weights_step(step));
    else
      step.at("step").fail("prune_channels, low_rank, prune, train, equalize, quantize or quantize_weights");
  }
  validate(recipe);
  return recipe;
}

FULCRUM_DEFINE nlohmann::json to_json(const RecipeState& state) {
  return {{"step", state.step},
          {"what", valid_utf8(state.what)},
          {"accuracy", number_or_null(state.accuracy)},
          {"samples", state.samples},
          {"flops", state.flops},
          {"parameters", state.parameters},
          {"weights", state.weights},
          {"nonzero", state.nonzero},
          {"predicted_ms", number_or_null(state.predicted_ms)},
          {"seconds", state.seconds}};
}

FULCRUM_DEFINE std::string to_text(const RecipeResult& result) {
  Table table({{"step"},
               {"accuracy", Align::right},
               {"FLOPs", Align::right},
               {"parameters", Align::right},
               {"weights ≠ 0", Align::right},
               {"predicted", Align::right},
               {"seconds", Align::right},
               {"what"}});
  for (const RecipeState& state : result.states) {
    std::string accuracy;
    if (state.accuracy) {
      // Half the width of a 95 % interval.
      const double share = *state.accuracy;
      const double error = 1.96 * std::sqrt(share * (1.0 - share) / static_cast<double>(state.samples));
      accuracy = detail::formatted("%.2f ± %.2f %%", 100.0 * share, 100.0 * error);
    }
    table.add_row({state.step.empty() ? "(before)" : state.step, accuracy,
                   format_count(static_cast<std::int64_t>(state.flops)), format_count(state.parameters),
                   format_count(state.nonzero),
                   state.predicted_ms ? detail::formatted("%.4g ms", *state.predicted_ms) : "",
                   detail::formatted("%.1f", state.seconds), state.what});
  }
  return table.to_string();
}

}  // namespace fulcrum

#endif
