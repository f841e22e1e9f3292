#include <fulcrum/load/assess.hpp>

#include <fulcrum/load/simulate.hpp>

#include <support/catch.hpp>

using namespace fulcrum;
using namespace std::chrono_literals;

namespace {

const Scenario scenario = Server{ConstantArrivals{100.0}};

/// Of 5 ms, every n-th of 20 ms.
std::vector<RequestRecord> records(int count, int slow_every = 0) {
  std::vector<RequestRecord> result;
  for (int i = 0; i < count; ++i) {
    const auto due = i * 10ms;
    const auto latency = slow_every > 0 && i % slow_every == slow_every / 2 ? 20ms : 5ms;
    result.push_back({due, due, due + 1ms, due + latency, 1, RequestStatus::done});
  }
  return result;
}

}  // namespace

TEST_CASE("a bound that holds makes a valid run") {
  const LoadReport report = assess_load(records(459), scenario, {.slo = Milliseconds(10.0)});
  CHECK(report.verdict == LoadVerdict::valid);
  CHECK(report.reason == "p99 ≤ 10 ms holds at 99 % confidence");
  REQUIRE(report.slo);
  CHECK(report.slo->holds);
  CHECK(report.slo->over == 0);
  CHECK(report.slo->needed == 459);
  CHECK(report.scenario == "Server: constant, 100/s");
}

TEST_CASE("with too few requests it says how many more are needed") {
  const LoadReport report = assess_load(records(400), scenario, {.slo = Milliseconds(10.0)});
  CHECK(report.verdict == LoadVerdict::invalid);
  CHECK(report.reason ==
        "p99 ≤ 10 ms held in this run, but 59 more queries that keep it are needed to say so at 99 % confidence");
  CHECK_FALSE(report.tail.estimate);
}

TEST_CASE("a bound that is missed is missed") {
  const LoadReport report = assess_load(records(2000, 40), scenario, {.slo = Milliseconds(10.0)});
  CHECK(report.verdict == LoadVerdict::invalid);
  CHECK_THAT(report.reason, ContainsSubstring("does not hold: 50 of 2,000 queries took longer"));
  CHECK(report.tail.estimate.value().count() == Approx(20.0));
  // Of p90 it holds.
  CHECK(assess_load(records(2000, 40), scenario, {.tail = {0.9}, .slo = Milliseconds(10.0)}).slo->holds);
}

TEST_CASE("without a bound a run is valid when all was done in time") {
  CHECK(assess_load(records(100), scenario).verdict == LoadVerdict::valid);
  auto lossy = records(100);
  lossy[3].status = RequestStatus::rejected;
  const LoadReport report = assess_load(lossy, scenario);
  CHECK(report.verdict == LoadVerdict::invalid);
  CHECK_THAT(report.reason, ContainsSubstring("1 of 100 requests were not done"));
}

TEST_CASE("a generator that was late makes a run invalid, one that was hardly late does not") {
  AssessOptions options;
  options.lag.p99 = Microseconds(400.0);
  CHECK(assess_load(records(1000), scenario, options).verdict == LoadVerdict::valid);
  options.lag.p99 = Microseconds(900.0);
  const LoadReport report = assess_load(records(1000), scenario, options);
  CHECK(report.verdict == LoadVerdict::invalid);
  CHECK_THAT(report.reason, ContainsSubstring("did not keep its own pace"));
  // What it was late makes latencies higher, so a bound that holds does.
  options.slo = Milliseconds(10.0);
  CHECK_THAT(assess_load(records(1000), scenario, options).reason,
             ContainsSubstring("p99 ≤ 10 ms holds at 99 % confidence all the same"));
}

TEST_CASE("correlated latencies need more requests") {
  auto clustered = records(5000);
  for (std::size_t i = 2000; i < 2010; ++i) clustered[i].finished += 15ms;
  auto scattered = records(5000);
  for (std::size_t i = 0; i < 10; ++i) scattered[i * 499 + 7].finished += 15ms;
  const AssessOptions options{.slo = Milliseconds(10.0)};
  const LoadReport apart = assess_load(scattered, scenario, options);
  CHECK(apart.verdict == LoadVerdict::valid);
  const LoadReport together = assess_load(clustered, scenario, options);
  CHECK(together.correlation > 5.0);
  CHECK(together.slo->needed > apart.slo->needed);
  CHECK(std::any_of(together.notes.begin(), together.notes.end(),
                    [](const std::string& note) { return note.find("independent ones") != std::string::npos; }));
}

TEST_CASE("of a run with nothing in it nothing holds") {
  const LoadReport report = assess_load({}, scenario, {.slo = Milliseconds(10.0)});
  CHECK(report.verdict == LoadVerdict::invalid);
  CHECK_FALSE(report.slo);
  CHECK_THROWS_AS(assess_load({}, scenario, {.slo = Milliseconds(0.0)}), Error);
  CHECK_THROWS_AS(assess_load({}, scenario, {.tail = {1.5}}), Error);
}
