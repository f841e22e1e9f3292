#include <fulcrum/zoo/vit_tiny.hpp>

#include <support/catch.hpp>
#include <zoo/counts.hpp>

using namespace fulcrum;

TEST_CASE("vit_tiny has the output, parameters and work that are published for it") {
  const Model<float> model = vit_tiny<float>();
  CHECK(fulcrum::test::output_shape(model, 2) == Shape{2, 1000});
  CHECK(fulcrum::test::learned_count(model) == 5'717'416);
  CHECK(fulcrum::test::statistic_count(model) == 0);
  CHECK(fulcrum::test::multiply_adds(model) == Approx(1.254e9).margin(0.0005e9));
  CHECK(infer_shapes(model, 2)[*model.find("matmul1")] == Shape{2, 3, 197, 197});
}
