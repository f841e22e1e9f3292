#include <fulcrum/cost/profile_file.hpp>

#include <fstream>

#include <support/catch.hpp>
#include <support/synthetic_machine.hpp>
#include <support/temporary_folder.hpp>

using namespace fulcrum;

namespace {
MachineProfile full_profile() {
  MachineProfile profile = synthetic::machine();
  profile.environment.cpu_quota = 1.5;
  profile.environment.seed = 42;
  profile.jitter = {{1, 1, 0.1, 0.9, 1.2, 1.5, 1.6, 3.0, 9.0}};
  profile.contention = {{2, 1, 1.25, 0.5}};
  profile.interval_scale = 0.75;
  profile.layout_changes = {{Precision::bf16, "input", "convolution", true, 3, 1.0}};
  profile.sparse_costs = {{SparseKind::rows, 2, {1.0, 0.25}, {0.5, 0.125, 2.0}}};
  std::vector<TimedStep> timed;
  for (const Step& step : synthetic::conv_steps(12, 1))
    timed.push_back({step, 1, 3.0 * roofline_point(step, profile.rates, 1).time_us()});
  profile.efficiency = fit_efficiencies(timed, profile.rates);
  return profile;
}

void write(const std::string& path, const std::string& text) { std::ofstream(path) << text; }
}  // namespace

TEST_CASE("a profile comes back from its file") {
  const test::TemporaryFolder folder;
  const std::string path = folder.path("profile.json");
  save_profile(full_profile(), path);
  const MachineProfile once = load_profile(path);
  CHECK(once.environment == full_profile().environment);
  CHECK(once.rates == full_profile().rates);
  CHECK(once.jitter == full_profile().jitter);
  CHECK(once.contention == full_profile().contention);
  CHECK(once.layout_changes == full_profile().layout_changes);
  CHECK(once.sparse_costs == full_profile().sparse_costs);
  REQUIRE(once.efficiency.size() == 1);
  CHECK(once.efficiency[0].samples.size() == 12);
  CHECK(once.efficiency[0].samples[0].what == full_profile().efficiency[0].samples[0].what);
  CHECK_FALSE(once.efficiency[0].samples[0].what.empty());
  CHECK(once.efficiency[0].samples[0].time_us == Approx(full_profile().efficiency[0].samples[0].time_us));
  // Figures are written with six digits: a second trip changes nothing any more.
  save_profile(once, path);
  CHECK(load_profile(path) == once);
}

TEST_CASE("every figure of a profile has its unit in its key") {
  const std::string text = to_json(full_profile()).dump();
  for (const char* key : {"flop_per_s", "byte_per_s", "capacity_bytes", "step_us", "inference_us", "p50_ms",
                          "p99_ratio", "duration_s", "created_utc"})
    CHECK_THAT(text, ContainsSubstring(key));
}

TEST_CASE("a loaded profile predicts as the one that was saved") {
  const MachineProfile profile = full_profile();
  const MachineProfile loaded = machine_profile_from_json(to_json(profile));
  for (const Step& step : synthetic::conv_steps(10, 5)) {
    const RooflinePoint roofline = roofline_point(step, profile.rates, 1);
    CHECK(loaded.slowdown(step, roofline, 1).log == Approx(profile.slowdown(step, roofline, 1).log).margin(1e-3));
  }
}

TEST_CASE("a file that is no profile is refused by its path, with what to do") {
  const test::TemporaryFolder folder;
  const std::string path = folder.path("profile.json");
  SECTION("missing") { CHECK_THROWS_WITH(load_profile(path), ContainsSubstring("profile.json")); }
  SECTION("not JSON") {
    write(path, "{\"fulcrum_machine_profile\": 1, ");
    CHECK_THROWS_WITH(load_profile(path), ContainsSubstring("profile.json") && ContainsSubstring("ends too early") &&
                                              ContainsSubstring("fulcrum calibrate"));
  }
  SECTION("other JSON") {
    write(path, "{\"name\": \"somebody\"}");
    CHECK_THROWS_WITH(load_profile(path), ContainsSubstring("no Fulcrum machine profile"));
  }
  SECTION("a list") {
    write(path, "[1, 2]");
    CHECK_THROWS_WITH(load_profile(path), ContainsSubstring("no Fulcrum machine profile"));
  }
  SECTION("nested too deep") {
    write(path, "{\"fulcrum_machine_profile\": " + std::string(100'000, '[') + std::string(100'000, ']') + "}");
    CHECK_THROWS_WITH(load_profile(path), ContainsSubstring("nested"));
  }
  SECTION("another format") {
    write(path, "{\"fulcrum_machine_profile\": 99}");
    CHECK_THROWS_WITH(load_profile(path), ContainsSubstring("format 99"));
  }
  SECTION("a part is missing") {
    nlohmann::json j = to_json(full_profile());
    j.erase("bandwidths");
    write(path, j.dump());
    CHECK_THROWS_WITH(load_profile(path), ContainsSubstring("bandwidths: must be a list, but is missing"));
  }
  SECTION("a figure is out of range") {
    nlohmann::json j = to_json(full_profile());
    j["peaks"][0]["flop_per_s"] = -1.0;
    write(path, j.dump());
    CHECK_THROWS_WITH(load_profile(path),
                      ContainsSubstring("peaks[0].flop_per_s: must be a number from 1000 to 1e+18"));
  }
  SECTION("words are not those of the samples") {
    nlohmann::json j = to_json(full_profile());
    j["efficiency"][0]["samples_what"].push_back("another");
    write(path, j.dump());
    CHECK_THROWS_WITH(load_profile(path), ContainsSubstring("samples_what: must be a list of 12 texts"));
  }
  SECTION("times are not those of the samples") {
    nlohmann::json j = to_json(full_profile());
    j["efficiency"][0]["samples_us"][3] = -1.0;
    write(path, j.dump());
    CHECK_THROWS_WITH(load_profile(path), ContainsSubstring("samples_us: must be a list of 12 times"));
  }
  SECTION("a sample is too short") {
    nlohmann::json j = to_json(full_profile());
    j["efficiency"][0]["samples_features_log_slowdown_weight"][0] = {1.0, 2.0};
    write(path, j.dump());
    CHECK_THROWS_WITH(load_profile(path),
                      ContainsSubstring("samples_features_log_slowdown_weight[0]: must be a list of"));
  }
}

TEST_CASE("a profile that cannot be written leaves nothing behind") {
  const test::TemporaryFolder folder;
  CHECK_THROWS_AS(save_profile(full_profile(), folder.path("no/such/folder/profile.json")), Error);
  CHECK(folder.files() == 0);
}
