#pragma once
/// \file
/// Element-wise functions of two arguments with NumPy broadcasting (ONNX Add, Mul, …; oneDNN binary).

#include <cstdint>
#include <span>
#include <string_view>

#include <fulcrum/layers/work.hpp>

namespace fulcrum {

enum class BinaryKind : std::uint8_t { add, mul };

[[nodiscard]] constexpr std::string_view name_of(BinaryKind kind) noexcept {
  switch (kind) {
    case BinaryKind::add: return "Add";
    case BinaryKind::mul: return "Mul";
  }
  return "?";
}

/// src (two, broadcast against each other) → dst of the broadcast shape. Work: 1 FLOP per output element.
struct Binary {
  BinaryKind function = BinaryKind::add;

  static constexpr std::string_view kind = "Binary";

  [[nodiscard]] Shape dst_shape(std::span<const Shape> src) const {
    detail::expect_sources(src, 2, "Binary");
    return broadcast(src[0], src[1]);
  }
  [[nodiscard]] Work work(std::span<const Shape> src, const Shape& dst) const {
    return detail::elementwise_work(src, dst, 1.0);
  }

  template <class T>
  [[nodiscard]] T operator()(T a, T b) const {
    switch (function) {
      case BinaryKind::add: return a + b;
      case BinaryKind::mul: return a * b;
    }
    return a;
  }

  friend bool operator==(const Binary&, const Binary&) = default;
};

}  // namespace fulcrum
