#include <fulcrum/run/memory_use.hpp>

#include <fulcrum/cost/predict.hpp>
#include <fulcrum/report/latency_text.hpp>

#include <support/catch.hpp>

using namespace fulcrum;

TEST_CASE("memory is said where it is known") {
  LatencyReport report;
  CHECK_THAT(to_text(report), !ContainsSubstring("of weights"));
  report.memory = {3U << 20U, 2U << 10U, 64};
  CHECK_THAT(to_text(report), ContainsSubstring("3.00 MiB of weights"));
}
