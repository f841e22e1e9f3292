#include <string>

#include <nlohmann/json.hpp>

#include <fulcrum/data/npy.hpp>
#include <fulcrum/exec/reference.hpp>
#include <fulcrum/exec/streaming_executor.hpp>
#include <fulcrum/model/builder.hpp>
#include <fulcrum/onnx/export.hpp>

#include <support/catch.hpp>
#include <support/data.hpp>
#include <support/streaming_model.hpp>
#include <support/tolerance.hpp>
#include "program.hpp"

using namespace fulcrum;
using test::Finished;
using test::run_tool;

namespace {

/// y = x + 1 of (N, 2), and its file model.onnx.
void write_model(const test::TemporaryFolder& folder, ElementType element = ElementType::f32) {
  auto builder = ModelBuilder<float>("m", 1).input({2}, "x", element);
  const NodeId x = builder.last();
  builder.constant(Tensor<float>({2}, {1.0F, 1.0F}), element);
  const NodeId one = builder.last();
  export_onnx(builder.layer(Binary{BinaryKind::add}, {x, one}).build(), folder.path("model.onnx"));
}

}  // namespace

TEST_CASE("options of run stand before the model as well as after it") {
  const test::TemporaryFolder folder;
  write_model(folder);
  save_npy(Tensor<float>({1, 2}, {1.0F, 2.0F}), folder.path("x.npy"));
  for (const char* arguments : {"run --input x.npy --output y.npy model.onnx --threads 1",
                                "run model.onnx --input x.npy --output y.npy --threads 1",
                                "run --threads 1 --output y.npy --input x.npy model.onnx"}) {
    INFO(arguments);
    const Finished finished = run_tool(folder, arguments);
    CHECK(finished.errors == "");
    REQUIRE(finished.exit_code == 0);
    CHECK(load_npy(folder.path("y.npy")) == Tensor<float>({1, 2}, {2.0F, 3.0F}));
  }
  const Finished twice = run_tool(folder, "info --dim a=1 --dim b=2 model.onnx");
  CHECK(twice.exit_code == 1);
  CHECK(twice.errors.find("dimension 'a' is not one of the model's") != std::string::npos);
}

TEST_CASE("an input that is set is none any more") {
  const test::TemporaryFolder folder;
  auto builder = ModelBuilder<float>("m", 1).input({2}, "x").input({2}, "shift");
  export_onnx(builder.layer(Binary{BinaryKind::add}, {0, 1}).build(), folder.path("model.onnx"));
  save_npy(Tensor<float>({1, 2}, {1.0F, 2.0F}), folder.path("x.npy"));
  const std::string files = " --dim N=1 --input x.npy --output y.npy model.onnx";
  REQUIRE(run_tool(folder, "run --set shift=5" + files).exit_code == 0);
  CHECK(load_npy(folder.path("y.npy")) == Tensor<float>({1, 2}, {6.0F, 7.0F}));
  CHECK(run_tool(folder, "run" + files).exit_code == 1);
  const Finished wrong = run_tool(folder, "run --set shift" + files);
  CHECK(wrong.exit_code == 1);
  CHECK(wrong.errors.find("is no NAME=VALUE") != std::string::npos);
}

TEST_CASE("inputs of other types are converted, with a remark where that loses something") {
  const test::TemporaryFolder folder;
  const auto run = [&] { return run_tool(folder, "run --input x.npy --output y.npy model.onnx"); };
  write_model(folder);
  for (const ElementType element : {ElementType::f64, ElementType::s64, ElementType::boolean}) {
    save_npy(Tensor<float>({1, 2}, {0.0F, 1.0F}), folder.path("x.npy"), element);
    const Finished finished = run();
    CHECK(finished.exit_code == 0);
    CHECK(finished.errors == "");
    CHECK(load_npy(folder.path("y.npy")) == Tensor<float>({1, 2}, {1.0F, 2.0F}));
  }
  write_model(folder, ElementType::s32);
  save_npy(Tensor<float>({1, 2}, {1.5F, 2.0F}), folder.path("x.npy"));
  const Finished finished = run();
  CHECK(finished.exit_code == 0);
  CHECK(finished.errors.find("f32 for input 'x' of s32") != std::string::npos);
  CHECK(load_npy(folder.path("y.npy")) == Tensor<float>({1, 2}, {2.0F, 3.0F}));
}

TEST_CASE("a sequence runs step by step with its states kept") {
  const test::TemporaryFolder folder;
  const Model<float> model = test::streaming_model();
  export_onnx(model, folder.path("model.onnx"));
  const Tensor<float> x = test::random_tensor<float>({7, 2, 24}, 1);
  save_npy(x, folder.path("x.npy"));
  StreamingExecutor reference(ReferenceExecutor<float>(model, {.batch = 2}), model,
                              {{"h", "hn"}, {"c", "cn"}, {"tail", "new_tail"}});
  Tensor<float> expected({7, 2, 3});
  for (std::ptrdiff_t step = 0; step < 7; ++step) {
    const float* from = x.flat().data() + step * 48;
    float* to = expected.flat().data() + step * 6;
    reference.execute({&from, 1}, {&to, 1});
  }
  const std::string states = " --state h=hn --state c=cn --state tail=new_tail";
  for (const std::string executor : {"onednn", "reference"}) {
    const Finished finished =
        run_tool(folder, "run model.onnx --input x.npy --output y.npy --executor " + executor + states);
    CHECK(finished.errors == "");
    REQUIRE(finished.exit_code == 0);
    CHECK(test::relative_difference(load_npy(folder.path("y.npy")), expected) <=
          test::relative_tolerance(Precision::f32));
  }
  for (const std::string command : {"measure", "explain"}) {
    const std::string quick = command == "measure" ? " --seconds 0.01" : "";
    CHECK(run_tool(folder, command + " model.onnx" + quick + states).exit_code == 0);
    const Finished finished = run_tool(folder, command + " model.onnx --state hidden=hn" + quick);
    CHECK(finished.exit_code == 1);
    CHECK_THAT(finished.errors, ContainsSubstring("'hidden' is not one of the model's"));
  }
  const auto errors = [&](const std::string& arguments) {
    const Finished finished = run_tool(folder, "run model.onnx --output y.npy " + arguments);
    CHECK(finished.exit_code == 1);
    return finished.errors;
  };
  CHECK_THAT(errors("--input x.npy --outputs none"), ContainsSubstring("computes no value 'none'"));
  CHECK_THAT(errors("--input x.npy --state h"), ContainsSubstring("--state h: is no IN=OUT"));
  CHECK_THAT(errors("--input x.npy --state hidden=hn"), ContainsSubstring("'hidden' is not one of the model's"));
  CHECK_THAT(errors("--input x.npy --state h=y --state c=cn --state tail=new_tail"),
             ContainsSubstring("joins an output"));
  CHECK_THAT(errors("--input x.npy --output z.npy" + states),
             ContainsSubstring("names 2 files for a model with 1 result"));
  save_npy(test::random_tensor<float>({7, 2, 23}, 1), folder.path("x.npy"));
  CHECK_THAT(errors("--input x.npy" + states),
             ContainsSubstring("holds (2, 23) in each step but input 'x' takes (2, 24)"));
}

TEST_CASE("a model is scored on samples of the user's own, by a name or a command") {
  const test::TemporaryFolder folder;
  write_model(folder);
  save_npy(Tensor<float>({3, 2}, {0.0F, 1.0F, 3.0F, 2.0F, 5.0F, 6.0F}), folder.path("x.npy"));
  save_npy(Tensor<float>({3}, {1.0F, 0.0F, 0.0F}), folder.path("classes.npy"));
  save_npy(Tensor<float>({3, 2}, {1.0F, 2.0F, 4.0F, 3.0F, 6.0F, 10.0F}), folder.path("y.npy"));
  const auto score = [&](const std::string& arguments) {
    const Finished finished = run_tool(folder, "evaluate model.onnx --inputs x.npy --batch 2 --json " + arguments);
    INFO(finished.errors);
    REQUIRE(finished.exit_code == 0);
    const nlohmann::json j = nlohmann::json::parse(finished.output);
    CHECK(j["samples"] == 3);
    return j["score"].get<double>();
  };
  CHECK(score("--targets classes.npy --metric top1") == Approx(2.0 / 3.0));
  CHECK(score("--targets y.npy --metric mse") == Approx(9.0 / 6.0));
  CHECK(score("--metric cosine") == Approx(1.0));
  CHECK(score("--metric-command 'echo 42; true'") == 42.0);
  const auto refused = [&](const std::string& arguments, const std::string& words) {
    const Finished finished = run_tool(folder, "evaluate model.onnx " + arguments);
    INFO(arguments);
    CHECK((finished.exit_code == 1 || finished.exit_code == 2));
    CHECK_THAT(finished.errors, ContainsSubstring(words));
  };
  refused("--inputs x.npy", "needs one score");
  refused("--inputs x.npy --metric mse", "needs targets");
  refused("--inputs x.npy --data none --metric mse", "--data and --inputs");
  refused("--data none --metric top1", "is for samples of your own");
  refused("", "nothing to evaluate on");
  refused("--inputs x.npy --metric bleu", "bleu");
  refused("--inputs x.npy --metric-command false", "did not end with 0");
  refused("--inputs x.npy --metric-command 'echo nothing; true'", "printed no number");
}
