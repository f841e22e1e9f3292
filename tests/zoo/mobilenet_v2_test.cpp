#include <fulcrum/zoo/mobilenet_v2.hpp>

#include <support/catch.hpp>
#include <zoo/counts.hpp>

using namespace fulcrum;

TEST_CASE("mobilenet_v2 has the output, parameters and work that are published for it") {
  const Model<float> model = mobilenet_v2<float>();
  CHECK(fulcrum::test::output_shape(model, 2) == Shape{2, 1000});
  CHECK(fulcrum::test::learned_count(model) == 3'504'872);
  CHECK(fulcrum::test::statistic_count(model) == 34'112);  // a mean and a variance per normalized channel
  CHECK(parameter_count(model) == 3'504'872 + 34'112);
  CHECK(fulcrum::test::multiply_adds(model) == Approx(0.301e9).margin(0.0005e9));
}

TEST_CASE("mobilenet_v2 adds where neither extents nor channels change") {
  const Model<float> model = mobilenet_v2<float>();
  CHECK(model.find("add10").has_value());
  CHECK_FALSE(model.find("add11").has_value());
}
