#pragma once
/// \file
/// Softmax and its logarithm (ONNX Softmax and LogSoftmax from opset 13, oneDNN softmax).

#include <cstdint>
#include <span>
#include <string_view>

#include <fulcrum/core/linkage.hpp>
#include <fulcrum/layers/facts.hpp>
#include <fulcrum/layers/work.hpp>

namespace fulcrum {

/// dst = e^(src − max) / Σ e^(src − max) along `axis`, or the logarithm of that. src (any shape) → dst of the same
/// shape. Work: 5 FLOP per element (maximum, subtraction, exponential, sum, division).
struct Softmax {
  std::int64_t axis = -1;  ///< negative counts from the end
  bool logarithm = false;  ///< src − max − ln Σ e^(src − max) (ONNX LogSoftmax)

  static constexpr std::string_view kind = "Softmax";
  [[nodiscard]] static constexpr LayerFacts facts() noexcept { return {}; }

  FULCRUM_DECLARE [[nodiscard]] Shape dst_shape(std::span<const Shape> src) const;
  [[nodiscard]] Work work(std::span<const Shape> src, const Shape& dst) const {
    return detail::elementwise_work(src, dst, 5.0);
  }

  friend bool operator==(const Softmax&, const Softmax&) = default;
};

}  // namespace fulcrum

#if FULCRUM_DEFINES(layers)

namespace fulcrum {

FULCRUM_DEFINE Shape Softmax::dst_shape(std::span<const Shape> src) const {
  detail::expect_sources(src, 1, "Softmax");
  static_cast<void>(normalized_axis(axis, src[0].size()));
  return src[0];
}

}  // namespace fulcrum

#endif
