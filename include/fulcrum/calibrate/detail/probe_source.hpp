#pragma once
/// \file
/// Draws the small random networks whose steps are timed.

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <string_view>
#include <utility>

#include <fulcrum/calibrate/detail/line_probe.hpp>
#include <fulcrum/calibrate/detail/packed_probe.hpp>
#include <fulcrum/calibrate/detail/probe_layers.hpp>
#include <fulcrum/calibrate/detail/probe_model.hpp>
#include <fulcrum/calibrate/detail/probe_stages.hpp>
#include <fulcrum/core/linkage.hpp>
#include <fulcrum/core/random.hpp>
#include <fulcrum/model/builder.hpp>
#include <fulcrum/schedule/sparse.hpp>
#include <fulcrum/schedule/winograd.hpp>

namespace fulcrum::detail {

/// Draws probes from the space of common networks: convolutions (1×1 to 7×7, strided, dilated, grouped, depthwise) with
/// the activations, gates, residual sums, joins and pooling that go with them; dense layers; attention; recurrent
/// layers; one- and three-dimensional and transposed convolutions; and all layers that only Fulcrum's own loops run.
/// Some are short, and what they touch stays in the caches; some are long, so that weights come from memory, as in the
/// networks that people have. Channels are mostly multiples of 8. Where the machine runs convolutions by Winograd's
/// algorithm, some probes are of those, and where it gains by sparse products, some are of pruned layers.
/// Some are of dense layers with packed weights.
class ProbeSource {
public:
  /// \param isa  of the machine (Environment::isa)
  explicit ProbeSource(std::uint64_t seed, std::string_view isa = {})
      : random_(seed), packed_(~seed), draws_winograd_(isa_runs_winograd(isa)), draws_sparse_(isa_runs_sparse(isa)) {}

  FULCRUM_DECLARE Probe next();

  /// A network as people have them: of many blocks, not of one kind of layer.
  FULCRUM_DECLARE Probe network();

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

  /// \param blocks  of convolutions
  FULCRUM_DECLARE Probe conv_probe(std::int64_t batch, std::uint64_t blocks);

  /// Two layers of gates, as in squeeze-and-excitation, mostly with a multiplication that broadcasts.
  FULCRUM_DECLARE void gate(ModelBuilder<float>& b);

  FULCRUM_DECLARE Probe attention_probe();

  FULCRUM_DECLARE Probe recurrent_probe();

  /// Grouped, dilated and transposed convolutions.
  FULCRUM_DECLARE Probe other_conv_probe();

  /// One or two large convolutions of 3×3 windows.
  FULCRUM_DECLARE Probe winograd_probe();

  /// Convolutions or dense layers with so many weights 0 at random that they run as sparse products.
  FULCRUM_DECLARE Probe sparse_probe();
  FULCRUM_DECLARE Probe sparse_conv_probe();
  FULCRUM_DECLARE Probe sparse_dense_probe();

  FULCRUM_DECLARE Probe dense_probe(std::int64_t batch);

  FULCRUM_DECLARE void dense_tail(ModelBuilder<float>& b, std::int64_t rows);

  Random random_;
  Random packed_;  // draws no other probes, so that those are the same without packed ones
  LayerProbes layers_;
  bool draws_winograd_;
  bool draws_sparse_;
  double work_ = 4e7;        // [FLOP] that one convolution may take
  double products_ = 1.5e6;  // weights that one dense layer may have
};

}  // namespace fulcrum::detail

#if FULCRUM_DEFINES(calibrate)

namespace fulcrum::detail {

FULCRUM_DEFINE Probe ProbeSource::next() {
  if (packed_.uniform() < 0.05) return packed_probe(packed_);
  // Most layers are small, so that many fit the time; some are as large as those of big networks.
  work_ = chance(0.15) ? 2e8 : 4e7;
  products_ = chance(0.2) ? 3e7 : 1.5e6;
  if (draws_winograd_ && chance(0.12)) return winograd_probe();
  if (draws_sparse_ && chance(0.1)) return sparse_probe();
  const std::int64_t batch = pick(std::array<std::int64_t, 10>{1, 1, 1, 2, 4, 8, 16, 32, 64, 64});
  const double which = random_.uniform();
  if (which < 0.15) return dense_probe(batch);
  if (which < 0.22) return attention_probe();
  if (which < 0.27) return recurrent_probe();
  if (which < 0.32) return other_conv_probe();
  if (which < 0.42) return layers_.next(random_);
  if (which < 0.50) return line_probe(random_);
  if (which < 0.80) return StageProbes(random_).next();
  if (which < 0.90) return conv_probe(pick(std::array<std::int64_t, 5>{1, 1, 1, 2, 4}), 6 + random_.below(8));
  return conv_probe(batch, 2 + random_.below(3));
}

FULCRUM_DEFINE Probe ProbeSource::network() {
  work_ = chance(0.3) ? 3e8 : 1e8;
  products_ = chance(0.2) ? 8e6 : 1.5e6;
  const double which = random_.uniform();
  if (which < 0.2) return attention_probe();
  if (which < 0.28) return line_probe(random_);
  if (which < 0.7) return StageProbes(random_).next();
  return conv_probe(pick(std::array<std::int64_t, 8>{1, 1, 1, 1, 2, 4, 8, 16}), 6 + random_.below(12));
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
    if (chance(0.12)) gate(b);
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
  } else if (which < 0.56 && in[1] <= 512) {
    // As in networks that read all that came before.
    const NodeId value = b.last();
    b.batch_normalization().relu();
    add_probe_conv(b, 32, 1, {});
    b.concat({value});
  } else if (which < 0.6 && in[1] % 2 == 0) {
    // A shuffle of channels.
    b.reshape({0, 2, in[1] / 2, in[2], in[3]}).transpose({0, 2, 1, 3, 4}).reshape({0, in[1], in[2], in[3]});
  }
}

FULCRUM_DEFINE void ProbeSource::gate(ModelBuilder<float>& b) {
  const NodeId value = b.last();
  const std::int64_t c = b.shape()[1];
  b.global_average_pool();
  add_probe_conv(b, std::max<std::int64_t>(c / pick(std::array<std::int64_t, 3>{4, 8, 16}), 4), 1, {});
  chance(0.5) ? b.relu() : b.swish();
  add_probe_conv(b, c, 1, {});
  chance(0.7) ? b.sigmoid() : b.activation(ActivationKind::hard_sigmoid, 0.2F, 0.5F);
  const NodeId scale = b.last();
  b.from(value).mul(scale);
}

FULCRUM_DEFINE Probe ProbeSource::conv_probe(std::int64_t batch, std::uint64_t blocks) {
  ModelBuilder<float> b("probe", random_());
  const std::int64_t c = pick(std::array<std::int64_t, 8>{1, 1, 3, 3, 8, 16, 32, 64});
  const double largest = std::sqrt(most_elements / static_cast<double>(batch * std::max<std::int64_t>(c, 16)));
  const std::int64_t extent = log_uniform(4.0, std::clamp(largest, 5.0, 128.0));
  b.input({c, extent, extent});
  for (std::uint64_t i = 0; i < blocks; ++i) {
    conv_block(b, batch);
    between(b);
  }
  if (chance(0.4)) b.global_average_pool();
  b.flatten();
  dense_tail(b, batch);
  return {std::move(b).build(), batch};
}

FULCRUM_DEFINE Probe ProbeSource::attention_probe() {
  const bool many = chance(0.4);  // tokens, of few heads: there scores take their time
  const std::int64_t batch = many ? 1 : pick(std::array<std::int64_t, 6>{1, 1, 1, 2, 4, 16});
  const std::int64_t head = pick(std::array<std::int64_t, 4>{32, 64, 64, 80});
  const std::int64_t heads =
      many ? pick(std::array<std::int64_t, 4>{1, 2, 3, 4}) : pick(std::array<std::int64_t, 5>{2, 3, 4, 6, 12});
  const std::int64_t width = head * heads;
  // A block takes 24 FLOP per token and square of the width, and some for its scores.
  const double most = 0.5e9 / static_cast<double>(24 * batch * width * width);
  const std::int64_t tokens = log_uniform(many ? 64.0 : 4.0, std::clamp(most, many ? 96.0 : 8.0, 400.0));
  ModelBuilder<float> b("probe", random_());
  if (chance(0.3)) {  // patches of an image
    const std::int64_t patch = pick(std::array<std::int64_t, 3>{8, 16, 16});
    const std::int64_t side = std::max<std::int64_t>(std::llround(std::sqrt(static_cast<double>(tokens))), 2);
    b.input({3, side * patch, side * patch}).conv(width, patch, {.stride = {patch, patch}});
    b.reshape({0, width, -1}).transpose({0, 2, 1});
  } else {
    b.input({tokens, width});
  }
  const std::uint64_t blocks = many ? 1 : 1 + random_.below(2);
  for (std::uint64_t i = 0; i < blocks; ++i) {
    const NodeId x = b.last();
    const bool before = chance(0.5);
    if (before) b.layer_normalization();
    const NodeId source = b.last();
    const auto project = [&] {
      b.from(source);
      add_probe_dense(b, width);
      return b.reshape({0, 0, heads, head}).transpose({0, 2, 1, 3}).last();
    };
    const NodeId query = project();
    const NodeId key = project();
    const NodeId value = project();
    b.from(query).matmul(key, {.transpose_weights = true, .scale = 0.125F}).softmax().matmul(value);
    b.transpose({0, 2, 1, 3}).reshape({0, 0, width});
    add_probe_dense(b, width);
    b.add(x);
    if (!before) b.layer_normalization();
    const NodeId sum = b.last();
    if (before) b.layer_normalization();
    add_probe_dense(b, width * pick(std::array<std::int64_t, 3>{2, 4, 4}));
    chance(0.7) ? b.gelu() : b.relu();
    add_probe_dense(b, width);
    b.add(sum);
    if (!before) b.layer_normalization();
  }
  return {std::move(b).build(), batch};
}

FULCRUM_DEFINE Probe ProbeSource::recurrent_probe() {
  const std::int64_t batch = pick(std::array<std::int64_t, 6>{1, 1, 1, 2, 4, 16});
  const std::int64_t hidden = pick(std::array<std::int64_t, 8>{16, 32, 64, 128, 256, 512, 1024, 2048});
  const std::int64_t features = chance(0.4) ? hidden : log_uniform(8.0, 1024.0);
  const double products = static_cast<double>(batch * 4 * hidden * (hidden + features));
  const std::int64_t steps = log_uniform(1.0, std::clamp(2e8 / products, 4.0, 100.0));
  const bool both = hidden <= 512 && chance(0.3);
  ModelBuilder<float> b("probe", random_());
  b.input({steps, features}).transpose({1, 0, 2});
  const double which = random_.uniform();
  const RecurrentOptions options{.direction = both ? RecurrentDirection::bidirectional : RecurrentDirection::forward,
                                 .linear_before_reset = chance(0.5)};
  which < 0.55 ? b.lstm(hidden, options) : b.gru(hidden, options);
  // (steps, directions, n, hidden)
  if (!both) b.reshape({0, -1, hidden}).transpose({1, 0, 2});
  return {std::move(b).build(), batch};
}

FULCRUM_DEFINE Probe ProbeSource::other_conv_probe() {
  const std::int64_t batch = pick(std::array<std::int64_t, 5>{1, 1, 1, 4, 16});
  ModelBuilder<float> b("probe", random_());
  const std::int64_t group = pick(std::array<std::int64_t, 6>{4, 8, 8, 16, 24, 32});
  const std::int64_t groups = std::min(pick(std::array<std::int64_t, 6>{2, 4, 8, 8, 16, 32}), 512 / group);
  std::int64_t c = group * groups;
  const double plane = std::clamp(0.5 * work_ / static_cast<double>(batch * c * c), 16.0, 3000.0);
  const auto extent = static_cast<std::int64_t>(std::sqrt(plane));
  const double which = random_.uniform();
  const auto append = [&](auto layer, Shape weights, std::int64_t oc) {
    layer.weights = Tensor<float>(std::move(weights), 0.01F);
    layer.bias = Tensor<float>(Shape{oc});
    b.layer(std::move(layer), {b.last()});
    if (chance(0.7)) b.relu();
  };
  if (which < 0.35) {
    b.input({c, extent, extent});
    for (int i = 0; i < 2; ++i) {
      Conv<float> conv;
      conv.window = {{3, 3}, chance(0.2) ? Extent2{2, 2} : Extent2{1, 1}, 1, {1, 1}};
      conv.groups = groups;
      append(std::move(conv), {c, group, 3, 3}, c);
      add_probe_conv(b, c, 1, {});
    }
  } else if (which < 0.6) {
    const std::int64_t d = pick(std::array<std::int64_t, 3>{2, 2, 4});
    b.input({c, extent, extent});
    for (int i = 0; i < 2; ++i) {
      const bool deep = chance(0.3);
      Conv<float> conv;
      conv.window = {{3, 3}, {1, 1}, d, {d, d}};
      conv.groups = deep ? c : 1;
      append(std::move(conv), {c, deep ? 1 : c, 3, 3}, c);
    }
  } else {
    const std::int64_t oc = pick(std::array<std::int64_t, 6>{1, 3, 16, 32, 64, 128});
    const std::int64_t kernel = pick(std::array<std::int64_t, 3>{2, 3, 4});
    // What makes a picture is large.
    if (oc < 16) c = std::min<std::int64_t>(c, 64);
    const double largest = std::sqrt(most_elements / static_cast<double>(batch * c));
    const std::int64_t side = oc < 16 ? log_uniform(16.0, std::clamp(largest, 17.0, 160.0)) : extent;
    b.input({c, side, side});
    ConvTranspose<float> conv;
    conv.window = {{kernel, kernel}, {2, 2}, kernel == 2 ? 0 : 1, {1, 1}};
    append(std::move(conv), {c, oc, kernel, kernel}, oc);
    if (oc < 16)
      b.sigmoid();
    else
      add_probe_conv(b, oc, 3, {.padding = 1});
  }
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

FULCRUM_DEFINE Probe ProbeSource::sparse_probe() { return chance(0.6) ? sparse_conv_probe() : sparse_dense_probe(); }

FULCRUM_DEFINE Probe ProbeSource::sparse_conv_probe() {
  constexpr double most_flops = 5e8;
  for (;;) {
    const std::int64_t batch = pick(std::array<std::int64_t, 6>{1, 1, 1, 1, 2, 8});
    StepGeometry g;
    g.n = batch;
    g.ic = channels();
    g.oc = channels();
    g.kh = g.kw = pick(std::array<std::int64_t, 6>{1, 1, 1, 1, 3, 3});
    g.stride = chance(0.2) ? 2 : 1;
    g.ih = g.iw = chance(0.6) ? pick(std::array<std::int64_t, 4>{7, 14, 28, 56}) : log_uniform(6.0, 64.0);
    g.oh = g.ow = (g.ih - 1) / g.stride + 1;
    const auto outputs = static_cast<double>(batch * g.oc * g.oh * g.ow);
    const double flops = 2.0 * outputs * static_cast<double>(g.ic * g.kh * g.kw);
    if (outputs > most_elements || static_cast<double>(batch * g.ic * g.ih * g.iw) > most_elements ||
        flops > most_flops || break_even_sparsity(g) > 0.95)
      continue;
    ModelBuilder<float> b("probe", random_());
    b.input({g.ic, g.ih, g.iw});
    const auto conv = [&](const StepGeometry& of) {
      Conv<float> layer;
      layer.weights = pruned_weights(random_, {of.oc, of.ic, of.kh, of.kw}, of);
      layer.bias = Tensor<float>(Shape{of.oc});
      layer.window = {{of.kh, of.kw}, {of.stride, of.stride}, of.kh / 2, {1, 1}};
      b.layer(std::move(layer), {b.last()});
    };
    conv(g);
    const NodeId first = b.last();
    const Shape shape = b.shape();
    if (chance(0.8)) b.relu();
    // Between pruned layers values lie otherwise than between others.
    StepGeometry next = g;
    next.ic = g.oc;
    next.ih = next.iw = g.oh;
    next.kh = next.kw = 1;
    next.stride = 1;
    if (chance(0.7) && break_even_sparsity(next) < 0.9) {
      // A depthwise convolution between them runs in planes.
      if (next.ih >= 5 && chance(0.3)) {
        const std::int64_t kernel = chance(0.8) ? 3 : 5, stride = chance(0.3) ? 2 : 1;
        add_probe_conv(b, g.oc, kernel, {.stride = {stride, stride}, .padding = kernel / 2, .groups = g.oc});
        if (chance(0.8)) b.relu6();
        next.ih = next.iw = next.oh = next.ow = b.shape()[2];
      }
      conv(next);
      if (b.shape() == shape && chance(0.5)) b.add(first);
      if (chance(0.8)) b.relu();
    }
    return {std::move(b).build(), batch};
  }
}

FULCRUM_DEFINE Probe ProbeSource::sparse_dense_probe() {
  constexpr double most_flops = 5e8, most_weights = 8e6;
  for (;;) {
    StepGeometry g;
    g.n = pick(std::array<std::int64_t, 10>{1, 1, 1, 2, 4, 8, 16, 32, 128, 256});
    g.ic = log_uniform(64.0, 4096.0);
    g.oc = log_uniform(64.0, 4096.0);
    const auto weights = static_cast<double>(g.ic * g.oc);
    if (weights > most_weights || 2.0 * weights * static_cast<double>(g.n) > most_flops ||
        break_even_sparsity(g) > 0.95)
      continue;
    ModelBuilder<float> b("probe", random_());
    b.input({g.ic});
    Dense<float> dense;
    dense.weights = pruned_weights(random_, {g.oc, g.ic}, g);
    dense.bias = Tensor<float>(Shape{g.oc});
    b.layer(std::move(dense), {b.last()});
    if (chance(0.3)) activation(b);
    return {std::move(b).build(), g.n};
  }
}

FULCRUM_DEFINE Probe ProbeSource::dense_probe(std::int64_t batch) {
  ModelBuilder<float> b("probe", random_());
  std::int64_t width = log_uniform(16.0, 4096.0);
  if (chance(0.6) && width > 32) width = width / 32 * 32;
  b.input({width});
  // Inferences of a few microseconds find all that they touch, their code too, where the last one left it.
  const bool tiny = chance(0.4);
  if (tiny) products_ = 2e5;
  const std::int64_t rows = tiny ? 1 : chance(0.3) ? 4 * batch : batch;
  dense_tail(b, rows);
  return {std::move(b).build(), rows};
}

FULCRUM_DEFINE void ProbeSource::dense_tail(ModelBuilder<float>& b, std::int64_t rows) {
  const std::uint64_t layers = 1 + random_.below(3);
  for (std::uint64_t i = 0; i < layers; ++i) {
    const double products = std::min(products_, 0.5 * work_ / static_cast<double>(rows));
    const double most = std::clamp(products / static_cast<double>(b.shape()[1]), 10.0, 4096.0);
    std::int64_t oc = log_uniform(8.0, most);
    const std::int64_t multiple = chance(0.5) ? 64 : chance(0.5) ? 16 : 1;
    if (oc > multiple) oc = oc / multiple * multiple;
    add_probe_dense(b, oc);
    if (i + 1 < layers || chance(0.3)) activation(b);
  }
  if (chance(0.6)) b.softmax();
}

}  // namespace fulcrum::detail

#endif
