#include <fulcrum/layers/non_max_suppression.hpp>

#include <limits>
#include <vector>

#include <support/catch.hpp>
#include <support/run_kernel.hpp>

using namespace fulcrum;
using test::run_kernel;
using Values = Tensor<double>;

namespace {

// Six boxes in three heaps, as in ONNX's specification: 0 and 1 overlap, 3 and 4 do, 5 is alone, 2 hardly touches 0.
const Values corners({1, 6, 4},
                     {0, 0, 1, 1, 0, 0.1, 1, 1.1, 0, -0.1, 1, 0.9, 0, 10, 1, 11, 0, 10.1, 1, 11.1, 0, 100, 1, 101});
const Values scores({1, 1, 6}, {0.9, 0.75, 0.6, 0.95, 0.5, 0.3});

}  // namespace

TEST_CASE("boxes that overlap a better one are left out, and rows that are not used are -1") {
  CHECK(run_kernel(NonMaxSuppression{6, 0.5F, 0.0F}, {corners, scores}) ==
        Values({6, 3}, {0, 0, 3, 0, 0, 0, 0, 0, 5, -1, -1, -1, -1, -1, -1, -1, -1, -1}));
  CHECK(run_kernel(NonMaxSuppression{2, 0.5F, 0.0F}, {corners, scores}) == Values({2, 3}, {0, 0, 3, 0, 0, 0}));
  CHECK(run_kernel(NonMaxSuppression{3, 0.5F, 0.4F}, {corners, scores}) ==
        Values({3, 3}, {0, 0, 3, 0, 0, 0, -1, -1, -1}));
  CHECK(run_kernel(NonMaxSuppression{0, 0.5F}, {corners, scores}).dims() == Shape{0, 3});
}

TEST_CASE("corners come in any order, and boxes may be given by their centers") {
  Values flipped = corners;
  for (std::size_t box = 0; box < 6; box += 2) std::swap(flipped.flat()[box * 4], flipped.flat()[box * 4 + 2]);
  for (std::size_t box = 1; box < 6; box += 2) std::swap(flipped.flat()[box * 4 + 1], flipped.flat()[box * 4 + 3]);
  const Values kept({3, 3}, {0, 0, 3, 0, 0, 0, 0, 0, 5});
  CHECK(run_kernel(NonMaxSuppression{3, 0.5F, 0.0F}, {flipped, scores}) == kept);
  Values centers({1, 6, 4});
  for (std::size_t box = 0; box < 6; ++box) {
    const double* c = corners.flat().data() + box * 4;
    const std::vector<double> numbers{(c[1] + c[3]) / 2, (c[0] + c[2]) / 2, c[3] - c[1], c[2] - c[0]};
    std::copy(numbers.begin(), numbers.end(), centers.flat().begin() + static_cast<std::ptrdiff_t>(box * 4));
  }
  CHECK(run_kernel(NonMaxSuppression{3, 0.5F, 0.0F, true}, {centers, scores}) == kept);
}

TEST_CASE("each image and class is by itself, and their rows follow one another") {
  Values boxes({2, 2, 4}, {0, 0, 1, 1, 0, 0, 1, 1, 0, 0, 1, 1, 5, 5, 6, 6});
  Values of_each({2, 2, 2}, {0.2, 0.9, 0.8, 0.8, 0.0, 0.1, 0.7, 0.6});
  CHECK(run_kernel(NonMaxSuppression{2, 0.5F, 0.05F}, {boxes, of_each}) ==
        Values({8, 3}, {0, 0, 1, 0, 1, 0, 1, 0, 1, 1, 1, 0, 1, 1, 1, -1, -1, -1, -1, -1, -1, -1, -1, -1}));
}

TEST_CASE("equal scores keep their order, NaN is no score, and boxes without an area hide nothing") {
  const double nan = std::numeric_limits<double>::quiet_NaN();
  const Values points({1, 3, 4}, {1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1});
  CHECK(run_kernel(NonMaxSuppression{3, 0.0F}, {points, Values({1, 1, 3}, {0.5, nan, 0.5})}) ==
        Values({3, 3}, {0, 0, 0, 0, 0, 2, -1, -1, -1}));
  CHECK(run_kernel(NonMaxSuppression{3, 0.0F}, {points, Values({1, 1, 3}, {-2.0, -1.0, -3.0})}) ==
        Values({3, 3}, {0, 0, 1, 0, 0, 0, 0, 0, 2}));  // without a threshold any score will do
}

TEST_CASE("boxes and scores that do not belong together are refused") {
  const auto shape = [](std::vector<Shape> src, NonMaxSuppression layer = {1, 0.5F}) { return layer.dst_shape(src); };
  CHECK(shape({{2, 7, 4}, {2, 3, 7}}, {5, 0.5F}) == Shape{30, 3});
  CHECK(shape({{2, 7, 4}, {2, 3, 7}}, {1000, 0.5F}) == Shape{42, 3});
  CHECK_THROWS_WITH(shape({{2, 7, 4}, {2, 3, 8}}), ContainsSubstring("has boxes"));
  CHECK_THROWS_WITH(shape({{2, 7, 5}, {2, 3, 7}}), ContainsSubstring("has boxes"));
  CHECK_THROWS_AS(shape({{7, 4}, {2, 3, 7}}), Error);
  CHECK_THROWS_WITH(shape({{2, 7, 4}, {2, 3, 7}}, {1, 1.5F}), ContainsSubstring("0 to 1"));
}
