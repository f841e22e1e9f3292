#include <fulcrum/plan/service_simulation.hpp>

#include <cmath>

#include <plan/services.hpp>
#include <support/catch.hpp>

using namespace fulcrum;

namespace {

ServiceModel constant(double ms) { return {{1}, {ServiceTime::constant(Milliseconds(ms))}}; }

ServiceTarget target(double slo_ms) {
  ServiceTarget result;
  result.slo = Milliseconds(slo_ms);
  return result;
}

}  // namespace

TEST_CASE("a simulated rate has the tail that theory gives a constant service time") {
  // M/D/1 at a load of a half: P(W > x) from Franx's formula has its 99th percentile at 3.31 service times.
  const RatePoint point = simulate_rate({}, constant(1.0), target(1000.0), 500.0, {.requests = 400'000});
  CHECK(point.tail.count() == Approx(4.31).epsilon(0.05));
  CHECK(point.throughput_per_s == Approx(500.0).epsilon(0.01));
  CHECK(point.middle < point.tail);
}

TEST_CASE("the highest rate keeps the bound, and one a little higher does not") {
  const ServiceModel service = ServiceModel::from_reports(synthetic::batch_reports({1, 2, 3, 4}, 1.0, 1.0));
  for (const int instances : {1, 2}) {
    ServiceCandidate candidate;
    candidate.config.instances = instances;
    candidate.batching.max_batch = 4;
    const double rate = highest_rate(candidate, service, target(12.0));
    const double capacity = capacity_of(candidate, service);
    CHECK(capacity == Approx(instances * 4.0 / service.mean(4).count()));
    CHECK(rate > 0.3 * capacity);
    CHECK(rate < capacity);
    CHECK(simulate_rate(candidate, service, target(12.0), rate).tail.count() <= 12.0);
    CHECK(simulate_rate(candidate, service, target(12.0), rate + 0.03 * capacity).tail.count() > 12.0);
  }
}

TEST_CASE("no rate keeps a bound below a lone request's time") {
  CHECK(highest_rate({}, constant(5.0), target(4.9)) == 0.0);
  CHECK(highest_rate({}, constant(5.0), target(5.1)) > 0.0);
  ServiceCandidate patient;  // a lone request waits for company in vain
  patient.batching = {4, std::chrono::milliseconds(3), {}};
  const ServiceModel service = ServiceModel::from_reports(synthetic::batch_reports({1, 2, 3, 4}, 4.0, 1.0));
  CHECK(highest_rate(patient, service, target(7.9)) == 0.0);
}

TEST_CASE("what is turned away is no latency") {
  const RatePoint point = simulate_rate({}, constant(10.0), target(10.0), 1000.0, {.requests = 5'000});
  CHECK(std::isinf(point.tail.count()));
  CHECK(point.throughput_per_s == Approx(100.0).epsilon(0.05));
}

TEST_CASE("figures and curves say the same as the rates they are made of") {
  const ServiceTarget wanted = [] {
    ServiceTarget t = target(6.0);
    t.arrivals = PoissonArrivals{300.0};
    return t;
  }();
  const ServiceFigures figures = simulated_figures({}, constant(2.0), wanted);
  CHECK(figures.capacity_per_s == Approx(500.0));
  CHECK(figures.service.count() == Approx(2.0));
  CHECK(figures.tail == simulate_rate({}, constant(2.0), wanted, 300.0).tail);
  CHECK(figures.max_rate_per_s == highest_rate({}, constant(2.0), wanted));
  const std::vector<RatePoint> curve = simulated_curve({}, constant(2.0), wanted);
  REQUIRE(curve.size() > 10);
  for (std::size_t i = 1; i < curve.size(); ++i) {
    CHECK(curve[i].rate_per_s > curve[i - 1].rate_per_s);
    CHECK(curve[i].tail >= curve[i - 1].tail * 0.99);
  }
}

TEST_CASE("bursts are simulated for long enough to come and go") {
  ServiceTarget bursts = target(50.0);
  bursts.arrivals = BurstArrivals{50.0, 500.0, Seconds(9.0), Seconds(1.0)};
  const RatePoint burst = simulate_rate({}, constant(3.0), bursts, 100.0);
  const RatePoint calm = simulate_rate({}, constant(3.0), target(50.0), 100.0);
  CHECK(burst.tail > 2.0 * calm.tail);
}

TEST_CASE("service times are as the runner had them, and in proportion where it had none") {
  const std::vector<LatencyReport> predicted = synthetic::batch_reports({1, 2, 4}, 1.0, 1.0);
  LoadReport served;
  LatencyStatistics one = synthetic::report(ReportKind::measured, {}, 4.0, 2.0).latency;  // twice as long as predicted
  one.samples = 300;
  served.batches = {{1, 300, one}};
  const auto refine = [&] { return as_served(predicted, std::span(&served, 1)); };
  const std::vector<LatencyReport> refined = refine();
  CHECK(refined[0].latency.p50.count() == Approx(4.0));
  CHECK(refined[0].latency.p99.count() == Approx(8.0));
  CHECK(refined[2].latency.mean.count() == Approx(2.0 * predicted[2].latency.mean.count()));
  CHECK(refined[2].latency.p99 / refined[2].latency.p50 == Approx(2.0));
  served.batches = {{1, 10, one}};  // too few to say anything of the spread
  CHECK(refine()[0].latency.p99 / refine()[0].latency.p50 ==
        Approx(predicted[0].latency.p99 / predicted[0].latency.p50));
  served.batches.clear();
  CHECK(refine() == predicted);
}
