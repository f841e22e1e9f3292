#include <fulcrum/plan/measure_in_turns.hpp>

#include <plan/small_study.hpp>
#include <plan/synthetic.hpp>
#include <support/catch.hpp>

using namespace fulcrum;

namespace {
MeasureOptions brief() {
  MeasureOptions options;
  options.warm_up = Seconds(0.0);
  options.min_duration = Seconds(0.001);
  options.min_samples = 5;
  options.layer_runs = 2;
  return options;
}
}  // namespace

TEST_CASE("merged rounds are medians, with the least minimum and all samples") {
  const RunConfig config{4, 1, 1, Precision::f32};
  std::vector<LatencyReport> rounds;
  for (const double p50 : {2.0, 1.0, 9.0}) {
    rounds.push_back(synthetic::report(ReportKind::measured, config, p50));
    rounds.back().latency.samples = 100;
    rounds.back().layers = {{"conv1", "Conv", 1e6, 1e3, Milliseconds(p50 / 2.0), Bound::compute}};
    rounds.back().notes = {"median " + std::to_string(static_cast<int>(p50))};
  }
  const LatencyReport merged = merge_rounds(rounds);
  CHECK(merged.latency.p50.count() == Approx(2.0));
  CHECK(merged.latency.p99.count() == Approx(2.4));
  CHECK(merged.latency.min.count() == Approx(0.9));
  CHECK(merged.latency.samples == 300);
  REQUIRE(merged.blocks.size() == 3);  // the rounds, in their order
  CHECK(merged.blocks[0].p50.count() == Approx(2.0));
  CHECK(merged.blocks[2].p99.count() == Approx(10.8));
  CHECK(merged.blocks[1].throughput_per_s == Approx(4000.0));
  CHECK(merged.throughput_per_s == Approx(2000.0));
  CHECK(merged.layers[0].latency.count() == Approx(1.0));
  REQUIRE(merged.notes.size() == 2);
  CHECK(merged.notes[0] == "median 2");
  CHECK_THAT(merged.notes[1], ContainsSubstring("between 1.00 ms and 9.00 ms"));
}

TEST_CASE("rounds that agree say nothing and one round stays what it is") {
  const RunConfig config{4, 1, 1, Precision::f32};
  const std::vector<LatencyReport> rounds{synthetic::report(ReportKind::measured, config, 1.0),
                                          synthetic::report(ReportKind::measured, config, 1.05)};
  CHECK(merge_rounds(rounds).notes.empty());
  CHECK(merge_rounds(std::span(rounds).first(1)).latency.p50 == rounds[0].latency.p50);
  const std::vector<LatencyReport> none;
  CHECK_THROWS_WITH(merge_rounds(none), ContainsSubstring("no rounds"));
}

TEST_CASE("jobs are measured in every round and one that cannot run says why") {
  const Model<float> model = synthetic::small_model();
  const std::vector<MeasurementJob> jobs{{&model, {1, 1, 1, Precision::f32}},
                                         {&model, {2, 1, 1, Precision::int8}},  // never quantized
                                         {&model, {3, 1, 1, Precision::f32}}};
  std::vector<std::string> order;
  const ProgressSink progress = [&](const Progress& p) { order.push_back(p.detail); };
  const auto results = measure_in_turns(jobs, 2, brief(), progress);
  REQUIRE(results.size() == 3);
  REQUIRE(results[0].report.has_value());
  CHECK(results[0].report->latency.samples >= 10);
  CHECK(results[0].report->config == jobs[0].config);
  CHECK_FALSE(results[1].report.has_value());
  CHECK_THAT(results[1].why_not, ContainsSubstring("could not be measured"));
  REQUIRE(results[2].report.has_value());
  REQUIRE(order.size() == 6);  // forwards, then backwards
  CHECK(order[0] == order[5]);
  CHECK(order[2] == order[3]);
}

TEST_CASE("no rounds are refused and no jobs give no results") {
  const std::vector<MeasurementJob> none;
  CHECK_THROWS_WITH(measure_in_turns(none, 0, brief()), ContainsSubstring("rounds"));
  CHECK(measure_in_turns(none, 1, brief()).empty());
}
