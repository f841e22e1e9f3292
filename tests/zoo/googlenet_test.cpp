#include <fulcrum/zoo/googlenet.hpp>

#include <support/catch.hpp>
#include <zoo/counts.hpp>

using namespace fulcrum;

TEST_CASE("googlenet has the output, parameters and work that are published for it") {
  const Model<float> model = googlenet<float>();
  CHECK(fulcrum::test::output_shape(model, 2) == Shape{2, 1000});
  CHECK(fulcrum::test::learned_count(model) == 6'624'904);
  CHECK(fulcrum::test::statistic_count(model) == 14'560);
  CHECK(fulcrum::test::multiply_adds(model) == Approx(1.498e9).margin(0.0005e9));
  const auto shapes = infer_shapes(model, 2);
  CHECK(shapes[*model.find("concat1")] == Shape{2, 256, 28, 28});
  CHECK(shapes[*model.find("concat9")] == Shape{2, 1024, 7, 7});
}
