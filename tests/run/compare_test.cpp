#include <fulcrum/run/compare.hpp>

#include <support/catch.hpp>

using namespace fulcrum;

namespace {
LatencyReport report(ReportKind kind, double p50_ms, double throughput) {
  LatencyReport r;
  r.kind = kind;
  r.model = "m";
  r.latency.p50 = r.latency.p99 = Milliseconds(p50_ms);
  r.throughput_per_s = throughput;
  return r;
}
}  // namespace

TEST_CASE("a prediction that is too low has a negative error") {
  const PredictionError error =
      compare(report(ReportKind::predicted, 0.9, 1100.0), report(ReportKind::measured, 1.0, 1000.0));
  CHECK(error.p50 == Approx(-0.1));
  CHECK(error.p99 == Approx(-0.1));
  CHECK(error.throughput == Approx(0.1));
}

TEST_CASE("reports of different things are not compared") {
  LatencyReport other = report(ReportKind::measured, 1.0, 1000.0);
  other.config.batch = 8;
  CHECK_THROWS_WITH(compare(report(ReportKind::predicted, 1.0, 1.0), other), ContainsSubstring("batch 8"));
  CHECK_THROWS_AS(compare(report(ReportKind::predicted, 1.0, 1.0), report(ReportKind::measured, 0.0, 0.0)), Error);
}
