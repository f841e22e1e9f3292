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
#include <fulcrum/schedule/winograd.hpp>

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

/// Draws probes from the space of common convolutional networks: a few convolutions (1×1 to 7×7, strided, depthwise)
/// with the activations, residual sums and pooling that go with them, and dense layers; or dense layers alone. Channels
/// are mostly multiples of 8. `work` bounds the FLOPs of one convolution. Where the machine runs convolutions by
/// Winograd's algorithm, some probes are of those.
class ProbeSource {
public:
  /// \param isa  of the machine (Environment::isa)
  explicit ProbeSource(std::uint64_t seed, std::string_view isa = {})
      : random_(seed), draws_winograd_(isa_runs_winograd(isa)) {}

  FULCRUM_DECLARE Probe next();

private:
  bool chance(double p) { return random_.uniform() < p; }

  template <std::size_t N>
  std::int64_t pick(const std::array<std::int64_t, N>& from) {
    return from[static_cast<std::size_t>(random_.below(N))];
  }
  std::int64_t log_uniform(double low, double high) {
    return static_cast<std::int64_t>(std::lround(std::exp2(random_.uniform(std::log2(low), std::log2(high)))));
  }

  FULCRUM_DECLARE std::int64_t channels();

  static constexpr double most_elements = 1.5e6;  // of one value

  FULCRUM_DECLARE void activation(ModelBuilder<float>& b);

  /// One convolution with what follows it, when it fits the bounds on work and memory.
  FULCRUM_DECLARE void conv_block(ModelBuilder<float>& b, std::int64_t batch);

  FULCRUM_DECLARE void between(ModelBuilder<float>& b);

  FULCRUM_DECLARE Probe conv_probe(std::int64_t batch);

  /// One or two large convolutions of 3×3 windows.
  FULCRUM_DECLARE Probe winograd_probe();

  FULCRUM_DECLARE Probe dense_probe(std::int64_t batch);

  FULCRUM_DECLARE void dense_tail(ModelBuilder<float>& b, std::int64_t rows);

  Random random_;
  bool draws_winograd_;
  double work_ = 4e7;
};

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

FULCRUM_DEFINE Probe ProbeSource::next() {
  if (draws_winograd_ && chance(0.15)) return winograd_probe();
  const std::int64_t batch = pick(std::array<std::int64_t, 10>{1, 1, 1, 2, 4, 8, 16, 32, 64, 64});
  // Most probes are small, so that many fit the time; some are as large as the layers of big networks.
  work_ = chance(0.15) ? 2e8 : 4e7;
  return chance(0.2) ? dense_probe(batch) : conv_probe(batch);
}

FULCRUM_DEFINE std::int64_t ProbeSource::channels() {
  if (chance(0.15)) return log_uniform(3.0, 400.0);
  return pick(std::array<std::int64_t, 16>{8, 16, 16, 24, 32, 32, 48, 64, 64, 96, 128, 128, 192, 256, 384, 512});
}

FULCRUM_DEFINE void ProbeSource::activation(ModelBuilder<float>& b) {
  const double which = random_.uniform();
  if (which < 0.7) {
    b.relu();
  } else if (which < 0.8) {
    b.relu6();
  } else if (which < 0.84) {
    b.swish();
  } else if (which < 0.88) {
    b.sigmoid();
  }
}

FULCRUM_DEFINE void ProbeSource::conv_block(ModelBuilder<float>& b, std::int64_t batch) {
  const Shape in = b.shape();
  for (int attempt = 0; attempt < 20; ++attempt) {
    const bool depthwise = in[1] >= 8 && chance(0.15);
    const std::int64_t k = depthwise ? pick(std::array<std::int64_t, 4>{3, 3, 3, 5})
                                     : pick(std::array<std::int64_t, 10>{1, 1, 1, 3, 3, 3, 3, 3, 5, 7});
    const std::int64_t oc = depthwise || chance(0.25) ? in[1] : channels();
    const std::int64_t stride = chance(0.2) ? 2 : 1;
    const std::int64_t padding = chance(0.85) ? k / 2 : 0;
    if (std::min(in[2], in[3]) + 2 * padding < k) continue;
    const double plane = static_cast<double>(in[2] * in[3]) / static_cast<double>(stride * stride);
    const double outputs = static_cast<double>(batch * oc) * plane;
    const double ic = depthwise ? 1.0 : static_cast<double>(in[1]);
    if (outputs > most_elements || 2.0 * outputs * ic * static_cast<double>(k * k) > work_) continue;

    const NodeId before = b.last();
    add_probe_conv(b, oc, k, {{stride, stride}, padding, {1, 1}, depthwise ? in[1] : 1, chance(0.9)});
    if (b.shape() == in && chance(0.5)) {
      // Half of the residuals go around two convolutions, so that the sum can be made in their place.
      const double again = 2.0 * outputs * static_cast<double>(in[1] * k * k);
      if (!depthwise && chance(0.5) && again <= work_) {
        b.relu();
        add_probe_conv(b, oc, k, {{1, 1}, padding, {1, 1}, 1, true});
      }
      b.add(before);
    }
    activation(b);
    return;
  }
}

FULCRUM_DEFINE void ProbeSource::between(ModelBuilder<float>& b) {
  const Shape in = b.shape();
  const std::int64_t least = std::min(in[2], in[3]);
  const double which = random_.uniform();
  if (which < 0.3 && least >= 4) {
    b.max_pool(2);
  } else if (which < 0.37 && least >= 4) {
    b.max_pool(3, {{2, 2}, 1});
  } else if (which < 0.42 && least >= 4) {
    b.average_pool(2);
  } else if (which < 0.46) {
    const NodeId value = b.last();
    b.sigmoid().mul(value);
  } else if (which < 0.5 && in[1] <= 256) {
    const NodeId value = b.last();
    b.relu().concat({value});
  }
}

FULCRUM_DEFINE Probe ProbeSource::conv_probe(std::int64_t batch) {
  ModelBuilder<float> b("probe", random_());
  const std::int64_t c = pick(std::array<std::int64_t, 8>{1, 1, 3, 3, 8, 16, 32, 64});
  const double largest = std::sqrt(most_elements / static_cast<double>(batch * std::max<std::int64_t>(c, 16)));
  const std::int64_t extent = log_uniform(4.0, std::clamp(largest, 5.0, 128.0));
  b.input({c, extent, extent});
  const std::uint64_t blocks = 2 + random_.below(3);
  for (std::uint64_t i = 0; i < blocks; ++i) {
    conv_block(b, batch);
    between(b);
  }
  if (chance(0.4)) b.global_average_pool();
  b.flatten();
  dense_tail(b, batch);
  return {std::move(b).build(), batch};
}

FULCRUM_DEFINE Probe ProbeSource::winograd_probe() {
  constexpr std::array<std::int64_t, 12> wide{32, 48, 64, 64, 96, 128, 128, 192, 256, 256, 384, 512};
  constexpr double most_flops = 1e9;
  for (;;) {
    const std::int64_t batch = pick(std::array<std::int64_t, 6>{1, 1, 1, 1, 2, 4});
    StepGeometry g;
    g.ic = pick(wide);
    g.oc = chance(0.5) ? g.ic : pick(wide);
    g.oh = g.ow = chance(0.5) ? pick(std::array<std::int64_t, 3>{14, 28, 56}) : log_uniform(12.0, 64.0);
    const auto outputs = static_cast<double>(batch * g.oc * g.oh * g.ow);
    const double flops = 18.0 * outputs * static_cast<double>(g.ic);
    if (!winograd_pays(g) || outputs > most_elements || flops > most_flops) continue;
    ModelBuilder<float> b("probe", random_());
    b.input({g.ic, g.oh, g.ow});
    add_probe_conv(b, g.oc, 3, {.padding = 1});
    g.ic = g.oc;
    if (chance(0.3) && winograd_pays(g) && 18.0 * outputs * static_cast<double>(g.oc) < most_flops) {
      const NodeId before = b.last();
      b.relu();
      add_probe_conv(b, g.oc, 3, {.padding = 1});
      b.add(before);
    }
    if (chance(0.8)) b.relu();
    return {std::move(b).build(), batch};
  }
}

FULCRUM_DEFINE Probe ProbeSource::dense_probe(std::int64_t batch) {
  ModelBuilder<float> b("probe", random_());
  b.input({log_uniform(16.0, 4096.0)});
  const std::int64_t rows = chance(0.3) ? 4 * batch : batch;
  dense_tail(b, rows);
  return {std::move(b).build(), rows};
}

FULCRUM_DEFINE void ProbeSource::dense_tail(ModelBuilder<float>& b, std::int64_t rows) {
  const std::uint64_t layers = 1 + random_.below(3);
  for (std::uint64_t i = 0; i < layers; ++i) {
    const double products = std::min(1.5e6, 0.5 * work_ / static_cast<double>(rows));
    const double most = std::clamp(products / static_cast<double>(b.shape()[1]), 10.0, 2048.0);
    std::int64_t oc = log_uniform(8.0, most);
    if (chance(0.7) && oc > 16) oc = oc / 16 * 16;
    add_probe_dense(b, oc);
    if (i + 1 < layers || chance(0.3)) activation(b);
  }
  if (chance(0.6)) b.softmax();
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
  for (const NodeId id : placement.layers) {
    for_each_parameter(quantized.edit_layer(id), [&](const char* name, auto& parameter) {
      if (std::string_view(name) != "weights") return;
      parameter.quantization = weight_quantization_for(*parameter.value, options.weight_bits);
    });
  }
  return quantized;
}

}  // namespace fulcrum::detail

#endif
