#include <fulcrum/run/memory_use.hpp>

#include <fulcrum/cost/predict.hpp>
#include <fulcrum/report/latency_text.hpp>

#include <support/catch.hpp>

using namespace fulcrum;

TEST_CASE("memory is said where it was measured, and not in a prediction") {
  LatencyReport report;
  report.memory = {3U << 20U, 2U << 10U, 64};
  report.kind = ReportKind::measured;
  CHECK_THAT(to_text(report), ContainsSubstring("3.00 MiB of weights"));
  report.kind = ReportKind::predicted;
  CHECK_THAT(to_text(report), !ContainsSubstring("of weights"));
}
