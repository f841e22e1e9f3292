#include <fulcrum/zoo/vit_b_16.hpp>

#include <support/catch.hpp>
#include <zoo/counts.hpp>

using namespace fulcrum;

TEST_CASE("vit_b_16 has the output, parameters and work that are published for it") {
  const Model<float> model = vit_b_16<float>();
  CHECK(fulcrum::test::output_shape(model, 2) == Shape{2, 1000});
  CHECK(fulcrum::test::learned_count(model) == 86'567'656);
  CHECK(parameter_count(model) == 86'567'656);
  CHECK(fulcrum::test::multiply_adds(model) == Approx(17.564e9).margin(0.0005e9));
  const auto shapes = infer_shapes(model, 2);
  CHECK(shapes[*model.find("class_token")] == Shape{1, 1, 768});
  CHECK(shapes[*model.find("concat1")] == Shape{2, 197, 768});
  CHECK(shapes[*model.find("matmul1")] == Shape{2, 12, 197, 197});
}
