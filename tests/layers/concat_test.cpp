#include <fulcrum/layers/concat.hpp>

#include <vector>

#include <support/catch.hpp>

using namespace fulcrum;

TEST_CASE("concatenation sums the extents of its axis") {
  const std::vector<Shape> src{{2, 3, 4}, {2, 5, 4}, {2, 1, 4}};
  CHECK(Concat{1}.dst_shape(src) == Shape{2, 9, 4});
  CHECK(Concat{-2}.dst_shape(src) == Shape{2, 9, 4});
  CHECK(Concat{1}.work(src, {2, 9, 4}) == Work{0.0, 72, 0, 72});
}

TEST_CASE("a single source passes through") {
  const std::vector<Shape> src{{2, 3}};
  CHECK(Concat{0}.dst_shape(src) == Shape{2, 3});
}

TEST_CASE("sources that differ beside the axis are refused with both shapes") {
  const std::vector<Shape> extents{{2, 3, 4}, {2, 3, 5}};
  CHECK_THROWS_WITH(Concat{1}.dst_shape(extents), ContainsSubstring("(2, 3, 4)") && ContainsSubstring("(2, 3, 5)"));
  const std::vector<Shape> ranks{{2, 3}, {2, 3, 1}};
  CHECK_THROWS_AS(Concat{1}.dst_shape(ranks), Error);
  CHECK_THROWS_AS(Concat{1}.dst_shape({}), Error);
  CHECK_THROWS_WITH(Concat{3}.dst_shape(extents), ContainsSubstring("axis 3"));
}
