#include <fulcrum/layers/batch_normalization.hpp>

#include <vector>

#include <support/catch.hpp>

using namespace fulcrum;

namespace {
BatchNormalization<float> normalization(std::int64_t channels) {
  BatchNormalization<float> layer;
  layer.scale = Tensor<float>(Shape{channels}, 1.0F);
  layer.shift = Tensor<float>(Shape{channels});
  layer.mean = Tensor<float>(Shape{channels});
  layer.variance = Tensor<float>(Shape{channels}, 1.0F);
  return layer;
}
}  // namespace

TEST_CASE("batch normalization keeps the shape of images and of vectors") {
  const auto layer = normalization(3);
  const std::vector<Shape> images{{2, 3, 5, 5}};
  const std::vector<Shape> vectors{{7, 3}};
  CHECK(layer.dst_shape(images) == images[0]);
  CHECK(layer.dst_shape(vectors) == vectors[0]);
  CHECK(layer.work(images, images[0]) == Work{2.0 * 150, 150, 12, 150});
}

TEST_CASE("batch normalization refuses channels that are not its own") {
  auto layer = normalization(3);
  const std::vector<Shape> four{{2, 4, 5, 5}};
  const std::vector<Shape> vector{{3}};
  CHECK_THROWS_WITH(layer.dst_shape(four), ContainsSubstring("BatchNormalization") && ContainsSubstring("(4)"));
  CHECK_THROWS_WITH(layer.dst_shape(vector), ContainsSubstring("rank 2"));
  const std::vector<Shape> three{{2, 3}};
  layer.variance = {};
  CHECK_THROWS_AS(layer.dst_shape(three), Error);
  CHECK_THROWS_AS(layer.dst_shape({}), Error);
}
