#pragma once
/// \file
/// When a dense layer whose weights are integers of 8 bits, and whose source is none, runs by those integers: in f32 it
/// takes as long as its weights take to come.

#include <algorithm>
#include <cstdint>

#include <fulcrum/layers/dense.hpp>
#include <fulcrum/layers/matmul_nbits.hpp>
#include <fulcrum/schedule/step.hpp>
#include <fulcrum/tensor/quantization.hpp>

namespace fulcrum {

/// Whether a dense layer that computes in f32 is better off so: with few rows, and weights that fill a core's cache as
/// floats.
template <class T>
[[nodiscard]] bool runs_packed(const Dense<T>& dense, const StepGeometry& g) {
  constexpr std::int64_t most_rows = 4, least_weights = std::int64_t{1} << 18;
  return dense.weights.quantization && dense.weights.quantization->axis <= 0 && g.n <= most_rows &&
         g.ic * g.oc >= least_weights;
}

/// The layer with its integers, of one block for all inputs of an output.
/// Precondition: it has a map of 8 bits, for all weights or for each output.
FULCRUM_DECLARE [[nodiscard]] MatMulNBits packed_layer(const Dense<float>& dense);

/// [B] of packed_layer(dense).
[[nodiscard]] inline double packed_bytes(const Dense<float>& dense) {
  const auto weights = static_cast<double>(dense.weights.size());
  const auto outputs = static_cast<double>(dense.weights.value->dim(0));
  return weights + outputs * (sizeof(float) + 1.0) + sizeof(float) * static_cast<double>(dense.bias.size());
}

}  // namespace fulcrum

#if FULCRUM_DEFINES(schedule)

namespace fulcrum {

FULCRUM_DEFINE MatMulNBits packed_layer(const Dense<float>& dense) {
  const Quantization& q = *dense.weights.quantization;
  const std::int64_t oc = dense.weights.value->dim(0);
  const int lowest = q.dtype == DType::s8 ? -128 : 0;  // which is 0 as it is packed
  MatMulNBits layer;
  layer.ic = dense.weights.value->dim(1);
  layer.bits = 8;
  layer.block = (layer.ic + 31) / 32 * 32;
  Tensor<std::uint8_t> packed(Shape{oc, 1, layer.block});
  Tensor<float> scales(Shape{oc, 1});
  Tensor<std::uint8_t> zero_points(Shape{oc, 1});
  for (std::int64_t o = 0; o < oc; ++o) {
    const std::size_t at = q.scale.size() == 1 ? 0 : static_cast<std::size_t>(o);
    scales.flat()[static_cast<std::size_t>(o)] = q.scale[at];
    zero_points.flat()[static_cast<std::size_t>(o)] = static_cast<std::uint8_t>(q.zero_point[at] - lowest);
    for (std::int64_t i = 0; i < layer.ic; ++i) {
      const float weight = dense.weights.value->flat()[static_cast<std::size_t>(o * layer.ic + i)];
      packed.flat()[static_cast<std::size_t>(o * layer.block + i)] =
          static_cast<std::uint8_t>(quantize(weight, q.scale[at], q.zero_point[at], q.dtype) - lowest);
    }
  }
  layer.packed = std::move(packed);
  layer.scales = std::move(scales);
  layer.zero_points = std::move(zero_points);
  if (!dense.bias.empty())
    layer.bias =
        dense.bias.quantization ? quantize_dequantize(*dense.bias.value, *dense.bias.quantization) : *dense.bias.value;
  return layer;
}

}  // namespace fulcrum

#endif
