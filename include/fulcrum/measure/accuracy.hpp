#pragma once
/// \file
/// How often a model is right, as it really runs: top-1, the score of a classifier.

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <span>
#include <string>
#include <vector>

#include <fulcrum/core/linkage.hpp>
#include <fulcrum/core/progress.hpp>
#include <fulcrum/data/dataset.hpp>
#include <fulcrum/measure/evaluate.hpp>

namespace fulcrum {

struct AccuracyReport {
  double accuracy = 0.0;           ///< share of the samples whose largest output is that of their label, 0 … 1
  std::int64_t samples = 0;        ///< all of the data set
  std::int64_t correct = 0;        ///< accuracy · samples
  std::vector<std::string> notes;  ///< what the executor has to say ("no bf16 on this CPU: ran as f32")
};

namespace detail {

/// How many of the scores (n, classes) are largest at their label.
/// \throws Error when a score is not a number
FULCRUM_DECLARE std::int64_t count_correct(std::span<const float> scores, std::span<const std::int32_t> labels);

}  // namespace detail

/// Runs a model on every sample of a data set and compares the largest element of its last output with the label.
/// evaluate() has other scores.
/// \throws Error when the data set is empty or invalid, model and data do not fit, outputs are NaN, or as evaluate()
FULCRUM_DECLARE [[nodiscard]] AccuracyReport evaluate_accuracy(const Model<float>& model, const Dataset& data,
                                                               const RunConfig& config,
                                                               const ProgressSink& progress = {},
                                                               const ExecutorFactory& executors = {});

}  // namespace fulcrum

#if FULCRUM_DEFINES(measure)

namespace fulcrum::detail {

FULCRUM_DEFINE std::int64_t count_correct(std::span<const float> scores, std::span<const std::int32_t> labels) {
  const std::size_t classes = scores.size() / labels.size();
  std::int64_t correct = 0;
  for (std::size_t i = 0; i < labels.size(); ++i) {
    const auto row = scores.subspan(i * classes, classes);
    if (std::any_of(row.begin(), row.end(), [](float x) { return std::isnan(x); })) {
      throw Error("model", "gives outputs that are not numbers", "look for NaN among its weights");
    }
    const auto largest = std::max_element(row.begin(), row.end());
    if (static_cast<std::size_t>(largest - row.begin()) == static_cast<std::size_t>(labels[i])) ++correct;
  }
  return correct;
}

}  // namespace fulcrum::detail

namespace fulcrum {

FULCRUM_DEFINE AccuracyReport evaluate_accuracy(const Model<float>& model, const Dataset& data, const RunConfig& config,
                                                const ProgressSink& progress, const ExecutorFactory& executors) {
  validate(data);
  AccuracyReport report;
  const auto check_classes = [&](const AnyExecutor& executor) {
    const std::int64_t batch = executor.src_shapes()[0][0];
    const std::vector<Shape>& outputs = executor.dst_shapes();
    if (!outputs.empty() && element_count(outputs.back()) == batch * data.classes) return;
    throw Error("data set", "has " + std::to_string(data.classes) + " classes for a model whose last output is " +
                                (outputs.empty() ? "none" : to_string(outputs.back())));
  };
  const auto count = [&](const Answers& answers) {
    const std::span<const std::int32_t> labels(data.labels);
    report.correct += detail::count_correct(
        answers.outputs.back().flat(),
        labels.subspan(static_cast<std::size_t>(answers.first), static_cast<std::size_t>(answers.count)));
    report.samples += answers.count;
    report.accuracy = static_cast<double>(report.correct) / static_cast<double>(report.samples);
  };
  const auto figure = [&] {
    std::array<char, 32> text{};
    std::snprintf(text.data(), text.size(), "%.2f %% correct", 100.0 * report.accuracy);
    return std::string(text.data());
  };
  report.notes =
      detail::for_batches(model, {&data.images, 1}, config, executors, progress, check_classes, count, figure);
  return report;
}

}  // namespace fulcrum

#endif
