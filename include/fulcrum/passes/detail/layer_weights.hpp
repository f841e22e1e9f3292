#pragma once
/// \file
/// What passes over weights refuse.

#include <span>
#include <string>

#include <fulcrum/analysis/weighted_layers.hpp>
#include <fulcrum/core/linkage.hpp>
#include <fulcrum/model/model.hpp>

namespace fulcrum::detail {

/// Whether no value is NaN or infinite.
template <class T>
[[nodiscard]] bool all_finite(std::span<const T> values);

FULCRUM_DECLARE [[nodiscard]] Error not_finite(const std::string& layer, const std::string& parameter);

/// Constants are no weights: a mask may hold −∞, a bound be infinite.
///
/// \param apart  layers whose weights the caller looks at itself, in the order of the model
/// \throws Error naming the layer that has a weight, bias or statistic that is NaN or infinite
template <class T>
void refuse_not_finite(const Model<T>& model, std::span<const NodeId> apart = {});

}  // namespace fulcrum::detail

#if FULCRUM_DEFINES(passes)

#include <algorithm>
#include <array>
#include <atomic>
#include <cstddef>
#include <utility>
#include <vector>

#include <fulcrum/core/in_parts.hpp>

namespace fulcrum::detail {

template <class T>
bool all_finite(std::span<const T> values) {
  std::atomic<bool> finite = true;
  constexpr std::size_t least = std::size_t{1} << 20;
  in_parts(values.size(), least, [&](std::size_t first, std::size_t last) {
    // 0 · x is 0, or NaN; in blocks that compilers make vectors of.
    constexpr std::size_t block = 16;
    std::array<T, block> sums{};
    for (; first + block <= last; first += block) {
      for (std::size_t k = 0; k < block; ++k) sums[k] += T{0} * values[first + k];
    }
    for (; first < last; ++first) sums[0] += T{0} * values[first];
    if (std::any_of(sums.begin(), sums.end(), [](T sum) { return sum != T{0}; })) finite = false;
  });
  return finite;
}

FULCRUM_DEFINE Error not_finite(const std::string& layer, const std::string& parameter) {
  return {"layer '" + layer + "'", "has NaN or infinite values in its " + parameter, "train or repair the model first"};
}

template <class T>
void refuse_not_finite(const Model<T>& model, std::span<const NodeId> apart) {
  for_each_model_parameter(model, [&](NodeId id, const char* name, const Parameter<T>& parameter) {
    if (std::holds_alternative<Constant<T>>(model.node(id).layer)) return;
    if (std::binary_search(apart.begin(), apart.end(), id) && &parameter == weights_of(model.node(id).layer)) return;
    if (!all_finite<T>(parameter.value->flat())) throw not_finite(model.node(id).name, name);
  });
}

}  // namespace fulcrum::detail

#if FULCRUM_INSTANTIATES(passes)
namespace fulcrum::detail {
template bool all_finite(std::span<const float> values);
template bool all_finite(std::span<const double> values);
template void refuse_not_finite(const Model<float>& model, std::span<const NodeId> apart);
template void refuse_not_finite(const Model<double>& model, std::span<const NodeId> apart);
}  // namespace fulcrum::detail
#endif

#endif
