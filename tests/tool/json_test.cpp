// What the tool prints with --json is what docs/schema says.

#include <algorithm>
#include <cctype>
#include <filesystem>
#include <sstream>
#include <string>
#include <vector>

#include <nlohmann/json.hpp>

#include <fulcrum/cost/profile_file.hpp>
#include <fulcrum/report/json.hpp>

#include <plan/small_study.hpp>
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
void check_document(const nlohmann::json& document, const std::string& name) {
  INFO(name);
  CHECK(document.value("schema", "") == "fulcrum/" + name + "/1");
  CHECK(schema_of("document").errors(document) == std::vector<std::string>{});
  CHECK(schema_of(name).errors(document) == std::vector<std::string>{});
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

/// Four files of a data set like MNIST: noise, with a class for each image.
void write_images(const test::TemporaryFolder& folder) {
  constexpr std::uint8_t images = 60;
  std::filesystem::create_directory(folder.path("images"));
  Random random(5);
  for (const std::string stem : {"train", "t10k"}) {
    std::string pixels("\0\0\x08\x03\0\0\0\x3c\0\0\0\x1c\0\0\0\x1c", 16);
    std::string labels("\0\0\x08\x01\0\0\0\x3c", 8);
    for (int i = 0; i < images * 28 * 28; ++i) pixels.push_back(static_cast<char>(256.0 * random.uniform()));
    for (int i = 0; i < images; ++i) labels.push_back(static_cast<char>(i % 10));
    write_file_atomically(folder.path("images/" + stem + "-images-idx3-ubyte"), pixels);
    write_file_atomically(folder.path("images/" + stem + "-labels-idx1-ubyte"), labels);
  }
}

}  // namespace

TEST_CASE("every command prints a document that is as its schema says") {
  const test::TemporaryFolder folder;
  write_images(folder);
  save_profile(synthetic::plausible_profile(), folder.path("p.json"));
  check_document(printed(folder, "info"), "info");
  check_document(printed(folder, "info zoo:mlp"), "info");
  check_document(printed(folder, "zoo"), "zoo");
  check_document(printed(folder, "explain zoo:mlp"), "explanation");
  check_document(printed(folder, "explain zoo:mlp --profile p.json"), "explanation");
  check_document(printed(folder, "advise zoo:fashion_cnn --profile p.json"), "advice");
  check_document(printed(folder, "samples --data images -o x.npy --labels y.npy --count 20"), "samples");
  check_document(printed(folder, "run zoo:mlp --input x.npy --output out.npy"), "run");
  check_document(printed(folder, "train zoo:mlp --data images -o m.onnx --epochs 2 --batch 20"), "training");
  check_document(printed(folder, "evaluate m.onnx --data images"), "evaluation");
  check_document(printed(folder, "evaluate m.onnx --inputs x.npy --targets y.npy --metric top1"), "evaluation");
  check_document(printed(folder, "sensitivity m.onnx --data images --samples 20 --sparsity 0.5 --bits 4"),
                 "sensitivity");
  check_document(printed(folder, "sensitivity m.onnx --input x.npy --sparsity 0.5 --bits 4"), "sensitivity");
}

TEST_CASE("a compression is as its schema says, by passes, by a recipe and for a latency") {
  const test::TemporaryFolder folder;
  write_images(folder);
  save_profile(synthetic::plausible_profile(), folder.path("p.json"));
  const auto check = [&](const std::string& how) {
    check_document(printed(folder, "compress zoo:mlp -o m.onnx " + how), "compression");
    const Finished csv = run_tool(folder, "compress zoo:mlp -o m.onnx --csv " + how);
    INFO(how << ": " << csv.output);
    CHECK(csv.exit_code == 0);
    CHECK(std::count(csv.output.begin(), csv.output.end(), '\n') > 1);
  };
  check("--prune sparsity=0.5");
  check("--prune-channels flops=0.5 --fake-quantize bits=6");
  check("--quantize int8 --data images --samples 20");
  check(
      "--equalize --quantize int8 --bias-correction --max-accuracy-drop 50 --data images --samples 20 --profile "
      "p.json");
  check("--quantize weights");
  write_file_atomically(folder.path("r.json"), R"({"name": "r", "steps": [{"step": "prune", "sparsity": 0.5}]})");
  check("--recipe r.json --profile p.json --data images");
  check("--target-latency-ms 1000 --fine-tune-epochs 1 --data images --profile p.json");
}

TEST_CASE("a planned service is as its schema says, and so is the plan") {
  const test::TemporaryFolder folder;
  save_profile(synthetic::plausible_profile(), folder.path("p.json"));
  check_document(printed(folder,
                         "plan zoo:mlp --precisions f32 --batches 1 --cores 1 --time-limit 1 --profile p.json "
                         "--rate 200 --slo-p99-ms 60000 -o plan.json"),
                 "service-study");
  CHECK(schema_of("service-plan").errors(nlohmann::json::parse(read_file(folder.path("plan.json")))) ==
        std::vector<std::string>{});
}

TEST_CASE("every command that prints JSON is in the table of schemas, and every schema is there") {
  const test::TemporaryFolder folder;
  const std::string table = read_file(FULCRUM_SCHEMAS "/../json.md");
  std::size_t found = 0;
  std::istringstream lines(run_tool(folder, "--help").output);
  for (std::string line; std::getline(lines, line);) {
    if (!line.starts_with("  ") || line.size() < 3 || !std::islower(static_cast<unsigned char>(line[2]))) continue;
    const std::string command = line.substr(2, line.find(' ', 2) - 2);
    if (command == "fulcrum" || command == "serve") continue;
    INFO(command);
    const std::string help = run_tool(folder, command + " --help").output;
    CHECK(help.find("--json") != std::string::npos);
    CHECK((table.find("| `" + command + "`") != std::string::npos ||
           table.find(", `" + command + "` |") != std::string::npos));
    ++found;
  }
  CHECK(found >= 18);
  for (const auto& entry : std::filesystem::directory_iterator(FULCRUM_SCHEMAS)) {
    INFO(entry.path());
    CHECK(table.find("(schema/" + entry.path().filename().string() + ")") != std::string::npos);
  }
}

TEST_CASE("the recipes of the examples are as their schema says") {
  const test::JsonSchema schema = schema_of("recipe");
  std::size_t found = 0;
  for (const auto& entry : std::filesystem::directory_iterator(FULCRUM_SCHEMAS "/../../examples/recipes")) {
    nlohmann::json recipe = nlohmann::json::parse(read_file(entry.path().string()));
    INFO(entry.path());
    CHECK(schema.errors(recipe) == std::vector<std::string>{});
    recipe["steps"][0]["epoch"] = 3;
    CHECK(schema.errors(recipe).size() == 1);
    ++found;
  }
  CHECK(found > 3);
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
