#include <fulcrum/train/schedule.hpp>

#include <support/catch.hpp>

using namespace fulcrum;

TEST_CASE("a constant rate is constant") {
  for (const double at : {0.0, 0.3, 1.0}) CHECK(rate_factor(ConstantRate{}, at) == 1.0);
}

TEST_CASE("the cosine rises over the warm-up and falls to its floor") {
  const CosineRate rate{0.1, 0.2};
  CHECK(rate(0.0) == 0.0);
  CHECK(rate(0.05) == Approx(0.5));
  CHECK(rate(0.1) == Approx(1.0));
  CHECK(rate(0.55) == Approx(0.6));  // half way down
  CHECK(rate(1.0) == Approx(0.2));
  CHECK(CosineRate{0.0}(0.0) == 1.0);
  for (double at = 0.1; at < 0.99; at += 0.01) CHECK(rate(at + 0.01) < rate(at));
}

TEST_CASE("a schedule out of range is refused") {
  CHECK_NOTHROW(validate(LearningRateSchedule{}));
  CHECK_NOTHROW(validate(LearningRateSchedule{ConstantRate{}}));
  CHECK_THROWS_WITH(validate(LearningRateSchedule{CosineRate{1.0}}), ContainsSubstring("warm-up"));
  CHECK_THROWS_WITH(validate(LearningRateSchedule{CosineRate{0.1, -0.5}}), ContainsSubstring("floor"));
}
