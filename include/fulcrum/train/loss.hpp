#pragma once
/// \file
/// What training makes small.

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>

#include <fulcrum/tensor/tensor.hpp>

namespace fulcrum {

/// A loss with its gradient.
template <class T>
struct LossResult {
  double loss = 0.0;         ///< mean over the batch
  Tensor<T> gradient;        ///< ∂loss/∂logits, the shape of the logits
  std::int64_t correct = 0;  ///< samples whose largest logit is that of their label
};

/// Cross-entropy of softmax(logits) against labels, both fused, so that no probability underflows:
///
///     loss = −(1/n) Σ_i Σ_c q_ic · log p_ic        p = softmax(logits),  q = (1 − ε)·onehot + ε/classes
///     ∂loss/∂logits = (p − q)/n
///
/// ε is label smoothing (Szegedy et al., "Rethinking the Inception architecture for computer vision", CVPR 2016).
struct CrossEntropy {
  double label_smoothing = 0.0;  ///< ε, 0 … 1; 0: none

  /// \param logits  (n, classes)
  /// \param labels  n of them, 0 … classes − 1
  /// \throws Error when the shapes do not match, a label is out of range or ε is
  template <class T>
  [[nodiscard]] LossResult<T> operator()(const Tensor<T>& logits, std::span<const std::int32_t> labels) const {
    if (logits.dimension() != 2 || static_cast<std::size_t>(logits.dim(0)) != labels.size() || labels.empty()) {
      throw Error("cross-entropy", "takes logits (n, classes) and n labels but was given " + to_string(logits.dims()) +
                                       " and " + std::to_string(labels.size()));
    }
    if (!(label_smoothing >= 0.0 && label_smoothing <= 1.0)) {
      throw Error("cross-entropy", "has a label smoothing of " + std::to_string(label_smoothing), "give 0 to 1");
    }
    const auto classes = static_cast<std::size_t>(logits.dim(1));
    const double n = static_cast<double>(labels.size());
    const double off = label_smoothing / static_cast<double>(classes);
    LossResult<T> result;
    result.gradient = Tensor<T>(logits.dims());
    for (std::size_t i = 0; i < labels.size(); ++i) {
      const auto label = static_cast<std::size_t>(labels[i]);
      if (labels[i] < 0 || label >= classes) {
        throw Error("cross-entropy",
                    "was given label " + std::to_string(labels[i]) + " for " + std::to_string(classes) + " classes");
      }
      const std::span<const T> row = logits.flat().subspan(i * classes, classes);
      const std::span<T> gradient = result.gradient.flat().subspan(i * classes, classes);
      const auto largest = std::max_element(row.begin(), row.end());
      const auto top = static_cast<double>(*largest);
      double sum = 0.0;
      for (const T x : row) sum += std::exp(static_cast<double>(x) - top);
      const double log_sum = top + std::log(sum);
      for (std::size_t c = 0; c < classes; ++c) {
        const double log_p = static_cast<double>(row[c]) - log_sum;
        const double q = off + (c == label ? 1.0 - label_smoothing : 0.0);
        if (q != 0.0) result.loss -= q * log_p / n;
        gradient[c] = static_cast<T>((std::exp(log_p) - q) / n);
      }
      if (static_cast<std::size_t>(largest - row.begin()) == label) ++result.correct;
    }
    return result;
  }
};

}  // namespace fulcrum
