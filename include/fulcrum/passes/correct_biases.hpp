#pragma once
/// \file
/// Bias correction: what rounded weights are off by on average, taken from the bias.

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include <fulcrum/core/linkage.hpp>
#include <fulcrum/model/model.hpp>
#include <fulcrum/passes/calibration.hpp>

namespace fulcrum {

struct BiasCorrectionReport {
  struct Layer {
    std::string name;
    double largest = 0.0;  ///< |mean error| of an output channel, the largest; in the units of the layer's values
  };
  std::vector<Layer> layers;  ///< convolutions and dense layers whose weights are rounded
};

struct BiasCorrectionResult {
  Model<float> model;
  BiasCorrectionReport report;
};

/// Takes from each bias what the rounding of the weights W to W̃ adds to the layer's values on average (Nagel et al.,
/// "Data-Free Quantization Through Weight Equalization and Bias Correction", 2019, §4.2, over samples):
///
///     b ← b − E[(W̃ − W) x]
///
/// The mean is over the samples and, of a convolution, over all places, its padding included; x is what the layer takes
/// in the model without roundings. Layers without a bias get one. Recurrent layers stay.
/// \param quantized  by quantize(): float weights with scales beside them
/// \param sources    one per input, the same n ≥ 1 samples in each
/// \param runner     runs a float model; see ModelRunner
/// \param batch      samples that go through the model at a time; ≥ 1
/// \throws Error when the model is not quantized, takes other sources or gives values that are not finite, or the batch
///         is below 1
FULCRUM_DECLARE [[nodiscard]] BiasCorrectionResult correct_biases(const Model<float>& quantized,
                                                                  std::span<const Tensor<float>> sources,
                                                                  const ModelRunner& runner, std::int64_t batch = 64);

}  // namespace fulcrum

#if FULCRUM_DEFINES(passes)

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <utility>

#include <fulcrum/analysis/is_quantized.hpp>
#include <fulcrum/analysis/weighted_layers.hpp>

namespace fulcrum::detail {

/// A layer whose weights are rounded, and the node that gives its error.
struct RoundedProduct {
  NodeId id = 0;     ///< in the quantized model
  NodeId error = 0;  ///< in the model of errors
};

/// The model without roundings and, beside each layer with rounded weights, that layer with the weights W̃ − W and no
/// bias; a convolution's is averaged over its places.
FULCRUM_DECLARE Model<float> with_weight_errors(const Model<float>& quantized, std::vector<RoundedProduct>& products);

FULCRUM_DEFINE Model<float> with_weight_errors(const Model<float>& quantized, std::vector<RoundedProduct>& products) {
  Model<float> result(quantized.name());
  std::vector<NodeId> moved;
  const auto unused = [&](std::string name) {
    while (quantized.find(name) || result.find(name)) name += "_";
    return name;
  };
  for (NodeId id = 0; id < quantized.size(); ++id) {
    Node<float> node = quantized.node(id);
    node.dst_quantization.reset();
    for (NodeId& src : node.src) src = moved[src];
    for_each_parameter(node.layer, [](const char*, Parameter<float>& p) { p.quantization.reset(); });
    const std::vector<NodeId> sources = node.src;
    moved.push_back(result.add(node));
    const Parameter<float>* weights = weights_of(quantized.node(id).layer);
    if (weights == nullptr || weights->empty() || !weights->quantization) continue;
    Tensor<float> error = quantize_dequantize(*weights->value, *weights->quantization);
    const auto exact = weights->value->flat();
    for (std::size_t i = 0; i < exact.size(); ++i) error.flat()[i] -= exact[i];
    const bool is_conv = std::holds_alternative<Conv<float>>(node.layer);
    if (auto* conv = std::get_if<Conv<float>>(&node.layer)) {
      conv->weights = std::move(error);
      conv->bias = {};
    } else {
      auto& dense = std::get<Dense<float>>(node.layer);
      dense.weights = std::move(error);
      dense.bias = {};
    }
    NodeId at = result.add({unused(node.name + "/error"), std::move(node.layer), sources, std::nullopt});
    if (is_conv) {
      std::vector<std::int64_t> places;
      for (std::size_t axis = 2; axis < weights->value->dims().size(); ++axis)
        places.push_back(static_cast<std::int64_t>(axis));
      at = result.add({unused(node.name + "/mean_error"), Reduce{ReduceKind::mean, places, false}, {at}, std::nullopt});
    }
    products.push_back({id, at});
  }
  std::vector<NodeId> outputs;
  for (const RoundedProduct& p : products) outputs.push_back(p.error);
  result.set_outputs(std::move(outputs));
  return result;
}

}  // namespace fulcrum::detail

namespace fulcrum {

FULCRUM_DEFINE BiasCorrectionResult correct_biases(const Model<float>& quantized,
                                                   std::span<const Tensor<float>> sources, const ModelRunner& runner,
                                                   std::int64_t batch) {
  if (!is_quantized(quantized))
    throw Error("bias correction of model '" + quantized.name() + "'", "was given a float model", "quantize it first");
  if (batch < 1) throw Error("bias correction's batch", "is " + std::to_string(batch), "give 1 or more");
  BiasCorrectionResult result{quantized, {}};
  std::vector<detail::RoundedProduct> products;
  const Model<float> all = detail::with_weight_errors(quantized, products);
  if (products.empty()) return result;
  const Model<float> errors = extract_outputs(all, all.outputs()).model;
  const detail::CalibrationSources<float> samples(errors, sources);
  std::vector<std::vector<double>> sums(products.size());
  std::vector<double> rows(products.size(), 0.0);
  for (std::int64_t from = 0; from < samples.samples(); from += batch) {
    const auto values = runner(errors, samples.slice(from, std::min(batch, samples.samples() - from)));
    for (std::size_t k = 0; k < products.size(); ++k) {
      const auto channels = static_cast<std::size_t>(values.at(k).dims().back());
      const auto elements = values[k].flat();
      sums[k].resize(channels, 0.0);
      rows[k] += static_cast<double>(elements.size() / channels);
      for (std::size_t i = 0; i < elements.size(); ++i) sums[k][i % channels] += static_cast<double>(elements[i]);
    }
  }
  for (std::size_t k = 0; k < products.size(); ++k) {
    Layer<float>& layer = result.model.edit_layer(products[k].id);
    auto* conv = std::get_if<Conv<float>>(&layer);
    Parameter<float>& bias = conv != nullptr ? conv->bias : std::get<Dense<float>>(layer).bias;
    BiasCorrectionReport::Layer row{quantized.node(products[k].id).name, 0.0};
    if (bias.empty()) bias = Tensor<float>(Shape{static_cast<std::int64_t>(sums[k].size())}, 0.0F);
    const auto shifts = bias.value.edit().flat();
    for (std::size_t c = 0; c < sums[k].size(); ++c) {
      const double error = sums[k][c] / rows[k];
      if (!std::isfinite(error))
        throw Error("layer '" + row.name + "'", "takes NaN or infinite values on the samples", "check the samples");
      shifts[c] = static_cast<float>(static_cast<double>(shifts[c]) - error);
      row.largest = std::max(row.largest, std::abs(error));
    }
    result.report.layers.push_back(std::move(row));
  }
  return result;
}

}  // namespace fulcrum

#endif
