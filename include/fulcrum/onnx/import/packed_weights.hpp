#pragma once
/// \file
/// MatMulNBits of the domain com.microsoft: a product with weights of 2, 4 or 8 bits, which stay packed.

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <fulcrum/onnx/import/pieces.hpp>

namespace fulcrum::detail::onnx_io {

/// Input i as constant bytes of a shape, whatever shape of as many the file says.
inline Tensor<std::uint8_t> import_bytes(ImportContext& context, const GraphNode& node, std::size_t i, const char* role,
                                         const Shape& shape) {
  const ConstantPtr given = context.constant(node, i, role);
  if (is_floating(given->type) || element_count(given->dims) != element_count(shape)) {
    throw Error(std::string("its ") + role, "are not as many bytes as N, K and block_size say", "check the export");
  }
  const auto count = static_cast<std::size_t>(element_count(shape));
  context.reader.budget.charge(count);
  Tensor<std::uint8_t> bytes = Tensor<std::uint8_t>::for_overwrite(shape);
  if (given->proto != nullptr && given->type == Proto::UINT8) {
    const std::unique_ptr<std::uint8_t[]> elements = context.reader.elements<std::uint8_t>(*given->proto);
    std::copy_n(elements.get(), count, bytes.flat().begin());
  } else {
    const std::vector<std::int64_t> elements = context.reader.integers(*given);
    std::transform(elements.begin(), elements.end(), bytes.flat().begin(),
                   [](std::int64_t byte) { return static_cast<std::uint8_t>(byte); });
  }
  return bytes;
}

/// The zero points of blocks as bytes, where they are integers of as many bits; nothing where they are not.
inline std::optional<Tensor<std::uint8_t>> whole_zero_points(const std::vector<float>& zeros, const Shape& shape,
                                                             int bits) {
  Tensor<std::uint8_t> whole(shape);
  for (std::size_t i = 0; i < zeros.size(); ++i) {
    if (!(zeros[i] >= 0.0F && zeros[i] < static_cast<float>(1 << bits)) || zeros[i] != std::floor(zeros[i]))
      return std::nullopt;
    whole.flat()[i] = static_cast<std::uint8_t>(zeros[i]);
  }
  return whole;
}

/// Packed zero points, a row of blocks after the other and each in whole bytes, as one a byte.
inline Tensor<std::uint8_t> unpacked_zero_points(ImportContext& context, const GraphNode& node, const Shape& shape,
                                                 int bits) {
  const Tensor<std::uint8_t> packed =
      import_bytes(context, node, 3, "zero points", {shape[0], (shape[1] * bits + 7) / 8});
  Tensor<std::uint8_t> zeros(shape);
  const std::int64_t per_byte = 8 / bits;
  for (std::int64_t i = 0; i < element_count(shape); ++i) {
    const std::int64_t at = i % shape[1];
    const int byte = packed.flat()[static_cast<std::size_t>(i / shape[1] * packed.dim(1) + at / per_byte)];
    zeros.flat()[static_cast<std::size_t>(i)] =
        static_cast<std::uint8_t>((byte >> (at % per_byte * bits)) & ((1 << bits) - 1));
  }
  return zeros;
}

/// A · dequantized(B): (A, B, scales, zero_points, g_idx, bias). Weights around zero points that are no integers become
/// floats.
inline void import_matmul_nbits(ImportContext& context, const GraphNode& node) {
  MatMulNBits layer;
  layer.ic = expect_setting(required_integer(node, "K"), "K");
  const std::int64_t oc = expect_setting(required_integer(node, "N"), "N");
  const std::int64_t bits = integer_attribute(node, "bits", 4);
  layer.block = expect_setting(required_integer(node, "block_size"), "block_size");
  if (bits != 2 && bits != 4 && bits != 8) {
    throw Error("attribute 'bits'", "is " + std::to_string(bits), "use 2, 4 or 8");
  }
  if (layer.block % 8 != 0) throw Error("attribute 'block_size'", "is no multiple of 8", "check the export");
  layer.bits = static_cast<int>(bits);
  if (context.has_input(node, 4)) throw Error("its input g_idx", "reorders the rows", "quantize without act-order");

  const Shape of_blocks{oc, layer.blocks()};
  layer.packed = import_bytes(context, node, 1, "weights", {oc, layer.blocks(), layer.block * bits / 8});
  const std::vector<float> scales = context.numbers(node, 2, "scales");
  if (static_cast<std::int64_t>(scales.size()) != element_count(of_blocks)) {
    throw Error("its scales", "do not have the size that N, K and block_size say", "check the export");
  }
  Tensor<float> of_block(of_blocks);
  std::copy(scales.begin(), scales.end(), of_block.flat().begin());
  layer.scales = std::move(of_block);
  std::vector<float> zeros;  // where they are no integers
  if (const ConstantPtr given = context.constant_or_null(node, 3); given && is_floating(given->type)) {
    zeros = context.numbers(node, 3, "zero points");
    if (zeros.size() != scales.size()) {
      throw Error("its zero points", "do not have the size that N, K and block_size say", "check the export");
    }
    if (auto whole = whole_zero_points(zeros, of_blocks, layer.bits)) {
      layer.zero_points = std::move(*whole);
      zeros.clear();
    }
  } else if (given) {
    layer.zero_points = unpacked_zero_points(context, node, of_blocks, layer.bits);
  } else if (context.has_input(node, 3)) {
    throw Error("its zero points", "are computed by the graph, not constant", "quantize the model statically");
  }
  Parameter<float> bias;
  if (context.has_input(node, 5)) bias = context.parameter(node, 5, "biases");
  const NodeId src = context.src(node, 0);
  if (context.shape(src).rank() < 2) throw Error("", "takes a source of rank 1", "give it a row");
  if (zeros.empty()) {
    layer.bias = bias.value;
    context.append(node, std::move(layer), {src});
    return;
  }

  context.reader.budget.charge(static_cast<std::size_t>(element_count({oc, layer.ic})) * sizeof(float));
  Tensor<float> weights(Shape{oc, layer.ic});
  for (std::int64_t o = 0; o < oc; ++o) {
    for (std::int64_t i = 0; i < layer.ic; ++i) {
      const std::int64_t which = i / layer.block;
      const float zero = zeros[static_cast<std::size_t>(o * layer.blocks() + which)];
      weights.flat()[static_cast<std::size_t>(o * layer.ic + i)] =
          (static_cast<float>(layer.integer(o, i)) - zero) * layer.scale(o, which);
    }
  }
  context.append(node, Dense<float>{std::move(weights), std::move(bias)}, {src});
}

}  // namespace fulcrum::detail::onnx_io
