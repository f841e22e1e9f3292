#include <filesystem>
#include <string>

#include <nlohmann/json.hpp>

#include <fulcrum/core/file.hpp>
#include <fulcrum/cost/profile_file.hpp>

#include <support/catch.hpp>
#include "program.hpp"

using namespace fulcrum;
using test::Finished;
using test::run_tool;

TEST_CASE("the tool adds a model's own steps to a profile, which is made first when there is none") {
  const test::TemporaryFolder folder;
  const Finished missing = run_tool(folder, "calibrate --seconds 0.1 --for nothing.onnx -o profile.json");
  CHECK(missing.exit_code == 1);
  CHECK_THAT(missing.errors, ContainsSubstring("nothing.onnx"));
  CHECK_FALSE(std::filesystem::exists(folder.path("profile.json")));  // noticed before anything was timed

  REQUIRE(run_tool(folder, "calibrate --seconds 0.1 --for zoo:mlp -o profile.json").exit_code == 0);
  const MachineProfile made = load_profile(folder.path("profile.json"));
  REQUIRE(run_tool(folder, "calibrate --for zoo:mlp --batches 3,5 -o profile.json").exit_code == 0);
  const MachineProfile extended = load_profile(folder.path("profile.json"));
  CHECK(extended.created_utc == made.created_utc);  // the calibration is the one that there was
  const auto dense_samples = [](const MachineProfile& profile) {
    std::size_t samples = 0;
    for (const EfficiencyModel& model : profile.efficiency)
      samples += model.kernel == KernelClass::dense ? model.samples.size() : 0;
    return samples;
  };
  CHECK(dense_samples(extended) > dense_samples(made));
  CHECK(run_tool(folder, "predict zoo:mlp --batch 3 --profile profile.json").exit_code == 0);
  CHECK(run_tool(folder, "calibrate --for zoo:mlp --batches 0 -o profile.json").exit_code == 2);
}

TEST_CASE("a profile is made from a data sheet without a measurement, and predicted with") {
  const test::TemporaryFolder folder;
  write_file_atomically(folder.path("sheet.json"),
                        R"({"cpu": "Other", "cores": 4, "clock_ghz": 3, "gflop_per_s_per_core": {"f32": 90},
                            "l2_kib": 512, "l3_mib": 16, "memory_gb_per_s": 40})");
  REQUIRE(run_tool(folder, "calibrate --data-sheet sheet.json -o p.json").exit_code == 0);
  CHECK(load_profile(folder.path("p.json")).environment.cpu == "Other");
  const Finished predicted = run_tool(folder, "predict zoo:mlp --threads 1 --profile p.json");
  INFO(predicted.errors);
  CHECK(predicted.exit_code == 0);
  CHECK_THAT(predicted.output, ContainsSubstring("data sheet"));
  CHECK(run_tool(folder, "predict zoo:mlp --threads 1 --model kriging --profile p.json").exit_code == 0);
  CHECK(run_tool(folder, "explain zoo:mlp --threads 1 --profile p.json").exit_code == 0);

  const Finished same = run_tool(folder, "calibrate --data-sheet sheet.json -o sheet.json");
  CHECK(same.exit_code == 1);
  write_file_atomically(folder.path("sheet.json"), R"({"clock_ghz": 3})");
  const Finished refused = run_tool(folder, "calibrate --data-sheet sheet.json -o q.json");
  CHECK(refused.exit_code == 1);
  CHECK_THAT(refused.errors, ContainsSubstring("sheet.json"));
  CHECK_FALSE(std::filesystem::exists(folder.path("q.json")));
}
