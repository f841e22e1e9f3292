#pragma once
/// \file
/// Fully connected layer (ONNX Gemm / MatMul with constant weights, oneDNN inner product / matmul).

#include <span>
#include <string_view>

#include <fulcrum/core/linkage.hpp>
#include <fulcrum/layers/facts.hpp>
#include <fulcrum/layers/parameter.hpp>
#include <fulcrum/layers/work.hpp>

namespace fulcrum {

/// dst = src · weightsᵀ + bias
///
/// src (…, ic) · weights (oc, ic)ᵀ + bias (oc) → dst (…, oc); rank of src ≥ 2.
/// Work: 2 · rows · ic · oc FLOP, and one more per output element with a bias.
template <class T>
struct Dense {
  static constexpr std::string_view kind = "Dense";
  [[nodiscard]] static constexpr LayerFacts facts() noexcept {
    return {.is_product = true, .takes_post_operations = true, .needs_f32 = false, .integers = IntegerUse::computes};
  }

  Parameter<T> weights;  ///< (oc, ic)
  Parameter<T> bias;     ///< (oc), or empty

  /// \throws Error when the source does not fit the weights
  [[nodiscard]] Shape dst_shape(std::span<const Shape> src) const;

  [[nodiscard]] Work work(std::span<const Shape> src, const Shape& dst) const;

  friend bool operator==(const Dense&, const Dense&) = default;
};

}  // namespace fulcrum

#if FULCRUM_DEFINES(layers)

namespace fulcrum {

template <class T>
Shape Dense<T>::dst_shape(std::span<const Shape> src) const {
  detail::expect_sources(src, 1, "Dense");
  if (weights.empty()) throw Error("Dense", "has no weights");
  const Shape w = weights.value->dims();
  detail::expect_rank(w, 2, "Dense weights");
  if (src[0].size() < 2 || src[0].back() != w[1]) {
    throw Error("Dense", "has weights " + to_string(w) + ", which do not fit a source " + to_string(src[0]),
                "flatten the source to (batch, " + std::to_string(w[1]) + ")");
  }
  if (!bias.empty() && bias.value->dims() != Shape{w[0]}) {
    throw Error("Dense", "has a bias " + to_string(bias.value->dims()) + " for " + std::to_string(w[0]) + " outputs");
  }
  Shape dst = src[0];
  dst.back() = w[0];
  return dst;
}

template <class T>
Work Dense<T>::work(std::span<const Shape> src, const Shape& dst) const {
  const auto outputs = static_cast<double>(element_count(dst));
  const auto ic = static_cast<double>(weights.value->dim(1));
  return {outputs * (2.0 * ic + (bias.empty() ? 0.0 : 1.0)), detail::total_elements(src), weights.size() + bias.size(),
          element_count(dst)};
}

}  // namespace fulcrum

#if FULCRUM_INSTANTIATES(layers)
namespace fulcrum {
template struct Dense<float>;
template struct Dense<double>;
}  // namespace fulcrum
#endif

#endif
