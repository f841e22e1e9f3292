#pragma once
/// \file
/// What passes over weights refuse.

#include <algorithm>
#include <cmath>
#include <string>
#include <utility>
#include <vector>

#include <fulcrum/analysis/is_quantized.hpp>
#include <fulcrum/analysis/weighted_layers.hpp>
#include <fulcrum/model/model.hpp>

namespace fulcrum::detail {

/// \throws Error when a quantization pass has been over the model
template <class T>
void refuse_quantized(const Model<T>& model, const char* remedy) {
  if (is_quantized(model)) throw Error("model '" + model.name() + "'", "is quantized already", remedy);
}

/// \throws Error naming the layer that has a weight, bias or statistic that is NaN or infinite
template <class T>
void refuse_not_finite(const Model<T>& model) {
  for_each_model_parameter(model, [&](NodeId id, const char* name, const Parameter<T>& parameter) {
    const auto values = parameter.value->flat();
    if (std::all_of(values.begin(), values.end(), [](T x) { return std::isfinite(x); })) return;
    throw Error("layer '" + model.node(id).name + "'", std::string("has NaN or infinite values in its ") + name,
                "train or repair the model first");
  });
}

}  // namespace fulcrum::detail
