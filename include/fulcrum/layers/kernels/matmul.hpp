#pragma once
/// \file
/// MatMul: one product of matrices per batch.

#include <span>

#include <fulcrum/core/linkage.hpp>
#include <fulcrum/layers/kernels/view.hpp>
#include <fulcrum/layers/matmul.hpp>

namespace fulcrum::kernels {

template <class T>
void run(const MatMul& layer, std::span<const Source<T>> src, const Result<T>& dst);

}  // namespace fulcrum::kernels

#if FULCRUM_DEFINES(kernels)

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <vector>

#include <fulcrum/layers/kernels/product.hpp>
#include <fulcrum/layers/kernels/strided.hpp>

namespace fulcrum::kernels {

template <class T>
void run(const MatMul& layer, std::span<const Source<T>> src, const Result<T>& dst) {
  const std::size_t outer = dst.shape.size() - 2;
  const Shape& a_shape = src[0].shape;
  const Shape& b_shape = src[1].shape;
  const std::int64_t a_rows = a_shape[a_shape.size() - 2], a_cols = a_shape.back();
  const std::int64_t b_rows = b_shape[b_shape.size() - 2], b_cols = b_shape.back();
  const std::int64_t m = dst.shape[outer], n = dst.shape.back();
  const T scale = static_cast<T>(layer.scale);
  T* to = dst.elements.data();
  const Factors factors = layer.transpose_weights ? Factors::transposed_rhs : Factors::plain;
  std::vector<T> turned(layer.transpose_src ? static_cast<std::size_t>(a_rows * a_cols) : 0);
  const auto product = [&](const T* a_data, std::int64_t rows, const T* b_data) {
    Rows<T> a{a_data, rows, a_cols, a_cols};
    if (layer.transpose_src) {
      transpose<T>({a_data, a_rows, a_cols, a_cols}, turned.data());
      a = {turned.data(), a_cols, a_rows, a_rows};
    }
    multiply<T>(a, {b_data, b_rows, b_cols, b_cols}, factors, to, n, scale);
    to += rows * n;
  };

  // Matrices that all meet the same weights are one matrix of more rows.
  const Steps batch(dst.shape.begin(), dst.shape.end() - 2);
  const std::int64_t batches = position_count(batch);
  if (!layer.transpose_src && src[1].elements.size() == static_cast<std::size_t>(b_rows * b_cols) &&
      src[0].elements.size() == static_cast<std::size_t>(batches * m * a_cols)) {
    return product(src[0].elements.data(), batches * m, src[1].elements.data());
  }
  const auto batch_strides = [&](const Shape& shape, std::int64_t matrix) {
    Steps strides = broadcast_strides(Steps(shape.begin(), shape.end() - 2), batch);
    for (std::int64_t& stride : strides) stride *= matrix;
    return strides;
  };
  const Loops<2> loops =
      merged<2>(batch, {batch_strides(a_shape, a_rows * a_cols), batch_strides(b_shape, b_rows * b_cols)});
  for_each_position(loops, {0, 0}, [&](const std::array<std::int64_t, 2>& at) {
    product(src[0].elements.data() + at[0], m, src[1].elements.data() + at[1]);
  });
}

}  // namespace fulcrum::kernels

#if FULCRUM_INSTANTIATES(kernels)
namespace fulcrum::kernels {
template void run(const MatMul& layer, std::span<const Source<float>> src, const Result<float>& dst);
template void run(const MatMul& layer, std::span<const Source<double>> src, const Result<double>& dst);
}  // namespace fulcrum::kernels
#endif

#endif
