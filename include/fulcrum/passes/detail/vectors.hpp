#pragma once
/// \file
/// The compiler's vectors of 16 bytes, which every CPU of 64 bits has, for passes over many weights.

#include <cstddef>
#include <cstdint>

namespace fulcrum::detail {

/// A vector of floats or doubles, and as many bytes.
template <class T>
struct VectorOf;
template <>
struct VectorOf<float> {
  using Type = float __attribute__((vector_size(16)));
  using Bytes = std::uint8_t __attribute__((vector_size(4)));
};
template <>
struct VectorOf<double> {
  using Type = double __attribute__((vector_size(16)));
  using Bytes = std::uint8_t __attribute__((vector_size(2)));
};

}  // namespace fulcrum::detail
