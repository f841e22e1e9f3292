#include <fulcrum/onnx/import.hpp>

#include <limits>
#include <string>
#include <vector>

#include <fulcrum/core/file.hpp>
#include <fulcrum/exec/reference.hpp>

#include <onnx/onnx_graph.hpp>
#include <support/catch.hpp>
#include <support/data.hpp>
#include <support/temporary_folder.hpp>

using namespace fulcrum;
using fulcrum::test::counting_tensor;
using fulcrum::test::layer_of;
using fulcrum::test::OnnxAttribute;
using fulcrum::test::OnnxGraph;
using fulcrum::test::random_tensor;
using Integers = std::vector<std::int64_t>;

namespace {

constexpr float float_end = std::numeric_limits<float>::max();

/// x of shape (N, 4, 6, 8) through one node.
template <class L>
L through(const std::string& type, const std::vector<OnnxAttribute>& attributes = {}, std::int64_t opset = 13) {
  const Model<float> model =
      OnnxGraph(opset).input("x", {0, 4, 6, 8}).node(type, {"x"}, "y", attributes).output("y").import();
  return layer_of<L>(model, "y_node");
}

Tensor<float> run_model(const Model<float>& model, const Tensor<float>& x) {
  return ReferenceExecutor<float>(model).run(std::span<const Tensor<float>>(&x, 1)).at(0);
}

}  // namespace

// ---- Operators -----------------------------------------------------------------------------------------------------

TEST_CASE("a convolution comes with its weights, window and groups") {
  const auto weights = random_tensor<float>({6, 2, 3, 5}, 1);
  const Model<float> model = OnnxGraph()
                                 .input("x", {0, 4, 9, 9})
                                 .floats("w", weights)
                                 .floats("b", {6}, {1, 2, 3, 4, 5, 6})
                                 .node("Conv", {"x", "w", "b"}, "y",
                                       {{"strides", Integers{2, 1}},
                                        {"pads", Integers{0, 1, 2, 3}},
                                        {"dilations", Integers{2, 1}},
                                        {"group", std::int64_t{2}}})
                                 .output("y")
                                 .import();
  const auto& conv = layer_of<Conv<float>>(model, "y_node");
  CHECK(*conv.weights.value == weights);
  CHECK(*conv.bias.value == Tensor<float>({6}, {1, 2, 3, 4, 5, 6}));
  CHECK(conv.window == Window{{3, 5}, {2, 1}, {0, 1, 2, 3}, {2, 1}, false});
  CHECK(conv.groups == 2);
  CHECK(layer_of<Input>(model, "x").shape == Shape{batch_dim, 4, 9, 9});
  CHECK(infer_shapes(model, 3).back() == Shape{3, 6, 4, 9});
}

TEST_CASE("auto_pad becomes the padding it stands for") {
  const auto padding = [](const std::string& mode, std::int64_t extent, std::int64_t kernel, std::int64_t stride) {
    const Model<float> model =
        OnnxGraph()
            .input("x", {0, 1, extent, extent})
            .node(
                "MaxPool", {"x"}, "y",
                {{"kernel_shape", Integers{kernel, kernel}}, {"strides", Integers{stride, stride}}, {"auto_pad", mode}})
            .output("y")
            .import();
    return layer_of<Pool>(model, "y_node").window.padding;
  };
  CHECK(padding("SAME_UPPER", 5, 3, 1) == Padding(1));
  CHECK(padding("SAME_UPPER", 6, 3, 2) == Padding(0, 0, 1, 1));
  CHECK(padding("SAME_LOWER", 6, 3, 2) == Padding(1, 1, 0, 0));
  CHECK(padding("SAME_UPPER", 7, 1, 3) == Padding(0));
  CHECK(padding("VALID", 6, 3, 2) == Padding(0));
  CHECK(padding("NOTSET", 6, 3, 2) == Padding(0));
}

TEST_CASE("pooling comes with its window and its way to count") {
  const auto average = through<Pool>("AveragePool", {{"kernel_shape", Integers{3, 2}},
                                                     {"pads", Integers{1, 0, 1, 1}},
                                                     {"strides", Integers{2, 2}},
                                                     {"ceil_mode", std::int64_t{1}},
                                                     {"count_include_pad", std::int64_t{1}}});
  CHECK(average == Pool{PoolKind::average, Window{{3, 2}, {2, 2}, {1, 0, 1, 1}, {1, 1}, true}, true});
  const auto max = through<Pool>("MaxPool", {{"kernel_shape", Integers{2, 2}}, {"dilations", Integers{1, 3}}});
  CHECK(max == Pool{PoolKind::max, Window{{2, 2}, {1, 1}, 0, {1, 3}, false}, false});
  CHECK(through<GlobalPool>("GlobalMaxPool").pool == PoolKind::max);
  CHECK(through<GlobalPool>("GlobalAveragePool").pool == PoolKind::average);
}

TEST_CASE("activations come with their parameters and defaults") {
  using Kind = ActivationKind;
  CHECK(through<Activation>("Relu") == Activation{Kind::relu});
  CHECK(through<Activation>("LeakyRelu") == Activation{Kind::leaky_relu, 0.01F});
  CHECK(through<Activation>("LeakyRelu", {{"alpha", 0.3F}}) == Activation{Kind::leaky_relu, 0.3F});
  CHECK(through<Activation>("Elu") == Activation{Kind::elu, 1.0F});
  CHECK(through<Activation>("HardSigmoid") == Activation{Kind::hard_sigmoid, 0.2F, 0.5F});
  CHECK(through<Activation>("Sigmoid") == Activation{Kind::sigmoid});
  CHECK(through<Activation>("Tanh") == Activation{Kind::tanh});
  CHECK(through<Activation>("Softplus") == Activation{Kind::softplus});
  CHECK(through<Activation>("HardSwish", {}, 14) == Activation{Kind::hard_swish});
  CHECK(through<Activation>("Gelu", {}, 20) == Activation{Kind::gelu});
  CHECK(through<Activation>("Gelu", {{"approximate", std::string("tanh")}}, 20) == Activation{Kind::gelu_tanh});
  CHECK(through<Activation>("Clip", {{"min", -1.0F}, {"max", 2.0F}}, 7) == Activation{Kind::clip, -1.0F, 2.0F});
  CHECK(through<Activation>("Clip") == Activation{Kind::clip, -float_end, float_end});
}

TEST_CASE("the bounds of a Clip are inputs from opset 11 on, each optional") {
  const auto clip = [](const std::vector<std::string>& inputs) {
    const Model<float> model = OnnxGraph()
                                   .input("x", {0, 4})
                                   .floats("zero", {}, {0})
                                   .floats("six", {}, {6})
                                   .node("Clip", inputs, "y")
                                   .output("y")
                                   .import();
    return layer_of<Activation>(model, "y_node");
  };
  CHECK(clip({"x", "zero", "six"}) == Activation{ActivationKind::clip, 0.0F, 6.0F});
  CHECK(clip({"x", "", "six"}) == Activation{ActivationKind::clip, -float_end, 6.0F});
  CHECK(clip({"x", "zero"}) == Activation{ActivationKind::clip, 0.0F, float_end});
}

TEST_CASE("batch normalization keeps the decimal epsilon that was meant") {
  const Model<float> model = OnnxGraph()
                                 .input("x", {0, 2, 3, 3})
                                 .floats("s", {2}, {1, 2})
                                 .floats("b", {2}, {3, 4})
                                 .floats("m", {2}, {5, 6})
                                 .floats("v", {2}, {7, 8})
                                 .node("BatchNormalization", {"x", "s", "b", "m", "v"}, "y", {{"epsilon", 1e-3F}})
                                 .output("y")
                                 .import();
  const auto& layer = layer_of<BatchNormalization<float>>(model, "y_node");
  CHECK(layer.epsilon == 1e-3);
  CHECK(*layer.shift.value == Tensor<float>({2}, {3, 4}));
  CHECK(*layer.variance.value == Tensor<float>({2}, {7, 8}));
}

TEST_CASE("Gemm becomes a dense layer with alpha and beta multiplied in") {
  OnnxGraph graph;
  graph.input("x", {0, 3})
      .floats("w", {3, 2}, {1, 2, 3, 4, 5, 6})
      .floats("wt", {2, 3}, {1, 3, 5, 2, 4, 6})
      .floats("b", {1, 2}, {10, 20})
      .floats("c", {}, {100})
      .node("Gemm", {"x", "w", "b"}, "a", {{"alpha", 2.0F}, {"beta", 0.5F}})
      .node("Gemm", {"x", "wt", "c"}, "b2", {{"transB", std::int64_t{1}}})
      .node("Gemm", {"x", "w"}, "d")
      .output("a")
      .output("b2")
      .output("d");
  const Model<float> model = graph.import();
  const auto& a = layer_of<Dense<float>>(model, "a_node");
  CHECK(*a.weights.value == Tensor<float>({2, 3}, {2, 6, 10, 4, 8, 12}));
  CHECK(*a.bias.value == Tensor<float>({2}, {5, 10}));
  const auto& b = layer_of<Dense<float>>(model, "b2_node");
  CHECK(*b.weights.value == Tensor<float>({2, 3}, {1, 3, 5, 2, 4, 6}));
  CHECK(*b.bias.value == Tensor<float>({2}, {100, 100}));
  CHECK(layer_of<Dense<float>>(model, "d_node").bias.empty());
}

TEST_CASE("MatMul with constant weights is a dense layer, also with a vector added") {
  OnnxGraph graph;
  graph.input("x", {0, 5, 3})
      .floats("w", {3, 2}, {1, 2, 3, 4, 5, 6})
      .floats("b", {2}, {10, 20})
      .node("MatMul", {"x", "w"}, "product")
      .node("Add", {"b", "product"}, "sum")
      .node("MatMul", {"x", "w"}, "alone")
      .output("sum")
      .output("alone");
  const Model<float> model = graph.import();
  CHECK(model.size() == 3);
  const auto& dense = layer_of<Dense<float>>(model, "sum_node");
  CHECK(*dense.weights.value == Tensor<float>({2, 3}, {1, 3, 5, 2, 4, 6}));
  CHECK(*dense.bias.value == Tensor<float>({2}, {10, 20}));
  CHECK(layer_of<Dense<float>>(model, "alone_node").bias.empty());
}

TEST_CASE("constants that are no weights become Constant layers, once each") {
  OnnxGraph graph;
  graph.input("x", {0, 2, 3, 3})
      .floats("c", {2, 1, 1}, {1, 2})
      .node("Mul", {"x", "c"}, "m")
      .node("Add", {"c", "m"}, "y")
      .output("y");
  const Model<float> model = graph.import();
  CHECK(model.size() == 4);
  CHECK(*layer_of<Constant<float>>(model, "c").value.value == Tensor<float>({2, 1, 1}, {1, 2}));
  const auto x = random_tensor<float>({2, 2, 3, 3}, 5);
  const auto y = run_model(model, x);
  CHECK(y.at(1, 1, 2, 0) == Approx(x.at(1, 1, 2, 0) * 2 + 2));
  CHECK(y.at(0, 0, 0, 1) == Approx(x.at(0, 0, 0, 1) + 1));
}

TEST_CASE("layers that only rename are removed and reshapes of constants computed") {
  OnnxGraph graph(13);
  graph.input("x", {0, 4})
      .floats("w", {2, 4}, {1, 2, 3, 4, 5, 6, 7, 8})
      .integers("axes", {0})
      .node("Identity", {"x"}, "same")
      .node("Dropout", {"same"}, "kept")
      .node("Transpose", {"w"}, "wt", {{"perm", Integers{1, 0}}})
      .node("Unsqueeze", {"wt", "axes"}, "wider")
      .node("Squeeze", {"wider"}, "narrow")
      .node("MatMul", {"kept", "narrow"}, "y")
      .output("y");
  const Model<float> model = graph.import();
  CHECK(model.size() == 2);
  CHECK(*layer_of<Dense<float>>(model, "y_node").weights.value == Tensor<float>({2, 4}, {1, 2, 3, 4, 5, 6, 7, 8}));
}

TEST_CASE("reshapes keep the batch wherever it stands") {
  OnnxGraph graph(13);
  graph.input("x", {0, 1, 6})
      .integers("axes1", {1})
      .integers("axes0", {0})
      .integers("dims", {-1, 2, 3})
      .node("Squeeze", {"x", "axes1"}, "flat")
      .node("Unsqueeze", {"flat", "axes0"}, "front")
      .node("Reshape", {"x", "dims"}, "blocks")
      .node("Flatten", {"blocks"}, "again", {{"axis", std::int64_t{2}}})
      .node("Concat", {"flat", "flat"}, "joined", {{"axis", std::int64_t{-1}}})
      .output("front")
      .output("again")
      .output("joined");
  const Model<float> model = graph.import();
  const auto shapes = infer_shapes(model, 5);
  CHECK(shapes[*model.find("flat_node")] == Shape{5, 6});
  CHECK(shapes[*model.find("front_node")] == Shape{1, 5, 6});
  CHECK(shapes[*model.find("again_node")] == Shape{10, 3});
  CHECK(shapes[*model.find("joined_node")] == Shape{5, 12});
}

TEST_CASE("Softmax before opset 13 is over all axes from its axis on") {
  const auto x = random_tensor<float>({3, 4, 5}, 8);
  const auto softmax = [&](std::int64_t opset, const std::vector<OnnxAttribute>& attributes) {
    return run_model(
        OnnxGraph(opset).input("x", {0, 4, 5}).node("Softmax", {"x"}, "y", attributes).output("y").import(), x);
  };
  const auto sum = [](const Tensor<float>& t, std::size_t from, std::size_t count) {
    double total = 0.0;
    for (std::size_t i = from; i < from + count; ++i) total += static_cast<double>(t.flat()[i]);
    return total;
  };
  CHECK(sum(softmax(11, {}), 20, 20) == Approx(1.0));
  CHECK(sum(softmax(13, {}), 20, 5) == Approx(1.0));
  CHECK(sum(softmax(11, {{"axis", std::int64_t{2}}}), 20, 5) == Approx(1.0));
  const Model<float> head = OnnxGraph(9).input("x", {0, 10, 1, 1}).node("Softmax", {"x"}, "y").output("y").import();
  CHECK(layer_of<Softmax>(head, "y_node").axis == 1);
}

// ---- Patterns ------------------------------------------------------------------------------------------------------

TEST_CASE("the nodes that exporters write for Swish and HardSwish are one layer") {
  OnnxGraph graph;
  graph.input("x", {0, 4})
      .floats("beta", {}, {1.7F})
      .node("Sigmoid", {"x"}, "s")
      .node("Mul", {"x", "s"}, "silu")
      .node("Mul", {"silu", "beta"}, "scaled")
      .node("Sigmoid", {"scaled"}, "s2")
      .node("Mul", {"s2", "silu"}, "swish")
      .node("HardSigmoid", {"swish"}, "h", {{"alpha", 1.0F / 6.0F}, {"beta", 0.5F}})
      .node("Mul", {"swish", "h"}, "hard")
      .output("hard");
  const Model<float> model = graph.import();
  CHECK(model.size() == 4);
  CHECK(layer_of<Activation>(model, "silu_node") == Activation{ActivationKind::swish, 1.0F});
  CHECK(layer_of<Activation>(model, "swish_node") == Activation{ActivationKind::swish, 1.7F});
  CHECK(layer_of<Activation>(model, "hard_node") == Activation{ActivationKind::hard_swish});
}

TEST_CASE("a Sigmoid whose value is used elsewhere stays a layer") {
  OnnxGraph graph;
  graph.input("x", {0, 4}).node("Sigmoid", {"x"}, "s").node("Mul", {"x", "s"}, "y").output("y").output("s");
  CHECK(graph.import().size() == 3);
}

TEST_CASE("copies and nodes that no output depends on hide no group") {
  OnnxGraph graph;
  graph.input("x", {0, 4})
      .node("Identity", {"x"}, "copy")
      .node("Sigmoid", {"copy"}, "s")
      .node("Relu", {"s"}, "unused")
      .node("Dropout", {"s"}, "kept")
      .node("Mul", {"x", "kept"}, "silu")
      .node("Identity", {"silu"}, "y")
      .output("y");
  const Model<float> model = graph.import();
  CHECK(model.size() == 2);
  CHECK(layer_of<Activation>(model, "silu_node") == Activation{ActivationKind::swish, 1.0F});
}

TEST_CASE("an output may be a copy of an input, of a constant, or of another output") {
  OnnxGraph graph;
  graph.input("x", {0, 2})
      .floats("w", {2}, {1, 2})
      .node("Identity", {"x"}, "input")
      .node("Identity", {"w"}, "constant")
      .node("Relu", {"x"}, "relu")
      .node("Identity", {"relu"}, "again");
  const Model<float> model = graph.output("input").output("constant").output("relu").output("again").import();
  REQUIRE(model.outputs().size() == 4);
  CHECK(model.outputs()[0] == model.inputs()[0]);
  CHECK(model.outputs()[2] == model.outputs()[3]);
}

TEST_CASE("an operator that is not supported is refused where no output depends on it, too") {
  OnnxGraph graph;
  graph.input("x", {0, 2}).node("Unique", {"x"}, "unused").node("Relu", {"x"}, "y").output("y");
  CHECK_THROWS_WITH(graph.import(), ContainsSubstring("Unique"));
}

TEST_CASE("GELU is recognised whichever way its product is written") {
  const auto gelu = [](const std::vector<std::vector<std::string>>& tail) {
    OnnxGraph graph;
    graph.input("x", {0, 4})
        .floats("root", {}, {1.41421354F})
        .floats("one", {1}, {1})
        .floats("half", {}, {0.5F})
        .node("Div", {"x", "root"}, "scaled")
        .node("Erf", {"scaled"}, "erf")
        .node("Add", {"one", "erf"}, "sum");
    for (const auto& node : tail) graph.node("Mul", {node[0], node[1]}, node[2]);
    const Model<float> model = graph.output("y").import();
    return model.size() == 2 && layer_of<Activation>(model, "y_node") == Activation{ActivationKind::gelu};
  };
  CHECK(gelu({{"x", "sum", "p"}, {"p", "half", "y"}}));
  CHECK(gelu({{"x", "half", "h"}, {"h", "sum", "y"}}));
  CHECK(gelu({{"sum", "half", "h"}, {"h", "x", "y"}}));
}

TEST_CASE("the tanh form of GELU is recognised, with a power or with products") {
  for (const bool power : {false, true}) {
    OnnxGraph graph;
    graph.input("x", {0, 4})
        .floats("three", {}, {3})
        .floats("factor", {}, {0.044715F})
        .floats("root", {}, {0.7978846F})
        .floats("one", {}, {1})
        .floats("half", {}, {0.5F});
    if (power)
      graph.node("Pow", {"x", "three"}, "cube");
    else
      graph.node("Mul", {"x", "x"}, "square").node("Mul", {"square", "x"}, "cube");
    graph.node("Mul", {"cube", "factor"}, "term")
        .node("Add", {"x", "term"}, "sum")
        .node("Mul", {"root", "sum"}, "scaled")
        .node("Tanh", {"scaled"}, "t")
        .node("Add", {"t", "one"}, "t1")
        .node("Mul", {"x", "half"}, "h")
        .node("Mul", {"h", "t1"}, "y")
        .output("y");
    const Model<float> model = graph.import();
    CHECK(model.size() == 2);
    CHECK(layer_of<Activation>(model, "y_node") == Activation{ActivationKind::gelu_tanh});
  }
}

// ---- Names, inputs and the batch -----------------------------------------------------------------------------------

TEST_CASE("layers are named after their nodes, else after their output, and no two alike") {
  OnnxGraph graph;
  graph.input("x", {0, 4}).node("Relu", {"x"}, "a").node("Relu", {"a"}, "b").node("Relu", {"b"}, "c").output("c");
  graph.model.mutable_graph()->mutable_node(0)->clear_name();
  graph.model.mutable_graph()->mutable_node(1)->set_name("x");
  graph.model.mutable_graph()->mutable_node(2)->set_name("x");
  const Model<float> model = graph.import();
  CHECK(model.name() == "g");
  CHECK(model.node(0).name == "x");
  CHECK(model.node(1).name == "a");
  CHECK(model.node(2).name == "x_2");
  CHECK(model.node(3).name == "x_3");
}

TEST_CASE("nodes may come in any order") {
  OnnxGraph graph;
  graph.input("x", {0, 4}).node("Tanh", {"b"}, "c").node("Sigmoid", {"a"}, "b").node("Relu", {"x"}, "a").output("c");
  const Model<float> model = graph.import();
  CHECK(model.node(3).name == "c_node");
  CHECK(model.outputs() == std::vector<NodeId>{3});
}

TEST_CASE("an open first dimension is the batch, whether symbolic or absent") {
  for (const std::int64_t open : {std::int64_t{0}, std::int64_t{-1}}) {
    const Model<float> model = OnnxGraph().input("x", {open, 4}).node("Relu", {"x"}, "y").output("y").import();
    CHECK(layer_of<Input>(model, "x").shape == Shape{batch_dim, 4});
  }
}

TEST_CASE("a model exported for one batch size takes any, if every sample stands for itself") {
  OnnxGraph graph;
  graph.input("x", {2, 3, 4, 4})
      .floats("w", Tensor<float>({5, 48}, 0.25F))
      .floats("c", {1, 5}, {1, 2, 3, 4, 5})
      .integers("dims", {2, -1})
      .node("Reshape", {"x", "dims"}, "flat")
      .node("Gemm", {"flat", "w"}, "y", {{"transB", std::int64_t{1}}})
      .node("Add", {"y", "c"}, "z")
      .output("z");
  const Model<float> model = graph.import();
  CHECK(layer_of<Input>(model, "x").shape == Shape{batch_dim, 3, 4, 4});
  CHECK(layer_of<Reshape>(model, "flat_node").dims == Shape{0, -1});
  CHECK(infer_shapes(model, 7).back() == Shape{7, 5});
}

TEST_CASE("a model whose samples depend on each other keeps the batch size of its file") {
  const auto input_shape = [](OnnxGraph& graph) { return layer_of<Input>(graph.output("y").import(), "x").shape; };
  SECTION("by a softmax over the batch") {
    OnnxGraph graph;
    graph.input("x", {2, 3}).node("Softmax", {"x"}, "y", {{"axis", std::int64_t{0}}});
    CHECK(input_shape(graph) == Shape{2, 3});
  }
  SECTION("by joining along the batch") {
    OnnxGraph graph;
    graph.input("x", {2, 3}).node("Concat", {"x", "x"}, "y", {{"axis", std::int64_t{0}}});
    CHECK(input_shape(graph) == Shape{2, 3});
  }
  SECTION("by flattening the batch away") {
    OnnxGraph graph;
    graph.input("x", {2, 3}).node("Flatten", {"x"}, "y", {{"axis", std::int64_t{0}}});
    CHECK(input_shape(graph) == Shape{2, 3});
  }
  SECTION("by a constant with a row per sample") {
    OnnxGraph graph;
    graph.input("x", {2, 3}).floats("c", Tensor<float>({2, 3})).node("Add", {"x", "c"}, "y");
    CHECK(input_shape(graph) == Shape{2, 3});
  }
  SECTION("by a reshape that moves the batch") {
    OnnxGraph graph;
    graph.input("x", {2, 6}).integers("dims", {3, 4}).node("Reshape", {"x", "dims"}, "y");
    CHECK(input_shape(graph) == Shape{2, 6});
  }
}

TEST_CASE("an open batch with a graph for a batch of one is a batch of one") {
  OnnxGraph graph;
  graph.input("x", {0, 6}).integers("dims", {1, 3, 2}).node("Reshape", {"x", "dims"}, "y").output("y");
  CHECK(layer_of<Input>(graph.import(), "x").shape == Shape{1, 6});
}

TEST_CASE("initializers that are listed among the inputs are no inputs") {
  OnnxGraph graph;
  graph.input("x", {0, 4}).input("c", {4}).floats("c", {4}, {1, 2, 3, 4}).node("Add", {"x", "c"}, "y").output("y");
  CHECK(graph.import().inputs().size() == 1);
}

// ---- How elements are stored ---------------------------------------------------------------------------------------

TEST_CASE("weights are read from every floating type, raw or typed") {
  using Stored = onnx::TensorProto;
  const auto imported = [](const Stored& tensor) {
    OnnxGraph graph;
    graph.input("x", {0, 4}).node("Add", {"x", "c"}, "y").output("y");
    *graph.model.mutable_graph()->add_initializer() = tensor;
    return *layer_of<Constant<float>>(graph.import(), "c").value.value;
  };
  const Tensor<float> wanted({4}, {1.0F, -2.5F, 0.0F, 6.103515625e-5F});
  Stored tensor;
  tensor.set_name("c");
  tensor.add_dims(4);
  SECTION("float, typed") {
    tensor.set_data_type(Stored::FLOAT);
    for (const float x : wanted.flat()) tensor.add_float_data(x);
    CHECK(imported(tensor) == wanted);
  }
  SECTION("double, raw and typed") {
    tensor.set_data_type(Stored::DOUBLE);
    const std::vector<double> values(wanted.flat().begin(), wanted.flat().end());
    for (const double x : values) tensor.add_double_data(x);
    CHECK(imported(tensor) == wanted);
    tensor.clear_double_data();
    tensor.set_raw_data(values.data(), 32);
    CHECK(imported(tensor) == wanted);
  }
  SECTION("float16, raw and typed") {
    tensor.set_data_type(Stored::FLOAT16);
    const std::vector<std::uint16_t> bits{0x3c00, 0xc100, 0x0000, 0x0400};
    for (const std::uint16_t b : bits) tensor.add_int32_data(b);
    CHECK(imported(tensor) == wanted);
    tensor.clear_int32_data();
    tensor.set_raw_data(bits.data(), 8);
    CHECK(imported(tensor) == wanted);
    const std::vector<std::uint16_t> others{0x0001, 0x83ff, 0x7bff, 0x8000};  // subnormals, the largest, −0
    tensor.set_raw_data(others.data(), 8);
    CHECK(imported(tensor) == Tensor<float>({4}, {0x1p-24F, -0x1.ff8p-15F, 65504.0F, -0.0F}));
  }
  SECTION("bfloat16, raw") {
    tensor.set_data_type(Stored::BFLOAT16);
    const std::vector<std::uint16_t> bits{0x3f80, 0xc020, 0x0000, 0x3880};
    tensor.set_raw_data(bits.data(), 8);
    CHECK(imported(tensor) == wanted);
  }
}

TEST_CASE("external data is read from the model's folder and from nowhere else") {
  const fulcrum::test::TemporaryFolder folder;
  const std::vector<float> values{9, 9, 1, 2, 3, 4};
  write_file_atomically(folder.path("w.bin"), {reinterpret_cast<const char*>(values.data()), 24});
  write_file_atomically(folder.path("secret"), std::string(24, 's'));
  std::filesystem::create_directory(folder.path("models"));
  std::filesystem::copy(folder.path("w.bin"), folder.path("models/w.bin"));
  std::filesystem::create_symlink("../secret", folder.path("models/link.bin"));

  const auto import = [&](const std::string& location, const std::string& offset, const std::string& length) {
    OnnxGraph graph;
    graph.input("x", {0, 4}).node("Add", {"x", "c"}, "y").output("y");
    auto& tensor = *graph.model.mutable_graph()->add_initializer();
    tensor.set_name("c");
    tensor.set_data_type(onnx::TensorProto::FLOAT);
    tensor.add_dims(4);
    tensor.set_data_location(onnx::TensorProto::EXTERNAL);
    for (const auto& [key, value] :
         {std::pair{"location", location}, std::pair{"offset", offset}, std::pair{"length", length}}) {
      if (value.empty()) continue;
      auto& entry = *tensor.add_external_data();
      entry.set_key(key);
      entry.set_value(value);
    }
    write_file_atomically(folder.path("models/m.onnx"), graph.bytes());
    return *layer_of<Constant<float>>(import_onnx(folder.path("models/m.onnx")), "c").value.value;
  };
  CHECK(import("w.bin", "8", "16") == Tensor<float>({4}, {1, 2, 3, 4}));
  CHECK(import("./w.bin", "", "") == Tensor<float>({4}, {9, 9, 1, 2}));
  CHECK_THROWS_WITH(import("../secret", "", ""), ContainsSubstring("outside the model's folder"));
  CHECK_THROWS_WITH(import("sub/../../secret", "", ""), ContainsSubstring("outside the model's folder"));
  CHECK_THROWS_WITH(import(folder.path("secret"), "", ""), ContainsSubstring("outside the model's folder"));
  CHECK_THROWS_WITH(import("link.bin", "", ""), ContainsSubstring("outside the model's folder"));
  CHECK_THROWS_WITH(import("none.bin", "", ""), ContainsSubstring("does not exist"));
  CHECK_THROWS_WITH(import(".", "", ""), ContainsSubstring("m.onnx"));
  CHECK_THROWS_WITH(import("", "", ""), ContainsSubstring("does not say which file"));
  CHECK_THROWS_WITH(import("w.bin", "12", ""), ContainsSubstring("is cut short"));
  CHECK_THROWS_WITH(import("w.bin", "18446744073709551615", ""), ContainsSubstring("is cut short"));
  CHECK_THROWS_WITH(import("w.bin", "-4", ""), ContainsSubstring("is no number"));
  CHECK_THROWS_WITH(import("w.bin", "", "12"), ContainsSubstring("12 bytes of external data where its shape needs 16"));
}

TEST_CASE("a model that came as bytes has no external data") {
  OnnxGraph graph;
  graph.input("x", {0, 4}).node("Add", {"x", "c"}, "y").output("y").floats("c", {4}, {1, 2, 3, 4});
  graph.model.mutable_graph()->mutable_initializer(0)->set_data_location(onnx::TensorProto::EXTERNAL);
  CHECK_THROWS_WITH(graph.import(), ContainsSubstring("lies in another file"));
}

TEST_CASE("a model without a name is named after its file") {
  const fulcrum::test::TemporaryFolder folder;
  OnnxGraph graph;
  graph.input("x", {0, 4}).node("Relu", {"x"}, "y").output("y").model.mutable_graph()->clear_name();
  write_file_atomically(folder.path("tiny.onnx"), graph.bytes());
  CHECK(import_onnx(folder.path("tiny.onnx")).name() == "tiny");
}
