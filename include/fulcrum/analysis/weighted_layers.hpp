#pragma once
/// \file
/// Convolutions and dense layers: those whose weights passes and quantization are about.

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include <fulcrum/model/model.hpp>

namespace fulcrum::detail {

/// The weights of a convolution or dense layer; null for any other layer.
template <class T>
[[nodiscard]] const Parameter<T>* weights_of(const Layer<T>& layer) {
  using P = const Parameter<T>*;
  return std::visit(Overloads{[](const Conv<T>& l) -> P { return &l.weights; },
                              [](const Dense<T>& l) -> P { return &l.weights; },
                              [](const BatchNormalization<T>&) -> P { return nullptr; },
                              [](const Input&) -> P { return nullptr; },
                              [](const Constant<T>&) -> P { return nullptr; },
                              [](const Pool&) -> P { return nullptr; },
                              [](const GlobalPool&) -> P { return nullptr; },
                              [](const Activation&) -> P { return nullptr; },
                              [](const Binary&) -> P { return nullptr; },
                              [](const Concat&) -> P { return nullptr; },
                              [](const Reshape&) -> P { return nullptr; },
                              [](const Flatten&) -> P { return nullptr; },
                              [](const Softmax&) -> P { return nullptr; },
                              [](const ConvTranspose<T>&) -> P { return nullptr; },
                              [](const Recurrent<T>&) -> P { return nullptr; },
                              [](const MatMul&) -> P { return nullptr; },
                              [](const NormalizationLayer auto&) -> P { return nullptr; },
                              [](const MovementLayer auto&) -> P { return nullptr; },
                              [](const ElementwiseLayer auto&) -> P { return nullptr; },
                              [](const ReductionLayer auto&) -> P { return nullptr; }},
                    layer);
}

/// The same for writing, in a pass's own copy of the model.
template <class T>
[[nodiscard]] Parameter<T>* weights_of(Layer<T>& layer) {
  return const_cast<Parameter<T>*>(weights_of(std::as_const(layer)));
}

/// \throws Error when a name is none of the model's convolutions and dense layers
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

[[nodiscard]] inline bool contains(const std::vector<std::string>& names, const std::string& name) {
  return std::find(names.begin(), names.end(), name) != names.end();
}

}  // namespace fulcrum::detail
