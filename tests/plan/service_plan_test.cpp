#include <fulcrum/plan/service_plan.hpp>

#include <support/catch.hpp>

using namespace fulcrum;

TEST_CASE("a plan says what is out of range") {
  ServicePlan plan;
  plan.model = "zoo:mlp";
  plan.arrivals = PoissonArrivals{100.0};
  plan.slo = Milliseconds(5.0);
  validate(plan);
  ServicePlan other = plan;
  other.model.clear();
  CHECK_THROWS_WITH(validate(other), ContainsSubstring("names no model"));
  other = plan;
  other.config.batch = 4;
  CHECK_THROWS_WITH(validate(other), ContainsSubstring("max_batch"));
  other = plan;
  other.slo = Milliseconds(0.0);
  CHECK_THROWS_WITH(validate(other), ContainsSubstring("above 0"));
  other = plan;
  other.max_rate_per_s = 0.0;
  CHECK_THROWS_WITH(validate(other), ContainsSubstring("highest rate"));
}

TEST_CASE("a queue holds what the bound leaves time for, and no more") {
  CHECK(queue_for(10.0, Milliseconds(5.0)).capacity == 64);
  CHECK(queue_for(10'000.0, Milliseconds(50.0)).capacity == 1000);
  CHECK(queue_for(1e9, Milliseconds(1e6)).capacity == 1'000'000);
}
