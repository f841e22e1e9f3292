#pragma once
/// \file
/// The matrix product that layers share. One place, because Eigen's products are slow to compile.

#include <cstdint>

#include <fulcrum/core/linkage.hpp>

namespace fulcrum::kernels {

/// A matrix in memory: `rows` rows of `cols` elements, `stride` elements from one row to the next.
template <class T>
struct Rows {
  const T* data = nullptr;
  std::int64_t rows = 0;
  std::int64_t cols = 0;
  std::int64_t stride = 0;  ///< ≥ cols
};

/// How the factors of a product are read.
enum class Factors {
  plain,           ///< lhs (m, k) · rhs (k, n)
  transposed_rhs,  ///< lhs (m, k) · rhsᵀ, rhs (n, k)
};

/// dst = scale · lhs · rhs. dst (m, n), `dst_stride` elements from one row to the next, must not overlap the factors.
template <class T>
void multiply(const Rows<T>& lhs, const Rows<T>& rhs, Factors factors, T* dst, std::int64_t dst_stride, T scale = T{1});

/// dst (cols, rows) = srcᵀ, packed. dst must not overlap src.
template <class T>
void transpose(const Rows<T>& src, T* dst);

/// Adds row (n) to each of the m rows of dst.
template <class T>
void add_to_rows(T* dst, std::int64_t m, std::int64_t n, std::int64_t dst_stride, const T* row);

}  // namespace fulcrum::kernels

#if FULCRUM_DEFINES(kernels)

#include <Eigen/Core>

namespace fulcrum::kernels {

template <class T>
void multiply(const Rows<T>& lhs, const Rows<T>& rhs, Factors factors, T* dst, std::int64_t dst_stride, T scale) {
  using Matrix = Eigen::Matrix<T, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;
  using Source = Eigen::Map<const Matrix, Eigen::Unaligned, Eigen::OuterStride<>>;
  const Source a(lhs.data, lhs.rows, lhs.cols, Eigen::OuterStride<>(lhs.stride));
  const Source b(rhs.data, rhs.rows, rhs.cols, Eigen::OuterStride<>(rhs.stride));
  const std::int64_t n = factors == Factors::plain ? rhs.cols : rhs.rows;
  Eigen::Map<Matrix, Eigen::Unaligned, Eigen::OuterStride<>> c(dst, lhs.rows, n, Eigen::OuterStride<>(dst_stride));
  if (factors == Factors::plain)
    c.noalias() = scale * a * b;
  else
    c.noalias() = scale * a * b.transpose();
}

template <class T>
void transpose(const Rows<T>& src, T* dst) {
  for (std::int64_t j = 0; j < src.cols; ++j) {
    for (std::int64_t i = 0; i < src.rows; ++i) *dst++ = src.data[i * src.stride + j];
  }
}

template <class T>
void add_to_rows(T* dst, std::int64_t m, std::int64_t n, std::int64_t dst_stride, const T* row) {
  for (std::int64_t i = 0; i < m; ++i) {
    for (std::int64_t j = 0; j < n; ++j) dst[i * dst_stride + j] += row[j];
  }
}

}  // namespace fulcrum::kernels

#if FULCRUM_INSTANTIATES(kernels)
namespace fulcrum::kernels {
template void multiply(const Rows<float>& lhs, const Rows<float>& rhs, Factors factors, float* dst,
                       std::int64_t dst_stride, float scale);
template void multiply(const Rows<double>& lhs, const Rows<double>& rhs, Factors factors, double* dst,
                       std::int64_t dst_stride, double scale);
template void transpose(const Rows<float>& src, float* dst);
template void transpose(const Rows<double>& src, double* dst);
template void add_to_rows(float* dst, std::int64_t m, std::int64_t n, std::int64_t dst_stride, const float* row);
template void add_to_rows(double* dst, std::int64_t m, std::int64_t n, std::int64_t dst_stride, const double* row);
}  // namespace fulcrum::kernels
#endif

#endif
