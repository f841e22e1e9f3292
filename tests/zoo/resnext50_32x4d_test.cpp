#include <fulcrum/zoo/resnext50_32x4d.hpp>

#include <support/catch.hpp>
#include <zoo/counts.hpp>

using namespace fulcrum;

TEST_CASE("resnext50_32x4d has the output, parameters and work that are published for it") {
  const Model<float> model = resnext50_32x4d<float>();
  CHECK(fulcrum::test::output_shape(model, 2) == Shape{2, 1000});
  CHECK(fulcrum::test::learned_count(model) == 25'028'904);
  CHECK(fulcrum::test::statistic_count(model) == 68'224);
  CHECK(fulcrum::test::multiply_adds(model) == Approx(4.230e9).margin(0.0005e9));
}
