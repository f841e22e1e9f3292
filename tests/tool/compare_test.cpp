#include <algorithm>
#include <string>

#include <nlohmann/json.hpp>

#include <fulcrum/run/latency_report_json.hpp>

#include <support/catch.hpp>
#include "program.hpp"

using namespace fulcrum;
using test::Finished;
using test::run_tool;

namespace {
std::ptrdiff_t lines(const std::string& text) { return std::count(text.begin(), text.end(), '\n'); }

void write(const test::TemporaryFolder& folder, const std::string& name, const std::string& text) {
  write_file_atomically(folder.path(name), text);
}

/// Measures the zoo's smallest model into a file.
LatencyReport measure_into(const test::TemporaryFolder& folder, const std::string& name) {
  const Finished measured = run_tool(folder, "measure zoo:mlp --seconds 0.2 --json");
  REQUIRE(measured.exit_code == 0);
  write(folder, name, measured.output);
  return load_report(folder.path(name));
}

/// The same run, had everything taken `factor` times as long.
LatencyReport slowed(LatencyReport report, double factor) {
  for (Milliseconds LatencyStatistics::*statistic :
       {&LatencyStatistics::min, &LatencyStatistics::mean, &LatencyStatistics::p50, &LatencyStatistics::p90,
        &LatencyStatistics::p95, &LatencyStatistics::p99, &LatencyStatistics::p99_9, &LatencyStatistics::mad})
    report.latency.*statistic *= factor;
  report.throughput_per_s /= factor;
  for (RunBlock& block : report.blocks)
    block = {block.p50 * factor, block.p99 * factor, block.throughput_per_s / factor};
  for (StepLatency& layer : report.layers) layer.latency *= factor;
  return report;
}
}  // namespace

TEST_CASE("the tool compares two of its own measurements") {
  const test::TemporaryFolder folder;
  const LatencyReport measured = measure_into(folder, "a.json");
  CHECK(measured.model == "mlp");
  CHECK(measured.blocks.size() == 10);
  measure_into(folder, "b.json");
  // What else the machine does may slow one of the two down, but not to a fifth.
  const Finished same = run_tool(folder, "compare a.json b.json --fail-above 400%");
  CHECK((same.exit_code == 0 || same.exit_code == 5));
  CHECK(same.errors.empty());
  CHECK_THAT(same.output, ContainsSubstring("p50") && ContainsSubstring("where a slowdown of 400 % is allowed"));
  CHECK(run_tool(folder, "compare a.json a.json --fail-above 1000%").exit_code == 0);

  const nlohmann::json j = nlohmann::json::parse(run_tool(folder, "compare a.json b.json --json").output);
  CHECK(j["p50_ms"]["baseline"].get<double>() == measured.latency.p50.count());
  CHECK(j["layers"].size() == measured.layers.size());
}

TEST_CASE("the tool ends with 4 when a run is slower by more than its noise") {
  const test::TemporaryFolder folder;
  LatencyReport quiet = measure_into(folder, "measured.json");
  for (RunBlock& block : quiet.blocks) block = {quiet.latency.p50, quiet.latency.p99, quiet.throughput_per_s};
  write(folder, "a.json", to_json(quiet).dump());
  write(folder, "b.json", to_json(slowed(quiet, 2.0)).dump());
  const Finished slower = run_tool(folder, "compare a.json b.json");
  CHECK(slower.exit_code == 4);
  CHECK_THAT(slower.output, ContainsSubstring("+100.0 %") && ContainsSubstring("regression"));
  CHECK(run_tool(folder, "compare b.json a.json").exit_code == 0);
  CHECK(run_tool(folder, "compare a.json b.json --fail-above 100").exit_code == 0);
  CHECK(run_tool(folder, "compare a.json b.json --json --fail-above '99 %'").exit_code == 4);
}

TEST_CASE("the tool ends with 5 when the noise hides a difference") {
  const test::TemporaryFolder folder;
  LatencyReport noisy = measure_into(folder, "measured.json");
  for (std::size_t i = 0; i < noisy.blocks.size(); ++i)
    noisy.blocks[i].p50 = noisy.latency.p50 * (0.5 + 0.1 * static_cast<double>(i));
  for (RunBlock& block : noisy.blocks) block.throughput_per_s = noisy.throughput_per_s;
  write(folder, "a.json", to_json(noisy).dump());
  const Finished hidden = run_tool(folder, "compare a.json a.json");
  CHECK(hidden.exit_code == 5);
  CHECK_THAT(hidden.output, ContainsSubstring("too noisy to tell"));
}

TEST_CASE("the tool ends with 1 and one line when a report cannot be read") {
  const test::TemporaryFolder folder;
  const std::string text = to_json(measure_into(folder, "a.json")).dump();
  const auto check = [&](const std::string& content, const char* words) {
    write(folder, "b.json", content);
    const Finished refused = run_tool(folder, "compare a.json b.json");
    CHECK(refused.exit_code == 1);
    CHECK(refused.output.empty());
    CHECK(lines(refused.errors) == 1);
    CHECK_THAT(refused.errors, ContainsSubstring("b.json: ") && ContainsSubstring(words));
  };
  check(text.substr(0, text.size() / 2), "ends too early");
  check("", "ends too early");
  check("{}", "kind: must be text, but is missing");
  check("{\"kind\": \"a\\n\\u001b[2J\"}", "kind: is 'a");
  CHECK(run_tool(folder, "compare a.json none.json").exit_code == 1);
}

TEST_CASE("the tool ends with 2 when it cannot understand what to compare") {
  const test::TemporaryFolder folder;
  for (const char* arguments : {"compare a.json", "compare a.json b.json --fail-above much",
                                "compare a.json b.json --fail-above=-5%", "compare a.json b.json --fail-above 5%%"}) {
    const Finished refused = run_tool(folder, arguments);
    CHECK(refused.exit_code == 2);
    CHECK(lines(refused.errors) == 1);
  }
  CHECK(run_tool(folder, "compare --help").exit_code == 0);
}
