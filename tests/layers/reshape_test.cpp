#include <fulcrum/layers/reshape.hpp>

#include <vector>

#include <fulcrum/core/random.hpp>
#include <support/catch.hpp>

using namespace fulcrum;

namespace {
Shape reshape(const Shape& src, const Shape& dims, bool allow_zero = false) {
  const std::vector<Shape> sources{src};
  return Reshape{dims, allow_zero}.dst_shape(sources);
}
Shape flatten(const Shape& src, std::int64_t axis) {
  const std::vector<Shape> sources{src};
  return Flatten{axis}.dst_shape(sources);
}
}  // namespace

TEST_CASE("0 copies an extent and -1 takes what is left") {
  CHECK(reshape({2, 3, 4}, {6, 4}) == Shape{6, 4});
  CHECK(reshape({2, 3, 4}, {0, -1}) == Shape{2, 12});
  CHECK(reshape({2, 3, 4}, {-1}) == Shape{24});
  CHECK(reshape({2, 3, 4}, {0, 0, 2, -1}) == Shape{2, 3, 2, 2});
  CHECK(reshape({1}, {}) == Shape{});
  CHECK(reshape({0, 3}, {3, 0}, true) == Shape{3, 0});
}

TEST_CASE("a shape that cannot be reached is refused") {
  CHECK_THROWS_WITH(reshape({2, 3}, {4, 2}), ContainsSubstring("(2, 3)") && ContainsSubstring("(4, 2)"));
  CHECK_THROWS_WITH(reshape({2, 3}, {4, -1}), ContainsSubstring("rows of 4"));
  CHECK_THROWS_WITH(reshape({2, 3}, {-1, -1}), ContainsSubstring("more than one unknown"));
  CHECK_THROWS_AS(reshape({2, 3}, {-2, 3}), Error);
  CHECK_THROWS_WITH(reshape({2, 3}, {0, 0, 0}), ContainsSubstring("extent 2"));
  CHECK_THROWS_AS(reshape({0, 3}, {0, -1}), Error);  // any number of rows would do
}

TEST_CASE("flattening multiplies the axes on both sides of its axis") {
  CHECK(flatten({2, 3, 4}, 1) == Shape{2, 12});
  CHECK(flatten({2, 3, 4}, 0) == Shape{1, 24});
  CHECK(flatten({2, 3, 4}, 3) == Shape{24, 1});
  CHECK(flatten({2, 3, 4}, -1) == Shape{6, 4});
  CHECK(flatten({}, 0) == Shape{1, 1});
  CHECK_THROWS_AS(flatten({2, 3, 4}, 4), Error);
  CHECK_THROWS_AS(flatten({2, 3, 4}, -4), Error);
}

TEST_CASE("no element is lost, whatever the shape") {
  Random random(6);
  for (int i = 0; i < 200; ++i) {
    Shape src(1 + random.below(4));
    for (auto& dim : src) dim = 1 + static_cast<std::int64_t>(random.below(6));
    const auto axis = static_cast<std::int64_t>(random.below(src.size() + 1));
    CAPTURE(src, axis);
    REQUIRE(element_count(flatten(src, axis)) == element_count(src));
    Shape dims = src;
    dims[random.below(dims.size())] = -1;
    dims[random.below(dims.size())] = 0;
    if (std::count(dims.begin(), dims.end(), 0) == 1) REQUIRE(reshape(src, dims) == src);
  }
}

TEST_CASE("reshaping costs nothing") {
  const std::vector<Shape> src{{2, 6}};
  CHECK(Reshape{{12}}.work(src, {12}) == Work{});
  CHECK(Flatten{}.work(src, {2, 6}) == Work{});
}
