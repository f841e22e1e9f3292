#include <fulcrum/layers/along_axis.hpp>

#include <limits>
#include <vector>

#include <support/catch.hpp>
#include <support/run_kernel.hpp>

using namespace fulcrum;
using test::run_kernel;
using Values = Tensor<double>;

TEST_CASE("TopK gives the places of the largest elements, or the smallest, the first of equal ones first") {
  const Values src({2, 4}, {3, 1, 3, 2, -1, 5, 0, 5});
  CHECK(run_kernel(TopK{3}, {src}) == Values({2, 3}, {0, 2, 3, 1, 3, 2}));
  CHECK(run_kernel(TopK{2, -1, false}, {src}) == Values({2, 2}, {1, 3, 0, 2}));
  CHECK(run_kernel(TopK{1, 0}, {src}) == Values({1, 4}, {0, 1, 0, 1}));
  CHECK(run_kernel(TopK{0}, {src}).dims() == Shape{2, 0});
  const double nan = std::numeric_limits<double>::quiet_NaN();
  CHECK(run_kernel(TopK{2}, {Values({3}, {1, nan, 2})}) == Values({2}, {1, 2}));
  const std::vector<Shape> shapes{{2, 4}};
  CHECK_THROWS_WITH(TopK{5}.dst_shape(shapes), ContainsSubstring("looks for 5"));
}

TEST_CASE("CumSum adds up along an axis, from either end, with the element or without") {
  const Values src({2, 3}, {1, 2, 3, 10, 20, 30});
  CHECK(run_kernel(CumSum{1}, {src}) == Values({2, 3}, {1, 3, 6, 10, 30, 60}));
  CHECK(run_kernel(CumSum{1, true}, {src}) == Values({2, 3}, {0, 1, 3, 0, 10, 30}));
  CHECK(run_kernel(CumSum{-1, false, true}, {src}) == Values({2, 3}, {6, 5, 3, 60, 50, 30}));
  CHECK(run_kernel(CumSum{1, true, true}, {src}) == Values({2, 3}, {5, 3, 0, 50, 30, 0}));
  CHECK(run_kernel(CumSum{0}, {src}) == Values({2, 3}, {1, 2, 3, 11, 22, 33}));
}
