#include <fulcrum/schedule/loops.hpp>

#include <fulcrum/model/builder.hpp>

#include <support/catch.hpp>

using namespace fulcrum;

namespace {
/// Of the last layer of a model, for a batch of 2.
bool in_loops(ModelBuilder<float> builder) {
  const Model<float> model = std::move(builder).build();
  return runs_in_loops(model, model.outputs().front(), infer_shapes(model, 2));
}
bool in_threaded_loops(ModelBuilder<float> builder) {
  const Model<float> model = std::move(builder).build();
  const std::vector<Shape> shapes = infer_shapes(model, 2);
  const NodeId last = model.outputs().front();
  return runs_in_threaded_loops(model.node(last), shapes, shapes[last]);
}
ModelBuilder<float> image() { return ModelBuilder<float>("image").input({4, 6, 6}); }
}  // namespace

TEST_CASE("layers that engines have kernels for run in them, others in loops") {
  CHECK_FALSE(in_loops(image().conv(4, 3)));
  CHECK_FALSE(in_loops(image().max_pool(2)));
  CHECK_FALSE(in_loops(image().relu()));
  CHECK_FALSE(in_loops(image().softmax()));
  CHECK_FALSE(in_loops(image().flatten()));
  CHECK(in_loops(image().slice(1, 0, 2)));
  CHECK(in_loops(image().global_average_pool().softmax()));  // over one element
}

TEST_CASE("sums that broadcast, and functions in which engines lose a NaN, run in own loops on all threads") {
  auto b = ModelBuilder<float>("outer");
  const NodeId column = b.input({6, 1}, "column").last();
  const NodeId row = b.input({1, 6}, "row").last();
  CHECK(in_threaded_loops(b.from(column).mul(row)));
  auto whole = ModelBuilder<float>("whole");
  const NodeId factor = whole.input({6, 1}, "factor").last();
  CHECK(in_threaded_loops(whole.input({6, 6}, "value").mul(factor)));
  auto equal = ModelBuilder<float>("equal");
  const NodeId other = equal.input({6, 6}, "other").last();
  CHECK_FALSE(in_threaded_loops(equal.input({6, 6}, "value").mul(other)));
  CHECK(in_threaded_loops(image().relu()));
  CHECK(in_threaded_loops(image().activation(ActivationKind::floor)));
  CHECK_FALSE(in_threaded_loops(image().activation(ActivationKind::tanh)));
}

TEST_CASE("a difference whose first source is broadcast is turned round where no function follows") {
  auto b = ModelBuilder<float>("difference");
  const NodeId whole = b.input({6, 6}, "whole").last();
  b.input({1, 6}, "row");
  Model<float> model = std::move(b).build();
  const NodeId row = *model.find("row");
  const NodeId difference = model.add({"difference", Binary{BinaryKind::sub}, {row, whole}, {}});
  model.set_outputs({difference});
  const std::vector<Shape> shapes = infer_shapes(model, 2);
  const auto order = binary_order(model.node(difference), shapes[difference], false, shapes);
  REQUIRE(order.has_value());
  CHECK(order->first == whole);
  CHECK(order->second == row);
  CHECK(order->negated);
  CHECK_FALSE(binary_order(model.node(difference), shapes[difference], true, shapes).has_value());
}
