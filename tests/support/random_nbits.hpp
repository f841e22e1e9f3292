#pragma once
// Dense layers with weights of a few bits, at random.
#include <cstdint>

#include <fulcrum/core/random.hpp>
#include <fulcrum/layers/matmul_nbits.hpp>

namespace fulcrum::test {

inline MatMulNBits random_nbits(Random& random, std::int64_t oc, std::int64_t ic, int bits, std::int64_t block,
                                bool zero_points, bool bias) {
  MatMulNBits layer;
  layer.ic = ic;
  layer.bits = bits;
  layer.block = block;
  Tensor<std::uint8_t> packed(Shape{oc, layer.blocks(), block * bits / 8});
  for (std::uint8_t& byte : packed.flat()) byte = static_cast<std::uint8_t>(random.below(256));
  layer.packed = std::move(packed);
  Tensor<float> scales(Shape{oc, layer.blocks()});
  for (float& scale : scales.flat()) scale = static_cast<float>(random.uniform(0.01, 0.1));
  layer.scales = std::move(scales);
  if (zero_points) {
    Tensor<std::uint8_t> zeros(Shape{oc, layer.blocks()});
    for (std::uint8_t& zero : zeros.flat()) zero = static_cast<std::uint8_t>(random.below(1U << bits));
    layer.zero_points = std::move(zeros);
  }
  if (bias) {
    Tensor<float> biases(Shape{oc});
    for (float& b : biases.flat()) b = static_cast<float>(random.uniform(-1.0, 1.0));
    layer.bias = std::move(biases);
  }
  return layer;
}

}  // namespace fulcrum::test
