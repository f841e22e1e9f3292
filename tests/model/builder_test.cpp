#include <fulcrum/model/builder.hpp>

#include <fulcrum/model/cast.hpp>
#include <fulcrum/passes/fusion.hpp>

#include <support/catch.hpp>

using namespace fulcrum;

namespace {
Model<float> residual_model() {
  auto b = ModelBuilder<float>("residual", 7);
  b.input({8, 14, 14});
  const NodeId shortcut = b.last();
  return b.conv(8, 3, {.padding = 1})
      .relu()
      .conv(8, 3, {.padding = 1})
      .add(shortcut)
      .relu()
      .flatten()
      .dense(10)
      .softmax()
      .build();
}
}  // namespace

TEST_CASE("a built model knows its shapes, names and outputs") {
  const Model<float> model = residual_model();
  const auto shapes = infer_shapes(model, 4);
  REQUIRE(model.find("conv2").has_value());
  CHECK(shapes[*model.find("conv2")] == Shape{4, 8, 14, 14});
  CHECK(shapes[model.outputs().front()] == Shape{4, 10});
  CHECK(parameter_count(model) == 2 * (8 * 8 * 9 + 8) + 10 * 8 * 14 * 14 + 10);
}

TEST_CASE("the same seed builds the same model and a copy shares its weights") {
  const Model<float> model = residual_model();
  CHECK(model == residual_model());
  Model<float> copy = model;
  auto& conv = std::get<Conv<float>>(copy.edit_layer(*copy.find("conv1")));
  const auto& original = std::get<Conv<float>>(model.node(*model.find("conv1")).layer);
  CHECK(conv.weights.value.shares_with(original.weights.value));
  conv.weights.value.edit().flat()[0] += 1.0F;
  CHECK_FALSE(copy == model);
}

TEST_CASE("a residual sum and its activation are absorbed by the convolution before them") {
  const Model<float> model = residual_model();
  const auto groups = fusion_groups(model);
  REQUIRE(groups.size() == 5);
  CHECK(kind_of(model, groups[0]) == "Conv+Relu");
  CHECK(kind_of(model, groups[1]) == "Conv+Add+Relu");
  CHECK(group_sources(model, groups[1]).size() == 2);
}

TEST_CASE("a model converts to double with equal values") {
  const Model<float> model = residual_model();
  CHECK(cast<float>(cast<double>(model)) == model);
}

TEST_CASE("a layer that does not fit is refused by name") {
  CHECK_THROWS_WITH(ModelBuilder<float>("m").input({3, 2, 2}).conv(4, 5), ContainsSubstring("conv1"));
}

TEST_CASE("a refused layer leaves the builder as it was") {
  auto b = ModelBuilder<float>("m").input({3, 8, 8});
  CHECK_THROWS_AS(b.conv(4, 9), Error);
  CHECK_THROWS_WITH(b.input({1}), ContainsSubstring("already has a layer 'input'"));
  CHECK(b.shape() == Shape{1, 3, 8, 8});
  const Model<float> model = b.conv(4, 3).relu().build();
  CHECK(model.size() == 3);
  CHECK(infer_shapes(model, 2).back() == Shape{2, 4, 6, 6});
}

TEST_CASE("counts that make no layer are refused before any weight is drawn") {
  auto b = ModelBuilder<float>("m").input({3, 8, 8});
  CHECK_THROWS_WITH(b.conv(0, 3), ContainsSubstring("0 output channels"));
  CHECK_THROWS_WITH(b.conv(-4, 3), ContainsSubstring("-4 output channels"));
  CHECK_THROWS_WITH(b.conv(4, 0), ContainsSubstring("0 kernel rows"));
  CHECK_THROWS_WITH(b.conv(4, Extent2{3, -1}), ContainsSubstring("-1 kernel columns"));
  CHECK_THROWS_WITH(b.conv(4, 3, {.groups = 2}), ContainsSubstring("2 groups for 3 channels"));
  CHECK_THROWS_WITH(b.flatten().dense(0), ContainsSubstring("0 outputs"));
}

TEST_CASE("a builder without an input, or with a value that has no channels, says so") {
  CHECK_THROWS_WITH(ModelBuilder<float>("m").relu(), ContainsSubstring("start with input()"));
  CHECK_THROWS_WITH(ModelBuilder<float>("m").conv(4, 3), ContainsSubstring("start with input()"));
  CHECK_THROWS_WITH(ModelBuilder<float>("m").build(), ContainsSubstring("no input"));
  CHECK_THROWS_AS(ModelBuilder<float>("m").input({}).dense(3), Error);
  CHECK_THROWS_AS(ModelBuilder<float>("m").input({}).batch_normalization(), Error);
  CHECK_THROWS_AS(ModelBuilder<float>("m").input({8}).depthwise_conv(3), Error);
  CHECK_THROWS_AS(ModelBuilder<float>("m").named("x"), Error);
  CHECK_THROWS_AS(ModelBuilder<float>("m").input({8}).from(3), Error);
}

TEST_CASE("layers are numbered by kind, and a name given stays") {
  const Model<float> model =
      ModelBuilder<float>("m").input({4}).dense(4).relu().dense(4).named("head").relu().dense(2).build();
  for (const char* name : {"input", "dense1", "relu1", "head", "relu2", "dense3"}) CHECK(model.find(name).has_value());
  CHECK_FALSE(model.find("dense2").has_value());
  CHECK_THROWS_WITH(ModelBuilder<float>("m").input({4}).dense(4).named("input"), ContainsSubstring("'input'"));
}

TEST_CASE("a builder can be built from again") {
  auto b = ModelBuilder<float>("m", 1).input({4}).dense(4);
  const Model<float> first = b.build();
  CHECK(first == b.build());
  CHECK(b.relu().build().size() == first.size() + 1);
}

TEST_CASE("branches join in concatenations and products") {
  auto b = ModelBuilder<float>("branches").input({4, 6, 6});
  const NodeId x = b.last();
  b.conv(2, 1);
  const NodeId left = b.last();
  b.from(x).conv(3, 3, {.padding = 1});
  b.concat({left, x});
  CHECK(b.shape() == Shape{1, 9, 6, 6});
  b.global_max_pool();
  const NodeId gate = b.last();
  b.from(x).conv(9, 1).mul(gate);
  CHECK(b.shape() == Shape{1, 9, 6, 6});
}

TEST_CASE("weights are drawn with the deviation of He et al.") {
  const Model<float> model = ModelBuilder<float>("m", 5).input({64, 8, 8}).conv(64, 3).build();
  const auto& conv = std::get<Conv<float>>(model.node(1).layer);
  double squares = 0.0;
  for (const float w : conv.weights.value->flat()) squares += static_cast<double>(w) * w;
  const double variance = squares / static_cast<double>(conv.weights.size());
  CHECK(variance == Approx(2.0 / (64 * 9)).epsilon(0.04));  // five standard errors over 36,864 weights
  for (const float b : conv.bias.value->flat()) CHECK(b == 0.0F);
}
