#include <fulcrum/zoo/regnet_y_400mf.hpp>

#include <support/catch.hpp>
#include <zoo/counts.hpp>

using namespace fulcrum;

TEST_CASE("regnet_y_400mf has the output, parameters and work that are published for it") {
  const Model<float> model = regnet_y_400mf<float>();
  CHECK(fulcrum::test::output_shape(model, 2) == Shape{2, 1000});
  CHECK(fulcrum::test::learned_count(model) == 4'344'144);
  CHECK(fulcrum::test::statistic_count(model) == 27'152);
  CHECK(fulcrum::test::multiply_adds(model) == Approx(0.402e9).margin(0.0005e9));
  CHECK(model.find("globalaveragepool17").has_value());  // sixteen blocks and the head
}
