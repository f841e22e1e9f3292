#pragma once
/// \file
/// The trade-off study: which way to run a model on this machine.

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <fulcrum/analysis/is_quantized.hpp>
#include <fulcrum/core/linkage.hpp>
#include <fulcrum/core/utc.hpp>
#include <fulcrum/cost/predictor.hpp>
#include <fulcrum/exec/int8_options.hpp>
#include <fulcrum/measure/drift_probe.hpp>
#include <fulcrum/onednn/environment.hpp>
#include <fulcrum/plan/measure_in_turns.hpp>
#include <fulcrum/plan/run_recipe.hpp>
#include <fulcrum/plan/selection.hpp>
#include <fulcrum/plan/space.hpp>
#include <fulcrum/plan/study_keeper.hpp>
#include <fulcrum/plan/variants.hpp>

namespace fulcrum {

/// Where the models of recipes come from and go to, so that a study that was interrupted need not train them again.
struct RecipeModels {
  std::function<Model<float>(const std::string&)> load_teacher;  ///< RecipeSettings::load; empty: there are none
  /// What an earlier run kept of a recipe of this name; empty: nothing is kept.
  std::function<std::optional<Model<float>>(const std::string& recipe)> find;
  std::function<void(const std::string& recipe, const Model<float>& model)> keep;
};

/// How to run a study.
struct TradeoffOptions {
  Objective objective;
  std::optional<ConfigurationSpace> space;  ///< absent: default_space() of the usable cores
  SelectionOptions selection;
  int rounds = 5;                         ///< turns that each measured candidate gets; ≥ 1
  Seconds time_per_round{0.15};           ///< that a candidate is timed for in each round, at least
  std::int64_t samples_per_round = 60;    ///< of each instance, at least
  std::int64_t calibration_images = 512;  ///< of the training set, for int8; ≥ 1
  QuantizeOptions quantization = int8_options_for_this_cpu();
  std::uint64_t seed = 0;  ///< of the calibration sample and the random sources
  std::string data;        ///< name of the data set, for the report
  /// What runs the variants when they are evaluated and measured; empty: oneDNN's.
  ExecutorFactory executors = {};
  AnyPredictor predictor;  ///< of every candidate; empty: CalibratedPredictor of the profile
  /// What counts as accuracy, of the test set's images, whose labels are not looked at then. Higher is better, and 1 is
  /// 100 %. Absent: top-1.
  std::optional<Metric> metric;
  /// Keeps every accuracy and every round as soon as it is known, and is asked before it is measured; empty: nothing is
  /// kept.
  StudyKeeper keeper = {};
  RecipeModels recipe_models;
  std::size_t timings_per_round = 40;  ///< MeasureOptions::timings of each round
};

namespace detail {

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

/// The rounds that are kept of each chosen candidate; those of all others that have some make them measured ones.
struct KeptRounds {
  std::vector<std::vector<KeptRound>> of;  ///< by candidate
  std::size_t candidates = 0;              ///< that have some
  std::string first_at, last_at;           ///< when the first and the last were measured
  std::vector<double> slowdowns;           ///< of the machine then, where they are known
};
FULCRUM_DECLARE KeptRounds kept_rounds(const StudyKeeper& keeper, const std::vector<Candidate>& candidates);

/// Says that some figures are of another time; nothing where none are.
FULCRUM_DECLARE std::optional<std::string> earlier_rounds_note(const KeptRounds& kept,
                                                               const std::optional<Drift>& drift);

/// Says that other work was on the machine: a third of what was measured, or what is recommended, is noisy
/// (is_noisy()). Empty where it was quiet.
FULCRUM_DECLARE std::string disturbance_of(const TradeoffStudy& study);

/// The candidate with its variant's accuracy and a prediction, or why there is none.
FULCRUM_DECLARE Candidate with_prediction(Candidate candidate, const VariantModel& of, const AnyPredictor& predictor);

/// How the figures came about, and how good the predictions were.
FULCRUM_DECLARE std::vector<std::string> study_notes(const TradeoffStudy& study, const TradeoffOptions& options);

}  // namespace detail

/// Runs the study: makes the variants (precision × sparsity), evaluates each on the whole test set, predicts every
/// candidate, measures the promising ones in turns, marks the Pareto front of accuracy, p99 latency and throughput, and
/// recommends. What cannot be made, evaluated, predicted or measured stays in the study with the reason.
///
/// \param model      float, not quantized, trained; one input (n, c, h, w), class scores as its output unless the
/// options
///                   have a metric
/// \param train_set  for the calibration of int8 only
/// \param test_set   every accuracy is that of all of it
/// \param profile    of this machine
/// \throws Error when the objective or the space is impossible, the profile is another machine's, the model is
///         quantized already or cannot even be evaluated in f32
FULCRUM_DECLARE [[nodiscard]] TradeoffStudy run_tradeoff(const Model<float>& model, const Dataset& train_set,
                                                         const Dataset& test_set, const MachineProfile& profile,
                                                         const TradeoffOptions& options = {},
                                                         const ProgressSink& progress = {});

}  // namespace fulcrum

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

FULCRUM_DEFINE KeptRounds kept_rounds(const StudyKeeper& keeper, const std::vector<Candidate>& candidates) {
  KeptRounds kept;
  kept.of.resize(candidates.size());
  for (std::size_t i = 0; keeper && i < candidates.size(); ++i) {
    kept.of[i] = keeper.rounds(candidates[i]);
    kept.candidates += kept.of[i].empty() ? 0 : 1;
    for (const KeptRound& round : kept.of[i]) {
      if (kept.first_at.empty() || round.measured_at < kept.first_at) kept.first_at = round.measured_at;
      kept.last_at = std::max(kept.last_at, round.measured_at);
      if (round.slowdown) kept.slowdowns.push_back(*round.slowdown);
    }
  }
  return kept;
}

FULCRUM_DEFINE std::optional<std::string> earlier_rounds_note(const KeptRounds& kept,
                                                              const std::optional<Drift>& drift) {
  if (kept.candidates == 0) return std::nullopt;
  std::string note = formatted("rounds of %zu candidates were measured earlier, between ", kept.candidates);
  note += kept.first_at + " and " + kept.last_at;
  if (!drift || kept.slowdowns.empty()) return note;
  const auto [low, high] = std::minmax_element(kept.slowdowns.begin(), kept.slowdowns.end());
  const double least = *low / drift->slowdown() - 1.0;
  const double most = *high / drift->slowdown() - 1.0;
  const double apart = std::abs(least) > std::abs(most) ? least : most;
  if (std::abs(apart) <= std::max(0.05, drift->noise)) return note + ", when the machine was as fast as now";
  return note +
         formatted(", when the machine was up to %.0f %% %s than now: they and the new ones compare that much worse",
                   100.0 * std::abs(apart), apart > 0.0 ? "slower" : "faster");
}

FULCRUM_DEFINE std::string disturbance_of(const TradeoffStudy& study) {
  std::size_t measured = 0;
  std::size_t noisy = 0;
  for (const Candidate& c : study.candidates) {
    measured += c.measured ? 1 : 0;
    noisy += c.measured && is_noisy(*c.measured) ? 1 : 0;
  }
  const auto& shown = study.recommendation.candidate ? study.recommendation.candidate : study.recommendation.nearest;
  const bool chosen = shown && study.candidates[*shown].measured && is_noisy(*study.candidates[*shown].measured);
  if (!chosen && 3 * noisy <= measured) return {};
  std::string text = "This machine was busy with other work";
  text += formatted(": %zu of %zu measured candidates", noisy, measured);
  text += chosen ? ", what is named here among them, are" : " are";
  return text +
         " noisy (runs or rounds far apart), and figures may be off by that much. Repeat the study on a quieter "
         "machine, or with more rounds.";
}

FULCRUM_DEFINE Candidate with_prediction(Candidate candidate, const VariantModel& of, const AnyPredictor& predictor) {
  candidate.accuracy = of.variant.accuracy;
  candidate.why_not = of.variant.why_not;
  if (!of.model) return candidate;
  try {
    candidate.predicted = predictor(*of.model, candidate.config);
  } catch (const std::exception& error) {
    candidate.why_not = "could not be predicted: ";
    candidate.why_not += error.what();
  }
  return candidate;
}

FULCRUM_DEFINE std::vector<std::string> study_notes(const TradeoffStudy& study, const TradeoffOptions& options) {
  std::size_t measured = 0;
  double largest = 0.0;
  for (const Candidate& c : study.candidates) {
    measured += c.measured ? 1 : 0;
    if (const auto error = prediction_error(c); error && c.on_front) largest = std::max(largest, std::abs(*error));
  }
  std::vector<std::string> notes;
  notes.push_back(std::to_string(measured) + " of " + std::to_string(study.candidates.size()) +
                  " candidates were measured, each in " + std::to_string(options.rounds) + " round(s) of at least " +
                  format_latency(options.time_per_round) + "; every figure is the median over the rounds");
  if (measured > 0) {
    notes.push_back("predicted medians of the candidates on the front were off by at most" +
                    formatted(" %.0f %%", largest * 100.0));
  }
  if (options.metric) {
    notes.push_back("accuracy is the " + options.metric->name() + " on " + format_count(study.test_samples) +
                    " test images");
  } else if (study.baseline_accuracy && study.test_samples > 0) {
    // 1.96 standard errors of a share; differences between variants on the same images are known better than this.
    const double share = *study.baseline_accuracy;
    const double error = 1.96 * std::sqrt(share * (1.0 - share) / static_cast<double>(study.test_samples));
    notes.push_back(format_count(study.test_samples) + " test images tell an accuracy to within" +
                    formatted(" %.2f", error * 100.0) + " points (95 % confidence)");
  }
  if (options.quantization.method == CalibrationMethod::minmax) {
    notes.push_back("int8 ranges: smallest and largest value on " + std::to_string(options.calibration_images) +
                    " training images");
  } else {
    const bool percentile = options.quantization.method == CalibrationMethod::percentile;
    notes.push_back("int8 ranges: " + std::string(name_of(options.quantization.method)) +
                    (percentile ? formatted(" %.6g", options.quantization.percentile) : std::string()) + " on " +
                    std::to_string(options.calibration_images) + " training images");
  }
  return notes;
}

}  // namespace fulcrum::detail

namespace fulcrum {

FULCRUM_DEFINE TradeoffStudy run_tradeoff(const Model<float>& model, const Dataset& train_set, const Dataset& test_set,
                                          const MachineProfile& profile, const TradeoffOptions& options,
                                          const ProgressSink& progress) {
  const auto started = std::chrono::steady_clock::now();
  validate(options.objective);
  TradeoffStudy study;
  study.started_at = utc_now();
  study.environment = onednn_environment();
  study.environment.seed = options.seed;
  check_profile_matches(profile, study.environment);
  const std::optional<Drift> drift = drift_since_calibration(profile);
  const int cores = std::max(study.environment.cores, 1);
  const ConfigurationSpace space = options.space ? *options.space : default_space(cores);
  const detail::StudyInputs inputs{model, train_set, test_set, profile, options, cores};
  study.candidates = enumerate(space, cores);
  study.model = model.name();
  study.data = options.data;
  study.objective = options.objective;
  study.test_samples = test_set.size();
  detail::refuse_quantized(model, "study the float model; the study quantizes it itself");

  const StudyKeeper& keeper = options.keeper;
  if (keeper) keeper.open(detail::identity_of(inputs, study.environment));
  const std::vector<VariantModel> variants =
      detail::make_variants(inputs, space, keeper, detail::part_of(progress, 0.0, 0.3));
  if (!variants.front().model) throw Error("model '" + model.name() + "'", variants.front().variant.why_not);
  study.baseline_accuracy = variants.front().variant.accuracy;
  for (const VariantModel& v : variants) study.variants.push_back(v.variant);

  const auto variant_of = [&](const Candidate& c) {
    return detail::find_variant(variants, {c.config.precision, c.sparsity, c.making});
  };
  const AnyPredictor predictor = options.predictor ? options.predictor : CalibratedPredictor(profile);
  for (Candidate& candidate : study.candidates) {
    candidate = detail::with_prediction(std::move(candidate), *variant_of(candidate), predictor);
  }
  Selection selection =
      select_promising(study.candidates, options.objective, study.baseline_accuracy, options.selection);
  detail::KeptRounds kept = detail::kept_rounds(keeper, study.candidates);
  const auto reports_of = [&](std::size_t i) {
    std::vector<LatencyReport> reports;
    for (const KeptRound& round : kept.of[i]) reports.push_back(round.report);
    return reports;
  };
  const std::optional<std::string> earlier = detail::earlier_rounds_note(kept, drift);
  std::vector<MeasurementJob> jobs;
  for (const std::size_t i : selection.chosen) {
    jobs.push_back({&*variant_of(study.candidates[i])->model, study.candidates[i].config, reports_of(i)});
  }
  const OnRound keep_round = [&](std::size_t job, const LatencyReport& report) {
    if (!keeper) return;
    const std::size_t i = selection.chosen[job];
    kept.of[i].push_back({utc_now(), drift ? std::optional(drift->slowdown()) : std::nullopt, report});
    keeper.keep_rounds(study.candidates[i], kept.of[i]);
  };
  MeasureOptions measuring;
  measuring.warm_up = options.time_per_round / 3;
  measuring.min_duration = options.time_per_round;
  measuring.max_duration = 10 * options.time_per_round;
  measuring.min_samples = options.samples_per_round;
  measuring.layer_runs = 30;
  measuring.seed = options.seed;
  measuring.profile = &profile;
  measuring.executors = options.executors;
  measuring.timings = options.timings_per_round;
  std::vector<JobResult> measured =
      measure_in_turns(jobs, options.rounds, measuring, detail::part_of(progress, 0.3, 1.0), keep_round);

  for (std::size_t i = 0; i < study.candidates.size(); ++i) {
    study.candidates[i].why_not = std::move(selection.why_not[i]);
  }
  for (std::size_t at = 0; at < measured.size(); ++at) {
    Candidate& candidate = study.candidates[selection.chosen[at]];
    candidate.measured = std::move(measured[at].report);
    candidate.why_not = std::move(measured[at].why_not);
  }
  for (std::size_t i = 0; i < study.candidates.size(); ++i) {  // measured before, and not chosen this time
    Candidate& candidate = study.candidates[i];
    if (candidate.measured || kept.of[i].empty() || !variant_of(candidate)->model) continue;
    candidate.measured = merge_rounds(reports_of(i));
    candidate.why_not.clear();
  }
  study.candidates = with_front(std::move(study.candidates));
  study.recommendation = recommend(study.candidates, options.objective, study.baseline_accuracy);
  study.notes = detail::study_notes(study, options);
  if (earlier) study.notes.push_back(*earlier);
  study.disturbance = detail::disturbance_of(study);
  if (drift) {
    if (auto note = drift_note(*drift)) study.notes.push_back(std::move(*note));
  }
  study.duration = std::chrono::steady_clock::now() - started;
  if (progress) progress({1.0, "done", to_string(options.objective)});
  return study;
}

}  // namespace fulcrum

#endif
