#include <fulcrum/cost/latency_report.hpp>

#include <support/catch.hpp>

using namespace fulcrum;

TEST_CASE("bounds and kinds of reports have the names that JSON shows") {
  CHECK(name_of(Bound::compute) == "compute");
  CHECK(name_of(Bound::memory) == "memory");
  CHECK(name_of(Bound::overhead) == "overhead");
  CHECK(name_of(ReportKind::predicted) == "predicted");
  CHECK(name_of(ReportKind::measured) == "measured");
}

TEST_CASE("an empty report claims no time and no bound") {
  const LatencyReport report;
  CHECK(report.latency.p50.count() == 0.0);
  CHECK(report.latency.samples == 0);
  CHECK(report.layers.empty());
  CHECK_FALSE(LayerLatency{}.bound.has_value());
}
