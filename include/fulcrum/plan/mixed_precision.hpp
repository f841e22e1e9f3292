#pragma once
/// \file
/// Which layers run in int8 and which stay in float, so that answers stay as good as they have to be.

#include <cstddef>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include <fulcrum/core/linkage.hpp>
#include <fulcrum/core/progress.hpp>
#include <fulcrum/cost/machine_profile.hpp>
#include <fulcrum/model/model.hpp>
#include <fulcrum/passes/calibration.hpp>
#include <fulcrum/passes/prune_channels.hpp>
#include <fulcrum/passes/quantize.hpp>
#include <fulcrum/run/run_config.hpp>

namespace fulcrum {

/// How good a model's answers are, the more the better: a share of right answers, a signal-to-noise ratio.
using ModelScore = std::function<double(const Model<float>&)>;

struct MixedPrecisionReport {
  /// A convolution, dense or recurrent layer that could run in int8.
  struct Layer {
    std::string name;
    double sqnr_db = 0.0;           ///< of the model's outputs with this layer alone in int8 [dB]
    std::optional<double> gain_us;  ///< what int8 saves in it, as predicted [µs]; nothing: there is no cost model
    bool in_float = false;          ///< it stays in float
  };
  std::vector<Layer> layers;                              ///< those that do most harm for what they save first
  double float_score = 0.0;                               ///< of the model in float
  double int8_score = 0.0;                                ///< with all layers in int8
  double score = 0.0;                                     ///< of the result
  double least_score = 0.0;                               ///< that was asked for
  std::size_t scored = 0;                                 ///< quantized models that were scored
  std::optional<double> float_ms, int8_ms, predicted_ms;  ///< predicted: in float, all in int8, and of the result
  bool met = true;                                        ///< the score is reached with a layer or more in int8
};

struct MixedPrecisionResult {
  Model<float> model;  ///< where met is false, in float
  QuantizeReport quantized;
  MixedPrecisionReport report;
};

/// Quantizes as many layers as a score allows. Each layer's harm is measured: the noise energy of the outputs, relative
/// to their energy, when it alone is in int8 (over 128 samples at most). Its gain is predicted: the latency of the
/// model in int8 with this layer in float less that with all in int8 (roundings that come or go around it included).
/// Layers stay in float in the order of harm per gain, the first ones first; as few as possible by bisection, so that
/// about log₂ of the layers are scored beside all and none.
///
/// \param sources  one per input: samples that find ranges and
/// harm
/// \param runner   runs a model; see ModelRunner
/// \param score    of a model in float or quantized, as it will run
/// \param least    the score that is to be reached; of the float model's when that is lower, nothing can reach it
/// \param cost     predicted latency [ms]; empty: harm alone decides
/// \param options  `skip` stays in float anyway
/// \throws Error as quantize_post_training(), and when the score of the float model is below `least`
FULCRUM_DECLARE [[nodiscard]] MixedPrecisionResult quantize_within(const Model<float>& model,
                                                                   std::span<const Tensor<float>> sources,
                                                                   const ModelRunner& runner, const ModelScore& score,
                                                                   double least, const ModelCost<float>& cost = {},
                                                                   const QuantizeOptions& options = {},
                                                                   const ProgressSink& progress = {});

/// The SQNR of a quantized model's outputs against those of `model` over samples [dB], all outputs together.
/// \param sources  one per input; must outlive the result
/// \param batch    samples that go through a model at a time; ≥ 1
FULCRUM_DECLARE [[nodiscard]] ModelScore output_sqnr_score(const Model<float>& model,
                                                           std::span<const Tensor<float>> sources,
                                                           const ModelRunner& runner, std::int64_t batch = 64);

/// The predicted median latency [ms] of a quantized model in int8, and of one that is not in the configuration's
/// precision, or in f32 where that is int8.
/// \param profile  must outlive the result
FULCRUM_DECLARE [[nodiscard]] ModelCost<float> predicted_quantized_latency_ms(const RunConfig& config,
                                                                              const MachineProfile& profile);

}  // namespace fulcrum

#if FULCRUM_DEFINES(plan)

#include <algorithm>
#include <limits>
#include <utility>

#include <fulcrum/analysis/is_quantized.hpp>
#include <fulcrum/cost/predict.hpp>
#include <fulcrum/passes/fold_batch_normalization.hpp>
#include <fulcrum/passes/signal_to_noise.hpp>
#include <fulcrum/passes/simplify_arithmetic.hpp>

namespace fulcrum::detail {

/// Quantizes a model again and again, each time with other layers left in float; ranges are found once.
class PartialQuantizer {
public:
  /// \param model  with its arithmetic simplified and its batch norms folded
  PartialQuantizer(Model<float> model, std::span<const Tensor<float>> sources, const ModelRunner& runner,
                   QuantizeOptions options)
      : model_(std::move(model)), sources_(sources), runner_(runner), options_(std::move(options)) {}

  [[nodiscard]] const Model<float>& model() const noexcept { return model_; }
  /// Layers that run in int8 unless they are left out.
  FULCRUM_DECLARE [[nodiscard]] std::vector<std::string> layers() const;
  /// \param in_float  layers that stay in float beside those that are skipped anyway
  FULCRUM_DECLARE [[nodiscard]] QuantizeResult quantize(const std::vector<std::string>& in_float);
  /// The same with biases corrected where that is asked for.
  FULCRUM_DECLARE [[nodiscard]] QuantizeResult corrected(const std::vector<std::string>& in_float);

private:
  Model<float> model_;
  std::span<const Tensor<float>> sources_;
  const ModelRunner& runner_;
  QuantizeOptions options_;
  ValueRanges ranges_;
};

FULCRUM_DEFINE std::vector<std::string> PartialQuantizer::layers() const {
  std::vector<std::string> result;
  for (const NodeId id : place_quantization(model_, options_.skip).layers) result.push_back(model_.node(id).name);
  return result;
}

FULCRUM_DEFINE QuantizeResult PartialQuantizer::quantize(const std::vector<std::string>& in_float) {
  QuantizeOptions options = options_;
  options.skip.insert(options.skip.end(), in_float.begin(), in_float.end());
  const QuantizationPlacement placement = place_quantization(model_, options.skip);
  const bool known = std::all_of(placement.root.begin(), placement.root.end(), [&](const auto& root) {
    return !root || ranges_.count(model_.node(*root).name) != 0;
  });
  if (!known) ranges_.merge(calibrate_ranges(model_, sources_, runner_, options));
  return fulcrum::quantize(model_, ranges_, options);
}

FULCRUM_DEFINE QuantizeResult PartialQuantizer::corrected(const std::vector<std::string>& in_float) {
  QuantizeResult result = quantize(in_float);
  if (options_.bias_correction && !result.report.layers.empty())
    correct_biases(result, sources_, runner_, options_.calibration_batch);
  return result;
}

/// What a model gives to the first samples, one batch after another.
FULCRUM_DECLARE std::vector<Tensor<float>> outputs_in_batches(const Model<float>& model,
                                                              std::span<const Tensor<float>> sources,
                                                              const ModelRunner& runner, std::int64_t batch,
                                                              std::int64_t most);

FULCRUM_DEFINE std::vector<Tensor<float>> outputs_in_batches(const Model<float>& model,
                                                             std::span<const Tensor<float>> sources,
                                                             const ModelRunner& runner, std::int64_t batch,
                                                             std::int64_t most) {
  std::vector<Tensor<float>> result;
  for_each_batch(model, sources, batch, most, [&](std::span<const Tensor<float>> part) {
    for (Tensor<float>& output : runner(model, part)) result.push_back(std::move(output));
  });
  return result;
}

/// Signal and noise of a model's outputs, all together.
FULCRUM_DECLARE SignalToNoise output_noise(const std::vector<Tensor<float>>& exact,
                                           const std::vector<Tensor<float>>& approximation);

FULCRUM_DEFINE SignalToNoise output_noise(const std::vector<Tensor<float>>& exact,
                                          const std::vector<Tensor<float>>& approximation) {
  SignalToNoise result;
  for (std::size_t i = 0; i < exact.size(); ++i) result.add<float>(exact[i].flat(), approximation.at(i).flat());
  return result;
}

}  // namespace fulcrum::detail

namespace fulcrum {

FULCRUM_DEFINE ModelScore output_sqnr_score(const Model<float>& model, std::span<const Tensor<float>> sources,
                                            const ModelRunner& runner, std::int64_t batch) {
  constexpr std::int64_t all = std::numeric_limits<std::int64_t>::max();
  return [sources, runner, batch,
          exact = detail::outputs_in_batches(model, sources, runner, batch, all)](const Model<float>& quantized) {
    return detail::output_noise(exact, detail::outputs_in_batches(quantized, sources, runner, batch, all)).decibels();
  };
}

FULCRUM_DEFINE ModelCost<float> predicted_quantized_latency_ms(const RunConfig& config, const MachineProfile& profile) {
  return [config, &profile](const Model<float>& model) {
    RunConfig own = config;
    if (is_quantized(model))
      own.precision = Precision::int8;
    else if (own.precision == Precision::int8)
      own.precision = Precision::f32;
    return predict(model, own, profile).latency.p50.count();
  };
}

FULCRUM_DEFINE MixedPrecisionResult quantize_within(const Model<float>& model, std::span<const Tensor<float>> sources,
                                                    const ModelRunner& runner, const ModelScore& score, double least,
                                                    const ModelCost<float>& cost, const QuantizeOptions& options,
                                                    const ProgressSink& progress) {
  detail::refuse_quantized(model, "quantize the float model");
  detail::PartialQuantizer quantizer(fold_batch_normalization(simplify_arithmetic(model)).model, sources, runner,
                                     options);
  const std::vector<std::string> names = quantizer.layers();
  MixedPrecisionResult result{quantizer.model(), {}, {}};
  MixedPrecisionReport& report = result.report;
  report.least_score = least;
  report.float_score = score(model);
  if (!(report.float_score >= least))
    throw Error("score " + std::to_string(least),
                "is above " + std::to_string(report.float_score) + ", the float model's", "ask for less");
  const auto tell = [&](double done, const std::string& what) {
    if (progress) progress({done, "mixed precision", what});
  };

  // What each layer does alone.
  const QuantizeResult all = quantizer.corrected({});
  constexpr std::int64_t harm_samples = 128;
  const auto outputs = [&](const Model<float>& m) {
    return detail::outputs_in_batches(m, sources, runner, options.calibration_batch, harm_samples);
  };
  const std::vector<Tensor<float>> exact = outputs(quantizer.model());
  if (cost) {
    report.float_ms = cost(quantizer.model());
    report.int8_ms = cost(all.model);
  }
  std::vector<std::pair<double, MixedPrecisionReport::Layer>> order;  // by harm per gain
  for (std::size_t i = 0; i < names.size(); ++i) {
    tell(0.7 * static_cast<double>(i) / static_cast<double>(names.size()), names[i]);
    std::vector<std::string> others = names;
    others.erase(others.begin() + static_cast<std::ptrdiff_t>(i));
    MixedPrecisionReport::Layer layer;
    layer.name = names[i];
    const SignalToNoise noise = detail::output_noise(exact, outputs(quantizer.quantize(others).model));
    layer.sqnr_db = noise.decibels();
    double harm = noise.noise / std::max(noise.signal, 1e-300);
    if (cost) {
      layer.gain_us = 1e3 * (cost(quantizer.quantize({names[i]}).model) - *report.int8_ms);
      harm /= std::max(*layer.gain_us, 1e-3);  // one that int8 makes no faster is first to stay
    }
    order.emplace_back(harm, std::move(layer));
  }
  std::stable_sort(order.begin(), order.end(), [](const auto& a, const auto& b) { return a.first > b.first; });

  // The fewest in float that reach the score: `enough` do, all before `least_count` do not.
  const auto try_with = [&](std::size_t count) {
    std::vector<std::string> in_float;
    for (std::size_t i = 0; i < count; ++i) in_float.push_back(order[i].second.name);
    QuantizeResult quantized = count == 0 ? all : quantizer.corrected(in_float);
    const double reached = score(quantized.model);
    ++report.scored;
    tell(0.7 + 0.03 * static_cast<double>(report.scored), std::to_string(count) + " layer(s) in float");
    return std::pair(reached, std::move(quantized));
  };
  std::size_t enough = order.size();
  std::size_t least_count = 0;
  report.score = report.float_score;
  while (least_count < enough) {
    const std::size_t count = least_count == 0 && report.scored == 0 ? 0 : (least_count + enough) / 2;
    auto [reached, quantized] = try_with(count);
    if (count == 0) report.int8_score = reached;
    if (reached >= least) {
      enough = count;
      report.score = reached;
      result.model = std::move(quantized.model);
      result.quantized = std::move(quantized.report);
    } else {
      least_count = count + 1;
    }
  }
  report.met = enough < order.size();
  for (std::size_t i = 0; i < order.size(); ++i) {
    order[i].second.in_float = i < enough;
    report.layers.push_back(std::move(order[i].second));
  }
  if (cost) report.predicted_ms = cost(result.model);
  return result;
}

}  // namespace fulcrum

#endif
