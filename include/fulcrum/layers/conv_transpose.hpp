#pragma once
/// \file
/// Transposed convolution in 2-D and 3-D (ONNX ConvTranspose, oneDNN deconvolution).

#include <cstdint>
#include <span>
#include <string_view>

#include <fulcrum/core/linkage.hpp>
#include <fulcrum/layers/facts.hpp>
#include <fulcrum/layers/parameter.hpp>
#include <fulcrum/layers/window.hpp>
#include <fulcrum/layers/work.hpp>

namespace fulcrum {

/// dst(n, oc, ih·sh − top + kh·dh, …) += weights(ic, oc, kh, kw) · src(n, ic, ih, iw), plus the bias.
///
/// src (n, ic, ih, iw) → dst (n, oc, oh, ow) with oh = (ih − 1)·stride + dilation·(kh − 1) + 1 − top − bottom +
/// output_padding, likewise ow, and od for sources with depth.
/// Work: 2 · n · ic · (id) · ih · iw · (oc / groups) · (kd) · kh · kw FLOP, and one more per output element with a
/// bias.
template <class T>
struct ConvTranspose {
  static constexpr std::string_view kind = "ConvTranspose";
  [[nodiscard]] static constexpr LayerFacts facts() noexcept { return {}; }

  Parameter<T> weights;                   ///< (ic, oc / groups, kh, kw), or (ic, oc / groups, kd, kh, kw)
  Parameter<T> bias;                      ///< (oc), or empty
  Window window;                          ///< ceil_mode is not used
  Extent2 output_padding{0, 0};           ///< rows and columns more at the end; ≥ 0
  std::int64_t depth_output_padding = 0;  ///< the same along depth
  std::int64_t groups = 1;                ///< divides ic and oc

  /// \throws Error when the source does not fit the weights, or nothing would be left of the result
  [[nodiscard]] Shape dst_shape(std::span<const Shape> src) const;

  [[nodiscard]] Work work(std::span<const Shape> src, const Shape& dst) const;

  friend bool operator==(const ConvTranspose&, const ConvTranspose&) = default;

private:
  static std::int64_t extent(const detail::WindowAxis& axis, std::int64_t src, std::int64_t more);
};

}  // namespace fulcrum

#if FULCRUM_DEFINES(layers)

#include <algorithm>
#include <string>

namespace fulcrum {

template <class T>
Shape ConvTranspose<T>::dst_shape(std::span<const Shape> src) const {
  detail::expect_sources(src, 1, "ConvTranspose");
  if (weights.empty()) throw Error("ConvTranspose", "has no weights");
  const Shape w = weights.value->dims();
  if (src[0].size() != 4 && src[0].size() != 5) {
    throw Error("ConvTranspose", "takes a source (n, c, h, w) or (n, c, d, h, w) but was given " + to_string(src[0]));
  }
  detail::expect_rank(w, src[0].size(), "ConvTranspose weights");
  if (groups < 1 || w[0] != src[0][1] || w[0] % groups != 0) {
    throw Error("ConvTranspose", "has weights " + to_string(w) + " in " + std::to_string(groups) +
                                     " group(s), which do not fit a source " + to_string(src[0]));
  }
  const bool deep = w.size() == 5;
  if ((deep && w[2] != window.depth.kernel) || w[w.size() - 2] != window.kernel[0] ||
      w[w.size() - 1] != window.kernel[1]) {
    throw Error("ConvTranspose", "has weights " + to_string(w) + " but another kernel");
  }
  const Shape channels{w[1] * groups};
  if (!bias.empty() && bias.value->dims() != channels) {
    throw Error("ConvTranspose", "has a bias " + to_string(bias.value->dims()) + " for " + std::to_string(channels[0]) +
                                     " output channels");
  }
  Shape dst{src[0][0], channels[0]};
  if (deep) dst.push_back(extent(detail::depth_axis(window), src[0][2], depth_output_padding));
  const auto axes = detail::plane_axes(window);
  dst.push_back(extent(axes[0], src[0][src[0].size() - 2], output_padding[0]));
  dst.push_back(extent(axes[1], src[0][src[0].size() - 1], output_padding[1]));
  return dst;
}

template <class T>
Work ConvTranspose<T>::work(std::span<const Shape> src, const Shape& dst) const {
  const auto per_input = static_cast<double>(weights.size() / std::max<std::int64_t>(weights.value->dim(0), 1));
  const auto outputs = static_cast<double>(element_count(dst));
  return {2.0 * per_input * static_cast<double>(element_count(src[0])) + (bias.empty() ? 0.0 : outputs),
          detail::total_elements(src), weights.size() + bias.size(), element_count(dst)};
}

template <class T>
std::int64_t ConvTranspose<T>::extent(const detail::WindowAxis& axis, std::int64_t src, std::int64_t more) {
  constexpr std::int64_t limit = std::int64_t{1} << 31;
  for (const std::int64_t setting : {axis.kernel, axis.stride, axis.dilation}) {
    if (setting < 1 || setting > limit) throw Error("ConvTranspose", "has a kernel, stride or dilation out of range");
  }
  for (const std::int64_t setting : {axis.before, axis.after, more}) {
    if (setting < 0 || setting > limit) throw Error("ConvTranspose", "has a padding out of range");
  }
  if (src > limit) throw Error("ConvTranspose", "has a source of " + std::to_string(src) + " along one axis");
  const std::int64_t dst =
      (src - 1) * axis.stride + axis.dilation * (axis.kernel - 1) + 1 - axis.before - axis.after + more;
  if (dst < 1) throw Error("ConvTranspose", "has a padding that leaves nothing of its result");
  return dst;
}

}  // namespace fulcrum

#if FULCRUM_INSTANTIATES(layers)
namespace fulcrum {
template struct ConvTranspose<float>;
template struct ConvTranspose<double>;
}  // namespace fulcrum
#endif

#endif
