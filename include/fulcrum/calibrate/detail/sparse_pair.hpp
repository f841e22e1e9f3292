#pragma once
/// \file
/// Layers that are timed dense and, pruned about to where both take as long, sparse.

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdint>
#include <utility>
#include <vector>

#include <fulcrum/calibrate/detail/probe_model.hpp>
#include <fulcrum/calibrate/detail/time_probe.hpp>
#include <fulcrum/calibrate/fit_sparse_costs.hpp>
#include <fulcrum/core/linkage.hpp>
#include <fulcrum/core/random.hpp>
#include <fulcrum/model/builder.hpp>
#include <fulcrum/schedule/step.hpp>

namespace fulcrum::detail {

/// Draws a convolution or dense layer of a usual size.
FULCRUM_DECLARE [[nodiscard]] StepGeometry draw_sparse_layer(Random& random);

/// A network of that layer and a ReLU, with as many weights that are not 0, at random.
FULCRUM_DECLARE [[nodiscard]] Probe sparse_layer_probe(const StepGeometry& g, double density, Random& random);

}  // namespace fulcrum::detail

#if FULCRUM_DEFINES(calibrate)

namespace fulcrum::detail {

FULCRUM_DEFINE StepGeometry draw_sparse_layer(Random& random) {
  constexpr double least_flops = 1e5, most_flops = 3e8, most_weights = 6e6, most_elements = 1.5e6;
  const auto chance = [&](double p) { return random.uniform() < p; };
  const auto log_uniform = [&](double low, double high) {
    return static_cast<std::int64_t>(std::lround(std::exp2(random.uniform(std::log2(low), std::log2(high)))));
  };
  const auto pick = [&](const auto& from) { return from[static_cast<std::size_t>(random.below(from.size()))]; };
  const auto channels = [&] {
    const std::int64_t count = log_uniform(16.0, 1536.0);
    return chance(0.85) && count > 16 ? count / 8 * 8 : count;
  };
  for (;;) {
    StepGeometry g;
    if (chance(0.65)) {
      g.n = pick(std::array<std::int64_t, 8>{1, 1, 1, 1, 1, 2, 4, 8});
      g.ic = channels();
      g.oc = channels();
      g.kh = g.kw = pick(std::array<std::int64_t, 8>{1, 1, 1, 1, 1, 3, 3, 5});
      g.stride = chance(0.15) ? 2 : 1;
      g.ih = g.iw = chance(0.6) ? pick(std::array<std::int64_t, 4>{7, 14, 28, 56}) : log_uniform(6.0, 64.0);
      g.oh = g.ow = (g.ih - 1) / g.stride + 1;
    } else {
      g.n = pick(std::array<std::int64_t, 13>{1, 1, 1, 1, 2, 4, 8, 16, 16, 32, 64, 128, 256});
      g.ic = log_uniform(64.0, 4096.0);
      g.oc = log_uniform(64.0, 4096.0);
    }
    const auto weights = static_cast<double>(g.ic * g.oc * g.kh * g.kw);
    const double flops = 2.0 * weights * static_cast<double>(g.n * g.oh * g.ow);
    if (flops >= least_flops && flops <= most_flops && weights <= most_weights &&
        static_cast<double>(g.n * g.ic * g.ih * g.iw) <= most_elements &&
        static_cast<double>(g.n * g.oc * g.oh * g.ow) <= most_elements)
      return g;
  }
}

FULCRUM_DEFINE Probe sparse_layer_probe(const StepGeometry& g, double density, Random& random) {
  ModelBuilder<float> b("probe", random());
  const bool dense = g.ih == 1;
  Tensor<float> weights(dense ? Shape{g.oc, g.ic} : Shape{g.oc, g.ic, g.kh, g.kw},
                        1.0F / static_cast<float>(g.ic * g.kh * g.kw));
  for (float& weight : weights.flat()) {
    if (random.uniform() >= density) weight = 0.0F;
  }
  const auto append = [&](auto layer) {
    layer.weights = std::move(weights);
    layer.bias = Tensor<float>(Shape{g.oc});
    b.layer(std::move(layer), {b.last()});
  };
  if (dense) {
    b.input({g.ic});
    append(Dense<float>{});
  } else {
    b.input({g.ic, g.ih, g.iw});
    Conv<float> conv;
    conv.window = {{g.kh, g.kw}, {g.stride, g.stride}, g.kh / 2, {1, 1}};
    append(std::move(conv));
  }
  b.relu();
  return {std::move(b).build(), g.n};
}

}  // namespace fulcrum::detail

#endif
