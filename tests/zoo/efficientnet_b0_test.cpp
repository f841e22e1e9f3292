#include <fulcrum/zoo/efficientnet_b0.hpp>

#include <support/catch.hpp>
#include <zoo/counts.hpp>

using namespace fulcrum;

TEST_CASE("efficientnet_b0 has the output, parameters and work that are published for it") {
  const Model<float> model = efficientnet_b0<float>();
  CHECK(fulcrum::test::output_shape(model, 2) == Shape{2, 1000});
  CHECK(fulcrum::test::learned_count(model) == 5'288'548);
  CHECK(fulcrum::test::statistic_count(model) == 42'016);  // a mean and a variance per normalized channel
  CHECK(parameter_count(model) == 5'288'548 + 42'016);
  CHECK(fulcrum::test::multiply_adds(model) == Approx(0.386e9).margin(0.0005e9));
}

TEST_CASE("efficientnet_b0 squeezes to a quarter of the channels that enter a block") {
  const Model<float> model = efficientnet_b0<float>();
  CHECK(model.find("globalaveragepool17").has_value());  // sixteen blocks and the head
  CHECK(infer_shapes(model, 1)[*model.find("conv3")] == Shape{1, 8, 1, 1});
  CHECK(model.find("add9").has_value());
  CHECK_FALSE(model.find("add10").has_value());
}
