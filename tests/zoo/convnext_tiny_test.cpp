#include <fulcrum/zoo/convnext_tiny.hpp>

#include <support/catch.hpp>
#include <zoo/counts.hpp>

using namespace fulcrum;

TEST_CASE("convnext_tiny has the output, parameters and work that are published for it") {
  const Model<float> model = convnext_tiny<float>();
  CHECK(fulcrum::test::output_shape(model, 2) == Shape{2, 1000});
  CHECK(fulcrum::test::learned_count(model) == 28'589'128);
  CHECK(fulcrum::test::statistic_count(model) == 0);
  CHECK(fulcrum::test::multiply_adds(model) == Approx(4.456e9).margin(0.0005e9));
}
