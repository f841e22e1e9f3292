#include <fulcrum/report/recipe_json.hpp>

#include <filesystem>
#include <variant>

#include <nlohmann/json.hpp>

#include <fulcrum/model/builder.hpp>

#include <support/catch.hpp>

using namespace fulcrum;

TEST_CASE("a recipe is read from JSON, what is absent being the default") {
  const auto document = nlohmann::json::parse(R"({"name": "r", "seed": 4, "steps": [
    {"step": "prune_channels", "flops": 0.4, "saliency": "taylor", "scope": "global", "multiple": 8, "keep": ["conv1"]},
    {"step": "low_rank", "energy": 0.8},
    {"step": "prune", "sparsity": 0.9},
    {"step": "equalize", "relu6_as_relu": true, "skip": ["conv2"]},
    {"step": "train", "epochs": 2, "teacher": "t.onnx", "round": {"bits": 3, "per_channel": false}},
    {"step": "quantize", "method": "mse", "weight_bits": 4, "per_tensor": true, "bias_correction": true,
     "max_accuracy_drop": 0.5}]})");
  const Recipe recipe = recipe_from_json(document);
  CHECK(recipe.name() == "r");
  CHECK(recipe.seed() == 4);
  REQUIRE(recipe.steps().size() == 6);
  const auto& channels = std::get<PruneChannelsStep>(recipe.steps()[0]).options;
  CHECK(channels.flops == 0.4);
  CHECK(channels.saliency == ChannelSaliency::taylor);
  CHECK(channels.scope == PruneScope::global);
  CHECK(channels.multiple == 8);
  CHECK(channels.skip == std::vector<std::string>{"conv1"});
  CHECK(std::get<LowRankStep>(recipe.steps()[1]).options.energy == 0.8);
  CHECK(std::get<PruneStep>(recipe.steps()[2]).options.sparsity == 0.9);
  const auto& train = std::get<TrainStep>(recipe.steps()[4]);
  CHECK(train.epochs == 2);
  CHECK(train.teacher == "t.onnx");
  CHECK(train.round.value().bits == 3);
  CHECK_FALSE(train.round.value().per_channel);
  CHECK_FALSE(train.prune);
  const auto& equalize = std::get<EqualizeStep>(recipe.steps()[3]).options;
  CHECK(equalize.clips_as_relu);
  CHECK(equalize.skip == std::vector<std::string>{"conv2"});
  const auto& quantize = std::get<QuantizeStep>(recipe.steps()[5]).options;
  CHECK(quantize.method == CalibrationMethod::mse);
  CHECK(quantize.weight_bits == 4);
  CHECK(quantize.per_tensor);
  CHECK(quantize.bias_correction);
  CHECK(std::get<QuantizeStep>(recipe.steps()[5]).max_accuracy_drop == 0.005);
}

TEST_CASE("a training prunes to a sparsity of each layer, or of all together") {
  const auto train = [](const char* prune) {
    const auto document =
        nlohmann::json::parse(R"({"steps": [{"step": "train", "prune": )" + std::string(prune) + "}]}");
    return std::get<TrainStep>(recipe_from_json(document).steps()[0]);
  };
  CHECK(train(R"({"sparsity": 0.8, "end": 0.7})").prune.value().sparsity == 0.8);
  CHECK(train(R"({"sparsity": 0.8, "end": 0.7})").prune_scope == PruneScope::layer);
  CHECK(train(R"({"scope": "global"})").prune_scope == PruneScope::global);
  CHECK_THROWS_WITH(train(R"({"scope": "all"})"), ContainsSubstring("layer or global"));
}

TEST_CASE("a training that rounds values ends a recipe") {
  const auto recipe = [](const char* text) { return recipe_from_json(nlohmann::json::parse(text)); };
  const Recipe learned = recipe(R"({"steps": [{"step": "train", "round": {"bits": 4},
                                               "round_values": {"bits": 5, "skip": ["head"]}}]})");
  const auto& train = std::get<TrainStep>(learned.steps()[0]);
  CHECK(train.round_values.value().bits == 5);
  CHECK(train.round_values.value().skip == std::vector<std::string>{"head"});
  CHECK(std::get<QuantizeStep>(recipe(R"({"steps": [{"step": "quantize", "value_bits": 4}]})").steps()[0])
            .options.value_bits == 4);
  CHECK_THROWS_WITH(recipe(R"({"steps": [{"step": "train", "round_values": {}}, {"step": "quantize"}]})"),
                    ContainsSubstring("become integers"));
  CHECK_THROWS_WITH(recipe(R"({"steps": [{"step": "train", "round_values": {"bit": 4}}]})"), ContainsSubstring("bit"));
}

TEST_CASE("weights alone are quantized at the end of a recipe, or before values are") {
  const auto recipe = [](const char* text) { return recipe_from_json(nlohmann::json::parse(text)); };
  const Recipe both = recipe(R"({"steps": [{"step": "quantize_weights", "bits": 8, "group": 128, "symmetric": true,
                                             "skip": ["head"]}, {"step": "quantize"}]})");
  const auto& options = std::get<QuantizeWeightsStep>(both.steps()[0]).options;
  CHECK(options.bits == 8);
  CHECK(options.group == 128);
  CHECK(options.symmetric);
  CHECK(options.skip == std::vector<std::string>{"head"});
  CHECK_THROWS_WITH(recipe(R"({"steps": [{"step": "quantize_weights"}, {"step": "prune"}]})"),
                    ContainsSubstring("packed"));
  CHECK_THROWS_WITH(recipe(R"({"steps": [{"step": "quantize_weights", "bit": 4}]})"), ContainsSubstring("bit"));
}

TEST_CASE("what a recipe has that is not known is named with the way to it") {
  const auto refused = [](const char* text, const char* why) {
    const auto document = nlohmann::json::parse(text);
    CHECK_THROWS_WITH(recipe_from_json(document), ContainsSubstring(why));
  };
  refused(R"({"steps": [{"step": "squeeze"}]})", "steps[0].step");
  refused(R"({"steps": [{"step": "train", "epoch": 3}]})", "steps[0].epoch");
  refused(R"({"steps": [{"step": "train", "epochs": 0}]})", "steps[0].epochs");
  refused(R"({"steps": [{"step": "quantize", "method": "median"}]})", "entropy");
  refused(R"({"steps": [{"step": "quantize", "max_accuracy_drop": 1, "min_sqnr_db": 20}]})", "two limits");
  refused(R"({"steps": []})", "has no step");
  refused(R"({"steps": [{"step": "quantize"}, {"step": "train"}]})", "become integers");
}

TEST_CASE("what a recipe did is a table and JSON") {
  RecipeResult result{ModelBuilder<float>("m").input({2}).dense(2).build(), {}};
  RecipeState state;
  state.step = "train";
  state.what = "3 epoch(s)";
  state.accuracy = 0.5;
  state.samples = 10000;
  state.flops = 12.0;
  result.states = {RecipeState{}, state};
  const std::string text = to_text(result);
  CHECK_THAT(text, ContainsSubstring("50.00 ± 0.98 %"));
  CHECK_THAT(text, ContainsSubstring("(before)"));
  const nlohmann::json j = to_json(state);
  CHECK(j.at("accuracy") == 0.5);
  CHECK(j.at("predicted_ms").is_null());
  CHECK(j.at("flops") == 12.0);
}
