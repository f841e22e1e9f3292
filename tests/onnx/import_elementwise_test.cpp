// Element-wise operators and reductions of ONNX: what they are imported as computes what the operator says.
#include <cmath>
#include <limits>
#include <string>
#include <vector>

#include <fulcrum/analysis/infer_elements.hpp>

#include <onnx/onnx_operator.hpp>
#include <support/catch.hpp>
#include <support/data.hpp>

using namespace fulcrum;
using fulcrum::test::counting_tensor;
using fulcrum::test::Integers;
using fulcrum::test::is_near;
using fulcrum::test::layer_of;
using fulcrum::test::OnnxOperator;
using fulcrum::test::Values;
using Proto = ::onnx::TensorProto;

namespace {

const Values line({1, 5}, {-2.0, -0.5, 0.0, 0.25, 3.0});

ElementType element_of_output(const OnnxOperator& node) {
  const Model<float> model = node.import();
  return infer_elements(model)[model.outputs()[0]];
}

}  // namespace

TEST_CASE("activations of ONNX come with the settings they name, or their defaults") {
  CHECK(is_near(OnnxOperator("ThresholdedRelu").src(line).run(), {1, 5}, {0, 0, 0, 0, 3}));
  CHECK(is_near(OnnxOperator("ThresholdedRelu").src(line).with("alpha", 0.1F).run(), {1, 5}, {0, 0, 0, 0.25, 3}));
  const double alpha = 1.67326319217681884765625;
  const double gamma = 1.05070102214813232421875;
  CHECK(is_near(OnnxOperator("Selu").src(line).run(), {1, 5},
                {gamma * alpha * std::expm1(-2.0), gamma * alpha * std::expm1(-0.5), 0, gamma * 0.25, gamma * 3}));
  CHECK(is_near(OnnxOperator("Selu").src(line).with("alpha", 2.0F).with("gamma", 3.0F).run(), {1, 5},
                {6 * std::expm1(-2.0), 6 * std::expm1(-0.5), 0, 0.75, 9}));
  CHECK(is_near(OnnxOperator("Celu").src(line).with("alpha", 2.0F).run(), {1, 5},
                {2 * std::expm1(-1.0), 2 * std::expm1(-0.25), 0, 0.25, 3}));
  CHECK(is_near(OnnxOperator("Shrink").src(line).with("lambd", 0.3F).with("bias", 0.25F).run(), {1, 5},
                {-1.75, -0.25, 0, 0, 2.75}));
  CHECK(is_near(OnnxOperator("Softsign").src(line).run(), {1, 5}, {-2.0 / 3, -1.0 / 3, 0, 0.2, 0.75}));
  CHECK(is_near(OnnxOperator("Mish", 18).src(Values({1, 1}, {1.0})).run(), {1, 1},
                {std::tanh(std::log1p(std::exp(1.0)))}));
  CHECK_THROWS_WITH(OnnxOperator("Celu").src(line).with("alpha", 0.0F).import(), ContainsSubstring("alpha"));
}

TEST_CASE("functions of one argument are imported under their names") {
  const auto of = [](const char* type, double x) {
    return OnnxOperator(type).src(Values({1, 1}, {x})).run().flat()[0];
  };
  CHECK(of("Abs", -2.5) == 2.5);
  CHECK(of("Neg", -2.5) == 2.5);
  CHECK(of("Exp", 1.0) == std::exp(1.0));
  CHECK(of("Log", 2.0) == std::log(2.0));
  CHECK(of("Sqrt", 2.0) == std::sqrt(2.0));
  CHECK(of("Reciprocal", 4.0) == 0.25);
  CHECK(of("Floor", -1.5) == -2.0);
  CHECK(of("Ceil", -1.5) == -1.0);
  CHECK(of("Round", 2.5) == 2.0);
  CHECK(of("Sign", -3.0) == -1.0);
  CHECK(of("Sin", 1.0) == std::sin(1.0));
  CHECK(of("Cos", 1.0) == std::cos(1.0));
  CHECK(of("Erf", 0.5) == std::erf(0.5));
  CHECK(OnnxOperator("Not").src(Values({1, 2}, {1.0, 0.0}), Proto::BOOL).run() == Values({1, 2}, {0.0, 1.0}));
}

TEST_CASE("Neg of the smallest narrow integer wraps around") {
  const Values x({1, 2}, {-128.0, 5.0});
  CHECK(OnnxOperator("Neg").src(x, Proto::INT8).run() == Values({1, 2}, {-128.0, -5.0}));
  CHECK(OnnxOperator("Abs").src(x, Proto::INT8).run() == Values({1, 2}, {-128.0, 5.0}));
  CHECK(OnnxOperator("Abs").src(x, Proto::INT32).run() == Values({1, 2}, {128.0, 5.0}));
}

TEST_CASE("the bounds of a Clip may be integers, and may be computed at run time") {
  CHECK(OnnxOperator("Clip").src(Values({1, 3}, {-5, 2, 9}), Proto::INT64).integer(0).integer(4).run() ==
        Values({1, 3}, {0, 2, 4}));
  const Values low({}, {-1.0});
  CHECK(OnnxOperator("Clip").src(line).fixed(low).run() == Values({1, 5}, {-1.0, -0.5, 0.0, 0.25, 3.0}));
  CHECK(OnnxOperator("Clip").src(line).fixed(low).fixed(Values({}, {0.1})).run() ==
        Values({1, 5}, {-1.0, -0.5, 0.0, 0.1, 0.1}));
  CHECK(OnnxOperator("Clip").src(line).absent().fixed(Values({}, {0.1})).run() ==
        Values({1, 5}, {-2.0, -0.5, 0.0, 0.1, 0.1}));
  CHECK_THROWS_WITH(OnnxOperator("Clip").src(line).constant({2}, {0, 1}).import(), ContainsSubstring("min"));
}

TEST_CASE("the slope of a PRelu is broadcast to its source") {
  const Values x({1, 2, 2}, {-1, 2, -3, -4});
  CHECK(OnnxOperator("PRelu").src(x).constant({2, 1}, {0.5F, 0.25F}).run() == Values({1, 2, 2}, {-0.5, 2, -0.75, -1}));
  CHECK(OnnxOperator("PRelu").src(x).src(Values({1, 1, 1}, {2})).run() == Values({1, 2, 2}, {-2, 2, -6, -8}));
}

TEST_CASE("arithmetic of two values broadcasts as NumPy does") {
  const Values a({2, 3}, {1, 2, 3, 4, 5, 6});
  const Values b({3}, {2, 4, 8});
  const auto of = [&](const char* type) { return OnnxOperator(type).src(a).fixed(b).run(); };
  CHECK(of("Add") == Values({2, 3}, {3, 6, 11, 6, 9, 14}));
  CHECK(of("Sub") == Values({2, 3}, {-1, -2, -5, 2, 1, -2}));
  CHECK(of("Mul") == Values({2, 3}, {2, 8, 24, 8, 20, 48}));
  CHECK(of("Div") == Values({2, 3}, {0.5, 0.5, 0.375, 2, 1.25, 0.75}));
  CHECK(of("Pow") == Values({2, 3}, {1, 16, 6561, 16, 625, 1679616}));
  CHECK(of("Less") == Values({2, 3}, {1, 1, 1, 0, 0, 1}));
  CHECK(of("LessOrEqual") == Values({2, 3}, {1, 1, 1, 0, 0, 1}));
  CHECK(of("Greater") == Values({2, 3}, {0, 0, 0, 1, 1, 0}));
  CHECK(of("GreaterOrEqual") == Values({2, 3}, {0, 0, 0, 1, 1, 0}));
  CHECK(of("Equal") == Values({2, 3}, {0, 0, 0, 0, 0, 0}));
  CHECK(element_of_output(OnnxOperator("Less").src(a).fixed(b)) == ElementType::boolean);
}

TEST_CASE("quotients of integers are truncated, and narrow integers wrap around") {
  const Values a({1, 4}, {7, -7, 200, 3});
  const Values b({1, 4}, {2, 2, 100, -5});
  CHECK(OnnxOperator("Div").src(a, Proto::INT32).src(b, Proto::INT32).run() == Values({1, 4}, {3, -3, 2, 0}));
  CHECK(OnnxOperator("Add").src(a, Proto::INT64).src(b, Proto::INT64).run() == Values({1, 4}, {9, -5, 300, -2}));
  const Values c({1, 2}, {250, 3});
  const Values d({1, 2}, {10, 5});
  CHECK(OnnxOperator("Add", 14).src(c, Proto::UINT8).src(d, Proto::UINT8).run() == Values({1, 2}, {4, 8}));
  CHECK(OnnxOperator("Sub", 14).src(c, Proto::UINT8).src(d, Proto::UINT8).run() == Values({1, 2}, {240, 254}));
  CHECK(element_of_output(OnnxOperator("Div").src(a, Proto::INT32).src(b, Proto::INT32)) == ElementType::s32);
}

TEST_CASE("Mod has the sign of the divisor, and with fmod that of the dividend") {
  const Values a({1, 4}, {-4, 7, 5, -8});
  const Values b({1, 4}, {2, -3, 8, 3});
  CHECK(OnnxOperator("Mod").src(a, Proto::INT32).src(b, Proto::INT32).run() == Values({1, 4}, {0, -2, 5, 1}));
  CHECK(OnnxOperator("Mod").src(a).src(b).with("fmod", 1).run() == Values({1, 4}, {0, 1, 5, -2}));
  CHECK_THROWS_WITH(OnnxOperator("Mod").src(a).src(b).import(), ContainsSubstring("fmod"));
}

TEST_CASE("Min, Max, Sum and Mean take any number of values") {
  const Values a({1, 3}, {1, 5, 3});
  const Values b({1, 3}, {4, 2, 3});
  const Values c({1, 1}, {2.5});
  const auto of = [&](const char* type) { return OnnxOperator(type).src(a).src(b).src(c).run(); };
  CHECK(of("Min") == Values({1, 3}, {1, 2, 2.5}));
  CHECK(of("Max") == Values({1, 3}, {4, 5, 3}));
  CHECK(of("Sum") == Values({1, 3}, {7.5, 9.5, 8.5}));
  CHECK(of("Mean") == Values({1, 3}, {2.5, 9.5 / 3, 8.5 / 3}));
  for (const char* type : {"Min", "Max", "Sum", "Mean"}) CHECK(OnnxOperator(type).src(a).run() == a);
}

TEST_CASE("logic takes and gives truth values") {
  const Values a({1, 4}, {0, 0, 1, 1});
  const Values b({1, 4}, {0, 1, 0, 1});
  const auto of = [&](const char* type) { return OnnxOperator(type).src(a, Proto::BOOL).src(b, Proto::BOOL).run(); };
  CHECK(of("And") == Values({1, 4}, {0, 0, 0, 1}));
  CHECK(of("Or") == Values({1, 4}, {0, 1, 1, 1}));
  CHECK(of("Xor") == Values({1, 4}, {0, 1, 1, 0}));
}

TEST_CASE("Where chooses, with all three broadcast") {
  CHECK(OnnxOperator("Where")
            .src(Values({2, 1}, {1, 0}), Proto::BOOL)
            .src(Values({2, 2}, {1, 2, 3, 4}))
            .constant({}, {-1})
            .run() == Values({2, 2}, {1, 2, -1, -1}));
}

TEST_CASE("Cast changes numbers as the type wants, and CastLike takes it from a value") {
  const Values x({1, 4}, {-1.5, 2.75, 0.0, 300.0});
  const auto cast_to = [&](std::int32_t type) { return OnnxOperator("Cast").src(x).with("to", type).run(); };
  CHECK(cast_to(Proto::INT32) == Values({1, 4}, {-1, 2, 0, 300}));
  CHECK(cast_to(Proto::UINT8) == Values({1, 4}, {255, 2, 0, 44}));
  CHECK(cast_to(Proto::BOOL) == Values({1, 4}, {1, 1, 0, 1}));
  CHECK(cast_to(Proto::DOUBLE) == x);
  const Values like({1, 1}, {7});
  CHECK(OnnxOperator("CastLike", 15).src(x).src(like, Proto::INT64).run() == Values({1, 4}, {-1, 2, 0, 300}));
  CHECK_THROWS_WITH(OnnxOperator("Cast").src(x).with("to", Proto::STRING).import(), ContainsSubstring("string"));
  CHECK_THROWS_WITH(OnnxOperator("Cast").src(x).with("to", -5).import(), ContainsSubstring("element type -5"));
  CHECK_THROWS_WITH(OnnxOperator("Cast").src(x).import(), ContainsSubstring("'to'"));
}

TEST_CASE("reductions take their axes from an attribute or an input") {
  const Values x({1, 2, 3}, {1, 2, 3, 4, 5, 6});
  CHECK(OnnxOperator("ReduceSum", 11).src(x).with("axes", Integers{1}).run() == Values({1, 1, 3}, {5, 7, 9}));
  CHECK(OnnxOperator("ReduceSum", 13).src(x).integers({-1}).with("keepdims", 0).run() == Values({1, 2}, {6, 15}));
  CHECK(OnnxOperator("ReduceMean", 13).src(x).with("axes", Integers{1, 2}).run() == Values({1, 1, 1}, {3.5}));
  CHECK(OnnxOperator("ReduceMean", 18).src(x).integers({1, 2}).run() == Values({1, 1, 1}, {3.5}));
  CHECK(OnnxOperator("ReduceMax", 18).fixed(x).run() == Values({1, 1, 1}, {6}));
  CHECK(OnnxOperator("ReduceMin", 18).src(x).integers({2}).run() == Values({1, 2, 1}, {1, 4}));
  CHECK(OnnxOperator("ReduceProd", 11).src(x).with("axes", Integers{2}).run() == Values({1, 2, 1}, {6, 120}));
  CHECK(OnnxOperator("ReduceSumSquare", 11).src(x).with("axes", Integers{2}).run() == Values({1, 2, 1}, {14, 77}));
  CHECK(is_near(OnnxOperator("ReduceL1", 11).src(x).with("axes", Integers{2}).run(), {1, 2, 1}, {6, 15}));
  CHECK(is_near(OnnxOperator("ReduceL2", 11).src(x).with("axes", Integers{2}).run(), {1, 2, 1},
                {std::sqrt(14.0), std::sqrt(77.0)}));
  CHECK(is_near(OnnxOperator("ReduceLogSum", 11).src(x).with("axes", Integers{2}).run(), {1, 2, 1},
                {std::log(6.0), std::log(15.0)}));
  CHECK(
      is_near(OnnxOperator("ReduceLogSumExp", 11).src(x).with("axes", Integers{2}).run(), {1, 2, 1},
              {3 + std::log(std::exp(-2.0) + std::exp(-1.0) + 1), 6 + std::log(std::exp(-2.0) + std::exp(-1.0) + 1)}));
}

TEST_CASE("a reduction without axes may be told to reduce nothing") {
  const Values x({1, 2}, {-3, 2});
  const auto of = [&](const char* type) {
    return OnnxOperator(type, 18).src(x).integers({}).with("noop_with_empty_axes", 1).run();
  };
  CHECK(of("ReduceSum") == x);
  CHECK(of("ReduceMax") == x);
  CHECK(of("ReduceLogSumExp") == x);
  CHECK(of("ReduceL1") == Values({1, 2}, {3, 2}));
  CHECK(of("ReduceL2") == Values({1, 2}, {3, 2}));
  CHECK(of("ReduceSumSquare") == Values({1, 2}, {9, 4}));
  CHECK(std::isnan(of("ReduceLogSum").flat()[0]));
}

TEST_CASE("the mean of integers is one, too") {
  const Values x({1, 2}, {1, 2});
  CHECK(OnnxOperator("ReduceMean", 18).src(x, Proto::INT32).integers({1}).run() == Values({1, 1}, {1}));
  CHECK(OnnxOperator("ReduceSum").src(Values({1, 2}, {200, 100}), Proto::INT32).integers({1}).run() ==
        Values({1, 1}, {300}));
}

TEST_CASE("ArgMax and ArgMin choose the first or the last of equals") {
  const Values x({1, 4}, {3, 7, 7, 3});
  CHECK(OnnxOperator("ArgMax").src(x).with("axis", 1).run() == Values({1, 1}, {1}));
  CHECK(OnnxOperator("ArgMax").src(x).with("axis", -1).with("keepdims", 0).run() == Values({1}, {1}));
  CHECK(OnnxOperator("ArgMax").src(x).with("axis", 1).with("select_last_index", 1).run() == Values({1, 1}, {2}));
  CHECK(OnnxOperator("ArgMin").src(x).with("axis", 1).with("select_last_index", 1).run() == Values({1, 1}, {3}));
  CHECK(element_of_output(OnnxOperator("ArgMin").src(x).with("axis", 1)) == ElementType::s64);
}

TEST_CASE("Softmax and LogSoftmax flatten before opset 13") {
  const Values x({1, 2, 2}, {0, 0, 0, 0});
  const double l = std::log(4.0);
  CHECK(is_near(OnnxOperator("Softmax", 11).src(x).run(), {1, 2, 2}, {0.25, 0.25, 0.25, 0.25}));
  CHECK(is_near(OnnxOperator("Softmax", 13).src(x).run(), {1, 2, 2}, {0.5, 0.5, 0.5, 0.5}));
  CHECK(is_near(OnnxOperator("LogSoftmax", 11).src(x).run(), {1, 2, 2}, {-l, -l, -l, -l}));
  CHECK(is_near(OnnxOperator("LogSoftmax", 13).src(x).with("axis", 1).run(), {1, 2, 2},
                {-l / 2, -l / 2, -l / 2, -l / 2}));
}
