#include <fulcrum/run/latency_report.hpp>

#include <support/catch.hpp>

using namespace fulcrum;

TEST_CASE("bounds and kinds of reports have the names that JSON shows") {
  CHECK(name_of(Bound::compute) == "compute");
  CHECK(name_of(Bound::memory) == "memory");
  CHECK(name_of(Bound::overhead) == "overhead");
  CHECK(name_of(ReportKind::predicted) == "predicted");
  CHECK(name_of(ReportKind::measured) == "measured");
}

TEST_CASE("bounds and kinds are found by their names") {
  for (const Bound bound : {Bound::compute, Bound::memory, Bound::overhead}) CHECK(bound_from(name_of(bound)) == bound);
  for (const ReportKind kind : {ReportKind::predicted, ReportKind::measured})
    CHECK(report_kind_from(name_of(kind)) == kind);
  CHECK_THROWS_WITH(bound_from("luck"), ContainsSubstring("compute, memory or overhead"));
  CHECK_THROWS_WITH(report_kind_from("guessed"), ContainsSubstring("predicted or measured"));
}

TEST_CASE("a mean far above the median speaks of interruptions") {
  LatencyStatistics latency;
  latency.p50 = Milliseconds(1.0);
  latency.mean = Milliseconds(1.2);
  CHECK_FALSE(was_interrupted(latency));
  latency.mean = Milliseconds(1.4);
  CHECK(was_interrupted(latency));
}

TEST_CASE("a measurement is noisy when its runs or its blocks are far apart, a prediction never") {
  LatencyReport report;
  report.kind = ReportKind::measured;
  report.latency.p50 = report.latency.mean = Milliseconds(1.0);
  report.blocks = {{Milliseconds(0.95), {}, 1.0}, {Milliseconds(1.1), {}, 1.0}};
  CHECK_FALSE(is_noisy(report));
  report.blocks.push_back({Milliseconds(1.3), {}, 1.0});
  CHECK(is_noisy(report));
  report.blocks.clear();
  report.latency.mad = Milliseconds(0.06);
  CHECK(is_noisy(report));
  report.kind = ReportKind::predicted;
  CHECK_FALSE(is_noisy(report));
}

TEST_CASE("a measurement whose second half was slower than its first is noisy") {
  LatencyReport report;
  report.kind = ReportKind::measured;
  report.latency.mean = report.latency.p50 = Milliseconds(1.0);
  for (const double p50 : {0.96, 0.97, 1.08, 1.09})
    report.blocks.push_back({Milliseconds(p50), Milliseconds(2.0), 1.0});
  CHECK(is_noisy(report));
  std::swap(report.blocks[1], report.blocks[2]);
  CHECK_FALSE(is_noisy(report));
}

TEST_CASE("an empty report claims no time and no bound") {
  const LatencyReport report;
  CHECK(report.latency.p50.count() == 0.0);
  CHECK(report.latency.samples == 0);
  CHECK(report.layers.empty());
  CHECK_FALSE(StepLatency{}.bound.has_value());
}

TEST_CASE("the share outside int8 is that of the layers that take real numbers") {
  LatencyReport report;
  report.config.precision = Precision::int8;
  CHECK_FALSE(share_outside_int8(report).has_value());
  report.layers = {{"input", "Reorder", 0.0, 0.0, Milliseconds(1.0), {}, DType::f32},
                   {"conv1", "Conv", 0.0, 0.0, Milliseconds(2.0), {}, DType::u8},
                   {"conv2", "Conv", 0.0, 0.0, Milliseconds(5.0), {}, DType::s8}};
  CHECK(share_outside_int8(report) == std::optional(0.125));
  report.layers.push_back({"predicted", "Conv", 0.0, 0.0, Milliseconds(1.0), {}, {}});
  CHECK_FALSE(share_outside_int8(report).has_value());
  report.layers.pop_back();
  report.config.precision = Precision::f32;
  CHECK_FALSE(share_outside_int8(report).has_value());
}
