#include <fulcrum/analysis/fusion.hpp>

#include <algorithm>

#include <fulcrum/model/builder.hpp>
#include <fulcrum/passes/fold_batch_normalization.hpp>

#include <support/catch.hpp>
#include <support/random_model.hpp>

using namespace fulcrum;

namespace {

std::vector<std::string> kinds(const Model<float>& model) {
  std::vector<std::string> result;
  for (const FusionGroup& group : fusion_groups(model)) result.push_back(kind_of(model, group));
  return result;
}

using Kinds = std::vector<std::string>;

}  // namespace

TEST_CASE("a convolution absorbs activations, and nothing that gives its value another shape") {
  const auto model = ModelBuilder<float>("m").input({2, 6, 6}).conv(2, 3).relu().sigmoid().flatten().dense(2).gelu();
  CHECK(kinds(model.build()) == Kinds{"Conv+Relu+Sigmoid", "Flatten", "Dense+Gelu"});
}

TEST_CASE("the later of two convolutions absorbs their sum") {
  auto b = ModelBuilder<float>("m").input({2, 6, 6}).conv(2, 1);
  const NodeId left = b.last();
  b.from(0).conv(2, 1).add(left).relu();
  const auto model = b.build();
  CHECK(kinds(model) == Kinds{"Conv", "Conv+Add+Relu"});
  const auto group = fusion_groups(model)[1];
  CHECK(group.primary == 2);
  CHECK(group.absorbed == std::vector<NodeId>{3, 4});
  CHECK(group.dst == 4);
  CHECK(group_sources(model, group) == std::vector<NodeId>{0, left});
}

TEST_CASE("activations may come before the sum, after it, or both") {
  auto b = ModelBuilder<float>("m").input({2, 6, 6}).conv(2, 1).relu().add(0);
  CHECK(kinds(b.build()) == Kinds{"Conv+Relu+Add"});
  CHECK(kinds(b.sigmoid().tanh().build()) == Kinds{"Conv+Relu+Add+Sigmoid+Tanh"});
}

TEST_CASE("a step says why the layer after it is no part of it") {
  const auto why = [](const Model<float>& model) { return fusion_groups(model).front().why_ended; };
  CHECK(why(ModelBuilder<float>("m").input({2, 6, 6}).conv(2, 1).relu().build()).empty());
  CHECK_THAT(why(ModelBuilder<float>("m").input({2, 6, 6}).conv(2, 1).add(0).relu().add(0).build()),
             ContainsSubstring("'add2' is apart: the step takes no further sum"));
  CHECK_THAT(why(ModelBuilder<float>("m").input({2, 6, 6}).conv(2, 1).activation(ActivationKind::sin).build()),
             ContainsSubstring("is no function that runs as a post-operation"));
  auto twice = ModelBuilder<float>("m").input({2, 6, 6}).conv(2, 1);
  const NodeId conv = twice.last();
  twice.relu().add(conv);
  CHECK_THAT(why(twice.build()), ContainsSubstring("2 layers take 'conv1'"));
}

TEST_CASE("a Transpose between matrix products is a view, any other is not") {
  ModelBuilder<float> b("attention", 1);
  const NodeId x = b.input({6, 8}).last();
  const NodeId q = b.from(x).dense(8).reshape({0, 6, 2, 4}).transpose({0, 2, 1, 3}).last();
  const NodeId k = b.from(x).dense(8).reshape({0, 6, 2, 4}).transpose({0, 2, 1, 3}).last();
  b.from(q).matmul(k, {.transpose_weights = true}).transpose({0, 2, 1, 3});
  const NodeId back = b.last();
  b.relu().transpose({0, 2, 1, 3});
  const Model<float> model = b.build();
  CHECK(is_view(model, q));
  CHECK(is_view(model, k));
  CHECK(is_view(model, back));
  CHECK_FALSE(is_view(model, model.outputs().front()));
}

TEST_CASE("a step absorbs one sum only") {
  auto b = ModelBuilder<float>("m").input({2, 6, 6}).conv(2, 1);
  CHECK(kinds(b.add(0).add(0).relu().build()) == Kinds{"Conv+Add", "Add+Relu"});
}

TEST_CASE("sums that broadcast, sums of constants and products are not absorbed") {
  auto broadcast = ModelBuilder<float>("m").input({2, 6, 6}).global_average_pool();
  const NodeId pooled = broadcast.last();
  CHECK(kinds(broadcast.from(0).conv(2, 1).add(pooled).build()) == Kinds{"GlobalAveragePool", "Conv", "Add"});

  auto constant = ModelBuilder<float>("m").input({2, 6, 6});
  constant.layer(Constant<float>{Tensor<float>({1, 2, 6, 6})}, {});
  const NodeId value = constant.last();
  CHECK(kinds(constant.from(0).conv(2, 1).add(value).build()) == Kinds{"Conv", "Add"});

  CHECK(kinds(ModelBuilder<float>("m").input({2, 6, 6}).conv(2, 1).mul(0).relu().build()) == Kinds{"Conv", "Mul+Relu"});
}

TEST_CASE("a value that something else needs is not absorbed") {
  auto b = ModelBuilder<float>("m").input({2, 6, 6}).conv(2, 1);
  const NodeId conv = b.last();
  CHECK(kinds(b.add(conv).build()) == Kinds{"Conv", "Add"});  // twice the same value
  b.from(conv).relu().add(conv);
  CHECK(kinds(b.build()) == Kinds{"Conv", "Add", "Relu", "Add"});

  auto output = ModelBuilder<float>("m").input({2, 6, 6}).conv(2, 1).relu().build();
  output.set_outputs({1, 2});
  CHECK(kinds(output) == Kinds{"Conv", "Relu"});

  auto rounded = ModelBuilder<float>("m").input({2, 6, 6}).conv(2, 1).relu().build();
  rounded.set_dst_quantization(1, Quantization{DType::s8, {1.0F}, {0}, -1});
  CHECK(kinds(rounded) == Kinds{"Conv", "Relu"});
}

TEST_CASE("a batch normalization that was not folded is a step of its own, and absorbs activations alone") {
  auto b = ModelBuilder<float>("m").input({2, 6, 6}).conv(2, 1).batch_normalization().relu();
  CHECK(kinds(b.build()) == Kinds{"Conv", "BatchNormalization+Relu"});
  CHECK(kinds(b.add(0).build()) == Kinds{"Conv", "BatchNormalization+Relu", "Add"});
}

TEST_CASE("a model that only takes a batch of one is grouped as well") {
  const auto model = ModelBuilder<float>("m").input({2, 6, 6}).conv(2, 1).relu().reshape({1, 72}).dense(3).build();
  CHECK_THROWS_AS(infer_shapes(model, 2), Error);
  CHECK(kinds(model) == Kinds{"Conv+Relu", "Reshape", "Dense"});
}

TEST_CASE("the steps of any network hold every layer once and run in order") {
  const std::uint64_t seed = GENERATE(range(std::uint64_t{1}, std::uint64_t{40}));
  const Model<float> model = fold_batch_normalization(test::RandomModel(seed).make(6)).model;
  const auto consumers = model.consumers();
  std::vector<bool> computed(model.size(), false);
  std::vector<int> held(model.size(), 0);
  for (NodeId id = 0; id < model.size(); ++id) {
    const Layer<float>& layer = model.node(id).layer;
    if (std::holds_alternative<Input>(layer) || std::holds_alternative<Constant<float>>(layer)) computed[id] = true;
  }
  for (const FusionGroup& group : fusion_groups(model)) {
    CHECK(group.dst == (group.absorbed.empty() ? group.primary : group.absorbed.back()));
    for (const NodeId src : group_sources(model, group)) CHECK(computed[src]);
    NodeId before = group.primary;
    ++held[group.primary];
    for (const NodeId id : group.absorbed) {
      CHECK(consumers[before] == std::vector<NodeId>{id});  // nothing else sees what is inside a step
      CHECK_FALSE(model.is_output(before));
      ++held[id];
      before = id;
    }
    computed[group.dst] = true;
  }
  for (NodeId id = 0; id < model.size(); ++id) {
    const Layer<float>& layer = model.node(id).layer;
    const bool is_source = std::holds_alternative<Input>(layer) || std::holds_alternative<Constant<float>>(layer);
    CHECK(held[id] == (is_source ? 0 : 1));
  }
}
