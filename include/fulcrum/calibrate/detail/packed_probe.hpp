#pragma once
/// \file
/// Draws dense layers with packed weights.

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <utility>

#include <fulcrum/calibrate/detail/probe_model.hpp>
#include <fulcrum/core/linkage.hpp>
#include <fulcrum/core/random.hpp>
#include <fulcrum/model/builder.hpp>

namespace fulcrum::detail {

/// A dense layer with weights of 4 or 8 bits, mostly of one row.
FULCRUM_DECLARE [[nodiscard]] Probe packed_probe(Random& random);

}  // namespace fulcrum::detail

#if FULCRUM_DEFINES(calibrate)

namespace fulcrum::detail {

FULCRUM_DEFINE Probe packed_probe(Random& random) {
  constexpr double most_flops = 5e8, most_weights = 2e7;
  constexpr std::int64_t all_rows[] = {1, 1, 1, 1, 2, 4, 8, 16, 32, 128}, blocks[] = {16, 32, 32, 64, 128};
  const auto extent = [&] { return static_cast<std::int64_t>(std::lround(std::exp2(random.uniform(6.0, 13.0)))); };
  for (;;) {
    const std::int64_t rows = all_rows[static_cast<std::size_t>(random.below(10))], oc = extent();
    MatMulNBits layer;
    layer.ic = extent();
    const auto weights = static_cast<double>(layer.ic * oc);
    if (weights > most_weights || 2.0 * weights * static_cast<double>(rows) > most_flops) continue;
    layer.bits = random.uniform() < 0.6 ? 4 : 8;
    layer.block = blocks[static_cast<std::size_t>(random.below(5))];
    const Shape of_blocks{oc, layer.blocks()};
    layer.packed = Tensor<std::uint8_t>(Shape{oc, layer.blocks(), layer.block * layer.bits / 8}, std::uint8_t{0x9a});
    layer.scales = Tensor<float>(of_blocks, 1.0F / static_cast<float>(8 * layer.ic));
    if (random.uniform() < 0.5) layer.zero_points = Tensor<std::uint8_t>(of_blocks, std::uint8_t{7});
    layer.bias = Tensor<float>(Shape{oc});
    ModelBuilder<float> b("probe", random());
    b.input({layer.ic});
    b.layer(std::move(layer), {b.last()});
    if (random.uniform() < 0.3) b.relu();
    return {std::move(b).build(), rows};
  }
}

}  // namespace fulcrum::detail

#endif
