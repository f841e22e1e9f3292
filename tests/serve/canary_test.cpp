#include <fulcrum/serve/canary.hpp>

#include <cmath>

#include <fulcrum/core/random.hpp>

#include <support/catch.hpp>

using namespace fulcrum;

namespace {

TrafficPlan plan() {
  TrafficPlan plan;
  plan.kind = TrafficKind::canary;
  plan.version = "2";
  return plan;
}

struct Course {
  CanaryVerdict verdict = CanaryVerdict::go_on;
  int requests = 0;
};

/// Requests until a verdict, with times of log-normal spread: the new version's `slower` times as long.
Course course(std::uint64_t seed, double slower, double spread, double old_errors = 0.0, double new_errors = 0.0) {
  Random random(seed);
  Canary canary(plan(), Milliseconds(20.0));
  Course result;
  while (result.requests < 20'000) {
    const bool is_new = random.uniform() < canary.share();
    CanaryObservation observation;
    observation.failed = random.uniform() < (is_new ? new_errors : old_errors);
    const Milliseconds time(5.0 * std::exp(spread * random.normal()) * (is_new ? slower : 1.0));
    observation.compute = observation.total = std::chrono::duration_cast<std::chrono::nanoseconds>(time);
    ++result.requests;
    result.verdict = canary.observe(is_new, observation);
    if (result.verdict == CanaryVerdict::accepted || result.verdict == CanaryVerdict::rejected) return result;
  }
  return result;
}

}  // namespace

TEST_CASE("a version that is no worse goes through its steps") {
  Canary canary(plan());
  CHECK(canary.share() == 0.1);
  int steps = 0;
  CanaryObservation observation{false, std::chrono::milliseconds(5), std::chrono::milliseconds(6)};
  for (int i = 0; canary.verdict() == CanaryVerdict::go_on && i < 10'000; ++i) {
    canary.observe(false, observation);
    steps += canary.observe(true, observation) == CanaryVerdict::next_step ? 1 : 0;
  }
  CHECK(steps == 2);
  CHECK(canary.verdict() == CanaryVerdict::accepted);
  CHECK(canary.status()["verdict"] == "accepted");
}

TEST_CASE("of 200 equal versions at most 2 are taken back") {
  for (const double spread : {0.02, 0.2, 0.5}) {
    int wrong = 0;
    for (std::uint64_t seed = 0; seed < 200; ++seed) {
      const Course one = course(seed, 1.0, spread, 0.01, 0.01);
      CHECK(one.verdict != CanaryVerdict::go_on);
      wrong += one.verdict == CanaryVerdict::rejected ? 1 : 0;
    }
    INFO(spread);
    CHECK(wrong <= 2);
  }
}

TEST_CASE("a version slower by a fifth is taken back within 2,000 requests") {
  for (const double spread : {0.02, 0.1, 0.15}) {
    for (std::uint64_t seed = 0; seed < 50; ++seed) {
      const Course one = course(seed, 1.2, spread);
      INFO(spread);
      CHECK(one.verdict == CanaryVerdict::rejected);
      CHECK(one.requests < 2000);
    }
  }
}

TEST_CASE("a version that fails, or whose outcomes are bad, is taken back") {
  CHECK(course(1, 1.0, 0.1, 0.0, 0.1).verdict == CanaryVerdict::rejected);
  CHECK(course(1, 0.5, 0.1, 0.1, 0.0).verdict == CanaryVerdict::accepted);
  Canary canary(plan());
  for (int i = 0; i < 200 && canary.verdict() == CanaryVerdict::go_on; ++i) {
    canary.report_outcome(false, i % 10 == 0 ? 1.0 : 0.0);
    canary.report_outcome(true, i % 2 == 0 ? 1.0 : 0.0);
  }
  CHECK(canary.verdict() == CanaryVerdict::rejected);
  CHECK(canary.status()["because"] == "bad outcomes");
}
