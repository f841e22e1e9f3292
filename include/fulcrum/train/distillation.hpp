#pragma once
/// \file
/// A small network learns from a large one.

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <string>

#include <fulcrum/core/linkage.hpp>
#include <fulcrum/train/loss.hpp>

namespace fulcrum {

/// Labels, and the probabilities that a teacher gives (Hinton, Vinyals and Dean, "Distilling the knowledge in a neural
/// network", 2015):
///
///     loss = (1 − α)·cross-entropy(student, labels) + α·T²·KL(softmax(z_t/T) ‖ softmax(z_s/T))
///
/// z are logits, T is the temperature. The teacher's are in the batch's targets, as its probabilities p: softmax(z/T)
/// is p^(1/T), normalized. T² keeps the gradients of both parts in proportion.
struct Distillation {
  static constexpr LossInput input = LossInput::logits;
  double temperature = 4.0;  ///< T > 0
  double soft = 0.7;         ///< α, 0 … 1: the teacher's part
  double label_smoothing = 0.0;

  /// \param logits  (n, classes)
  /// \param batch   with labels, and targets (n, classes): the teacher's probabilities
  /// \throws Error when the batch has no such labels or targets, or a setting is out of range
  FULCRUM_DECLARE [[nodiscard]] LossResult<float> operator()(const Tensor<float>& logits, const Batch& batch) const;
};

}  // namespace fulcrum

#if FULCRUM_DEFINES(train)

#include <algorithm>
#include <span>
#include <utility>
#include <vector>

namespace fulcrum::detail {

/// ln softmax(x/T) of a row.
inline std::vector<double> log_softmax(std::span<const double> x, double temperature) {
  const double largest = *std::max_element(x.begin(), x.end());
  double sum = 0.0;
  for (const double v : x) sum += std::exp((v - largest) / temperature);
  std::vector<double> result;
  for (const double v : x) result.push_back((v - largest) / temperature - std::log(sum));
  return result;
}

}  // namespace fulcrum::detail

namespace fulcrum {

FULCRUM_DEFINE LossResult<float> Distillation::operator()(const Tensor<float>& logits, const Batch& batch) const {
  if (!(temperature > 0.0) || !std::isfinite(temperature) || !(soft >= 0.0 && soft <= 1.0)) {
    throw Error(
        "distillation",
        "has the temperature " + std::to_string(temperature) + " and the teacher's part " + std::to_string(soft),
        "give a temperature above 0 and a part from 0 to 1");
  }
  if (!batch.targets || batch.targets->dims() != logits.dims() || batch.labels.empty()) {
    throw Error("distillation",
                "takes labels and a teacher's probabilities " + to_string(logits.dims()) + " with each batch" +
                    (batch.targets ? ", not " + to_string(batch.targets->dims()) : std::string()),
                "give the samples with the teacher's outputs as targets");
  }
  LossResult<float> result = CrossEntropy{label_smoothing}(logits, batch);
  const double hard = 1.0 - soft;
  result.loss *= hard;
  for (float& g : result.gradient.flat()) g *= static_cast<float>(hard);
  const auto rows = static_cast<std::size_t>(logits.dim(0));
  const std::size_t classes = logits.flat().size() / rows;
  for (std::size_t i = 0; i < rows; ++i) {
    std::vector<double> of_student;
    std::vector<double> of_teacher;
    for (std::size_t c = 0; c < classes; ++c) {
      of_student.push_back(static_cast<double>(logits.flat()[i * classes + c]));
      of_teacher.push_back(std::log(std::max(static_cast<double>(batch.targets->flat()[i * classes + c]), 1e-12)));
    }
    const std::vector<double> student = detail::log_softmax(of_student, temperature);
    const std::vector<double> teacher = detail::log_softmax(of_teacher, temperature);
    const double n = static_cast<double>(rows);
    for (std::size_t c = 0; c < classes; ++c) {
      const double p = std::exp(teacher[c]);
      result.loss += soft * temperature * temperature * p * (teacher[c] - student[c]) / n;
      // ∂KL/∂z_s = (softmax(z_s/T) − p)/T
      result.gradient.flat()[i * classes + c] +=
          static_cast<float>(soft * temperature * (std::exp(student[c]) - p) / n);
    }
  }
  return result;
}

}  // namespace fulcrum

#endif
