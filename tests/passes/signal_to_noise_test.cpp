#include <fulcrum/passes/signal_to_noise.hpp>

#include <cmath>
#include <vector>

#include <support/catch.hpp>

using namespace fulcrum;

TEST_CASE("a signal-to-noise ratio is ten times the logarithm of the energies' ratio") {
  const std::vector<float> exact{3, -4};
  const std::vector<float> approximation{3, -3.5F};
  CHECK(sqnr_db<float>(exact, approximation) == Approx(20.0));  // 25 / 0.25

  SignalToNoise pieces;
  pieces.add<float>(std::vector<float>{3}, std::vector<float>{3});
  pieces.add<float>(std::vector<float>{-4}, std::vector<float>{-3.5F});
  CHECK(pieces.decibels() == Approx(20.0));
}

TEST_CASE("an exact approximation has an infinite signal-to-noise ratio, even of nothing") {
  const std::vector<double> values{1, 2};
  const std::vector<double> zeros{0, 0};
  CHECK(sqnr_db<double>(values, values) == std::numeric_limits<double>::infinity());
  CHECK(sqnr_db<double>(zeros, zeros) == std::numeric_limits<double>::infinity());
  CHECK(sqnr_db<double>(values, zeros) == 0.0);
}

TEST_CASE("a signal-to-noise ratio takes as many approximations as values") {
  CHECK_THROWS_AS(sqnr_db<float>(std::vector<float>{1, 2}, std::vector<float>{1}), Error);
}
