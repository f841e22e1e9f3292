#include <fulcrum/plan/objective.hpp>

#include <limits>

#include <plan/synthetic.hpp>
#include <support/catch.hpp>

using namespace fulcrum;

TEST_CASE("an objective prints its targets") {
  CHECK(to_string(Objective{}).empty());
  CHECK(to_string(Objective{Milliseconds(2.0), {}}) == "p99 ≤ 2.00 ms");
  CHECK(to_string(Objective{Milliseconds(2.0), 0.5}) == "p99 ≤ 2.00 ms and at most 0.5 points of accuracy lost");
}

TEST_CASE("a target that cannot be meant is refused by the name of its option") {
  CHECK_THROWS_WITH(validate(Objective{Milliseconds(0.0), {}}), ContainsSubstring("target for p99"));
  CHECK_THROWS_WITH(validate(Objective{Milliseconds(std::numeric_limits<double>::quiet_NaN()), {}}),
                    ContainsSubstring("target for p99"));
  CHECK_THROWS_WITH(validate(Objective{{}, -0.1}), ContainsSubstring("largest loss of accuracy"));
}

TEST_CASE("a shortfall is the share above the latency target and the points below the accuracy budget") {
  const Candidate c = synthetic::measured(Precision::int8, 0.0, 1, 0.902, 3.0, 100.0);
  CHECK(shortfall(c, *c.measured, {}, 0.91).none());
  const Shortfall gap = shortfall(c, *c.measured, {Milliseconds(2.0), 0.5}, 0.91);
  CHECK(gap.latency == Approx(0.5));
  CHECK(gap.accuracy_points == Approx(0.3));
  CHECK(gap.total() == Approx(0.8));
}

TEST_CASE("the last image of the accuracy budget is not lost to rounding") {
  // (0.9123 − 0.9093) · 100 is a little more than 0.3 in binary.
  const Candidate c = synthetic::measured(Precision::int8, 0.0, 1, 0.9093, 1.0, 100.0);
  REQUIRE(accuracy_drop_points(0.9093, 0.9123) > 0.3);
  CHECK(shortfall(c, *c.measured, {{}, 0.3}, 0.9123).none());
  CHECK_FALSE(shortfall(c, *c.measured, {{}, 0.29}, 0.9123).none());
}

TEST_CASE("an unknown accuracy or latency meets no target") {
  Candidate c = synthetic::measured(Precision::int8, 0.0, 1, 0.9, 1.0, 100.0);
  CHECK_FALSE(shortfall(c, *c.measured, {{}, 5.0}, std::nullopt).none());
  c.accuracy.reset();
  CHECK_FALSE(shortfall(c, *c.measured, {{}, 5.0}, 0.9).none());
  CHECK(shortfall(c, *c.measured, {Milliseconds(1.0), {}}, 0.9).none());
  c.measured->latency.p99 = Milliseconds(std::numeric_limits<double>::quiet_NaN());
  CHECK_FALSE(shortfall(c, *c.measured, {Milliseconds(1.0), {}}, 0.9).none());
}
