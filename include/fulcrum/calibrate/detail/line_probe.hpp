#pragma once
/// \file
/// Draws networks over lines (sound, sequences of features) and over volumes (clips, scans).

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <utility>

#include <fulcrum/calibrate/detail/probe_model.hpp>
#include <fulcrum/core/linkage.hpp>
#include <fulcrum/core/random.hpp>
#include <fulcrum/model/builder.hpp>

namespace fulcrum::detail {

/// Some convolutions over lines, as planes of height 1, or over volumes, with the batch normalization, activations,
/// residual sums and pooling that go with them: windows long and strided on the raw signal, short, dilated or depthwise
/// behind it.
FULCRUM_DECLARE [[nodiscard]] Probe line_probe(Random& random);

}  // namespace fulcrum::detail

#if FULCRUM_DEFINES(calibrate)

namespace fulcrum::detail {

/// Draws one network.
class LineProbe {
public:
  explicit LineProbe(Random& random) : random_(random), b_("probe", random()) {}

  FULCRUM_DECLARE Probe lines();
  FULCRUM_DECLARE Probe volumes();

private:
  bool chance(double p) { return random_.uniform() < p; }
  template <class... N>
  std::int64_t pick(N... values) {
    const std::array<std::int64_t, sizeof...(N)> all{static_cast<std::int64_t>(values)...};
    return all[static_cast<std::size_t>(random_.below(all.size()))];
  }
  std::int64_t log_uniform(double low, double high) {
    return static_cast<std::int64_t>(std::lround(std::exp2(random_.uniform(std::log2(low), std::log2(high)))));
  }

  /// Appends a convolution with what follows it, unless it takes too much or does not fit.
  FULCRUM_DECLARE bool conv(std::int64_t oc, const Window& window, std::int64_t groups);
  FULCRUM_DECLARE void tail(std::int64_t classes);

  static constexpr double most_elements = 1.5e6;

  Random& random_;
  ModelBuilder<float> b_;
  std::int64_t batch_ = 1;
  double most_flops_ = 8e7;  // of a convolution
  double flops_ = 5e8;       // that all together may yet take
};

FULCRUM_DEFINE Probe line_probe(Random& random) {
  LineProbe probe(random);
  return random.uniform() < 0.5 ? probe.lines() : probe.volumes();
}

FULCRUM_DEFINE bool LineProbe::conv(std::int64_t oc, const Window& window, std::int64_t groups) {
  const Shape src = b_.shape();
  const bool deep = src.size() == 5;
  const auto fits = [](std::int64_t extent, std::int64_t kernel, std::int64_t dilation, std::int64_t around) {
    return extent + around >= dilation * (kernel - 1) + 1;
  };
  const Padding& p = window.padding;
  if (!fits(src[src.size() - 1], window.kernel[1], window.dilation[1], p.left + p.right) ||
      !fits(src[src.size() - 2], window.kernel[0], window.dilation[0], p.top + p.bottom) ||
      (deep && !fits(src[2], window.depth.kernel, 1, window.depth.front + window.depth.back)))
    return false;
  Shape shape{oc, src[1] / groups, window.kernel[0], window.kernel[1]};
  if (deep) shape.insert(shape.begin() + 2, window.depth.kernel);
  const auto taps = static_cast<double>(element_count(shape)) / static_cast<double>(oc);
  double dst = static_cast<double>(batch_ * oc) / static_cast<double>(window.stride[0] * window.stride[1]);
  for (std::size_t i = 2; i < src.size(); ++i) dst *= static_cast<double>(src[i]);
  if (deep) dst /= static_cast<double>(window.depth.stride);
  const double flops = 2.0 * dst * taps;
  if (dst > most_elements || flops > std::min(most_flops_, flops_)) return false;
  flops_ -= flops;

  const NodeId before = b_.last();
  Conv<float> layer;
  layer.weights = Tensor<float>(shape, 1.0F / static_cast<float>(taps));
  layer.window = window;
  layer.groups = groups;
  const bool normalized = chance(0.6);
  if (!normalized) layer.bias = Tensor<float>(Shape{oc});
  b_.layer(std::move(layer), {b_.last()});
  if (normalized) b_.batch_normalization();
  if (b_.shape() == src && chance(0.4)) b_.add(before);
  if (chance(0.85)) b_.relu();
  return true;
}

FULCRUM_DEFINE void LineProbe::tail(std::int64_t classes) {
  b_.global_average_pool().flatten();
  add_probe_dense(b_, classes);
}

FULCRUM_DEFINE Probe LineProbe::lines() {
  batch_ = pick(1, 1, 1, 1, 2, 4, 16);
  const auto samples = static_cast<double>(batch_);
  const auto with_padding = [](std::int64_t kernel, std::int64_t stride, std::int64_t dilation) {
    const std::int64_t around = dilation * (kernel / 2);
    return Window{
        .kernel = {1, kernel}, .stride = {1, stride}, .padding = {0, around, 0, around}, .dilation = {1, dilation}};
  };
  bool drawn = false;
  if (chance(0.4)) {  // the signal itself
    b_.input({1, 1, log_uniform(1000.0, std::min(32000.0, 2e5 / samples))});
    const std::int64_t stride = pick(2, 4, 8, 16);
    const std::int64_t kernel = chance(0.5) ? 5 * stride : 2 * stride + 1;
    drawn = conv(pick(16, 32, 32, 64, 128), Window{.kernel = {1, kernel}, .stride = {1, stride}}, 1);
  } else {
    const std::int64_t c = pick(16, 40, 64, 80, 128, 256, 512);
    b_.input({c, 1, log_uniform(24.0, std::min(2000.0, most_elements / samples / static_cast<double>(c)))});
  }
  for (int block = 0, blocks = 2 + static_cast<int>(random_.below(3)); block < blocks; ++block) {
    const std::int64_t c = b_.shape()[1];
    if (b_.shape()[3] >= 8 && chance(0.45)) {
      const std::int64_t kernel = pick(2, 2, 3, 4, 4);
      Pool pool;
      pool.pool = chance(0.75) ? PoolKind::max : PoolKind::average;
      pool.window = {{1, kernel}, {1, kernel}};
      b_.layer(pool, {b_.last()});
    }
    for (int attempt = 0; attempt < 10; ++attempt) {
      const bool depthwise = c >= 8 && chance(0.2);
      const std::int64_t kernel = depthwise ? pick(3, 5, 9, 15, 31) : pick(1, 1, 3, 3, 3, 3, 5, 7, 9);
      const std::int64_t stride = chance(0.15) ? 2 : 1, dilation = stride == 1 && chance(0.25) ? pick(2, 4, 8) : 1;
      const std::int64_t oc = depthwise || chance(0.5) ? c : pick(16, 32, 64, 64, 128, 256, 512);
      if (!conv(oc, with_padding(kernel, stride, dilation), depthwise ? c : 1)) continue;
      drawn = true;
      break;
    }
  }
  if (!drawn || chance(0.6)) tail(pick(10, 35, 128));
  return {std::move(b_).build(), batch_};
}

FULCRUM_DEFINE Probe LineProbe::volumes() {
  batch_ = pick(1, 1, 1, 2, 4);
  if (chance(0.4)) most_flops_ = 4e8;  // clips are large
  const std::int64_t c = pick(1, 3, 3, 16, 32, 64, 128);
  const std::int64_t depth = pick(4, 8, 8, 16, 32);
  const double of_plane = most_elements / static_cast<double>(batch_ * std::max<std::int64_t>(c, 16) * depth);
  const std::int64_t side = log_uniform(6.0, std::clamp(std::sqrt(of_plane), 7.0, 112.0));
  b_.input({c, depth, side, side});
  bool drawn = false;
  for (int block = 0, blocks = 1 + static_cast<int>(random_.below(3)); block < blocks; ++block) {
    const std::int64_t before = b_.shape()[1];
    if (b_.shape()[2] >= 4 && b_.shape()[3] >= 8 && chance(0.25)) {
      Pool pool;
      pool.pool = chance(0.7) ? PoolKind::max : PoolKind::average;
      const bool of_planes = chance(0.3);
      pool.window = {{2, 2}, {2, 2}};
      if (!of_planes) pool.window.depth = {.kernel = 2, .stride = 2};
      b_.layer(pool, {b_.last()});
    }
    for (int attempt = 0; attempt < 10; ++attempt) {
      const std::int64_t k = block == 0 && before <= 3 ? pick(3, 5, 7) : pick(1, 3, 3, 3);
      const std::int64_t deep = chance(0.7) ? std::min<std::int64_t>(k, 3) : 1;
      const std::int64_t plane = deep == 3 && chance(0.2) ? 1 : k;  // in two steps: along the depth alone
      const std::int64_t stride = chance(0.25) ? 2 : 1;
      Window window{.kernel = {plane, plane}, .stride = {stride, stride}, .padding = plane / 2};
      window.depth = {.kernel = deep, .stride = deep == 3 ? stride : 1, .front = deep / 2, .back = deep / 2};
      if (!conv(chance(0.5) && before >= 8 ? before : pick(8, 16, 32, 64, 128), window, 1)) continue;
      drawn = true;
      break;
    }
  }
  if (!drawn || chance(0.6)) {
    b_.mean({2, 3, 4}, false);
    add_probe_dense(b_, pick(10, 128, 400));
  }
  return {std::move(b_).build(), batch_};
}

}  // namespace fulcrum::detail

#endif
