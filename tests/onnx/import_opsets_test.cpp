// Operators by their version: what a newer opset adds, and what of a node is not understood.
#include <algorithm>
#include <cmath>
#include <span>
#include <string>
#include <vector>

#include <onnx/onnx_operator.hpp>
#include <support/catch.hpp>

using namespace fulcrum;
using namespace fulcrum::test;
using Catch::Matchers::ContainsSubstring;

TEST_CASE("opsets 22 to 24 are read, later ones are refused") {
  for (const std::int64_t opset : {22, 23, 24}) {
    const Values y = OnnxOperator("Relu", opset).src(Values({2, 2}, {-1.0, 2.0, 3.0, -4.0})).run();
    CHECK(is_near(y, {2, 2}, {0.0, 2.0, 3.0, 0.0}));
  }
  CHECK_THROWS_WITH(OnnxOperator("Relu", 25).src(Values({1, 1}, {1.0})).run(), ContainsSubstring("opset 25"));
}

TEST_CASE("QuantizeLinear's output_dtype says which integers, where no zero point does") {
  const Values x({1, 7}, {-300.0, -5.0, -1.0, 0.0, 3.0, 250.0, 300.0});
  const auto quantized = [&](std::int32_t type) {
    OnnxGraph graph(21);
    graph.input("x", {0, 7})
        .floats("s", {}, {2.0F})
        .node("QuantizeLinear", {"x", "s"}, "q", {{"output_dtype", std::int64_t{type}}})
        .node("DequantizeLinear", {"q", "s"}, "y")
        .output("y");
    const std::vector<Values> src{x};
    return ReferenceExecutor<double>(cast<double>(graph.import()), {.quantized = true})
        .run(std::span<const Values>(src))
        .at(0);
  };
  const auto expected = [&](double low, double high) {
    std::vector<double> values;
    for (const double v : x.flat()) values.push_back(std::min(std::max(std::nearbyint(v / 2.0), low), high) * 2.0);
    return values;
  };
  CHECK(is_near(quantized(::onnx::TensorProto::INT8), {1, 7}, expected(-128.0, 127.0)));
  CHECK(is_near(quantized(::onnx::TensorProto::UINT8), {1, 7}, expected(0.0, 255.0)));
  CHECK(is_near(quantized(::onnx::TensorProto::INT16), {1, 7}, expected(-32768.0, 32767.0)));

  OnnxOperator both("QuantizeLinear", 21);
  both.src(x).constant({}, {2.0F}).src(Values({}, {0.0}), ::onnx::TensorProto::UINT8).with("output_dtype", 3);
  CHECK_THROWS_WITH(both.import(), ContainsSubstring("output_dtype"));
}

TEST_CASE("an attribute or an input that is not understood is refused with its name") {
  const Values x({1, 2}, {1.0, 2.0});
  CHECK_THROWS_WITH(OnnxOperator("Relu", 14).src(x).with("slope", 0.5F).import(),
                    ContainsSubstring("attribute 'slope'"));
  CHECK_THROWS_WITH(OnnxOperator("Relu", 14).src(x).constant({1}, {0.5F}).import(), ContainsSubstring("input 1"));
  OnnxOperator folded("Transpose", 13);
  folded.constant({2, 1}, {1.0F, 2.0F}).with("order", Integers{1, 0});
  CHECK_THROWS_WITH(folded.import(), ContainsSubstring("attribute 'order'"));
}

TEST_CASE("attributes that change nothing in inference are no reason to refuse") {
  const Values x({1, 2, 1, 1}, {1.0, 2.0});
  OnnxOperator normalization("BatchNormalization", 15);
  normalization.src(x);
  for (const float value : {1.0F, 0.0F, 0.0F, 1.0F}) normalization.constant({2}, {value, value});
  CHECK(is_near(normalization.with("momentum", 0.9F).with("epsilon", 0.0F).run(), {1, 2, 1, 1}, {1.0, 2.0}));
  CHECK(OnnxOperator("Dropout", 13).src(x).constant({}, {0.5F}).with("seed", 3).run() == x);
}
