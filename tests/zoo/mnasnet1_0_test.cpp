#include <fulcrum/zoo/mnasnet1_0.hpp>

#include <support/catch.hpp>
#include <zoo/counts.hpp>

using namespace fulcrum;

TEST_CASE("mnasnet1_0 has the output, parameters and work that are published for it") {
  const Model<float> model = mnasnet1_0<float>();
  CHECK(fulcrum::test::output_shape(model, 2) == Shape{2, 1000});
  CHECK(fulcrum::test::learned_count(model) == 4'383'312);
  CHECK(fulcrum::test::statistic_count(model) == 37'920);
  CHECK(fulcrum::test::multiply_adds(model) == Approx(0.314e9).margin(0.0005e9));
  CHECK(model.find("add10").has_value());
  CHECK_FALSE(model.find("add11").has_value());
}
