// What the tool does with input that makes no sense: it ends soon, with one sentence on standard error and a code that
// says so, and leaves nothing behind.

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <limits>
#include <string>
#include <vector>

#include <nlohmann/json.hpp>

#include <fulcrum/cost/profile_file.hpp>
#include <fulcrum/data/npy.hpp>
#include <fulcrum/model/builder.hpp>
#include <fulcrum/onnx/export.hpp>

#include <support/catch.hpp>
#include <support/synthetic_machine.hpp>
#include "refusal.hpp"

using namespace fulcrum;
using test::check_refused;
using test::Finished;
using test::run_limited;
using test::run_tool;

namespace {

/// y = x + 1 of (N, 2).
Model<float> small_model() {
  auto builder = ModelBuilder<float>("m", 1).input({2}, "x");
  const NodeId x = builder.last();
  builder.constant(Tensor<float>({2}, {1.0F, 1.0F}));
  const NodeId one = builder.last();
  return builder.layer(Binary{BinaryKind::add}, {x, one}).build();
}

}  // namespace

TEST_CASE("numbers are read as people write them") {
  const test::TemporaryFolder folder;
  // Eight of base eight, or ten.
  const Finished ten = run_tool(folder, "info zoo:mlp --batch 010 --json");
  REQUIRE(ten.exit_code == 0);
  CHECK(nlohmann::json::parse(ten.output)["model"]["batch"] == 10);
  check_refused(folder, "train zoo:mlp --data none -o y.onnx --seed -1",
                "--seed: '-1' is no whole number of 0 or more");
  check_refused(folder, "train zoo:mlp --data none -o y.onnx --seed 18446744073709551616", "is too large");
  check_refused(folder, "train zoo:mlp --data none -o y.onnx --seed 18446744073709551615", "none");
}

TEST_CASE("more threads than a machine can bear are refused before they start") {
  const test::TemporaryFolder folder;
  for (const char* threads : {"100000", "2147483647"}) {
    check_refused(folder, std::string("measure zoo:mlp --threads ") + threads, "threads: is");
    check_refused(folder, std::string("measure zoo:mlp --instances ") + threads, "instances: is");
    check_refused(folder, std::string("explain zoo:mlp --threads ") + threads, "threads: is");
    check_refused(folder, std::string("load zoo:mlp --rate 10 --instances ") + threads, "instances: is");
  }
  check_refused(folder, "measure zoo:mlp --threads 4096 --instances 4096", "threads of all instances: is 16777216");
  check_refused(folder, "measure zoo:mlp --batch 1000000000", "batch: is 1000000000");
}

TEST_CASE("texts that are empty or given twice are refused") {
  const test::TemporaryFolder folder;
  export_onnx(small_model(), folder.path("m.onnx"));
  std::filesystem::create_directory(folder.path("in"));
  std::filesystem::rename(folder.path("m.onnx"), folder.path("in/m.onnx"));
  save_npy(Tensor<float>({1, 2}, {1.0F, 2.0F}), folder.path("in/x.npy"));
  const auto refused = [&](const std::string& arguments, const std::string& words) {
    const Finished finished = run_limited(folder, arguments);
    INFO(arguments << ": " << finished.errors);
    CHECK((finished.exit_code == 1 || finished.exit_code == 2));
    CHECK(std::count(finished.errors.begin(), finished.errors.end(), '\n') == 1);
    CHECK_THAT(finished.errors, ContainsSubstring(words));
    CHECK(folder.files() == test::files_of_run_tool + 1);
  };
  refused("info in/m.onnx --dim N=1 --dim N=2", "names 'N' a second time");
  refused("info in/m.onnx --dim N=1x", "is no NAME=EXTENT");
  refused("info in/m.onnx --dim =1", "is no NAME=EXTENT");
  refused("info in/m.onnx --dim N=99999999999999999999", "is no NAME=EXTENT");
  refused("info in/m.onnx --dim N=1 M=2", "M=2");
  refused("info in/m.onnx --set x=1 --set x=2", "names 'x' a second time");
  refused("info ''", "is empty");
  refused("info in/m.onnx --dim ''", "is empty");
  refused("explain in/m.onnx --precision ''", "is empty");
  refused("explain in/m.onnx --precision=''", "");
  refused("explain in/m.onnx --layer-precision a=f32 --layer-precision a=bf16", "names 'a' a second time");
  refused("explain in/m.onnx --threads 1 --threads 2", "--threads");
  refused("run in/m.onnx --input in/x.npy --output ''", "is empty");
  refused("tradeoff zoo:mlp --data none --batches 1000000000", "--batches: is 1000000000");
  // Options may stand before MODEL.
  CHECK(run_limited(folder, "info --dim N=3 in/m.onnx").exit_code == 0);
  CHECK(run_limited(folder, "explain --threads 1 --precision f32 in/m.onnx").exit_code == 0);
}

TEST_CASE("what is no file is refused as a model, a report, a profile and an array") {
  const test::TemporaryFolder folder;
  REQUIRE(std::system(("mkfifo '" + folder.path("pipe") + "'").c_str()) == 0);
  const auto refused = [&](const std::string& arguments, const std::string& words) {
    const Finished finished = run_limited(folder, arguments);
    INFO(arguments << ": " << finished.errors);
    CHECK(finished.exit_code == 1);
    CHECK(std::count(finished.errors.begin(), finished.errors.end(), '\n') == 1);
    CHECK_THAT(finished.errors, ContainsSubstring(words));
    CHECK(folder.files() == test::files_of_run_tool + 1);
  };
  for (const std::string command :
       {"info ", "measure ", "compare ${}", "predict zoo:mlp --profile ", "run zoo:mlp --output y.npy --input "}) {
    const auto with = [&](const std::string& path) {
      return command == "compare ${}" ? "compare " + path + " " + path : command + path;
    };
    refused(with("/dev/zero"), "/dev/zero: is a device, not a file");
    refused(with("/dev/null"), "/dev/null: is a device, not a file");
    refused(with("pipe"), "pipe: is a pipe that nobody writes to");
    refused(with("."), "is a folder, not a file");
    refused(with("none"), "none: does not exist");
  }
  // A pipe with a writer is as good as a file, however late the writer is.
  const std::string model = folder.path("m.onnx");
  export_onnx(small_model(), model);
  CHECK(test::run_command(folder, "(sleep 2; cat m.onnx) | '" FULCRUM_TOOL "' info /dev/stdin").exit_code == 0);
  CHECK(test::run_command(folder, "cat m.onnx > pipe & '" FULCRUM_TOOL "' info pipe").exit_code == 0);
}

TEST_CASE("a profile with figures of no machine is refused") {
  const test::TemporaryFolder folder;
  const nlohmann::json good = to_json(synthetic::machine());
  const auto refused = [&](const nlohmann::json& bad, const std::string& words) {
    write_file_atomically(folder.path("p.json"), bad.dump());
    const Finished finished = run_limited(folder, "predict zoo:mlp --profile p.json");
    INFO(finished.errors);
    CHECK(finished.exit_code == 1);
    CHECK(std::count(finished.errors.begin(), finished.errors.end(), '\n') == 1);
    CHECK_THAT(finished.errors, ContainsSubstring(words));
  };
  for (const double value : {1e300, 0.0, -1.0}) {
    nlohmann::json bad = good;
    bad["peaks"][0]["flop_per_s"] = value;
    refused(bad, "flop_per_s: must be a number from 1000 to 1e+18");
    bad = good;
    bad["bandwidths"][0]["byte_per_s"] = value;
    refused(bad, "byte_per_s: must be a number from 1000 to 1e+16");
  }
  for (const char* key : {"step_us", "inference_us"}) {
    nlohmann::json bad = good;
    bad["overheads"][0][key] = 1e300;
    refused(bad, std::string(key) + ": must be a number from 0 to 1e+09");
  }
  nlohmann::json bad = good;
  bad["peaks"] = nlohmann::json::array();
  refused(bad, "peaks, bandwidths or overheads are missing");
}

TEST_CASE("arrays that are not what they say are refused, and NaN stays NaN") {
  const test::TemporaryFolder folder;
  export_onnx(small_model(), folder.path("m.onnx"));
  const std::string x = folder.path("x.npy");
  const auto run = [&](const std::string& more = "") {
    return run_limited(folder, "run m.onnx --input x.npy --output y.npy" + more);
  };
  save_npy(Tensor<float>({2, 2}, {1.0F, 2.0F, 3.0F, 4.0F}), x);
  std::ofstream(x, std::ios::app) << "more";
  CHECK(run().exit_code == 1);
  CHECK_THAT(run().errors, ContainsSubstring("x.npy: holds 4 bytes behind its array of shape (2, 2)"));
  save_npy(Tensor<float>({0, 2}), x);
  CHECK_THAT(run().errors, ContainsSubstring("x.npy: holds nothing: (0, 2)"));
  CHECK(!std::filesystem::exists(folder.path("y.npy")));
  const float nan = std::numeric_limits<float>::quiet_NaN();
  save_npy(Tensor<float>({1, 2}, {nan, nan}), x);
  for (const char* executor : {"onednn", "reference"}) {
    const Finished finished = run(std::string(" --executor ") + executor);
    CHECK(finished.exit_code == 0);
    CHECK_THAT(finished.errors, ContainsSubstring("holds 2 of 2 values that are NaN or infinite"));
    const Tensor<float> result = load_npy(folder.path("y.npy"));
    for (const float y : result.flat()) CHECK(std::isnan(y));
  }
  // A network whose functions oneDNN computes without NaN.
  save_npy(Tensor<float>({1, 1, 28, 28}, std::vector<float>(784, nan)), x);
  for (const char* executor : {"onednn", "reference"}) {
    const Finished finished =
        run_limited(folder, std::string("run zoo:mlp --input x.npy --output y.npy --executor ") + executor);
    INFO(finished.errors);
    CHECK(finished.exit_code == 0);
    const Tensor<float> result = load_npy(folder.path("y.npy"));
    for (const float y : result.flat()) CHECK(std::isnan(y));
  }
}

TEST_CASE("names of files may be anything") {
  const test::TemporaryFolder folder;
  const Finished finished =
      run_tool(folder, "compress zoo:mlp --prune sparsity=0.5 --json -o \"$(printf 'a\\377b').onnx\"");
  CHECK(finished.errors.empty());
  REQUIRE(finished.exit_code == 0);
  CHECK(std::filesystem::exists(folder.path("a\377b.onnx")));
  CHECK(nlohmann::json::parse(finished.output)["output"] ==
        "a\xef\xbf\xbd"
        "b.onnx");
}

TEST_CASE("a link that is written to stays a link") {
  const test::TemporaryFolder folder;
  write_file_atomically(folder.path("target.onnx"), "old");
  std::filesystem::create_symlink("target.onnx", folder.path("link.onnx"));
  REQUIRE(run_tool(folder, "compress zoo:mlp --prune sparsity=0.5 -o link.onnx").exit_code == 0);
  CHECK(std::filesystem::is_symlink(folder.path("link.onnx")));
  CHECK(run_tool(folder, "info target.onnx").exit_code == 0);
}

TEST_CASE("a place for the profile that cannot be written is noticed before the calibration") {
  const test::TemporaryFolder folder;
  write_file_atomically(folder.path("file"), "");
  for (const char* command : {"predict zoo:mlp", "calibrate"}) {
    const Finished finished =
        test::run_command(folder, std::string("ulimit -t 5; XDG_CACHE_HOME=file '" FULCRUM_TOOL "' ") + command);
    CHECK(finished.exit_code == 1);
    CHECK_THAT(finished.errors, ContainsSubstring("file/fulcrum") && ContainsSubstring("cannot be created"));
  }
  // The first run says that it calibrates; the limit ends it there.
  const Finished first =
      test::run_command(folder, "XDG_CACHE_HOME=. timeout 2 '" FULCRUM_TOOL "' predict zoo:mlp; true");
  CHECK_THAT(first.errors, ContainsSubstring("this machine has no profile yet: calibrating it once"));
}

TEST_CASE("whatever can be checked is checked before a machine without a profile is calibrated") {
  const test::TemporaryFolder folder;
  export_onnx(small_model(), folder.path("m.onnx"));
  save_npy(Tensor<float>(Shape{0, 2}), folder.path("none.npy"));
  save_npy(Tensor<float>(Shape{2, 2}, 1.0F), folder.path("two.npy"));
  save_npy(Tensor<float>(Shape{3}, 1.0F), folder.path("three.npy"));
  const auto refused = [&](const std::string& arguments, const std::string& words) {
    const Finished finished =
        test::run_command(folder, "ulimit -t 5; XDG_CACHE_HOME=. timeout 60 '" FULCRUM_TOOL "' " + arguments);
    INFO(arguments << ": " << finished.errors);
    CHECK((finished.exit_code == 1 || finished.exit_code == 2));
    CHECK_THAT(finished.errors, ContainsSubstring(words));
    CHECK_THAT(finished.errors, !ContainsSubstring("calibrating"));
  };
  refused("validate none.onnx --store", "none.onnx: does not exist");
  refused("validate m.onnx --arrangements 100000x1", "--arrangements 100000x1");
  refused("plan m.onnx --rate 10 --slo-p99-ms 1 --variants none.onnx", "none.onnx: does not exist");
  refused("plan m.onnx --rate 10 --slo-p99-ms 1 --batches 1,0", "--batches: is 0");
  refused("tradeoff m.onnx --inputs none.npy --metric cosine", "none.npy: holds no sample");
  refused("tradeoff m.onnx --inputs two.npy --targets three.npy --metric top1", "holds 3 for 2 samples");
  refused("evaluate m.onnx --inputs two.npy --targets three.npy --metric top1", "holds 3 for 2 samples");
}

TEST_CASE("results that would take each other's place, or the model's, are refused before anything runs") {
  const test::TemporaryFolder folder;
  const std::string model = folder.path("m.onnx");
  export_onnx(small_model(), model);
  const std::string before = read_file(model);
  save_npy(Tensor<float>(Shape{1, 2}, 1.0F), folder.path("x.npy"));
  for (const char* const arguments : {"samples --data fashion-mnist -o y.npy --labels ./y.npy",
                                      "run m.onnx --input x.npy --output y.npy --output y.npy",
                                      "explain m.onnx --html m.onnx", "load m.onnx --rate 10 --report ./m.onnx",
                                      "plan m.onnx --rate 10 --slo-p99-ms 1 -o plan.json --report plan.json",
                                      "tradeoff m.onnx --inputs x.npy --metric cosine --report m.onnx"}) {
    const Finished finished = run_limited(folder, arguments);
    INFO(arguments << ": " << finished.errors);
    CHECK(finished.exit_code == 1);
    CHECK_THAT(finished.errors, ContainsSubstring("as well; give another one"));
    CHECK(read_file(model) == before);
    CHECK(folder.files() == test::files_of_run_tool + 2);
  }
}

TEST_CASE("what is wrong in a document is told with the document's name") {
  const test::TemporaryFolder folder;
  write_file_atomically(folder.path("d.json"), R"({"model": 3})");
  CHECK_THAT(run_limited(folder, "tradeoff --study d.json").errors, ContainsSubstring("d.json: model: must be text"));
  CHECK_THAT(run_limited(folder, "validate --from d.json").errors, ContainsSubstring("d.json: created_utc: must be"));
}

TEST_CASE("a trace with times that are none is refused before anything runs") {
  const test::TemporaryFolder folder;
  std::filesystem::create_directory(folder.path("in"));
  const auto refused = [&](const std::string& text, const std::string& words) {
    write_file_atomically(folder.path("in/t.csv"), text);
    for (const char* command : {"load none.onnx", "plan none.onnx --rate max --slo-p99-ms 5"}) {
      const Finished finished = run_limited(folder, std::string(command) + " --trace in/t.csv");
      INFO(command << " of " << text << ": " << finished.errors);
      CHECK(finished.exit_code == 1);
      CHECK(std::count(finished.errors.begin(), finished.errors.end(), '\n') == 1);
      CHECK_THAT(finished.errors, ContainsSubstring("in/t.csv: " + words));
    }
  };
  refused("", "holds no arrivals");
  refused("time_s\n", "holds no arrivals");
  refused("0\n1e300\n", "is 1e+300 s long with its line 2");
  refused("1700000000000\n1800000000000\n", "is 1e+11 s long");  // milliseconds
  refused("nan\n1\n", "has no finite time in its line 1");
  refused("0\n1\nnan\n", "has no finite time in its line 3");
  refused("0\n-inf\n", "has no finite time in its line 2");
  refused("3\n1\n2\n", "goes back in time in its line 2");
  refused("0\nsoon\n", "has no time in its line 2");
  // All at one moment is a load, but says nothing of a rate.
  write_file_atomically(folder.path("in/t.csv"), "7\n7\n");
  for (const char* arguments :
       {"load none.onnx --rate 5 --trace in/t.csv", "plan none.onnx --rate max --slo-p99-ms 5 --trace in/t.csv",
        "plan none.onnx --rate 5 --slo-p99-ms 5 --trace in/t.csv"})
    CHECK_THAT(run_limited(folder, arguments).errors, ContainsSubstring("has no rate"));
}
