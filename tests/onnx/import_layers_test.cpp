// Convolutions, pooling, normalizations, matrix products and recurrent operators of ONNX.
#include <cmath>
#include <string>
#include <utility>
#include <vector>

#include <fulcrum/analysis/infer_elements.hpp>
#include <fulcrum/onnx/export.hpp>
#include <fulcrum/onnx/graph/proto.hpp>

#include <onnx/onnx_operator.hpp>
#include <support/catch.hpp>
#include <support/data.hpp>
#include "checked_export.hpp"

using namespace fulcrum;
using fulcrum::test::counting_tensor;
using fulcrum::test::Integers;
using fulcrum::test::is_near;
using fulcrum::test::layer_of;
using fulcrum::test::OnnxGraph;
using fulcrum::test::OnnxOperator;
using fulcrum::test::random_tensor;
using fulcrum::test::Values;

namespace {

/// How many layers of the model are of a type.
template <class L>
std::size_t count_of(const Model<float>& model) {
  std::size_t count = 0;
  for (const auto& node : model.nodes()) count += std::holds_alternative<L>(node.layer) ? 1 : 0;
  return count;
}

}  // namespace

// ---- Windows -------------------------------------------------------------------------------------------------------

TEST_CASE("a convolution along a line is one over a plane of height 1") {
  const auto conv = [](const char* name, Integers value) {
    return OnnxOperator("Conv")
        .src(Values({1, 2, 5}, {1, 2, 3, 4, 5, 1, 1, 1, 1, 1}))
        .constant({1, 2, 3}, {1, 0, -1, 1, 1, 1})
        .constant({1}, {0.5F})
        .with(name, std::move(value))
        .run();
  };
  CHECK(conv("strides", {1}) == Values({1, 1, 3}, {1.5, 1.5, 1.5}));
  CHECK(conv("strides", {2}) == Values({1, 1, 2}, {1.5, 1.5}));
  CHECK(conv("dilations", {2}) == Values({1, 1, 1}, {-0.5}));
  CHECK(conv("pads", {1, 0}) == Values({1, 1, 4}, {0.5, 1.5, 1.5, 1.5}));
}

TEST_CASE("windows over depth come with their settings") {
  const Model<float> model = OnnxOperator("Conv")
                                 .src(Values({1, 1, 4, 5, 6}))
                                 .constant(random_tensor<float>({2, 1, 1, 2, 3}, 1))
                                 .with("strides", Integers{2, 1, 3})
                                 .with("pads", Integers{0, 1, 2, 3, 4, 5})
                                 .with("dilations", Integers{1, 2, 1})
                                 .import();
  Window expected{{2, 3}, {1, 3}, {1, 2, 4, 5}, {2, 1}};
  expected.depth = {1, 2, 0, 3, 1};
  CHECK(layer_of<Conv<float>>(model, "y0_node").window == expected);
  const Model<float> pool = OnnxOperator("MaxPool")
                                .src(Values({1, 1, 4, 5, 6}))
                                .with("kernel_shape", Integers{2, 3, 4})
                                .with("auto_pad", "SAME_LOWER")
                                .import();
  const Window window = layer_of<Pool>(pool, "y0_node").window;
  CHECK(window.depth == DepthWindow{2, 1, 1, 0, 1});
  CHECK(window.padding == Padding(1, 2, 1, 1));
}

TEST_CASE("windows that do not fit their source are refused") {
  OnnxOperator rank("Conv");
  CHECK_THROWS_WITH(rank.src(Values({1, 2})).constant({1, 2}, {1, 2}).import(), ContainsSubstring("shape"));
  OnnxOperator weights("Conv");
  CHECK_THROWS_WITH(weights.src(Values({1, 2, 5})).constant({1, 2, 1, 1}, {1, 2}).import(),
                    ContainsSubstring("weights"));
  OnnxOperator strides("MaxPool");
  strides.src(Values({1, 2, 5})).with("kernel_shape", Integers{2}).with("strides", Integers{1, 1});
  CHECK_THROWS_WITH(strides.import(), ContainsSubstring("give 1"));
  OnnxOperator computed("Conv");
  CHECK_THROWS_WITH(computed.src(Values({1, 1, 5})).fixed(Values({1, 1, 3})).import(),
                    ContainsSubstring("its weights are computed"));
}

TEST_CASE("a transposed convolution pads so that its result has the extents it names") {
  const Values x({1, 1, 2}, {1, 2});
  const auto base = [&] {
    OnnxOperator node("ConvTranspose");
    node.src(x).constant({1, 1, 3}, {1, 10, 100}).with("strides", Integers{2});
    return node;
  };
  CHECK(base().run() == Values({1, 1, 5}, {1, 10, 102, 20, 200}));
  CHECK(base().with("output_padding", Integers{1}).run() == Values({1, 1, 6}, {1, 10, 102, 20, 200, 0}));
  CHECK(base().with("pads", Integers{1, 0}).run() == Values({1, 1, 4}, {10, 102, 20, 200}));
  CHECK(base().with("output_shape", Integers{4}).run() == Values({1, 1, 4}, {10, 102, 20, 200}));
  CHECK(base().with("output_shape", Integers{4}).with("auto_pad", "SAME_UPPER").run() ==
        Values({1, 1, 4}, {1, 10, 102, 20}));
  CHECK(base().with("auto_pad", "SAME_UPPER").run() == Values({1, 1, 4}, {1, 10, 102, 20}));
  CHECK(base().with("auto_pad", "SAME_LOWER").run() == Values({1, 1, 4}, {10, 102, 20, 200}));
  CHECK(base().with("output_shape", Integers{7}).run() == Values({1, 1, 7}, {1, 10, 102, 20, 200, 0, 0}));
  CHECK_THROWS_WITH(base().with("output_shape", Integers{1, 2, 3, 4}).run(), ContainsSubstring("output_shape"));
}

TEST_CASE("pooling along a line gives the maximum, its place and the average") {
  const Values x({1, 2, 4}, {1, 4, 3, 2, 8, 5, 6, 7});
  const auto max = OnnxOperator("MaxPool").src(x).with("kernel_shape", Integers{2}).run_all(2);
  CHECK(max[0] == Values({1, 2, 3}, {4, 4, 3, 8, 6, 7}));
  CHECK(max[1] == Values({1, 2, 3}, {1, 1, 2, 4, 6, 7}));
  CHECK(OnnxOperator("AveragePool").src(x).with("kernel_shape", Integers{2}).with("strides", Integers{2}).run() ==
        Values({1, 2, 2}, {2.5, 2.5, 6.5, 6.5}));
  CHECK(OnnxOperator("AveragePool", 19).src(x).with("kernel_shape", Integers{2}).with("dilations", Integers{2}).run() ==
        Values({1, 2, 2}, {2, 3, 7, 6}));
  const Model<float> model = OnnxOperator("MaxPool").src(x).with("kernel_shape", Integers{2}).import(2);
  CHECK(infer_elements(model)[model.outputs()[1]] == ElementType::s64);
}

TEST_CASE("LpPool and GlobalLpPool take roots of sums of powers") {
  const Values x({1, 2, 3}, {3, 4, 0, -1, -2, 2});
  const auto pool = [&](int p) {
    return OnnxOperator("LpPool", 18).src(x).with("kernel_shape", Integers{2}).with("p", p);
  };
  CHECK(is_near(pool(2).run(), {1, 2, 2}, {5, 4, std::sqrt(5.0), std::sqrt(8.0)}));
  CHECK(is_near(pool(1).run(), {1, 2, 2}, {7, 4, 3, 4}));
  CHECK(is_near(pool(3).run(), {1, 2, 2}, {std::cbrt(91.0), 4, std::cbrt(9.0), std::cbrt(16.0)}));
  CHECK(is_near(pool(1).with("strides", Integers{2}).with("ceil_mode", 1).run(), {1, 2, 2}, {7, 0, 3, 2}));
  CHECK(is_near(OnnxOperator("GlobalLpPool").src(x).run(), {1, 2, 1}, {5, 3}));
  CHECK(is_near(OnnxOperator("GlobalLpPool").src(x).with("p", 3).run(), {1, 2, 1}, {std::cbrt(91.0), std::cbrt(17.0)}));
}

TEST_CASE("global pooling takes sources with one to three axes") {
  const Values x({1, 2, 3}, {3, 4, 2, -1, -2, 0});
  CHECK(OnnxOperator("GlobalAveragePool").src(x).run() == Values({1, 2, 1}, {3, -1}));
  CHECK(OnnxOperator("GlobalMaxPool").src(x).run() == Values({1, 2, 1}, {4, 0}));
  CHECK(OnnxOperator("GlobalMaxPool").src(counting_tensor<double>({1, 1, 2, 2, 2})).run() ==
        Values({1, 1, 1, 1, 1}, {7}));
  CHECK(count_of<GlobalPool>(OnnxOperator("GlobalMaxPool").src(Values({1, 1, 2, 2})).import()) == 1);
}

// ---- Normalizations ------------------------------------------------------------------------------------------------

TEST_CASE("a layer normalization gives its statistics where they are wanted") {
  const Values x({2, 2}, {1, 3, -2, 2});
  const auto node = [&] {
    OnnxOperator layer("LayerNormalization", 17);
    layer.src(x).constant({2}, {1, 2}).constant({2}, {0, 10}).with("epsilon", 0.0F);
    return layer;
  };
  const auto y = node().run_all(3);
  CHECK(is_near(y[0], {2, 2}, {-1, 12, -1, 12}));
  CHECK(is_near(y[1], {2, 1}, {2, 0}));
  CHECK(is_near(y[2], {2, 1}, {1, 0.5}));
  CHECK(count_of<Reduce>(node().import()) == 0);
  OnnxOperator outer("LayerNormalization", 17);
  outer.src(Values({1, 2, 2}, {0, 2, 4, 6})).constant({2, 2}, {1, 1, 1, 1}).with("axis", 1);
  CHECK(outer.with("epsilon", 4.0F).run() == Values({1, 2, 2}, {-1, -1.0 / 3, 1.0 / 3, 1}));
}

TEST_CASE("a layer normalization takes a scale that is broadcast or computed") {
  const Values x({1, 2, 2}, {1, 3, -2, 2});
  OnnxOperator broadcast("LayerNormalization", 17);
  broadcast.src(x).constant({1}, {2}).constant({2, 1}, {0, 1}).with("epsilon", 0.0F);
  CHECK(is_near(broadcast.run(), {1, 2, 2}, {-2, 2, -1, 3}));
  OnnxOperator computed("LayerNormalization", 17);
  computed.src(x).fixed(Values({2}, {1, 3})).with("epsilon", 0.0F);
  CHECK(is_near(computed.run(), {1, 2, 2}, {-1, 3, -1, 3}));
}

TEST_CASE("group normalization has a scale per group, and per channel from opset 21 on") {
  const Values x({1, 4, 1}, {0, 2, 5, 9});
  const auto node = [&](std::int64_t opset, std::vector<float> scale, std::vector<float> shift) {
    const auto size = static_cast<std::int64_t>(scale.size());
    return OnnxOperator("GroupNormalization", opset)
        .src(x)
        .constant({size}, scale)
        .constant({size}, shift)
        .with("num_groups", 2)
        .with("epsilon", 0.0F)
        .run();
  };
  CHECK(is_near(node(18, {1, 3}, {0, 1}), {1, 4, 1}, {-1, 1, -2, 4}));
  CHECK(is_near(node(21, {1, 3, 1, 2}, {0, 1, 2, 3}), {1, 4, 1}, {-1, 4, 1, 5}));
}

TEST_CASE("instance, local response and mean-variance normalization come with their settings") {
  OnnxOperator instance("InstanceNormalization");
  instance.src(Values({1, 2, 2}, {1, 3, 4, 8})).constant({2}, {1, 2}).constant({2}, {0, 1}).with("epsilon", 0.0F);
  CHECK(is_near(instance.run(), {1, 2, 2}, {-1, 1, -1, 3}));
  OnnxOperator lrn("LRN");
  lrn.src(Values({1, 3, 1}, {1, 2, 3})).with("size", 3).with("alpha", 3.0F).with("beta", 1.0F).with("bias", 2.0F);
  CHECK(is_near(lrn.run(), {1, 3, 1}, {1.0 / 7, 2.0 / 16, 3.0 / 15}));
  CHECK_THROWS_WITH(OnnxOperator("LRN").src(Values({1, 3, 1})).import(), ContainsSubstring("'size'"));
  OnnxOperator mvn("MeanVarianceNormalization");
  CHECK(
      is_near(mvn.src(Values({1, 2, 2}, {1, 3, 4, 8})).with("axes", Integers{0, 2}).run(), {1, 2, 2}, {-1, 1, -1, 1}));
}

TEST_CASE("a batch normalization with computed statistics or in training is refused in one sentence") {
  const auto node = [](bool computed) {
    OnnxOperator layer("BatchNormalization", 14);
    layer.src(Values({1, 1, 2}));
    if (computed) layer.fixed(Values({1}, {1}));
    if (!computed) layer.constant({1}, {1});
    layer.constant({1}, {0}).constant({1}, {0}).constant({1}, {1});
    return layer;
  };
  CHECK_THROWS_WITH(node(true).import(), ContainsSubstring("its scales are computed"));
  CHECK_THROWS_WITH(node(false).with("training_mode", 1).import(), ContainsSubstring("evaluation mode"));
  CHECK_NOTHROW(node(false).import());
}

// ---- Matrix products -----------------------------------------------------------------------------------------------

TEST_CASE("Gemm multiplies whatever is transposed, constant or computed") {
  const Values a({2, 3}, {1, 2, 3, 4, 5, 6});
  const std::vector<double> product{22, 28, 49, 64};
  CHECK(is_near(OnnxOperator("Gemm").src(a).constant({3, 2}, {1, 2, 3, 4, 5, 6}).run(), {2, 2}, product));
  CHECK(is_near(OnnxOperator("Gemm").src(a).fixed(Values({3, 2}, {1, 2, 3, 4, 5, 6})).run(), {2, 2}, product));
  const Values at({3, 2}, {1, 4, 2, 5, 3, 6});
  const Values bt({2, 3}, {1, 3, 5, 2, 4, 6});
  OnnxOperator both("Gemm");
  both.fixed(at).fixed(bt).with("transA", 1).with("transB", 1).with("alpha", 2.0F);
  CHECK(is_near(both.run(), {2, 2}, {44, 56, 98, 128}));
  OnnxOperator left("Gemm");
  CHECK(is_near(left.fixed(at).constant({3, 2}, {1, 2, 3, 4, 5, 6}).with("transA", 1).run(), {2, 2}, product));
  OnnxOperator constant("Gemm");
  constant.constant({2, 3}, {1, 2, 3, 4, 5, 6}).fixed(Values({3, 2}, {1, 2, 3, 4, 5, 6}));
  CHECK(is_near(constant.run(), {2, 2}, product));
  OnnxOperator transposed("Gemm");
  transposed.constant({3, 2}, {1, 4, 2, 5, 3, 6}).fixed(Values({3, 2}, {1, 2, 3, 4, 5, 6})).with("transA", 1);
  CHECK(is_near(transposed.run(), {2, 2}, product));
  CHECK_FALSE(layer_of<MatMul>(transposed.import(), "y0_node").transpose_src);  // was transposed while importing
}

TEST_CASE("the C of a Gemm may be a number, a row, a column, a matrix, or computed") {
  const Values a({2, 1}, {1, 2});
  const auto gemm = [&](const Shape& shape, const std::vector<float>& c, bool computed) {
    OnnxOperator node("Gemm");
    node.fixed(a).constant({1, 2}, {10, 100});
    if (computed)
      node.fixed(Values(shape, std::span<const double>(std::vector<double>(c.begin(), c.end()))));
    else
      node.constant(shape, c);
    return node.with("beta", 0.5F).run();
  };
  for (const bool computed : {false, true}) {
    CHECK(gemm({}, {2}, computed) == Values({2, 2}, {11, 101, 21, 201}));
    CHECK(gemm({2}, {2, 4}, computed) == Values({2, 2}, {11, 102, 21, 202}));
    CHECK(gemm({2, 1}, {2, 4}, computed) == Values({2, 2}, {11, 101, 22, 202}));
    CHECK(gemm({2, 2}, {2, 4, 6, 8}, computed) == Values({2, 2}, {11, 102, 23, 204}));
  }
}

TEST_CASE("a constant on the right of a product makes a Dense layer: a matrix, a vector, floats or integers") {
  const auto product = [](const std::string& type, const Shape& shape, bool integers) {
    OnnxGraph graph;
    const std::int32_t element = integers ? onnx::TensorProto::INT32 : onnx::TensorProto::FLOAT;
    graph.input("x", {2, 3, 2}, element);
    if (integers) {
      graph.initializer("w", shape, std::vector<std::int32_t>{1, 2}, element);
      graph.initializer("b", Shape{1}, std::vector<std::int32_t>{3}, element);
    } else {
      graph.floats("w", shape, {1, 2}).floats("b", {1}, {3});
    }
    graph.node("MatMul", {"x", "w"}, "product").node(type, {"product", "b"}, "y").output("y");
    const Model<float> model = graph.import();
    CHECK(count_of<Dense<float>>(model) == 1);
    CHECK(count_of<MatMul>(model) == 0);
    const std::string first = test::checked_onnx(model);
    CHECK((test::checked_onnx(parse_onnx(first)) == first));
    return model.size();
  };
  for (const bool integers : {false, true}) {
    CHECK(product("Add", {2, 1}, integers) == 2);
    CHECK(product("Mul", {2, 1}, integers) == 4);
    CHECK(product("Mul", {2}, integers) == 5);  // drops the last axis
  }
}

TEST_CASE("MatMul multiplies operands of any rank") {
  const auto product = [](const Shape& a, const Shape& b, bool constant) {
    OnnxOperator node("MatMul");
    node.fixed(counting_tensor<double>(a));
    if (constant) node.constant(counting_tensor<float>(b));
    if (!constant) node.fixed(counting_tensor<double>(b));
    return node.run();
  };
  for (const bool constant : {false, true}) {
    CHECK(product({2}, {2}, constant) == Values({}, {1}));
    CHECK(product({2}, {2, 3}, constant) == Values({3}, {3, 4, 5}));
    CHECK(product({2, 2}, {2}, constant) == Values({2}, {1, 3}));
    CHECK(product({1, 2, 2}, {2, 1}, constant) == Values({1, 2, 1}, {1, 3}));
    CHECK(product({2}, {2, 2, 1}, constant) == Values({2, 1}, {1, 3}));
    CHECK(product({2, 1, 2}, {2, 1}, constant) == Values({2, 1, 1}, {1, 3}));
    CHECK(product({2, 1, 1, 2}, {3, 2, 1}, constant).dims() == Shape{2, 3, 1, 1});
  }
  CHECK(OnnxOperator("MatMul").constant({2, 2}, {1, 2, 3, 4}).fixed(Values({2, 1}, {1, 1})).run() ==
        Values({2, 1}, {3, 7}));
  const Model<float> dense = OnnxOperator("MatMul").src(Values({1, 2, 2})).constant({2, 2}, {1, 2, 3, 4}).import();
  CHECK(count_of<Dense<float>>(dense) == 1);
  const Model<float> batched = OnnxOperator("MatMul").src(Values({1, 2, 2})).constant({1, 2, 1}, {1, 2}).import();
  CHECK(count_of<MatMul>(batched) == 1);
}

TEST_CASE("a bias added to a product is kept whatever the product becomes") {
  const auto sum = [](OnnxGraph graph, const Values& x) {
    graph.node("MatMul", {"x", "w"}, "product").node("Add", {"product", "b"}, "y").output("y");
    return ReferenceExecutor<double>(cast<double>(graph.import())).run(std::span<const Values>(&x, 1)).at(0);
  };
  OnnxGraph line;
  line.input("x", {2}).floats("w", {2, 2}, {1, 2, 3, 4}).floats("b", {2}, {10, 20});
  CHECK(sum(line, Values({2}, {1, 1})) == Values({2}, {14, 26}));
  OnnxGraph integers;
  integers.input("x", {1, 2}, ::onnx::TensorProto::INT64);
  integers.initializer("w", Shape{2, 2}, Integers{1, 2, 3, 4}, ::onnx::TensorProto::INT64).integers("b", {10, 20});
  CHECK(sum(integers, Values({1, 2}, {1, 1})) == Values({1, 2}, {14, 26}));
}

// ---- Recurrent operators -------------------------------------------------------------------------------------------

TEST_CASE("an RNN gives the state after each step and after the last, in each direction") {
  const Values x({3, 1, 1}, {1, 2, 4});
  const auto node = [&](const char* direction, std::int64_t directions) {
    OnnxOperator rnn("RNN", 14);
    const std::vector<float> ones(static_cast<std::size_t>(directions), 1.0F);
    rnn.fixed(x).constant({directions, 1, 1}, ones).constant({directions, 1, 1}, ones);
    rnn.with("hidden_size", 1).with("direction", direction);
    return rnn.with_texts("activations", std::vector<std::string>(ones.size(), "Relu")).run_all(2);
  };
  const auto forward = node("forward", 1);
  CHECK(forward[0] == Values({3, 1, 1, 1}, {1, 3, 7}));
  CHECK(forward[1] == Values({1, 1, 1}, {7}));
  const auto reverse = node("reverse", 1);
  CHECK(reverse[0] == Values({3, 1, 1, 1}, {7, 6, 4}));
  CHECK(reverse[1] == Values({1, 1, 1}, {7}));
  const auto both = node("bidirectional", 2);
  CHECK(both[0] == Values({3, 2, 1, 1}, {1, 7, 3, 6, 7, 4}));
  CHECK(both[1] == Values({2, 1, 1}, {7, 7}));
}

TEST_CASE("a batch-first RNN has the batch first everywhere") {
  const Values x({2, 3, 1}, {1, 2, 4, 10, 20, 40});
  OnnxOperator rnn("RNN", 14);
  rnn.src(x).constant({1, 1, 1}, {1}).constant({1, 1, 1}, {1}).absent().absent();
  rnn.constant({2, 1, 1}, {100, 200}).with("layout", 1).with_texts("activations", {"Relu"});
  CHECK_THROWS(rnn.run_all(2));  // a first state for two samples, and any batch
  OnnxOperator two("RNN", 14);
  two.fixed(x).constant({1, 1, 1}, {1}).constant({1, 1, 1}, {1}).absent().absent();
  two.constant({2, 1, 1}, {100, 200}).with("layout", 1).with_texts("activations", {"Relu"});
  const auto y = two.run_all(2);
  CHECK(y[0] == Values({2, 3, 1, 1}, {101, 103, 107, 210, 230, 270}));
  CHECK(y[1] == Values({2, 1, 1}, {107, 270}));
}

TEST_CASE("an LSTM gives its cell state") {
  OnnxOperator lstm("LSTM", 14);
  lstm.fixed(Values({2, 1, 1}, {1, 1})).constant({1, 4, 1}, {0, 0, 0, 0}).constant({1, 4, 1}, {0, 0, 0, 0});
  lstm.constant({1, 8}, {0, 0, 0, 1, 0, 0, 0, 0})
      .integers({2})
      .absent()
      .constant({1, 1, 1}, {4})
      .with("hidden_size", 1);
  const auto y = lstm.run_all(3);  // gates ½, candidate tanh 1
  const double c1 = 0.5 * 4 + 0.5 * std::tanh(1.0);
  const double c2 = 0.5 * c1 + 0.5 * std::tanh(1.0);
  CHECK(is_near(y[0], {2, 1, 1, 1}, {0.5 * std::tanh(c1), 0.5 * std::tanh(c2)}));
  CHECK(is_near(y[1], {1, 1, 1}, {0.5 * std::tanh(c2)}));
  CHECK(is_near(y[2], {1, 1, 1}, {c2}));
}

TEST_CASE("recurrent operators come with their functions and settings") {
  OnnxOperator gru("GRU", 14);
  gru.fixed(Values({2, 1, 1})).constant({1, 3, 1}, {1, 2, 3}).constant({1, 3, 1}, {4, 5, 6});
  gru.with("linear_before_reset", 1).with("clip", 2.0F).with_texts("activations", {"HardSigmoid", "LeakyRelu"});
  gru.with_floats("activation_alpha", {0.3F, 0.1F}).with_floats("activation_beta", {0.6F});
  const Model<float> model = gru.import();
  const auto& layer = layer_of<Recurrent<float>>(model, "y0_node");
  CHECK(layer.cell == RecurrentKind::gru);
  CHECK(layer.linear_before_reset);
  CHECK(layer.clip == 2.0F);
  CHECK(layer.functions ==
        std::vector<Activation>{{ActivationKind::hard_sigmoid, 0.3F, 0.6F}, {ActivationKind::leaky_relu, 0.1F}});
  OnnxOperator lstm("LSTM", 14);
  lstm.fixed(Values({2, 1, 1})).constant({1, 4, 1}, {1, 2, 3, 4}).constant({1, 4, 1}, {1, 2, 3, 4});
  lstm.absent().absent().absent().absent().constant({1, 3}, {7, 8, 9}).with("input_forget", 1);
  const Model<float> coupled = lstm.import();
  const auto& cell = layer_of<Recurrent<float>>(coupled, "y0_node");
  CHECK(cell.couple_input_forget);
  CHECK(*cell.peepholes.value == Tensor<float>({1, 3}, {7, 8, 9}));
  CHECK(cell.functions.size() == 3);
  CHECK(cell.functions[0].function == ActivationKind::sigmoid);
  CHECK(cell.functions[2].function == ActivationKind::tanh);
}

TEST_CASE("recurrent operators refuse what they cannot do") {
  const auto rnn = [] {
    OnnxOperator node("RNN", 14);
    node.fixed(Values({3, 1, 1})).constant({1, 1, 1}, {1}).constant({1, 1, 1}, {1});
    return node;
  };
  CHECK_THROWS_WITH(rnn().with_texts("activations", {"Affine"}).import(), ContainsSubstring("affine"));
  CHECK_THROWS_WITH(rnn().with("direction", "sideways").import(), ContainsSubstring("'sideways'"));
}

TEST_CASE("sequences shorter than the batch's longest end early, in each direction") {
  const auto node = [](const char* direction) {
    OnnxOperator rnn("RNN", 14);
    rnn.fixed(Values({3, 2, 1}, {1, 10, 2, 20, 4, 40})).constant({1, 1, 1}, {1}).constant({1, 1, 1}, {1});
    rnn.absent().integers({3, 2}).with("hidden_size", 1).with("direction", direction);
    return rnn.with_texts("activations", {"Relu"}).run_all(2);
  };
  const auto forward = node("forward");
  CHECK(forward[0] == Values({3, 1, 2, 1}, {1, 10, 3, 30, 7, 0}));
  CHECK(forward[1] == Values({1, 2, 1}, {7, 30}));
  const auto reverse = node("reverse");
  CHECK(reverse[0] == Values({3, 1, 2, 1}, {7, 30, 6, 20, 4, 0}));
  CHECK(reverse[1] == Values({1, 2, 1}, {7, 30}));
  OnnxOperator full("RNN", 14);
  full.fixed(Values({3, 1, 1})).constant({1, 1, 1}, {1}).constant({1, 1, 1}, {1}).absent().integers({3});
  CHECK_FALSE(layer_of<Recurrent<float>>(full.import(), "y0_node").with_lengths);
}
