// onnx/import/indexed.hpp, sampling.hpp, composed.hpp and einsum.hpp.
#include <cmath>
#include <cstdint>
#include <limits>
#include <span>
#include <string>
#include <variant>
#include <vector>

#include <onnx/onnx_operator.hpp>
#include <support/catch.hpp>

using namespace fulcrum;
using namespace fulcrum::test;
using Catch::Matchers::ContainsSubstring;

namespace {

constexpr std::int32_t int64 = ::onnx::TensorProto::INT64;
constexpr std::int32_t uint8 = ::onnx::TensorProto::UINT8;

Values counting(const Shape& shape) {
  Values values(shape);
  double next = 0.0;
  for (double& value : values.flat()) value = next++;
  return values;
}

Values einsum(const std::string& equation, const std::vector<Values>& src) {
  OnnxOperator op("Einsum", 13);
  for (const Values& value : src) op.fixed(value);
  return op.with("equation", equation.c_str()).run();
}

}  // namespace

TEST_CASE("TopK gives elements and places, of which either may be left out") {
  OnnxOperator op("TopK", 13);
  op.src(Values({2, 4}, {3, 1, 4, 2, -1, 5, 0, 5})).integers({2}).with("axis", 1);
  const std::vector<Values> both = op.run_all(2);
  CHECK(is_near(both[0], {2, 2}, {4, 3, 5, 5}));
  CHECK(is_near(both[1], {2, 2}, {2, 0, 1, 3}));
  CHECK(op.import(1).size() == 3);
  OnnxOperator computed("TopK", 13);
  computed.src(Values({2, 4})).src(Values({1}, {2.0}), int64);
  CHECK_THROWS_WITH(computed.import(), ContainsSubstring("its k"));
}

TEST_CASE("elements and slices at indices, read and written") {
  const Values x = counting({2, 3});
  CHECK(is_near(OnnxOperator("GatherElements", 13).src(x).src(Values({2, 1}, {2, -3}), int64).with("axis", 1).run(),
                {2, 1}, {2, 3}));
  CHECK(is_near(OnnxOperator("GatherND", 13).src(x).src(Values({2, 1}, {1, 0}), int64).with("batch_dims", 1).run(), {2},
                {1, 3}));
  OnnxOperator scatter("ScatterElements", 18);
  scatter.src(x).src(Values({2, 1}, {0, 2}), int64).src(Values({2, 1}, {10, 20}));
  CHECK(is_near(scatter.with("axis", 1).with("reduction", "add").run(), {2, 3}, {10, 1, 2, 3, 4, 25}));
  OnnxOperator slices("ScatterND", 18);
  slices.fixed(x).integers({1}).fixed(Values({3}, {7, 8, 9}));
  CHECK(is_near(slices.run(), {2, 3}, {0, 1, 2, 7, 8, 9}));
  CHECK_THROWS_WITH(
      OnnxOperator("ScatterND", 18).fixed(x).integers({1}).fixed(Values({3})).with("reduction", "any").import(),
      ContainsSubstring("'any'"));
}

TEST_CASE("OneHot counts negative indices from the end, and outside there is none") {
  OnnxOperator op("OneHot", 13);
  op.src(Values({4}, {0, -1, 2, 5}), int64).integer(3).constant({2}, {-1.0F, 4.0F});
  CHECK(is_near(op.run(), {4, 3}, {4, -1, -1, -1, -1, 4, -1, -1, 4, -1, -1, -1}));
  OnnxOperator first("OneHot", 13);
  first.src(Values({2}, {0, 1}), int64).integer(3).constant({2}, {0.0F, 1.0F}).with("axis", 0);
  CHECK(is_near(first.run(), {3, 2}, {1, 0, 0, 1, 0, 0}));
}

TEST_CASE("Hardmax marks the first largest element, along one axis or, before opset 13, along all that follow") {
  const Values x({2, 2, 2}, {1, 5, 5, 2, 7, 1, 1, 9});
  CHECK(is_near(OnnxOperator("Hardmax", 13).src(x).with("axis", 1).run(), {2, 2, 2}, {0, 1, 1, 0, 1, 0, 0, 1}));
  CHECK(is_near(OnnxOperator("Hardmax", 11).src(x).with("axis", 1).run(), {2, 2, 2}, {0, 1, 0, 0, 0, 0, 0, 1}));
}

TEST_CASE("CumSum, Trilu, EyeLike and LpNormalization") {
  CHECK(is_near(OnnxOperator("CumSum", 14).src(Values({1, 3}, {1, 2, 3})).integer(1).with("reverse", 1).run(), {1, 3},
                {6, 5, 3}));
  const double infinity = std::numeric_limits<double>::infinity();
  const Values x({1, 2, 3}, {1, infinity, 3, 4, 5, 6});
  CHECK(OnnxOperator("Trilu", 14).src(x).integer(0).with("upper", 0).run() == Values({1, 2, 3}, {1, 0, 0, 4, 5, 0}));
  CHECK(OnnxOperator("Trilu", 14).src(x).integer(2).run() == Values({1, 2, 3}, {0, 0, 3, 0, 0, 0}));
  CHECK(OnnxOperator("EyeLike", 13).fixed(counting({2, 3})).with("k", 1).run() == Values({2, 3}, {0, 1, 0, 0, 0, 1}));
  CHECK(is_near(OnnxOperator("LpNormalization", 13).src(Values({1, 2}, {3, 4})).run(), {1, 2}, {0.6, 0.8}));
  CHECK(is_near(OnnxOperator("LpNormalization", 13).src(Values({1, 2}, {3, -1})).with("p", 1).run(), {1, 2},
                {0.75, -0.25}));
}

TEST_CASE("Compress and NonZero are shapes of their results: what they look at must be known") {
  const Values x = counting({2, 3});
  OnnxOperator op("Compress", 11);
  op.src(x).integers({1, 0, 1}).with("axis", 1);
  CHECK(is_near(op.run(), {2, 2}, {0, 2, 3, 5}));
  OnnxGraph graph(13);
  graph.input("x", {0, 3}).integers("m", {3, 0, 7}).node("NonZero", {"m"}, "places");
  graph.integers("shape", {2})
      .node("Reshape", {"places", "shape"}, "i")
      .node("Gather", {"x", "i"}, "y", {{"axis", std::int64_t{1}}});
  graph.output("y");
  const std::vector<Values> src{x};
  CHECK(is_near(ReferenceExecutor<double>(cast<double>(graph.import())).run(std::span<const Values>(src)).at(0), {2, 2},
                {0, 2, 3, 5}));
  CHECK_THROWS_WITH(OnnxOperator("NonZero", 13).src(x).import(), ContainsSubstring("how many there are is a shape"));
}

TEST_CASE("ReverseSequence turns round the first elements of each sample's sequence") {
  OnnxOperator op("ReverseSequence", 10);
  op.src(counting({2, 4})).src(Values({2}, {3, 2}), int64).with("batch_axis", 0).with("time_axis", 1);
  CHECK(is_near(op.run(), {2, 4}, {2, 1, 0, 3, 5, 4, 6, 7}));
}

TEST_CASE("MaxUnpool puts elements back to where MaxPool found them") {
  OnnxOperator op("MaxUnpool", 11);
  op.src(Values({1, 1, 1, 2}, {5, 6})).src(Values({1, 1, 1, 2}, {1, 6}), int64);
  op.with("kernel_shape", Integers{2, 2}).with("strides", Integers{2, 2});
  CHECK(is_near(op.run(), {1, 1, 2, 4}, {0, 5, 0, 0, 0, 0, 6, 0}));
  CHECK(is_near(op.integers({1, 1, 3, 5}).run(), {1, 1, 3, 5}, {0, 5, 0, 0, 0, 0, 0, 6, 0, 0, 0, 0, 0, 0, 0}));
}

TEST_CASE("Einsum is products of matrices, sums and other orders of axes") {
  const Values a = counting({2, 3});
  const Values b = counting({3, 2});
  CHECK(is_near(einsum("ij,jk->ik", {a, b}), {2, 2}, {10, 13, 28, 40}));
  CHECK(is_near(einsum("ij,jk", {a, b}), {2, 2}, {10, 13, 28, 40}));
  CHECK(is_near(einsum("ij->ji", {a}), {3, 2}, {0, 3, 1, 4, 2, 5}));
  CHECK(is_near(einsum("ba", {a}), {3, 2}, {0, 3, 1, 4, 2, 5}));
  CHECK(is_near(einsum("ij->", {a}), {}, {15}));
  CHECK(is_near(einsum("ij,ij->i", {a, a}), {2}, {5, 50}));
  CHECK(is_near(einsum("i,j->ij", {Values({2}, {2, 3}), Values({2}, {4, 5})}), {2, 2}, {8, 10, 12, 15}));
  CHECK(is_near(einsum("ii->i", {counting({3, 3})}), {3}, {0, 4, 8}));
  CHECK(is_near(einsum("ii", {counting({3, 3})}), {}, {12}));
  CHECK(is_near(einsum("...ij,...jk->...ik", {counting({1, 2, 3}), b}), {1, 2, 2}, {10, 13, 28, 40}));
  CHECK(is_near(einsum("i...->...", {a}), {3}, {3, 5, 7}));
  CHECK(is_near(einsum("ij,jk,kl->il", {a, b, Values({2, 1}, {1, 1})}), {2, 1}, {23, 68}));
  CHECK_THROWS_WITH(einsum("ij->ik", {a}), ContainsSubstring("'k'"));
  CHECK_THROWS_WITH(einsum("ijk->i", {a}), ContainsSubstring("rank 2"));

  const Values q = counting({2, 3, 2, 4});  // attention's scores are one product of matrices
  OnnxOperator scores("Einsum", 13);
  scores.src(q).src(q);
  const Model<float> model = scores.with("equation", "bqhd,bkhd->bhqk").import();
  int products = 0;
  for (const auto& node : model.nodes()) products += std::holds_alternative<MatMul>(node.layer) ? 1 : 0;
  CHECK(products == 1);
}

TEST_CASE("bits, and what is no number") {
  const Values x({1, 4}, {1, 3, 200, 255});
  CHECK(is_near(
      OnnxOperator("BitShift", 11).src(x, uint8).src(Values({1, 1}, {1}), uint8).with("direction", "LEFT").run(),
      {1, 4}, {2, 6, 144, 254}));
  CHECK(is_near(
      OnnxOperator("BitShift", 11).src(x, uint8).src(Values({1, 1}, {9}), uint8).with("direction", "RIGHT").run(),
      {1, 4}, {0, 0, 0, 0}));
  CHECK(is_near(OnnxOperator("BitwiseNot", 18).src(x, uint8).run(), {1, 4}, {254, 252, 55, 0}));
  CHECK(is_near(OnnxOperator("BitwiseNot", 18).src(x, int64).run(), {1, 4}, {-2, -4, -201, -256}));
  CHECK(is_near(OnnxOperator("BitwiseXor", 18).src(x, int64).src(Values({1, 1}, {5}), int64).run(), {1, 4},
                {4, 6, 205, 250}));
  const double infinity = std::numeric_limits<double>::infinity();
  const Values odd({1, 4}, {1, infinity, -infinity, std::nan("")});
  CHECK(is_near(OnnxOperator("IsNaN", 13).src(odd).run(), {1, 4}, {0, 0, 0, 1}));
  CHECK(is_near(OnnxOperator("IsInf", 20).src(odd).run(), {1, 4}, {0, 1, 1, 0}));
  CHECK(is_near(OnnxOperator("IsInf", 20).src(odd).with("detect_positive", 0).run(), {1, 4}, {0, 0, 1, 0}));
  CHECK(is_near(OnnxOperator("IsInf", 20).src(odd).with("detect_negative", 0).run(), {1, 4}, {0, 1, 0, 0}));
}

TEST_CASE("GridSample's modes have the names of their opset") {
  const Values x = counting({1, 1, 2, 2});
  const Values grid({1, 1, 1, 2}, {-0.5, 0.5});
  for (const char* mode : {"bilinear", "nearest", "bicubic"}) {
    CHECK(is_near(OnnxOperator("GridSample", 16).src(x).src(grid).with("mode", mode).run(), {1, 1, 1, 1}, {2.0}));
  }
  CHECK_THROWS_WITH(OnnxOperator("GridSample", 20).src(x).src(grid).with("mode", "quintic").import(),
                    ContainsSubstring("'quintic'"));
}
