#pragma once
/// \file
/// What passes over weights refuse.

#include <string>

#include <fulcrum/analysis/weighted_layers.hpp>
#include <fulcrum/core/linkage.hpp>
#include <fulcrum/model/model.hpp>

namespace fulcrum::detail {

/// Constants are no weights: a mask may hold −∞, a bound be infinite.
/// \throws Error naming the layer that has a weight, bias or statistic that is NaN or infinite
template <class T>
void refuse_not_finite(const Model<T>& model);

}  // namespace fulcrum::detail

#if FULCRUM_DEFINES(passes)

#include <algorithm>
#include <cmath>
#include <utility>
#include <vector>

namespace fulcrum::detail {

template <class T>
void refuse_not_finite(const Model<T>& model) {
  for_each_model_parameter(model, [&](NodeId id, const char* name, const Parameter<T>& parameter) {
    if (std::holds_alternative<Constant<T>>(model.node(id).layer)) return;
    const auto values = parameter.value->flat();
    if (std::all_of(values.begin(), values.end(), [](T x) { return std::isfinite(x); })) return;
    throw Error("layer '" + model.node(id).name + "'", std::string("has NaN or infinite values in its ") + name,
                "train or repair the model first");
  });
}

}  // namespace fulcrum::detail

#if FULCRUM_INSTANTIATES(passes)
namespace fulcrum::detail {
template void refuse_not_finite(const Model<float>& model);
template void refuse_not_finite(const Model<double>& model);
}  // namespace fulcrum::detail
#endif

#endif
