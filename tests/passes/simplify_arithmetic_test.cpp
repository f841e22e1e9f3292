#include <fulcrum/passes/simplify_arithmetic.hpp>

#include <string>
#include <utility>
#include <vector>

#include <fulcrum/exec/reference.hpp>
#include <fulcrum/model/builder.hpp>
#include <fulcrum/passes/fold_batch_normalization.hpp>

#include <support/catch.hpp>
#include <support/data.hpp>
#include <support/run_kernel.hpp>

using namespace fulcrum;
using fulcrum::test::random_tensor;

namespace {

using Builder = ModelBuilder<float>;

/// last ∘ constant, or constant ∘ last.
void with_constant(Builder& b, BinaryKind function, Tensor<float> constant, bool constant_first = false) {
  const NodeId value = b.last();
  const NodeId other = b.constant(std::move(constant)).last();
  b.layer(Binary{function}, constant_first ? std::vector<NodeId>{other, value} : std::vector<NodeId>{value, other});
}
void with_number(Builder& b, BinaryKind function, float number) {
  with_constant(b, function, Tensor<float>(Shape{}, {number}));
}

std::vector<std::string> kinds(const Model<float>& model) {
  std::vector<std::string> result;
  for (const Node<float>& node : model.nodes()) result.push_back(kind_of(node.layer));
  return result;
}
using Kinds = std::vector<std::string>;

/// The model simplified and its batch norms folded; it computes the same.
Model<float> simplified(const Model<float>& model, const Shape& src_shape) {
  Model<float> result = fold_batch_normalization(simplify_arithmetic(model)).model;
  const std::vector<Tensor<float>> src{random_tensor<float>(src_shape, 5, -4.0, 4.0)};
  const auto expected = ReferenceExecutor<float>(model).run(src);
  const auto actual = ReferenceExecutor<float>(result).run(src);
  REQUIRE(actual.size() == expected.size());
  for (std::size_t i = 0; i < actual.size(); ++i) test::check_close(actual[i], expected[i], 1e-4);
  return result;
}

}  // namespace

TEST_CASE("arithmetic behind a convolution, transposed or not, and a dense layer becomes part of its weights") {
  const auto arithmetic = [](Builder& b, std::int64_t channels, const Shape& dims) {
    with_number(b, BinaryKind::div, 3.0F);
    with_constant(b, BinaryKind::mul, random_tensor<float>(dims, 1));
    with_constant(b, BinaryKind::sub, random_tensor<float>(dims, 2), true);
    b.batch_normalization();
    with_number(b, BinaryKind::add, 0.25F);
    REQUIRE(element_count(dims) == channels);
  };
  Builder conv("conv");
  conv.input({3, 6, 6}).conv(4, 3);
  arithmetic(conv, 4, {4, 1, 1});
  CHECK(kinds(simplified(std::move(conv).build(), {2, 3, 6, 6})) == Kinds{"Input", "Conv"});

  for (const std::int64_t groups : {1, 2}) {
    Builder transposed("transposed");
    ConvTranspose<float> layer;
    layer.weights = random_tensor<float>({6, 4 / groups, 2, 2}, 3);
    layer.window.kernel = layer.window.stride = {2, 2};
    layer.groups = groups;
    transposed.input({6, 5, 5});
    transposed.layer(layer, {transposed.last()});
    arithmetic(transposed, 4, {1, 4, 1, 1});
    CHECK(kinds(simplified(std::move(transposed).build(), {2, 6, 5, 5})) == Kinds{"Input", "ConvTranspose"});
  }

  Builder dense("dense");
  dense.input({6}).dense(5);
  arithmetic(dense, 5, {5});
  CHECK(kinds(simplified(std::move(dense).build(), {3, 6})) == Kinds{"Input", "Dense"});
}

TEST_CASE("one number behind a function on a convolution is a linear function more, elsewhere it stays") {
  Builder b("linear");
  b.input({3, 6, 6}).conv(4, 3).batch_normalization();
  with_number(b, BinaryKind::add, 0.5F);  // part of the weights
  b.hard_swish();
  with_number(b, BinaryKind::mul, 0.5F);
  with_number(b, BinaryKind::add, 2.0F);
  const Model<float> model = simplified(std::move(b).build(), {2, 3, 6, 6});
  CHECK(kinds(model) == Kinds{"Input", "Conv", "HardSwish", "Linear"});
  CHECK(std::get<Activation>(model.node(3).layer) == Activation{ActivationKind::linear, 0.5F, 2.0F});

  Builder pooled("pooled");
  pooled.input({3, 6, 6}).max_pool(2);
  with_number(pooled, BinaryKind::mul, 0.5F);
  CHECK(kinds(simplified(std::move(pooled).build(), {2, 3, 6, 6})).back() == "Mul");
}

TEST_CASE("what somebody else sees, or what broadcasts the value, stays") {
  Builder shared("shared");
  const NodeId conv = shared.input({3, 6, 6}).conv(4, 3).last();
  with_number(shared, BinaryKind::mul, 0.5F);
  shared.add(conv);
  CHECK(kinds(simplified(std::move(shared).build(), {2, 3, 6, 6})) == Kinds{"Input", "Conv", "Constant", "Mul", "Add"});

  Builder rows("rows");
  rows.input({3, 6, 6}).conv(4, 3);
  with_constant(rows, BinaryKind::mul, random_tensor<float>({4, 1}, 1));
  CHECK(kinds(simplified(std::move(rows).build(), {2, 3, 6, 6})).back() == "Mul");

  Builder quantized("quantized");
  quantized.input({3, 6, 6}).conv(4, 3);
  with_number(quantized, BinaryKind::mul, 0.5F);
  Model<float> model = std::move(quantized).build();
  model.set_dst_quantization(1, Quantization{DType::s8, {0.1F}, {0}, -1});
  CHECK(simplify_arithmetic(model) == model);
}

TEST_CASE("HardSwish and HardSigmoid written as arithmetic are those") {
  const auto ramp = [](Builder& b) {  // min(max(x + 3, 0), 6)
    with_number(b, BinaryKind::add, 3.0F);
    b.relu6();
  };
  Builder paddle("paddle");  // x · ramp / 6
  const NodeId x = paddle.input({3, 6, 6}).conv(4, 3).last();
  ramp(paddle);
  paddle.mul(x);
  with_number(paddle, BinaryKind::div, 6.0F);
  CHECK(kinds(simplified(std::move(paddle).build(), {2, 3, 6, 6})) == Kinds{"Input", "Conv", "HardSwish"});

  Builder torch("torch");  // x · (ramp · 1/6)
  const NodeId y = torch.input({3, 6, 6}).conv(4, 3).last();
  ramp(torch);
  with_number(torch, BinaryKind::mul, 1.0F / 6.0F);
  torch.mul(y);
  CHECK(kinds(simplified(std::move(torch).build(), {2, 3, 6, 6})) == Kinds{"Input", "Conv", "HardSwish"});

  Builder behind_arithmetic("behind");  // the value itself is a sum with a number
  behind_arithmetic.input({3, 6, 6}).conv(4, 3);
  with_number(behind_arithmetic, BinaryKind::add, 0.5F);
  const NodeId z = behind_arithmetic.last();
  ramp(behind_arithmetic);
  behind_arithmetic.mul(z);
  with_number(behind_arithmetic, BinaryKind::div, 6.0F);
  CHECK(kinds(simplified(std::move(behind_arithmetic).build(), {2, 3, 6, 6})) == Kinds{"Input", "Conv", "HardSwish"});

  Builder gate("gate");
  gate.input({3, 6, 6}).max_pool(2);
  ramp(gate);
  with_number(gate, BinaryKind::div, 6.0F);
  const Model<float> model = simplified(std::move(gate).build(), {2, 3, 6, 6});
  CHECK(kinds(model) == Kinds{"Input", "MaxPool", "HardSigmoid"});

  Builder other("other");  // of another slope
  const NodeId w = other.input({3, 6, 6}).last();
  ramp(other);
  other.mul(w);
  with_number(other, BinaryKind::div, 5.0F);
  CHECK(kinds(simplified(std::move(other).build(), {2, 3, 6, 6})).back() == "Div");
}
