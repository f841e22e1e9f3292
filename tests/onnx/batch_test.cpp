// Which models that were exported for one batch size run at any.
#include <string>
#include <utility>
#include <vector>

#include <fulcrum/exec/reference.hpp>
#include <fulcrum/model/builder.hpp>
#include <fulcrum/onnx/export.hpp>
#include <fulcrum/onnx/graph/proto.hpp>
#include <fulcrum/onnx/import.hpp>

#include <support/catch.hpp>
#include <support/data.hpp>
#include "checked_export.hpp"

using namespace fulcrum;

namespace {

using Builder = ModelBuilder<float>;

/// Whether the model takes any batch after another exporter has written it for a batch of 2.
bool runs_at_any_batch(const Model<float>& model) {
  onnx::ModelProto proto;
  REQUIRE(proto.ParseFromString(test::checked_onnx(model)));
  proto.set_producer_name("another");
  for (auto& input : *proto.mutable_graph()->mutable_input()) {
    input.mutable_type()->mutable_tensor_type()->mutable_shape()->mutable_dim(0)->set_dim_value(2);
  }
  for (auto& output : *proto.mutable_graph()->mutable_output()) output.clear_type();
  const Model<float> again = parse_onnx(proto.SerializeAsString());
  return std::get<Input>(again.node(again.inputs().front()).layer).shape.front() == batch_dim;
}

Model<float> with_layer(Layer<float> layer, const Shape& sample = {3, 4}) {
  return Builder("m").input(sample).layer(std::move(layer), {0}).build();
}

}  // namespace

TEST_CASE("layers that compute each sample by itself run at any batch") {
  CHECK(runs_at_any_batch(with_layer(Transpose{{0, 2, 1}})));
  CHECK(runs_at_any_batch(with_layer(Slice{{1}, {0}, {2}, {}})));
  CHECK(runs_at_any_batch(with_layer(Reduce{ReduceKind::mean, {1, 2}, false})));
  CHECK(runs_at_any_batch(with_layer(ArgReduce{true, -1, true, false})));
  CHECK(runs_at_any_batch(with_layer(Tile{{1, 2, 1}})));
  CHECK(runs_at_any_batch(with_layer(Pad{PadKind::constant, {0, 1, 0}, {0, 0, 2}})));
  CHECK(runs_at_any_batch(with_layer(LocalResponseNormalization{3})));
  CHECK(runs_at_any_batch(Builder("m").input({3, 4}).layer_normalization().build()));
  CHECK(runs_at_any_batch(Builder("m").input({3, 4}).matmul(0, {.transpose_weights = true}).build()));
  CHECK(runs_at_any_batch(Builder("m").input({5}, "ids", ElementType::s64).embedding(7, 4).mean({1}).build()));
}

TEST_CASE("layers that mix the rows of samples keep their batch") {
  CHECK_FALSE(runs_at_any_batch(with_layer(Transpose{{1, 0, 2}}, {2, 4})));
  CHECK_FALSE(runs_at_any_batch(with_layer(Slice{{0}, {0}, {2}, {-1}})));
  CHECK_FALSE(runs_at_any_batch(with_layer(Reduce{ReduceKind::mean, {0}, true})));
  CHECK_FALSE(runs_at_any_batch(with_layer(Softmax{0})));
  CHECK_FALSE(runs_at_any_batch(with_layer(Pad{PadKind::constant, {1, 0, 0}, {-1, 0, 0}})));
  CHECK_FALSE(runs_at_any_batch(with_layer(MaxPoolIndices{Window{{2, 2}, {1, 1}}}, {1, 3, 4})));
  auto reversed = Builder("m").input({3, 4});
  reversed.constant(Tensor<float>({2}, {1.0F, 0.0F}), ElementType::s64);
  CHECK_FALSE(runs_at_any_batch(reversed.layer(Gather{0}, {0, 1}).build()));
}

TEST_CASE("a product of two matrices of samples keeps its batch") {
  auto b = Builder("m").input({2}, "a").input({2}, "b");
  CHECK_FALSE(runs_at_any_batch(b.layer(MatMul{false, true, 1.0F}, {0, 1}).build()));
}

TEST_CASE("a normalization over the batch comes back for every batch") {
  Model<float> model("m");
  const NodeId src = model.add({"x", Input{{3, batch_dim, 2}}, {}, {}});
  LayerNormalization<float> layer;
  layer.axis = 1;
  const NodeId normalized = model.add({"normalized", layer, {src}, {}});
  model.set_outputs({normalized});
  const std::string file = test::checked_onnx(model);
  const Model<float> again = parse_onnx(file);
  CHECK(std::get<Input>(again.node(again.inputs()[0]).layer).shape == Shape{3, batch_dim, 2});
  CHECK((test::checked_onnx(again) == file));
  const Tensor<float> source = test::random_tensor<float>({3, 4, 2}, 1);
  CHECK(ReferenceExecutor<float>(again).run({&source, 1}) == ReferenceExecutor<float>(model).run({&source, 1}));
}
