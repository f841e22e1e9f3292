#include <fulcrum/report/comparison_text.hpp>

#include <run/reports.hpp>
#include <support/catch.hpp>

using namespace fulcrum;

namespace {
const std::vector<double> blocks{1.0, 1.01, 0.99, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0};
}

TEST_CASE("a comparison shows figures, noise and verdicts in columns") {
  RunComparison comparison = compare_runs(synthetic::run_of(1.0, blocks), synthetic::run_of(2.0, blocks));
  comparison.notes = {"a note\n"};
  CHECK(to_text(comparison) ==
        "figure      baseline      new    change          with noise  p-value  verdict\n"
        "────────────────────────────────────────────────────────────────────────────────\n"
        "p50          1.00 ms  2.00 ms  +100.0 %  +98.0 % … +102.0 %    3e-05  regression\n"
        "p99          2.00 ms  4.00 ms  +100.0 %  +98.0 % … +102.0 %    3e-05  regression\n"
        "throughput   1,000/s    500/s   −50.0 %   −50.5 % … −49.5 %    3e-05  regression\n"
        "\n"
        "note: a note\xef\xbf\xbd\n"
        "\n"
        "regression, where a slowdown of 5 % is allowed\n");
}

TEST_CASE("layers stand in the order of how much they have changed") {
  LatencyReport a = synthetic::run_of(1.0, blocks);
  LatencyReport b = a;
  for (int i = 0; i < 12; ++i) {
    const std::string name = "layer" + std::to_string(i);
    a.layers.push_back({name, "Conv", 0.0, 0.0, Milliseconds(1.0), {}, {}});
    b.layers.push_back({name, "Conv", 0.0, 0.0, Milliseconds(1.0 + 0.01 * i), {}, {}});
  }
  b.layers[3].latency = Milliseconds(0.5);
  b.layers.push_back({"new", "Reorder", 0.0, 0.0, Milliseconds(2.0), {}, {}});
  const std::string text = to_text(compare_runs(a, b));
  CHECK(text.find("new ") < text.find("layer3"));
  CHECK(text.find("layer3") < text.find("layer11"));
  CHECK(text.find("layer11") < text.find("layer10"));
  CHECK_THAT(text, ContainsSubstring("−50.0 %"));
  CHECK_THAT(text, ContainsSubstring("−500 µs"));
  CHECK_THAT(text, ContainsSubstring("+2.00 ms"));
  CHECK(text.find("layer0 ") == std::string::npos);
  CHECK_THAT(text, ContainsSubstring("and 3 layers that have changed less"));
}

TEST_CASE("what is not known or not judged says so") {
  LatencyReport few = synthetic::run_of(1.0, {});
  few.latency.samples = 10;
  const std::string text = to_text(compare_runs(few, few, 0.1));
  CHECK_THAT(text, ContainsSubstring("not known"));
  CHECK_THAT(text, ContainsSubstring("not judged"));
  CHECK_THAT(text, ContainsSubstring("too noisy to tell, where a slowdown of 10 % is allowed"));
}
