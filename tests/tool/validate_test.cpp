#include <nlohmann/json.hpp>

#include <string>

#include <support/catch.hpp>
#include "program.hpp"

using namespace fulcrum;
using test::Finished;
using test::run_tool;

namespace {
/// A run of two cases, one of which could not be measured.
const char* const document = R"({"created_utc": "2026-01-31T12:00:00Z", "profile_created_utc": "2026-01-30T12:00:00Z",
  "duration_s": 1.5, "notes": [], "environment": {"cpu": "a CPU", "isa": "avx2", "cores": 2, "affinity": [0, 1],
  "cpu_quota": 0, "versions": {}, "seed": 0}, "cases": [
  {"model": "net", "batch": 4, "why_not": "", "predicted": {"p50_ms": 1.1, "p99_ms": 1.3, "throughput_per_s": 3636},
   "rounds": [{"p50_ms": 1.0, "p99_ms": 1.2, "throughput_per_s": 4000, "samples": 300}], "steps": []},
  {"model": "net", "precision": "bf16", "why_not": "lacks bf16",
   "predicted": {"p50_ms": 0, "p99_ms": 0, "throughput_per_s": 0}, "rounds": [], "steps": []}]})";
}  // namespace

TEST_CASE("validate shows an earlier run as text, JSON, CSV and HTML without measuring") {
  const test::TemporaryFolder folder;
  write_file_atomically(folder.path("run.json"), document);
  const Finished text = run_tool(folder, "validate --from run.json --html card.html");
  CHECK(text.errors == "");
  REQUIRE(text.exit_code == 0);
  CHECK_THAT(text.output, ContainsSubstring("a CPU, 2026-01-31T12:00:00Z"));
  CHECK_THAT(text.output, ContainsSubstring("skipped (1 case) net in bf16: lacks bf16"));
  CHECK_THAT(read_file(folder.path("card.html")), ContainsSubstring("<canvas id=\"scatter\""));
  const Finished csv = run_tool(folder, "validate --from run.json --csv");
  REQUIRE(csv.exit_code == 0);
  CHECK_THAT(csv.output, ContainsSubstring("\nnet,f32,4,1,1,1.1,1.0,0.1"));
  const Finished json = run_tool(folder, "validate --from run.json --json");
  REQUIRE(json.exit_code == 0);
  const nlohmann::json card = nlohmann::json::parse(json.output)["card"];
  CHECK(card["p50"]["cases"] == 1);
  CHECK(card["p50"]["within_10"] == 1.0);
}

TEST_CASE("validate refuses what it does not understand") {
  const test::TemporaryFolder folder;
  write_file_atomically(folder.path("run.json"), document);
  write_file_atomically(folder.path("other.json"), "{}");
  CHECK(run_tool(folder, "validate --from run.json --store").exit_code == 1);
  CHECK_THAT(run_tool(folder, "validate --from other.json").errors, ContainsSubstring("created_utc"));
  CHECK_THAT(run_tool(folder, "validate zoo:mlp --arrangements 2").errors, ContainsSubstring("THREADSxINSTANCES"));
  CHECK(run_tool(folder, "validate zoo:mlp --rounds 0").exit_code == 2);
}

TEST_CASE("validate makes the folder in which the profile is kept, as calibrate does, before it measures") {
  const test::TemporaryFolder folder;
  const Finished refused =
      test::run_command(folder, "HOME='" + folder.path("new") + "' '" FULCRUM_TOOL "' validate none.onnx --store");
  CHECK_THAT(refused.errors, ContainsSubstring("none.onnx"));
  CHECK_THAT(refused.errors, !ContainsSubstring("cannot be written"));
}
