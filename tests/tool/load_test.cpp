#include <string>

#include <nlohmann/json.hpp>

#include <support/catch.hpp>
#include "program.hpp"

using namespace fulcrum;
using test::Finished;
using test::run_tool;

namespace {
const std::string brief = "load zoo:mlp --duration 300ms --warm-up 20ms ";
}

TEST_CASE("a load is reported with a verdict") {
  const test::TemporaryFolder folder;
  const Finished finished =
      run_tool(folder, brief + "--rate 200 --max-batch 4 --max-delay-ms 1 --json --simulate measured");
  CHECK(finished.errors == "");
  REQUIRE(finished.exit_code == 0);
  const nlohmann::json j = nlohmann::json::parse(finished.output);
  for (const char* key :
       {"verdict", "reason", "latency_ms", "queue_ms", "service_ms", "requests", "over_slo", "throughput_per_s"})
    CHECK(j.contains(key));
  CHECK(j.at("requests").at("done") == j.at("requests").at("issued"));
  CHECK(j.at("simulated").at("queries") == j.at("queries"));
  const Finished text = run_tool(folder, brief + "--scenario single --max-requests 20");
  CHECK(text.exit_code == 0);
  CHECK(text.output.find("SingleStream") != std::string::npos);
}

TEST_CASE("a bound that does not hold ends with 3") {
  const test::TemporaryFolder folder;
  const Finished missed = run_tool(folder, brief + "--rate 200 --slo-p99-ms 0.000001");
  CHECK(missed.exit_code == 3);
  CHECK(missed.output.find("does not hold") != std::string::npos);
  const Finished few = run_tool(folder, brief + "--rate 200 --slo-p99-ms 60000");
  CHECK(few.exit_code == 3);
  CHECK(few.output.find("more queries") != std::string::npos);
}

TEST_CASE("what a load lacks is said") {
  const test::TemporaryFolder folder;
  CHECK(run_tool(folder, "load zoo:mlp").errors.find("--rate: is missing") != std::string::npos);
  CHECK(run_tool(folder, "load zoo:mlp --trace none.csv").exit_code == 1);
  CHECK(run_tool(folder, "load zoo:mlp --rate 1 --max-batch 0").errors.find("--max-batch: is 0") != std::string::npos);
  CHECK(run_tool(folder, "load zoo:mlp --rate 1 --duration soon").exit_code == 2);
}
