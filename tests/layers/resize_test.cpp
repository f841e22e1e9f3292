#include <fulcrum/layers/resize.hpp>

#include <cmath>
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
using Coordinates = ResizeCoordinates;
using Rounding = ResizeRounding;

namespace {
Resize by_scales(std::vector<float> scales, ResizeKind mode, Coordinates coordinates = Coordinates::half_pixel) {
  Resize layer;
  layer.mode = mode;
  layer.coordinates = coordinates;
  layer.scales = std::move(scales);
  return layer;
}

Resize by_sizes(std::vector<std::int64_t> sizes, ResizeKind mode, Coordinates coordinates = Coordinates::half_pixel) {
  Resize layer;
  layer.mode = mode;
  layer.coordinates = coordinates;
  layer.sizes = std::move(sizes);
  return layer;
}

Resize rounded(Resize layer, Rounding rounding) {
  layer.rounding = rounding;
  return layer;
}

Shape shape_of(const Resize& layer, const Shape& src) {
  const std::vector<Shape> shapes{src};
  return layer.dst_shape(shapes);
}

/// 1 … 16, in four rows.
Values square() {
  Values values = counting_tensor<double>({4, 4});
  for (double& x : values.flat()) x += 1.0;
  return values;
}
const Values pair({2}, {1, 2});
const Values four({4}, {1, 2, 3, 4});
const Values quad({2, 2}, {1, 2, 3, 4});
}  // namespace

TEST_CASE("nearest repeats elements, or leaves some out") {
  CHECK(run_kernel(by_scales({2, 3}, ResizeKind::nearest), {quad}) ==
        Values({4, 6}, {1, 1, 1, 2, 2, 2, 1, 1, 1, 2, 2, 2, 3, 3, 3, 4, 4, 4, 3, 3, 3, 4, 4, 4}));
  CHECK(run_kernel(by_scales({0.6F}, ResizeKind::nearest), {four}) == Values({2}, {1, 3}));
  CHECK(run_kernel(by_sizes({3}, ResizeKind::nearest), {four}) == Values({3}, {1, 2, 4}));
  CHECK(run_kernel(by_sizes({7}, ResizeKind::nearest), {pair}) == Values({7}, {1, 1, 1, 1, 2, 2, 2}));
}

TEST_CASE("nearest rounds as it is told") {
  const auto doubled = [&](Coordinates coordinates, Rounding rounding) {
    return run_kernel(rounded(by_sizes({8}, ResizeKind::nearest, coordinates), rounding), {four});
  };
  // asymmetric: at 0, ½, 1, 1½, … 3½
  CHECK(doubled(Coordinates::asymmetric, Rounding::round_prefer_floor) == Values({8}, {1, 1, 2, 2, 3, 3, 4, 4}));
  CHECK(doubled(Coordinates::asymmetric, Rounding::floor) == Values({8}, {1, 1, 2, 2, 3, 3, 4, 4}));
  CHECK(doubled(Coordinates::asymmetric, Rounding::round_prefer_ceil) == Values({8}, {1, 2, 2, 3, 3, 4, 4, 4}));
  CHECK(doubled(Coordinates::asymmetric, Rounding::ceil) == Values({8}, {1, 2, 2, 3, 3, 4, 4, 4}));
  // half a pixel: at −¼, ¼, ¾, 1¼, … 3¼
  CHECK(doubled(Coordinates::half_pixel, Rounding::round_prefer_ceil) == Values({8}, {1, 1, 2, 2, 3, 3, 4, 4}));
  CHECK(doubled(Coordinates::half_pixel, Rounding::floor) == Values({8}, {1, 1, 1, 2, 2, 3, 3, 4}));
  CHECK(doubled(Coordinates::half_pixel, Rounding::ceil) == Values({8}, {1, 2, 2, 3, 3, 4, 4, 4}));
  // aligned corners: at 0, 3/7, 6/7, … 3
  CHECK(doubled(Coordinates::align_corners, Rounding::floor) == Values({8}, {1, 1, 1, 2, 2, 3, 3, 4}));
}

TEST_CASE("linear mixes the two neighbours, on every axis") {
  CHECK(run_kernel(by_scales({2}, ResizeKind::linear), {pair}) == Values({4}, {1, 1.25, 1.75, 2}));
  CHECK(run_kernel(by_scales({2, 2}, ResizeKind::linear), {quad}) ==
        Values({4, 4}, {1, 1.25, 1.75, 2, 1.5, 1.75, 2.25, 2.5, 2.5, 2.75, 3.25, 3.5, 3, 3.25, 3.75, 4}));
  check_close(run_kernel(by_scales({2}, ResizeKind::linear, Coordinates::align_corners), {pair}),
              Values({4}, {1, 4.0 / 3, 5.0 / 3, 2}), 1e-12);
  CHECK(run_kernel(by_scales({2}, ResizeKind::linear, Coordinates::asymmetric), {pair}) == Values({4}, {1, 1.5, 2, 2}));
  // The middle one of three axes, and the first and the last one.
  CHECK(run_kernel(by_sizes({1, 3, -1}, ResizeKind::linear, Coordinates::align_corners),
                   {Values({1, 2, 2}, {0, 10, 4, 20})}) == Values({1, 3, 2}, {0, 10, 2, 15, 4, 20}));
  CHECK(run_kernel(by_sizes({3, -1, 3}, ResizeKind::linear, Coordinates::align_corners),
                   {Values({2, 1, 2}, {0, 10, 4, 20})}) == Values({3, 1, 3}, {0, 5, 10, 2, 8.5, 15, 4, 12, 20}));
}

TEST_CASE("coordinates count with the scale that is given, even where the extent is rounded down") {
  // 0.6 · 4 = 2.4 elements: two are made, of which the second lies at (1 + ½)/0.6 − ½ = 2, and not at 2½.
  check_close(run_kernel(by_scales({0.6F}, ResizeKind::linear), {four}), Values({2}, {4.0 / 3, 3}));
  CHECK(run_kernel(by_sizes({2}, ResizeKind::linear), {four}) == Values({2}, {1.5, 3.5}));
  // (4 − 1) / (2.4 − 1)
  check_close(run_kernel(by_scales({0.6F}, ResizeKind::linear, Coordinates::align_corners), {four}),
              Values({2}, {1, 1 + 3 / 1.4}));
  // half_pixel_symmetric moves both towards the middle alike.
  check_close(run_kernel(by_scales({0.6F}, ResizeKind::linear, Coordinates::half_pixel_symmetric), {four}),
              Values({2}, {5.0 / 3, 10.0 / 3}));
}

TEST_CASE("one element of a result lies where its coordinates say") {
  CHECK(run_kernel(by_sizes({1}, ResizeKind::linear), {four}) == Values({1}, {2.5}));
  CHECK(run_kernel(by_sizes({1}, ResizeKind::linear, Coordinates::pytorch_half_pixel), {four}) == Values({1}, {1}));
  CHECK(run_kernel(by_sizes({1}, ResizeKind::linear, Coordinates::align_corners), {four}) == Values({1}, {1}));
  check_close(run_kernel(by_sizes({3}, ResizeKind::linear, Coordinates::pytorch_half_pixel), {four}),
              Values({3}, {7.0 / 6, 2.5, 23.0 / 6}), 1e-12);
}

TEST_CASE("cubic weighs four neighbours") {
  // With a = −¾ and a position ¼ past an element: w(1¼), w(¼), w(¾), w(1¾).
  const std::vector<double> w{-0.10546875, 0.87890625, 0.26171875, -0.03515625};
  const Values dst = run_kernel(by_scales({2}, ResizeKind::cubic), {four});
  REQUIRE(dst.dims() == Shape{8});
  CHECK(dst.at(3) == Approx(1 * w[0] + 2 * w[1] + 3 * w[2] + 4 * w[3]));
  CHECK(dst.at(4) == Approx(1 * w[3] + 2 * w[2] + 3 * w[1] + 4 * w[0]));
  CHECK(dst.at(1) == Approx(1 * w[0] + 1 * w[1] + 2 * w[2] + 3 * w[3]));  // the edge is repeated
  check_close(run_kernel(by_sizes({3, 3}, ResizeKind::cubic), {square()}),
              Values({3, 3}, {1.63078704, 3.00462963, 4.37847222, 7.12615741, 8.5, 9.87384259, 12.62152778, 13.99537037,
                              15.36921296}));
  check_close(run_kernel(by_scales({0.8F, 0.8F}, ResizeKind::cubic, Coordinates::align_corners), {square()}),
              Values({3, 3}, {1, 2.39519159, 3.79038317, 6.58076634, 7.97595793, 9.37114951, 12.16153268, 13.55672427,
                              14.95191585}));
}

TEST_CASE("weights outside the source are shared out among the others") {
  Resize layer = by_scales({0.8F, 0.8F}, ResizeKind::cubic);
  layer.cubic_coefficient = -0.5F;
  layer.exclude_outside = true;
  check_close(run_kernel(layer, {square()}), Values({3, 3}, {1.36812675, 2.6695014, 4.0133367, 6.57362535, 7.875,
                                                             9.2188353, 11.94896657, 13.25034122, 14.59417652}));
  // A constant stays one whatever is left out.
  check_close(run_kernel(layer, {Values({4, 4}, 3.0)}), Values({3, 3}, 3.0), 1e-12);
}

TEST_CASE("antialiasing mixes all that an output covers") {
  const auto antialiased = [](Resize layer) {
    layer.antialias = true;
    return layer;
  };
  // Weights 1 − |x|/2 around 1: at 0.5 distance 3/4, at 1.5 distance 1/4; the edge is repeated where it falls short.
  CHECK(
      run_kernel(antialiased(by_sizes({2}, ResizeKind::linear)), {four}) ==
      Values({2}, {(0.25 * 1 + 0.75 * 1 + 0.75 * 2 + 0.25 * 3) / 2, (0.25 * 2 + 0.75 * 3 + 0.75 * 4 + 0.25 * 4) / 2}));
  check_close(run_kernel(antialiased(by_scales({0.6F, 0.6F}, ResizeKind::linear)), {square()}),
              Values({2, 2}, {2.875, 4.5, 9.375, 11}));
  check_close(run_kernel(antialiased(by_scales({0.6F, 0.6F}, ResizeKind::cubic)), {square()}),
              Values({2, 2}, {2.5180721, 4.2858863, 9.589329, 11.357142}), 2e-6);
  check_close(
      run_kernel(antialiased(by_sizes({3, 3}, ResizeKind::linear)), {square()}),
      Values({3, 3}, {2.3636363, 3.590909, 4.818182, 7.2727275, 8.5, 9.727273, 12.181818, 13.409091, 14.636364}));
  // It changes nothing when there are more elements than before.
  CHECK(run_kernel(antialiased(by_scales({2}, ResizeKind::linear)), {pair}) == Values({4}, {1, 1.25, 1.75, 2}));
}

TEST_CASE("a region is cropped and resized, what lies outside is extrapolated") {
  Resize layer = by_sizes({3, 3}, ResizeKind::linear, Coordinates::tf_crop_and_resize);
  layer.roi = {0.4F, 0.6F, 0.6F, 0.8F};
  check_close(run_kernel(layer, {square()}), Values({3, 3}, {7.6, 7.9, 8.2, 8.8, 9.1, 9.4, 10, 10.3, 10.6}), 2e-6);
  layer.roi = {0.4F, 0.6F, 1.2F, 1.7F};
  layer.extrapolation = 10.0F;
  check_close(run_kernel(layer, {square()}), Values({3, 3}, {7.6, 10, 10, 12.4, 10, 10, 10, 10, 10}), 2e-6);
  Resize nearest = by_sizes({3}, ResizeKind::nearest, Coordinates::tf_crop_and_resize);
  nearest.roi = {-0.5F, 0.5F};
  nearest.extrapolation = 7.0F;
  CHECK(run_kernel(nearest, {Values({3}, {1, 2, 3})}) == Values({3}, {7, 1, 2}));
  nearest.sizes = {1};  // the middle of the region
  nearest.roi = {0.0F, 1.0F};
  CHECK(run_kernel(nearest, {Values({3}, {1, 2, 3})}) == Values({1}, {2}));
}

TEST_CASE("a scale multiplies the extent of the region") {
  Resize layer = by_scales({2.0F}, ResizeKind::nearest, Coordinates::tf_crop_and_resize);
  layer.roi = {0.0F, 0.5F};
  CHECK(shape_of(layer, {4}) == Shape{4});
  layer.roi = {0.0F, 1.0F};
  CHECK(shape_of(layer, {4}) == Shape{8});
}

TEST_CASE("a resize to the same extents is the source again") {
  const Values src = random_tensor<double>({2, 3, 4}, 1);
  for (const ResizeKind mode : {ResizeKind::nearest, ResizeKind::linear, ResizeKind::cubic}) {
    for (const Coordinates coordinates :
         {Coordinates::half_pixel, Coordinates::pytorch_half_pixel, Coordinates::half_pixel_symmetric,
          Coordinates::align_corners, Coordinates::asymmetric}) {
      CHECK(run_kernel(by_sizes({2, -1, 4}, mode, coordinates), {src}) == src);
      CHECK(run_kernel(by_scales({1, 1, 1}, mode, coordinates), {src}) == src);
    }
  }
}

TEST_CASE("of nothing comes nothing") {
  CHECK(run_kernel(by_scales({2, 1}, ResizeKind::linear), {Values({3, 0})}).dims() == Shape{6, 0});
  CHECK(run_kernel(by_sizes({0}, ResizeKind::nearest), {four}).dims() == Shape{0});
  CHECK_THROWS_WITH(run_kernel(by_sizes({2}, ResizeKind::nearest), {Values({0})}), ContainsSubstring("nothing"));
}

TEST_CASE("extents are rounded down, work counts what is mixed") {
  CHECK(shape_of(by_scales({1, 1, 2.3F, 0.6F}, ResizeKind::linear), {2, 3, 2, 4}) == Shape{2, 3, 4, 2});
  CHECK(shape_of(by_sizes({-1, 5}, ResizeKind::linear), {2, 4}) == Shape{2, 5});
  const std::vector<Shape> src{{1, 4, 4}};
  CHECK(by_scales({1, 2, 2}, ResizeKind::linear).work(src, {1, 8, 8}) == Work{2.0 * 4 * 64, 16, 0, 64});
  CHECK(by_scales({1, 1, 2}, ResizeKind::cubic).work(src, {1, 4, 8}) == Work{2.0 * 4 * 32, 16, 0, 32});
  CHECK(by_scales({1, 2, 2}, ResizeKind::nearest).work(src, {1, 8, 8}).flops == 0.0);
}

TEST_CASE("settings that are not one per axis, or out of range, are refused") {
  CHECK_THROWS_WITH(shape_of(Resize{}, {2, 2}), ContainsSubstring("a scale or a size"));
  CHECK_THROWS_AS(shape_of(by_scales({2}, ResizeKind::linear), {2, 2}), Error);
  Resize both = by_scales({2}, ResizeKind::linear);
  both.sizes = {4};
  CHECK_THROWS_AS(shape_of(both, {2}), Error);
  CHECK_THROWS_WITH(shape_of(by_scales({0}, ResizeKind::linear), {2}), ContainsSubstring("positive scales"));
  CHECK_THROWS_AS(shape_of(by_scales({NAN}, ResizeKind::linear), {2}), Error);
  CHECK_THROWS_AS(shape_of(by_scales({1e30F}, ResizeKind::linear), {2}), Error);
  CHECK_THROWS_WITH(shape_of(by_sizes({-2}, ResizeKind::linear), {2}), ContainsSubstring("negative"));
  CHECK_THROWS_WITH(shape_of(by_sizes({2}, ResizeKind::linear, Coordinates::tf_crop_and_resize), {2}),
                    ContainsSubstring("region"));
}
