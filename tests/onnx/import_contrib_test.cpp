// onnx/import/contrib….hpp and attention.hpp: what ONNX Runtime's tools write gives what ONNX's own operators give.
#include <algorithm>
#include <cmath>
#include <cstdint>
#include <functional>
#include <random>
#include <span>
#include <string>
#include <vector>

#include <fulcrum/model/cast.hpp>

#include <onnx/checked_export.hpp>
#include <onnx/onnx_operator.hpp>
#include <support/catch.hpp>

using namespace fulcrum;
using namespace fulcrum::test;
using Catch::Matchers::ContainsSubstring;

namespace {

using Attributes = std::vector<OnnxAttribute>;
using Names = std::vector<std::string>;
constexpr std::int64_t one = 1;

Values random_values(const Shape& shape, unsigned seed) {
  std::mt19937 engine(seed);
  std::uniform_real_distribution<float> uniform(-1.0F, 1.0F);
  Values values(shape);
  for (double& value : values.flat()) value = static_cast<double>(uniform(engine));
  return values;
}

std::vector<float> random_floats(std::size_t count, unsigned seed) {
  const Values values = random_values({static_cast<std::int64_t>(count)}, seed);
  return {values.flat().begin(), values.flat().end()};
}

std::vector<Values> run(const OnnxGraph& graph, const std::vector<Values>& src) {
  ReferenceExecutor<double> executor(cast<double>(graph.import()), {.quantized = true});
  return executor.run(std::span<const Values>(src));
}

/// Both graphs end in "y" and give the same for the sources.
void expect_alike(OnnxGraph ours, OnnxGraph standard, const std::vector<Values>& src, double tolerance = 1e-6) {
  const Values expected = run(standard.output("y"), src).at(0);
  const Values given = run(ours.output("y"), src).at(0);
  const std::vector<double> elements(expected.flat().begin(), expected.flat().end());
  CHECK(is_near(given, expected.dims(), elements, tolerance));
}

/// x (N, …) and its rounding to uint8, as integers "q" and as reals "r".
OnnxGraph rounded(const Shape& shape) {
  OnnxGraph graph(17);
  graph.input("x", shape)
      .floats("s", {}, {0.01F})
      .ubytes8("z", {}, {100})
      .floats("t", {}, {0.02F})
      .ubytes8("o", {}, {90})
      .node("QuantizeLinear", {"x", "s", "z"}, "q")
      .node("DequantizeLinear", {"q", "s", "z"}, "r");
  return graph;
}
OnnxGraph& round_result(OnnxGraph& graph, const std::string& value) {
  return graph.node("QuantizeLinear", {value, "t", "o"}, "yq").node("DequantizeLinear", {"yq", "t", "o"}, "y");
}
OnnxGraph& real_result(OnnxGraph& graph) { return graph.node("DequantizeLinear", {"yq", "t", "o"}, "y"); }

}  // namespace

TEST_CASE("QuantizeLinear and DequantizeLinear of com.microsoft go to 8 and 16 bits") {
  const Values x = random_values({2, 4}, 1);
  OnnxGraph graph(17);
  graph.input("x", {0, 4})
      .floats("s", {}, {0.001F})
      .initializer("z", {}, std::vector<std::uint16_t>{32768}, ::onnx::TensorProto::UINT16)
      .contrib("QuantizeLinear", {"x", "s", "z"}, "q")
      .contrib("DequantizeLinear", {"q", "s", "z"}, "y")
      .output("y");
  const Values y = run(graph, {x}).at(0);
  for (std::size_t i = 0; i < y.flat().size(); ++i) {
    const double steps = std::nearbyint(x.flat()[i] / static_cast<double>(0.001F));
    CHECK(std::abs(y.flat()[i] - steps * static_cast<double>(0.001F)) < 1e-9);
  }
}

TEST_CASE("operators on integers are their operators on reals, rounded") {
  const Names src{"q", "s", "z", "t", "o"};
  struct Case {
    const char* contrib;
    const char* standard;
    Shape shape;
    Attributes attributes, contrib_attributes;
  };
  const Integers window{3, 3};
  const std::vector<Case> cases{
      {"QLinearSigmoid", "Sigmoid", {0, 5}, {}, {}},
      {"QLinearLeakyRelu", "LeakyRelu", {0, 5}, {{"alpha", 0.25F}}, {}},
      {"QLinearSoftmax", "Softmax", {0, 5}, {{"axis", -one}}, {{"opset", std::int64_t{13}}}},
      {"QLinearAveragePool", "AveragePool", {0, 2, 5, 5}, {{"kernel_shape", window}}, {}},
      {"QLinearGlobalAveragePool", "GlobalAveragePool", {0, 2, 5, 5}, {}, {{"channels_last", std::int64_t{0}}}},
  };
  for (const Case& c : cases) {
    INFO(c.contrib);
    Attributes all = c.attributes;
    all.insert(all.end(), c.contrib_attributes.begin(), c.contrib_attributes.end());
    OnnxGraph ours = rounded(c.shape);
    ours.contrib(c.contrib, src, "yq", all);
    OnnxGraph standard = rounded(c.shape);
    standard.node(c.standard, {"r"}, "real", c.attributes);
    Shape shape = c.shape;
    shape[0] = 2;
    expect_alike(real_result(ours), round_result(standard, "real"), {random_values(shape, 2)});
  }
}

TEST_CASE("QLinearGlobalAveragePool may have its channels last") {
  OnnxGraph ours = rounded({0, 5, 5, 2});
  ours.contrib("QLinearGlobalAveragePool", {"q", "s", "z", "t", "o"}, "yq", {{"channels_last", one}});
  OnnxGraph standard = rounded({0, 5, 5, 2});
  standard.node("ReduceMean", {"r"}, "real", {{"axes", Integers{1, 2}}});
  expect_alike(real_result(ours), round_result(standard, "real"), {random_values({2, 5, 5, 2}, 3)});
}

TEST_CASE("sums, products, joins and choices of integers have a scale for each source") {
  const std::vector<Values> src{random_values({2, 3, 4}, 4)};
  for (const char* type : {"Add", "Mul"}) {
    OnnxGraph ours = rounded({0, 3, 4});
    ours.contrib(std::string("QLinear") + type, {"q", "s", "z", "q", "s", "z", "t", "o"}, "yq");
    OnnxGraph standard = rounded({0, 3, 4});
    standard.node(type, {"r", "r"}, "real");
    expect_alike(real_result(ours), round_result(standard, "real"), src);
  }
  OnnxGraph joined = rounded({0, 3, 4});
  joined.contrib("QLinearConcat", {"t", "o", "q", "s", "z", "q", "s", "z"}, "yq", {{"axis", one}});
  OnnxGraph standard = rounded({0, 3, 4});
  standard.node("Concat", {"r", "r"}, "real", {{"axis", one}});
  expect_alike(real_result(joined), round_result(standard, "real"), src);

  OnnxGraph chosen = rounded({0, 3, 4});
  chosen.initializer("c", {4}, std::vector<std::uint8_t>{1, 0, 0, 1}, ::onnx::TensorProto::BOOL)
      .contrib("QLinearWhere", {"c", "q", "s", "z", "q", "s", "z", "t", "o"}, "yq");
  OnnxGraph same = rounded({0, 3, 4});
  expect_alike(real_result(chosen), round_result(same, "r"), src);
}

TEST_CASE("products of integers are products of the reals they stand for") {
  const std::vector<std::int8_t> weights{10, -20, 30, 40, -50, 60, 7, 8, -9, 11, 12, 13};
  const auto with_weights = [&](OnnxGraph graph) {
    return graph.bytes8("w", {4, 3}, weights)
        .floats("ws", {3}, {0.01F, 0.02F, 0.015F})
        .bytes8("wz", {3}, {0, 0, 0})
        .floats("b", {3}, {0.5F, -0.5F, 0.25F})
        .node("DequantizeLinear", {"w", "ws", "wz"}, "wr", {{"axis", one}});
  };
  const std::vector<Values> src{random_values({5, 4}, 5)};
  OnnxGraph gemm = with_weights(rounded({0, 4}));
  gemm.initializer("c", {3}, std::vector<std::int32_t>{100, -50, 7}, ::onnx::TensorProto::INT32)
      .contrib("QGemm", {"q", "s", "z", "w", "ws", "wz", "c", "t", "o"}, "yq", {{"alpha", 0.5F}});
  OnnxGraph gemm_of_reals = with_weights(rounded({0, 4}));
  gemm_of_reals.floats("c", {3}, {100 * 0.01F * 0.01F, -50 * 0.01F * 0.02F, 7 * 0.01F * 0.015F})
      .node("Gemm", {"r", "wr", "c"}, "real", {{"alpha", 0.5F}, {"beta", 0.5F}});
  expect_alike(real_result(gemm), round_result(gemm_of_reals, "real"), src);

  OnnxGraph sum_of_reals = with_weights(rounded({0, 4}));
  sum_of_reals.node("MatMul", {"r", "wr"}, "product").node("Add", {"product", "b"}, "y");
  OnnxGraph to_float = with_weights(rounded({0, 4}));
  to_float.contrib("MatMulIntegerToFloat", {"q", "w", "s", "ws", "z", "wz", "b"}, "y");
  expect_alike(to_float, sum_of_reals, src);

  OnnxGraph dynamic = with_weights(rounded({0, 4}));
  dynamic.contrib("DynamicQuantizeMatMul", {"x", "w", "ws", "wz", "b"}, "y");
  OnnxGraph stepwise = with_weights(rounded({0, 4}));
  stepwise.node("DynamicQuantizeLinear", {"x"}, "dq");
  for (const char* output : {"ds", "dz"}) {
    auto& graph = *stepwise.model.mutable_graph();
    graph.mutable_node(graph.node_size() - 1)->add_output(output);
  }
  stepwise.node("DequantizeLinear", {"dq", "ds", "dz"}, "dr")
      .node("MatMul", {"dr", "wr"}, "product")
      .node("Add", {"product", "b"}, "y");
  expect_alike(dynamic, stepwise, src);
}

TEST_CASE("MatMulNBits unpacks weights of 4 bits, low half first, by blocks") {
  // N = 2, K = 20 in blocks of 16: two blocks a column, the second of which ends early.
  std::vector<std::uint8_t> bytes;
  for (int i = 0; i < 32; ++i) bytes.push_back(static_cast<std::uint8_t>(37 * i + 5));
  const std::vector<float> scales{0.1F, 0.2F, 0.3F, 0.4F};
  const std::vector<std::uint8_t> zeros{0x9A, 0x5C};
  OnnxGraph graph(17);
  graph.input("x", {0, 20})
      .ubytes8("w", {2, 2, 8}, bytes)
      .floats("s", {4}, scales)
      .ubytes8("z", {2}, zeros)
      .contrib("MatMulNBits", {"x", "w", "s", "z"}, "y",
               {{"K", std::int64_t{20}},
                {"N", std::int64_t{2}},
                {"bits", std::int64_t{4}},
                {"block_size", std::int64_t{16}}})
      .output("y");
  const Model<float> model = graph.import();
  const auto& layer = layer_of<MatMulNBits>(model, "y_node");
  CHECK(layer.bytes() == 32 + 4 * 4 + 4);  // nothing becomes a float
  const Tensor<float> weights = layer.dequantized();
  REQUIRE(weights.dims() == Shape{2, 20});
  const double zero[4] = {10.0, 9.0, 12.0, 5.0};
  for (std::size_t n = 0; n < 2; ++n) {
    for (std::size_t k = 0; k < 20; ++k) {
      const std::size_t block = 2 * n + k / 16;
      const int byte = bytes[block * 8 + k % 16 / 2];
      const int q = k % 2 == 0 ? byte & 15 : byte >> 4;
      CHECK(weights.flat()[n * 20 + k] == static_cast<float>(q - zero[block]) * scales[block]);
    }
  }
  CHECK(parse_onnx(checked_onnx(model)) == model);

  OnnxGraph middle(17);  // no zero points, a bias
  middle.input("x", {0, 16})
      .ubytes8("w", {4, 1, 8}, bytes)
      .floats("s", {4}, scales)
      .floats("b", {4}, {1.0F, 2.0F, 3.0F, 4.0F})
      .contrib("MatMulNBits", {"x", "w", "s", "", "", "b"}, "y",
               {{"K", std::int64_t{16}}, {"N", std::int64_t{4}}, {"block_size", std::int64_t{16}}})
      .output("y");
  const Model<float> with_bias = middle.import();
  CHECK(layer_of<MatMulNBits>(with_bias, "y_node").zero_points.empty());
  CHECK(layer_of<MatMulNBits>(with_bias, "y_node").bias->flat()[3] == 4.0F);
  CHECK(parse_onnx(checked_onnx(with_bias)) == with_bias);
}

TEST_CASE("MatMulNBits takes zero points that are floats: whole ones as integers, others make floats of the weights") {
  const auto graph = [](const std::vector<float>& zeros) {
    OnnxGraph g(17);
    g.input("x", {0, 16})
        .ubytes8("w", {2, 1, 8}, {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16})
        .floats("s", {2}, {0.5F, 0.25F})
        .floats("z", {2}, zeros)
        .contrib("MatMulNBits", {"x", "w", "s", "z"}, "y",
                 {{"K", std::int64_t{16}}, {"N", std::int64_t{2}}, {"block_size", std::int64_t{16}}})
        .output("y");
    return g.import();
  };
  const Model<float> whole = graph({7.0F, 3.0F});
  CHECK(layer_of<MatMulNBits>(whole, "y_node").zero_point(1, 0) == 3);
  const Model<float> between = graph({7.0F, 3.5F});
  const Tensor<float>& weights = *layer_of<Dense<float>>(between, "y_node").weights.value;
  CHECK(weights.flat()[0] == -3.0F);
  CHECK(weights.flat()[16] == 0.25F * (9.0F - 3.5F));
}

TEST_CASE("FusedConv adds its residual before its function") {
  const auto graph = [] {
    OnnxGraph g(17);
    g.input("x", {0, 2, 4, 4}).floats("w", {2, 2, 3, 3}, random_floats(36, 6)).floats("b", {2}, {0.5F, -0.5F});
    return g;
  };
  const Integers pads{1, 1, 1, 1};
  const std::vector<Values> src{random_values({2, 2, 4, 4}, 7)};
  OnnxGraph fused = graph();
  fused.contrib("FusedConv", {"x", "w", "b", "x"}, "y", {{"pads", pads}, {"activation", std::string("Relu")}});
  OnnxGraph standard = graph();
  standard.node("Conv", {"x", "w", "b"}, "c", {{"pads", pads}})
      .node("Add", {"c", "x"}, "sum")
      .node("Relu", {"sum"}, "y");
  expect_alike(fused, standard, src);

  OnnxGraph unknown = graph();
  unknown.contrib("FusedConv", {"x", "w", "b"}, "y", {{"pads", pads}, {"activation", std::string("Sine")}}).output("y");
  CHECK_THROWS_WITH(unknown.import(), ContainsSubstring("'Sine'"));
}

TEST_CASE("FusedGemm and FusedMatMul") {
  const std::vector<Values> src{random_values({3, 6}, 8)};
  const auto matrix = [] {
    OnnxGraph g(17);
    g.input("x", {0, 6}).floats("w", {4, 6}, random_floats(24, 9)).floats("b", {4}, random_floats(4, 10));
    return g;
  };
  OnnxGraph gemm = matrix();
  gemm.contrib("FusedGemm", {"x", "w", "b"}, "y",
               {{"transB", one}, {"activation", std::string("LeakyRelu")}, {"activation_alpha", 0.25F}});
  OnnxGraph standard = matrix();
  standard.node("Gemm", {"x", "w", "b"}, "g", {{"transB", one}}).node("LeakyRelu", {"g"}, "y", {{"alpha", 0.25F}});
  expect_alike(gemm, standard, src);

  for (const char* type : {"FusedMatMul", "TransposeMatMul"}) {
    OnnxGraph product = matrix();
    product.contrib(type, {"x", "w"}, "y", {{"transB", one}, {"alpha", 0.5F}});
    OnnxGraph scaled = matrix();
    scaled.node("Gemm", {"x", "w"}, "y", {{"transB", one}, {"alpha", 0.5F}});
    expect_alike(product, scaled, src);
  }
  OnnxGraph batch(17);
  batch.input("a", {3, 2, 6, 4})
      .input("b", {2, 6, 5, 4})
      .contrib("FusedMatMul", {"a", "b"}, "y", {{"transBatchA", one}, {"transB", one}});
  OnnxGraph moved(17);
  moved.input("a", {3, 2, 6, 4})
      .input("b", {2, 6, 5, 4})
      .node("Transpose", {"a"}, "ta", {{"perm", Integers{1, 2, 0, 3}}})
      .node("Transpose", {"b"}, "tb", {{"perm", Integers{0, 1, 3, 2}}})
      .node("MatMul", {"ta", "tb"}, "y");
  expect_alike(batch, moved, {random_values({3, 2, 6, 4}, 11), random_values({2, 6, 5, 4}, 12)});
}

TEST_CASE("the forms of GELU, with a bias or without") {
  const Values x = random_values({2, 4}, 13);
  const std::vector<float> bias{0.5F, -0.5F, 1.0F, 0.0F};
  const auto value = [&](const char* type, bool with_bias, const Attributes& attributes = {}) {
    OnnxGraph graph(17);
    graph.input("x", {0, 4}).floats("b", {4}, bias);
    graph.contrib(type, with_bias ? Names{"x", "b"} : Names{"x"}, "y", attributes).output("y");
    return run(graph, {x}).at(0);
  };
  const auto expect = [&](const Values& y, bool with_bias, const Activation& function) {
    for (std::size_t i = 0; i < y.flat().size(); ++i) {
      const double argument = x.flat()[i] + (with_bias ? static_cast<double>(bias[i % 4]) : 0.0);
      CHECK(std::abs(y.flat()[i] - function(argument)) < 1e-9);
    }
  };
  expect(value("Gelu", false), false, {ActivationKind::gelu});
  expect(value("BiasGelu", true), true, {ActivationKind::gelu});
  expect(value("FastGelu", true), true, {ActivationKind::gelu_tanh});
  expect(value("FastGelu", false), false, {ActivationKind::gelu_tanh});
  expect(value("QuickGelu", false), false, {ActivationKind::swish, 1.702F});
}

TEST_CASE("normalizations with what they add before") {
  const auto graph = [](std::int64_t opset) {
    OnnxGraph g(opset);
    g.input("x", {0, 3, 8}).input("k", {0, 3, 8});
    g.floats("g", {8}, random_floats(8, 14))
        .floats("b", {8}, random_floats(8, 15))
        .floats("a", {8}, random_floats(8, 16));
    return g;
  };
  const std::vector<Values> src{random_values({2, 3, 8}, 17), random_values({2, 3, 8}, 18)};
  OnnxGraph skip = graph(17);
  skip.contrib("SkipLayerNormalization", {"x", "k", "g", "b", "a"}, "y", {{"epsilon", 1e-3F}});
  OnnxGraph standard = graph(17);
  standard.node("Add", {"x", "k"}, "s1").node("Add", {"s1", "a"}, "s2");
  standard.node("LayerNormalization", {"s2", "g", "b"}, "y", {{"epsilon", 1e-3F}});
  expect_alike(skip, standard, src);

  OnnxGraph rms = graph(23);
  rms.node("Add", {"x", "k"}, "s").node("RMSNormalization", {"s", "g"}, "y", {{"epsilon", 1e-3F}, {"axis", -one}});
  OnnxGraph simplified = graph(17);
  simplified.contrib("SkipSimplifiedLayerNormalization", {"x", "k", "g"}, "y", {{"epsilon", 1e-3F}});
  expect_alike(simplified, rms, src);
  const Values y = run(rms.output("y"), src).at(0);
  double squares = 0.0;
  for (std::size_t i = 0; i < 8; ++i) squares += std::pow(src[0].flat()[i] + src[1].flat()[i], 2);
  const double first = (src[0].flat()[0] + src[1].flat()[0]) / std::sqrt(squares / 8.0 + 1e-3);
  CHECK(std::abs(y.flat()[0] - first * static_cast<double>(random_floats(8, 14)[0])) < 1e-6);
}

TEST_CASE("EmbedLayerNormalization adds up three tables") {
  const auto graph = [] {
    OnnxGraph g(17);
    g.input("i", {0, 4}, ::onnx::TensorProto::INT32).input("s", {0, 4}, ::onnx::TensorProto::INT32);
    g.floats("w", {5, 8}, random_floats(40, 19)).floats("p", {6, 8}, random_floats(48, 20));
    g.floats("t", {2, 8}, random_floats(16, 21))
        .floats("g", {8}, random_floats(8, 22))
        .floats("b", {8}, random_floats(8, 23));
    return g;
  };
  OnnxGraph embedded = graph();
  embedded.contrib("EmbedLayerNormalization", {"i", "s", "w", "p", "t", "g", "b"}, "y", {{"epsilon", 1e-3F}});
  OnnxGraph standard = graph();
  standard.integers("from", {0}).integers("to", {4});
  standard.node("Gather", {"w", "i"}, "words")
      .node("Gather", {"t", "s"}, "segments")
      .node("Slice", {"p", "from", "to"}, "rows");
  standard.node("Add", {"words", "rows"}, "s1").node("Add", {"s1", "segments"}, "s2");
  standard.node("LayerNormalization", {"s2", "g", "b"}, "y", {{"epsilon", 1e-3F}});
  expect_alike(embedded, standard,
               {Values({2, 4}, {0, 1, 2, 3, 4, 4, 1, 0}), Values({2, 4}, {0, 0, 1, 1, 0, 1, 0, 1})});
}

namespace {

/// softmax(q · kᵀ · scale + addend) · v for (heads, tokens, size), in plain loops.
Values attention_by_hand(const Values& q, const Values& k, const Values& v, double scale,
                         const std::function<double(std::int64_t, std::int64_t)>& addend) {
  const Shape dims = q.dims();
  const std::int64_t rows = dims[1];
  const std::int64_t columns = k.dims()[1];
  const std::int64_t width = v.dims()[2];
  Values y(Shape{dims[0], rows, width});
  const auto at = [](const Values& x, std::int64_t h, std::int64_t t, std::int64_t i) {
    return x.flat()[static_cast<std::size_t>((h * x.dims()[1] + t) * x.dims()[2] + i)];
  };
  for (std::int64_t h = 0; h < dims[0]; ++h) {
    for (std::int64_t i = 0; i < rows; ++i) {
      std::vector<double> weights;
      double sum = 0.0;
      for (std::int64_t j = 0; j < columns; ++j) {
        double score = 0.0;
        for (std::int64_t d = 0; d < dims[2]; ++d) score += at(q, h, i, d) * at(k, h, j, d);
        weights.push_back(std::exp(score * scale + addend(i, j)));
        sum += weights.back();
      }
      for (std::int64_t d = 0; d < width; ++d) {
        double value = 0.0;
        for (std::int64_t j = 0; j < columns; ++j) value += weights[static_cast<std::size_t>(j)] * at(v, h, j, d);
        y.flat()[static_cast<std::size_t>((h * rows + i) * width + d)] = value / sum;
      }
    }
  }
  return y;
}

void expect_values(const Values& given, const Values& expected) {
  REQUIRE(given.flat().size() == expected.flat().size());
  for (std::size_t i = 0; i < given.flat().size(); ++i) CHECK(std::abs(given.flat()[i] - expected.flat()[i]) < 1e-6);
}

}  // namespace

TEST_CASE("Attention of opset 23: causal, masked, with a past, with heads that share keys") {
  const Values q = random_values({1, 2, 3, 4}, 24);
  const Values k = random_values({1, 2, 5, 4}, 25);
  const Values v = random_values({1, 2, 5, 6}, 26);
  const auto by_head = [](const Values& x) { return x.reshaped({x.dims()[1], x.dims()[2], x.dims()[3]}); };
  const auto none = [](std::int64_t, std::int64_t) { return 0.0; };
  const auto operator_of = [&] {
    OnnxOperator op("Attention", 23);
    op.fixed(q).fixed(k).fixed(v);
    return op;
  };
  expect_values(operator_of().run(), attention_by_hand(by_head(q), by_head(k), by_head(v), 0.5, none));
  const auto causal = [](std::int64_t i, std::int64_t j) { return j > i ? -HUGE_VAL : 0.0; };
  expect_values(operator_of().with("is_causal", 1).with("scale", 0.25F).run(),
                attention_by_hand(by_head(q), by_head(k), by_head(v), 0.25, causal));
  OnnxOperator masked = operator_of();
  masked.fixed(Values({3, 5}, {1, 1, 0, 1, 1, 0, 1, 1, 1, 1, 1, 0, 1, 0, 1}), ::onnx::TensorProto::BOOL);
  const auto kept = [](std::int64_t i, std::int64_t j) {
    return (i == 0 && j == 2) || (i == 1 && j == 0) || (i == 2 && (j == 1 || j == 3)) ? -HUGE_VAL : 0.0;
  };
  expect_values(masked.run(), attention_by_hand(by_head(q), by_head(k), by_head(v), 0.5, kept));

  const Values past_key = random_values({1, 2, 2, 4}, 27);
  const Values past_value = random_values({1, 2, 2, 6}, 28);
  OnnxOperator with_past("Attention", 23);
  with_past.fixed(q).fixed(k).fixed(v).absent().fixed(past_key).fixed(past_value);
  const std::vector<Values> results = with_past.run_all(3);
  CHECK(results[1].dims() == Shape{1, 2, 7, 4});
  CHECK(results[2].dims() == Shape{1, 2, 7, 6});
  expect_values(results[0], attention_by_hand(by_head(q), by_head(results[1]), by_head(results[2]), 0.5, none));

  const Values wide = random_values({1, 4, 3, 4}, 29);  // heads 0 and 1 share the first key head
  OnnxOperator shared("Attention", 23);
  const Values y = shared.fixed(wide).fixed(k).fixed(v).run();
  const Values expected = attention_by_hand(by_head(wide).reshaped({2, 6, 4}), by_head(k), by_head(v), 0.5, none);
  expect_values(y, expected);
  CHECK_THROWS_WITH(operator_of().with("softcap", 2.0F).with("is_causal", 1).import(), ContainsSubstring("'softcap'"));
}

TEST_CASE("ONNX Runtime's two forms of attention give what ONNX's gives") {
  const std::vector<Values> src{random_values({2, 5, 8}, 30)};
  const auto graph = [](std::int64_t opset) {
    OnnxGraph g(opset);
    g.input("x", {0, 5, 8}).floats("w", {8, 24}, random_floats(192, 31)).floats("b", {24}, random_floats(24, 32));
    return g;
  };
  const std::int64_t heads = 2;
  OnnxGraph standard = graph(23);
  standard.node("MatMul", {"x", "w"}, "p").node("Add", {"p", "b"}, "s").integers("sizes", {8, 8, 8});
  standard.node("Split", {"s", "sizes"}, "q", {{"axis", 2 * one}});
  for (const char* name : {"k", "v"}) {
    auto& proto = *standard.model.mutable_graph();
    proto.mutable_node(proto.node_size() - 1)->add_output(name);
  }
  standard.node("Attention", {"q", "k", "v"}, "y",
                {{"q_num_heads", heads}, {"kv_num_heads", heads}, {"is_causal", one}});
  OnnxGraph packed = graph(17);
  packed.contrib("Attention", {"x", "w", "b"}, "y", {{"num_heads", heads}, {"unidirectional", one}});
  expect_alike(packed, standard, src);

  OnnxGraph apart = graph(17);
  apart.integers("sizes", {8, 8, 8})
      .node("MatMul", {"x", "w"}, "p")
      .node("Split", {"p", "sizes"}, "q", {{"axis", 2 * one}});
  for (const char* name : {"k", "v"}) {
    auto& proto = *apart.model.mutable_graph();
    proto.mutable_node(proto.node_size() - 1)->add_output(name);
  }
  apart.contrib("MultiHeadAttention", {"q", "k", "v", "b"}, "y", {{"num_heads", heads}, {"unidirectional", one}});
  expect_alike(apart, standard, src);

  OnnxGraph lengths = graph(17);  // how many tokens count says what a mask says
  lengths.input("n", {0}, ::onnx::TensorProto::INT32);
  lengths.contrib("Attention", {"x", "w", "b", "n"}, "y", {{"num_heads", heads}});
  OnnxGraph mask = graph(17);
  mask.input("m", {0, 5}, ::onnx::TensorProto::INT32);
  mask.contrib("Attention", {"x", "w", "b", "m"}, "y", {{"num_heads", heads}});
  const Values by_length = run(lengths.output("y"), {src[0], Values({2}, {5, 2})}).at(0);
  const Values by_mask = run(mask.output("y"), {src[0], Values({2, 5}, {1, 1, 1, 1, 1, 1, 1, 0, 0, 0})}).at(0);
  expect_values(by_length, by_mask);
}

TEST_CASE("RotaryEmbedding turns halves of a head, or neighbours") {
  const Values x = random_values({1, 2, 3, 4}, 33);  // (batch, heads, tokens, size)
  const std::vector<float> angles{0.1F, 0.2F, 0.3F, 0.4F, 0.5F, 0.6F};
  std::vector<float> cosines;
  std::vector<float> sines;
  for (const float angle : angles) {
    cosines.push_back(std::cos(angle));
    sines.push_back(std::sin(angle));
  }
  for (const int interleaved : {0, 1}) {
    OnnxOperator op("RotaryEmbedding", 23);
    const Values y = op.fixed(x)
                         .constant({3, 2}, cosines)
                         .constant({3, 2}, sines)
                         .fixed(Values({1, 3}, {2.0, 0.0, 1.0}), ::onnx::TensorProto::INT64)
                         .with("interleaved", interleaved)
                         .run();
    const std::size_t row[3] = {2, 0, 1};
    for (std::size_t head = 0; head < 2; ++head) {
      for (std::size_t token = 0; token < 3; ++token) {
        for (std::size_t i = 0; i < 2; ++i) {
          const std::size_t at = (head * 3 + token) * 4;
          const std::size_t a = at + (interleaved != 0 ? 2 * i : i);
          const std::size_t b = at + (interleaved != 0 ? 2 * i + 1 : i + 2);
          const double angle = static_cast<double>(angles[row[token] * 2 + i]);
          CHECK(std::abs(y.flat()[a] - (x.flat()[a] * std::cos(angle) - x.flat()[b] * std::sin(angle))) < 1e-6);
          CHECK(std::abs(y.flat()[b] - (x.flat()[a] * std::sin(angle) + x.flat()[b] * std::cos(angle))) < 1e-6);
        }
      }
    }
  }
}
