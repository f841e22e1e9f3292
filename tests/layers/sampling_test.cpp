#include <fulcrum/layers/sampling.hpp>

#include <vector>

#include <support/catch.hpp>
#include <support/data.hpp>
#include <support/run_kernel.hpp>

using namespace fulcrum;
using test::counting_tensor;
using test::run_kernel;
using Values = Tensor<double>;

namespace {

/// One image (1, 1, 2, 3) of 0 … 5 at one position.
double at(const GridSample& layer, double x, double y) {
  return run_kernel(layer, {counting_tensor<double>({1, 1, 2, 3}), Values({1, 1, 1, 2}, {x, y})}).flat()[0];
}

}  // namespace

TEST_CASE("GridSample mixes the pixels around a position") {
  GridSample corners;
  corners.align_corners = true;  // −1 and 1 are the centers of the corner pixels
  CHECK(at(corners, -1.0, -1.0) == 0.0);
  CHECK(at(corners, 1.0, 1.0) == 5.0);
  CHECK(at(corners, 0.5, 0.0) == Approx(3.0));  // between columns 1 and 2, between the rows
  GridSample edges;
  CHECK(at(edges, 0.0, 0.5) == Approx(4.0));
  CHECK(at(edges, -1.0, -0.5) == Approx(0.0));
  CHECK(at(edges, 1.0, 0.5) == Approx(2.5));  // half outside, where there is 0
  edges.padding = GridSamplePadding::border;
  CHECK(at(edges, 1.0, 0.5) == Approx(5.0));
  CHECK(at(edges, 9.0, 9.0) == Approx(5.0));
  edges.padding = GridSamplePadding::reflection;
  CHECK(at(edges, 1.0 + 1.0 / 3.0, 0.5) == Approx(5.0));  // the last pixel again
  CHECK(at(edges, 2.0, 0.5) == Approx(4.0));
}

TEST_CASE("GridSample takes the nearest pixel, or a cubic through four") {
  GridSample nearest;
  nearest.mode = GridSampleKind::nearest;
  CHECK(at(nearest, 0.1, 0.4) == 4.0);
  CHECK(at(nearest, 2.0, 0.4) == 0.0);
  GridSample cubic;
  cubic.mode = GridSampleKind::cubic;
  cubic.padding = GridSamplePadding::border;
  cubic.align_corners = true;
  for (const double x : {-1.0, 0.0, 1.0}) CHECK(at(cubic, x, 1.0) == Approx(4.0 + x));
}

TEST_CASE("GridSample reads volumes too, with z last") {
  const Values volume = counting_tensor<double>({1, 1, 2, 2, 2});
  GridSample corners;
  corners.align_corners = true;
  const Values grid({1, 1, 1, 2, 3}, {1.0, -1.0, -1.0, -1.0, -1.0, 1.0});
  CHECK(run_kernel(corners, {volume, grid}) == Values({1, 1, 1, 1, 2}, {1, 4}));
  corners.mode = GridSampleKind::cubic;
  CHECK_THROWS_WITH(run_kernel(corners, {volume, grid}), ContainsSubstring("cubic"));
  const std::vector<Shape> shapes{{2, 1, 4, 4}, {1, 3, 3, 2}};
  CHECK_THROWS_WITH(GridSample{}.dst_shape(shapes), ContainsSubstring("at a grid"));
}

TEST_CASE("RoiAlign takes the mean of samples in each bin of a region") {
  const Values image = counting_tensor<double>({1, 1, 4, 4});
  RoiAlign layer;
  layer.height = layer.width = 2;
  layer.samples = 1;
  // Bins of 2 × 2 pixels of the whole image: their centers lie between four pixels each.
  const Values whole({1, 4}, {0.0, 0.0, 4.0, 4.0});
  CHECK(run_kernel(layer, {image, whole, Values({1}, {0.0})}) == Values({1, 1, 2, 2}, {2.5, 4.5, 10.5, 12.5}));
  layer.samples = 0;  // as many as the bin has pixels: the pixels themselves
  CHECK(run_kernel(layer, {image, whole, Values({1}, {0.0})}) == Values({1, 1, 2, 2}, {2.5, 4.5, 10.5, 12.5}));
  layer.half_pixel = false;  // pixels' centers at whole numbers: samples half a pixel further
  layer.samples = 1;
  CHECK(run_kernel(layer, {image, whole, Values({1}, {0.0})}) == Values({1, 1, 2, 2}, {5.0, 7.0, 13.0, 15.0}));
  layer.scale = 0.5F;
  const Values twice({1, 4}, {0.0, 0.0, 8.0, 8.0});
  CHECK(run_kernel(layer, {image, twice, Values({1}, {0.0})}) == Values({1, 1, 2, 2}, {5.0, 7.0, 13.0, 15.0}));
  CHECK_THROWS_WITH(run_kernel(layer, {image, whole, Values({1}, {1.0})}), ContainsSubstring("takes index 1"));
}
