#pragma once
/// \file
/// Which layers a model's answers depend on most: one layer at a time is pruned or rounded, the others stay.

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include <fulcrum/core/linkage.hpp>
#include <fulcrum/core/progress.hpp>
#include <fulcrum/model/model.hpp>
#include <fulcrum/passes/calibration.hpp>

namespace fulcrum {

struct SensitivityOptions {
  std::vector<double> sparsities{0.5, 0.75, 0.9};  ///< shares of the layer's weights that are set to 0, each in [0, 1)
  std::vector<int> bits{8, 4, 2};                  ///< that the layer's weights are rounded to, per channel; 2 … 8
};

/// What became of the answers when one layer was changed.
struct LayerSensitivity {
  std::string layer;
  std::int64_t weights = 0;        ///< of the layer
  std::optional<double> sparsity;  ///< that it was pruned to, or
  std::optional<int> bits;         ///< that it was rounded to
  double sqnr_db = 0.0;            ///< of the last output against that of the whole model [dB]
  std::optional<double> accuracy;  ///< top-1, where there are labels
};

struct SensitivityReport {
  std::string model;
  std::int64_t samples = 0;
  std::optional<double> accuracy;  ///< of the whole model
  std::vector<LayerSensitivity> rows;
};

/// Runs the samples through the model, and through it with each convolution and dense layer pruned by magnitude and
/// rounded (symmetrically, by the range of each channel) as the options say.
/// \param sources  one per input, the same n ≥ 1 samples in each
/// \param labels   n of them, or none
/// \param runner   runs a model; see ModelRunner
/// \throws Error when an option is out of range, the model is quantized, or there are not as many labels as samples
FULCRUM_DECLARE [[nodiscard]] SensitivityReport sensitivity(
    const Model<float>& model, std::span<const Tensor<float>> sources, std::span<const std::int32_t> labels,
    const ModelRunner& runner, const SensitivityOptions& options = {}, const ProgressSink& progress = {});

}  // namespace fulcrum

#if FULCRUM_DEFINES(plan)

#include <algorithm>
#include <utility>

#include <fulcrum/analysis/is_quantized.hpp>
#include <fulcrum/analysis/weighted_layers.hpp>
#include <fulcrum/passes/prune.hpp>
#include <fulcrum/passes/signal_to_noise.hpp>
#include <fulcrum/tensor/quantization.hpp>

namespace fulcrum::detail {

/// Share of the rows of an output (n, classes) that are largest at their label.
FULCRUM_DECLARE double top_1(const Tensor<float>& output, std::span<const std::int32_t> labels);

FULCRUM_DEFINE double top_1(const Tensor<float>& output, std::span<const std::int32_t> labels) {
  const auto scores = output.flat();
  const std::size_t classes = scores.size() / labels.size();
  std::size_t correct = 0;
  for (std::size_t i = 0; i < labels.size(); ++i) {
    const auto row = scores.subspan(i * classes, classes);
    const auto best = std::max_element(row.begin(), row.end()) - row.begin();
    correct += best == static_cast<std::ptrdiff_t>(labels[i]) ? 1 : 0;
  }
  return static_cast<double>(correct) / static_cast<double>(labels.size());
}

}  // namespace fulcrum::detail

namespace fulcrum {

FULCRUM_DEFINE SensitivityReport sensitivity(const Model<float>& model, std::span<const Tensor<float>> sources,
                                             std::span<const std::int32_t> labels, const ModelRunner& runner,
                                             const SensitivityOptions& options, const ProgressSink& progress) {
  detail::refuse_quantized(model, "look at the float model");
  const Tensor<float> expected = runner(model, sources).back();
  SensitivityReport report;
  report.model = model.name();
  report.samples = expected.dims().empty() ? 1 : expected.dim(0);
  if (!labels.empty()) {
    if (static_cast<std::int64_t>(labels.size()) != report.samples)
      throw Error("sensitivity", "was given " + std::to_string(labels.size()) + " labels for " +
                                     std::to_string(report.samples) + " samples");
    report.accuracy = detail::top_1(expected, labels);
  }
  std::vector<NodeId> layers;
  for (NodeId id = 0; id < model.size(); ++id) {
    const Parameter<float>* weights = detail::weights_of(model.node(id).layer);
    if (weights != nullptr && weights->size() > 0) layers.push_back(id);
  }
  const double steps = static_cast<double>(layers.size() * (options.sparsities.size() + options.bits.size()));
  const auto look = [&](const Model<float>& changed, LayerSensitivity row) {
    const Tensor<float> output = runner(changed, sources).back();
    SignalToNoise ratio;
    ratio.add<float>(expected.flat(), output.flat());
    row.sqnr_db = ratio.decibels();
    if (!labels.empty()) row.accuracy = detail::top_1(output, labels);
    report.rows.push_back(std::move(row));
    if (progress) progress({static_cast<double>(report.rows.size()) / steps, "sensitivity", report.rows.back().layer});
  };
  for (const NodeId id : layers) {
    const std::string& name = model.node(id).name;
    LayerSensitivity row;
    row.layer = name;
    row.weights = detail::weights_of(model.node(id).layer)->size();
    std::vector<std::string> others;
    for (const NodeId other : layers) {
      if (other != id) others.push_back(model.node(other).name);
    }
    for (const double sparsity : options.sparsities) {
      PruneOptions prune_options;
      prune_options.sparsity = sparsity;
      prune_options.skip = others;
      LayerSensitivity pruned = row;
      pruned.sparsity = sparsity;
      look(prune(model, prune_options).model, std::move(pruned));
    }
    for (const int bits : options.bits) {
      Model<float> rounded = model;
      Parameter<float>& weights = *detail::weights_of(rounded.edit_layer(id));
      weights.value = quantize_dequantize(*weights.value, symmetric_quantization(*weights.value, bits, 0));
      LayerSensitivity with_bits = row;
      with_bits.bits = bits;
      look(rounded, std::move(with_bits));
    }
  }
  return report;
}

}  // namespace fulcrum

#endif
