#include <fulcrum/zoo/shufflenet_v2_x1_0.hpp>

#include <support/catch.hpp>
#include <zoo/counts.hpp>

using namespace fulcrum;

TEST_CASE("shufflenet_v2_x1_0 has the output, parameters and work that are published for it") {
  const Model<float> model = shufflenet_v2_x1_0<float>();
  CHECK(fulcrum::test::output_shape(model, 2) == Shape{2, 1000});
  CHECK(fulcrum::test::learned_count(model) == 2'278'604);
  CHECK(fulcrum::test::statistic_count(model) == 16'180);
  CHECK(fulcrum::test::multiply_adds(model) == Approx(0.145e9).margin(0.0005e9));
  CHECK(infer_shapes(model, 2)[*model.find("transpose1")] == Shape{2, 58, 2, 28, 28});
}
