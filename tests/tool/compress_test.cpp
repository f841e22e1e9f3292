#include <algorithm>
#include <string>

#include <nlohmann/json.hpp>

#include <fulcrum/analysis/weighted_layers.hpp>
#include <fulcrum/core/file.hpp>
#include <fulcrum/cost/profile_file.hpp>
#include <fulcrum/data/npy.hpp>
#include <fulcrum/model/builder.hpp>
#include <fulcrum/onnx/export.hpp>
#include <fulcrum/onnx/import.hpp>

#include <plan/small_study.hpp>
#include <support/catch.hpp>
#include <support/data.hpp>
#include "program.hpp"

using namespace fulcrum;
using test::Finished;
using test::run_tool;

namespace {

void write_model(const test::TemporaryFolder& folder) {
  ModelBuilder<float> b("net", 3);
  b.input({3, 8, 8}).conv(32, 3, {.padding = 1}).batch_normalization().relu();
  const NodeId shortcut = b.last();
  b.conv(64, 1).relu().conv(32, 3, {.padding = 1}).add(shortcut).relu().global_average_pool().flatten().dense(10);
  export_onnx(std::move(b).build(), folder.path("model.onnx"));
}

}  // namespace

TEST_CASE("compress takes channels out until a share of the FLOPs is left, and writes a smaller plain model") {
  const test::TemporaryFolder folder;
  write_model(folder);
  for (const char* how : {"", " --saliency l1 --channel-scope global", " --saliency bn"}) {
    INFO(how);
    const Finished finished =
        run_tool(folder, "compress model.onnx -o narrow.onnx --json --prune-channels flops=0.5" + std::string(how));
    REQUIRE(finished.exit_code == 0);
    const auto report = nlohmann::json::parse(finished.output).at("passes").at("prune_channels");
    CHECK(report.at("reached") == true);
    const Model<float> narrow = import_onnx(folder.path("narrow.onnx"));
    CHECK(total_work(narrow, 1).flops <= 0.5 * total_work(import_onnx(folder.path("model.onnx")), 1).flops);
    CHECK(parameter_count(narrow) < parameter_count(import_onnx(folder.path("model.onnx"))));
  }
  const Finished text = run_tool(folder, "compress model.onnx -o narrow.onnx --prune-channels flops=0.5");
  CHECK(text.output.find("FLOPs ") != std::string::npos);
}

TEST_CASE("compress equalizes layers, and writes a model that computes the same") {
  const test::TemporaryFolder folder;
  write_model(folder);
  save_npy(test::random_tensor<float>({2, 3, 8, 8}, 5), folder.path("x.npy"));
  const Finished finished = run_tool(folder, "compress model.onnx -o equal.onnx --json --equalize");
  REQUIRE(finished.exit_code == 0);
  const auto report = nlohmann::json::parse(finished.output).at("passes").at("equalize");
  CHECK(report.at("converged") == true);
  CHECK(report.at("layers").size() == 2);  // the sum ties the first and the third
  for (const char* name : {"model", "equal"}) {
    const std::string arguments = std::string("run ") + name + ".onnx --input x.npy --output " + name + ".npy";
    REQUIRE(run_tool(folder, arguments).exit_code == 0);
  }
  const Tensor<float> before = load_npy(folder.path("model.npy"));
  const Tensor<float> after = load_npy(folder.path("equal.npy"));
  for (std::size_t i = 0; i < before.flat().size(); ++i)
    CHECK(after.flat()[i] == Approx(before.flat()[i]).margin(1e-4));
  CHECK(
      run_tool(folder, "compress model.onnx -o int8.onnx --equalize --quantize int8 --per-tensor --calibrate-on x.npy")
          .exit_code == 0);
}

TEST_CASE("compress corrects biases and says by how much") {
  const test::TemporaryFolder folder;
  write_model(folder);
  save_npy(test::random_tensor<float>({8, 3, 8, 8}, 5), folder.path("x.npy"));
  const Finished finished = run_tool(folder,
                                     "compress model.onnx -o int8.onnx --json --quantize int8 --weight-bits 4 "
                                     "--bias-correction --calibrate-on x.npy");
  REQUIRE(finished.exit_code == 0);
  const auto layers = nlohmann::json::parse(finished.output).at("passes").at("quantize").at("layers");
  REQUIRE(layers.size() == 4);
  for (const auto& layer : layers) CHECK(layer.at("bias_shift") > 0.0);
}

TEST_CASE("compress leaves layers in float until the outputs are close enough, and writes them outside of QDQ") {
  const test::TemporaryFolder folder;
  write_model(folder);
  save_npy(test::random_tensor<float>({8, 3, 8, 8}, 5), folder.path("x.npy"));
  save_profile(synthetic::plausible_profile(), folder.path("p.json"));
  const auto compressed = [&](const std::string& limit) {
    const Finished finished = run_tool(folder,
                                       "compress model.onnx -o mixed.onnx --json --quantize int8 --weight-bits 4 "
                                       "--profile p.json --calibrate-on x.npy --min-sqnr-db " +
                                           limit);
    INFO(finished.errors);
    REQUIRE(finished.exit_code == 0);
    return nlohmann::json::parse(finished.output).at("passes").at("mixed_precision");
  };
  const double all = compressed("-10").at("int8_score");
  const auto report = compressed(std::to_string(all + 3.0));
  CHECK(report.at("met") == true);
  CHECK(report.at("score") >= all + 3.0);
  std::size_t in_float = 0;
  const Model<float> mixed = import_onnx(folder.path("mixed.onnx"));
  for (const auto& layer : report.at("layers")) in_float += layer.at("in_float") == true ? 1 : 0;
  CHECK(in_float > 0);
  std::size_t without = 0, with = 0;
  for (const Node<float>& node : mixed.nodes()) {
    const Parameter<float>* weights = detail::weights_of(node.layer);
    if (weights != nullptr) ++(weights->quantization ? with : without);
  }
  CHECK(without == in_float);
  CHECK(with + without == 4);
  CHECK(run_tool(folder,
                 "compress model.onnx -o m.onnx --quantize int8 --calibrate-on x.npy --min-sqnr-db 1 "
                 "--max-accuracy-drop 1")
            .exit_code != 0);
}

TEST_CASE("compress says what is wrong with a target for channels") {
  const test::TemporaryFolder folder;
  write_model(folder);
  const auto errors = [&](const std::string& how) {
    const Finished finished = run_tool(folder, "compress model.onnx -o narrow.onnx " + how);
    CHECK(finished.exit_code == 1);
    return finished.errors;
  };
  CHECK_THAT(errors("--prune-channels half"), ContainsSubstring("give flops=SHARE or latency-ms=X"));
  CHECK_THAT(errors("--prune-channels flops=1.5"), ContainsSubstring("leaves all FLOPs"));
  CHECK_THAT(errors("--prune-channels flops=x"), ContainsSubstring("has no number above 0"));
  CHECK_THAT(errors("--prune-channels flops=0.5 --saliency taylor"), ContainsSubstring("give --data"));
  CHECK_THAT(errors("--prune-channels flops=0.5 --keep-channels nowhere"), ContainsSubstring("nowhere"));
}

TEST_CASE("compress packs the weights of dense layers, whose file is as small as they are") {
  const test::TemporaryFolder folder;
  export_onnx(ModelBuilder<float>("net", 3).input({512}).dense(512).relu().dense(10).build(),
              folder.path("model.onnx"));
  const Finished finished =
      run_tool(folder, "compress model.onnx -o packed.onnx --json --quantize weights --weight-bits 4 --group 64");
  REQUIRE(finished.exit_code == 0);
  const auto report = nlohmann::json::parse(finished.output).at("passes").at("quantize");
  CHECK(report.at("layers").size() == 2);
  CHECK(6 * read_file(folder.path("packed.onnx")).size() < read_file(folder.path("model.onnx")).size());
  const Model<float> packed = import_onnx(folder.path("packed.onnx"));
  const auto& layer = std::get<MatMulNBits>(packed.node(1).layer);
  CHECK(layer.block == 64);
  CHECK_FALSE(layer.zero_points.empty());
  const auto errors = [&](const std::string& how) {
    const Finished refused = run_tool(folder, "compress model.onnx -o packed.onnx --quantize weights " + how);
    CHECK(refused.exit_code == 1);
    return refused.errors;
  };
  CHECK_THAT(errors("--weight-bits 5"), ContainsSubstring("give 4 or 8"));
  CHECK_THAT(errors("--group 20"), ContainsSubstring("power of two"));
  CHECK_THAT(errors("--data fashion-mnist"), ContainsSubstring("takes no samples"));
}

TEST_CASE("compress does the steps of a recipe, and refuses a wrong order with the reason") {
  const test::TemporaryFolder folder;
  write_model(folder);
  write_file_atomically(folder.path("recipe.json"),
                        R"({"name": "r", "steps": [{"step": "prune_channels", "flops": 0.6},
                                                   {"step": "prune", "sparsity": 0.5}]})");
  write_file_atomically(folder.path("wrong.json"),
                        R"({"name": "r", "steps": [{"step": "quantize"}, {"step": "prune", "sparsity": 0.5}]})");
  const Finished wrong = run_tool(folder, "compress model.onnx -o small.onnx --recipe wrong.json");
  CHECK(wrong.exit_code == 1);
  CHECK_THAT(wrong.errors, ContainsSubstring("step 2 (prune)") && ContainsSubstring("put it before quantize"));
  const Finished both = run_tool(folder, "compress model.onnx -o small.onnx --recipe recipe.json --prune sparsity=0.5");
  CHECK(both.exit_code == 1);
  CHECK_THAT(both.errors, ContainsSubstring("stands beside"));
  const Finished no_data = run_tool(folder, "compress model.onnx -o small.onnx --target-latency-ms 1");
  CHECK(no_data.exit_code == 1);
  CHECK_THAT(no_data.errors, ContainsSubstring("give --data"));
}

TEST_CASE("sensitivity runs on samples of any model") {
  const test::TemporaryFolder folder;
  write_model(folder);
  save_npy(test::random_tensor<float>({3, 3, 8, 8}, 1), folder.path("x.npy"));
  const Finished csv = run_tool(folder, "sensitivity model.onnx --input x.npy --sparsity 0.5 --bits 4 --csv");
  REQUIRE(csv.exit_code == 0);
  CHECK(std::count(csv.output.begin(), csv.output.end(), '\n') == 1 + 2 * 4);
  CHECK_THAT(run_tool(folder, "sensitivity model.onnx").errors, ContainsSubstring("needs samples to run"));
}
