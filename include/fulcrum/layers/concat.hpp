#pragma once
/// \file
/// Concatenation along one axis (ONNX Concat, oneDNN concat).

#include <cstdint>
#include <span>
#include <string_view>

#include <fulcrum/core/linkage.hpp>
#include <fulcrum/layers/facts.hpp>
#include <fulcrum/layers/work.hpp>

namespace fulcrum {

/// src (one or more, equal but for `axis`) → dst with the extents of `axis` summed. Work: traffic only.
struct Concat {
  std::int64_t axis = 1;  ///< negative counts from the end

  static constexpr std::string_view kind = "Concat";
  [[nodiscard]] static constexpr LayerFacts facts() noexcept {
    return {.needs_f32 = false, .integers = IntegerUse::combines};
  }

  FULCRUM_DECLARE [[nodiscard]] Shape dst_shape(std::span<const Shape> src) const;
  [[nodiscard]] Work work(std::span<const Shape> src, const Shape& dst) const {
    return detail::elementwise_work(src, dst, 0.0);
  }

  friend bool operator==(const Concat&, const Concat&) = default;
};

}  // namespace fulcrum

#if FULCRUM_DEFINES(layers)

namespace fulcrum {

FULCRUM_DEFINE Shape Concat::dst_shape(std::span<const Shape> src) const {
  if (src.empty()) throw Error("Concat", "has no source");
  const std::size_t at = normalized_axis(axis, src[0].size());
  Shape dst = src[0];
  for (const Shape& shape : src.subspan(1)) {
    Shape other = shape;
    if (other.size() == dst.size()) other[at] = dst[at];
    if (other != dst)
      throw Error("Concat", "cannot join " + to_string(src[0]) + " and " + to_string(shape) + " along axis " +
                                std::to_string(axis));
    dst[at] += shape[at];
  }
  return dst;
}

}  // namespace fulcrum

#endif
