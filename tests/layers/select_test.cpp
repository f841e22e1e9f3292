#include <fulcrum/layers/select.hpp>

#include <cmath>
#include <vector>

#include <support/catch.hpp>
#include <support/run_kernel.hpp>

using namespace fulcrum;
using test::run_kernel;
using Values = Tensor<double>;

TEST_CASE("where takes from the second source where the condition is not 0, else from the third") {
  CHECK(run_kernel(Where{}, {Values({4}, {1, 0, -2, 0}), Values({4}, {1, 2, 3, 4}), Values({4}, {5, 6, 7, 8})}) ==
        Values({4}, {1, 6, 3, 8}));
}

TEST_CASE("the three sources are broadcast against each other") {
  const Values condition({2, 1}, {1, 0});
  const Values a({3}, {1, 2, 3});
  const Values b({}, {9});
  CHECK(run_kernel(Where{}, {condition, a, b}) == Values({2, 3}, {1, 2, 3, 9, 9, 9}));
  CHECK(run_kernel(Where{}, {b, condition, a}) == Values({2, 3}, {1, 1, 1, 0, 0, 0}));
  CHECK(run_kernel(Where{}, {Values({1}, {1}), Values({0}), b}).dims() == Shape{0});
  const std::vector<Shape> shapes{{2, 1}, {3}, {}};
  CHECK(Where{}.work(shapes, {2, 3}) == Work{6.0, 6, 0, 6});
  const std::vector<Shape> apart{{2}, {3}, {}};
  CHECK_THROWS_WITH(Where{}.dst_shape(apart), ContainsSubstring("broadcast"));
  const std::vector<Shape> two{{2}, {2}};
  CHECK_THROWS_WITH(Where{}.dst_shape(two), ContainsSubstring("takes 3"));
}

TEST_CASE("a value is not computed with where it is not taken") {
  const Values dst = run_kernel(Where{}, {Values({2}, {1, 0}), Values({2}, {1, NAN}), Values({2}, {NAN, 2})});
  CHECK(dst == Values({2}, {1, 2}));
}

TEST_CASE("a cast converts each element") {
  const Values src({5}, {-1.5, 0, 2.9, 300, NAN});
  CHECK(run_kernel(Cast{ElementType::s32}, {src}) == Values({5}, {-1, 0, 2, 300, 0}));
  CHECK(run_kernel(Cast{ElementType::u8}, {src}) == Values({5}, {255, 0, 2, 44, 0}));
  CHECK(run_kernel(Cast{ElementType::boolean}, {src}) == Values({5}, {1, 0, 1, 1, 1}));
  CHECK(run_kernel(Cast{ElementType::f16}, {Values({1}, {0.1})}) == Values({1}, {0.0999755859375}));
  const std::vector<Shape> shapes{{5}};
  CHECK(Cast{}.dst_shape(shapes) == Shape{5});
  CHECK(Cast{}.work(shapes, {5}) == Work{5.0, 5, 0, 5});
}
