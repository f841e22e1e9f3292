#include <fulcrum/run/sparse_costs.hpp>

#include <support/catch.hpp>

using namespace fulcrum;

TEST_CASE("kinds of sparse products have names that are read again") {
  for (const SparseKind kind : all_sparse_kinds) CHECK(sparse_kind_from(name_of(kind)) == kind);
  CHECK_THROWS_WITH(sparse_kind_from("depthwise"), ContainsSubstring("pointwise, windows, rows or gathered"));
}
