#pragma once
/// \file
/// Normalizations by statistics of the value itself: LayerNormalization, InstanceNormalization and LRN. (By stored
/// statistics: batch_normalization.hpp.)

#include <cstdint>
#include <span>
#include <string_view>

#include <fulcrum/core/linkage.hpp>
#include <fulcrum/layers/facts.hpp>
#include <fulcrum/layers/parameter.hpp>
#include <fulcrum/layers/work.hpp>

namespace fulcrum {

/// dst = scale · (src − mean) / √(variance + epsilon) + shift, with mean and (biased) variance over all axes from
/// `axis` on (ONNX LayerNormalization from opset 17, oneDNN layer_normalization).
///
/// src (any shape) → dst of the same shape. Work: 8 FLOP per element.
template <class T>
struct LayerNormalization {
  static constexpr std::string_view kind = "LayerNormalization";
  [[nodiscard]] static constexpr LayerFacts facts() noexcept { return {}; }

  std::int64_t axis = -1;  ///< negative counts from the end
  Parameter<T> scale;      ///< the source's extents from `axis` on, or empty: 1
  Parameter<T> shift;      ///< likewise, or empty: 0
  double epsilon = 1e-5;   ///< ≥ 0

  /// \throws Error when the axis is outside the source or a parameter does not have the extents from it on
  [[nodiscard]] Shape dst_shape(std::span<const Shape> src) const;
  [[nodiscard]] Work work(std::span<const Shape> src, const Shape& dst) const;

  friend bool operator==(const LayerNormalization&, const LayerNormalization&) = default;
};

/// dst = scale · (src − mean) / √(variance + epsilon) + shift, with mean and (biased) variance of each sample's channel
/// (ONNX InstanceNormalization; of `groups` groups of channels: GroupNormalization).
///
/// src (n, c, …) → dst of the same shape. Work: 8 FLOP per element.
template <class T>
struct InstanceNormalization {
  static constexpr std::string_view kind = "InstanceNormalization";
  [[nodiscard]] static constexpr LayerFacts facts() noexcept { return {.only_loops = true}; }

  Parameter<T> scale;       ///< (c)
  Parameter<T> shift;       ///< (c)
  double epsilon = 1e-5;    ///< ≥ 0
  std::int64_t groups = 0;  ///< channels share statistics in as many groups; 0: each has its own

  /// \throws Error when a parameter's size is not the channel count or groups do not divide it
  [[nodiscard]] Shape dst_shape(std::span<const Shape> src) const;
  [[nodiscard]] Work work(std::span<const Shape> src, const Shape& dst) const;

  friend bool operator==(const InstanceNormalization&, const InstanceNormalization&) = default;
};

/// dst = src / (bias + alpha / size · Σ src²)^beta, the sum over `size` channels around each (from
/// c − ⌊(size − 1)/2⌋ to c + ⌈(size − 1)/2⌉) (ONNX LRN, oneDNN lrn_across_channels).
///
/// src (n, c, …) → dst of the same shape. Work: 2 · size + 3 FLOP per element.
struct LocalResponseNormalization {
  std::int64_t size = 1;  ///< ≥ 1
  float alpha = 1e-4F;
  float beta = 0.75F;
  float bias = 1.0F;

  static constexpr std::string_view kind = "LRN";
  [[nodiscard]] static constexpr LayerFacts facts() noexcept { return {.only_loops = true}; }

  FULCRUM_DECLARE [[nodiscard]] Shape dst_shape(std::span<const Shape> src) const;
  [[nodiscard]] Work work(std::span<const Shape> src, const Shape& dst) const {
    return detail::elementwise_work(src, dst, 2.0 * static_cast<double>(size) + 3.0);
  }

  friend bool operator==(const LocalResponseNormalization&, const LocalResponseNormalization&) = default;
};

}  // namespace fulcrum

#if FULCRUM_DEFINES(layers)

#include <string>

namespace fulcrum {

template <class T>
Shape LayerNormalization<T>::dst_shape(std::span<const Shape> src) const {
  detail::expect_sources(src, 1, "LayerNormalization");
  const auto at = static_cast<std::ptrdiff_t>(normalized_axis(axis, src[0].size()));
  const Shape normalized(src[0].begin() + at, src[0].end());
  for (const Parameter<T>* p : {&scale, &shift}) {
    if (!p->empty() && p->value->dims() != normalized) {
      throw Error("LayerNormalization", "has a scale or shift " + to_string(p->value->dims()) + " for a source " +
                                            to_string(src[0]) + " normalized from axis " + std::to_string(axis));
    }
  }
  return src[0];
}

template <class T>
Work LayerNormalization<T>::work(std::span<const Shape> src, const Shape& dst) const {
  Work w = detail::elementwise_work(src, dst, 8.0);
  w.weight_elements = scale.size() + shift.size();
  return w;
}

template <class T>
Shape InstanceNormalization<T>::dst_shape(std::span<const Shape> src) const {
  detail::expect_sources(src, 1, "InstanceNormalization");
  if (src[0].size() < 2)
    throw Error("InstanceNormalization", "takes a source of rank 2 or more but was given " + to_string(src[0]));
  const Shape channels{src[0][1]};
  for (const Parameter<T>* p : {&scale, &shift}) {
    if (p->empty() || p->value->dims() != channels)
      throw Error("InstanceNormalization", "has a scale or shift that is not " + to_string(channels));
  }
  if (groups < 0 || (groups > 0 && src[0][1] % groups != 0)) {
    throw Error("InstanceNormalization",
                "has " + std::to_string(groups) + " groups for " + std::to_string(src[0][1]) + " channels");
  }
  return src[0];
}

template <class T>
Work InstanceNormalization<T>::work(std::span<const Shape> src, const Shape& dst) const {
  Work w = detail::elementwise_work(src, dst, 8.0);
  w.weight_elements = scale.size() + shift.size();
  return w;
}

FULCRUM_DEFINE Shape LocalResponseNormalization::dst_shape(std::span<const Shape> src) const {
  detail::expect_sources(src, 1, "LRN");
  if (src[0].size() < 2) throw Error("LRN", "takes a source of rank 2 or more but was given " + to_string(src[0]));
  if (size < 1) throw Error("LRN", "has a size of " + std::to_string(size), "give 1 or more channels");
  return src[0];
}

}  // namespace fulcrum

#if FULCRUM_INSTANTIATES(layers)
namespace fulcrum {
template struct LayerNormalization<float>;
template struct LayerNormalization<double>;
template struct InstanceNormalization<float>;
template struct InstanceNormalization<double>;
}  // namespace fulcrum
#endif

#endif
