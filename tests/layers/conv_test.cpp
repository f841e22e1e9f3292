#include <fulcrum/layers/conv.hpp>

#include <vector>

#include <fulcrum/core/random.hpp>
#include <support/catch.hpp>

using namespace fulcrum;

namespace {
Conv<float> conv(const Shape& weights, Window window, std::int64_t groups = 1, bool bias = true) {
  Conv<float> layer;
  layer.weights = Tensor<float>(weights);
  if (bias) layer.bias = Tensor<float>(Shape{weights[0]});
  window.kernel = {weights[2], weights[3]};
  layer.window = window;
  layer.groups = groups;
  return layer;
}

Work work_of(const Conv<float>& layer, const Shape& src_shape) {
  const std::vector<Shape> src{src_shape};
  return layer.work(src, layer.dst_shape(src));
}
}  // namespace

TEST_CASE("the first convolution of ResNet-50 has its well-known shape and cost") {
  const auto layer = conv({64, 3, 7, 7}, {{}, {2, 2}, 3}, 1, false);
  const std::vector<Shape> src{{1, 3, 224, 224}};
  CHECK(layer.dst_shape(src) == Shape{1, 64, 112, 112});
  CHECK(layer.work(src, layer.dst_shape(src)).flops == 2.0 * 118'013'952);
}

TEST_CASE("a depthwise convolution costs a channel's share of a full one") {
  const Window same{{}, {1, 1}, 1};
  const Work depthwise = work_of(conv({32, 1, 3, 3}, same, 32, false), {1, 32, 112, 112});
  const Work full = work_of(conv({32, 32, 3, 3}, same, 1, false), {1, 32, 112, 112});
  CHECK(depthwise.flops * 32 == full.flops);
  CHECK(depthwise.flops == 2.0 * 3'612'672);  // the first depthwise layer of MobileNetV2
  CHECK(depthwise.weight_elements * 32 == full.weight_elements);
}

TEST_CASE("the FLOPs of a random convolution equal the operations of the loop that defines it") {
  Random random(4);
  for (int i = 0; i < 60; ++i) {
    const auto number = [&](std::int64_t low, std::int64_t high) {
      return low + static_cast<std::int64_t>(random.below(static_cast<std::uint64_t>(high - low + 1)));
    };
    const std::int64_t groups = number(1, 3);
    const Shape weights{groups * number(1, 3), number(1, 3), number(1, 3), number(1, 3)};
    const bool bias = number(0, 1) == 1;
    const auto layer =
        conv(weights, {{}, {number(1, 2), number(1, 2)}, number(0, 2), {number(1, 2), number(1, 2)}}, groups, bias);
    const Shape src{number(1, 2), groups * weights[1], number(5, 8), number(5, 8)};
    const std::vector<Shape> sources{src};
    const Shape dst = layer.dst_shape(sources);
    double operations = 0.0;
    for (std::int64_t n = 0; n < dst[0]; ++n)
      for (std::int64_t oc = 0; oc < dst[1]; ++oc)
        for (std::int64_t oh = 0; oh < dst[2]; ++oh)
          for (std::int64_t ow = 0; ow < dst[3]; ++ow) {
            for (std::int64_t tap = 0; tap < weights[1] * weights[2] * weights[3]; ++tap) operations += 2.0;
            if (bias) operations += 1.0;
          }
    CAPTURE(weights, src, groups);
    const Work work = layer.work(sources, dst);
    REQUIRE(work.flops == operations);
    REQUIRE(work.src_elements == element_count(src));
    REQUIRE(work.dst_elements == element_count(dst));
    REQUIRE(work.weight_elements == element_count(weights) + (bias ? weights[0] : 0));
  }
}

TEST_CASE("a convolution that does not fit its source says what does not") {
  const auto refuse = [](const Conv<float>& layer, const Shape& shape, const char* words) {
    const std::vector<Shape> src{shape};
    CHECK_THROWS_WITH(layer.dst_shape(src), ContainsSubstring("Conv") && ContainsSubstring(words));
  };
  const Shape image{1, 4, 8, 8};
  refuse(conv({8, 3, 3, 3}, {}), image, "(8, 3, 3, 3)");
  refuse(conv({8, 4, 3, 3}, {}, 2), image, "2 group(s)");
  refuse(conv({9, 2, 3, 3}, {}, 2), image, "2 group(s)");  // 9 outputs in 2 groups
  refuse(conv({8, 4, 3, 3}, {}, 0), image, "0 group(s)");
  refuse(conv({8, 4, 9, 9}, {}), image, "does not fit");
  refuse(conv({8, 4, 3, 3}, {}), {1, 4, 8}, "(n, c, h, w)");
  auto kernel = conv({8, 4, 3, 3}, {});
  kernel.window.kernel = {5, 3};
  refuse(kernel, image, "5×3");
  auto bias = conv({8, 4, 3, 3}, {});
  bias.bias = Tensor<float>(Shape{7});
  refuse(bias, image, "(7)");
  auto weights = conv({8, 4, 3, 3}, {});
  weights.weights = {};
  refuse(weights, image, "no weights");
}

TEST_CASE("a convolution over depth too") {
  Conv<float> layer;
  layer.weights = Tensor<float>({6, 2, 3, 3, 3});
  layer.bias = Tensor<float>(Shape{6});
  layer.window = {{3, 3}, {1, 1}, 1};
  layer.window.depth = {3, 2, 1, 1, 1};
  layer.groups = 2;
  const std::vector<Shape> src{{1, 4, 8, 5, 5}};
  CHECK(layer.dst_shape(src) == Shape{1, 6, 4, 5, 5});
  CHECK(layer.work(src, {1, 6, 4, 5, 5}) == Work{600.0 * (2 * 54 + 1), 800, 6 * 54 + 6, 600});
  const std::vector<Shape> flat{{1, 4, 5, 5}};
  CHECK_THROWS_AS(layer.dst_shape(flat), Error);
  layer.window.depth.kernel = 2;
  CHECK_THROWS_WITH(layer.dst_shape(src), ContainsSubstring("kernel"));
}
