#include <fulcrum/tensor/matrix_view.hpp>

#include <type_traits>

#include <fulcrum/core/random.hpp>
#include <support/catch.hpp>
#include <support/data.hpp>

using namespace fulcrum;
using fulcrum::test::random_tensor;

namespace {
template <class T>
concept HasMatrixView = requires(T&& tensor) {
  as_matrix(std::forward<T>(tensor)).rows();
};
}  // namespace

TEST_CASE("a tensor is a matrix of its first axis by all others, without a copy") {
  Tensor<float> t({2, 3, 2}, {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11});
  auto matrix = as_matrix(t);
  REQUIRE(matrix.rows() == 2);
  REQUIRE(matrix.cols() == 6);
  CHECK(matrix(1, 0) == 6.0F);
  CHECK(matrix.data() == t.flat().data());
  matrix(1, 5) = -1.0F;
  CHECK(t.at(1, 2, 1) == -1.0F);
}

TEST_CASE("vectors, scalars and tensors without elements have matrices too") {
  Tensor<float> vector({3});
  CHECK(as_matrix(vector).rows() == 3);
  CHECK(as_matrix(vector).cols() == 1);
  Tensor<float> scalar;
  CHECK(as_matrix(scalar).size() == 1);
  Tensor<float> no_rows({0, 4});
  CHECK(as_matrix(no_rows).rows() == 0);
  Tensor<float> no_columns({4, 0});
  CHECK(as_matrix(no_columns).rows() == 4);
  CHECK(as_matrix(no_columns).cols() == 0);
}

TEST_CASE("a constant tensor gives a constant matrix, a temporary gives none") {
  const Tensor<float> t({2, 2}, 1.0F);
  CHECK(as_matrix(t).sum() == 4.0F);
  static_assert(std::is_same_v<decltype(as_matrix(t)), ConstMatrixMap<float>>);
  static_assert(HasMatrixView<Tensor<float>&> && HasMatrixView<const Tensor<float>&>);
  static_assert(!HasMatrixView<Tensor<float>> && !HasMatrixView<const Tensor<float>>);
}

TEST_CASE("a matrix product through the maps equals the triple loop") {
  Random random(7);
  for (std::uint64_t i = 0; i < 20; ++i) {
    const auto extent = [&] { return 1 + static_cast<std::int64_t>(random.below(9)); };
    const std::int64_t m = extent();
    const std::int64_t k = extent();
    const std::int64_t n = extent();
    const auto a = random_tensor<double>({m, k}, 2 * i);
    const auto b = random_tensor<double>({k, n}, 2 * i + 1);
    Tensor<double> c({m, n});
    as_matrix(c).noalias() = as_matrix(a) * as_matrix(b);  // (m,k) · (k,n) → (m,n)
    for (std::int64_t row = 0; row < m; ++row)
      for (std::int64_t column = 0; column < n; ++column) {
        double sum = 0.0;
        for (std::int64_t inner = 0; inner < k; ++inner) sum += a.at(row, inner) * b.at(inner, column);
        REQUIRE(c.at(row, column) == Approx(sum).margin(1e-12));
      }
  }
}
