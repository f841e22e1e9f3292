#pragma once
/// \file
/// Compresses a model by a recipe.

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include <fulcrum/core/linkage.hpp>
#include <fulcrum/core/progress.hpp>
#include <fulcrum/cost/machine_profile.hpp>
#include <fulcrum/data/dataset.hpp>
#include <fulcrum/plan/recipe.hpp>
#include <fulcrum/run/run_config.hpp>

namespace fulcrum {

struct RecipeSettings {
  const Dataset* train_set = nullptr;       ///< for trainings, int8 ranges and Taylor saliency; null: there is none
  const Dataset* test_set = nullptr;        ///< for accuracy; null: it is not looked at
  const MachineProfile* profile = nullptr;  ///< for predicted latencies; null: they are not looked at
  RunConfig config;                         ///< what latencies are predicted for; int8 once the model is quantized
  int threads = 0;                          ///< of trainings and evaluations; 0: every core the process may use
  std::function<Model<float>(const std::string&)> load;  ///< finds a teacher; empty: there are none
  std::size_t first_step = 0;  ///< steps before it have been done to the model: a run that was interrupted
  /// Told each step's model when it is done: to keep it, should the run be interrupted.
  std::function<void(std::size_t step, const Model<float>& model)> on_step;
};

/// Does the steps of a recipe to a model, one after another, and looks at what comes of each. The same model, recipe,
/// data, threads and machine give the same result.
/// \throws Error as validate(), what a step's pass or training throws, and when a step needs what the settings lack
FULCRUM_DECLARE [[nodiscard]] RecipeResult run_recipe(const Model<float>& model, const Recipe& recipe,
                                                      const RecipeSettings& settings,
                                                      const ProgressSink& progress = {});

/// The model with a mask over every weight of a convolution or dense layer that is 0: a file has the zeros of a pruned
/// model, and not the mask that keeps them.
FULCRUM_DECLARE [[nodiscard]] Model<float> with_zeros_masked(const Model<float>& model);

}  // namespace fulcrum

#if FULCRUM_DEFINES(plan)

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <utility>

#include <fulcrum/analysis/is_quantized.hpp>
#include <fulcrum/analysis/weighted_layers.hpp>
#include <fulcrum/core/environment.hpp>
#include <fulcrum/cost/predict.hpp>
#include <fulcrum/exec/int8_options.hpp>
#include <fulcrum/exec/onednn_runner.hpp>
#include <fulcrum/measure/accuracy.hpp>
#include <fulcrum/model/infer_shapes.hpp>
#include <fulcrum/passes/quantize.hpp>
#include <fulcrum/plan/accuracy_score.hpp>
#include <fulcrum/plan/mixed_precision.hpp>
#include <fulcrum/plan/model_cost.hpp>
#include <fulcrum/plan/variants.hpp>
#include <fulcrum/train/distillation.hpp>
#include <fulcrum/train/taylor_saliency.hpp>
#include <fulcrum/train/trainer.hpp>

namespace fulcrum::detail {

class RecipeRun {
public:
  RecipeRun(Model<float> model, const Recipe& recipe, const RecipeSettings& settings, const ProgressSink& progress)
      : model_(std::move(model)),
        recipe_(recipe),
        settings_(settings),
        progress_(progress),
        threads_(settings.threads > 0 ? settings.threads : current_environment().cores) {}

  FULCRUM_DECLARE RecipeResult run() &&;

private:
  FULCRUM_DECLARE [[nodiscard]] const Dataset& train_set(const char* what) const;
  FULCRUM_DECLARE [[nodiscard]] RecipeState state(std::string step, std::string what, double seconds) const;
  FULCRUM_DECLARE [[nodiscard]] ModelCost<float> cost() const;
  FULCRUM_DECLARE std::string apply(const PruneChannelsStep& step);
  FULCRUM_DECLARE std::string apply(const LowRankStep& step);
  FULCRUM_DECLARE std::string apply(const PruneStep& step);
  FULCRUM_DECLARE std::string apply(const TrainStep& step);
  FULCRUM_DECLARE [[nodiscard]] GradualPruneHook pruning_of(const TrainStep& step) const;
  FULCRUM_DECLARE std::string apply(const EqualizeStep& step);
  FULCRUM_DECLARE std::string apply(const QuantizeStep& step);
  FULCRUM_DECLARE std::string quantize_within(const QuantizeStep& step, const QuantizeOptions& options,
                                              const Tensor<float>& images);
  FULCRUM_DECLARE std::string apply(const QuantizeWeightsStep& step);
  FULCRUM_DECLARE [[nodiscard]] Tensor<float> outputs_of(const Model<float>& teacher, const Dataset& data) const;

  /// Of a step, as a part of the whole.
  [[nodiscard]] ProgressSink part() const {
    if (!progress_) return {};
    const auto steps = static_cast<double>(recipe_.steps().size() - settings_.first_step);
    const auto done = static_cast<double>(at_ - settings_.first_step);
    const std::string name(kind_of(recipe_.steps()[at_]));
    return [this, steps, done, name](const Progress& p) {
      progress_({(done + p.fraction) / steps, name + ": " + p.stage, p.detail});
    };
  }

  Model<float> model_;
  const Recipe& recipe_;
  const RecipeSettings& settings_;
  const ProgressSink& progress_;
  int threads_ = 1;
  std::size_t at_ = 0;
};

FULCRUM_DEFINE const Dataset& RecipeRun::train_set(const char* what) const {
  if (settings_.train_set != nullptr) return *settings_.train_set;
  throw Error("recipe '" + recipe_.name() + "', step " + std::to_string(at_ + 1),
              std::string("needs training samples for ") + what, "give a data set");
}

FULCRUM_DEFINE ModelCost<float> RecipeRun::cost() const {
  if (settings_.profile == nullptr) return {};
  return predicted_latency_ms(settings_.config, *settings_.profile);
}

FULCRUM_DEFINE RecipeState RecipeRun::state(std::string step, std::string what, double seconds) const {
  RecipeState result;
  result.step = std::move(step);
  result.what = std::move(what);
  result.seconds = seconds;
  const bool quantized = is_quantized(model_);
  if (settings_.test_set != nullptr) {
    RunConfig config;
    config.batch = 250;
    config.threads = threads_;
    config.precision = quantized                                       ? Precision::int8
                       : settings_.config.precision == Precision::int8 ? Precision::f32
                                                                       : settings_.config.precision;
    const AccuracyReport report = evaluate_accuracy(model_, *settings_.test_set, config);
    result.accuracy = report.accuracy;
    result.samples = report.samples;
  }
  result.flops = total_work(model_, 1).flops;
  result.parameters = parameter_count(model_);
  for (const Node<float>& node : model_.nodes()) {
    const Parameter<float>* weights = weights_of(node.layer);
    if (weights == nullptr || weights->empty()) continue;
    const auto values = weights->value->flat();
    result.weights += static_cast<std::int64_t>(values.size());
    result.nonzero += std::count_if(values.begin(), values.end(), [](float w) { return w != 0.0F; });
  }
  if (settings_.profile != nullptr) {
    RunConfig config = settings_.config;
    if (quantized) config.precision = Precision::int8;
    result.predicted_ms = predict(model_, config, *settings_.profile).latency.p50.count();
  }
  return result;
}

FULCRUM_DEFINE std::string RecipeRun::apply(const PruneChannelsStep& step) {
  const ChannelDependencies dependencies = channel_dependencies(model_);
  TaylorOptions taylor;
  taylor.seed = recipe_.seed();
  taylor.threads = threads_;
  const std::vector<double> saliency = step.options.saliency == ChannelSaliency::taylor
                                           ? taylor_saliency(model_, dependencies, train_set("Taylor saliency"), taylor)
                                           : channel_saliency(model_, dependencies, step.options.saliency);
  if (step.latency_ms && settings_.profile == nullptr)
    throw Error("recipe '" + recipe_.name() + "', step " + std::to_string(at_ + 1),
                "needs a profile to predict latencies with", "give one, or a share of the FLOPs");
  const ModelCost<float> flops = [](const Model<float>& m) { return total_work(m, 1).flops; };
  auto result = step.latency_ms
                    ? fulcrum::prune_channels(model_, step.options, dependencies, saliency, cost(), *step.latency_ms)
                    : fulcrum::prune_channels(model_, step.options, dependencies, saliency, flops,
                                              step.options.flops * flops(model_));
  model_ = std::move(result.model);
  return formatted("%.3f of the FLOPs left", result.report.flops_after / result.report.flops_before) +
         (result.report.reached ? "" : ", which is as far as channels can go");
}

FULCRUM_DEFINE std::string RecipeRun::apply(const LowRankStep& step) {
  auto result = fulcrum::low_rank(model_, step.options, cost());
  model_ = std::move(result.model);
  return std::to_string(result.report.layers.size()) + " layer(s) became two, " +
         std::to_string(result.report.kept.size()) + " would not be cheaper";
}

FULCRUM_DEFINE std::string RecipeRun::apply(const PruneStep& step) {
  auto result = fulcrum::prune(model_, step.options);
  model_ = std::move(result.model);
  return formatted("%.1f %% of the weights are 0", 100.0 * result.report.sparsity);
}

FULCRUM_DEFINE Tensor<float> RecipeRun::outputs_of(const Model<float>& teacher, const Dataset& data) const {
  const ModelRunner runner = onednn_runner(threads_);
  const std::int64_t n = data.images.dim(0);
  constexpr std::int64_t batch = 250;
  Tensor<float> result;
  for (std::int64_t from = 0; from < n; from += batch) {
    const Dataset part = slice(data, from, std::min(batch, n - from));
    const Tensor<float> out = runner(teacher, std::span<const Tensor<float>>(&part.images, 1)).back();
    if (from == 0) {
      Shape dims = out.dims();
      dims[0] = n;
      result = Tensor<float>(dims);
    }
    const std::size_t of_sample = out.flat().size() / static_cast<std::size_t>(out.dim(0));
    std::copy(out.flat().begin(), out.flat().end(),
              result.flat().begin() + from * static_cast<std::ptrdiff_t>(of_sample));
  }
  return result;
}

FULCRUM_DEFINE GradualPruneHook RecipeRun::pruning_of(const TrainStep& step) const {
  GradualPruneHook hook = *step.prune;
  if (step.prune_scope == PruneScope::layer) return hook;
  PruneOptions all;
  all.sparsity = hook.sparsity;
  all.scope = PruneScope::global;
  all.skip = hook.skip;
  for (const PruneReport::Layer& layer : fulcrum::prune(model_, all).report.layers) {
    const double most = 1.0 - 1.0 / static_cast<double>(layer.elements);  // one weight stays in each
    hook.sparsity_of_layer.emplace(layer.name, std::min(layer.sparsity, most));
  }
  return hook;
}

FULCRUM_DEFINE std::string RecipeRun::apply(const TrainStep& step) {
  const Dataset& data = train_set("training");
  TrainOptions options;
  options.epochs = step.epochs;
  options.learning_rate = step.learning_rate;
  options.batch = step.batch;
  options.seed = recipe_.seed() + at_;
  options.threads = threads_;
  if (step.prune) options.hooks.push_back(pruning_of(step));
  if (step.round) options.hooks.push_back(*step.round);
  std::optional<Tensor<float>> of_teacher;
  if (!step.teacher.empty()) {
    if (!settings_.load)
      throw Error("recipe '" + recipe_.name() + "', step " + std::to_string(at_ + 1),
                  "names the teacher '" + step.teacher + "' and nothing loads it");
    of_teacher = outputs_of(settings_.load(step.teacher), data);
    Distillation loss;
    loss.temperature = step.temperature;
    loss.soft = step.soft;
    options.loss = loss;
  }
  const SampleView samples = of_teacher ? SampleView(data, *of_teacher) : SampleView(data);
  options.values = step.round_values;
  TrainResult result = fulcrum::train(model_, samples, options, part());
  model_ = std::move(result.model);
  std::string what = std::to_string(step.epochs) + " epoch(s), loss" + formatted(" %.4f", result.epochs.back().loss);
  if (!step.round_values) return what;
  QuantizeOptions integers = int8_options_for_this_cpu();
  integers.weight_bits = step.round ? step.round->bits : 8;
  integers.keep_steps = step.round.has_value();
  integers.value_bits = step.round_values->bits;
  integers.skip = step.round_values->skip;
  model_ = fulcrum::quantize(model_, result.ranges, integers).model;
  return what + "; weights of " + std::to_string(integers.weight_bits) + " bits, values of " +
         std::to_string(integers.value_bits);
}

FULCRUM_DEFINE std::string RecipeRun::apply(const EqualizeStep& step) {
  EqualizeResult result = equalize_layers(model_, step.options);
  model_ = std::move(result.model);
  return "channels of " + std::to_string(result.report.layers.size()) + " layer(s) scaled, " +
         std::to_string(result.report.kept.size()) + " kept";
}

FULCRUM_DEFINE std::string RecipeRun::quantize_within(const QuantizeStep& step, const QuantizeOptions& options,
                                                      const Tensor<float>& images) {
  const std::span<const Tensor<float>> sources(&images, 1);
  const ModelRunner runner = onednn_runner(threads_);
  ModelScore score;
  double least = 0.0;
  if (step.max_accuracy_drop) {
    if (settings_.test_set == nullptr)
      throw Error("recipe '" + recipe_.name() + "', step " + std::to_string(at_ + 1),
                  "needs test samples to keep to its max_accuracy_drop", "give a data set, or min_sqnr_db");
    score = accuracy_score(*settings_.test_set, threads_);
    least = score(model_) - *step.max_accuracy_drop;
  } else {
    score = output_sqnr_score(model_, sources, runner, options.calibration_batch);
    least = *step.min_sqnr_db;
  }
  const ModelCost<float> cost = settings_.profile == nullptr
                                    ? ModelCost<float>{}
                                    : predicted_quantized_latency_ms(settings_.config, *settings_.profile);
  MixedPrecisionResult result = fulcrum::quantize_within(model_, sources, runner, score, least, cost, options, part());
  model_ = std::move(result.model);
  const auto in_float = std::count_if(result.report.layers.begin(), result.report.layers.end(),
                                      [](const auto& layer) { return layer.in_float; });
  return std::to_string(result.quantized.layers.size()) + " layer(s) in int8, " + std::to_string(in_float) +
         " in float to keep within the limit";
}

FULCRUM_DEFINE std::string RecipeRun::apply(const QuantizeStep& step) {
  const Tensor<float> images = sample_images(train_set("int8 ranges"), step.samples, recipe_.seed());
  QuantizeOptions options = int8_options_for_this_cpu(step.options);
  for (std::size_t i = 0; i < at_; ++i) {
    const auto* train = std::get_if<TrainStep>(&recipe_.steps()[i]);
    options.keep_steps = options.keep_steps || (train != nullptr && train->round);
  }
  if (step.max_accuracy_drop || step.min_sqnr_db) return quantize_within(step, options, images);
  auto result = quantize_post_training(model_, images, onednn_runner(threads_), options);
  model_ = std::move(result.model);
  return std::to_string(result.report.layers.size()) + " layer(s) in int8, weights of " +
         std::to_string(options.weight_bits) + " bits, ranges by " + std::string(name_of(step.options.method)) +
         (options.bias_correction ? ", biases corrected" : "");
}

FULCRUM_DEFINE std::string RecipeRun::apply(const QuantizeWeightsStep& step) {
  auto result = fulcrum::quantize_weights(model_, step.options);
  model_ = std::move(result.model);
  return std::to_string(result.report.layers.size()) + " layer(s) with packed weights of " +
         std::to_string(step.options.bits) + " bits, a scale for " + std::to_string(step.options.group);
}

FULCRUM_DEFINE RecipeResult RecipeRun::run() && {
  RecipeResult result;
  result.states.push_back(state({}, {}, 0.0));
  for (at_ = settings_.first_step; at_ < recipe_.steps().size(); ++at_) {
    const auto start = std::chrono::steady_clock::now();
    const RecipeStep& step = recipe_.steps()[at_];
    std::string what = std::visit([this](const auto& s) { return apply(s); }, step);
    const std::chrono::duration<double> elapsed = std::chrono::steady_clock::now() - start;
    result.states.push_back(state(std::string(kind_of(step)), std::move(what), elapsed.count()));
    if (settings_.on_step) settings_.on_step(at_, model_);
  }
  result.model = std::move(model_);
  return result;
}

}  // namespace fulcrum::detail

namespace fulcrum {

FULCRUM_DEFINE RecipeResult run_recipe(const Model<float>& model, const Recipe& recipe, const RecipeSettings& settings,
                                       const ProgressSink& progress) {
  validate(recipe);
  if (settings.first_step > recipe.steps().size())
    throw Error("recipe '" + recipe.name() + "'", "has no step " + std::to_string(settings.first_step + 1));
  bool pruned = false;
  for (std::size_t i = 0; i < settings.first_step; ++i) {
    const auto* train = std::get_if<TrainStep>(&recipe.steps()[i]);
    pruned = pruned || std::holds_alternative<PruneStep>(recipe.steps()[i]) || (train != nullptr && train->prune);
  }
  return detail::RecipeRun(pruned ? with_zeros_masked(model) : model, recipe, settings, progress).run();
}

FULCRUM_DEFINE Model<float> with_zeros_masked(const Model<float>& model) {
  Model<float> result = model;
  for (NodeId id = 0; id < model.size(); ++id) {
    const Parameter<float>* weights = detail::weights_of(model.node(id).layer);
    if (weights == nullptr || weights->empty()) continue;
    Tensor<std::uint8_t> mask(weights->value->dims());
    const auto values = weights->value->flat();
    std::transform(values.begin(), values.end(), mask.flat().begin(),
                   [](float w) { return static_cast<std::uint8_t>(w != 0.0F); });
    detail::weights_of(result.edit_layer(id))->mask = std::move(mask);
  }
  return result;
}

}  // namespace fulcrum

#endif
