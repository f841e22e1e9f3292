// Options that would change nothing are refused in one sentence, before anything is loaded: no file that these commands
// name is there.

#include <algorithm>
#include <string>

#include <support/catch.hpp>
#include "refusal.hpp"

using namespace fulcrum;
using test::Finished;
using test::run_tool;

namespace {

struct IdleOption {
  const char* arguments;
  const char* option;  ///< the one that the sentence names
};

constexpr IdleOption idle_options[] = {
    {"compress none.onnx -o o.onnx --prune sparsity=0.5 --percentile 99", "--percentile"},
    {"compress none.onnx -o o.onnx --quantize int8 --data none --percentile 99", "--percentile"},
    {"compress none.onnx -o o.onnx --prune sparsity=0.5 --calibrate mse", "--calibrate"},
    {"compress none.onnx -o o.onnx --quantize dynamic --calibrate mse", "--calibrate"},
    {"compress none.onnx -o o.onnx --prune sparsity=0.5 --samples 9", "--samples"},
    {"compress none.onnx -o o.onnx --quantize int8 --calibrate-on none.npy --samples 9", "--samples"},
    {"compress none.onnx -o o.onnx --prune threshold=0.1 --scope layer", "--scope"},
    {"compress none.onnx -o o.onnx --prune threshold=0.1 --weight-bits 4", "--weight-bits"},
    {"compress none.onnx -o o.onnx --quantize dynamic --group 64", "--group"},
    {"compress none.onnx -o o.onnx --quantize dynamic --symmetric", "--symmetric"},
    {"compress none.onnx -o o.onnx --prune threshold=0.1 --per-tensor", "--per-tensor"},
    {"compress none.onnx -o o.onnx --prune threshold=0.1 --fit-16-bits", "--fit-16-bits"},
    {"compress none.onnx -o o.onnx --quantize dynamic --bias-correction", "--bias-correction"},
    {"compress none.onnx -o o.onnx --prune threshold=0.1 --relu6-as-relu", "--relu6-as-relu"},
    {"compress none.onnx -o o.onnx --prune threshold=0.1 --saliency l1", "--saliency"},
    {"compress none.onnx -o o.onnx --prune-channels flops=0.5 --batch 8", "--batch"},
    {"compress none.onnx -o o.onnx --prune-channels flops=0.5 --data none", "--data"},
    {"compress none.onnx -o o.onnx --prune-channels flops=0.5 --profile none", "--profile"},
    {"compress none.onnx -o o.onnx --recipe none.json --max-accuracy-drop 1", "--max-accuracy-drop"},
    {"compress none.onnx -o o.onnx --quantize int8 --calibrate-on none.npy --max-accuracy-drop 1",
     "--max-accuracy-drop"},
    {"compress none.onnx -o o.onnx --quantize dynamic --min-sqnr-db 20", "--min-sqnr-db"},
    {"measure none.onnx --fail-above 3%", "--fail-above"},
    {"measure none.onnx --timings 10", "--timings"},
    {"measure none.onnx --rounds 9", "--rounds"},
    {"load none.onnx --rate 5 --connections 3", "--connections"},
    {"load none.onnx --rate 5 --profile none.json", "--profile"},
    {"load none.onnx --rate 5 --samples 3", "--samples"},
    {"load none.onnx --rate 5 --percentile 0.9", "--percentile"},
    {"load none.onnx --rate 5 --max-delay-ms 2", "--max-delay-ms"},
    {"load none.onnx --scenario single --rate 5", "--rate"},
    {"load http://127.0.0.1:1/v2/models/m --rate 5 --threads 2", "--threads"},
    {"load http://127.0.0.1:1/v2/models/m --rate 5 --dim N=2", "--dim"},
    {"load http://127.0.0.1:1/v2/models/m --rate 5 --sparse always", "--sparse"},
    {"load --config none.json --winograd never", "--winograd"},
    {"sensitivity none.onnx --input none.npy --samples 5", "--samples"},
    {"load none.onnx --rate 5 --variation 3", "--variation"},
    {"load none.onnx --rate 5 --arrivals gamma --burst-share 0.2", "--burst-share"},
    {"load none.onnx --arrivals poisson --trace none.csv", "--trace"},
    {"load none.onnx --scenario single --burst-length 2", "--burst-length"},
    {"plan none.onnx --rate 5 --slo-p99-ms 1 --variation 3", "--variation"},
    {"plan none.onnx --rate 5 --slo-p99-ms 1 --burst-factor 3", "--burst-factor"},
    {"plan none.onnx --rate 5 --slo-p99-ms 1 --max-accuracy-drop 1", "--max-accuracy-drop"},
    {"compress none.onnx -o o.onnx --prune sparsity=0.5 --fine-tune-epochs 3", "--fine-tune-epochs"},
    {"compress none.onnx -o o.onnx --prune sparsity=0.5 --seed 3", "--seed"},
    {"validate --from none.json --rounds 3", "--rounds"},
    {"calibrate -o none.json --batches 4", "--batches"},
    {"calibrate -o none.json --seconds 5 --thorough", "--thorough"},
    {"calibrate -o none.json --data-sheet sheet.json --for none.onnx", "--for"},
    {"calibrate -o none.json --data-sheet sheet.json --seconds 5", "--seconds"},
    {"calibrate -o none.json --data-sheet sheet.json --thorough", "--thorough"},
    {"calibrate -o none.json --data-sheet sheet.json --restart", "--restart"},
    {"calibrate --data-sheet sheet.json", "--data-sheet"},
    {"tradeoff none.onnx --data none --precisions f32 --calibrate mse", "--calibrate"},
    {"tradeoff none.onnx --data none --precisions f32 --weight-bits 4", "--weight-bits"},
    {"tradeoff none.onnx --data none --sparsities 0 --scopes layer", "--scopes"},
    {"tradeoff none.onnx --data none --metric top1", "--metric"},
    {"tradeoff none.onnx --data none --calibration-inputs none.npy", "--calibration-inputs"},
    {"tradeoff none.onnx --inputs none.npy --metric cosine --metric-command true", "tradeoff"},
};

}  // namespace

TEST_CASE("options that would change nothing are refused before anything is loaded") {
  const test::TemporaryFolder folder;
  for (const IdleOption& idle : idle_options) {
    INFO(idle.arguments);
    const Finished finished = run_tool(folder, idle.arguments);
    INFO(finished.errors);
    CHECK((finished.exit_code == 1 || finished.exit_code == 2));
    CHECK(finished.output.empty());
    CHECK(std::count(finished.errors.begin(), finished.errors.end(), '\n') == 1);
    CHECK_THAT(finished.errors, ContainsSubstring(idle.option));
    CHECK(finished.errors.find("none.onnx") == std::string::npos);  // which it did not come to look for
    CHECK(folder.files() == test::files_of_run_tool);
  }
}

TEST_CASE("of options that belong together none comes alone, and files are looked at before anything listens") {
  const test::TemporaryFolder folder;
  const auto refused = [&](const std::string& arguments, const std::string& words) {
    test::check_refused(folder, arguments, words);
  };
  refused("serve --models . --tls-cert none.pem", "--tls-key");
  refused("serve --models . --tls-key none.pem", "--tls-cert");
  for (const std::string workers : {"", " --workers 2"}) {
    const std::string serve = "serve --models . --port 8080" + workers;
    refused(serve + " --tls-cert none.pem --tls-key none.key", "none.pem: does not exist");
    refused(serve + " --tokens none.json", "none.json: does not exist");
    refused(serve + " --model-key none.pub", "none.pub: does not exist");
    refused(serve + " --config none.json", "none.json: does not exist");
    refused("serve --models none" + workers, "--models none: is no folder");
  }
  refused("serve --models . --port 0 --workers 2", "--port: is 0, but workers share a port");
  refused("evaluate none.onnx --inputs none.npy --targets none.npy", "needs one score");
  refused("evaluate none.onnx --inputs none.npy --metric top1", "needs targets");
  refused("evaluate none.onnx --data none --targets none.npy", "is for samples of your own");
  refused("tradeoff none.onnx --inputs none.npy --metric cosine --targets none.npy --metric-command true", "score");
  refused("run none.onnx --input none.npy --output y.npy --state h", "none.npy: does not exist");
  refused("load --rate 5", "MODEL: is missing");
}

TEST_CASE("the grid's axes, the study's file and what is kept are checked before anything is loaded") {
  const test::TemporaryFolder folder;
  const auto refuses = [&](const std::string& arguments, const std::string& words) {
    INFO(arguments);
    const Finished finished = run_tool(folder, "tradeoff " + arguments);
    INFO(finished.errors);
    CHECK((finished.exit_code == 1 || finished.exit_code == 2));
    CHECK_THAT(finished.errors, ContainsSubstring(words));
    CHECK(std::count(finished.errors.begin(), finished.errors.end(), '\n') == 1);
  };
  for (const char* axis : {"--threads", "--instances", "--rounds", "--seconds-per-round", "--measure-at-most",
                           "--weight-bits", "--batches", "--scopes", "--precisions"}) {
    for (const char* value : {"0", "-1", "nan", "x", "1e300", "\"\""})
      refuses("none.onnx --data none " + std::string(axis) + " " + value, "");
  }
  refuses("none.onnx --data none --threads 4096 --instances 4096", "fit");
  refuses("--data none", "MODEL");
  refuses("none.onnx", "give --data");
  refuses("none.onnx --data none --recipes none.json", "none.json");
  refuses("--study none.json", "none.json");
  write_file_atomically(folder.path("study.json"), R"({"model": "none.onnx", "data": "none", "batchs": [1]})");
  refuses("--study study.json", "batchs");
  write_file_atomically(folder.path("study.json"), R"({"model": "none.onnx", "data": "none", "rounds": 0})");
  refuses("--study study.json", "rounds");
  write_file_atomically(folder.path("study.json"), R"({"model": "none.onnx", "data": "none"})");
  refuses("--study study.json", "none.onnx");
}

TEST_CASE("every table is comma-separated values with units in the names of its columns") {
  const test::TemporaryFolder folder;
  const auto lines = [&](const std::string& arguments, const std::string& columns) {
    INFO(arguments);
    const Finished finished = run_tool(folder, arguments + " --csv");
    INFO(finished.errors);
    REQUIRE(finished.exit_code == 0);
    CHECK_THAT(finished.output.substr(0, finished.output.find('\n')), ContainsSubstring(columns));
    const auto commas = [&](std::size_t from) {
      const std::string line = finished.output.substr(from, finished.output.find('\n', from) - from);
      return std::count(line.begin(), line.end(), ',');
    };
    const std::size_t second = finished.output.find('\n') + 1;
    REQUIRE(second < finished.output.size());
    CHECK(commas(second) >= commas(0));  // quoted commas come on top
    return std::count(finished.output.begin(), finished.output.end(), '\n');
  };
  CHECK(lines("measure zoo:mlp --seconds 0.1", "p50_ms,") > 2);
  CHECK(lines("explain zoo:mlp", "flop,bytes") > 2);
  CHECK(lines("info zoo:mlp", "layer,kind") > 2);
  CHECK(lines("zoo", "size_mb") > 10);
  CHECK(lines("load zoo:mlp --rate 100 --duration 200ms --warm-up 10ms", "offered_per_s") == 2);
  const Finished json = run_tool(folder, "measure zoo:mlp --seconds 0.1 --json --timings 7 > a.json");
  REQUIRE(json.exit_code == 0);
  CHECK_THAT(read_file(folder.path("a.json")), ContainsSubstring("\"timings_ms\":["));
  const Finished both = run_tool(folder, "zoo --json --csv");
  CHECK(both.exit_code == 2);
}
