#include <fulcrum/zoo/m5.hpp>

#include <support/catch.hpp>
#include <zoo/counts.hpp>

using namespace fulcrum;

TEST_CASE("m5 has the output, parameters and work that are published for it") {
  const Model<float> model = m5<float>();
  CHECK(fulcrum::test::output_shape(model, 2) == Shape{2, 1, 35});
  CHECK(fulcrum::test::learned_count(model) == 26'915);
  CHECK(fulcrum::test::statistic_count(model) == 384);
  CHECK(fulcrum::test::multiply_adds(model) ==
        496.0 * 80 * 32 + 122.0 * 96 * 32 + 28.0 * 96 * 64 + 5.0 * 192 * 64 + 64.0 * 35);
}
