#include <fulcrum/plan/service_study.hpp>

#include <support/catch.hpp>

using namespace fulcrum;

TEST_CASE("a target says what it asks") {
  ServiceTarget target;
  target.arrivals = GammaArrivals{200.0, 3.0};
  target.slo = Milliseconds(10.0);
  CHECK(to_string(target) == "200/s (gamma of variation 3) with p99 ≤ 10.0 ms");
  target.highest_rate = true;
  target.arrivals = BurstArrivals{10.0, 20.0};
  target.tail.percentile = 0.9;
  target.max_accuracy_drop_points = 0.5;
  CHECK(to_string(target) == "the highest rate (bursts) with p90 ≤ 10.0 ms and at most 0.5 points of accuracy lost");
}

TEST_CASE("a target that makes no sense is refused") {
  ServiceTarget target;
  CHECK_THROWS_WITH(validate(target), ContainsSubstring("the bound of a service"));
  target.slo = Milliseconds(10.0);
  validate(target);
  target.tail.percentile = 1.0;
  CHECK_THROWS_WITH(validate(target), ContainsSubstring("percentile"));
  target.tail.percentile = 0.99;
  target.max_accuracy_drop_points = -1.0;
  CHECK_THROWS_WITH(validate(target), ContainsSubstring("accuracy"));
}

TEST_CASE("the figures of a candidate are the best that are known") {
  ServiceCandidate candidate;
  CHECK(figures(candidate) == nullptr);
  candidate.predicted = ServiceFigures{};
  CHECK(figures(candidate) == &*candidate.predicted);
  candidate.refined = ServiceFigures{};
  CHECK(figures(candidate) == &*candidate.refined);
}
