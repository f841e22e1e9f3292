#include <fulcrum/load/service_time.hpp>

#include <cmath>

#include <support/catch.hpp>

using namespace fulcrum;

namespace {

LatencyStatistics statistics(double mean) {
  LatencyStatistics s;
  s.min = Milliseconds(9.0);
  s.p50 = Milliseconds(10.0);
  s.p90 = Milliseconds(11.0);
  s.p95 = Milliseconds(12.0);
  s.p99 = Milliseconds(15.0);
  s.p99_9 = Milliseconds(20.0);
  s.mean = Milliseconds(mean);
  return s;
}

double mean_ms(const ServiceTime& time) {
  double sum = 0.0;
  constexpr int points = 1'000'000;
  for (int i = 0; i < points; ++i) sum += Milliseconds(time.quantile((i + 0.5) / points)).count() / points;
  return sum;
}

}  // namespace

TEST_CASE("a service time has the order statistics and the mean of its report") {
  for (const double mean : {9.9, 10.1, 10.3}) {
    INFO(mean);
    const ServiceTime time(statistics(mean));
    CHECK(Milliseconds(time.quantile(0.0)).count() == Approx(9.0));
    CHECK(Milliseconds(time.quantile(0.5)).count() == Approx(10.0));
    CHECK(Milliseconds(time.quantile(0.9)).count() == Approx(11.0));
    CHECK(Milliseconds(time.quantile(0.95)).count() == Approx(12.0));
    CHECK(Milliseconds(time.quantile(0.99)).count() == Approx(15.0));
    CHECK(Milliseconds(time.quantile(0.999)).count() == Approx(20.0));
    CHECK(Milliseconds(time.mean()).count() == Approx(mean));
    CHECK(mean_ms(time) == Approx(mean).epsilon(1e-4));
  }
}

TEST_CASE("a quantile function rises") {
  for (const double mean : {9.0, 9.8, 10.1, 10.5, 14.0}) {
    const ServiceTime time(statistics(mean));
    Seconds before{0.0};
    for (int i = 0; i < 10'000; ++i) {
      const Seconds at = time.quantile(i / 10'000.0);
      CHECK_FALSE(at < before);
      before = at;
    }
  }
}

TEST_CASE("a mean above all percentiles comes from rare, long times") {
  const ServiceTime time(statistics(14.0));  // someone interrupted for long
  CHECK(Milliseconds(time.quantile(0.999)).count() == Approx(20.0));
  CHECK(Milliseconds(time.mean()).count() == Approx(14.0));
  CHECK(Milliseconds(time.quantile(0.9999)).count() > 1000.0);
}

TEST_CASE("constant and exponential times") {
  CHECK(ServiceTime::constant(Seconds(0.5)).quantile(0.3) == Seconds(0.5));
  CHECK(ServiceTime::constant(Seconds(0.5)).quantile(0.9999) == Seconds(0.5));
  const ServiceTime exponential = ServiceTime::exponential(Seconds(2.0));
  CHECK(exponential.mean() == Seconds(2.0));
  CHECK(exponential.quantile(0.5).count() == Approx(2.0 * std::log(2.0)));
}

TEST_CASE("sizes in between are interpolated") {
  const ServiceModel model({1, 4, 8}, {ServiceTime::constant(Seconds(1.0)), ServiceTime::constant(Seconds(2.5)),
                                       ServiceTime::constant(Seconds(3.5))});
  CHECK(model.max_batch() == 8);
  for (const auto& [batch, seconds] : {std::pair(1, 1.0), std::pair(2, 1.5), std::pair(4, 2.5), std::pair(6, 3.0)}) {
    CHECK(model.quantile(batch, 0.7).count() == Approx(seconds));
    CHECK(model.mean(batch).count() == Approx(seconds));
  }
  CHECK(ServiceModel({4}, {ServiceTime::constant(Seconds(1.0))}).mean(2) == Seconds(1.0));
}

TEST_CASE("a model is made of reports in any order") {
  LatencyReport large, small;
  large.config.batch = 8;
  large.latency = statistics(10.1);
  small.config.batch = 2;
  small.latency = statistics(10.3);
  const std::vector<LatencyReport> reports{large, small};
  const ServiceModel model = ServiceModel::from_reports(reports);
  CHECK(model.max_batch() == 8);
  CHECK(Milliseconds(model.mean(2)).count() == Approx(10.3));
  const std::vector<LatencyReport> twice{large, large};
  CHECK_THROWS_WITH(ServiceModel::from_reports(twice), ContainsSubstring("batch size 8 out of order or twice"));
  CHECK_THROWS_AS(ServiceModel::from_reports({}), Error);
  LatencyReport empty;
  CHECK_THROWS_WITH(ServiceTime(empty.latency), ContainsSubstring("above 0 and ascending"));
}

TEST_CASE("runs that are pooled are slow for a part of the whole") {
  LatencyStatistics slow;
  slow.min = Milliseconds(18.0), slow.p50 = Milliseconds(20.0), slow.p90 = Milliseconds(22.0);
  slow.p95 = Milliseconds(24.0), slow.p99 = Milliseconds(30.0), slow.p99_9 = Milliseconds(40.0);
  slow.mean = Milliseconds(20.5);
  LatencyStatistics quick = statistics(10.2);
  quick.samples = 300, slow.samples = 100;
  const LatencyStatistics runs[] = {quick, slow};
  const double weights[] = {300.0, 100.0};
  const LatencyStatistics both = pooled(runs, weights);
  CHECK(both.samples == 400);
  CHECK(both.min.count() == 9.0);
  CHECK(both.mean.count() == Approx(0.75 * 10.2 + 0.25 * 20.5));
  CHECK(both.p50 > quick.p50);
  CHECK(both.p50 < quick.p90);
  CHECK(both.p90.count() == Approx(20.8).margin(0.6));  // the slow one's 60 %
  CHECK(both.p99 < slow.p99);
  CHECK(both.p99 > slow.p95);
  const double alone[] = {1.0, 0.0};
  CHECK(pooled(runs, alone) == quick);
  CHECK_THROWS_AS(pooled(runs, std::span(weights, 1)), Error);
}
