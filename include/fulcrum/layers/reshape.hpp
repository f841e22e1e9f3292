#pragma once
/// \file
/// The same elements under another shape (ONNX Reshape, Flatten). Executors do it without touching memory.

#include <cstdint>
#include <span>
#include <string_view>

#include <fulcrum/core/linkage.hpp>
#include <fulcrum/layers/facts.hpp>
#include <fulcrum/layers/work.hpp>

namespace fulcrum {

/// src (any) → dst of `dims`, where 0 copies the source's extent at that place and −1 takes what is left (ONNX
/// Reshape).
struct Reshape {
  Shape dims;               ///< at most one −1
  bool allow_zero = false;  ///< 0 means an extent of 0 (ONNX allowzero)

  static constexpr std::string_view kind = "Reshape";
  [[nodiscard]] static constexpr LayerFacts facts() noexcept {
    return {.is_view = true, .needs_f32 = false, .integers = IntegerUse::passes};
  }

  FULCRUM_DECLARE [[nodiscard]] Shape dst_shape(std::span<const Shape> src) const;
  [[nodiscard]] Work work(std::span<const Shape> /*src*/, const Shape& /*dst*/) const { return {}; }

  friend bool operator==(const Reshape&, const Reshape&) = default;
};

/// src (d0, …, dk) → dst (d0 ⋯ d_{axis−1}, d_axis ⋯ dk).
struct Flatten {
  std::int64_t axis = 1;  ///< in [−rank, rank]; negative counts from the end

  static constexpr std::string_view kind = "Flatten";
  [[nodiscard]] static constexpr LayerFacts facts() noexcept {
    return {.is_view = true, .needs_f32 = false, .integers = IntegerUse::passes};
  }

  FULCRUM_DECLARE [[nodiscard]] Shape dst_shape(std::span<const Shape> src) const;
  [[nodiscard]] Work work(std::span<const Shape> /*src*/, const Shape& /*dst*/) const { return {}; }

  friend bool operator==(const Flatten&, const Flatten&) = default;
};

}  // namespace fulcrum

#if FULCRUM_DEFINES(layers)

namespace fulcrum {

FULCRUM_DEFINE Shape Reshape::dst_shape(std::span<const Shape> src) const {
  detail::expect_sources(src, 1, "Reshape");
  Shape dst = dims;
  std::int64_t known = 1;
  std::int64_t unknown = -1;
  for (std::size_t i = 0; i < dst.size(); ++i) {
    if (dst[i] == 0 && !allow_zero) {
      if (i >= src[0].size())
        throw Error("Reshape", "copies extent " + std::to_string(i) + " of a source " + to_string(src[0]));
      dst[i] = src[0][i];
    }
    if (dst[i] == -1 && unknown < 0)
      unknown = static_cast<std::int64_t>(i);
    else if (dst[i] < 0)
      throw Error("Reshape", "has more than one unknown extent or one below -1");
    else
      known = element_count({known, dst[i]});
  }
  const std::int64_t total = element_count(src[0]);
  if (unknown >= 0) {
    if (known == 0 || total % known != 0)
      throw Error("Reshape", "cannot split " + to_string(src[0]) + " into rows of " + std::to_string(known));
    dst[static_cast<std::size_t>(unknown)] = total / known;
  } else if (known != total) {
    throw Error("Reshape", "cannot turn " + to_string(src[0]) + " into " + to_string(dst));
  }
  return dst;
}

FULCRUM_DEFINE Shape Flatten::dst_shape(std::span<const Shape> src) const {
  detail::expect_sources(src, 1, "Flatten");
  const auto rank = static_cast<std::int64_t>(src[0].size());
  const std::int64_t at = axis == rank ? rank : static_cast<std::int64_t>(normalized_axis(axis, src[0].size()));
  return {element_count(Shape(src[0].begin(), src[0].begin() + at)),
          element_count(Shape(src[0].begin() + at, src[0].end()))};
}

}  // namespace fulcrum

#endif
