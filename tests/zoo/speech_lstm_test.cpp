#include <fulcrum/zoo/speech_lstm.hpp>

#include <support/catch.hpp>
#include <zoo/counts.hpp>

using namespace fulcrum;

TEST_CASE("speech_lstm has the output, parameters and work it states") {
  const Model<float> model = speech_lstm<float>(0, 16);
  CHECK(fulcrum::test::output_shape(model, 3) == Shape{3, 16, 29});
  CHECK(infer_shapes(model, 3)[*model.find("lstm1")] == Shape{16, 1, 3, 2048});
  const std::int64_t square = 2048 * 2048 + 2048;
  const std::int64_t lstm = 4 * 2048 * (2048 + 2048) + 2 * 4 * 2048;
  CHECK(parameter_count(model) == (494 * 2048 + 2048) + 3 * square + lstm + (2048 * 29 + 29));
  CHECK(parameter_count(model) == 47'233'053);
  const double per_step = 494.0 * 2048 + 3.0 * 2048 * 2048 + 8.0 * 2048 * 2048 + 2048.0 * 29;
  CHECK(fulcrum::test::multiply_adds(model) == 16.0 * per_step);
}
