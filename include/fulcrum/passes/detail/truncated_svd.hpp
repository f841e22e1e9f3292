#pragma once
/// \file
/// Truncated singular value decomposition. A template, for Eigen's decompositions are slow to compile: only a source
/// that makes layers of low rank does.

#include <algorithm>
#include <concepts>
#include <cstdint>
#include <vector>

#include <Eigen/Core>
#include <Eigen/Eigenvalues>

namespace fulcrum::detail {

/// A ≈ second · first, of a rank. Matrices lie in memory by rows.
template <std::floating_point T>
struct Factors {
  std::int64_t rank = 0;
  std::vector<T> first;   ///< (rank, columns)
  std::vector<T> second;  ///< (rows, rank)
  T energy = T{0};        ///< share of Σσ² that is kept
};

/// The nearest product of the smallest rank, a multiple or the full one, that keeps a share of the energy. By the
/// eigenvectors of the smaller of AᵀA and AAᵀ, whose eigenvalues are σ².
/// \param values  A (rows, columns), by rows
template <std::floating_point T>
Factors<T> truncated_svd(const std::vector<T>& values, std::int64_t rows, std::int64_t columns, T energy,
                         std::int64_t multiple) {
  using Matrix = Eigen::Matrix<T, Eigen::Dynamic, Eigen::Dynamic>;
  using ByRows = Eigen::Matrix<T, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;
  const Matrix a = Eigen::Map<const ByRows>(values.data(), rows, columns);
  const bool wide = rows <= columns;
  const Matrix gram = wide ? Matrix(a * a.transpose()) : Matrix(a.transpose() * a);
  const Eigen::SelfAdjointEigenSolver<Matrix> solver(gram);  // eigenvalues rise
  const Eigen::Index full = gram.rows();
  const T total = std::max(solver.eigenvalues().cwiseMax(T{0}).sum(), T(1e-300));
  Eigen::Index rank = 0;
  T kept{0};
  while (rank < full && (rank == 0 || rank % multiple != 0 || kept / total < energy)) {
    ++rank;
    kept += std::max(solver.eigenvalues()[full - rank], T{0});
  }
  const Matrix vectors = solver.eigenvectors().rightCols(rank);
  const ByRows first = wide ? Matrix(vectors.transpose() * a) : Matrix(vectors.transpose());
  const ByRows second = wide ? vectors : Matrix(a * vectors);
  return {
      rank, {first.data(), first.data() + first.size()}, {second.data(), second.data() + second.size()}, kept / total};
}

}  // namespace fulcrum::detail
