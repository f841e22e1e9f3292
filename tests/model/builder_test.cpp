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
