#include <fulcrum/plan/tradeoff_options.hpp>

#include <support/catch.hpp>

using namespace fulcrum;

TEST_CASE("the options of a study as they come keep nothing, and leave executor, predictor and score to the study") {
  const TradeoffOptions options;
  CHECK_NOTHROW(validate(options.objective));
  CHECK(options.rounds >= 1);
  CHECK(options.time_per_round > Seconds(0.0));
  CHECK_FALSE(options.space);
  CHECK_FALSE(options.keeper);
  CHECK_FALSE(options.metric);
  CHECK_FALSE(options.executors);
  CHECK_FALSE(options.predictor);
  CHECK_FALSE(options.recipe_models.find);
  CHECK(options.quantization.weight_bits == int8_options_for_this_cpu().weight_bits);
}
