#include <fulcrum/zoo/resnet18.hpp>

#include <support/catch.hpp>
#include <zoo/counts.hpp>

using namespace fulcrum;

TEST_CASE("resnet18 has the output, parameters and work that are published for it") {
  const Model<float> model = resnet18<float>();
  CHECK(fulcrum::test::output_shape(model, 2) == Shape{2, 1000});
  CHECK(fulcrum::test::learned_count(model) == 11'689'512);
  CHECK(fulcrum::test::statistic_count(model) == 9'600);  // a mean and a variance per normalized channel
  CHECK(parameter_count(model) == 11'689'512 + 9'600);
  CHECK(fulcrum::test::multiply_adds(model) == Approx(1.814e9).margin(0.0005e9));
}

TEST_CASE("resnet18 halves the image five times and has eight residual sums") {
  const Model<float> model = resnet18<float>();
  const auto shapes = infer_shapes(model, 1);
  CHECK(shapes[*model.find("maxpool1")] == Shape{1, 64, 56, 56});
  CHECK(shapes[*model.find("add8")] == Shape{1, 512, 7, 7});
  CHECK_FALSE(model.find("add9").has_value());
  CHECK(model == resnet18<float>());
  CHECK_FALSE(model == resnet18<float>(1));
}
