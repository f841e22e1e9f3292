#include <filesystem>
#include <string>

#include <nlohmann/json.hpp>

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
