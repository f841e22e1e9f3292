#pragma once
/// \file
/// Training a model on labelled images.

#include <algorithm>
#include <array>
#include <chrono>
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <string>
#include <utility>
#include <vector>

#include <fulcrum/core/cpu_limits.hpp>
#include <fulcrum/core/progress.hpp>
#include <fulcrum/onednn/thread_scope.hpp>
#include <fulcrum/train/batches.hpp>
#include <fulcrum/train/loss.hpp>
#include <fulcrum/train/network.hpp>
#include <fulcrum/train/optimizer.hpp>
#include <fulcrum/train/schedule.hpp>

namespace fulcrum {

/// The defaults are made for zoo:fashion_cnn on Fashion-MNIST: about 92 % of the test images in about a minute on two
/// quiet cores.
struct TrainOptions {
  int epochs = 5;               ///< ≥ 1: passes over the training set
  std::int64_t batch = 128;     ///< ≥ 1: samples per step; a smaller data set is one batch
  double learning_rate = 3e-3;  ///< > 0: the schedule's peak
  std::uint64_t seed = 0;       ///< of the order of the samples and their augmentation (not of the initial weights)
  int threads = 0;              ///< 0: every core the process may use
  AnyOptimizer optimizer = Adam{};
  LearningRateSchedule schedule = CosineRate{};
  double label_smoothing = 0.0;  ///< see CrossEntropy
  Augmentation augmentation;
};

/// What one pass over the training set was like. Loss and accuracy are those met on the way, while weights changed.
struct EpochReport {
  double loss = 0.0;            ///< mean cross-entropy [nat]
  double train_accuracy = 0.0;  ///< 0 … 1
  double seconds = 0.0;
};

struct TrainResult {
  Model<float> model;
  std::vector<EpochReport> epochs;
};

namespace detail {

inline void validate(const TrainOptions& options) {
  if (options.epochs < 1) throw Error("--epochs", "is " + std::to_string(options.epochs), "give 1 or more");
  if (options.batch < 1) throw Error("--batch", "is " + std::to_string(options.batch), "give 1 or more");
  if (options.threads < 0) throw Error("--threads", "is " + std::to_string(options.threads), "give 1 or more");
  if (!(options.learning_rate > 0.0) || !std::isfinite(options.learning_rate)) {
    throw Error("learning rate", "is " + std::to_string(options.learning_rate), "give a number above 0");
  }
  fulcrum::validate(options.schedule);
}

inline void check_matches(const TrainingNetwork& network, const Dataset& data) {
  Shape images = data.images.dims();
  images[0] = network.src_shape().front();
  if (network.src_shape() != images) {
    throw Error("data set",
                "has images " + to_string(images) + " for a model that takes " + to_string(network.src_shape()));
  }
  const Shape& logits = network.logits_shape();
  if (logits.size() != 2 || logits[0] != images[0] || logits[1] != data.classes) {
    throw Error("data set",
                "has " + std::to_string(data.classes) + " classes for a model whose output is " + to_string(logits));
  }
}

/// The optimizer's step on every parameter; pruned weights stay 0.
template <class O>
void update(std::span<TrainableParameter> parameters, std::vector<typename O::State>& states, const O& optimizer,
            double learning_rate, std::int64_t number) {
  for (std::size_t i = 0; i < parameters.size(); ++i) {
    TrainableParameter& p = parameters[i];
    const auto apply_mask = [&](std::span<float> values) {
      if (p.mask.empty()) return;
      const auto mask = p.mask->flat();
      for (std::size_t at = 0; at < values.size(); ++at) {
        if (mask[at] == 0) values[at] = 0.0F;
      }
    };
    apply_mask(p.gradient.flat());
    optimizer.update(states[i], p.value.flat(), std::span<const float>(p.gradient.flat()),
                     OptimizerStep{learning_rate, number, p.decays});
    apply_mask(p.value.flat());
  }
}

}  // namespace detail

/// Trains with an optimizer of one's own; `options.optimizer` is not used. See train() below.
template <class O>
[[nodiscard]] TrainResult train_with(const Model<float>& model, const Dataset& train_set, const TrainOptions& options,
                                     const O& optimizer, const ProgressSink& progress = {}) {
  static_assert(Optimizer<O>,
                "an optimizer needs State, make_state(size) and update(state, value, gradient, step): "
                "see the concept Optimizer in fulcrum/train/optimizer.hpp");
  detail::validate(options);
  const detail::ThreadScope threads(
      options.threads != 0 ? options.threads
                           : usable_cores(static_cast<int>(current_affinity().size()), current_cpu_quota()));
  const std::int64_t batch = std::min(options.batch, std::max<std::int64_t>(train_set.size(), 1));
  BatchSampler sampler(train_set, batch, options.augmentation, options.seed);
  TrainingNetwork network(model, batch);
  detail::check_matches(network, train_set);
  std::vector<typename O::State> states;
  for (const TrainableParameter& p : network.parameters())
    states.push_back(optimizer.make_state(p.value.flat().size()));

  const CrossEntropy cross_entropy{options.label_smoothing};
  const std::int64_t per_epoch = sampler.batches_per_epoch();
  const auto total = static_cast<double>(per_epoch * options.epochs);
  std::int64_t step = 0;
  TrainResult result;
  for (int epoch = 0; epoch < options.epochs; ++epoch) {
    const auto start = std::chrono::steady_clock::now();
    sampler.start_epoch();
    double loss = 0.0;
    std::int64_t correct = 0;
    for (std::int64_t i = 0; i < per_epoch; ++i) {
      sampler.draw();
      const LossResult<float> on_batch = cross_entropy(network.forward(sampler.images()), sampler.labels());
      if (!std::isfinite(on_batch.loss)) {
        throw Error("training", "has a loss that is not a number at step " + std::to_string(step + 1),
                    step == 0 ? "look for NaN among the weights and images" : "lower the learning rate");
      }
      network.backward(on_batch.gradient);
      const double rate =
          options.learning_rate * rate_factor(options.schedule, (static_cast<double>(step) + 0.5) / total);
      detail::update(network.parameters(), states, optimizer, rate, ++step);
      loss += on_batch.loss;
      correct += on_batch.correct;
      if (progress && (step % 32 == 0 || i + 1 == per_epoch)) {
        const auto done = static_cast<double>(i + 1);
        std::array<char, 64> figures{};
        std::snprintf(figures.data(), figures.size(), "loss %.3f, accuracy %.1f %%", loss / done,
                      100.0 * static_cast<double>(correct) / (done * static_cast<double>(batch)));
        progress({static_cast<double>(step) / total,
                  "epoch " + std::to_string(epoch + 1) + "/" + std::to_string(options.epochs), figures.data()});
      }
    }
    const std::chrono::duration<double> elapsed = std::chrono::steady_clock::now() - start;
    const auto batches = static_cast<double>(per_epoch);
    result.epochs.push_back(
        {loss / batches, static_cast<double>(correct) / (batches * static_cast<double>(batch)), elapsed.count()});
  }
  result.model = network.model();
  return result;
}

/// Trains a model by back-propagation (see TrainingNetwork for what it may be) to minimise cross-entropy.
///
/// The model's weights are where training starts. The same model, data, options and threads give the same weights bit
/// for bit. Pruned weights (Parameter::mask) stay 0.
/// \throws Error when an option is out of range, model and data do not fit, or the loss stops being a number
[[nodiscard]] inline TrainResult train(const Model<float>& model, const Dataset& train_set,
                                       const TrainOptions& options = {}, const ProgressSink& progress = {}) {
  return std::visit(
      [&](const auto& optimizer) {
        validate(optimizer);
        return train_with(model, train_set, options, optimizer, progress);
      },
      options.optimizer);
}

}  // namespace fulcrum
