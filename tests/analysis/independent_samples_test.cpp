#include <fulcrum/analysis/independent_samples.hpp>

#include <fulcrum/exec/reference.hpp>
#include <fulcrum/model/builder.hpp>
#include <fulcrum/zoo/zoo.hpp>

#include <support/catch.hpp>
#include <support/data.hpp>
#include <support/random_model.hpp>
#include <support/tolerance.hpp>

using namespace fulcrum;

namespace {

/// Input (batch, 4, 6), then the layer.
bool after_input(const Layer<float>& layer) {
  Model<float> model("m");
  const NodeId input = model.add({"input", Input{{batch_dim, 4, 6}}, {}, {}});
  model.set_outputs({model.add({"layer", layer, {input}, {}})});
  return samples_are_independent(model, 4, 2);
}

/// Input (batch, 4, 6) and a constant of the shape, then the layer of both in this order or the other.
bool with_constant(const Layer<float>& layer, const Shape& constant, bool constant_first = false) {
  Model<float> model("m");
  const NodeId input = model.add({"input", Input{{batch_dim, 4, 6}}, {}, {}});
  const NodeId other = model.add({"constant", Constant<float>{Tensor<float>(constant)}, {}, {}});
  const std::vector<NodeId> src = constant_first ? std::vector{other, input} : std::vector{input, other};
  model.set_outputs({model.add({"layer", layer, src, {}})});
  return samples_are_independent(model, 4, 2);
}

}  // namespace

TEST_CASE("networks for images and text keep samples apart") {
  for (const std::string name : {"fashion_cnn", "mobilenet_v2", "densenet121", "efficientnet_b0", "shufflenet_v2_x1_0",
                                 "unet", "r3d_18_slim", "m5", "vit_b_16", "bert_base", "recommendation"}) {
    INFO(name);
    CHECK(samples_are_independent(zoo_model(name), 4, 1));
    CHECK(samples_are_independent(zoo_model(name), 4, 2));
  }
}

TEST_CASE("recurrent networks keep samples apart along another axis than the outermost") {
  CHECK(samples_are_independent(zoo_model("speech_lstm"), 4, 1));
  CHECK(samples_are_independent(zoo_model("speech_lstm"), 6, 2));
  auto b = ModelBuilder<float>("two").input({5, 6}).transpose({1, 0, 2});
  const RecurrentOptions both_ways{.direction = RecurrentDirection::bidirectional};
  b.lstm(4, both_ways).transpose({0, 2, 1, 3}).reshape({5, -1, 8}).gru(3, both_ways);  // (5, 2, N, 3)
  const ModelBuilder<float> steps = b;
  CHECK(samples_are_independent(ModelBuilder(steps).transpose({2, 0, 1, 3}).flatten().dense(2).build(), 4, 2));
  CHECK_FALSE(samples_are_independent(steps.build(), 4, 2));  // an output whose outermost axis is the steps
  const auto and_back = [&](const Layer<float>& layer) {
    ModelBuilder<float> more = steps;
    return samples_are_independent(more.layer(layer, {more.last()}).transpose({2, 0, 1, 3}).build(), 4, 2);
  };
  CHECK(and_back(Activation{}));
  CHECK(and_back(Softmax{1}));
  CHECK_FALSE(and_back(Softmax{2}));
  CHECK(and_back(Slice{{0, 1}, {4, 0}, {5, 1}, {}}));
  CHECK_FALSE(and_back(Slice{{2}, {0}, {1}, {}}));
  CHECK(and_back(Reduce{ReduceKind::mean, {0}, true}));
  CHECK_FALSE(and_back(Reduce{ReduceKind::mean, {2}, true}));
  CHECK_FALSE(and_back(CumSum{}));
  // The samples are the steps of the sequence.
  CHECK_FALSE(samples_are_independent(ModelBuilder<float>("m").input({5, 6}).lstm(4).build(), 4, 2));
  // A Reshape that gives the samples' axis to the steps.
  auto other = ModelBuilder<float>("m").input({4, 6}).transpose({1, 0, 2}).reshape({-1, 4, 6}).lstm(4);
  CHECK_FALSE(samples_are_independent(other.transpose({2, 0, 1, 3}).build(), 8, 2));
}

TEST_CASE("layers that work along the batch mix samples") {
  CHECK(after_input(Activation{}));
  CHECK(after_input(Softmax{-1}));
  CHECK_FALSE(after_input(Softmax{0}));
  CHECK_FALSE(after_input(LayerNormalization<float>{-3, {}, {}, 1e-5}));
  CHECK(after_input(LayerNormalization<float>{1, {}, {}, 1e-5}));
  CHECK(after_input(Reduce{ReduceKind::mean, {1, -1}, true}));
  CHECK_FALSE(after_input(Reduce{ReduceKind::mean, {0}, true}));
  CHECK_FALSE(after_input(Reduce{ReduceKind::mean, {}, true}));
  CHECK(after_input(ArgReduce{true, 1, true, false}));
  CHECK_FALSE(after_input(ArgReduce{true, 0, true, false}));
  CHECK(after_input(Transpose{{0, 2, 1}}));
  CHECK_FALSE(after_input(Transpose{{1, 0, 2}}));
  CHECK_FALSE(after_input(Transpose{{}}));
  CHECK(after_input(Slice{{1}, {0}, {2}, {}}));
  CHECK_FALSE(after_input(Slice{{0}, {0}, {1}, {}}));
  CHECK(after_input(Tile{{1, 2, 1}}));
  CHECK_FALSE(after_input(Tile{{2, 1, 1}}));
  CHECK(after_input(Pad{PadKind::constant, {0, 1, 0}, {0, 0, 2}, 0.0F}));
  CHECK_FALSE(after_input(Pad{PadKind::constant, {1, 0, 0}, {0, 0, 0}, 0.0F}));
  CHECK(after_input(Flatten{1}));
  CHECK_FALSE(after_input(Flatten{0}));
}

TEST_CASE("a reshape keeps samples apart where each stays in one piece") {
  CHECK(after_input(Reshape{{0, 24}, false}));
  CHECK(after_input(Reshape{{-1, 6}, false}));
  CHECK_FALSE(after_input(Reshape{{6, -1}, false}));
  CHECK_FALSE(after_input(Reshape{{4, -1}, false}));  // a batch of 4 and no other
  CHECK_FALSE(after_input(Reshape{{8, -1}, false}));
}

TEST_CASE("what is broadcast over a batch is the same for every sample") {
  CHECK(with_constant(Binary{BinaryKind::add}, {4, 6}));
  CHECK(with_constant(Binary{BinaryKind::add}, {1, 4, 1}, true));
  CHECK_FALSE(with_constant(Binary{BinaryKind::add}, {2, 1, 4, 6}));  // a new outermost axis
  CHECK(with_constant(MatMul{}, {6, 3}));
  CHECK(with_constant(MatMul{}, {1, 6, 3}));
  CHECK(with_constant(MatMul{}, {5, 4}, true));
  CHECK_FALSE(with_constant(Concat{1}, {4, 4, 6}));  // a constant for each of four samples
  CHECK(with_constant(Gather{1}, {3}));
  CHECK_FALSE(with_constant(Gather{0}, {3}));
  CHECK(with_constant(Gather{0}, {9, 5}, true));  // rows of a table
  CHECK_FALSE(with_constant(Gather{1}, {9, 5}, true));
}

TEST_CASE("indices within a sample keep samples apart, those along the batch do not") {
  const auto of_itself = [](const Layer<float>& layer, std::size_t sources) {
    Model<float> model("m");
    const NodeId input = model.add({"input", Input{{batch_dim, 4, 6}}, {}, {}});
    model.set_outputs({model.add({"layer", layer, std::vector<NodeId>(sources, input), {}})});
    return samples_are_independent(model, 4, 2);
  };
  CHECK(of_itself(GatherElements{1}, 2));
  CHECK_FALSE(of_itself(GatherElements{0}, 2));
  CHECK(of_itself(ScatterElements{-1}, 3));
  CHECK_FALSE(of_itself(ScatterElements{0}, 3));
  CHECK_FALSE(with_constant(GatherElements{1}, {4, 4, 6}));  // indices for each of four samples
  CHECK(after_input(TopK{2, 1}));
  CHECK_FALSE(after_input(TopK{1, 0}));
  CHECK(after_input(CumSum{2}));
  CHECK_FALSE(after_input(CumSum{0}));
}

TEST_CASE("a constant that is expanded to the batch is a part of every sample") {
  Model<float> model("m");
  const NodeId input = model.add({"input", Input{{batch_dim, 4, 6}}, {}, {}});
  const NodeId token = model.add({"token", Constant<float>{Tensor<float>({1, 1, 6})}, {}, {}});
  const NodeId tokens = model.add({"tokens", Expand{{batch_dim, 1, 6}}, {token}, {}});
  model.set_outputs({model.add({"joined", Concat{1}, {tokens, input}, {}})});
  CHECK(samples_are_independent(model, 4, 2));
}

TEST_CASE("inputs and outputs need the batch outermost") {
  Model<float> model("m");
  const NodeId input = model.add({"input", Input{{4, batch_dim, 6}}, {}, {}});
  model.set_outputs({model.add({"relu", Activation{}, {input}, {}})});
  CHECK_FALSE(samples_are_independent(model, 4, 2));

  Model<float> fixed("m");
  const NodeId other = fixed.add({"input", Input{{4, 6}}, {}, {}});
  fixed.set_outputs({fixed.add({"relu", Activation{}, {other}, {}})});
  CHECK_FALSE(samples_are_independent(fixed, 4, 2));

  Model<float> constant("m");
  const NodeId source = constant.add({"input", Input{{batch_dim, 6}}, {}, {}});
  const NodeId value = constant.add({"constant", Constant<float>{Tensor<float>({1, 6})}, {}, {}});
  constant.set_outputs({source, value});
  CHECK_FALSE(samples_are_independent(constant, 4, 2));
}

TEST_CASE("random networks that are said to keep samples apart do so") {
  int independent = 0;
  for (std::uint64_t seed = 0; seed < 40; ++seed) {
    const Model<float> model = test::random_model(seed);
    if (!samples_are_independent(model, 4, 2)) continue;
    ++independent;
    std::vector<Tensor<float>> whole, halves[2];
    const std::vector<Shape> shapes = infer_shapes(model, 4);
    for (const NodeId id : model.inputs()) {
      const Tensor<float> src = test::random_tensor<float>(shapes[id], seed + id);
      whole.push_back(src);
      Shape half = shapes[id];
      half[0] /= 2;
      for (int i : {0, 1}) {
        Tensor<float> part(half);
        const auto from = src.flat().begin() + static_cast<std::ptrdiff_t>(part.flat().size()) * i;
        std::copy(from, from + static_cast<std::ptrdiff_t>(part.flat().size()), part.flat().begin());
        halves[i].push_back(std::move(part));
      }
    }
    ReferenceExecutor<float> reference(model);
    const std::vector<Tensor<float>> expected = reference.run(whole);
    std::vector<std::vector<Tensor<float>>> parts{reference.run(halves[0]), reference.run(halves[1])};
    for (std::size_t k = 0; k < expected.size(); ++k) {
      Tensor<float> joined(expected[k].dims());
      const auto second = std::copy(parts[0][k].flat().begin(), parts[0][k].flat().end(), joined.flat().begin());
      std::copy(parts[1][k].flat().begin(), parts[1][k].flat().end(), second);
      INFO("seed " << seed << ", output " << k);
      CHECK(test::relative_difference(joined, expected[k]) <= 1e-5);  // sums may run in another order
    }
  }
  CHECK(independent >= 10);
}
