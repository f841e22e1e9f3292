#include <fulcrum/model/rewrite.hpp>

#include <fulcrum/model/builder.hpp>

#include <support/catch.hpp>

using namespace fulcrum;

namespace {

// input → relu1 → relu2 → sigmoid1 → add(relu2, sigmoid1)
Model<float> chain() {
  auto b = ModelBuilder<float>("chain").input({4}).relu().relu();
  const NodeId shortcut = b.last();
  return std::move(b.sigmoid().add(shortcut)).build();
}

}  // namespace

TEST_CASE("consumers of a removed node take what replaces it") {
  const Model<float> model = chain();
  const NodeId relu1 = *model.find("relu1");
  const NodeId relu2 = *model.find("relu2");
  const auto result = remove_nodes(model, {{relu2, relu1}});
  CHECK(result.model.name() == "chain");
  CHECK(result.model.size() == 4);
  CHECK_FALSE(result.model.find("relu2"));
  CHECK(result.model.node(*result.model.find("sigmoid1")).src == std::vector<NodeId>{1});
  CHECK(result.model.node(*result.model.find("add1")).src == std::vector<NodeId>{2, 1});
  CHECK(result.new_id == std::vector<NodeId>{0, 1, 1, 2, 3});
  CHECK(result.model.outputs() == std::vector<NodeId>{3});
}

TEST_CASE("a chain of removed nodes leads to the first that stays, outputs included") {
  Model<float> model = chain();
  model.set_outputs({2, 4});
  model.set_dst_quantization(3, Quantization{DType::u8, {0.5F}, {0}, -1});
  const auto result = remove_nodes(model, {{1, 0}, {2, 1}});
  CHECK(result.model.size() == 3);
  CHECK(result.model.outputs() == std::vector<NodeId>{0, 2});
  CHECK(result.model.node(1).dst_quantization == model.node(3).dst_quantization);
}

TEST_CASE("outputs keep the names that users know them by") {
  Model<float> model = chain();
  model.set_outputs({2, 4}, {"middle", "end"});
  CHECK(remove_nodes(model, {{2, 1}}).model.output_names() == std::vector<std::string>{"middle", "end"});
  CHECK(extract_outputs(model, {4, 3, 2}).model.output_names() ==
        std::vector<std::string>{"end", "sigmoid1", "middle"});
  model.set_outputs({2, 2}, {"one", "same"});
  CHECK(extract_outputs(model, {2, 2}).model.output_names() == std::vector<std::string>{"one", "same"});
}

TEST_CASE("removing nothing gives the same model") {
  const Model<float> model = chain();
  CHECK(remove_nodes(model, {}).model == model);
}

TEST_CASE("a replacement that does not stand before what it replaces is refused") {
  const Model<float> model = chain();
  CHECK_THROWS_WITH(remove_nodes(model, {{1, 2}}), ContainsSubstring("relu1"));
  CHECK_THROWS_WITH(remove_nodes(model, {{1, 1}}), ContainsSubstring("relu1"));
  CHECK_THROWS_AS(remove_nodes(model, {{17, 1}}), Error);
}

TEST_CASE("only what the chosen outputs depend on is extracted, with every input") {
  auto b = ModelBuilder<float>("two inputs").input({4}, "a").input({4}, "unused").from(0).relu().sigmoid();
  const Model<float> model = std::move(b.tanh()).build();
  const auto result = extract_outputs(model, {*model.find("sigmoid1"), *model.find("relu1")});
  REQUIRE(result.model.size() == 4);
  CHECK(result.model.inputs().size() == 2);
  CHECK_FALSE(result.model.find("tanh1"));
  CHECK(result.new_id[*model.find("tanh1")] == no_node);
  CHECK(result.model.outputs() == std::vector<NodeId>{*result.model.find("sigmoid1"), *result.model.find("relu1")});
  CHECK_THROWS_AS(extract_outputs(model, {99}), Error);
}
