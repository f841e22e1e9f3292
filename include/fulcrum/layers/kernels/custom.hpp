#pragma once
/// \file
/// A layer of the user's own.

#include <span>

#include <fulcrum/core/linkage.hpp>
#include <fulcrum/layers/custom.hpp>
#include <fulcrum/layers/kernels/view.hpp>

namespace fulcrum::kernels {

template <class T>
void run(const Custom& layer, std::span<const Source<T>> src, const Result<T>& dst);

}  // namespace fulcrum::kernels

#if FULCRUM_DEFINES(kernels)

#include <algorithm>
#include <cstddef>
#include <type_traits>
#include <vector>

namespace fulcrum::kernels {

template <class T>
void run(const Custom& layer, std::span<const Source<T>> src, const Result<T>& dst) {
  if constexpr (std::is_same_v<T, float>) {
    layer.function->run(src, dst);
  } else {
    if (layer.function->run_f64) return layer.function->run_f64(src, dst);
    std::vector<std::vector<float>> values;
    std::vector<Source<float>> from;
    for (const Source<T>& source : src) values.emplace_back(source.elements.begin(), source.elements.end());
    for (std::size_t i = 0; i < src.size(); ++i) from.push_back({values[i], src[i].shape});
    std::vector<float> result(dst.elements.size());
    layer.function->run(std::span<const Source<float>>(from), {result, dst.shape});
    std::copy(result.begin(), result.end(), dst.elements.begin());
  }
}

}  // namespace fulcrum::kernels

#if FULCRUM_INSTANTIATES(kernels)
namespace fulcrum::kernels {
template void run(const Custom& layer, std::span<const Source<float>> src, const Result<float>& dst);
template void run(const Custom& layer, std::span<const Source<double>> src, const Result<double>& dst);
}  // namespace fulcrum::kernels
#endif

#endif
