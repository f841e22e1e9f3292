#include <string>

#include <nlohmann/json.hpp>

#include <fulcrum/cost/profile_file.hpp>

#include <plan/small_study.hpp>
#include <support/catch.hpp>
#include "program.hpp"

using namespace fulcrum;
using test::Finished;
using test::run_tool;

namespace {

/// plan with a profile of made-up figures, for this machine.
std::string brief(const test::TemporaryFolder& folder) {
  save_profile(synthetic::plausible_profile(), folder.path("profile.json"));
  return "plan zoo:mlp --precisions f32 --batches 1 --cores 1 --time-limit 1 --profile " + folder.path("profile.json") +
         " ";
}

}  // namespace

TEST_CASE("a plan is written, and a load takes it") {
  const test::TemporaryFolder folder;
  const std::string file = folder.path("plan.json");
  const Finished planned = run_tool(folder, brief(folder) + "--rate 200 --slo-p99-ms 60000 --json -o " + file);
  REQUIRE(planned.exit_code == 0);
  const nlohmann::json j = nlohmann::json::parse(planned.output);
  CHECK(j.at("answer").at("qualifies") == true);
  CHECK(j.at("plan").at("model") == "zoo:mlp");
  CHECK(nlohmann::json::parse(read_file(file, 1 << 20)) == j.at("plan"));
  const Finished loaded =
      run_tool(folder, "load --config " + file + " --duration 300ms --warm-up 20ms --slo-p99-ms 59000 --json");
  const nlohmann::json load = nlohmann::json::parse(loaded.output);
  CHECK(load.at("scenario") == "Server: Poisson, 200/s");
  CHECK(load.at("slo").at("bound_ms") == 59000.0);
  CHECK(load.at("batches").size() == 1);
  CHECK(run_tool(folder, "load --config " + file + " --max-batch 4").exit_code == 2);
}

TEST_CASE("what no machine can keep ends with 3 and without a plan") {
  const test::TemporaryFolder folder;
  const Finished planned =
      run_tool(folder, brief(folder) + "--rate 100 --slo-p99-ms 0.000001 -o " + folder.path("plan.json"));
  CHECK(planned.exit_code == 3);
  CHECK(planned.output.find("any number of machines") != std::string::npos);
  CHECK(run_tool(folder, "load --config " + folder.path("plan.json")).exit_code == 1);
}

TEST_CASE("what a plan lacks is said") {
  const test::TemporaryFolder folder;
  CHECK(run_tool(folder, "plan zoo:mlp --slo-p99-ms 5").exit_code == 2);
  CHECK(run_tool(folder, "plan zoo:mlp --rate 5").exit_code == 2);
  CHECK(run_tool(folder, brief(folder) + "--rate many --slo-p99-ms 5").errors.find("requests per second") !=
        std::string::npos);
  CHECK(run_tool(folder, brief(folder) + "--rate 5 --slo-p99-ms 5 --max-accuracy-drop 1").errors.find("--data") !=
        std::string::npos);
}
