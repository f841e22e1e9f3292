#pragma once
/// \file
/// Training a model.

#include <algorithm>
#include <array>
#include <chrono>
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <fulcrum/core/linkage.hpp>
#include <fulcrum/core/progress.hpp>
#include <fulcrum/train/batches.hpp>
#include <fulcrum/train/loss.hpp>
#include <fulcrum/train/optimizer.hpp>
#include <fulcrum/train/parameter_hooks.hpp>
#include <fulcrum/train/schedule.hpp>
#include <fulcrum/train/value_rounding.hpp>

namespace fulcrum {

/// The defaults are made for zoo:fashion_cnn on Fashion-MNIST: about 92 % of the test images in about a minute on two
/// quiet cores.
struct TrainOptions {
  int epochs = 5;                   ///< ≥ 1: passes over the training set
  std::int64_t batch = 128;         ///< ≥ 1: samples per step; a smaller data set is one batch
  double learning_rate = 3e-3;      ///< > 0: the schedule's peak
  std::uint64_t seed = 0;           ///< of the order of the samples and their augmentation (not of the initial weights)
  int threads = 0;                  ///< 0: every core the process may use
  AnyOptimizer optimizer = Adam{};  ///< Adam, Sgd, or one of one's own (the concept Optimizer)
  LearningRateSchedule schedule = CosineRate{};
  AnyLoss loss = CrossEntropy{};
  std::vector<AnyParameterHook> hooks = {};  ///< what training is aware of, in this order, after the masks (MaskHook)
  Augmentation augmentation;                 ///< of images
  std::optional<ValueRounding> values = std::nullopt;  ///< rounding of values between layers, by learned steps
};

/// What one pass over the training set was like. Loss and accuracy are those met on the way, while weights changed.
struct EpochReport {
  double loss = 0.0;                     ///< mean over the samples; of cross-entropy [nat]
  std::optional<double> train_accuracy;  ///< 0 … 1; nothing: the loss knows no classes
  double seconds = 0.0;
};

struct TrainResult {
  Model<float> model;
  std::vector<EpochReport> epochs;
  ValueRanges ranges = {};  ///< that quantize() takes; none without TrainOptions::values
};

/// Trains a model by back-propagation (see TrainingNetwork for what it may be) to make a loss small: cross-entropy,
/// unless `options.loss` is another.
///
/// The model's weights are where training starts. The same model, data, options and threads give the same weights bit
/// for bit. Pruned weights (Parameter::mask) stay 0.
/// \param train_set  a Dataset of labelled images, or what else SampleView shows
/// \throws Error when an option is out of range, model, data, loss and hooks do not fit, or the loss stops being a
/// number
FULCRUM_DECLARE [[nodiscard]] TrainResult train(const Model<float>& model, const SampleView& train_set,
                                                const TrainOptions& options = {}, const ProgressSink& progress = {});

}  // namespace fulcrum

#if FULCRUM_DEFINES(train)

#include <fulcrum/core/cpu_limits.hpp>
#include <fulcrum/onednn/thread_scope.hpp>
#include <fulcrum/train/detail/hooked_parameters.hpp>
#include <fulcrum/train/mask_hook.hpp>
#include <fulcrum/train/network.hpp>

namespace fulcrum::detail {

/// Loss and accuracy over the batches of an epoch so far.
class RunningFigures {
public:
  void add(const LossResult<float>& on_batch, std::int64_t samples) {
    loss_ += on_batch.loss;
    correct_ = correct_ && on_batch.correct ? std::optional(*correct_ + *on_batch.correct) : std::nullopt;
    ++batches_;
    samples_ += samples;
  }
  [[nodiscard]] double loss() const { return loss_ / static_cast<double>(batches_); }
  [[nodiscard]] std::optional<double> accuracy() const {
    if (!correct_) return std::nullopt;
    return static_cast<double>(*correct_) / static_cast<double>(samples_);
  }

private:
  double loss_ = 0.0;
  std::optional<std::int64_t> correct_ = 0;
  std::int64_t batches_ = 0;
  std::int64_t samples_ = 0;
};

FULCRUM_DECLARE void validate(const TrainOptions& options) {
  if (options.epochs < 1) throw Error("epochs", "is " + std::to_string(options.epochs), "give 1 or more");
  if (options.batch < 1) throw Error("batch", "is " + std::to_string(options.batch), "give 1 or more");
  if (options.threads < 0) throw Error("threads", "is " + std::to_string(options.threads), "give 1 or more");
  if (!(options.learning_rate > 0.0) || !std::isfinite(options.learning_rate)) {
    throw Error("learning rate", "is " + std::to_string(options.learning_rate), "give a number above 0");
  }
  fulcrum::validate(options.schedule);
}

FULCRUM_DECLARE void check_matches(const TrainingNetwork& network, const SampleView& samples) {
  Shape src = samples.src().dims();
  src[0] = network.src_shape().front();
  if (network.src_shape() != src) {
    throw Error("data set",
                "has samples " + to_string(src) + " for a model that takes " + to_string(network.src_shape()));
  }
}

/// Ranges of the values that training rounded and of those that keep 8 bits: the model's input, as the samples have it,
/// and constants.
FULCRUM_DECLARE ValueRanges ranges_of_all(const TrainingNetwork& network, const Model<float>& model,
                                          const SampleView& samples) {
  ValueRanges ranges = network.ranges();
  const auto add = [&](const Node<float>& node, std::span<const float> values) {
    MinMaxObserver seen;
    seen.observe(values);
    ranges[node.name] = seen.range();
  };
  add(model.node(model.inputs().front()), samples.src().flat());
  for (const Node<float>& node : model.nodes()) {
    if (const auto* constant = std::get_if<Constant<float>>(&node.layer)) add(node, constant->value.value->flat());
  }
  return ranges;
}

/// "loss 0.123, accuracy 95.0 %", the latter where the loss knows classes.
FULCRUM_DECLARE std::string figures_of(double loss, std::optional<double> accuracy) {
  std::array<char, 64> text{};
  if (accuracy)
    std::snprintf(text.data(), text.size(), "loss %.3f, accuracy %.1f %%", loss, 100.0 * *accuracy);
  else
    std::snprintf(text.data(), text.size(), "loss %.3g", loss);
  return text.data();
}

}  // namespace fulcrum::detail

namespace fulcrum {

FULCRUM_DEFINE TrainResult train(const Model<float>& model, const SampleView& train_set, const TrainOptions& options,
                                 const ProgressSink& progress) {
  detail::validate(options);
  options.optimizer.check();
  const detail::ThreadScope threads(
      options.threads != 0 ? options.threads
                           : usable_cores(static_cast<int>(current_affinity().size()), current_cpu_quota()));
  const std::int64_t size = std::min(options.batch, std::max<std::int64_t>(train_set.size(), 1));
  BatchSampler sampler(train_set, size, options.augmentation, options.seed);
  const std::vector<RoundedValue> rounded =
      options.values ? rounded_values(model, *options.values) : std::vector<RoundedValue>{};
  TrainingNetwork network(model, size, options.loss.input(), rounded);
  detail::check_matches(network, train_set);
  std::vector<AnyParameterHook> hooks{MaskHook{}};  // what is pruned stays so, whatever else is asked for
  hooks.insert(hooks.end(), options.hooks.begin(), options.hooks.end());
  detail::training::HookedParameters parameters(network, model, hooks);
  std::vector<std::unique_ptr<detail::AttachedOptimizer>> optimizers;
  for (const auto& movable : parameters.movables())
    optimizers.push_back(options.optimizer.attach(movable.value.size()));

  const std::int64_t per_epoch = sampler.batches_per_epoch();
  const auto total = static_cast<double>(per_epoch * options.epochs);
  std::int64_t step = 0;
  TrainResult result;
  for (int epoch = 0; epoch < options.epochs; ++epoch) {
    const auto start = std::chrono::steady_clock::now();
    sampler.start_epoch();
    detail::RunningFigures figures;
    for (std::int64_t i = 0; i < per_epoch; ++i) {
      const auto steps_done = static_cast<double>(step++);
      const Batch& batch = sampler.draw();
      parameters.before_forward({step, steps_done / total});
      const LossResult<float> on_batch = options.loss(network.forward(batch.src), batch);
      if (!std::isfinite(on_batch.loss)) {
        throw Error("training", "has a loss that is not a number at step " + std::to_string(step),
                    step == 1 ? "look for NaN among the weights and samples" : "lower the learning rate");
      }
      network.backward(on_batch.gradient);
      parameters.after_backward();
      const double rate = options.learning_rate * rate_factor(options.schedule, (steps_done + 0.5) / total);
      for (std::size_t m = 0; m < optimizers.size(); ++m) {
        const auto& movable = parameters.movables()[m];
        optimizers[m]->update(movable.value, movable.gradient, OptimizerStep{rate, step, movable.decays});
      }
      parameters.after_update();
      figures.add(on_batch, size);
      if (progress && (step % 32 == 0 || i + 1 == per_epoch)) {
        progress({static_cast<double>(step) / total,
                  "epoch " + std::to_string(epoch + 1) + "/" + std::to_string(options.epochs),
                  detail::figures_of(figures.loss(), figures.accuracy())});
      }
    }
    const std::chrono::duration<double> elapsed = std::chrono::steady_clock::now() - start;
    result.epochs.push_back({figures.loss(), figures.accuracy(), elapsed.count()});
  }
  result.model = parameters.model();
  if (options.values) result.ranges = detail::ranges_of_all(network, model, train_set);
  return result;
}

}  // namespace fulcrum

#endif
