#pragma once
/// \file
/// Finds the compression that meets a latency and costs the least accuracy.

#include <cstdint>
#include <functional>
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
  /// What a model takes in a configuration [ms], to set predictions right (prune_to_latency()); empty: they count as
  /// they are.
  std::function<double(const Model<float>& model, const RunConfig& config)> measured_ms = {};
};

/// A way to compress, what is predicted for it and, where it was tried, what came of it.
struct TargetCandidate {
  Recipe recipe{"candidate"};
  Precision precision = Precision::f32;  ///< that the result runs in
  double predicted_ms = 0.0;             ///< before anything is trained; set right by what was measured
  double flops_left = 1.0;               ///< share of the model's
  bool reaches = false;                  ///< predicted_ms ≤ the target, where it was measured to 3 %
  bool tried = false;
  double accuracy = 0.0;  ///< of one that was tried
  std::string why_not;    ///< of one that was not
};

struct TargetResult {
  Model<float> model;              ///< the best one found
  std::size_t chosen = 0;          ///< the candidate it is of
  bool met = false;                ///< it is as fast as wanted, as predicted_ms says, and within the accuracy drop
  double baseline_accuracy = 0.0;  ///< of the model in f32
  double baseline_ms = 0.0;        ///< predicted, or measured where that can be
  std::vector<TargetCandidate> candidates;  ///< in the order in which they were looked at
};

/// Predicts (and where it can, measures) the model in every precision of the profile, as it is or with its channels
/// pruned until it is as fast as wanted in it; then, those with the most FLOPs left first, fine-tunes and evaluates one
/// after another until one is within the accuracy drop. When none is, the one that comes nearest is returned: the most
/// accurate of those that are fast enough, else the fastest.
///
/// \param settings  with training set, test set and profile;
/// config is what latencies are predicted for, without its
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
#include <fulcrum/exec/int8_options.hpp>
#include <fulcrum/exec/onednn_runner.hpp>
#include <fulcrum/measure/accuracy.hpp>
#include <fulcrum/model/infer_shapes.hpp>
#include <fulcrum/passes/quantize.hpp>
#include <fulcrum/plan/model_cost.hpp>
#include <fulcrum/plan/prune_to_latency.hpp>
#include <fulcrum/plan/variants.hpp>
#include <fulcrum/schedule/machine.hpp>

namespace fulcrum::detail {

/// The settings with a configuration in a precision.
inline RecipeSettings in_precision(RecipeSettings settings, Precision precision) {
  settings.config.precision = precision;
  settings.first_step = 0;
  settings.on_step = {};
  return settings;
}

/// What could be done in a precision, and the model with its channels pruned, where it takes that.
struct PreparedCandidate {
  TargetCandidate candidate;
  std::optional<Model<float>> pruned;
};

/// As predicted, and where it can be as measured.
FULCRUM_DECLARE PreparedCandidate target_candidate(const Model<float>& model, Precision precision,
                                                   const TargetOptions& options, const RecipeSettings& settings,
                                                   const ChannelDependencies& dependencies,
                                                   const std::vector<double>& saliency);

FULCRUM_DEFINE PreparedCandidate target_candidate(const Model<float>& model, Precision precision,
                                                  const TargetOptions& options, const RecipeSettings& settings,
                                                  const ChannelDependencies& dependencies,
                                                  const std::vector<double>& saliency) {
  PreparedCandidate prepared;
  TargetCandidate& result = prepared.candidate;
  result.precision = precision;
  const RecipeSettings own = in_precision(settings, precision);
  Recipe recipe(std::string(name_of(precision)), options.seed);
  try {
    // As it will run: for its latency, ranges by a few samples do.
    const Tensor<float> few = sample_images(*settings.train_set, 8, options.seed);
    const ModelRunner runner = onednn_runner(settings.threads > 0 ? settings.threads : current_environment().cores);
    const auto as_run = [&](const Model<float>& m) {
      return precision == Precision::int8 ? quantize_post_training(m, few, runner, int8_options_for_this_cpu()).model
                                          : m;
    };
    const ModelCost<float> predicted = predicted_latency_ms(own.config, *own.profile);
    const ModelCost<float> cost = [&](const Model<float>& m) { return predicted(as_run(m)); };
    ModelCost<float> measured;
    if (options.measured_ms)
      measured = [&](const Model<float>& m) { return options.measured_ms(as_run(m), own.config); };
    result.predicted_ms = measured ? measured(model) : cost(model);
    if (result.predicted_ms > options.latency_ms) {
      auto found =
          prune_to_latency(model, options.channels, dependencies, saliency, cost, measured, options.latency_ms);
      const PruneChannelsReport& report = found.pruned.report;
      result.predicted_ms = found.measured_ms.value_or(report.cost_after);
      result.flops_left = report.flops_after / report.flops_before;
      prepared.pruned = std::move(found.pruned.model);
      PruneChannelsStep step;
      step.options = options.channels;
      step.latency_ms = options.latency_ms / found.correction;
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
  // What was measured is as close as a clock is, and may be above.
  const double room = options.measured_ms && prepared.pruned ? 1.03 : 1.0;
  result.reaches = result.why_not.empty() && result.predicted_ms <= room * options.latency_ms;
  return prepared;
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
  result.baseline_ms = options.measured_ms ? options.measured_ms(model, in_f32.config)
                                           : predicted_latency_ms(in_f32.config, *settings.profile)(model);
  std::vector<detail::PreparedCandidate> prepared;
  for (const Precision precision : {Precision::f32, Precision::bf16, Precision::int8}) {
    prepared.push_back(detail::target_candidate(model, precision, options, settings, dependencies, saliency));
  }
  // Those that are fast enough come first, and of them those with the most left of the model; of equal ones the wider
  // precision.
  std::stable_sort(prepared.begin(), prepared.end(), [](const auto& x, const auto& y) {
    const TargetCandidate& a = x.candidate;
    const TargetCandidate& b = y.candidate;
    if (a.reaches != b.reaches) return a.reaches;
    return a.reaches ? a.flops_left > b.flops_left : a.predicted_ms < b.predicted_ms;
  });
  for (const auto& p : prepared) result.candidates.push_back(p.candidate);

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
      RecipeSettings own = detail::in_precision(settings, candidate.precision);
      own.first_step = prepared[i].pruned ? 1 : 0;
      RecipeResult run = run_recipe(prepared[i].pruned.value_or(model), candidate.recipe, own, progress);
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
