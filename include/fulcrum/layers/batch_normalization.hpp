#pragma once
/// \file
/// Batch normalization (ONNX BatchNormalization, oneDNN batch_normalization).

#include <span>
#include <string_view>

#include <fulcrum/core/linkage.hpp>
#include <fulcrum/layers/facts.hpp>
#include <fulcrum/layers/parameter.hpp>
#include <fulcrum/layers/work.hpp>

namespace fulcrum {

/// dst = scale · (src − mean) / √(variance + epsilon) + shift, per channel (axis 1).
///
/// src (n, c, …) → dst of the same shape; scale, shift, mean, variance (c). In inference mean and variance are
/// constants; training updates them as running averages. Work: 2 FLOP per element (the folded scale and shift).
template <class T>
struct BatchNormalization {
  static constexpr std::string_view kind = "BatchNormalization";
  [[nodiscard]] static constexpr LayerFacts facts() noexcept {
    return {.takes_post_operations = true, .needs_f32 = false};
  }

  Parameter<T> scale;     ///< (c)
  Parameter<T> shift;     ///< (c)
  Parameter<T> mean;      ///< (c)
  Parameter<T> variance;  ///< (c), ≥ 0
  double epsilon = 1e-5;  ///< > 0

  /// \throws Error when a statistic's size is not the channel count
  [[nodiscard]] Shape dst_shape(std::span<const Shape> src) const;

  [[nodiscard]] Work work(std::span<const Shape> src, const Shape& dst) const;

  friend bool operator==(const BatchNormalization&, const BatchNormalization&) = default;
};

}  // namespace fulcrum

#if FULCRUM_DEFINES(layers)

namespace fulcrum {

template <class T>
Shape BatchNormalization<T>::dst_shape(std::span<const Shape> src) const {
  detail::expect_sources(src, 1, "BatchNormalization");
  if (src[0].size() < 2)
    throw Error("BatchNormalization", "takes a source of rank 2 or more but was given " + to_string(src[0]));
  const Shape channels{src[0][1]};
  for (const Parameter<T>* p : {&scale, &shift, &mean, &variance}) {
    if (p->empty() || p->value->dims() != channels) {
      throw Error("BatchNormalization", "has a scale, shift, mean or variance that is not " + to_string(channels));
    }
  }
  return src[0];
}

template <class T>
Work BatchNormalization<T>::work(std::span<const Shape> src, const Shape& dst) const {
  Work w = detail::elementwise_work(src, dst, 2.0);
  w.weight_elements = 4 * scale.size();
  return w;
}

}  // namespace fulcrum

#if FULCRUM_INSTANTIATES(layers)
namespace fulcrum {
template struct BatchNormalization<float>;
template struct BatchNormalization<double>;
}  // namespace fulcrum
#endif

#endif
