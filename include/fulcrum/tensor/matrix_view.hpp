#pragma once
/// \file
/// Eigen maps of tensors: no copy, 64-byte aligned.

#include <utility>

#include <Eigen/Core>

#include <fulcrum/tensor/tensor.hpp>

namespace fulcrum {

template <class T>
using Matrix = Eigen::Matrix<T, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;
template <class T>
using MatrixMap = Eigen::Map<Matrix<T>, Eigen::Aligned64>;
template <class T>
using ConstMatrixMap = Eigen::Map<const Matrix<T>, Eigen::Aligned64>;

namespace detail {
/// Rows and columns when the first axis is rows and all others are columns.
inline std::pair<Eigen::Index, Eigen::Index> matrix_extents(const Shape& shape) {
  if (shape.empty()) return {1, 1};
  const Eigen::Index rows = shape.front();
  return {rows, rows == 0 ? 0 : element_count(shape) / rows};
}
}  // namespace detail

/// A tensor as a matrix (first axis × all others). The tensor must outlive the map.
template <class T>
[[nodiscard]] MatrixMap<T> as_matrix(Tensor<T>& tensor) {
  const auto [rows, cols] = detail::matrix_extents(tensor.dims());
  return {tensor.flat().data(), rows, cols};
}
template <class T>
[[nodiscard]] ConstMatrixMap<T> as_matrix(const Tensor<T>& tensor) {
  const auto [rows, cols] = detail::matrix_extents(tensor.dims());
  return {tensor.flat().data(), rows, cols};
}
template <class T>
void as_matrix(const Tensor<T>&&) = delete;  // a map of a temporary would dangle

}  // namespace fulcrum
