#include <fulcrum/zoo/densenet121.hpp>

#include <support/catch.hpp>
#include <zoo/counts.hpp>

using namespace fulcrum;

TEST_CASE("densenet121 has the output, parameters and work that are published for it") {
  const Model<float> model = densenet121<float>();
  CHECK(fulcrum::test::output_shape(model, 2) == Shape{2, 1000});
  CHECK(fulcrum::test::learned_count(model) == 7'978'856);
  CHECK(fulcrum::test::statistic_count(model) == 83'648);  // a mean and a variance per normalized channel
  CHECK(parameter_count(model) == 7'978'856 + 83'648);
  CHECK(fulcrum::test::multiply_adds(model) == Approx(2.834e9).margin(0.0005e9));
}

TEST_CASE("densenet121 gathers channels and halves them between blocks") {
  const Model<float> model = densenet121<float>();
  const auto shapes = infer_shapes(model, 1);
  CHECK(shapes[*model.find("concat6")] == Shape{1, 256, 56, 56});
  CHECK(shapes[*model.find("averagepool1")] == Shape{1, 128, 28, 28});
  CHECK(shapes[*model.find("concat58")] == Shape{1, 1024, 7, 7});
}
