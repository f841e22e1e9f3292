#include <fulcrum/zoo/r3d_18_slim.hpp>

#include <support/catch.hpp>
#include <zoo/counts.hpp>

using namespace fulcrum;

TEST_CASE("r3d_18_slim has the output, parameters and work it states") {
  const Model<float> model = r3d_18_slim<float>();
  CHECK(fulcrum::test::output_shape(model, 2) == Shape{2, 400});
  CHECK(fulcrum::test::learned_count(model) == 2'131'584);
  CHECK(fulcrum::test::statistic_count(model) == 2'400);
  CHECK(fulcrum::test::multiply_adds(model) == Approx(1.4046e9).margin(0.0001e9));
  CHECK(infer_shapes(model, 2)[*model.find("add8")] == Shape{2, 128, 1, 7, 7});
}

TEST_CASE("r3d_18_slim of full width has the parameters and work that are published for r3d_18") {
  const Model<float> model = r3d_18_slim<float>(0, 64, 16);
  CHECK(fulcrum::test::output_shape(model, 2) == Shape{2, 400});
  CHECK(fulcrum::test::learned_count(model) == 33'371'472);
  CHECK(fulcrum::test::multiply_adds(model) == Approx(40.697e9).margin(0.0005e9));
}
