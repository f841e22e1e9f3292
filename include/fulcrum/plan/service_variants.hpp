#pragma once
/// \file
/// The forms of a model that planning a service considers.

#include <optional>
#include <span>
#include <string>
#include <vector>

#include <fulcrum/core/linkage.hpp>
#include <fulcrum/core/progress.hpp>
#include <fulcrum/data/dataset.hpp>
#include <fulcrum/exec/executor_factory.hpp>
#include <fulcrum/exec/int8_options.hpp>
#include <fulcrum/measure/evaluate.hpp>
#include <fulcrum/passes/quantize.hpp>
#include <fulcrum/plan/plan_service.hpp>
#include <fulcrum/plan/service_study.hpp>

namespace fulcrum {

/// Which forms to make, and how.
struct ServiceVariantOptions {
  std::vector<Precision> precisions{all_precisions.begin(), all_precisions.end()};
  std::vector<double> sparsities{0.0};  ///< shares of weights pruned; zeros alone do not make dense kernels faster
  const Dataset* train_set =
      nullptr;  ///< int8 finds its ranges on it; nullptr: no int8, unless the model has it. Not owned
  const Dataset* test_set = nullptr;  ///< accuracy is that of all of it; nullptr: results are compared alone. Not owned
  std::int64_t calibration_images = 512;
  QuantizeOptions quantization = int8_options_for_this_cpu();
  std::optional<Metric> metric;  ///< what counts as accuracy; absent: top-1
  int threads = 1;               ///< to evaluate with
  std::uint64_t seed = 0;
  ExecutorFactory executors = {};
};

/// The model in f32 and each of its other forms, with accuracy where there is a test set, and else with how much their
/// results differ from f32's on random sources. A model that is quantized has itself as its only form. What the
/// machine lacks is left out.
/// \throws Error as the executors do, when the model cannot even run as it is
FULCRUM_DECLARE [[nodiscard]] std::vector<ServedModel> service_variants(const Model<float>& model,
                                                                        const ServiceVariantOptions& options = {},
                                                                        const ProgressSink& progress = {});

/// A form that was made elsewhere (pruned by channels, distilled, quantized with care), beside those of
/// service_variants(): with its accuracy, or compared with the first one.
/// \param name  "pruned.onnx"
FULCRUM_DECLARE [[nodiscard]] ServedModel service_variant(std::string name, const Model<float>& model,
                                                          Precision precision, const ServedModel& first,
                                                          const ServiceVariantOptions& options = {});

}  // namespace fulcrum

#if FULCRUM_DEFINES(plan)

#include <exception>
#include <utility>

#include <fulcrum/analysis/is_quantized.hpp>
#include <fulcrum/exec/onednn_factory.hpp>
#include <fulcrum/measure/accuracy.hpp>
#include <fulcrum/model/random_sources.hpp>
#include <fulcrum/onednn/precision_support.hpp>
#include <fulcrum/passes/signal_to_noise.hpp>
#include <fulcrum/plan/candidate.hpp>
#include <fulcrum/plan/variants.hpp>

namespace fulcrum::detail {

/// The results of a model on a few samples, drawn by a seed.
FULCRUM_DECLARE std::vector<std::vector<float>> results_of(const Model<float>& model, Precision precision,
                                                           const ServiceVariantOptions& options) {
  constexpr int samples = 4;
  const RunConfig config{.threads = options.threads, .precision = precision};
  const PreparedModel prepared = (options.executors ? options.executors : onednn_executors())(model, config);
  AnyExecutor executor = prepared.instance();
  std::vector<std::vector<float>> all;
  for (int sample = 0; sample < samples; ++sample) {
    const std::vector<Tensor<float>> sources =
        random_sources(model, 1, options.seed + static_cast<std::uint64_t>(sample));
    std::vector<const float*> src;
    for (const Tensor<float>& source : sources) src.push_back(source.flat().data());
    std::vector<std::vector<float>> results;
    std::vector<float*> dst;
    for (const Shape& shape : executor.dst_shapes())
      results.emplace_back(static_cast<std::size_t>(element_count(shape)));
    for (std::vector<float>& result : results) dst.push_back(result.data());
    executor.execute(src, dst);
    for (std::vector<float>& result : results) all.push_back(std::move(result));
  }
  return all;
}

/// Accuracy where there is a test set, else the difference of results from those of the first form.
FULCRUM_DECLARE void judge(ServedModel& served, const ServedModel* first, const ServiceVariantOptions& options,
                           const ProgressSink& progress) {
  if (!served.model) return;
  try {
    if (options.test_set != nullptr) {
      VariantModel variant;
      variant.variant.precision = served.variant.precision;
      variant.model = std::move(served.model);
      variant = with_accuracy(std::move(variant), *options.test_set, options.threads, progress, options.metric,
                              options.executors);
      served.model = std::move(variant.model);
      served.variant.accuracy = variant.variant.accuracy;
      served.variant.why_not = variant.variant.why_not;
    } else if (first != nullptr && first->model) {
      const auto exact = results_of(*first->model, first->variant.precision, options);
      const auto results = results_of(*served.model, served.variant.precision, options);
      SignalToNoise ratio;
      for (std::size_t i = 0; i < exact.size() && i < results.size(); ++i)
        ratio.add(std::span<const float>(exact[i]), std::span<const float>(results[i]));
      served.variant.output_snr_db = ratio.decibels();
    }
  } catch (const std::exception& error) {
    served.model.reset();
    served.variant.why_not = std::string("could not be evaluated: ") + error.what();
  }
}

}  // namespace fulcrum::detail

namespace fulcrum {

FULCRUM_DEFINE ServedModel service_variant(std::string name, const Model<float>& model, Precision precision,
                                           const ServedModel& first, const ServiceVariantOptions& options) {
  ServedModel served;
  served.variant.name = std::move(name);
  served.variant.precision = precision;
  served.model = model;
  detail::judge(served, &first, options, {});
  return served;
}

FULCRUM_DEFINE std::vector<ServedModel> service_variants(const Model<float>& model,
                                                         const ServiceVariantOptions& options,
                                                         const ProgressSink& progress) {
  std::vector<ServedModel> models;
  const auto add = [&](Precision precision, double sparsity, std::optional<Model<float>> made, std::string why_not) {
    ServedModel served;
    served.variant.name = variant_name(precision, sparsity);
    served.variant.precision = precision;
    served.variant.why_not = std::move(why_not);
    served.model = std::move(made);
    if (progress) progress({0.5, "variants", served.variant.name});
    detail::judge(served, models.empty() ? nullptr : &models.front(), options, {});
    models.push_back(std::move(served));
  };
  if (is_quantized(model)) {
    add(Precision::int8, 0.0, model, {});
    return models;
  }
  add(Precision::f32, 0.0, model, {});
  Tensor<float> images;
  if (options.train_set != nullptr)
    images = sample_images(*options.train_set, options.calibration_images, options.seed);
  for (const Precision precision : options.precisions) {
    for (const double sparsity : options.sparsities) {
      if (precision == Precision::f32 && sparsity == 0.0) continue;
      if (!why_unsupported(precision).empty()) continue;
      if (precision == Precision::int8 && options.train_set == nullptr) continue;
      VariantModel made = make_variant(model, precision, sparsity, images, options.quantization, options.threads);
      add(precision, sparsity, std::move(made.model), std::move(made.variant.why_not));
    }
  }
  return models;
}

}  // namespace fulcrum

#endif
