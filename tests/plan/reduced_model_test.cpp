#include <fulcrum/plan/reduced_model.hpp>

#include <fulcrum/model/builder.hpp>
#include <support/catch.hpp>

using namespace fulcrum;

namespace {
const Shape& shape_at(const std::vector<Shape>& shapes, const Model<float>& model, const char* name) {
  return shapes.at(model.find(name).value());
}
}  // namespace

TEST_CASE("fewer channels go through norms, functions, pooling and depthwise convolutions to whatever takes them") {
  const Model<float> model = ModelBuilder<float>("net")
                                 .input({3, 8, 8})
                                 .conv(16, 3, {.padding = 1})
                                 .batch_normalization()
                                 .relu()
                                 .conv(16, 3, {.padding = 1, .groups = 16})
                                 .max_pool(2)
                                 .conv(32, 1)
                                 .build();
  const ReducedModel reduced = with_fewer_channels(model, *model.find("conv1"), 4);
  REQUIRE(reduced.model);
  const std::vector<Shape> shapes = infer_shapes(*reduced.model, 1);
  CHECK(shape_at(shapes, model, "conv1") == Shape{1, 4, 8, 8});
  CHECK(shape_at(shapes, model, "conv2") == Shape{1, 4, 8, 8});
  CHECK(shape_at(shapes, model, "conv3") == Shape{1, 32, 4, 4});
  CHECK(reduced.model->size() == model.size());
}

TEST_CASE("what is left of the weights is what was there") {
  const Model<float> model = ModelBuilder<float>("net").input({3, 4, 4}).conv(4, 1).flatten().dense(2).build();
  const ReducedModel reduced = with_fewer_channels(model, *model.find("conv1"), 1);
  REQUIRE(reduced.model);
  const auto& before = std::get<Dense<float>>(model.node(*model.find("dense1")).layer).weights.value;
  const auto& after = std::get<Dense<float>>(reduced.model->node(*model.find("dense1")).layer).weights.value;
  REQUIRE(after->dims() == Shape{2, 16});  // one channel of 4 × 4
  CHECK(after->flat()[0] == before->flat()[0]);
  CHECK(after->flat()[16] == before->flat()[64]);
  CHECK(infer_shapes(*reduced.model, 3).back() == Shape{3, 2});
}

TEST_CASE("channels that a sum ties to others go with them, and those of an output stay") {
  ModelBuilder<float> b("net");
  b.input({8, 4, 4});
  b.conv(8, 3, {.padding = 1});
  const NodeId a = b.last();
  b.conv(8, 3, {.padding = 1}).relu().conv(8, 3, {.padding = 1}).add(a);
  const Model<float> model = std::move(b).conv(4, 1).build();
  CHECK(with_fewer_channels(model, *model.find("conv2"), 4).model.has_value());
  const ReducedModel tied = with_fewer_channels(model, *model.find("conv3"), 4);
  REQUIRE(tied.model);
  const std::vector<Shape> shapes = infer_shapes(*tied.model, 1);
  CHECK(shape_at(shapes, model, "conv1") == Shape{1, 4, 4, 4});
  CHECK(shape_at(shapes, model, "conv3") == Shape{1, 4, 4, 4});
  CHECK(shape_at(shapes, model, "conv2") == Shape{1, 8, 4, 4});
  CHECK_THAT(with_fewer_channels(model, *model.find("conv4"), 2).why_not, ContainsSubstring("output"));
  CHECK_THROWS_AS(with_fewer_channels(model, *model.find("conv2"), 0), Error);
}

TEST_CASE("a dense layer of low rank is two, and the model around it stays") {
  const Model<float> model = ModelBuilder<float>("net").input({12}).dense(10).relu().dense(4).build();
  const ReducedModel reduced = with_low_rank(model, *model.find("dense1"), 3);
  REQUIRE(reduced.model);
  CHECK(reduced.model->size() == model.size() + 1);
  const std::vector<Shape> shapes = infer_shapes(*reduced.model, 2);
  CHECK(shape_at(shapes, *reduced.model, "dense1.low_rank") == Shape{2, 3});
  CHECK(shape_at(shapes, *reduced.model, "dense1") == Shape{2, 10});
  CHECK(shapes.at(reduced.model->outputs()[0]) == Shape{2, 4});
  CHECK_FALSE(with_low_rank(model, 0, 3).model);
  CHECK_THROWS_AS(with_low_rank(model, *model.find("dense1"), 0), Error);
}
