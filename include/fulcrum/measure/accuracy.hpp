#pragma once
/// \file
/// How often a model is right, as it really runs: through the oneDNN executor in the precision asked for.

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <span>
#include <string>
#include <vector>

#include <fulcrum/core/progress.hpp>
#include <fulcrum/data/dataset.hpp>
#include <fulcrum/exec/onednn_executor.hpp>

namespace fulcrum {

struct AccuracyReport {
  double accuracy = 0.0;           ///< share of the samples whose largest output is that of their label, 0 … 1
  std::int64_t samples = 0;        ///< all of the data set
  std::int64_t correct = 0;        ///< accuracy · samples
  std::vector<std::string> notes;  ///< what the executor has to say ("no bf16 on this CPU: ran as f32")
};

namespace detail {

/// Checks that a compiled model takes the images and gives one score per class.
inline void check_matches(const OnednnModel& compiled, const Dataset& data, std::int64_t batch) {
  Shape images = data.images.dims();
  images[0] = batch;
  if (compiled.src_shapes().size() != 1 || compiled.src_shapes()[0] != images) {
    throw Error("data set",
                "has images " + to_string(images) + " for a model that takes " +
                    (compiled.src_shapes().size() == 1 ? to_string(compiled.src_shapes()[0])
                                                       : std::to_string(compiled.src_shapes().size()) + " inputs"));
  }
  if (compiled.dst_shapes().empty() || element_count(compiled.dst_shapes().back()) != batch * data.classes) {
    throw Error("data set", "has " + std::to_string(data.classes) + " classes for a model whose last output is " +
                                (compiled.dst_shapes().empty() ? "none" : to_string(compiled.dst_shapes().back())));
  }
}

/// How many of the scores (n, classes) are largest at their label.
/// \throws Error when a score is not a number
inline std::int64_t count_correct(std::span<const float> scores, std::span<const std::int32_t> labels) {
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

}  // namespace detail

/// Runs a model on every sample of a data set and compares the largest element of its last output with the label.
/// Samples run in batches of config.batch; the last, smaller batch has an executor of its own.
/// \throws Error when the data set is empty or invalid, model and data do not fit, outputs are NaN, or the model
///         cannot run with this configuration (see OnednnModel::compile())
[[nodiscard]] inline AccuracyReport evaluate_accuracy(const Model<float>& model, const Dataset& data,
                                                      const RunConfig& config, const ProgressSink& progress = {}) {
  validate(data);
  if (data.size() == 0) throw Error("data set", "is empty", "give at least one sample");
  validate(config);
  const auto sample = static_cast<std::size_t>(element_count(data.images.dims()) / data.size());
  const std::span<const std::int32_t> labels(data.labels);
  AccuracyReport report;
  double reported = 0.0;

  const auto run_batches = [&](std::int64_t batch, std::int64_t count) {
    RunConfig sized = config;
    sized.batch = batch;
    OnednnExecutor executor(model, sized);
    detail::check_matches(executor.compiled(), data, batch);
    report.notes = executor.compiled().notes();
    std::vector<Tensor<float>> dst;
    for (const Shape& shape : executor.compiled().dst_shapes()) dst.emplace_back(shape);
    std::vector<float*> to;
    for (Tensor<float>& tensor : dst) to.push_back(tensor.flat().data());

    for (std::int64_t i = 0; i < count; ++i) {
      const auto first = static_cast<std::size_t>(report.samples);
      const std::array from{data.images.flat().subspan(first * sample).data()};
      executor.execute(from, to);
      report.correct +=
          detail::count_correct(dst.back().flat(), labels.subspan(first, static_cast<std::size_t>(batch)));
      report.samples += batch;
      report.accuracy = static_cast<double>(report.correct) / static_cast<double>(report.samples);
      const double fraction = static_cast<double>(report.samples) / static_cast<double>(data.size());
      if (progress && (fraction - reported >= 0.01 || report.samples == data.size())) {
        reported = fraction;
        std::array<char, 32> figure{};
        std::snprintf(figure.data(), figure.size(), "%.2f %% correct", 100.0 * report.accuracy);
        progress({fraction, "evaluating", figure.data()});
      }
    }
  };

  const std::int64_t whole = data.size() / config.batch;
  const std::int64_t rest = data.size() % config.batch;
  if (whole > 0) run_batches(config.batch, whole);
  if (rest > 0) run_batches(rest, 1);
  return report;
}

}  // namespace fulcrum
