#pragma once
/// \file
/// What training makes small: the concept, cross-entropy and the mean squared error.

#include <algorithm>
#include <cmath>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <utility>

#include <fulcrum/core/linkage.hpp>
#include <fulcrum/tensor/tensor.hpp>
#include <fulcrum/train/batches.hpp>

namespace fulcrum {

/// A loss with its gradient.
template <class T>
struct LossResult {
  double loss = 0.0;                         ///< mean over the batch
  Tensor<T> gradient;                        ///< ∂loss/∂output, the shape of the output
  std::optional<std::int64_t> correct = {};  ///< samples that were given their class; nothing: there are no classes
};

/// What a loss takes of a model that ends in a softmax. Of any other model both are the last output.
enum class LossInput : std::uint8_t {
  output,  ///< what the softmax gives
  logits,  ///< what the softmax takes: the loss has the softmax in it
};

/// What training asks of a loss: `L::input`, and `loss(output, batch)`, the mean over the batch with its gradient. It
/// throws Error when the output does not fit what the batch is to give, or the batch has no such targets.
/// Calls come from one thread, in the order of the batches.
template <class L>
concept Loss = std::copy_constructible<L> && requires(const L& loss, const Tensor<float>& output, const Batch& batch) {
  { L::input } -> std::convertible_to<LossInput>;
  { loss(output, batch) } -> std::same_as<LossResult<float>>;
};

/// Any loss, as a value that settings can hold.
class AnyLoss {
public:
  template <class L>
  requires(!std::same_as<L, AnyLoss>) AnyLoss(L loss)  // NOLINT(google-explicit-constructor): a loss is any loss
      : input_(L::input), loss_(std::move(loss)) {
    static_assert(Loss<L>,
                  "a loss needs a static constexpr LossInput input and operator()(output, batch) const that returns "
                  "LossResult<float>: see the concept Loss in fulcrum/train/loss.hpp");
  }

  [[nodiscard]] LossInput input() const noexcept { return input_; }
  [[nodiscard]] LossResult<float> operator()(const Tensor<float>& output, const Batch& batch) const {
    return loss_(output, batch);
  }

private:
  LossInput input_;
  std::function<LossResult<float>(const Tensor<float>&, const Batch&)> loss_;
};

/// Cross-entropy of softmax(logits) against labels, both fused, so that no probability underflows:
///
///     loss = −(1/n) Σ_i Σ_c q_ic · log p_ic        p = softmax(logits),  q = (1 − ε)·onehot + ε/classes
///     ∂loss/∂logits = (p − q)/n
///
/// ε is label smoothing (Szegedy et al., "Rethinking the Inception architecture for computer vision", CVPR 2016).
struct CrossEntropy {
  static constexpr LossInput input = LossInput::logits;
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
    std::int64_t correct = 0;
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
      if (static_cast<std::size_t>(largest - row.begin()) == label) ++correct;
    }
    result.correct = correct;
    return result;
  }

  /// \copydoc Loss
  FULCRUM_DECLARE [[nodiscard]] LossResult<float> operator()(const Tensor<float>& logits, const Batch& batch) const;
};

/// The mean of the squared differences over all elements of the batch, for regression:
///
///     loss = (1/N) Σ_i (y_i − t_i)²        ∂loss/∂y_i = 2 (y_i − t_i)/N
struct MeanSquaredError {
  static constexpr LossInput input = LossInput::output;

  /// \param output   (n, …), not empty
  /// \param targets  of the same shape
  /// \throws Error when the shapes differ or are of nothing
  template <class T>
  [[nodiscard]] LossResult<T> operator()(const Tensor<T>& output, const Tensor<T>& targets) const {
    if (output.dims() != targets.dims() || output.flat().empty()) {
      throw Error("mean squared error", "takes an output and targets of one shape but was given " +
                                            to_string(output.dims()) + " and " + to_string(targets.dims()));
    }
    const auto n = static_cast<double>(output.flat().size());
    LossResult<T> result;
    result.gradient = Tensor<T>(output.dims());
    for (std::size_t i = 0; i < output.flat().size(); ++i) {
      const double off = static_cast<double>(output.flat()[i]) - static_cast<double>(targets.flat()[i]);
      result.loss += off * off / n;
      result.gradient.flat()[i] = static_cast<T>(2.0 * off / n);
    }
    return result;
  }

  /// \copydoc Loss
  FULCRUM_DECLARE [[nodiscard]] LossResult<float> operator()(const Tensor<float>& output, const Batch& batch) const;
};

static_assert(Loss<CrossEntropy> && Loss<MeanSquaredError>);

}  // namespace fulcrum

#if FULCRUM_DEFINES(train)

namespace fulcrum {

FULCRUM_DEFINE LossResult<float> CrossEntropy::operator()(const Tensor<float>& logits, const Batch& batch) const {
  if (batch.labels.empty()) {
    throw Error("cross-entropy", "was given samples without labels", "give a class for each, or train by another loss");
  }
  if (logits.dimension() == 2 && logits.dim(1) != batch.classes) {
    throw Error("data set", "has " + std::to_string(batch.classes) + " classes for a model whose output is " +
                                to_string(logits.dims()));
  }
  return (*this)(logits, std::span(batch.labels));
}

FULCRUM_DEFINE LossResult<float> MeanSquaredError::operator()(const Tensor<float>& output, const Batch& batch) const {
  if (!batch.targets) {
    throw Error("mean squared error", "was given samples without targets",
                "give a tensor for each, or train by another loss");
  }
  return (*this)(output, *batch.targets);
}

}  // namespace fulcrum

#endif
