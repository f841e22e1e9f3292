#pragma once
/// \file
/// A layer's weights with what passes have said about them.

#include <cstdint>
#include <optional>
#include <utility>

#include <fulcrum/tensor/quantization.hpp>
#include <fulcrum/tensor/shared_tensor.hpp>

namespace fulcrum {

/// Float master weights, with the mask of a pruning pass and the scales of a quantization pass beside them.
/// The values always are what the model computes with: pruned elements are 0 in `value` as well.
template <class T>
struct Parameter {
  SharedTensor<T> value;                     ///< empty: the layer has none (no bias)
  SharedTensor<std::uint8_t> mask;           ///< 1: kept, 0: pruned, same shape as value; empty: dense
  std::optional<Quantization> quantization;  ///< set by a quantization pass

  Parameter() = default;
  Parameter(Tensor<T> tensor) : value(std::move(tensor)) {}  // NOLINT(google-explicit-constructor)

  [[nodiscard]] bool empty() const noexcept { return value.empty(); }
  /// Number of elements; 0 when empty.
  [[nodiscard]] std::int64_t size() const noexcept {
    return empty() ? 0 : static_cast<std::int64_t>(value->flat().size());
  }

  friend bool operator==(const Parameter&, const Parameter&) = default;
};

}  // namespace fulcrum
