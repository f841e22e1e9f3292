#pragma once
/// \file
/// Convolutions and dense layers: those whose weights passes and quantization are about.

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include <fulcrum/core/linkage.hpp>
#include <fulcrum/model/model.hpp>

namespace fulcrum::detail {

/// The weights of a convolution or dense layer; null for any other layer.
template <class T>
[[nodiscard]] const Parameter<T>* weights_of(const Layer<T>& layer);

/// The same for writing, in a pass's own copy of the model.
template <class T>
[[nodiscard]] Parameter<T>* weights_of(Layer<T>& layer) {
  return const_cast<Parameter<T>*>(weights_of(std::as_const(layer)));
}

/// \throws Error when a name is none of the model's convolutions and dense layers
template <class T>
void expect_weighted_layers(const Model<T>& model, const std::vector<std::string>& names);

/// The same for layers that quantization is about: recurrent ones as well.
template <class T>
void expect_quantizable_layers(const Model<T>& model, const std::vector<std::string>& names);

[[nodiscard]] inline bool contains(const std::vector<std::string>& names, const std::string& name) {
  return std::find(names.begin(), names.end(), name) != names.end();
}

}  // namespace fulcrum::detail

#if FULCRUM_DEFINES(analysis)

namespace fulcrum::detail {

template <class T>
const Parameter<T>* weights_of(const Layer<T>& layer) {
  if (const auto* conv = std::get_if<Conv<T>>(&layer)) return &conv->weights;
  if (const auto* dense = std::get_if<Dense<T>>(&layer)) return &dense->weights;
  return nullptr;
}

template <class T>
void expect_weighted_layers(const Model<T>& model, const std::vector<std::string>& names) {
  for (const std::string& name : names) {
    const auto id = model.find(name);
    if (!id || weights_of(model.node(*id).layer) == nullptr) {
      throw Error("layer '" + name + "'", "is no convolution or dense layer of model '" + model.name() + "'",
                  "name one that is");
    }
  }
}

template <class T>
void expect_quantizable_layers(const Model<T>& model, const std::vector<std::string>& names) {
  for (const std::string& name : names) {
    const auto id = model.find(name);
    if (!id || (weights_of(model.node(*id).layer) == nullptr &&
                !std::holds_alternative<Recurrent<T>>(model.node(*id).layer))) {
      throw Error("layer '" + name + "'", "is no convolution, dense or recurrent layer of model '" + model.name() + "'",
                  "name one that is");
    }
  }
}

}  // namespace fulcrum::detail

#if FULCRUM_INSTANTIATES(analysis)
namespace fulcrum::detail {
template const Parameter<float>* weights_of(const Layer<float>& layer);
template const Parameter<double>* weights_of(const Layer<double>& layer);
template void expect_weighted_layers(const Model<float>& model, const std::vector<std::string>& names);
template void expect_weighted_layers(const Model<double>& model, const std::vector<std::string>& names);
template void expect_quantizable_layers(const Model<float>& model, const std::vector<std::string>& names);
template void expect_quantizable_layers(const Model<double>& model, const std::vector<std::string>& names);
}  // namespace fulcrum::detail
#endif

#endif
