#pragma once
/// \file
/// Probes that are stages of the kinds of convolutional networks that people have: residual, bottleneck, inverted
/// residual, dense, fire and the others, at usual resolutions and widths, but of no network in particular.

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <utility>
#include <vector>

#include <fulcrum/calibrate/detail/probe_model.hpp>
#include <fulcrum/core/linkage.hpp>
#include <fulcrum/core/random.hpp>
#include <fulcrum/model/builder.hpp>
#include <fulcrum/model/infer_shapes.hpp>

namespace fulcrum::detail {

/// Draws such stages.
class StageProbes {
public:
  explicit StageProbes(Random& random) : random_(random) {}

  FULCRUM_DECLARE Probe next();

private:
  FULCRUM_DECLARE Probe draw();

  bool chance(double p) { return random_.uniform() < p; }
  template <class... N>
  std::int64_t pick(N... values) {
    const std::array<std::int64_t, sizeof...(N)> all{static_cast<std::int64_t>(values)...};
    return all[static_cast<std::size_t>(random_.below(all.size()))];
  }
  FULCRUM_DECLARE void activation(ModelBuilder<float>& b);
  FULCRUM_DECLARE void conv(ModelBuilder<float>& b, std::int64_t oc, std::int64_t kernel, std::int64_t stride = 1,
                            std::int64_t groups = 1);
  FULCRUM_DECLARE void gate(ModelBuilder<float>& b, std::int64_t squeezed);
  FULCRUM_DECLARE void add_where_it_fits(ModelBuilder<float>& b, NodeId shortcut);
  FULCRUM_DECLARE void head(ModelBuilder<float>& b);
  /// A product that takes what the stage makes: what no product takes stays in f32, which the middle of a network is
  /// not.
  FULCRUM_DECLARE void next_stage(ModelBuilder<float>& b);

  FULCRUM_DECLARE void residual(ModelBuilder<float>& b, std::int64_t stride);
  FULCRUM_DECLARE void bottleneck(ModelBuilder<float>& b, std::int64_t width, std::int64_t stride);
  FULCRUM_DECLARE void in_groups(ModelBuilder<float>& b, std::int64_t group, std::int64_t stride);
  FULCRUM_DECLARE void inverted(ModelBuilder<float>& b, std::int64_t stride);
  FULCRUM_DECLARE void densely(ModelBuilder<float>& b);
  FULCRUM_DECLARE void fire(ModelBuilder<float>& b);
  FULCRUM_DECLARE void shuffled(ModelBuilder<float>& b);
  FULCRUM_DECLARE void branches(ModelBuilder<float>& b);
  FULCRUM_DECLARE void pixels_last(ModelBuilder<float>& b);

  Random& random_;
  ActivationKind function_ = ActivationKind::relu;  // of the stage
  bool gates_ = false;
};

}  // namespace fulcrum::detail

#if FULCRUM_DEFINES(calibrate)

namespace fulcrum::detail {

FULCRUM_DEFINE void StageProbes::activation(ModelBuilder<float>& b) {
  if (function_ == ActivationKind::clip)
    b.relu6();
  else
    b.activation(function_, 1.0F);
}

FULCRUM_DEFINE void StageProbes::conv(ModelBuilder<float>& b, std::int64_t oc, std::int64_t kernel, std::int64_t stride,
                                      std::int64_t groups) {
  add_probe_conv(b, oc, kernel, {{stride, stride}, kernel / 2, {1, 1}, groups, true});
}

FULCRUM_DEFINE void StageProbes::gate(ModelBuilder<float>& b, std::int64_t squeezed) {
  const NodeId value = b.last();
  const std::int64_t c = b.shape()[1];
  b.global_average_pool();
  conv(b, std::max<std::int64_t>(squeezed, 4), 1);
  b.relu();
  conv(b, c, 1);
  function_ == ActivationKind::hard_swish ? b.activation(ActivationKind::hard_sigmoid, 1.0F / 6.0F, 0.5F) : b.sigmoid();
  const NodeId scale = b.last();
  b.from(value).mul(scale);
}

FULCRUM_DEFINE void StageProbes::add_where_it_fits(ModelBuilder<float>& b, NodeId shortcut) {
  const NodeId value = b.last();
  const Shape shape = b.shape();
  if (b.from(shortcut).shape() == shape)
    b.from(value).add(shortcut);
  else
    b.from(value);
}

FULCRUM_DEFINE void StageProbes::head(ModelBuilder<float>& b) {
  b.global_average_pool().flatten();
  if (chance(0.3)) {
    add_probe_dense(b, pick(1024, 1280, 2048, 4096));
    b.relu();
  }
  add_probe_dense(b, pick(10, 100, 1000, 1000));
  if (chance(0.4)) b.softmax();
}

FULCRUM_DEFINE void StageProbes::next_stage(ModelBuilder<float>& b) { conv(b, pick(16, 32, 64), 1); }

FULCRUM_DEFINE void StageProbes::residual(ModelBuilder<float>& b, std::int64_t stride) {
  const NodeId x = b.last();
  const std::int64_t width = stride == 2 ? 2 * b.shape()[1] : b.shape()[1];
  conv(b, width, 3, stride);
  activation(b);
  conv(b, width, 3);
  const NodeId value = b.last();
  NodeId shortcut = x;
  if (stride == 2) {
    b.from(x);
    conv(b, width, 1, 2);
    shortcut = b.last();
  }
  b.from(value).add(shortcut);
  activation(b);
}

FULCRUM_DEFINE void StageProbes::bottleneck(ModelBuilder<float>& b, std::int64_t width, std::int64_t stride) {
  const NodeId x = b.last();
  const std::int64_t groups = chance(0.25) && width % 32 == 0 ? 32 : 1;
  conv(b, width, 1);
  activation(b);
  conv(b, width, 3, stride, groups);
  activation(b);
  if (gates_) gate(b, width / 4);
  conv(b, 4 * width, 1);
  const NodeId value = b.last();
  const Shape shape = b.shape();
  NodeId shortcut = x;
  if (b.from(x).shape() != shape) {
    conv(b, 4 * width, 1, stride);
    shortcut = b.last();
  }
  b.from(value).add(shortcut);
  activation(b);
}

FULCRUM_DEFINE void StageProbes::in_groups(ModelBuilder<float>& b, std::int64_t group, std::int64_t stride) {
  const NodeId x = b.last();
  const std::int64_t width = stride == 2 ? 2 * b.shape()[1] : b.shape()[1];
  conv(b, width, 1);
  activation(b);
  conv(b, width, 3, stride, width / group);
  activation(b);
  if (gates_) gate(b, std::max<std::int64_t>(width / 8, 4));
  conv(b, width, 1);
  add_where_it_fits(b, x);
  activation(b);
}

FULCRUM_DEFINE void StageProbes::inverted(ModelBuilder<float>& b, std::int64_t stride) {
  const NodeId x = b.last();
  const std::int64_t c = b.shape()[1];
  const std::int64_t wide = c * pick(3, 4, 6, 6, 6);
  conv(b, wide, 1);
  activation(b);
  conv(b, wide, pick(3, 3, 5), stride, wide);
  activation(b);
  if (gates_) gate(b, c / 4);
  conv(b, stride == 2 ? c * 3 / 2 / 8 * 8 + 8 : c, 1);
  add_where_it_fits(b, x);
}

FULCRUM_DEFINE void StageProbes::densely(ModelBuilder<float>& b) {
  const NodeId x = b.last();
  b.batch_normalization();
  activation(b);
  conv(b, 128, 1);
  activation(b);
  conv(b, pick(24, 32, 32, 48), 3);
  const NodeId grown = b.last();
  b.from(x).concat({grown});
}

FULCRUM_DEFINE void StageProbes::fire(ModelBuilder<float>& b) {
  const std::int64_t squeezed = pick(16, 32, 48, 64);
  conv(b, squeezed, 1);
  activation(b);
  const NodeId x = b.last();
  conv(b, 4 * squeezed, 3);
  activation(b);
  const NodeId three = b.last();
  b.from(x);
  conv(b, 4 * squeezed, 1);
  activation(b);
  b.concat({three});
}

FULCRUM_DEFINE void StageProbes::shuffled(ModelBuilder<float>& b) {
  const Shape in = b.shape();
  const std::int64_t half = in[1] / 2;
  const NodeId x = b.last();
  b.slice(1, 0, half);
  const NodeId kept = b.last();
  b.from(x).slice(1, half, 2 * half);
  conv(b, half, 1);
  activation(b);
  conv(b, half, 3, 1, half);
  conv(b, half, 1);
  activation(b);
  const NodeId other = b.last();
  b.from(kept).concat({other});
  b.reshape({0, 2, half, in[2], in[3]}).transpose({0, 2, 1, 3, 4}).reshape({0, 2 * half, in[2], in[3]});
}

FULCRUM_DEFINE void StageProbes::branches(ModelBuilder<float>& b) {
  const NodeId x = b.last();
  std::vector<NodeId> others;
  for (const std::int64_t kernel : {std::int64_t{3}, pick(3, 5)}) {
    b.from(x);
    conv(b, pick(16, 32, 64, 96), 1);
    activation(b);
    conv(b, pick(32, 64, 96, 128, 208), kernel);
    activation(b);
    others.push_back(b.last());
  }
  b.from(x).max_pool(3, {.stride = {1, 1}, .padding = 1});
  conv(b, pick(32, 64, 128), 1);
  activation(b);
  others.push_back(b.last());
  b.from(x);
  conv(b, pick(64, 128, 192), 1);
  activation(b);
  b.concat(others);
}

FULCRUM_DEFINE void StageProbes::pixels_last(ModelBuilder<float>& b) {
  const NodeId x = b.last();
  const std::int64_t c = b.shape()[1];
  conv(b, c, 7, 1, c);
  b.transpose({0, 2, 3, 1}).layer_normalization();
  add_probe_dense(b, 4 * c);
  b.gelu();
  add_probe_dense(b, c);
  b.transpose({0, 3, 1, 2}).add(x);
}

FULCRUM_DEFINE Probe StageProbes::next() {
  constexpr double most_flops = 1.2e9;
  for (;;) {
    Probe probe = draw();
    if (total_work(probe.model, probe.batch).flops <= most_flops) return probe;
  }
}

FULCRUM_DEFINE Probe StageProbes::draw() {
  constexpr double most_elements = 4e6;
  const std::int64_t batch = pick(1, 1, 1, 1, 1, 2, 4, 8, 16, 16);
  const std::array functions{ActivationKind::relu,      ActivationKind::relu,  ActivationKind::relu,
                             ActivationKind::clip,      ActivationKind::swish, ActivationKind::hard_swish,
                             ActivationKind::leaky_relu};
  function_ = functions[static_cast<std::size_t>(random_.below(functions.size()))];
  gates_ = chance(0.3);
  ModelBuilder<float> b("probe", random_());
  const std::int64_t kind = static_cast<std::int64_t>(random_.below(13));
  if (kind == 0 || kind == 12) {  // what images go through first
    const std::int64_t extent = batch > 4 ? pick(64, 96, 112) : pick(112, 160, 224, 224, 224, 256);
    b.input({pick(3, 3, 3, 1), extent, extent});
    const std::int64_t kernel = pick(3, 3, 5, 7, 7);
    conv(b, pick(16, 24, 32, 32, 64, 64), kernel, 2);
    activation(b);
    if (kernel == 7 || chance(0.2))
      b.max_pool(3, {.stride = {2, 2}, .padding = 1});
    else if (chance(0.6)) {
      conv(b, b.shape()[1], 3, 1, b.shape()[1]);
      activation(b);
      conv(b, pick(16, 24, 32, 64), 1);
      activation(b);
    }
    next_stage(b);
    return {std::move(b).build(), batch};
  }
  std::int64_t extent = pick(7, 14, 14, 28, 28, 56, 112);
  if (chance(0.25)) extent = std::max<std::int64_t>(extent * pick(7, 8, 9, 10, 12) / 10, 4);
  std::int64_t c = 0;
  const std::int64_t group = pick(8, 8, 16, 16, 24, 32, 48, 64);
  for (;;) {
    switch (kind) {
      case 1:
      case 2: c = pick(16, 32, 64, 128, 256, 512); break;
      case 3:
      case 4: c = 4 * pick(32, 64, 128, 256, 512); break;
      case 5:
      case 6: c = pick(16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 136, 160, 192, 232, 320); break;
      case 7: c = pick(64, 96, 128, 160, 256, 320, 512, 768); break;
      case 8: c = pick(58, 64, 116, 128, 232, 464); break;
      case 9: c = pick(96, 128, 192, 256, 480, 512, 832); break;
      case 10: c = group * pick(4, 6, 8, 13, 16, 20, 26, 32, 48, 55); break;
      default: c = pick(40, 48, 80, 96, 160, 192, 320, 384, 768); break;
    }
    // Networks grow wider where planes shrink.
    constexpr std::int64_t widest = 15000;
    if (c * extent <= widest && static_cast<double>(batch * c * extent * extent) <= most_elements) break;
    if (extent > 7) extent = std::max<std::int64_t>(extent / 2, 7);
  }
  b.input({c, extent, extent});
  // Another block of most kinds is the same again; of these it is wider, or takes values that lie otherwise than an
  // input.
  const bool differs = kind == 7 || kind == 8 || kind == 9;
  const std::uint64_t blocks = differs ? 2 + random_.below(2) : chance(0.3) ? 2 : 1;
  for (std::uint64_t i = 0; i < blocks; ++i) {
    const std::int64_t stride = i == 0 && extent >= 14 && chance(0.35) ? 2 : 1;
    switch (kind) {
      case 1:
      case 2: residual(b, stride); break;
      case 3:
      case 4: bottleneck(b, c / 4, stride); break;
      case 5:
      case 6: inverted(b, stride); break;
      case 7: densely(b); break;
      case 8: shuffled(b); break;
      case 9: chance(0.5) ? fire(b) : branches(b); break;
      case 10: in_groups(b, group, stride); break;
      default: pixels_last(b); break;
    }
  }
  if (chance(0.15)) b.max_pool(pick(2, 3), {.stride = {2, 2}});
  if (extent <= 14 && chance(0.5))
    head(b);
  else
    next_stage(b);
  return {std::move(b).build(), batch};
}

}  // namespace fulcrum::detail

#endif
