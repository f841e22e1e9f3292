#include <fulcrum/zoo/unet.hpp>

#include <support/catch.hpp>
#include <zoo/counts.hpp>

using namespace fulcrum;

TEST_CASE("unet has the output, parameters and work that are published for it") {
  const Model<float> model = unet<float>();
  CHECK(fulcrum::test::output_shape(model, 2) == Shape{2, 1, 256, 256});
  CHECK(fulcrum::test::learned_count(model) == 7'763'041);
  CHECK(fulcrum::test::statistic_count(model) == 5'888);
  CHECK(fulcrum::test::multiply_adds(model) == Approx(12.071e9).margin(0.0005e9));
  CHECK(infer_shapes(model, 2)[*model.find("concat4")] == Shape{2, 64, 256, 256});
}
