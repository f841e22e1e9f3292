#pragma once
/// \file
/// Top-1 as the score that quantization has to keep.

#include <fulcrum/core/linkage.hpp>
#include <fulcrum/data/dataset.hpp>
#include <fulcrum/measure/accuracy.hpp>
#include <fulcrum/plan/mixed_precision.hpp>

namespace fulcrum {

/// Top-1 of a model on a data set, 0 … 1, as it runs: in int8 where it is quantized, else in f32.
/// \param data     must outlive the result
/// \param threads  ≥ 1
FULCRUM_DECLARE [[nodiscard]] ModelScore accuracy_score(const Dataset& data, int threads);

}  // namespace fulcrum

#if FULCRUM_DEFINES(plan)

#include <fulcrum/analysis/is_quantized.hpp>

namespace fulcrum {

FULCRUM_DEFINE ModelScore accuracy_score(const Dataset& data, int threads) {
  return [&data, threads](const Model<float>& model) {
    RunConfig config;
    config.batch = 250;
    config.threads = threads;
    config.precision = is_quantized(model) ? Precision::int8 : Precision::f32;
    return evaluate_accuracy(model, data, config).accuracy;
  };
}

}  // namespace fulcrum

#endif
