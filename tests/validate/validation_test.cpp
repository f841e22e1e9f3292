#include <fulcrum/validate/validation.hpp>

#include <support/catch.hpp>
#include <validate/small_validation.hpp>

using namespace fulcrum;

TEST_CASE("a case is measured by the medians over its rounds") {
  ValidationCase c;
  c.predicted_p50_ms = 3.0;
  CHECK_FALSE(c.complete());
  CHECK_THROWS_AS(c.error(), Error);
  c.rounds = {{2.0, 9.0, 100.0, 10}, {1.0, 7.0, 300.0, 10}, {8.0, 8.0, 200.0, 10}};
  CHECK(c.complete());
  CHECK(c.measured_p50_ms() == 2.0);
  CHECK(c.measured_p99_ms() == 8.0);
  CHECK(c.measured_throughput_per_s() == 200.0);
  CHECK(c.error() == Approx(0.5));
  CHECK_FALSE(c.error_at_present_speed());
  for (ValidationRound& round : c.rounds) round.slowdown = 1.5;
  c.rounds[0].slowdown = 0.8;  // 3 ms are 2.4 ms then, against 2 ms that were measured
  CHECK(c.error_at_present_speed().value() == Approx(0.2));
  c.why_not = "could not be measured";
  CHECK_FALSE(c.complete());
}
