#include <fulcrum/layers/normalization.hpp>

#include <cmath>
#include <vector>

#include <support/catch.hpp>
#include <support/data.hpp>
#include <support/run_kernel.hpp>

using namespace fulcrum;
using test::check_close;
using test::random_tensor;
using test::run_kernel;
using Values = Tensor<double>;

namespace {
LayerNormalization<double> layer_normalization(std::int64_t axis, double epsilon = 0.0) {
  LayerNormalization<double> layer;
  layer.axis = axis;
  layer.epsilon = epsilon;
  return layer;
}

InstanceNormalization<double> instance_normalization(std::int64_t channels, std::int64_t groups = 0) {
  InstanceNormalization<double> layer;
  layer.scale = Values(Shape{channels}, 1.0);
  layer.shift = Values(Shape{channels}, 0.0);
  layer.epsilon = 0.0;
  layer.groups = groups;
  return layer;
}
}  // namespace

TEST_CASE("layer normalization brings each row to mean 0 and variance 1") {
  const Values src({2, 4}, {1, 1, 3, 3, 0, 4, 0, 4});
  CHECK(run_kernel(layer_normalization(-1), {src}) == Values({2, 4}, {-1, -1, 1, 1, -1, 1, -1, 1}));
  auto layer = layer_normalization(1, 3.0);  // √(1 + 3) = 2, √(4 + 3)
  layer.scale = Values({4}, {2, 4, 6, 8});
  layer.shift = Values({4}, {0, 1, 0, 1});
  const double s = 2.0 / std::sqrt(7.0);
  check_close(run_kernel(layer, {src}), Values({2, 4}, {-1, -1, 3, 5, -2 * s, 4 * s + 1, -6 * s, 8 * s + 1}), 1e-12);
}

TEST_CASE("layer normalization takes all axes from its own on") {
  const Values src({1, 2, 2}, {1, 1, 3, 3});
  CHECK(run_kernel(layer_normalization(1), {src}) == Values({1, 2, 2}, {-1, -1, 1, 1}));
  CHECK(run_kernel(layer_normalization(0), {src}) == Values({1, 2, 2}, {-1, -1, 1, 1}));
  CHECK(run_kernel(layer_normalization(-1), {Values({0, 3})}).dims() == Shape{0, 3});
  CHECK(run_kernel(layer_normalization(-1), {Values({3, 0})}).dims() == Shape{3, 0});
}

TEST_CASE("statistics of float values far from 0 keep their digits") {
  LayerNormalization<float> layer;
  layer.epsilon = 0.0;
  const Tensor<float> src({1, 4}, {100000.0F, 100001.0F, 100000.0F, 100001.0F});
  CHECK(run_kernel<float>(layer, {src}) == Tensor<float>({1, 4}, {-1, 1, -1, 1}));
}

TEST_CASE("layer normalization refuses parameters of another extent") {
  const std::vector<Shape> src{{2, 3, 4}};
  auto layer = layer_normalization(1);
  CHECK(layer.dst_shape(src) == src[0]);
  CHECK(layer.work(src, src[0]) == Work{8.0 * 24, 24, 0, 24});
  layer.scale = Values({4});
  CHECK_THROWS_WITH(layer.dst_shape(src), ContainsSubstring("(4)"));
  layer.scale = Values({3, 4});
  CHECK_NOTHROW(layer.dst_shape(src));
  CHECK(layer.work(src, src[0]).weight_elements == 12);
  CHECK_THROWS_AS(layer_normalization(3).dst_shape(src), Error);
}

TEST_CASE("instance normalization has statistics for each sample's channel") {
  const Values src({1, 2, 1, 2}, {1, 3, 10, 30});
  auto layer = instance_normalization(2);
  CHECK(run_kernel(layer, {src}) == Values({1, 2, 1, 2}, {-1, 1, -1, 1}));
  layer.scale = Values({2}, {2, 3});
  layer.shift = Values({2}, {1, 0});
  layer.epsilon = 3.0;  // √(1 + 3) = 2, √(100 + 3)
  const double t = 30.0 / std::sqrt(103.0);
  check_close(run_kernel(layer, {src}), Values({1, 2, 1, 2}, {0, 2, -t, t}), 1e-12);
}

TEST_CASE("channels of a group share their statistics, not their scale") {
  const Values src({2, 4, 1}, {1, 3, 0, 8, 5, 5, 2, 4});
  auto layer = instance_normalization(4, 2);
  layer.epsilon = 1e-300;
  CHECK(run_kernel(layer, {src}) == Values({2, 4, 1}, {-1, 1, -1, 1, 0, 0, -1, 1}));
  layer.scale = Values({4}, {1, 2, 3, 4});
  CHECK(run_kernel(layer, {src}) == Values({2, 4, 1}, {-1, 2, -3, 4, 0, 0, -3, 4}));
  CHECK(run_kernel(instance_normalization(4, 2), {Values({0, 4, 3})}).dims() == Shape{0, 4, 3});
}

TEST_CASE("instance normalization refuses what does not fit its channels") {
  const std::vector<Shape> src{{2, 4, 3}};
  CHECK(instance_normalization(4).work(src, src[0]) == Work{8.0 * 24, 24, 8, 24});
  CHECK_THROWS_AS(instance_normalization(3).dst_shape(src), Error);
  CHECK_THROWS_WITH(instance_normalization(4, 3).dst_shape(src), ContainsSubstring("3 groups"));
  CHECK_THROWS_AS(InstanceNormalization<double>{}.dst_shape(src), Error);
  const std::vector<Shape> vector{{4}};
  CHECK_THROWS_AS(instance_normalization(4).dst_shape(vector), Error);
}

TEST_CASE("local response normalization divides by the channels around") {
  LocalResponseNormalization layer;
  layer.size = 3;
  layer.alpha = 3.0F;
  layer.beta = 0.5F;
  layer.bias = 0.0F;
  // √(Σ of the squares of the neighbours within one channel)
  check_close(run_kernel(layer, {Values({1, 3, 1}, {3, 4, 12})}),
              Values({1, 3, 1}, {3.0 / 5, 4.0 / 13, 12 / std::sqrt(160.0)}), 1e-12);
  layer.size = 2;  // an even size takes the next channel, not the one before
  layer.alpha = 2.0F;
  check_close(run_kernel(layer, {Values({1, 3, 1}, {3, 4, 12})}),
              Values({1, 3, 1}, {3.0 / 5, 4 / std::sqrt(160.0), 1.0}), 1e-12);
  CHECK(run_kernel(layer, {Values({1, 0, 2})}).dims() == Shape{1, 0, 2});
}

TEST_CASE("local response normalization treats positions and samples alone") {
  LocalResponseNormalization layer;
  layer.size = 5;
  layer.alpha = 0.5F;
  const Values src = random_tensor<double>({2, 7, 2, 3}, 1, 0.0, 3.0);
  const Values dst = run_kernel(layer, {src});
  for (std::int64_t n = 0; n < 2; ++n)
    for (std::int64_t c = 0; c < 7; ++c)
      for (std::int64_t h = 0; h < 2; ++h)
        for (std::int64_t w = 0; w < 3; ++w) {
          double sum = 0.0;
          for (std::int64_t k = std::max<std::int64_t>(0, c - 2); k <= std::min<std::int64_t>(6, c + 2); ++k)
            sum += src.at(n, k, h, w) * src.at(n, k, h, w);
          REQUIRE(dst.at(n, c, h, w) == Approx(src.at(n, c, h, w) / std::pow(1.0 + 0.1 * sum, 0.75)));
        }
  const std::vector<Shape> shapes{{2, 7, 2, 3}};
  CHECK(layer.work(shapes, shapes[0]) == Work{13.0 * 84, 84, 0, 84});
  layer.size = 0;
  CHECK_THROWS_WITH(layer.dst_shape(shapes), ContainsSubstring("size of 0"));
  const std::vector<Shape> vector{{4}};
  CHECK_THROWS_AS(LocalResponseNormalization{}.dst_shape(vector), Error);
}
