#pragma once
/// \file
/// Finds the compression that meets a latency and costs the least accuracy.

#include <cstdint>
#include <string>
#include <vector>

#include <fulcrum/core/linkage.hpp>
#include <fulcrum/core/progress.hpp>
#include <fulcrum/plan/recipe.hpp>
#include <fulcrum/plan/run_recipe.hpp>

namespace fulcrum {

struct TargetOptions {
  double latency_ms = 0.0;          ///< > 0: the median that is wanted
  double max_accuracy_drop = 0.01;  ///< share of the test set; ≥ 0
  int epochs = 5;                   ///< of fine-tuning after channels were pruned, ≥ 1
  double learning_rate = 2e-3;      ///< > 0: the peak of it
  std::int64_t samples = 512;       ///< training images for int8 ranges
  PruneChannelsOptions channels;    ///< how they are pruned; `flops` is not read
  std::uint64_t seed = 0;           ///< of all that is drawn
};

/// A way to compress, what is predicted for it and, where it was tried, what came of it.
struct TargetCandidate {
  Recipe recipe{"candidate"};
  Precision precision = Precision::f32;  ///< that the result runs in
  double predicted_ms = 0.0;             ///< before anything is trained
  double flops_left = 1.0;               ///< share of the model's
  bool reaches = false;                  ///< predicted_ms ≤ the target
  bool tried = false;
  double accuracy = 0.0;  ///< of one that was tried
  std::string why_not;    ///< of one that was not
};

struct TargetResult {
  Model<float> model;                       ///< the best one found
  std::size_t chosen = 0;                   ///< the candidate it is of
  bool met = false;                         ///< it is predicted to be as fast as wanted and within the accuracy drop
  double baseline_accuracy = 0.0;           ///< of the model in f32
  double baseline_ms = 0.0;                 ///< predicted
  std::vector<TargetCandidate> candidates;  ///< in the order in which they were looked at
};

/// Predicts the model in every precision of the profile, as it is or with its channels pruned until it is as fast as
/// wanted in it; then, those with the most FLOPs left first, fine-tunes and evaluates one after another until one is
/// within the accuracy drop. When none is, the one that comes nearest is returned: the most accurate of those that are
/// fast enough, else the fastest.
/// \param settings  with training set, test set and profile; config is what latencies are predicted for, without its
///                  precision; first_step and on_step are not read
/// \throws Error when an option is out of range, the settings lack something or the model is quantized
FULCRUM_DECLARE [[nodiscard]] TargetResult compress_to_target(const Model<float>& model, const TargetOptions& options,
                                                              const RecipeSettings& settings,
                                                              const ProgressSink& progress = {});

}  // namespace fulcrum

#if FULCRUM_DEFINES(plan)

#include <algorithm>
#include <cmath>
#include <optional>
#include <utility>

#include <fulcrum/analysis/is_quantized.hpp>
#include <fulcrum/cost/predict.hpp>
#include <fulcrum/measure/accuracy.hpp>
#include <fulcrum/model/infer_shapes.hpp>
#include <fulcrum/plan/model_cost.hpp>
#include <fulcrum/schedule/machine.hpp>

namespace fulcrum::detail {

/// The settings with a configuration in a precision.
inline RecipeSettings in_precision(RecipeSettings settings, Precision precision) {
  settings.config.precision = precision;
  settings.first_step = 0;
  settings.on_step = {};
  return settings;
}

/// What could be done in a precision, as predicted.
FULCRUM_DECLARE TargetCandidate target_candidate(const Model<float>& model, Precision precision,
                                                 const TargetOptions& options, const RecipeSettings& settings,
                                                 const ChannelDependencies& dependencies,
                                                 const std::vector<double>& saliency);

FULCRUM_DEFINE TargetCandidate target_candidate(const Model<float>& model, Precision precision,
                                                const TargetOptions& options, const RecipeSettings& settings,
                                                const ChannelDependencies& dependencies,
                                                const std::vector<double>& saliency) {
  TargetCandidate result;
  result.precision = precision;
  const RecipeSettings own = in_precision(settings, precision);
  Recipe recipe(std::string(name_of(precision)), options.seed);
  try {
    const ModelCost<float> cost = predicted_latency_ms(own.config, *own.profile);
    result.predicted_ms = cost(model);
    if (result.predicted_ms > options.latency_ms) {
      auto pruned = fulcrum::prune_channels(model, options.channels, dependencies, saliency, cost, options.latency_ms);
      result.predicted_ms = pruned.report.cost_after;
      result.flops_left = pruned.report.flops_after / pruned.report.flops_before;
      PruneChannelsStep step;
      step.options = options.channels;
      step.latency_ms = options.latency_ms;
      recipe.add(step);
      TrainStep train;
      train.epochs = options.epochs;
      train.learning_rate = options.learning_rate;
      recipe.add(train);
    }
    if (precision == Precision::int8) {
      QuantizeStep step;
      step.samples = options.samples;
      recipe.add(step);
    }
  } catch (const Error& error) {
    result.why_not = error.what();
  }
  result.recipe = std::move(recipe);
  result.reaches = result.why_not.empty() && result.predicted_ms <= options.latency_ms;
  return result;
}

}  // namespace fulcrum::detail

namespace fulcrum {

FULCRUM_DEFINE TargetResult compress_to_target(const Model<float>& model, const TargetOptions& options,
                                               const RecipeSettings& settings, const ProgressSink& progress) {
  if (!(options.latency_ms > 0.0) || !std::isfinite(options.latency_ms))
    throw Error("target latency", "is " + std::to_string(options.latency_ms) + " ms", "give one above 0");
  if (!(options.max_accuracy_drop >= 0.0))
    throw Error("accuracy drop", "is " + std::to_string(options.max_accuracy_drop), "give 0 or more");
  if (settings.train_set == nullptr || settings.test_set == nullptr || settings.profile == nullptr)
    throw Error("compressing to a target", "needs training samples, test samples and a profile", "give all three");
  detail::refuse_quantized(model, "compress the float model");

  const ChannelDependencies dependencies = channel_dependencies(model);
  TaylorOptions taylor;
  taylor.seed = options.seed;
  taylor.threads = settings.threads;
  const std::vector<double> saliency = options.channels.saliency == ChannelSaliency::taylor
                                           ? taylor_saliency(model, dependencies, *settings.train_set, taylor)
                                           : channel_saliency(model, dependencies, options.channels.saliency);
  TargetResult result;
  const RecipeSettings in_f32 = detail::in_precision(settings, Precision::f32);
  result.baseline_ms = predicted_latency_ms(in_f32.config, *settings.profile)(model);
  for (const Precision precision : {Precision::f32, Precision::bf16, Precision::int8}) {
    result.candidates.push_back(detail::target_candidate(model, precision, options, settings, dependencies, saliency));
  }
  // Those that are fast enough come first, and of them those with the most left of the model; of equal ones the wider
  // precision.
  std::stable_sort(result.candidates.begin(), result.candidates.end(),
                   [](const TargetCandidate& a, const TargetCandidate& b) {
                     if (a.reaches != b.reaches) return a.reaches;
                     return a.reaches ? a.flops_left > b.flops_left : a.predicted_ms < b.predicted_ms;
                   });

  RunConfig config;
  config.batch = 250;
  config.threads = settings.threads > 0 ? settings.threads : current_environment().cores;
  result.baseline_accuracy = evaluate_accuracy(model, *settings.test_set, config).accuracy;
  result.model = model;
  std::optional<std::size_t> best;
  for (std::size_t i = 0; i < result.candidates.size() && !result.met; ++i) {
    TargetCandidate& candidate = result.candidates[i];
    if (!candidate.why_not.empty()) continue;
    if (best && !candidate.reaches) break;  // one that is fast enough is nearer, whatever its accuracy
    Model<float> compressed = model;
    if (candidate.recipe.steps().empty()) {
      config.precision = candidate.precision;
      candidate.accuracy = evaluate_accuracy(model, *settings.test_set, config).accuracy;
    } else {
      const RecipeSettings own = detail::in_precision(settings, candidate.precision);
      RecipeResult run = run_recipe(model, candidate.recipe, own, progress);
      compressed = std::move(run.model);
      candidate.accuracy = run.states.back().accuracy.value_or(0.0);
    }
    candidate.tried = true;
    const bool better = !best || candidate.accuracy > result.candidates[*best].accuracy;
    if (better) {
      best = i;
      result.model = std::move(compressed);
    }
    result.met = candidate.reaches && candidate.accuracy >= result.baseline_accuracy - options.max_accuracy_drop;
  }
  result.chosen = best.value_or(0);
  return result;
}

}  // namespace fulcrum

#endif
