#include <fulcrum/model/builder.hpp>

#include <fulcrum/analysis/fusion.hpp>
#include <fulcrum/model/cast.hpp>

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
  CHECK_THROWS_WITH(b.conv(4, 3, {.depth = {.kernel = 0}}), ContainsSubstring("0 kernel planes"));
  CHECK_THROWS_WITH(b.conv_transpose(0, 3), ContainsSubstring("0 output channels"));
  CHECK_THROWS_WITH(b.conv_transpose(4, 0), ContainsSubstring("0 kernel rows"));
  CHECK_THROWS_WITH(b.conv_transpose(4, 2, {.groups = 3}), ContainsSubstring("3 groups for 4 output channels"));
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

TEST_CASE("convolutions go over depth where the source has one, and back") {
  auto b = ModelBuilder<float>("volumes").input({4, 6, 9, 9});
  b.conv(8, 3, {.stride = {2, 2}, .padding = 1, .depth = {.kernel = 2, .stride = 2}});
  CHECK(b.shape() == Shape{1, 8, 3, 5, 5});
  b.conv_transpose(6, 3, {.stride = {2, 2}, .padding = 1, .groups = 2, .depth = {.kernel = 2, .stride = 2}});
  CHECK(b.shape() == Shape{1, 6, 6, 9, 9});
  const Model<float> model = b.build();
  CHECK(std::get<Conv<float>>(model.node(1).layer).weights.value->dims() == Shape{8, 4, 2, 3, 3});
  CHECK(std::get<ConvTranspose<float>>(model.node(2).layer).weights.value->dims() == Shape{8, 3, 2, 3, 3});
  CHECK_THROWS_WITH(ModelBuilder<float>("m").input({4, 9, 9}).conv(4, 3, {.depth = {.kernel = 2}}),
                    ContainsSubstring("over depth"));
  CHECK(ModelBuilder<float>("m").input({4, 9, 9}).conv_transpose(2, 2, {.stride = {2, 2}}).shape() ==
        Shape{1, 2, 18, 18});
  CHECK(ModelBuilder<float>("m").input({4, 1, 9}).max_pool(Extent2{1, 4}).shape() == Shape{1, 4, 1, 2});
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

TEST_CASE("an embedding takes the rows of its table that integer inputs name") {
  auto b = ModelBuilder<float>("m", 3).input({7}, "ids", ElementType::s64).embedding(11, 5, 0.5);
  CHECK(b.shape() == Shape{1, 7, 5});
  const Model<float> model = b.build();
  CHECK(std::get<Input>(model.node(0).layer) == Input{{batch_dim, 7}, ElementType::s64});
  const auto& table = std::get<Constant<float>>(model.node(1).layer);
  CHECK(table.value.value->dims() == Shape{11, 5});
  CHECK(parameter_count(model) == 55);
  CHECK_THROWS_WITH(ModelBuilder<float>("m").input({7}).embedding(0, 5), ContainsSubstring("0 rows"));
  CHECK_THROWS_WITH(ModelBuilder<float>("m").embedding(3, 5), ContainsSubstring("start with input()"));
}

TEST_CASE("a model may have several inputs, and learned values beside them") {
  auto b = ModelBuilder<float>("m", 1).input({6, 4}, "tokens");
  const NodeId tokens = b.last();
  b.parameter({1, 1, 4}).named("class_token").expand({batch_dim, 1, 4}).concat({tokens});
  CHECK(b.shape() == Shape{1, 7, 4});
  const NodeId sequence = b.last();
  const NodeId mask = b.input({7, 1}, "mask").last();
  b.from(sequence).mul(mask).layer_normalization().mean({1}, false).dense(3);
  const Model<float> model = b.build();
  CHECK(model.inputs() == std::vector<NodeId>{tokens, mask});
  CHECK(infer_shapes(model, 5)[model.outputs()[0]] == Shape{5, 3});
}

TEST_CASE("attention is made of products, transposes and slices") {
  auto b = ModelBuilder<float>("m", 1).input({6, 8});
  const auto heads = [&](NodeId from) {
    return b.from(from).dense(8).reshape({0, 0, 2, 4}).transpose({0, 2, 1, 3}).last();
  };
  const NodeId query = heads(0);
  const NodeId key = heads(0);
  b.from(query).matmul(key, {.transpose_weights = true, .scale = 0.5F}).softmax();
  CHECK(b.shape() == Shape{1, 2, 6, 6});
  CHECK(b.slice(3, -2, 6).shape() == Shape{1, 2, 6, 2});
  CHECK(b.reduce(ReduceKind::max, {2, 3}).shape() == Shape{1, 2, 1, 1});
}

TEST_CASE("an LSTM steps along a sequence and is checked like other layers") {
  auto b = ModelBuilder<float>("m", 1).input({5, 3}).transpose({1, 0, 2}).lstm(7);
  CHECK(b.shape() == Shape{5, 1, 1, 7});
  CHECK(parameter_count(b.build()) == 4 * 7 * (3 + 7) + 2 * 4 * 7);
  CHECK_THROWS_WITH(ModelBuilder<float>("m").input({5, 3}).lstm(0), ContainsSubstring("0 hidden features"));
  CHECK_THROWS_AS(ModelBuilder<float>("m").input({5}).lstm(4), Error);
}

TEST_CASE("squeeze and excitation weighs channels by their means") {
  auto b = ModelBuilder<float>("m", 1).input({8, 5, 5}).squeeze_excitation(2, ActivationKind::swish);
  CHECK(b.shape() == Shape{1, 8, 5, 5});
  const Model<float> model = b.build();
  CHECK(std::get<Activation>(model.node(3).layer) == Activation{ActivationKind::swish, 1.0F});
  CHECK(parameter_count(model) == (8 * 2 + 2) + (2 * 8 + 8));
}

TEST_CASE("uniform weights have the variance of normal ones") {
  const Model<float> model = ModelBuilder<float>("m", 5, WeightInit::he_uniform).input({64, 8, 8}).conv(64, 3).build();
  double squares = 0.0;
  double largest = 0.0;
  const auto& conv = std::get<Conv<float>>(model.node(1).layer);
  for (const float w : conv.weights.value->flat()) {
    squares += static_cast<double>(w) * w;
    largest = std::max(largest, std::abs(static_cast<double>(w)));
  }
  CHECK(squares / static_cast<double>(conv.weights.size()) == Approx(2.0 / (64 * 9)).epsilon(0.04));
  CHECK(largest <= std::sqrt(6.0 / (64 * 9)));
}
