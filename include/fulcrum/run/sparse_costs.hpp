#pragma once
/// \file
/// What products cost by the weights that are not 0, and dense ones beside them: a plain value.

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>
#include <vector>

#include <fulcrum/core/enum_name.hpp>

namespace fulcrum {

/// Products that run by the same loops.
enum class SparseKind : std::uint8_t {
  pointwise,  ///< convolutions of one pixel to one pixel
  windows,    ///< other convolutions
  rows,       ///< dense layers on many rows
  gathered,   ///< dense layers on few
};

inline constexpr std::array all_sparse_kinds{SparseKind::pointwise, SparseKind::windows, SparseKind::rows,
                                             SparseKind::gathered};

[[nodiscard]] constexpr std::string_view name_of(SparseKind kind) noexcept {
  switch (kind) {
    case SparseKind::pointwise: return "pointwise";
    case SparseKind::windows: return "windows";
    case SparseKind::rows: return "rows";
    case SparseKind::gathered: return "gathered";
  }
  return "?";
}

/// \throws Error when there is no such kind
[[nodiscard]] inline SparseKind sparse_kind_from(std::string_view name) {
  return enum_from("kind of sparse product", name, all_sparse_kinds);
}

/// Terms of a time at most: sparse_terms() in schedule/sparse.hpp says what they are.
inline constexpr std::size_t sparse_term_count = 12;

using SparseTerms = std::array<double, sparse_term_count>;

/// Factors of the terms of both times, for products of one kind on a number of threads. What one is on another machine
/// matters less than how they compare: only the ratio of the times is asked for.
struct SparseCosts {
  SparseKind kind = SparseKind::pointwise;
  int threads = 1;
  SparseTerms dense{};   ///< ≥ 0
  SparseTerms sparse{};  ///< ≥ 0

  friend bool operator==(const SparseCosts&, const SparseCosts&) = default;
};

}  // namespace fulcrum
