#include <fulcrum/zoo/vgg11.hpp>

#include <support/catch.hpp>
#include <zoo/counts.hpp>

using namespace fulcrum;

TEST_CASE("vgg11 has the output, parameters and work that are published for it") {
  const Model<float> model = vgg11<float>();
  CHECK(fulcrum::test::output_shape(model, 2) == Shape{2, 1000});
  CHECK(fulcrum::test::learned_count(model) == 132'863'336);
  CHECK(parameter_count(model) == 132'863'336);
  CHECK(fulcrum::test::multiply_adds(model) == Approx(7.609e9).margin(0.0005e9));
}
