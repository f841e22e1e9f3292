// Studies as a user makes them: on samples of one's own, from a file, kept and extended.

#include <algorithm>
#include <string>

#include <nlohmann/json.hpp>

#include <fulcrum/cost/profile_file.hpp>
#include <fulcrum/data/npy.hpp>

#include <plan/small_study.hpp>
#include <support/catch.hpp>
#include <support/json_schema.hpp>
#include "program.hpp"

using namespace fulcrum;
using test::Finished;
using test::run_tool;

namespace {

/// Samples, a profile of made-up figures for this machine, and a study that takes seconds.
void write_study(const test::TemporaryFolder& folder, const std::string& batches,
                 const std::string& slo_p99_ms = "60000") {
  Tensor<float> images(Shape{40, 1, 28, 28});
  Random random(3);
  for (float& x : images.flat()) x = static_cast<float>(random.uniform());
  save_npy(images, folder.path("x.npy"));
  save_profile(synthetic::plausible_profile(), folder.path("profile.json"));
  write_file_atomically(folder.path("study.json"),
                        R"({"schema": "fulcrum/study/1", "model": "zoo:mlp", "precisions": ["f32", "int8"],
    "sparsities": [0], "threads": [1], "instances": [1], "weight_bits": [8, 4],
    "recipes": [{"name": "thin", "steps": [{"step": "prune", "sparsity": 0.6}]}],
    "rounds": 2, "seconds_per_round": 0.002, "samples_per_round": 5, "calibration_images": 16, "batches": )" +
                            batches + ", \"slo_p99_ms\": " + slo_p99_ms + "}");
}

constexpr const char* study = "tradeoff --study study.json --inputs x.npy --metric cosine --profile profile.json ";

}  // namespace

TEST_CASE("a study in a file is kept beside it, goes on, and is extended") {
  const test::TemporaryFolder folder;
  write_study(folder, "[1]");
  const Finished first = run_tool(folder, study + std::string("--json --report page.html"));
  INFO(first.errors);
  REQUIRE(first.exit_code == 0);
  const nlohmann::json a = nlohmann::json::parse(first.output);
  CHECK(test::JsonSchema::from_file(FULCRUM_SCHEMAS "/tradeoff-study-1.json").errors(a) == std::vector<std::string>{});
  CHECK(a["kept_in"] == "study.kept");
  CHECK(a["variants"].size() == 6);  // f32, int8 with two widths, and as many of the recipe
  CHECK(a["candidates"].size() == 6);
  CHECK(a["baseline_accuracy"].get<double>() == Approx(1.0));
  const std::string page = read_file(folder.path("page.html"));
  CHECK_THAT(page, ContainsSubstring("fulcrum tradeoff --study study.json --inputs x.npy") &&
                       ContainsSubstring("download-csv") && ContainsSubstring("spread-plot"));

  write_study(folder, "[1, 4]");
  const Finished second = run_tool(folder, study + std::string("--json"));
  INFO(second.errors);
  REQUIRE(second.exit_code == 0);
  const nlohmann::json b = nlohmann::json::parse(second.output);
  CHECK(b["candidates"].size() == 12);
  for (const nlohmann::json& was : a["candidates"]) {
    for (const nlohmann::json& is : b["candidates"]) {
      const bool same = is["variant"] == was["variant"] && is["batch"] == was["batch"];
      if (same && !was["measured"].is_null()) CHECK(is["measured"] == was["measured"]);
    }
  }
  const Finished csv = run_tool(folder, study + std::string("--csv"));
  CHECK(std::count(csv.output.begin(), csv.output.end(), '\n') == 1 + 12);
  CHECK(run_tool(folder, study + std::string("--seed 5")).exit_code == 1);  // another study
}

TEST_CASE("a target that nothing meets ends with 3, and a recipe of a known name must be the known one") {
  const test::TemporaryFolder folder;
  write_study(folder, "[1]", "1e-9");
  CHECK(run_tool(folder, study).exit_code == 3);
  nlohmann::json changed = nlohmann::json::parse(read_file(folder.path("study.json")));
  changed["recipes"][0]["steps"][0]["sparsity"] = 0.7;
  write_file_atomically(folder.path("study.json"), changed.dump());
  const Finished other = run_tool(folder, study);
  CHECK(other.exit_code == 1);
  CHECK_THAT(other.errors, ContainsSubstring("another recipe of the name 'thin'"));
}
