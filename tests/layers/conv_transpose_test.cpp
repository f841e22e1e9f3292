#include <fulcrum/layers/conv_transpose.hpp>

#include <vector>

#include <support/catch.hpp>
#include <support/data.hpp>
#include <support/run_kernel.hpp>

using namespace fulcrum;
using test::check_close;
using test::counting_tensor;
using test::random_tensor;
using test::run_kernel;
using Values = Tensor<double>;

namespace {
ConvTranspose<double> layer_of(Values weights, std::int64_t groups = 1) {
  ConvTranspose<double> layer;
  const Shape shape = weights.dims();
  layer.window.kernel = {shape[shape.size() - 2], shape.back()};
  if (shape.size() == 5) layer.window.depth.kernel = shape[2];
  layer.weights = std::move(weights);
  layer.groups = groups;
  return layer;
}

Shape shape_of(const ConvTranspose<double>& layer, const Shape& src) {
  const std::vector<Shape> shapes{src};
  return layer.dst_shape(shapes);
}

/// The sum of the docstring, straight from the formula.
Values from_definition(const ConvTranspose<double>& layer, const Values& src, const Shape& dst_shape) {
  Values dst(dst_shape);
  const Values& weights = *layer.weights.value;
  const Window& window = layer.window;
  const std::int64_t ic = src.dim(1) / layer.groups, oc = weights.dim(1);
  for (std::int64_t n = 0; n < src.dim(0); ++n)
    for (std::int64_t i = 0; i < src.dim(1); ++i)
      for (std::int64_t o = 0; o < oc; ++o)
        for (std::int64_t d = 0; d < src.dim(2); ++d)
          for (std::int64_t h = 0; h < src.dim(3); ++h)
            for (std::int64_t w = 0; w < src.dim(4); ++w)
              for (std::int64_t kd = 0; kd < weights.dim(2); ++kd)
                for (std::int64_t kh = 0; kh < weights.dim(3); ++kh)
                  for (std::int64_t kw = 0; kw < weights.dim(4); ++kw) {
                    const std::int64_t z = d * window.depth.stride - window.depth.front + kd * window.depth.dilation;
                    const std::int64_t y = h * window.stride[0] - window.padding.top + kh * window.dilation[0];
                    const std::int64_t x = w * window.stride[1] - window.padding.left + kw * window.dilation[1];
                    if (z < 0 || z >= dst.dim(2) || y < 0 || y >= dst.dim(3) || x < 0 || x >= dst.dim(4)) continue;
                    dst.at(n, i / ic * oc + o, z, y, x) += src.at(n, i, d, h, w) * weights.at(i, o, kd, kh, kw);
                  }
  for (std::int64_t n = 0; n < dst.dim(0); ++n)
    for (std::int64_t o = 0; o < dst.dim(1); ++o)
      for (std::int64_t z = 0; z < dst.dim(2); ++z)
        for (std::int64_t y = 0; y < dst.dim(3); ++y)
          for (std::int64_t x = 0; x < dst.dim(4); ++x)
            dst.at(n, o, z, y, x) += layer.bias.empty() ? 0.0 : layer.bias.value->at(o);
  return dst;
}
}  // namespace

TEST_CASE("every source position adds a window of its own") {
  const auto layer = layer_of(Values({1, 1, 3, 3}, 1.0));
  CHECK(run_kernel(layer, {counting_tensor<double>({1, 1, 3, 3})}) ==
        Values({1, 1, 5, 5}, {0, 1, 3, 3, 2, 3, 8, 15, 12, 7, 9, 21, 36, 27, 15, 9, 20, 33, 24, 13, 6, 13, 21, 15, 8}));
}

TEST_CASE("windows are as far apart as the stride, and output padding adds what none reaches") {
  auto layer = layer_of(Values({1, 1, 2, 2}, {1, 2, 3, 4}));
  layer.window.stride = {2, 3};
  layer.output_padding = {1, 0};
  layer.bias = Values({1}, {10.0});
  CHECK(run_kernel(layer, {Values({1, 1, 1, 2}, {1, 2})}) ==
        Values({1, 1, 3, 5}, {11, 12, 10, 12, 14, 13, 14, 10, 16, 18, 10, 10, 10, 10, 10}));
}

TEST_CASE("padding takes away from the result") {
  auto layer = layer_of(Values({1, 1, 3, 3}, 1.0));
  layer.window.stride = {3, 2};
  layer.window.padding = {1, 2, 1, 2};
  CHECK(run_kernel(layer, {counting_tensor<double>({1, 1, 3, 3})}) ==
        Values({1, 1, 7, 3}, {1, 1, 3, 1, 1, 3, 7, 4, 9, 7, 4, 9, 7, 4, 9, 13, 7, 15, 13, 7, 15}));
}

TEST_CASE("dilation spreads the window") {
  auto layer = layer_of(Values({1, 1, 1, 2}, {1, 10}));
  layer.window.dilation = {1, 2};
  CHECK(run_kernel(layer, {Values({1, 1, 1, 3}, {1, 2, 3})}) == Values({1, 1, 1, 5}, {1, 2, 13, 20, 30}));
}

TEST_CASE("groups, batches, depth and every setting together follow the definition") {
  auto layer = layer_of(random_tensor<double>({4, 3, 2, 3, 2}, 1), 2);
  layer.bias = random_tensor<double>({6}, 2);
  layer.window.stride = {2, 1};
  layer.window.padding = {1, 0, 2, 1};
  layer.window.dilation = {1, 2};
  layer.window.depth = {2, 2, 1, 0, 2};
  layer.output_padding = {1, 0};
  layer.depth_output_padding = 1;
  const Values src = random_tensor<double>({2, 4, 3, 4, 5}, 3);
  const Values dst = run_kernel(layer, {src});
  REQUIRE(dst.dims() == Shape{2, 6, 7, 7, 6});
  check_close(dst, from_definition(layer, src, dst.dims()), 1e-12);
}

TEST_CASE("more output channels than one product takes") {
  const auto layer = layer_of(random_tensor<double>({2, 37, 1, 3, 3}, 4));
  const Values src = random_tensor<double>({1, 2, 1, 2, 3}, 5);
  const Values dst = run_kernel(layer, {src});
  check_close(dst, from_definition(layer, src, dst.dims()), 1e-12);
}

TEST_CASE("without a batch there is nothing") {
  const auto layer = layer_of(Values({1, 1, 2, 2}, 1.0));
  CHECK(run_kernel(layer, {Values({0, 1, 2, 2})}).dims() == Shape{0, 1, 3, 3});
}

TEST_CASE("work is two FLOPs for each weight that a source element meets, one more per output with a bias") {
  auto layer = layer_of(Values({4, 3, 2, 2}), 2);
  layer.window.stride = {2, 2};
  const std::vector<Shape> src{{1, 4, 5, 5}};
  CHECK(layer.dst_shape(src) == Shape{1, 6, 10, 10});
  CHECK(layer.work(src, {1, 6, 10, 10}) == Work{2.0 * 100 * 12, 100, 48, 600});
  layer.bias = Values(Shape{6});
  CHECK(layer.work(src, {1, 6, 10, 10}) == Work{2.0 * 100 * 12 + 600, 100, 54, 600});
}

TEST_CASE("sources and settings that do not fit the weights are refused") {
  const Shape src{1, 4, 5, 5};
  CHECK_THROWS_WITH(shape_of(ConvTranspose<double>{}, src), ContainsSubstring("no weights"));
  CHECK_THROWS_WITH(shape_of(layer_of(Values({3, 3, 2, 2})), src), ContainsSubstring("do not fit"));
  CHECK_THROWS_WITH(shape_of(layer_of(Values({4, 3, 2, 2}), 3), src), ContainsSubstring("3 group(s)"));
  CHECK_THROWS_AS(shape_of(layer_of(Values({4, 3, 2, 2})), {1, 4, 5}), Error);
  CHECK_THROWS_AS(shape_of(layer_of(Values({4, 3, 2, 2})), {1, 4, 5, 5, 5}), Error);
  auto layer = layer_of(Values({4, 3, 2, 2}));
  layer.window.kernel = {3, 2};
  CHECK_THROWS_WITH(shape_of(layer, src), ContainsSubstring("another kernel"));
  layer = layer_of(Values({4, 3, 2, 2}));
  layer.bias = Values(Shape{4});
  CHECK_THROWS_WITH(shape_of(layer, src), ContainsSubstring("3 output channels"));
  layer = layer_of(Values({4, 3, 2, 2}));
  layer.window.padding = 3;
  CHECK_THROWS_WITH(shape_of(layer, src), ContainsSubstring("leaves nothing"));
  layer.window.padding = -1;
  CHECK_THROWS_AS(shape_of(layer, src), Error);
  layer = layer_of(Values({4, 3, 2, 2}));
  layer.window.stride = {0, 1};
  CHECK_THROWS_AS(shape_of(layer, src), Error);
}
