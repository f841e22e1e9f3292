#pragma once
/// \file
/// The variants of a model that a study compares: pruned, quantized, and what accuracy they have.

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include <fulcrum/analysis/is_quantized.hpp>
#include <fulcrum/core/linkage.hpp>
#include <fulcrum/core/progress.hpp>
#include <fulcrum/core/random.hpp>
#include <fulcrum/data/dataset.hpp>
#include <fulcrum/exec/onednn_runner.hpp>
#include <fulcrum/measure/accuracy.hpp>
#include <fulcrum/onednn/precision_support.hpp>
#include <fulcrum/passes/prune.hpp>
#include <fulcrum/passes/quantize.hpp>
#include <fulcrum/plan/study.hpp>

namespace fulcrum {

/// `count` images drawn without repetition by a seed, or all of them when there are fewer.
/// \return (count, c, h, w)
FULCRUM_DECLARE [[nodiscard]] Tensor<float> sample_images(const Dataset& dataset, std::int64_t count,
                                                          std::uint64_t seed);

/// A variant with the model that it runs.
struct VariantModel {
  Variant variant;
  std::optional<Model<float>> model;  ///< absent when it could not be made
};

/// Prunes, then quantizes for int8 what is not quantized yet. What goes wrong is said in why_not.
/// \param model               after its recipe, where there is one
/// \param calibration_images  (n, c, h, w), for int8
/// \param threads             for the calibration runs
FULCRUM_DECLARE [[nodiscard]] VariantModel make_variant(const Model<float>& model, Precision precision, double sparsity,
                                                        const Tensor<float>& calibration_images,
                                                        const QuantizeOptions& options, int threads,
                                                        const VariantMaking& making = {});

/// The variant with its accuracy on the whole test set, in its own precision. One that cannot be evaluated loses its
/// model and says why.
/// \param metric  what counts as accuracy, of test_set.images; absent: top-1
FULCRUM_DECLARE [[nodiscard]] VariantModel with_accuracy(VariantModel variant, const Dataset& test_set, int threads,
                                                         const ProgressSink& progress = {},
                                                         const std::optional<Metric>& metric = {},
                                                         const ExecutorFactory& executors = {});

}  // namespace fulcrum

#if FULCRUM_DEFINES(plan)

namespace fulcrum {

FULCRUM_DEFINE Tensor<float> sample_images(const Dataset& dataset, std::int64_t count, std::uint64_t seed) {
  const std::int64_t size = dataset.size();
  if (count < 1 || size < 1) {
    throw Error("calibration images", "are none", "give a training set and at least one image to take of it");
  }
  std::vector<std::int64_t> order(static_cast<std::size_t>(size));
  for (std::size_t i = 0; i < order.size(); ++i) order[i] = static_cast<std::int64_t>(i);
  Random(seed).shuffle(std::span(order));
  order.resize(static_cast<std::size_t>(std::min(count, size)));
  Shape shape = dataset.images.dims();
  shape[0] = static_cast<std::int64_t>(order.size());
  Tensor<float> sample(shape);
  const std::size_t image = dataset.images.flat().size() / static_cast<std::size_t>(size);
  for (std::size_t i = 0; i < order.size(); ++i) {
    const auto from = dataset.images.flat().subspan(static_cast<std::size_t>(order[i]) * image, image);
    std::copy(from.begin(), from.end(), sample.flat().subspan(i * image, image).begin());
  }
  return sample;
}

FULCRUM_DEFINE VariantModel make_variant(const Model<float>& model, Precision precision, double sparsity,
                                         const Tensor<float>& calibration_images, const QuantizeOptions& options,
                                         int threads, const VariantMaking& making) {
  VariantModel result;
  result.variant.making = making;
  result.variant.precision = precision;
  result.variant.sparsity = sparsity;
  result.variant.why_not = why_unsupported(precision);
  if (!result.variant.why_not.empty()) return result;
  try {
    Model<float> made = model;
    if (sparsity > 0.0) {
      PruneOptions pruning;
      pruning.sparsity = sparsity;
      pruning.scope = making.scope;
      made = prune(std::move(made), pruning).model;
    }
    if (precision == Precision::int8 && !is_quantized(made)) {
      QuantizeOptions own = options;
      own.weight_bits = making.weight_bits.value_or(options.weight_bits);
      own.method = making.calibration.value_or(options.method);
      made = quantize_post_training(made, calibration_images, onednn_runner(threads), own).model;
    }
    for_each_model_parameter(made, [&](NodeId, const char*, const Parameter<float>& p) {
      result.variant.parameters += p.size();
      for (const float w : p.value->flat()) result.variant.nonzero_parameters += w != 0.0F ? 1 : 0;
    });
    result.model = std::move(made);
  } catch (const std::exception& error) {
    result.variant.why_not = "could not be made: ";
    result.variant.why_not += error.what();
  }
  return result;
}

FULCRUM_DEFINE VariantModel with_accuracy(VariantModel variant, const Dataset& test_set, int threads,
                                          const ProgressSink& progress, const std::optional<Metric>& metric,
                                          const ExecutorFactory& executors) {
  if (!variant.model) return variant;
  try {
    RunConfig config;
    config.batch = 100;
    config.threads = threads;
    config.precision = variant.variant.precision;
    if (metric) {
      variant.variant.accuracy =
          evaluate(*variant.model, {&test_set.images, 1}, config, *metric, progress, executors).score;
    } else {
      variant.variant.accuracy = evaluate_accuracy(*variant.model, test_set, config, progress, executors).accuracy;
    }
  } catch (const std::exception& error) {
    variant.model.reset();
    variant.variant.why_not = "could not be evaluated: ";
    variant.variant.why_not += error.what();
  }
  return variant;
}

}  // namespace fulcrum

#endif
