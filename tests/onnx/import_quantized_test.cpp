// The quantized half of onnx/import.hpp.
#include <string>
#include <vector>

#include <fulcrum/analysis/infer_elements.hpp>
#include <fulcrum/exec/reference.hpp>

#include <onnx/onnx_graph.hpp>
#include <support/catch.hpp>

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

TEST_CASE("weights that no int8 kernel takes come as the floats they stand for") {
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
  CHECK_FALSE(dense.weights.quantization);
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
