#pragma once
/// \file
/// MatMulNBits: a product with weights that are made reals a few rows at a time.

#include <span>

#include <fulcrum/core/linkage.hpp>
#include <fulcrum/layers/kernels/view.hpp>
#include <fulcrum/layers/matmul_nbits.hpp>

namespace fulcrum::kernels {

template <class T>
void run(const MatMulNBits& layer, std::span<const Source<T>> src, const Result<T>& dst);

}  // namespace fulcrum::kernels

#if FULCRUM_DEFINES(kernels)

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <vector>

#include <fulcrum/layers/kernels/product.hpp>

namespace fulcrum::kernels {

template <class T>
void run(const MatMulNBits& layer, std::span<const Source<T>> src, const Result<T>& dst) {
  const std::int64_t oc = layer.oc(), ic = layer.ic;
  const std::int64_t rows = static_cast<std::int64_t>(dst.elements.size()) / std::max<std::int64_t>(oc, 1);
  constexpr std::int64_t at_a_time = 64;  // outputs
  std::vector<float> row(static_cast<std::size_t>(ic));
  std::vector<T> weights(static_cast<std::size_t>(std::min(at_a_time, oc) * ic));
  for (std::int64_t first = 0; first < oc; first += at_a_time) {
    const std::int64_t count = std::min(at_a_time, oc - first);
    for (std::int64_t o = 0; o < count; ++o) {
      layer.dequantize_row(first + o, row);
      std::copy(row.begin(), row.end(), weights.begin() + o * ic);
    }
    // (rows, ic) · (ic, count) → (rows, count)
    multiply<T>({src[0].elements.data(), rows, ic, ic}, {weights.data(), count, ic, ic}, Factors::transposed_rhs,
                dst.elements.data() + first, oc);
  }
  if (layer.bias.empty()) return;
  const std::vector<T> bias(layer.bias->flat().begin(), layer.bias->flat().end());
  add_to_rows(dst.elements.data(), rows, oc, oc, bias.data());
}

}  // namespace fulcrum::kernels

#if FULCRUM_INSTANTIATES(kernels)
namespace fulcrum::kernels {
template void run(const MatMulNBits& layer, std::span<const Source<float>> src, const Result<float>& dst);
template void run(const MatMulNBits& layer, std::span<const Source<double>> src, const Result<double>& dst);
}  // namespace fulcrum::kernels
#endif

#endif
