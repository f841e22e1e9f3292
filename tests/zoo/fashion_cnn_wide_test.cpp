#include <fulcrum/zoo/fashion_cnn_wide.hpp>

#include <support/catch.hpp>

#include "counts.hpp"

using namespace fulcrum;

TEST_CASE("fashion_cnn_wide has the layers, parameters and work it states") {
  const Model<float> model = fashion_cnn_wide<float>(1);
  const auto shapes = infer_shapes(model, 5);
  CHECK(shapes[*model.find("pool1")] == Shape{5, 64, 14, 14});
  CHECK(shapes[*model.find("pool2")] == Shape{5, 128, 7, 7});
  CHECK(shapes[model.outputs().front()] == Shape{5, 10});
  const std::int64_t convolutions = (64 * 9 + 64) + (128 * 64 * 9 + 128);
  const std::int64_t dense = (256 * 6272 + 256) + (10 * 256 + 10);
  CHECK(test::statistic_count(model) == 2 * (64 + 128));
  CHECK(test::learned_count(model) == convolutions + dense + 2 * (64 + 128));
  CHECK(parameter_count(model) == 1'683'722);
  CHECK(test::multiply_adds(model) == 784.0 * 64 * 9 + 196.0 * 128 * 576 + 6272.0 * 256 + 2560);
  CHECK(total_work(model, 1).flops == Approx(33.4e6).epsilon(0.01));
}

TEST_CASE("fashion_cnn_wide is reproduced by its seed and exists in double") {
  CHECK(fashion_cnn_wide<float>(3) == fashion_cnn_wide<float>(3));
  CHECK_FALSE(fashion_cnn_wide<float>(3) == fashion_cnn_wide<float>(4));
  CHECK(parameter_count(fashion_cnn_wide<double>(3)) == 1'683'722);
}
