#include <fulcrum/layers/matmul.hpp>

#include <vector>

#include <support/catch.hpp>
#include <support/data.hpp>
#include <support/run_kernel.hpp>

using namespace fulcrum;
using test::random_tensor;
using test::run_kernel;
using Values = Tensor<double>;

TEST_CASE("a product of matrices, and of transposed ones") {
  const Values a({2, 3}, {1, 2, 3, 4, 5, 6});
  const Values b({3, 2}, {7, 8, 9, 10, 11, 12});
  const Values product({2, 2}, {58, 64, 139, 154});
  const Values a_transposed({3, 2}, {1, 4, 2, 5, 3, 6});
  const Values b_transposed({2, 3}, {7, 9, 11, 8, 10, 12});
  CHECK(run_kernel(MatMul{}, {a, b}) == product);
  CHECK(run_kernel(MatMul{true, false, 1.0F}, {a_transposed, b}) == product);
  CHECK(run_kernel(MatMul{false, true, 1.0F}, {a, b_transposed}) == product);
  CHECK(run_kernel(MatMul{true, true, 0.5F}, {a_transposed, b_transposed}) == Values({2, 2}, {29, 32, 69.5, 77}));
}

TEST_CASE("outer axes are broadcast, whichever source has them") {
  const Values a = random_tensor<double>({2, 1, 3, 4}, 1);
  const Values b = random_tensor<double>({5, 4, 2}, 2);
  const Values shared = random_tensor<double>({4, 2}, 3);
  const auto expect_product = [](const Values& actual, auto&& of_a, auto&& of_b) {
    for (std::int64_t i = 0; i < actual.dim(0); ++i)
      for (std::int64_t j = 0; j < actual.dim(1); ++j)
        for (std::int64_t m = 0; m < 3; ++m)
          for (std::int64_t n = 0; n < 2; ++n) {
            double sum = 0.0;
            for (std::int64_t k = 0; k < 4; ++k) sum += of_a(i, m, k) * of_b(j, k, n);
            REQUIRE(actual.at(i, j, m, n) == Approx(sum).margin(1e-12));
          }
  };
  const auto of_a = [&](std::int64_t i, std::int64_t m, std::int64_t k) { return a.at(i, 0, m, k); };
  const Values both = run_kernel(MatMul{}, {a, b});
  REQUIRE(both.dims() == Shape{2, 5, 3, 2});
  expect_product(both, of_a, [&](std::int64_t j, std::int64_t k, std::int64_t n) { return b.at(j, k, n); });
  const Values one = run_kernel(MatMul{}, {a, shared});
  REQUIRE(one.dims() == Shape{2, 1, 3, 2});
  expect_product(one, of_a, [&](std::int64_t, std::int64_t k, std::int64_t n) { return shared.at(k, n); });
  const Values transposed = run_kernel(MatMul{true, false, 1.0F}, {random_tensor<double>({2, 5, 4, 3}, 4), shared});
  CHECK(transposed.dims() == Shape{2, 5, 3, 2});
}

TEST_CASE("a source alone on its outer axes meets every one of the other") {
  const Values a({1, 2}, {1, 10});
  const Values b({3, 2, 1}, {1, 2, 3, 4, 5, 6});
  CHECK(run_kernel(MatMul{}, {a, b}) == Values({3, 1, 1}, {21, 43, 65}));
}

TEST_CASE("products over nothing are 0, and of nothing are nothing") {
  CHECK(run_kernel(MatMul{}, {Values({2, 0}), Values({0, 2})}) == Values({2, 2}, {0, 0, 0, 0}));
  CHECK(run_kernel(MatMul{}, {Values({30, 0}), Values({0, 30})}) == Values({30, 30}));
  CHECK(run_kernel(MatMul{}, {Values({0, 3, 2}), Values({2, 4})}).dims() == Shape{0, 3, 4});
  CHECK(run_kernel(MatMul{}, {Values({2, 3, 2}), Values({2, 0})}).dims() == Shape{2, 3, 0});
}

TEST_CASE("two FLOPs per product and element of the result") {
  const std::vector<Shape> src{{8, 2, 3}, {3, 5}};
  CHECK(MatMul{}.dst_shape(src) == Shape{8, 2, 5});
  CHECK(MatMul{}.work(src, {8, 2, 5}) == Work{2.0 * 3 * 80, 63, 0, 80});
  const std::vector<Shape> transposed{{8, 3, 2}, {5, 3}};
  const MatMul layer{true, true, 1.0F};
  CHECK(layer.dst_shape(transposed) == Shape{8, 2, 5});
  CHECK(layer.work(transposed, {8, 2, 5}).flops == 2.0 * 3 * 80);
}

TEST_CASE("matrices that do not fit are refused with their shapes") {
  const std::vector<Shape> inner{{2, 3}, {4, 5}};
  const std::vector<Shape> outer{{2, 2, 3}, {3, 3, 5}};
  const std::vector<Shape> vector{{3}, {3, 5}};
  CHECK_THROWS_WITH(MatMul{}.dst_shape(inner), "MatMul: cannot multiply (2, 3) by (4, 5)");
  CHECK_THROWS_WITH(MatMul{}.dst_shape(outer), ContainsSubstring("broadcast"));
  CHECK_THROWS_WITH(MatMul{}.dst_shape(vector), ContainsSubstring("rank 2"));
}
