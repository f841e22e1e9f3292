#pragma once
/// \file
/// Fully connected layer whose weights are integers of a few bits and stay so in memory (ONNX Runtime's MatMulNBits).

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

#include <fulcrum/core/linkage.hpp>
#include <fulcrum/layers/facts.hpp>
#include <fulcrum/layers/work.hpp>
#include <fulcrum/tensor/shared_tensor.hpp>

namespace fulcrum {

/// dst = src · weightsᵀ + bias, of real numbers; weights(o, i) = scale · (q(o, i) − zero point), with a scale and a
/// zero point for every `block` inputs of an output.
///
/// src (…, ic) · weights (oc, ic)ᵀ + bias (oc) → dst (…, oc); rank of src ≥ 2. A model holds `bits` bits a weight and a
/// float a block. Work as that of a Dense layer. It is not trained, and passes leave it alone: quantize_weights() makes
/// it of a Dense layer that they are done with.
struct MatMulNBits {
  std::int64_t ic = 0;
  int bits = 4;             ///< of a weight: 2, 4 or 8
  std::int64_t block = 32;  ///< inputs that share a scale, a multiple of 8; the last block of a row may have fewer
  SharedTensor<std::uint8_t> packed;  ///< (oc, blocks, block · bits / 8): the first weight in the lowest bits of a byte
  SharedTensor<float> scales;         ///< (oc, blocks)
  SharedTensor<std::uint8_t> zero_points;  ///< (oc, blocks), 0 … 2^bits − 1; empty: 2^(bits − 1)
  SharedTensor<float> bias;                ///< (oc), or empty

  static constexpr std::string_view kind = "MatMulNBits";
  [[nodiscard]] static constexpr LayerFacts facts() noexcept {
    return {.is_product = true, .takes_post_operations = true, .needs_f32 = true};
  }

  [[nodiscard]] std::int64_t oc() const { return packed.empty() ? 0 : packed->dim(0); }
  [[nodiscard]] std::int64_t blocks() const noexcept { return (ic + block - 1) / block; }
  /// [B] of a row of packed weights
  [[nodiscard]] std::int64_t row_bytes() const noexcept { return blocks() * block * bits / 8; }
  /// [B] of all that it holds
  FULCRUM_DECLARE [[nodiscard]] std::int64_t bytes() const;

  /// The integer of a weight. Precondition: within (oc, ic).
  [[nodiscard]] int integer(std::int64_t o, std::int64_t i) const {
    const std::int64_t per_byte = 8 / bits;
    const int byte = packed->flat()[static_cast<std::size_t>(o * row_bytes() + i / per_byte)];
    return (byte >> (i % per_byte * bits)) & ((1 << bits) - 1);
  }
  [[nodiscard]] int zero_point(std::int64_t o, std::int64_t which) const {
    if (zero_points.empty()) return 1 << (bits - 1);
    return zero_points->flat()[static_cast<std::size_t>(o * blocks() + which)];
  }
  [[nodiscard]] float scale(std::int64_t o, std::int64_t which) const {
    return scales->flat()[static_cast<std::size_t>(o * blocks() + which)];
  }
  /// The real weights of an output.
  ///
  /// \param to  ic of them
  FULCRUM_DECLARE void dequantize_row(std::int64_t o, std::span<float> to) const;
  /// All of them: (oc, ic).
  FULCRUM_DECLARE [[nodiscard]] Tensor<float> dequantized() const;

  /// \throws Error when its parts do not fit each other, or the source does not fit them
  FULCRUM_DECLARE [[nodiscard]] Shape dst_shape(std::span<const Shape> src) const;
  FULCRUM_DECLARE [[nodiscard]] Work work(std::span<const Shape> src, const Shape& dst) const;

  friend bool operator==(const MatMulNBits&, const MatMulNBits&) = default;
};

}  // namespace fulcrum

#if FULCRUM_DEFINES(layers)

#include <string>

namespace fulcrum {

FULCRUM_DEFINE std::int64_t MatMulNBits::bytes() const {
  const auto count = [](const auto& tensor) {
    return tensor.empty() ? std::int64_t{0} : static_cast<std::int64_t>(tensor->flat().size());
  };
  return count(packed) + count(zero_points) + (count(scales) + count(bias)) * static_cast<std::int64_t>(sizeof(float));
}

FULCRUM_DEFINE void MatMulNBits::dequantize_row(std::int64_t o, std::span<float> to) const {
  for (std::int64_t which = 0; which < blocks(); ++which) {
    const auto zero = static_cast<float>(zero_point(o, which));
    const float factor = scale(o, which);
    const std::int64_t end = which + 1 < blocks() ? (which + 1) * block : ic;
    for (std::int64_t i = which * block; i < end; ++i)
      to[static_cast<std::size_t>(i)] = (static_cast<float>(integer(o, i)) - zero) * factor;
  }
}

FULCRUM_DEFINE Tensor<float> MatMulNBits::dequantized() const {
  Tensor<float> weights(Shape{oc(), ic});
  const auto width = static_cast<std::size_t>(ic);
  for (std::int64_t o = 0; o < oc(); ++o)
    dequantize_row(o, weights.flat().subspan(static_cast<std::size_t>(o) * width, width));
  return weights;
}

FULCRUM_DEFINE Shape MatMulNBits::dst_shape(std::span<const Shape> src) const {
  detail::expect_sources(src, 1, "MatMulNBits");
  if (bits != 2 && bits != 4 && bits != 8)
    throw Error("MatMulNBits", "has weights of " + std::to_string(bits) + " bits", "use 2, 4 or 8");
  if (block < 8 || block % 8 != 0)
    throw Error("MatMulNBits", "has blocks of " + std::to_string(block), "use a multiple of 8");
  if (ic < 1 || packed.empty() || scales.empty()) throw Error("MatMulNBits", "has no weights");
  const auto expect = [&](const char* what, const Shape& is, const Shape& should_be) {
    if (is != should_be) {
      throw Error("MatMulNBits",
                  std::string("has ") + what + " " + to_string(is) + " where it takes " + to_string(should_be));
    }
  };
  expect("packed weights", packed->dims(), {oc(), blocks(), block * bits / 8});
  expect("scales", scales->dims(), {oc(), blocks()});
  if (!zero_points.empty()) {
    expect("zero points", zero_points->dims(), {oc(), blocks()});
    for (const std::uint8_t zero : zero_points->flat()) {
      if (zero >= 1 << bits)
        throw Error("MatMulNBits", "has the zero point " + std::to_string(zero) + ", which is no integer of " +
                                       std::to_string(bits) + " bits");
    }
  }
  if (!bias.empty()) expect("a bias", bias->dims(), {oc()});
  if (src[0].size() < 2 || src[0].back() != ic) {
    throw Error("MatMulNBits",
                "has weights " + to_string(Shape{oc(), ic}) + ", which do not fit a source " + to_string(src[0]));
  }
  Shape dst = src[0];
  dst.back() = oc();
  return dst;
}

FULCRUM_DEFINE Work MatMulNBits::work(std::span<const Shape> src, const Shape& dst) const {
  const auto outputs = static_cast<double>(element_count(dst));
  const std::int64_t biases = bias.empty() ? 0 : oc();
  return {outputs * (2.0 * static_cast<double>(ic) + (bias.empty() ? 0.0 : 1.0)), detail::total_elements(src),
          oc() * ic + biases, element_count(dst)};
}

}  // namespace fulcrum

#endif
