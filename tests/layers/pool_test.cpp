#include <fulcrum/layers/pool.hpp>

#include <vector>

#include <support/catch.hpp>

using namespace fulcrum;

namespace {
Pool pool(Extent2 kernel, Extent2 stride, Padding padding = 0) {
  Pool layer;
  layer.window = {kernel, stride, padding};
  return layer;
}
}  // namespace

TEST_CASE("pooling shrinks planes and keeps channels") {
  const std::vector<Shape> src{{2, 3, 28, 28}};
  CHECK(pool({2, 2}, {2, 2}).dst_shape(src) == Shape{2, 3, 14, 14});
  CHECK(pool({3, 3}, {2, 2}, 1).dst_shape(src) == Shape{2, 3, 14, 14});
  CHECK(pool({2, 2}, {2, 2}).work(src, {2, 3, 14, 14}) == Work{4.0 * 2 * 3 * 14 * 14, 2 * 3 * 28 * 28, 0, 2 * 3 * 196});
}

TEST_CASE("global pooling reduces each plane to one value") {
  const std::vector<Shape> src{{2, 3, 7, 5}};
  CHECK(GlobalPool{}.dst_shape(src) == Shape{2, 3, 1, 1});
  CHECK(GlobalPool{}.work(src, {2, 3, 1, 1}) == Work{2.0 * 3 * 35, 210, 0, 6});
}

TEST_CASE("pooling takes images whose planes hold something") {
  const std::vector<Shape> vector{{2, 3}};
  const std::vector<Shape> empty{{2, 3, 0, 5}};
  CHECK_THROWS_AS(pool({2, 2}, {2, 2}).dst_shape(vector), Error);
  CHECK_THROWS_AS(GlobalPool{}.dst_shape(vector), Error);
  CHECK_THROWS_WITH(GlobalPool{}.dst_shape(empty), ContainsSubstring("empty plane"));
  CHECK_THROWS_AS(pool({2, 2}, {2, 2}).dst_shape(empty), Error);
}

TEST_CASE("no window may lie in the padding alone") {
  const std::vector<Shape> src{{1, 1, 4, 4}};
  CHECK_NOTHROW(pool({2, 2}, {1, 1}, 1).dst_shape(src));
  CHECK_THROWS_WITH(pool({2, 2}, {1, 1}, 2).dst_shape(src), ContainsSubstring("padding"));
  CHECK_THROWS_AS(pool({2, 2}, {1, 1}, {0, 0, 0, 2}).dst_shape(src), Error);
}
