#pragma once
/// \file
/// Small random networks whose steps are timed to learn how a machine's kernels behave.

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <string_view>
#include <utility>
#include <vector>

#include <fulcrum/analysis/quantization_placement.hpp>
#include <fulcrum/core/linkage.hpp>
#include <fulcrum/core/random.hpp>
#include <fulcrum/exec/int8_options.hpp>
#include <fulcrum/model/builder.hpp>
#include <fulcrum/passes/fold_batch_normalization.hpp>
#include <fulcrum/passes/quantize.hpp>
#include <fulcrum/schedule/sparse.hpp>

namespace fulcrum::detail {

/// A network to time, and the batch to time it with.
struct Probe {
  Model<float> model;
  std::int64_t batch = 1;
};

/// Appends a convolution. Its weights all are one small number: they do not matter for timing, and drawing millions of
/// random ones would take longer than the timing.
FULCRUM_DECLARE void add_probe_conv(ModelBuilder<float>& b, std::int64_t oc, std::int64_t kernel,
                                    const ConvOptions& options);

FULCRUM_DECLARE void add_probe_dense(ModelBuilder<float>& b, std::int64_t oc);

/// Weights of which as many are 0, at random, as a sparse product of that geometry pays for, or some more.
FULCRUM_DECLARE Tensor<float> pruned_weights(Random& random, const Shape& shape, const StepGeometry& g);

/// The probe's model with made-up scales: for timing, any will do. Every value has one of its own, as in real models,
/// and residual sums are signed.
FULCRUM_DECLARE Model<float> quantized_probe(const Model<float>& model);

}  // namespace fulcrum::detail

#if FULCRUM_DEFINES(calibrate)

namespace fulcrum::detail {

FULCRUM_DEFINE void add_probe_conv(ModelBuilder<float>& b, std::int64_t oc, std::int64_t kernel,
                                   const ConvOptions& options) {
  const std::int64_t ic = b.shape()[1] / options.groups;
  const auto fan_in = static_cast<float>(ic * kernel * kernel);
  Conv<float> conv;
  conv.weights = Tensor<float>({oc, ic, kernel, kernel}, 1.0F / fan_in);
  if (options.bias) conv.bias = Tensor<float>(Shape{oc});
  conv.window = {{kernel, kernel}, options.stride, options.padding, options.dilation};
  conv.groups = options.groups;
  b.layer(std::move(conv), {b.last()});
}

FULCRUM_DEFINE void add_probe_dense(ModelBuilder<float>& b, std::int64_t oc) {
  const std::int64_t ic = b.shape().back();
  Dense<float> dense;
  dense.weights = Tensor<float>({oc, ic}, 1.0F / static_cast<float>(ic));
  dense.bias = Tensor<float>(Shape{oc});
  b.layer(std::move(dense), {b.last()});
}

FULCRUM_DEFINE Tensor<float> pruned_weights(Random& random, const Shape& shape, const StepGeometry& g) {
  const double sparsity = random.uniform(std::min(break_even_sparsity(g) + 0.01, 0.96), 0.98);
  Tensor<float> weights(shape, 1.0F / static_cast<float>(g.ic * g.kh * g.kw));
  for (float& weight : weights.flat()) {
    if (random.uniform() < sparsity) weight = 0.0F;
  }
  return weights;
}

FULCRUM_DEFINE Model<float> quantized_probe(const Model<float>& model) {
  Model<float> quantized = fold_batch_normalization(model).model;
  const QuantizationPlacement placement = place_quantization(quantized);
  const QuantizeOptions options = int8_options_for_this_cpu();
  for (NodeId id = 0; id < quantized.size(); ++id) {
    if (!placement.root[id]) continue;
    const NodeId root = *placement.root[id];
    const bool is_signed = std::holds_alternative<Binary>(quantized.node(root).layer);
    const float scale = (1.0F + 0.125F * static_cast<float>(root)) / 255.0F;
    const Range range{is_signed ? -128.0F * scale : 0.0F, (is_signed ? 127.0F : 255.0F) * scale};
    quantized.set_dst_quantization(id, quantization_for(range, options.unsigned_values));
  }
  SignalToNoise total;
  for (const NodeId id : placement.layers) {
    const std::string name = quantized.node(id).name;
    static_cast<void>(quantize_weights(name, quantized.edit_layer(id), options, total));
  }
  return quantized;
}

}  // namespace fulcrum::detail

#endif
