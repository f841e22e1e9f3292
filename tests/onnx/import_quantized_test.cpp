// The quantized half of onnx/import.hpp.
#include <cmath>
#include <string>
#include <utility>
#include <vector>

#include <fulcrum/analysis/infer_elements.hpp>
#include <fulcrum/analysis/is_quantized.hpp>
#include <fulcrum/exec/onednn.hpp>
#include <fulcrum/exec/reference.hpp>

#include <onnx/onnx_graph.hpp>
#include <support/catch.hpp>
#include <support/data.hpp>
#include <support/tolerance.hpp>
#include "checked_export.hpp"

using namespace fulcrum;
using fulcrum::test::layer_of;
using fulcrum::test::OnnxGraph;

namespace {

Quantization per_tensor(DType dtype, float scale, std::int32_t zero_point) {
  return {dtype, {scale}, {zero_point}, -1};
}

/// x (N, 2) → QDQ → Gemm with int8 weights and int32 bias → Relu → QDQ.
OnnxGraph quantized_dense() {
  OnnxGraph graph;
  graph.input("x", {0, 2})
      .floats("xs", {}, {0.5F})
      .ubytes8("xz", {}, {3})
      .node("QuantizeLinear", {"x", "xs", "xz"}, "xq")
      .node("DequantizeLinear", {"xq", "xs", "xz"}, "xd")
      .bytes8("wq", {3, 2}, {127, -64, 1, 0, -127, 2})
      .floats("ws", {3}, {0.1F, 0.2F, 0.4F})
      .bytes8("wz", {3}, {0, 0, 0})
      .node("DequantizeLinear", {"wq", "ws", "wz"}, "w", {{"axis", std::int64_t{0}}})
      .initializer("bq", {3}, std::vector<std::int32_t>{10, -20, 30}, onnx::TensorProto::INT32)
      .floats("bs", {3}, {0.05F, 0.1F, 0.2F})
      .node("DequantizeLinear", {"bq", "bs"}, "b", {{"axis", std::int64_t{0}}})
      .node("Gemm", {"xd", "w", "b"}, "y", {{"transB", std::int64_t{1}}})
      .node("Relu", {"y"}, "r")
      .floats("rs", {}, {0.25F})
      .ubytes8("rz", {}, {0})
      .node("QuantizeLinear", {"r", "rs", "rz"}, "rq")
      .node("DequantizeLinear", {"rq", "rs", "rz"}, "rd");
  return graph;
}

}  // namespace

TEST_CASE("a QDQ model comes as float weights and roundings of the values") {
  const Model<float> model = quantized_dense().output("rd").import();
  REQUIRE(model.size() == 3);
  CHECK(model.node(0).dst_quantization == per_tensor(DType::u8, 0.5F, 3));
  CHECK_FALSE(model.node(1).dst_quantization);
  CHECK(model.node(2).dst_quantization == per_tensor(DType::u8, 0.25F, 0));
  const auto& dense = layer_of<Dense<float>>(model, "y_node");
  CHECK(*dense.weights.value == Tensor<float>({3, 2}, {12.7F, -6.4F, 0.2F, 0.0F, -50.8F, 0.8F}));
  CHECK(dense.weights.quantization == Quantization{DType::s8, {0.1F, 0.2F, 0.4F}, {0, 0, 0}, 0});
  CHECK(*dense.bias.value == Tensor<float>({3}, {0.5F, -2.0F, 6.0F}));
  CHECK_FALSE(dense.bias.quantization);
}

TEST_CASE("several uses of a rounded value, each with its own pair, are one rounding") {
  OnnxGraph graph = quantized_dense();
  graph.node("DequantizeLinear", {"rq", "rs", "rz"}, "rd2")
      .node("QuantizeLinear", {"r", "rs", "rz"}, "rq3")
      .node("DequantizeLinear", {"rq3", "rs", "rz"}, "rd3")
      .node("Add", {"rd2", "rd3"}, "sum")
      .output("rd")
      .output("sum");
  const Model<float> model = graph.import();
  CHECK(model.size() == 4);
  CHECK(model.outputs() == std::vector<NodeId>{2, 3});
  CHECK(model.node(3).src == std::vector<NodeId>{2, 2});
}

TEST_CASE("a value that is used rounded and as it is keeps both") {
  OnnxGraph graph = quantized_dense();
  graph.node("Add", {"r", "rd"}, "sum").output("sum");
  const Model<float> model = graph.import();
  REQUIRE(model.size() == 5);
  CHECK_FALSE(model.node(2).dst_quantization);
  CHECK(model.node(3).dst_quantization == per_tensor(DType::u8, 0.25F, 0));
  CHECK(model.node(4).src == std::vector<NodeId>{2, 3});
  const Tensor<float> x({1, 2}, {1.0F, -1.2F});
  const auto values = ReferenceExecutor<float>(model, {.quantized = true}).run_all(std::span(&x, 1));
  CHECK(values[3] != values[2]);
}

TEST_CASE("two different roundings after one another stay two") {
  OnnxGraph graph = quantized_dense();
  graph.floats("os", {}, {0.3F})
      .bytes8("oz", {}, {-5})
      .node("QuantizeLinear", {"rd", "os", "oz"}, "oq")
      .node("DequantizeLinear", {"oq", "os", "oz"}, "od")
      .output("od");
  const Model<float> model = graph.import();
  REQUIRE(model.size() == 4);
  CHECK(model.node(2).dst_quantization == per_tensor(DType::u8, 0.25F, 0));
  CHECK(model.node(3).dst_quantization == per_tensor(DType::s8, 0.3F, -5));
}

TEST_CASE("float weights that the graph rounds come rounded") {
  OnnxGraph graph;
  graph.input("x", {0, 2})
      .floats("w", {2, 1}, {0.24F, -0.9F})
      .floats("s", {}, {0.1F})
      .bytes8("z", {}, {0})
      .node("QuantizeLinear", {"w", "s", "z"}, "q")
      .node("DequantizeLinear", {"q", "s", "z"}, "d")
      .node("MatMul", {"x", "d"}, "y")
      .output("y");
  const Model<float> model = graph.import();
  const auto& dense = layer_of<Dense<float>>(model, "y_node");
  CHECK(*dense.weights.value == Tensor<float>({1, 2}, {0.2F, -0.90000004F}));
  CHECK(dense.weights.quantization == per_tensor(DType::s8, 0.1F, 0));
}

TEST_CASE("weights per column of a MatMul are weights per output channel") {
  OnnxGraph graph;
  graph.input("x", {0, 2})
      .ubytes8("q", {2, 3}, {128, 129, 130, 127, 126, 125})
      .floats("s", {3}, {1.0F, 2.0F, 4.0F})
      .ubytes8("z", {3}, {128, 128, 128})
      .node("DequantizeLinear", {"q", "s", "z"}, "w", {{"axis", std::int64_t{-1}}})
      .node("MatMul", {"x", "w"}, "y")
      .output("y");
  const Model<float> model = graph.import();
  const auto& dense = layer_of<Dense<float>>(model, "y_node");
  CHECK(*dense.weights.value == Tensor<float>({3, 2}, {0, -1, 2, -4, 8, -12}));
  CHECK(dense.weights.quantization == Quantization{DType::s8, {1.0F, 2.0F, 4.0F}, {0, 0, 0}, 0});
}

TEST_CASE("weights that no int8 kernel takes come as the floats they stand for, and are written as they were") {
  OnnxGraph graph;
  graph.input("x", {0, 2})
      .ubytes8("q", {2, 1}, {7, 3})
      .floats("s", {}, {0.5F})
      .ubytes8("z", {}, {5})
      .node("DequantizeLinear", {"q", "s", "z"}, "w")
      .node("MatMul", {"x", "w"}, "y")
      .output("y");
  const Model<float> model = graph.import();
  const auto& dense = layer_of<Dense<float>>(model, "y_node");
  CHECK(*dense.weights.value == Tensor<float>({1, 2}, {1.0F, -1.0F}));
  CHECK(dense.weights.quantization == Quantization{DType::u8, {0.5F}, {5}, -1});
  const std::string file = test::checked_onnx(model);
  const Model<float> again = parse_onnx(file);
  CHECK(layer_of<Dense<float>>(again, "y_node") == dense);
  CHECK((test::checked_onnx(again) == file));
}

TEST_CASE("quantizations that cannot be run are refused with the node's name") {
  const auto pair = [](const std::function<void(OnnxGraph&)>& edit) {
    OnnxGraph graph;
    graph.input("x", {0, 2});
    edit(graph);
    return graph.node("QuantizeLinear", {"x", "s", "z"}, "q")
        .node("DequantizeLinear", {"q", "s2", "z"}, "d")
        .output("d")
        .import();
  };
  CHECK_THROWS_WITH(pair([](OnnxGraph& g) { g.floats("s", {}, {0.0F}).floats("s2", {}, {0.0F}).bytes8("z", {}, {0}); }),
                    ContainsSubstring("node 'q_node' (QuantizeLinear) maps to int8 with a scale of 0.0"));
  CHECK_THROWS_WITH(pair([](OnnxGraph& g) {
                      g.floats("s", {2}, {1, 1}).floats("s2", {2}, {1, 1}).bytes8("z", {}, {0});
                    }),
                    ContainsSubstring("2 scale(s) of shape (2) and 1 zero point(s)"));
  CHECK_THROWS_WITH(pair([](OnnxGraph& g) {
                      g.floats("s", {3}, {1, 1, 1}).floats("s2", {3}, {1, 1, 1}).bytes8("z", {3}, {0, 0, 0});
                    }),
                    ContainsSubstring("3 scales, which fit no channels"));
  CHECK_THROWS_WITH(
      pair([](OnnxGraph& g) {
        g.floats("s", {}, {1}).floats("s2", {}, {1}).initializer<std::int32_t>("z", {}, {0}, onnx::TensorProto::INT32);
      }),
      ContainsSubstring("maps to int32"));
}

TEST_CASE("integers that are wanted as such, or dequantized by other numbers, are layers of their own") {
  OnnxGraph graph;
  graph.input("x", {0, 3})
      .floats("s", {}, {0.5F})
      .floats("s2", {}, {0.25F})
      .ubytes8("z", {}, {10})
      .node("QuantizeLinear", {"x", "s", "z"}, "q")
      .node("DequantizeLinear", {"q", "s2", "z"}, "d")
      .output("q")
      .output("d");
  const Model<float> model = graph.import();
  CHECK(infer_elements(model)[model.outputs()[0]] == ElementType::u8);
  CHECK(infer_elements(model)[model.outputs()[1]] == ElementType::f32);
  const Tensor<float> x({1, 3}, {0.75F, -1.0F, 1000.0F});
  const std::vector<Tensor<float>> results = ReferenceExecutor<float>(model).run({&x, 1});
  CHECK(results[0] == Tensor<float>({1, 3}, {12.0F, 8.0F, 255.0F}));  // 1.5 rounds to the even 2
  CHECK(results[1] == Tensor<float>({1, 3}, {0.5F, -0.5F, 61.25F}));
}

namespace {

/// x (2, 4, 6, 6) rounded, through a layer, rounded again; what is rounded as `type` with a zero point.
OnnxGraph rounded_around(const std::string& layer, std::int32_t type, int zero_point) {
  OnnxGraph graph(13);
  graph.input("x", {2, 4, 6, 6}).floats("s", {}, {0.03F});
  if (type == onnx::TensorProto::UINT8)
    graph.ubytes8("z", {}, {static_cast<std::uint8_t>(zero_point)});
  else if (type == onnx::TensorProto::INT8)
    graph.bytes8("z", {}, {static_cast<std::int8_t>(zero_point)});
  else
    graph.initializer("z", {}, std::vector<std::int16_t>{static_cast<std::int16_t>(zero_point)}, type);
  graph.node("QuantizeLinear", {"x", "s", "z"}, "xq").node("DequantizeLinear", {"xq", "s", "z"}, "xd");
  const std::vector<std::int64_t> window{2, 2};
  if (layer == "MaxPool" || layer == "AveragePool") {
    graph.node(layer, {"xd"}, "y", {{"kernel_shape", window}, {"strides", window}});
  } else if (layer == "Resize") {
    graph.floats("scales", {4}, {1, 1, 2, 2}).node("Resize", {"xd", "", "scales"}, "y");
  } else if (layer == "Concat") {
    graph.node("Concat", {"xd", "xd"}, "y", {{"axis", std::int64_t{1}}});
  } else if (layer == "Add") {
    graph.node("Add", {"xd", "xd"}, "y");
  } else {
    graph.node(layer, {"xd"}, "y");
  }
  graph.node("QuantizeLinear", {"y", "s", "z"}, "yq").node("DequantizeLinear", {"yq", "s", "z"}, "yd").output("yd");
  return graph;
}

}  // namespace

TEST_CASE("roundings around layers without weights run on both executors, in int8 and in f32") {
  const Tensor<float> x = test::random_tensor<float>({2, 4, 6, 6}, 3);
  for (const char* layer :
       {"MaxPool", "AveragePool", "GlobalAveragePool", "Resize", "Concat", "Add", "Softmax", "Relu"}) {
    for (const auto& [type, zero_point] : {std::pair<std::int32_t, int>{onnx::TensorProto::UINT8, 128},
                                           {onnx::TensorProto::UINT8, 0},
                                           {onnx::TensorProto::INT8, 7},
                                           {onnx::TensorProto::INT16, -300}}) {
      INFO(layer << ", " << type << ", zero point " << zero_point);
      const Model<float> model = rounded_around(layer, type, zero_point).import();
      CHECK(is_quantized(model) == (type != onnx::TensorProto::INT16));
      const Tensor<float> expected = ReferenceExecutor<float>(model).run({&x, 1}).at(0);
      for (const float y : expected.flat()) {  // multiples of the scale
        const float steps = y / 0.03F;
        CHECK(std::abs(steps - std::nearbyint(steps)) < 1e-3F);
      }
      for (const Precision precision : {Precision::int8, Precision::f32}) {
        if (precision == Precision::int8 && !is_quantized(model)) continue;
        const RunConfig config{.batch = 2, .precision = precision};
        const Tensor<float> dst = OnednnExecutor(model, config).run({&x, 1}).at(0);
        CHECK(test::relative_difference(dst, expected) <= test::relative_tolerance(Precision::int8));
      }
    }
  }
}

TEST_CASE("values are rounded per channel, to 8 and to 16 bits, by layers of their own") {
  for (const bool wide : {false, true}) {
    OnnxGraph graph;
    graph.input("x", {2, 3, 2}).floats("s", {3}, {0.5F, 1.0F, 2.0F});
    if (wide)
      graph.initializer("z", {3}, std::vector<std::int16_t>{0, 300, -5}, onnx::TensorProto::INT16);
    else
      graph.bytes8("z", {3}, {0, 100, -5});
    graph.node("QuantizeLinear", {"x", "s", "z"}, "q").node("DequantizeLinear", {"q", "s", "z"}, "y").output("y");
    const Model<float> model = graph.import();
    const Tensor<float> x({2, 3, 2}, {0.7F, -0.2F, 1.4F, 500.0F, 3.0F, -3.1F, 64.0F, 1.0F, 2.6F, -1.0F, 0.9F, 1.1F});
    const float top = wide ? 500.0F : 27.0F;
    const float first = wide ? 64.0F : 63.5F;
    const Tensor<float> expected({2, 3, 2}, {0.5F, 0.0F, 1.0F, top, 4.0F, -4.0F, first, 1.0F, 3.0F, -1.0F, 0.0F, 2.0F});
    CHECK(ReferenceExecutor<float>(model).run({&x, 1}).at(0) == expected);
    CHECK(OnednnExecutor(model, {.batch = 2}).run({&x, 1}).at(0) == expected);
  }
}

TEST_CASE("constant floats may be rounded to 16 bits") {
  OnnxGraph graph;
  graph.input("x", {0, 2}).floats("w", {2, 2}, {0.5F, 1000.26F, -3.0F, 0.2F}).floats("s", {}, {0.5F});
  graph.initializer("z", {}, std::vector<std::int16_t>{0}, onnx::TensorProto::INT16);
  graph.node("QuantizeLinear", {"w", "s", "z"}, "q").node("DequantizeLinear", {"q", "s", "z"}, "d");
  graph.node("MatMul", {"x", "d"}, "y").output("y");
  CHECK(*layer_of<Dense<float>>(graph.import(), "y_node").weights.value ==
        Tensor<float>({2, 2}, {0.5F, -3.0F, 1000.5F, 0.0F}));
}

namespace {

/// x (N, 3, 6, 6) → DynamicQuantizeLinear → ConvInteger → Cast, with weights of u8 around 117.
OnnxGraph dynamic_conv() {
  std::vector<std::uint8_t> weights;
  for (int i = 0; i < 4 * 3 * 9; ++i) weights.push_back(static_cast<std::uint8_t>((37 * i + 11) % 256));
  OnnxGraph graph;
  graph.input("x", {0, 3, 6, 6})
      .ubytes8("w", {4, 3, 3, 3}, weights)
      .ubytes8("wz", {}, {117})
      .floats("ws", {}, {0.01F})
      .floats("b", {1, 4, 1, 1}, {0.5F, -0.25F, 1.0F, 0.0F})
      .node("DynamicQuantizeLinear", {"x"}, "q");
  for (const char* output : {"s", "z"}) {
    auto& nodes = *graph.model.mutable_graph();
    nodes.mutable_node(nodes.node_size() - 1)->add_output(output);
  }
  graph.node("ConvInteger", {"q", "w", "z", "wz"}, "sum", {{"pads", std::vector<std::int64_t>{1, 1, 1, 1}}})
      .node("Cast", {"sum"}, "real", {{"to", std::int64_t{onnx::TensorProto::FLOAT}}});
  return graph;
}

}  // namespace

TEST_CASE("ConvInteger of what DynamicQuantizeLinear gives is one convolution, and its value what the nodes compute") {
  OnnxGraph graph = dynamic_conv();
  graph.node("Mul", {"s", "ws"}, "factor").node("Mul", {"real", "factor"}, "scaled").node("Add", {"scaled", "b"}, "y");
  const Model<float> model = graph.output("y").import();
  REQUIRE(model.size() == 3);
  CHECK(std::holds_alternative<DynamicQuantize>(model.node(1).layer));
  CHECK(model.node(1).name == "q_node");
  const auto& conv = layer_of<Conv<float>>(model, "y_node");
  CHECK(conv.weights.quantization == per_tensor(DType::u8, 0.01F, 117));
  CHECK(conv.bias.value->dims() == Shape{4});

  // The same nodes one by one: the sum is an output too, so that they are no pattern.
  OnnxGraph apart = dynamic_conv();
  apart.node("Mul", {"s", "ws"}, "factor").node("Mul", {"real", "factor"}, "scaled").node("Add", {"scaled", "b"}, "y");
  const Model<float> nodes = apart.output("y").output("sum").import();
  CHECK(nodes.size() > 10);
  const std::vector<Tensor<float>> src{test::random_tensor<float>({2, 3, 6, 6}, 3, -1.0, 3.0)};
  const Tensor<float> expected = ReferenceExecutor<float>(nodes).run(src)[0];
  CHECK(test::relative_difference(ReferenceExecutor<float>(model).run(src)[0], expected) <= 1e-6);
  OnednnExecutor executor(model, {.batch = 2, .precision = Precision::int8});
  CHECK(test::relative_difference(executor.run(src)[0], expected) <= 1e-6);

  // One factor after the other.
  OnnxGraph stepwise = dynamic_conv();
  stepwise.node("Mul", {"ws", "real"}, "once").node("Mul", {"s", "once"}, "y").output("y");
  CHECK(stepwise.import().size() == 3);
}

TEST_CASE("two products share a DynamicQuantizeLinear, and a MatMulIntegerToFloat is one of them") {
  const auto graph_of = [](bool contrib) {
    OnnxGraph graph;
    graph.input("x", {0, 4})
        .ubytes8("w", {4, 2}, {1, 2, 3, 250, 128, 130, 7, 90})
        .ubytes8("wz", {2}, {120, 131})
        .floats("ws", {2}, {0.1F, 0.05F})
        .floats("b", {2}, {1.0F, 2.0F})
        .node("DynamicQuantizeLinear", {"x"}, "q");
    for (const char* output : {"s", "z"}) {
      auto& nodes = *graph.model.mutable_graph();
      nodes.mutable_node(nodes.node_size() - 1)->add_output(output);
    }
    for (const std::string one : {"a", "c"}) {
      if (contrib) {
        graph.contrib("MatMulIntegerToFloat", {"q", "w", "s", "ws", "z", "wz", "b"}, one);
      } else {
        graph.node("MatMulInteger", {"q", "w", "z", "wz"}, one + "sum")
            .node("Cast", {one + "sum"}, one + "real", {{"to", std::int64_t{onnx::TensorProto::FLOAT}}})
            .node("Mul", {"ws", "s"}, one + "factor")
            .node("Mul", {one + "factor", one + "real"}, one + "scaled")
            .node("Add", {"b", one + "scaled"}, one);
      }
      graph.output(one);
    }
    return graph.import();
  };
  const std::vector<Tensor<float>> src{test::random_tensor<float>({5, 4}, 3, -1.0, 3.0)};
  for (const bool contrib : {false, true}) {
    const Model<float> model = graph_of(contrib);
    REQUIRE(model.size() == 4);
    CHECK(std::holds_alternative<DynamicQuantize>(model.node(1).layer));
    const auto& dense = std::get<Dense<float>>(model.node(2).layer);
    CHECK(dense.weights.quantization == Quantization{DType::u8, {0.1F, 0.05F}, {120, 131}, 0});
    const auto expected = ReferenceExecutor<float>(graph_of(false)).run(src);
    CHECK(test::relative_difference(ReferenceExecutor<float>(model).run(src)[1], expected[1]) <= 1e-6);
    OnednnExecutor executor(model, {.batch = 5, .precision = Precision::int8});
    CHECK(test::relative_difference(executor.run(src)[0], expected[0]) <= 1e-6);
  }
}

namespace {

/// Weights (rows, columns) of integers of some type behind a DequantizeLinear, taken once or twice: every element is
/// scale · (q − zero point).
template <class Integer>
void expect_dequantized(std::int32_t type, std::int64_t axis, std::int64_t rows, std::int64_t columns, bool twice) {
  const std::int64_t channels = axis == 0 ? rows : columns;
  std::vector<Integer> zeros, q;
  std::vector<float> scales;
  for (std::int64_t c = 0; c < channels; ++c) {
    zeros.push_back(static_cast<Integer>(c % 11));
    scales.push_back(0.1F * static_cast<float>(c % 7 + 1));
  }
  for (std::int64_t i = 0; i < rows * columns; ++i) q.push_back(static_cast<Integer>(i * 37 + 3));
  OnnxGraph graph;
  graph.input("x", {0, rows})
      .initializer("q", {rows, columns}, q, type)
      .floats("s", {channels}, scales)
      .initializer("z", {channels}, zeros, type)
      .node("DequantizeLinear", {"q", "s", "z"}, "w", {{"axis", axis}})
      .node("MatMul", {"x", "w"}, "y")
      .output("y");
  if (twice) graph.node("Gemm", {"y", "w"}, "t", {{"transB", std::int64_t{1}}}).output("t");
  const Model<float> model = graph.import();
  const Tensor<float>& weights = *layer_of<Dense<float>>(model, "y_node").weights.value;
  REQUIRE(weights.dims() == Shape{columns, rows});
  std::size_t wrong = 0;
  for (std::int64_t row = 0; row < rows; ++row) {
    for (std::int64_t column = 0; column < columns; ++column) {
      const auto c = static_cast<std::size_t>(axis == 0 ? row : column);
      const auto at = static_cast<std::size_t>(row * columns + column);
      const auto steps = static_cast<std::int64_t>(q[at]) - static_cast<std::int64_t>(zeros[c]);
      const float expected = static_cast<float>(steps) * scales[c];
      wrong += weights.flat()[static_cast<std::size_t>(column * rows + row)] == expected ? 0 : 1;
      if (twice) wrong += layer_of<Dense<float>>(model, "t_node").weights.value->flat()[at] == expected ? 0 : 1;
    }
  }
  CHECK(wrong == 0);
}

}  // namespace

TEST_CASE("integers of every type become the weights that their scales and zero points say, along either axis") {
  for (const std::int64_t axis : {0, 1}) {
    for (const bool twice : {false, true}) {
      for (const auto& [rows, columns] : {std::pair{5, 3}, std::pair{131, 133}, std::pair{128, 192}}) {
        INFO(rows << " x " << columns << ", axis " << axis << (twice ? ", twice" : ""));
        expect_dequantized<std::int8_t>(onnx::TensorProto::INT8, axis, rows, columns, twice);
        expect_dequantized<std::uint8_t>(onnx::TensorProto::UINT8, axis, rows, columns, twice);
        expect_dequantized<std::int16_t>(onnx::TensorProto::INT16, axis, rows, columns, twice);
        expect_dequantized<std::uint16_t>(onnx::TensorProto::UINT16, axis, rows, columns, twice);
        expect_dequantized<std::int32_t>(onnx::TensorProto::INT32, axis, rows, columns, twice);
      }
    }
  }
}
