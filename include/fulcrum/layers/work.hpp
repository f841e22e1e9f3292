#pragma once
/// \file
/// What one execution of a layer costs in arithmetic and traffic, whatever runs it.

#include <cstdint>
#include <span>

#include <fulcrum/core/linkage.hpp>
#include <fulcrum/core/shape.hpp>

namespace fulcrum {

/// The work of a layer for given shapes. A multiply-add counts as two FLOPs.
struct Work {
  double flops = 0.0;                ///< [FLOP]
  std::int64_t src_elements = 0;     ///< activations read
  std::int64_t weight_elements = 0;  ///< weights and biases read
  std::int64_t dst_elements = 0;     ///< activations written

  Work& operator+=(const Work& other) noexcept {
    flops += other.flops;
    src_elements += other.src_elements;
    weight_elements += other.weight_elements;
    dst_elements += other.dst_elements;
    return *this;
  }
  friend bool operator==(const Work&, const Work&) = default;
};

namespace detail {

FULCRUM_DECLARE std::int64_t total_elements(std::span<const Shape> shapes);

/// Work that is a fixed number of FLOPs per output element.
inline Work elementwise_work(std::span<const Shape> src, const Shape& dst, double flops_per_element) {
  const std::int64_t count = element_count(dst);
  return {flops_per_element * static_cast<double>(count), total_elements(src), 0, count};
}

FULCRUM_DECLARE void expect_sources(std::span<const Shape> src, std::size_t count, const char* kind);

FULCRUM_DECLARE void expect_rank(const Shape& shape, std::size_t rank, const char* kind);

}  // namespace detail
}  // namespace fulcrum

#if FULCRUM_DEFINES(layers)

namespace fulcrum::detail {

FULCRUM_DEFINE std::int64_t total_elements(std::span<const Shape> shapes) {
  std::int64_t total = 0;
  for (const Shape& shape : shapes) total += element_count(shape);
  return total;
}

FULCRUM_DEFINE void expect_sources(std::span<const Shape> src, std::size_t count, const char* kind) {
  if (src.size() != count) {
    throw Error(kind, "takes " + std::to_string(count) + " source(s) but has " + std::to_string(src.size()));
  }
}

FULCRUM_DEFINE void expect_rank(const Shape& shape, std::size_t rank, const char* kind) {
  if (shape.size() != rank) {
    throw Error(kind, "takes a source of rank " + std::to_string(rank) + " but was given " + to_string(shape));
  }
}

}  // namespace fulcrum::detail

#endif
