// What the tool prints with --json is what docs/schema says.

#include <string>

#include <nlohmann/json.hpp>

#include <fulcrum/cost/profile_file.hpp>
#include <fulcrum/report/json.hpp>

#include <support/catch.hpp>
#include <support/json_schema.hpp>
#include <support/synthetic_machine.hpp>
#include "program.hpp"

using namespace fulcrum;
using test::Finished;
using test::run_tool;

namespace {

test::JsonSchema schema_of(const std::string& name) {
  return test::JsonSchema::from_file(FULCRUM_SCHEMAS "/" + name + "-1.json");
}

/// Checks a document against its own schema and that of every document.
void check_document(const nlohmann::json& document, const std::string& name, bool has_schema = true) {
  CHECK(document.value("schema", "") == "fulcrum/" + name + "/1");
  CHECK(schema_of("document").errors(document) == std::vector<std::string>{});
  if (has_schema) CHECK(schema_of(name).errors(document) == std::vector<std::string>{});
}

nlohmann::json printed(const test::TemporaryFolder& folder, const std::string& arguments) {
  INFO(arguments);
  const Finished finished = run_tool(folder, arguments + " --json");
  INFO(finished.errors);
  REQUIRE(finished.exit_code != 1);
  REQUIRE(finished.exit_code != 2);
  return nlohmann::json::parse(finished.output);
}

nlohmann::json headed(nlohmann::json document, const std::string& name) {
  document["schema"] = "fulcrum/" + name + "/1";
  document["fulcrum_version"] = "0";
  document["created_utc"] = "2026-01-31T12:00:00Z";
  return document;
}

}  // namespace

TEST_CASE("every command prints a document that says what it is") {
  const test::TemporaryFolder folder;
  check_document(printed(folder, "info zoo:mlp"), "info", false);
  check_document(printed(folder, "zoo"), "zoo", false);
  check_document(printed(folder, "explain zoo:mlp"), "explanation", false);
  check_document(printed(folder, "compress zoo:mlp -o m.onnx --prune sparsity=0.5"), "compression", false);
}

TEST_CASE("reports, comparisons and loads are as their schemas say") {
  const test::TemporaryFolder folder;
  const nlohmann::json report = printed(folder, "measure zoo:mlp --seconds 0.2 --slo-p99-ms 1000");
  check_document(report, "latency-report");
  CHECK(report["slo"]["met"] == true);
  write_file_atomically(folder.path("a.json"), report.dump());
  check_document(printed(folder, "compare a.json a.json"), "comparison");
  const nlohmann::json held = printed(folder, "measure zoo:mlp --seconds 0.2 --baseline a.json --fail-above 10000%");
  check_document(held, "latency-report");
  CHECK(held["comparison"]["fail_above"] == 100.0);
  const nlohmann::json turns = printed(folder, "measure zoo:mlp --seconds 0.7 --rounds 7 --against zoo:mlp");
  check_document(turns, "latency-report");
  CHECK(turns["baseline"]["blocks"].size() == 7);
  CHECK(turns["comparison"]["p50_ms"]["p_value"].is_number());
  check_document(printed(folder, "load zoo:mlp --duration 300ms --warm-up 20ms --rate 100 --simulate measured"),
                 "load-report");
}

TEST_CASE("profiles and studies are as their schemas say") {
  check_document(headed(to_json(synthetic::machine()), "machine-profile"), "machine-profile");
  TradeoffStudy study;
  study.model = "m";
  study.environment = synthetic::machine().environment;
  study.variants.resize(1);
  study.candidates.resize(2);
  study.candidates[0].predicted = LatencyReport{};
  study.candidates[0].measured = LatencyReport{};
  study.candidates[0].accuracy = 0.9;
  study.recommendation.candidate = 0;
  check_document(headed(to_json(study), "tradeoff-study"), "tradeoff-study");
}

TEST_CASE("the studies of the examples are as their schema says, and a key too many is found") {
  const test::JsonSchema schema = schema_of("study");
  nlohmann::json study = nlohmann::json::parse(read_file(FULCRUM_SCHEMAS "/../../examples/studies/fashion_cnn.json"));
  CHECK(schema.errors(study) == std::vector<std::string>{});
  study["batch"] = 1;
  study["sparsities"] = {1.0};
  CHECK(schema.errors(study).size() == 2);
}

TEST_CASE("a document that breaks its schema is found") {
  const nlohmann::json good = headed(to_json(synthetic::machine()), "machine-profile");
  const test::JsonSchema schema = schema_of("machine-profile");
  nlohmann::json bad = good;
  bad.erase("peaks");
  CHECK(schema.errors(bad) == std::vector<std::string>{"/: lacks \"peaks\""});
  bad = good;
  bad["peaks"][1]["threads"] = 0;
  CHECK(schema.errors(bad) == std::vector<std::string>{"/peaks/1/threads: is below 1"});
  bad = good;
  bad["peaks"][1]["precision"] = "f8";
  CHECK(schema.errors(bad).size() == 1);
  bad = good;
  bad["created_utc"] = "yesterday";
  CHECK(schema.errors(bad).size() == 1);
}
