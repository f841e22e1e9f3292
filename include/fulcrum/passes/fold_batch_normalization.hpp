#pragma once
/// \file
/// Batch normalization folded into the weights before it.

#include <string>
#include <vector>

#include <fulcrum/core/linkage.hpp>
#include <fulcrum/model/infer_shapes.hpp>
#include <fulcrum/model/model.hpp>
#include <fulcrum/model/rewrite.hpp>

namespace fulcrum {

struct FoldReport {
  struct Folded {
    std::string name;  ///< the batch normalization, or the arithmetic that was one (simplify_arithmetic())
    std::string into;  ///< the layer whose weights took it up
  };
  struct Kept {
    std::string name;    ///< the batch normalization
    std::string reason;  ///< why it stays a layer
  };
  std::vector<Folded> folded;
  std::vector<Kept> kept;
};

template <class T>
struct FoldResult {
  Model<T> model;
  FoldReport report;
};

/// Folds every batch normalization whose source is a convolution, transposed or not, or a dense layer (or one that has
/// just been folded into such a layer) into that layer's weights and bias. It stays when its source has another
/// consumer, is an output of the model or is rounded by a quantization, when the weights are quantized already, or when
/// its channels are not the layer's outputs (a dense layer on a source of rank above 2). Masks stay valid: a pruned
/// zero stays zero.
///
/// \throws Error when a variance is negative or NaN
template <class T>
[[nodiscard]] FoldResult<T> fold_batch_normalization(const Model<T>& model);

}  // namespace fulcrum

#if FULCRUM_DEFINES(passes)

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <utility>

#include <fulcrum/passes/detail/layer_weights.hpp>

namespace fulcrum::detail {

/// factor = scale / √(variance + ε), per channel.
template <class T>
std::vector<double> normalization_factors(const BatchNormalization<T>& norm, const std::string& name) {
  std::vector<double> factors;
  for (std::size_t c = 0; c < norm.scale.value->flat().size(); ++c) {
    const double variance = static_cast<double>(norm.variance.value->flat()[c]) + norm.epsilon;
    if (!(variance > 0.0)) {
      throw Error("layer '" + name + "'", "has a variance that is negative or NaN in channel " + std::to_string(c),
                  "train or repair the model");
    }
    factors.push_back(static_cast<double>(norm.scale.value->flat()[c]) / std::sqrt(variance));
  }
  return factors;
}

/// factor · (bias − mean) + shift, in double, per output channel.
template <class T>
Parameter<T> folded_bias(const Parameter<T>& bias, const BatchNormalization<T>& norm,
                         const std::vector<double>& factors) {
  Tensor<T> folded(norm.shift.value->dims());
  for (std::size_t c = 0; c < factors.size(); ++c) {
    const double before = bias.empty() ? 0.0 : static_cast<double>(bias.value->flat()[c]);
    folded.flat()[c] = static_cast<T>(factors[c] * (before - static_cast<double>(norm.mean.value->flat()[c])) +
                                      static_cast<double>(norm.shift.value->flat()[c]));
  }
  return Parameter<T>(std::move(folded));
}

/// to = factor · from, in double; in blocks that compilers make vectors of.
template <class T>
void scale_weights(std::span<const T> from, double factor, T* to) {
  constexpr std::size_t block = 16;
  std::array<T, block> scaled;
  for (; from.size() >= block; from = from.subspan(block), to += block) {
    for (std::size_t i = 0; i < block; ++i) scaled[i] = static_cast<T>(factor * static_cast<double>(from[i]));
    std::copy(scaled.begin(), scaled.end(), to);
  }
  for (const T weight : from) *to++ = static_cast<T>(factor * static_cast<double>(weight));
}

/// weights' = factor · weights, in double, per output channel (axis 0), and the bias as folded_bias().
template <class T, class L>
void fold_into(L& layer, const BatchNormalization<T>& norm, const std::string& name) {
  const std::vector<double> factors = normalization_factors(norm, name);
  const Tensor<T>& weights = *layer.weights.value;
  Tensor<T> scaled = Tensor<T>::for_overwrite(weights.dims());  // others share the weights
  const std::size_t of_channel = weights.flat().size() / std::max<std::size_t>(factors.size(), 1);
  for (std::size_t c = 0; c < factors.size(); ++c) {
    scale_weights(weights.flat().subspan(c * of_channel, of_channel), factors[c],
                  scaled.flat().data() + c * of_channel);
  }
  layer.weights.value = std::move(scaled);
  layer.bias = folded_bias(layer.bias, norm, factors);
}

/// The same for a transposed convolution, whose weights are (ic, oc / groups, …).
template <class T>
void fold_into(ConvTranspose<T>& layer, const BatchNormalization<T>& norm, const std::string& name) {
  const std::vector<double> factors = normalization_factors(norm, name);
  const Tensor<T>& weights = *layer.weights.value;
  Tensor<T> scaled = Tensor<T>::for_overwrite(weights.dims());
  const std::int64_t ic = weights.dim(0), oc = weights.dim(1);  // oc: of a group
  const auto taps = static_cast<std::size_t>(element_count(weights.dims()) / std::max<std::int64_t>(ic * oc, 1));
  for (std::int64_t i = 0; i < ic; ++i) {
    const std::int64_t group = i / (ic / layer.groups);
    for (std::int64_t c = 0; c < oc; ++c) {
      const double factor = factors[static_cast<std::size_t>(group * oc + c)];
      const std::size_t first = static_cast<std::size_t>(i * oc + c) * taps;
      scale_weights(weights.flat().subspan(first, taps), factor, scaled.flat().data() + first);
    }
  }
  layer.weights.value = std::move(scaled);
  layer.bias = folded_bias(layer.bias, norm, factors);
}

}  // namespace fulcrum::detail

namespace fulcrum {

template <class T>
FoldResult<T> fold_batch_normalization(const Model<T>& model) {
  FoldResult<T> result{model, {}};
  const auto consumers = model.consumers();
  std::map<NodeId, NodeId> folded;  // a batch normalization → the layer it went into
  std::optional<std::vector<Shape>> shapes;

  for (NodeId id = 0; id < model.size(); ++id) {
    const Node<T>& node = model.node(id);
    const auto* norm = std::get_if<BatchNormalization<T>>(&node.layer);
    if (norm == nullptr) continue;
    const auto keep = [&](std::string reason) { result.report.kept.push_back({node.name, std::move(reason)}); };
    const NodeId src = node.src.at(0);
    const NodeId target = folded.count(src) != 0 ? folded.at(src) : src;
    const Node<T>& before = model.node(target);
    const auto* transposed = std::get_if<ConvTranspose<T>>(&before.layer);
    const Parameter<T>* weights = transposed != nullptr ? &transposed->weights : detail::weights_of(before.layer);
    std::string source = "its source '";
    source += model.node(src).name;
    source += "' ";
    if (weights == nullptr) {
      keep(source + "is no convolution or dense layer");
    } else if (consumers[src].size() != 1) {
      keep(source + "has another consumer");
    } else if (model.is_output(src)) {
      keep(source + "is an output of the model");
    } else if (model.node(src).dst_quantization || weights->quantization) {
      keep(source + "is quantized already");
    } else {
      if (!shapes) shapes = infer_shapes(model, 1);
      if (std::holds_alternative<Dense<T>>(before.layer) && (*shapes)[src].size() != 2) {
        keep(source + "has its outputs on another axis");
        continue;
      }
      Layer<T>& layer = result.model.edit_layer(target);
      if (auto* conv = std::get_if<Conv<T>>(&layer)) detail::fold_into(*conv, *norm, node.name);
      if (auto* conv = std::get_if<ConvTranspose<T>>(&layer)) detail::fold_into(*conv, *norm, node.name);
      if (auto* dense = std::get_if<Dense<T>>(&layer)) detail::fold_into(*dense, *norm, node.name);
      result.model.set_dst_quantization(target, node.dst_quantization);
      folded.emplace(id, target);
      result.report.folded.push_back({node.name, before.name});
    }
  }
  result.model = remove_nodes(result.model, folded).model;
  return result;
}

}  // namespace fulcrum

#if FULCRUM_INSTANTIATES(passes)
namespace fulcrum {
template FoldResult<float> fold_batch_normalization(const Model<float>& model);
template FoldResult<double> fold_batch_normalization(const Model<double>& model);
}  // namespace fulcrum
#endif

#endif
