#include <fulcrum/layers/pool.hpp>

#include <vector>

#include <support/catch.hpp>
#include <support/data.hpp>
#include <support/run_kernel.hpp>

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

TEST_CASE("pooling over depth too") {
  Pool layer = pool({2, 2}, {2, 2});
  layer.window.depth = {3, 2, 1, 1, 1};
  const std::vector<Shape> src{{2, 3, 5, 8, 6}};
  CHECK(layer.dst_shape(src) == Shape{2, 3, 3, 4, 3});
  CHECK(layer.work(src, {2, 3, 3, 4, 3}).flops == 12.0 * 2 * 3 * 3 * 4 * 3);
  layer.window.depth.front = 3;
  CHECK_THROWS_WITH(layer.dst_shape(src), ContainsSubstring("padding"));
  const std::vector<Shape> flat{{2, 3, 8, 6}};
  CHECK_THROWS_WITH(layer.dst_shape(flat), ContainsSubstring("depth"));
}

TEST_CASE("the index of a window's maximum counts through the whole source") {
  using Doubles = Tensor<double>;
  MaxPoolIndices layer{{{2, 2}, {2, 2}, 0}, false};
  const Doubles rising = test::counting_tensor<double>({1, 1, 5, 5});
  CHECK(test::run_kernel(layer, {rising}) == Doubles({1, 1, 2, 2}, {6, 8, 16, 18}));
  layer.column_major = true;
  CHECK(test::run_kernel(layer, {rising}) == Doubles({1, 1, 2, 2}, {6, 16, 8, 18}));

  layer = {{{2, 2}, {1, 1}, {1, 0, 0, 0}}, false};
  // Two channels; where the maximum is held twice, the first one counts.
  CHECK(test::run_kernel(layer, {Doubles({1, 2, 2, 2}, {9, 1, 9, 2, 0, 0, 0, 7})}) ==
        Doubles({1, 2, 2, 1}, {0, 0, 4, 7}));
}

TEST_CASE("indices with depth and dilation") {
  using Doubles = Tensor<double>;
  MaxPoolIndices layer;
  layer.window.kernel = {1, 2};
  layer.window.dilation = {1, 2};
  layer.window.depth = {2, 1, 0, 0, 1};
  const Doubles src({1, 1, 2, 2, 3}, {1, 9, 2, 3, 0, 5, 0, 0, 4, 0, 0, 3});
  CHECK(test::run_kernel(layer, {src}) == Doubles({1, 1, 1, 2, 1}, {8, 5}));
  layer.column_major = true;  // (d, h, w) at d + 2 · (h + 2 · w)
  CHECK(test::run_kernel(layer, {src}) == Doubles({1, 1, 1, 2, 1}, {1 + 2 * (0 + 2 * 2), 0 + 2 * (1 + 2 * 2)}));
  const std::vector<Shape> shapes{{1, 1, 2, 2, 3}};
  CHECK(layer.work(shapes, {1, 1, 1, 2, 1}).flops == 4.0 * 2);
  CHECK(test::run_kernel(layer, {Doubles({0, 1, 2, 2, 3})}).dims() == Shape{0, 1, 1, 2, 1});
}
