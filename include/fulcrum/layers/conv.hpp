#pragma once
/// \file
/// Convolution in 2-D and 3-D (ONNX Conv, oneDNN convolution).

#include <span>
#include <string_view>

#include <fulcrum/core/linkage.hpp>
#include <fulcrum/layers/facts.hpp>
#include <fulcrum/layers/parameter.hpp>
#include <fulcrum/layers/window.hpp>
#include <fulcrum/layers/work.hpp>

namespace fulcrum {

/// dst(n, oc, oh, ow) = bias(oc) + Σ_{ic, kh, kw} weights(oc, ic, kh, kw) · src(n, g·IC/G + ic, oh·sh − top + kh·dh, …)
///
/// src (n, ic, ih, iw) → dst (n, oc, oh, ow), or with depth (n, ic, id, ih, iw) → (n, oc, od, oh, ow). `window` repeats
/// what the weights' shape says. Work: 2 · n · oc · (od) · oh · ow · (ic / groups) · (kd) · kh · kw FLOP, and one more
/// per output element with a bias.
template <class T>
struct Conv {
  static constexpr std::string_view kind = "Conv";
  [[nodiscard]] static constexpr LayerFacts facts() noexcept {
    return {.is_product = true, .takes_post_operations = true, .needs_f32 = false, .integers = IntegerUse::computes};
  }

  Parameter<T> weights;  ///< (oc, ic / groups, kh, kw), or (oc, ic / groups, kd, kh, kw)
  Parameter<T> bias;     ///< (oc), or empty
  Window window;
  std::int64_t groups = 1;  ///< divides ic and oc; ic for a depthwise convolution

  /// \throws Error when the source does not fit the weights
  [[nodiscard]] Shape dst_shape(std::span<const Shape> src) const;

  [[nodiscard]] Work work(std::span<const Shape> src, const Shape& dst) const;

  friend bool operator==(const Conv&, const Conv&) = default;
};

}  // namespace fulcrum

#if FULCRUM_DEFINES(layers)

#include <algorithm>

namespace fulcrum {

template <class T>
Shape Conv<T>::dst_shape(std::span<const Shape> src) const {
  detail::expect_sources(src, 1, "Conv");
  const Shape extents = output_extents(window, src[0], "Conv");
  if (weights.empty()) throw Error("Conv", "has no weights");
  const Shape w = weights.value->dims();
  detail::expect_rank(w, src[0].size(), "Conv weights");
  if (groups < 1 || w[0] % groups != 0 || w[1] * groups != src[0][1]) {
    throw Error("Conv", "has weights " + to_string(w) + " in " + std::to_string(groups) +
                            " group(s), which do not fit a source " + to_string(src[0]));
  }
  const bool deep = w.size() == 5;
  if ((deep && w[2] != window.depth.kernel) || w[w.size() - 2] != window.kernel[0] ||
      w[w.size() - 1] != window.kernel[1]) {
    throw Error("Conv", "has weights " + to_string(w) + " but a kernel of " + std::to_string(window.kernel[0]) + "×" +
                            std::to_string(window.kernel[1]));
  }
  if (!bias.empty() && bias.value->dims() != Shape{w[0]}) {
    throw Error("Conv",
                "has a bias " + to_string(bias.value->dims()) + " for " + std::to_string(w[0]) + " output channels");
  }
  Shape dst{src[0][0], w[0]};
  dst.insert(dst.end(), extents.begin(), extents.end());
  return dst;
}

template <class T>
Work Conv<T>::work(std::span<const Shape> src, const Shape& dst) const {
  const auto outputs = static_cast<double>(element_count(dst));
  const auto per_output = static_cast<double>(weights.size() / std::max<std::int64_t>(weights.value->dim(0), 1));
  return {outputs * (2.0 * per_output + (bias.empty() ? 0.0 : 1.0)), detail::total_elements(src),
          weights.size() + bias.size(), element_count(dst)};
}

}  // namespace fulcrum

#if FULCRUM_INSTANTIATES(layers)
namespace fulcrum {
template struct Conv<float>;
template struct Conv<double>;
}  // namespace fulcrum
#endif

#endif
