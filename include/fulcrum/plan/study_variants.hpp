#pragma once
/// \file
/// The variants that a study compares, all of a space: made, evaluated, kept and found again.

#include <algorithm>
#include <cstdint>
#include <exception>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <fulcrum/core/linkage.hpp>
#include <fulcrum/core/progress.hpp>
#include <fulcrum/onednn/environment.hpp>
#include <fulcrum/plan/run_recipe.hpp>
#include <fulcrum/plan/tradeoff_options.hpp>
#include <fulcrum/plan/variants.hpp>

namespace fulcrum::detail {

/// A share of a longer progress: [from, to].
FULCRUM_DECLARE ProgressSink part_of(const ProgressSink& progress, double from, double to, std::string stage = {});

/// What a study is of.
struct StudyInputs {
  const Model<float>& model;
  const Dataset& train_set;
  const Dataset& test_set;
  const MachineProfile& profile;
  const TradeoffOptions& options;
  int threads = 1;  ///< to make and evaluate variants with
};

/// What must be the same for the findings of two runs to belong to one study.
FULCRUM_DECLARE StudyIdentity identity_of(const StudyInputs& inputs, const Environment& environment);

/// The variants of a space, and the f32 dense one that accuracy is counted from: made, evaluated.
/// \param keeper  to look for accuracies in and to keep them; empty: there is none
FULCRUM_DECLARE std::vector<VariantModel> make_variants(const StudyInputs& inputs, const ConfigurationSpace& space,
                                                        const StudyKeeper& keeper, const ProgressSink& progress);

FULCRUM_DECLARE const VariantModel* find_variant(const std::vector<VariantModel>& variants,
                                                 const VariantChoice& choice);

}  // namespace fulcrum::detail

#if FULCRUM_DEFINES(plan)

namespace fulcrum::detail {

FULCRUM_DEFINE ProgressSink part_of(const ProgressSink& progress, double from, double to, std::string stage) {
  if (!progress) return {};
  return [progress, from, to, stage = std::move(stage)](const Progress& p) {
    Progress whole = p;
    whole.fraction = from + (to - from) * p.fraction;
    if (!stage.empty()) whole.stage = stage;
    progress(whole);
  };
}

FULCRUM_DEFINE StudyIdentity identity_of(const StudyInputs& inputs, const Environment& environment) {
  ContentHash model;
  for (const auto& node : inputs.model.nodes()) model.add(node.name);
  for_each_model_parameter(inputs.model, [&](NodeId, const char*, const Parameter<float>& p) {
    model.add(p.value->flat().data(), p.value->flat().size_bytes());
  });
  ContentHash samples;
  samples.add(inputs.test_set.images.flat().data(), inputs.test_set.images.flat().size_bytes());
  samples.add(inputs.test_set.labels.data(), inputs.test_set.labels.size() * sizeof(std::int32_t));
  const TradeoffOptions& options = inputs.options;
  return {{"model", model.text()},
          {"test samples", samples.text()},
          {"metric", options.metric ? options.metric->name() : "top-1"},
          {"seed", std::to_string(options.seed)},
          {"number of calibration images", std::to_string(options.calibration_images)},
          {"calibration method", std::string(name_of(options.quantization.method))},
          {"percentile", formatted("%.17g", options.quantization.percentile)},
          {"default of weight bits", std::to_string(options.quantization.weight_bits)},
          {"cpu", environment.cpu},
          {"instruction set", environment.isa},
          {"number of cores", std::to_string(environment.cores)}};
}

FULCRUM_DEFINE std::vector<VariantModel> make_variants(const StudyInputs& inputs, const ConfigurationSpace& space,
                                                       const StudyKeeper& keeper, const ProgressSink& progress) {
  const TradeoffOptions& options = inputs.options;
  std::vector<VariantChoice> wanted{{Precision::f32, 0.0, {}}};
  for (const VariantChoice& choice : variant_choices(space)) {
    if (choice != wanted.front()) wanted.push_back(choice);
  }
  Tensor<float> images;
  if (std::any_of(wanted.begin(), wanted.end(), [](const auto& w) { return w.precision == Precision::int8; })) {
    images = sample_images(inputs.train_set, options.calibration_images, options.seed);
  }
  struct Made {
    std::optional<Model<float>> model;
    std::string why_not;
  };
  std::map<std::string, Made> by_recipe;
  const auto follow = [&](const Recipe& recipe, const ProgressSink& part) -> Made {
    try {
      if (options.recipe_models.find) {
        if (auto kept = options.recipe_models.find(recipe.name())) return {std::move(kept), {}};
      }
      RecipeSettings settings;
      settings.train_set = &inputs.train_set;
      settings.profile = &inputs.profile;
      settings.threads = inputs.threads;
      settings.config.threads = inputs.threads;
      settings.load = options.recipe_models.load_teacher;
      Model<float> made = run_recipe(inputs.model, recipe, settings, part).model;
      if (options.recipe_models.keep) options.recipe_models.keep(recipe.name(), made);
      return {std::move(made), {}};
    } catch (const std::exception& error) {
      return {std::nullopt, "recipe '" + recipe.name() + "' could not be followed: " + error.what()};
    }
  };
  std::vector<VariantModel> variants;
  for (const VariantChoice& choice : wanted) {
    const double step = 1.0 / static_cast<double>(wanted.size());
    const double from = step * static_cast<double>(variants.size());
    const std::string name = variant_name(choice.precision, choice.sparsity, choice.making);
    const Model<float>* base = &inputs.model;
    VariantModel variant;
    variant.variant.precision = choice.precision;
    variant.variant.sparsity = choice.sparsity;
    variant.variant.making = choice.making;
    if (!choice.making.recipe.empty()) {
      if (!by_recipe.contains(choice.making.recipe)) {
        const auto recipe = std::find_if(space.recipes.begin(), space.recipes.end(),
                                         [&](const Recipe& r) { return r.name() == choice.making.recipe; });
        by_recipe[choice.making.recipe] = follow(*recipe, part_of(progress, from, from + step, "making " + name));
      }
      const Made& made = by_recipe[choice.making.recipe];
      base = made.model ? &*made.model : nullptr;
      variant.variant.why_not = made.why_not;
    }
    if (base != nullptr) {
      variant = make_variant(*base, choice.precision, choice.sparsity, images, options.quantization, inputs.threads,
                             choice.making);
    }
    const std::optional<double> known = keeper && variant.model ? keeper.accuracy(choice) : std::nullopt;
    if (known) {
      variant.variant.accuracy = known;
    } else if (variant.model) {
      variant =
          with_accuracy(std::move(variant), inputs.test_set, inputs.threads,
                        part_of(progress, from, from + step, "accuracy of " + name), options.metric, options.executors);
      if (keeper && variant.variant.accuracy) keeper.keep_accuracy(choice, *variant.variant.accuracy);
    }
    variants.push_back(std::move(variant));
  }
  return variants;
}

FULCRUM_DEFINE const VariantModel* find_variant(const std::vector<VariantModel>& variants,
                                                const VariantChoice& choice) {
  for (const VariantModel& v : variants) {
    if (VariantChoice{v.variant.precision, v.variant.sparsity, v.variant.making} == choice) return &v;
  }
  return nullptr;
}

}  // namespace fulcrum::detail

#endif
