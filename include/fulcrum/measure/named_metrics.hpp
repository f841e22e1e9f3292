#pragma once
/// \file
/// Scores by name, of a model's last output against targets that are given as numbers.

#include <cstddef>
#include <string_view>

#include <fulcrum/core/linkage.hpp>
#include <fulcrum/measure/evaluate.hpp>

namespace fulcrum {

/// The share of samples whose class is among the `k` largest of their scores. Of equal scores the first ones count as
/// larger.
/// \param classes  (n) or (n, 1): whole numbers from 0
/// \throws Error when k is 0, or the targets are no classes; the evaluation throws when there are too few targets, a
///         class is beyond the scores, or a score is NaN
FULCRUM_DECLARE [[nodiscard]] Metric top_k_metric(std::size_t k, Tensor<float> classes);

/// The mean over all elements of (output − target)².
/// \param targets  (n, …) of the shape of the output; the evaluation throws where it is another
FULCRUM_DECLARE [[nodiscard]] Metric squared_error_metric(Tensor<float> targets);

/// The mean over samples of the cosine of the angle between output and target, each flattened: 1 where they point the
/// same way, whatever their length. A pair of zeros counts 1, a single one 0.
/// \param targets  as of squared_error_metric(); the outputs of the same model in f32 say what a precision changes
FULCRUM_DECLARE [[nodiscard]] Metric cosine_metric(Tensor<float> targets);

/// "top1", "top5", "mse" or "cosine".
/// \throws Error when there is no such metric, or as that metric does
FULCRUM_DECLARE [[nodiscard]] Metric metric_named(std::string_view name, Tensor<float> targets);

}  // namespace fulcrum

#if FULCRUM_DEFINES(measure)

#include <array>
#include <cmath>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <utility>

namespace fulcrum::detail {

/// The part of the targets that belongs to a batch.
/// \throws Error when there are too few, or each has another number of elements than each sample of the output
FULCRUM_DECLARE std::span<const float> targets_of(const Answers& answers, const Tensor<float>& targets,
                                                  std::size_t of_sample) {
  if (targets.dimension() == 0 || targets.dim(0) < answers.first + answers.count)
    throw Error("targets", "are " + to_string(targets.dims()) + ", fewer than the samples", "give one for each sample");
  const std::size_t each = targets.flat().size() / static_cast<std::size_t>(targets.dim(0));
  if (each != of_sample) {
    throw Error(
        "targets",
        "have " + std::to_string(each) + " elements a sample where " + std::to_string(of_sample) + " are compared",
        "give targets of the output's shape, or classes for top1 and top5");
  }
  return targets.flat().subspan(static_cast<std::size_t>(answers.first) * each,
                                static_cast<std::size_t>(answers.count) * each);
}

/// Elements of a sample of the last output.
FULCRUM_DECLARE std::size_t elements_of_answer(const Answers& answers) {
  return answers.outputs.back().flat().size() / static_cast<std::size_t>(answers.count);
}

}  // namespace fulcrum::detail

namespace fulcrum {

FULCRUM_DEFINE Metric top_k_metric(std::size_t k, Tensor<float> classes) {
  if (k == 0) throw Error("top-k accuracy", "was asked for k = 0", "give 1 or more");
  for (const float c : classes.flat()) {
    if (!(c >= 0.0F && c <= 16777216.0F && c == std::floor(c)))
      throw Error("targets", "are no classes: one is " + std::to_string(c), "give whole numbers from 0");
  }
  const auto targets = std::make_shared<const Tensor<float>>(std::move(classes));
  return mean_metric("top-" + std::to_string(k) + " accuracy", [k, targets](const Answers& answers) {
    const std::size_t width = detail::elements_of_answer(answers);
    const std::span<const float> wanted = detail::targets_of(answers, *targets, 1);
    const std::span<const float> scores = answers.outputs.back().flat();
    double right = 0.0;
    for (std::size_t i = 0; i < wanted.size(); ++i) {
      const std::span<const float> row = scores.subspan(i * width, width);
      const auto at = static_cast<std::size_t>(wanted[i]);
      if (at >= width) {
        throw Error("targets", "have class " + std::to_string(at) + " for a model of " + std::to_string(width),
                    "give classes of the model's");
      }
      std::size_t before = 0;
      for (std::size_t c = 0; c < width; ++c) {
        if (std::isnan(row[c]))
          throw Error("model", "gives outputs that are not numbers", "look for NaN in its weights");
        before += row[c] > row[at] || (row[c] == row[at] && c < at) ? 1 : 0;
      }
      right += before < k ? 1.0 : 0.0;
    }
    return right;
  });
}

FULCRUM_DEFINE Metric squared_error_metric(Tensor<float> given) {
  const auto targets = std::make_shared<const Tensor<float>>(std::move(given));
  return mean_metric("mean squared error", [targets](const Answers& answers) {
    const std::size_t width = detail::elements_of_answer(answers);
    const std::span<const float> wanted = detail::targets_of(answers, *targets, width);
    const std::span<const float> outputs = answers.outputs.back().flat();
    double sum = 0.0;
    for (std::size_t i = 0; i < wanted.size(); ++i) {
      const double difference = static_cast<double>(outputs[i]) - static_cast<double>(wanted[i]);
      sum += difference * difference;
    }
    return sum / static_cast<double>(width);
  });
}

FULCRUM_DEFINE Metric cosine_metric(Tensor<float> given) {
  const auto targets = std::make_shared<const Tensor<float>>(std::move(given));
  return mean_metric("cosine similarity", [targets](const Answers& answers) {
    const std::size_t width = detail::elements_of_answer(answers);
    const std::span<const float> wanted = detail::targets_of(answers, *targets, width);
    const std::span<const float> outputs = answers.outputs.back().flat();
    double sum = 0.0;
    for (std::size_t i = 0; i < static_cast<std::size_t>(answers.count); ++i) {
      double product = 0.0, of_output = 0.0, of_target = 0.0;
      for (std::size_t e = i * width; e < (i + 1) * width; ++e) {
        const auto x = static_cast<double>(outputs[e]);
        const auto y = static_cast<double>(wanted[e]);
        product += x * y;
        of_output += x * x;
        of_target += y * y;
      }
      const double lengths = std::sqrt(of_output) * std::sqrt(of_target);
      sum += lengths > 0.0 || std::isnan(lengths) ? product / lengths : of_output == of_target ? 1.0 : 0.0;
    }
    return sum;
  });
}

FULCRUM_DEFINE Metric metric_named(std::string_view name, Tensor<float> targets) {
  if (name == "top1") return top_k_metric(1, std::move(targets));
  if (name == "top5") return top_k_metric(5, std::move(targets));
  if (name == "mse") return squared_error_metric(std::move(targets));
  if (name == "cosine") return cosine_metric(std::move(targets));
  throw Error("metric '" + std::string(name) + "'", "is not known", "use top1, top5, mse or cosine");
}

}  // namespace fulcrum

#endif
