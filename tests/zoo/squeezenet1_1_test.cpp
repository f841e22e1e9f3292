#include <fulcrum/zoo/squeezenet1_1.hpp>

#include <support/catch.hpp>
#include <zoo/counts.hpp>

using namespace fulcrum;

TEST_CASE("squeezenet1_1 has the output, parameters and work that are published for it") {
  const Model<float> model = squeezenet1_1<float>();
  CHECK(fulcrum::test::output_shape(model, 2) == Shape{2, 1000});
  CHECK(fulcrum::test::learned_count(model) == 1'235'496);
  CHECK(parameter_count(model) == 1'235'496);
  CHECK(fulcrum::test::multiply_adds(model) == Approx(0.349e9).margin(0.0005e9));
}

TEST_CASE("squeezenet1_1 has eight fire modules") {
  const Model<float> model = squeezenet1_1<float>();
  const auto shapes = infer_shapes(model, 1);
  CHECK(shapes[*model.find("concat1")] == Shape{1, 128, 55, 55});
  CHECK(shapes[*model.find("concat8")] == Shape{1, 512, 13, 13});
}
