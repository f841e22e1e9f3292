#pragma once
/// \file
/// ConvTranspose: products that give each source position's contribution to its window, added where the window lies.

#include <cstdint>
#include <span>

#include <fulcrum/core/linkage.hpp>
#include <fulcrum/layers/conv_transpose.hpp>
#include <fulcrum/layers/kernels/view.hpp>

namespace fulcrum::kernels {

/// Source and result extents of one axis under its window.
struct ScatterAxis {
  detail::WindowAxis window;
  std::int64_t src, dst;

  /// Where source position i of tap k lands; outside [0, dst) when in the padding.
  [[nodiscard]] std::int64_t target(std::int64_t i, std::int64_t k) const {
    return i * window.stride - window.before + k * window.dilation;
  }
};

/// dst(d, h, w) += patches(tap, position), for one output channel.
template <class T>
void scatter_add(const T* patches, const ScatterAxis& depth, const ScatterAxis& height, const ScatterAxis& width,
                 T* dst);

template <class T>
void run(const ConvTranspose<T>& layer, std::span<const Source<T>> src, const Result<T>& dst);

}  // namespace fulcrum::kernels

#if FULCRUM_DEFINES(kernels)

#include <algorithm>
#include <cstddef>
#include <vector>

#include <fulcrum/layers/kernels/product.hpp>

namespace fulcrum::kernels {

template <class T>
void scatter_add(const T* patches, const ScatterAxis& depth, const ScatterAxis& height, const ScatterAxis& width,
                 T* dst) {
  for (std::int64_t kd = 0; kd < depth.window.kernel; ++kd) {
    for (std::int64_t kh = 0; kh < height.window.kernel; ++kh) {
      for (std::int64_t kw = 0; kw < width.window.kernel; ++kw) {
        for (std::int64_t d = 0; d < depth.src; ++d) {
          const std::int64_t od = depth.target(d, kd);
          for (std::int64_t h = 0; h < height.src; ++h, patches += width.src) {
            const std::int64_t oh = height.target(h, kh);
            if (od < 0 || od >= depth.dst || oh < 0 || oh >= height.dst) continue;
            T* row = dst + (od * height.dst + oh) * width.dst;
            std::int64_t ow = width.target(0, kw);
            for (std::int64_t w = 0; w < width.src; ++w, ow += width.window.stride) {
              if (ow >= 0 && ow < width.dst) row[ow] += patches[w];
            }
          }
        }
      }
    }
  }
}

template <class T>
void run(const ConvTranspose<T>& layer, std::span<const Source<T>> src, const Result<T>& dst) {
  const Shape& from = src[0].shape;
  const std::size_t rank = from.size();
  const auto plane = detail::plane_axes(layer.window);
  const ScatterAxis height{plane[0], from[rank - 2], dst.shape[rank - 2]};
  const ScatterAxis width{plane[1], from[rank - 1], dst.shape[rank - 1]};
  const ScatterAxis depth = rank == 5 ? ScatterAxis{detail::depth_axis(layer.window), from[2], dst.shape[2]}
                                      : ScatterAxis{{1, 1, 0, 0, 1, false}, 1, 1};
  const std::int64_t ic = from[1] / layer.groups, oc = dst.shape[1] / layer.groups;
  const std::int64_t taps = depth.window.kernel * height.window.kernel * width.window.kernel;
  const std::int64_t positions = depth.src * height.src * width.src;
  const std::int64_t outputs = depth.dst * height.dst * width.dst;

  T* to = dst.elements.data();
  for (std::int64_t i = 0; i < dst.shape[0] * dst.shape[1]; ++i) {
    const T bias = layer.bias.empty() ? T{0} : layer.bias.value->flat()[static_cast<std::size_t>(i % dst.shape[1])];
    to = std::fill_n(to, outputs, bias);
  }
  if (ic == 0 || oc == 0 || positions == 0) return;

  // As many output channels at once as make a product worth its while.
  const std::int64_t block = std::clamp<std::int64_t>(64 / taps, 1, oc);
  std::vector<T> weights(static_cast<std::size_t>(block * taps * ic));
  std::vector<T> patches(static_cast<std::size_t>(block * taps * positions));
  for (std::int64_t n = 0; n < from[0]; ++n) {
    for (std::int64_t g = 0; g < layer.groups; ++g) {
      const Rows<T> x{src[0].elements.data() + (n * layer.groups + g) * ic * positions, ic, positions, positions};
      for (std::int64_t first = 0; first < oc; first += block) {
        const std::int64_t count = std::min(block, oc - first);
        transpose<T>({layer.weights.value->flat().data() + (g * ic * oc + first) * taps, ic, count * taps, oc * taps},
                     weights.data());
        // (oc·taps, ic) · (ic, positions)
        multiply<T>({weights.data(), count * taps, ic, ic}, x, Factors::plain, patches.data(), positions);
        for (std::int64_t c = 0; c < count; ++c) {
          scatter_add(patches.data() + c * taps * positions, depth, height, width,
                      dst.elements.data() + ((n * layer.groups + g) * oc + first + c) * outputs);
        }
      }
    }
  }
}

}  // namespace fulcrum::kernels

#if FULCRUM_INSTANTIATES(kernels)
namespace fulcrum::kernels {
template void scatter_add(const float* patches, const ScatterAxis& depth, const ScatterAxis& height,
                          const ScatterAxis& width, float* dst);
template void scatter_add(const double* patches, const ScatterAxis& depth, const ScatterAxis& height,
                          const ScatterAxis& width, double* dst);
template void run(const ConvTranspose<float>& layer, std::span<const Source<float>> src, const Result<float>& dst);
template void run(const ConvTranspose<double>& layer, std::span<const Source<double>> src, const Result<double>& dst);
}  // namespace fulcrum::kernels
#endif

#endif
