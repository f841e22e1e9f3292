#include <fulcrum/report/latency_text.hpp>

#include <report/studies.hpp>
#include <support/catch.hpp>

using namespace fulcrum;

namespace {
const RunConfig int8_of_four{4, 2, 1, Precision::int8};
}

TEST_CASE("a measured report shows its configuration, statistics, layers and notes") {
  const std::string text = to_text(synthetic::layered_report(ReportKind::measured, int8_of_four, 0.2));
  CHECK_THAT(text, ContainsSubstring("synthetic, int8, batch 4, 2 threads, 1 instance, measured"));
  CHECK_THAT(text, ContainsSubstring("throughput 20,000/s"));
  CHECK_THAT(text, ContainsSubstring("1,234 samples, ready after 2.50 ms"));
  CHECK_THAT(text, ContainsSubstring("p99.9"));
  CHECK_THAT(text, ContainsSubstring("75.0 %"));
  CHECK_THAT(text, ContainsSubstring("46.67 GFLOP/s  compute"));  // 7 MFLOP in 150 µs
  CHECK_THAT(text, ContainsSubstring("all layers              200 µs"));
  CHECK_THAT(text, ContainsSubstring("note: measured note"));
}

TEST_CASE("an int8 run says how much of its time is spent outside int8") {
  LatencyReport report = synthetic::layered_report(ReportKind::measured, int8_of_four, 0.2);
  CHECK_THAT(to_text(report), !ContainsSubstring("outside int8"));
  report.layers[1].src = DType::f32;
  CHECK_THAT(to_text(report), ContainsSubstring("25.0 % of the layers' time is spent outside int8"));
}

TEST_CASE("a prediction has no deviation, no samples and no creation time to show") {
  const std::string text = to_text(synthetic::layered_report(ReportKind::predicted, int8_of_four, 0.2));
  CHECK_THAT(text, ContainsSubstring(", predicted"));
  CHECK_THAT(text, !ContainsSubstring("samples"));
  CHECK_THAT(text, !ContainsSubstring("ready after"));
}

TEST_CASE("a prediction beside a measurement shows how far it is off, layer by layer") {
  LatencyReport predicted = synthetic::layered_report(ReportKind::predicted, int8_of_four, 0.22);
  LatencyReport measured = synthetic::layered_report(ReportKind::measured, int8_of_four, 0.2);
  predicted.layers.push_back({"pool1", "MaxPool", 0.0, 1e3, Microseconds(3.0), Bound::memory});
  measured.layers.push_back({"input", "Reorder", 0.0, 1e3, Microseconds(5.0), std::nullopt});
  const std::string text = to_text(predicted, measured);
  CHECK_THAT(text, ContainsSubstring("+10 %"));
  CHECK_THAT(text, ContainsSubstring("−9 %"));  // throughput
  CHECK_THAT(text, ContainsSubstring("conv1 (Conv+Relu)"));
  CHECK_THAT(text, ContainsSubstring("pool1 (MaxPool)"));
  CHECK_THAT(text, ContainsSubstring("input (Reorder)"));
  CHECK_THAT(text, ContainsSubstring("note: predicted note"));
}
