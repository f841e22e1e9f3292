#pragma once
/// \file
/// The matrix product of two computed values (ONNX MatMul and Gemm, oneDNN matmul). With constant weights it is a Dense
/// layer.

#include <span>
#include <string_view>

#include <fulcrum/core/linkage.hpp>
#include <fulcrum/layers/facts.hpp>
#include <fulcrum/layers/work.hpp>

namespace fulcrum {

/// dst = scale · src · weights, of the last two axes; those before are broadcast.
///
/// src (…, m, k) · weights (…, k, n) → dst (…, m, n). Work: 2 · (…) · m · n · k FLOP.
struct MatMul {
  bool transpose_src = false;      ///< src is (…, k, m)
  bool transpose_weights = false;  ///< weights is (…, n, k)
  float scale = 1.0F;              ///< of the product (attention's 1/√d)

  static constexpr std::string_view kind = "MatMul";
  [[nodiscard]] static constexpr LayerFacts facts() noexcept { return {.is_product = true, .needs_f32 = false}; }

  /// \throws Error when a source has a rank below 2, the inner extents differ or the outer ones cannot be broadcast
  FULCRUM_DECLARE [[nodiscard]] Shape dst_shape(std::span<const Shape> src) const;

  [[nodiscard]] Work work(std::span<const Shape> src, const Shape& dst) const {
    return detail::elementwise_work(src, dst, 2.0 * static_cast<double>(inner(src[0])));
  }

  friend bool operator==(const MatMul&, const MatMul&) = default;

private:
  [[nodiscard]] std::int64_t inner(const Shape& a) const { return a[a.size() - (transpose_src ? 2 : 1)]; }
};

}  // namespace fulcrum

#if FULCRUM_DEFINES(layers)

namespace fulcrum {

FULCRUM_DEFINE Shape MatMul::dst_shape(std::span<const Shape> src) const {
  detail::expect_sources(src, 2, "MatMul");
  const Shape& a = src[0];
  const Shape& b = src[1];
  if (a.size() < 2 || b.size() < 2) {
    throw Error("MatMul", "takes two values of rank 2 or more but was given " + to_string(a) + " and " + to_string(b));
  }
  const std::int64_t m = transpose_src ? a[a.size() - 1] : a[a.size() - 2];
  const std::int64_t k = inner(a);
  const std::int64_t k_weights = transpose_weights ? b[b.size() - 1] : b[b.size() - 2];
  const std::int64_t n = transpose_weights ? b[b.size() - 2] : b[b.size() - 1];
  if (k != k_weights) throw Error("MatMul", "cannot multiply " + to_string(a) + " by " + to_string(b));
  Shape dst = broadcast(Shape(a.begin(), a.end() - 2), Shape(b.begin(), b.end() - 2));
  dst.push_back(m);
  dst.push_back(n);
  return dst;
}

}  // namespace fulcrum

#endif
