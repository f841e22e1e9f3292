#include <fulcrum/analysis/quantization_placement.hpp>

#include <map>

#include <fulcrum/model/builder.hpp>

#include <support/catch.hpp>

using namespace fulcrum;

namespace {

/// Which value's range each rounded value takes, by name.
std::map<std::string, std::string> roots(const Model<float>& model, const QuantizationPlacement& placement) {
  std::map<std::string, std::string> result;
  for (NodeId id = 0; id < model.size(); ++id) {
    if (placement.root[id]) result[model.node(id).name] = model.node(*placement.root[id]).name;
  }
  return result;
}

std::vector<std::string> names(const Model<float>& model, const std::vector<NodeId>& ids) {
  std::vector<std::string> result;
  for (const NodeId id : ids) result.push_back(model.node(id).name);
  return result;
}

using Roots = std::map<std::string, std::string>;
using Names = std::vector<std::string>;

}  // namespace

TEST_CASE("a plain network is rounded at its input and after each fused Relu, and gives float") {
  auto b = ModelBuilder<float>("cnn").input({1, 12, 12}).conv(4, 3).relu().max_pool(2).conv(4, 3).relu().max_pool(2);
  const Model<float> model = std::move(b.flatten().dense(8).relu().dense(3).softmax()).build();
  const auto placement = place_quantization(model);
  CHECK(names(model, placement.layers) == Names{"conv1", "conv2", "dense1", "dense2"});
  CHECK(placement.kept.empty());
  CHECK(roots(model, placement) == Roots{{"input", "input"},
                                         {"relu1", "relu1"},
                                         {"maxpool1", "relu1"},
                                         {"relu2", "relu2"},
                                         {"maxpool2", "relu2"},
                                         {"flatten1", "relu2"},
                                         {"relu3", "relu3"}});
}

TEST_CASE("both sides of a residual sum between convolutions are rounded, nothing inside the fused step") {
  auto b = ModelBuilder<float>("residual").input({4, 8, 8}).conv(8, 3, {.padding = 1}).relu();
  const NodeId before = b.last();
  b.conv(8, 1).named("projection");
  const NodeId projection = b.last();
  b.from(before).conv(8, 3, {.padding = 1}).named("body").add(projection).relu().conv(8, 3).named("after");
  const Model<float> model = std::move(b.global_average_pool().flatten().dense(2)).build();
  const auto placement = place_quantization(model);
  CHECK(roots(model, placement) == Roots{{"input", "input"},
                                         {"relu1", "relu1"},
                                         {"projection", "projection"},
                                         {"relu2", "relu2"},
                                         {"after", "after"},
                                         {"globalaveragepool1", "globalaveragepool1"},
                                         {"flatten1", "globalaveragepool1"}});
}

TEST_CASE("a join takes a range of its own, which is also that of what only it takes") {
  auto b = ModelBuilder<float>("inception").input({3, 8, 8}).conv(4, 1).relu();
  const NodeId left = b.last();
  b.from(0).average_pool(3, {.stride = {1, 1}, .padding = 1}).concat({left});
  const Model<float> model = std::move(b.conv(2, 1)).build();
  CHECK(roots(model, place_quantization(model)) ==
        Roots{{"input", "input"}, {"relu1", "concat1"}, {"averagepool1", "concat1"}, {"concat1", "concat1"}});
}

TEST_CASE("what others take beside a join keeps its own range, and joins of joins have one") {
  auto b = ModelBuilder<float>("dense block").input({3, 8, 8}).conv(4, 1).relu().named("first");
  const NodeId first = b.last();
  b.conv(4, 1).relu().named("second");
  const NodeId second = b.last();
  b.conv(4, 1).relu().named("third").concat({second}).named("inner").concat({first}).named("outer");
  const Model<float> model = std::move(b.conv(2, 1)).build();
  CHECK(roots(model, place_quantization(model)) == Roots{{"input", "input"},
                                                         {"first", "first"},
                                                         {"second", "second"},
                                                         {"third", "outer"},
                                                         {"inner", "outer"},
                                                         {"outer", "outer"}});
}

TEST_CASE("skipped layers stay in float and do not ask for integers") {
  const Model<float> model =
      ModelBuilder<float>("m").input({1, 8, 8}).conv(2, 3).relu().conv(2, 3).relu().flatten().dense(2).build();
  const auto placement = place_quantization(model, {"conv1", "dense1"});
  CHECK(names(model, placement.layers) == Names{"conv2"});
  CHECK(roots(model, placement) == Roots{{"relu1", "relu1"}});
  REQUIRE(placement.kept.size() == 2);
  CHECK(model.node(placement.kept[1].layer).name == "dense1");
  CHECK(placement.kept[1].reason == "asked to stay in float");
  CHECK(roots(model, place_quantization(model, {"conv1", "conv2", "dense1"})).empty());
  CHECK_THROWS_WITH(place_quantization(model, {"relu1"}), ContainsSubstring("relu1"));
  CHECK_THROWS_WITH(place_quantization(model, {"missing"}), ContainsSubstring("missing"));
}

TEST_CASE("an output stays in float, and so does the layer that takes it") {
  Model<float> model =
      ModelBuilder<float>("m").input({1, 8, 8}).conv(2, 3).relu().conv(2, 3).relu().max_pool(2).conv(2, 1).build();
  model.set_outputs({*model.find("relu1"), *model.find("relu2"), *model.find("conv3")});
  const auto placement = place_quantization(model);
  CHECK(names(model, placement.layers) == Names{"conv1", "conv3"});
  REQUIRE(placement.kept.size() == 1);
  CHECK(placement.kept[0].reason == "its source 'relu1' is an output of the model");
  // The pool's source is an output, so the pool's result is rounded by a range of its own.
  CHECK(roots(model, placement) == Roots{{"input", "input"}, {"maxpool1", "maxpool1"}});
}

TEST_CASE("a Relu on a value in integers passes them on; one on a float value rounds after itself") {
  auto b = ModelBuilder<float>("m").input({2, 8, 8}).conv(2, 3, {.padding = 1});
  const NodeId conv = b.last();
  b.relu();
  const NodeId relu = b.last();
  b.from(conv).conv(2, 3, {.padding = 1}).add(relu);
  const Model<float> shared = std::move(b.conv(2, 1)).build();
  const auto on_integers = roots(shared, place_quantization(shared));
  CHECK(on_integers.at("conv1") == "conv1");
  CHECK(on_integers.at("relu1") == "conv1");

  const Model<float> normalized =
      ModelBuilder<float>("pre-activation").input({2, 8, 8}).batch_normalization().relu().conv(2, 1).build();
  CHECK(roots(normalized, place_quantization(normalized)) == Roots{{"relu1", "relu1"}});
}

TEST_CASE("what passes integers through does so for float consumers as well") {
  auto b = ModelBuilder<float>("m").input({2, 8, 8}).conv(2, 3, {.padding = 1}).relu();
  const NodeId shared = b.last();
  b.conv(2, 1).from(shared).max_pool(2).sigmoid();
  const Model<float> model = std::move(b).build();
  const auto where = roots(model, place_quantization(model));
  CHECK(where.at("maxpool1") == "relu1");
  CHECK(where.count("sigmoid1") == 0);
}

TEST_CASE("a constant that a convolution takes is rounded, one that is only added is not") {
  auto b = ModelBuilder<float>("m").input({2, 4, 4}).relu();
  const NodeId relu = b.last();
  b.layer(Constant<float>{Tensor<float>({1, 2, 4, 4}, 2.0F)}, {}).named("bias").add(relu).conv(2, 1);
  const NodeId left = b.last();
  b.layer(Constant<float>{Tensor<float>({1, 2, 4, 4}, 3.0F)}, {}).named("image").conv(2, 1).add(left);
  const Model<float> model = std::move(b).build();
  const auto where = roots(model, place_quantization(model));
  CHECK(where.count("bias") == 0);
  CHECK(where.at("image") == "image");
  CHECK(where.at("relu1") == "input");
}

TEST_CASE("a gate's image is rounded on both sides of it, its factors are not") {
  auto b = ModelBuilder<float>("gate").input({4, 8, 8}).conv(8, 3).swish();
  const NodeId image = b.last();
  const NodeId factor = b.global_average_pool().conv(8, 1).sigmoid().last();
  const Model<float> model = b.from(factor).mul(image).conv(4, 1).build();
  CHECK(
      roots(model, place_quantization(model)) ==
      Roots{{"input", "input"}, {"swish1", "swish1"}, {"globalaveragepool1", "globalaveragepool1"}, {"mul1", "mul1"}});
}
