#pragma once
/// \file
/// MatMulNBits of the domain com.microsoft: a product with weights of 2, 4 or 8 bits.

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include <fulcrum/onnx/import/pieces.hpp>

namespace fulcrum::detail::onnx_io {

/// Weights of 2, 4 or 8 bits, which have a scale for each block of a column.
struct PackedWeights {
  std::int64_t k = 0;  ///< rows
  std::int64_t n = 0;  ///< columns
  std::int64_t bits = 4;
  std::int64_t block = 32;

  [[nodiscard]] std::int64_t blocks() const { return (k + block - 1) / block; }
  [[nodiscard]] std::int64_t blob() const { return block * bits / 8; }  ///< bytes of a block

  /// Element i of a row of bytes, the first in the lowest bits.
  [[nodiscard]] std::int64_t at(const std::int64_t* bytes, std::int64_t i) const {
    const std::int64_t per_byte = 8 / bits;
    return (bytes[i / per_byte] >> (i % per_byte * bits)) & ((std::int64_t{1} << bits) - 1);
  }
};

inline PackedWeights read_packed_weights(const GraphNode& node) {
  PackedWeights packed;
  packed.k = expect_setting(required_integer(node, "K"), "K");
  packed.n = expect_setting(required_integer(node, "N"), "N");
  packed.bits = integer_attribute(node, "bits", 4);
  packed.block = expect_setting(required_integer(node, "block_size"), "block_size");
  if (packed.bits != 2 && packed.bits != 4 && packed.bits != 8) {
    throw Error("attribute 'bits'", "is " + std::to_string(packed.bits), "use 2, 4 or 8");
  }
  if (packed.block % 8 != 0) throw Error("attribute 'block_size'", "is no multiple of 8", "check the export");
  return packed;
}

/// A · dequantized(B): (A, B, scales, zero_points, g_idx, bias). The weights become floats (N, K); a row of one block
/// around the middle keeps its scale, as int8.
inline void import_matmul_nbits(ImportContext& context, const GraphNode& node) {
  const PackedWeights packed = read_packed_weights(node);
  if (context.has_input(node, 4)) throw Error("its input g_idx", "reorders the rows", "quantize without act-order");
  const auto wrong_size = [](const char* what) {
    return Error(std::string("its ") + what, "do not have the size that N, K and block_size say", "check the export");
  };
  const std::vector<std::int64_t> bytes = context.integers(node, 1, "weights");
  const std::vector<float> scales = context.numbers(node, 2, "scales");
  const std::int64_t blocks = packed.blocks();
  if (static_cast<std::int64_t>(bytes.size()) != element_count({packed.n, blocks, packed.blob()})) {
    throw wrong_size("weights");
  }
  const auto count = static_cast<std::size_t>(element_count({packed.n, blocks}));
  if (scales.size() != count) throw wrong_size("scales");
  const auto middle = static_cast<float>(std::int64_t{1} << (packed.bits - 1));
  std::vector<float> zeros(count, middle);
  if (const ConstantPtr given = context.constant_or_null(node, 3)) {
    if (is_floating(given->type)) {
      zeros = context.numbers(node, 3, "zero points");
    } else {
      const std::vector<std::int64_t> packed_zeros = context.integers(node, 3, "zero points");
      const std::int64_t row = (blocks * packed.bits + 7) / 8;
      if (static_cast<std::int64_t>(packed_zeros.size()) != packed.n * row) throw wrong_size("zero points");
      for (std::size_t i = 0; i < count; ++i) {
        const auto at = static_cast<std::int64_t>(i);
        zeros[i] = static_cast<float>(packed.at(packed_zeros.data() + at / blocks * row, at % blocks));
      }
    }
    if (zeros.size() != count) throw wrong_size("zero points");
  } else if (context.has_input(node, 3)) {
    throw Error("its zero points", "are computed by the graph, not constant", "quantize the model statically");
  }
  context.reader.budget.charge(static_cast<std::size_t>(element_count({packed.n, packed.k})) * sizeof(float));
  Tensor<float> weights(Shape{packed.n, packed.k});
  float* to = weights.flat().data();
  for (std::int64_t n = 0; n < packed.n; ++n) {
    for (std::int64_t k = 0; k < packed.k; ++k) {
      const std::int64_t block = n * blocks + k / packed.block;
      const std::int64_t q = packed.at(bytes.data() + block * packed.blob(), k % packed.block);
      const auto at = static_cast<std::size_t>(block);
      *to++ = (static_cast<float>(q) - zeros[at]) * scales[at];
    }
  }
  Dense<float> layer;
  layer.weights = Parameter<float>(std::move(weights));
  const auto is_positive = [](float scale) { return scale > 0.0F && std::isfinite(scale); };
  const bool centered = std::all_of(zeros.begin(), zeros.end(), [&](float zero) { return zero == middle; });
  if (blocks == 1 && centered && std::all_of(scales.begin(), scales.end(), is_positive)) {
    layer.weights.quantization = Quantization{DType::s8, scales, std::vector<std::int32_t>(scales.size(), 0), 0};
  }
  if (context.has_input(node, 5)) layer.bias = context.parameter(node, 5, "biases");
  const NodeId src = context.src(node, 0);
  if (context.shape(src).rank() < 2) throw Error("", "takes a source of rank 1", "give it a row");
  context.append(node, std::move(layer), {src});
}

}  // namespace fulcrum::detail::onnx_io
