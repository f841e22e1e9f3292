// Every layer out of Fulcrum and in again: the same numbers, and the same bytes the second time.
#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>
#include <map>
#include <string>
#include <vector>

#include <fulcrum/exec/reference.hpp>
#include <fulcrum/model/builder.hpp>
#include <fulcrum/onnx/export.hpp>
#include <fulcrum/onnx/graph/proto.hpp>
#include <fulcrum/onnx/import.hpp>
#include <fulcrum/passes/quantize_dynamic.hpp>

#include <support/catch.hpp>
#include <support/data.hpp>
#include <support/tolerance.hpp>
#include "checked_export.hpp"

using namespace fulcrum;
using fulcrum::test::random_tensor;

namespace {

using Builder = ModelBuilder<float>;

/// Values for the inputs: whole numbers in [0, 3) for integers, 0 or 1 for truth values.
std::vector<Tensor<float>> sources(const Model<float>& model, std::int64_t batch) {
  std::vector<Tensor<float>> src;
  for (const NodeId id : model.inputs()) {
    const auto& input = std::get<Input>(model.node(id).layer);
    Tensor<float> x = random_tensor<float>(with_batch(input.shape, batch), 7 + src.size());
    for (float& element : x.flat()) {
      if (input.element == ElementType::boolean) element = element > 0.0F ? 1.0F : 0.0F;
      if (integer_bits(input.element) > 0) element = std::floor(1.5F * (element + 1.0F));
    }
    src.push_back(std::move(x));
  }
  return src;
}

std::vector<Tensor<float>> run(const Model<float>& model, std::int64_t batch) {
  const std::vector<Tensor<float>> src = sources(model, batch);
  return ReferenceExecutor<float>(model).run(std::span<const Tensor<float>>(src));
}

onnx::ModelProto parsed(const std::string& bytes) {
  onnx::ModelProto proto;
  REQUIRE(proto.ParseFromString(bytes));
  return proto;
}

std::map<std::string, int> operator_counts(const Model<float>& model) {
  std::map<std::string, int> counts;
  const onnx::ModelProto proto = parsed(test::checked_onnx(model));
  for (const auto& node : proto.graph().node()) ++counts[node.op_type()];
  return counts;
}

void check_round_trip(const Model<float>& model, double tolerance = 1e-6) {
  INFO(model.name());
  const std::string first = test::checked_onnx(model);
  const Model<float> again = parse_onnx(first);
  CHECK((test::checked_onnx(again) == first));
  for (const std::int64_t batch : {1, 3}) {
    const auto expected = run(model, batch);
    const auto actual = run(again, batch);
    REQUIRE(actual.size() == expected.size());
    for (std::size_t i = 0; i < expected.size(); ++i) {
      REQUIRE(actual[i].dims() == expected[i].dims());
      CHECK(fulcrum::test::relative_difference(actual[i], expected[i]) <= tolerance);
    }
  }
}

/// One layer on one input.
Model<float> model_of(Layer<float> layer, const Shape& sample, ElementType element = ElementType::f32) {
  const std::string name = kind_of(layer);
  return Builder(name, 3).input(sample, "x", element).layer(std::move(layer), {0}).build();
}

/// One binary layer on two inputs.
Model<float> binary_of(BinaryKind function, ElementType a, ElementType b, const Shape& shape_a = {2, 3},
                       const Shape& shape_b = {2, 3}) {
  auto builder = Builder(std::string(name_of(function))).input(shape_a, "a", a).input(shape_b, "b", b);
  return builder.layer(Binary{function}, {0, 1}).build();
}

Parameter<float> values(const Shape& dims, std::uint64_t seed) { return random_tensor<float>(dims, seed, 0.1, 1.0); }

}  // namespace

TEST_CASE("functions of one argument come back") {
  using Kind = ActivationKind;
  for (const Activation& layer : {Activation{Kind::selu, 1.5F, 1.1F},
                                  Activation{Kind::celu, 0.7F},
                                  Activation{Kind::softsign},
                                  Activation{Kind::mish},
                                  Activation{Kind::thresholded_relu, 0.3F},
                                  Activation{Kind::shrink, 0.2F, 0.1F},
                                  Activation{Kind::abs},
                                  Activation{Kind::neg},
                                  Activation{Kind::exp},
                                  Activation{Kind::reciprocal},
                                  Activation{Kind::erf},
                                  Activation{Kind::floor},
                                  Activation{Kind::ceil},
                                  Activation{Kind::round},
                                  Activation{Kind::sign},
                                  Activation{Kind::sin},
                                  Activation{Kind::tan},
                                  Activation{Kind::asin},
                                  Activation{Kind::acos},
                                  Activation{Kind::atan},
                                  Activation{Kind::sinh},
                                  Activation{Kind::cosh},
                                  Activation{Kind::asinh},
                                  Activation{Kind::atanh},
                                  Activation{Kind::cos},
                                  Activation{Kind::elu, 0.5F},
                                  Activation{Kind::softplus},
                                  Activation{Kind::hard_swish},
                                  Activation{Kind::hard_sigmoid, 0.3F, 0.4F}}) {
    check_round_trip(model_of(layer, {5}));
  }
  // A linear function is a product and a sum in ONNX.
  const Model<float> linear = model_of(Activation{Kind::linear, 0.5F, 2.0F}, {5});
  const std::vector<Tensor<float>> src{random_tensor<float>({3, 5}, 1)};
  CHECK(ReferenceExecutor<float>(parse_onnx(serialize_onnx(linear))).run(src)[0] ==
        ReferenceExecutor<float>(linear).run(src)[0]);
  check_round_trip(Builder("log").input({5}).activation(Kind::exp).activation(Kind::log).build());
  check_round_trip(Builder("sqrt").input({5}).activation(Kind::abs).activation(Kind::sqrt).build());
  check_round_trip(model_of(Activation{Kind::neg}, {5}, ElementType::s64));
  check_round_trip(model_of(Activation{Kind::logical_not}, {5}, ElementType::boolean));
  check_round_trip(model_of(Activation{Kind::logical_not}, {5}));
}

TEST_CASE("functions of two arguments come back, of floats and of integers") {
  for (const BinaryKind function :
       {BinaryKind::add, BinaryKind::sub, BinaryKind::mul, BinaryKind::min, BinaryKind::max, BinaryKind::fmod,
        BinaryKind::remainder, BinaryKind::prelu, BinaryKind::equal, BinaryKind::less, BinaryKind::less_or_equal,
        BinaryKind::greater, BinaryKind::greater_or_equal, BinaryKind::logical_and, BinaryKind::logical_or,
        BinaryKind::logical_xor, BinaryKind::div}) {
    check_round_trip(binary_of(function, ElementType::f32, ElementType::f32));
  }
  for (const BinaryKind function : {BinaryKind::add, BinaryKind::mul, BinaryKind::max, BinaryKind::equal,
                                    BinaryKind::less, BinaryKind::logical_and}) {
    check_round_trip(binary_of(function, ElementType::s64, ElementType::s64));
  }
  check_round_trip(binary_of(BinaryKind::logical_xor, ElementType::boolean, ElementType::boolean));
  check_round_trip(binary_of(BinaryKind::equal, ElementType::boolean, ElementType::boolean));
  check_round_trip(binary_of(BinaryKind::mul, ElementType::f32, ElementType::s64));
  check_round_trip(binary_of(BinaryKind::div, ElementType::s32, ElementType::f32));
  check_round_trip(binary_of(BinaryKind::prelu, ElementType::f32, ElementType::f32, {1, 3}, {2, 3}));
  auto b = Builder("pow").input({4}, "a").activation(ActivationKind::abs).input({4}, "b");
  check_round_trip(b.layer(Binary{BinaryKind::pow}, {1, 2}).build());
}

TEST_CASE("steps of a layer that take a constant alone are written as their results") {
  auto slopes = Builder("prelu").input({2, 3}, "slopes");
  slopes.constant(Tensor<float>({3}, {-1.0F, 0.0F, 2.0F}));
  const Model<float> prelu = slopes.layer(Binary{BinaryKind::prelu}, {1, 0}).build();
  check_round_trip(prelu);
  CHECK(operator_counts(prelu)["Less"] == 0);
  auto dividends = Builder("remainder").input({3}, "a");
  dividends.constant(Tensor<float>({3}, {-0.5F, 0.3F, 2.0F}));
  const Model<float> remainder = dividends.layer(Binary{BinaryKind::remainder}, {0, 1}).build();
  check_round_trip(remainder);
  CHECK(operator_counts(remainder)["Sign"] == 1);
}

TEST_CASE("a remainder of integers is a Mod, one of floats has the sign of the divisor") {
  auto builder = Builder("mod").input({4}, "a", ElementType::s64);
  builder.constant(Tensor<float>({}, {2.0F}), ElementType::s64);
  const Model<float> model = builder.layer(Binary{BinaryKind::remainder}, {0, 1}).build();
  check_round_trip(model);
  CHECK(operator_counts(model)["Mod"] == 1);
  CHECK(operator_counts(model)["Cast"] == 0);
}

TEST_CASE("a choice comes back, whatever says what is chosen") {
  for (const ElementType condition : {ElementType::boolean, ElementType::f32, ElementType::s64}) {
    for (const ElementType element : {ElementType::f32, ElementType::s64}) {
      auto b = Builder("where").input({4}, "c", condition).input({4}, "a", element).input({4}, "b", element);
      check_round_trip(b.layer(Where{}, {0, 1, 2}).build());
    }
  }
}

TEST_CASE("changes of type come back, and layers between them compute in f32") {
  for (const ElementType to : all_element_types) check_round_trip(model_of(Cast{to}, {6}));
  for (const ElementType from : {ElementType::f16, ElementType::f64, ElementType::s32, ElementType::boolean}) {
    check_round_trip(model_of(Activation{ActivationKind::sigmoid}, {6}, from));
  }
  const Model<float> shared = Builder("shared")
                                  .input({6}, "x", ElementType::s32)
                                  .sigmoid()
                                  .layer(Activation{ActivationKind::tanh}, {0})
                                  .add(1)
                                  .build();
  check_round_trip(shared);
  CHECK(operator_counts(shared)["Cast"] == 1);
}

TEST_CASE("integers are declared and stored as what they are") {
  auto b = Builder("integers").input({4}, "ids", ElementType::s64);
  b.constant(Tensor<float>({4}, {1.0F, 2.0F, 3.0F, 16777216.0F}), ElementType::s64).named("offsets");
  const Model<float> model = b.from(0).add(1).build();
  check_round_trip(model);
  const auto proto = parsed(test::checked_onnx(model));
  CHECK(proto.graph().input(0).type().tensor_type().elem_type() == onnx::TensorProto::INT64);
  CHECK(proto.graph().initializer(0).data_type() == onnx::TensorProto::INT64);
  CHECK(proto.graph().output(0).type().tensor_type().elem_type() == onnx::TensorProto::INT64);
}

TEST_CASE("a constant is written in the type that is asked for") {
  auto b = Builder("typed").input({4}, "x");
  b.constant(Tensor<float>({4}, {1.0F, 0.0F, 2.0F, 0.0F}), ElementType::s64).named("c");
  const NodeId product = b.from(0).mul(1).last();
  const NodeId chosen = b.layer(Where{}, {1, 0, product}).last();
  const Model<float> model = b.from(chosen).relu().build();
  check_round_trip(model);
  CHECK(operator_counts(model)["Cast"] == 0);
}

TEST_CASE("layers that move elements come back") {
  check_round_trip(model_of(Transpose{{0, 3, 1, 2}}, {2, 3, 4}));
  check_round_trip(model_of(Transpose{{0, 2, 1}}, {2, 3}, ElementType::s64));
  check_round_trip(model_of(Slice{{1, -1}, {-3, 4}, {5, 0}, {1, -2}}, {6, 5}));
  check_round_trip(
      model_of(Slice{{1}, {1}, {std::numeric_limits<std::int64_t>::max()}, {}}, {6, 5}, ElementType::boolean));
  check_round_trip(model_of(Expand{{1, 4, 3}}, {1, 3}));
  check_round_trip(model_of(Tile{{1, 2, 3}}, {2, 3}));
  check_round_trip(model_of(Pad{PadKind::constant, {0, 1, 2}, {0, 0, -1}, 0.5F}, {4, 5}));
  check_round_trip(model_of(Pad{PadKind::reflect, {0, 1, 2}, {0, 1, 1}}, {4, 5}));
  check_round_trip(model_of(Pad{PadKind::edge, {0, 1, 2}, {0, 1, 1}}, {4, 5}));
  check_round_trip(model_of(Pad{PadKind::wrap, {0, 1, 2}, {0, 1, 1}}, {4, 5}));
  check_round_trip(model_of(Reshape{{0, -1, 2}}, {3, 4}));
  check_round_trip(model_of(Flatten{2}, {3, 4, 2}));
  auto joined = Builder("joined").input({2, 3}, "a").input({2, 3}, "b", ElementType::s64);
  check_round_trip(joined.layer(Concat{-1}, {0, 1}).build());
}

TEST_CASE("an embedding takes integers, and floats that hold them through a Cast") {
  const Model<float> integers = Builder("ids", 2).input({5}, "ids", ElementType::s64).embedding(3, 4).build();
  check_round_trip(integers);
  CHECK(operator_counts(integers)["Cast"] == 0);
  const Model<float> floats = Builder("floats", 2)
                                  .input({5})
                                  .activation(ActivationKind::round)
                                  .activation(ActivationKind::abs)
                                  .embedding(3, 4)
                                  .build();
  check_round_trip(floats);
  CHECK(operator_counts(floats)["Cast"] == 1);
  auto b = Builder("columns").input({6, 4});
  b.constant(Tensor<float>({3}, {4.0F, 0.0F, -1.0F}), ElementType::s64);
  check_round_trip(b.layer(Gather{1}, {0, 1}).build());
}

TEST_CASE("a learned value is repeated for every sample of the batch") {
  auto b = Builder("token", 2).input({5, 4});
  const NodeId x = b.last();
  const Model<float> model = b.parameter({1, 1, 4}).expand({batch_dim, 1, 4}).concat({x}).build();
  check_round_trip(model);
  const Model<float> again = parse_onnx(test::checked_onnx(model));
  CHECK(again == model);
}

TEST_CASE("a resize comes back with its settings") {
  Resize layer;
  layer.scales = {1.0F, 1.0F, 2.0F, 1.5F};
  for (const ResizeCoordinates coordinates :
       {ResizeCoordinates::half_pixel, ResizeCoordinates::pytorch_half_pixel, ResizeCoordinates::half_pixel_symmetric,
        ResizeCoordinates::align_corners, ResizeCoordinates::asymmetric}) {
    layer.coordinates = coordinates;
    for (const ResizeKind mode : {ResizeKind::nearest, ResizeKind::linear, ResizeKind::cubic}) {
      layer.mode = mode;
      check_round_trip(model_of(layer, {2, 4, 5}));
    }
  }
  Resize nearest;
  nearest.rounding = ResizeRounding::ceil;
  nearest.coordinates = ResizeCoordinates::asymmetric;
  nearest.sizes = {-1, -1, 7, 3};
  check_round_trip(model_of(nearest, {2, 4, 5}));
  Resize one_scale;
  one_scale.sizes = {-1, -1, 9, 8};
  one_scale.aspect = ResizeAspect::not_smaller;
  check_round_trip(model_of(one_scale, {2, 4, 5}));
  Resize cubic;
  cubic.mode = ResizeKind::cubic;
  cubic.cubic_coefficient = -0.5F;
  cubic.exclude_outside = true;
  cubic.scales = {1.0F, 1.0F, 0.5F, 2.0F};
  check_round_trip(model_of(cubic, {2, 4, 5}));
  cubic.antialias = true;
  check_round_trip(model_of(cubic, {2, 4, 5}));
  Resize region;
  region.mode = ResizeKind::linear;
  region.coordinates = ResizeCoordinates::tf_crop_and_resize;
  region.roi = {0.0F, 0.0F, 0.2F, 0.1F, 1.0F, 1.0F, 0.9F, 1.2F};
  region.extrapolation = 0.25F;
  region.sizes = {-1, 2, 3, 6};
  check_round_trip(model_of(region, {2, 4, 5}));
}

TEST_CASE("reductions come back, with axes where their opset wants them") {
  for (const ReduceKind function :
       {ReduceKind::sum, ReduceKind::mean, ReduceKind::max, ReduceKind::min, ReduceKind::prod, ReduceKind::l1,
        ReduceKind::l2, ReduceKind::log_sum_exp, ReduceKind::sum_square}) {
    check_round_trip(model_of(Reduce{function, {1, -1}, false}, {3, 4}));
    const Model<float> mish =
        Builder("opset18").input({3, 4}).activation(ActivationKind::mish).reduce(function, {2}).build();
    check_round_trip(mish);
  }
  check_round_trip(
      Builder("log_sum").input({3, 4}).activation(ActivationKind::exp).reduce(ReduceKind::log_sum, {1}).build());
  check_round_trip(model_of(Reduce{ReduceKind::sum, {1}, true}, {3, 4}, ElementType::s64));
  check_round_trip(model_of(Reduce{ReduceKind::mean, {1}, true}, {3, 4}, ElementType::s64));
  check_round_trip(model_of(ArgReduce{true, 1, false, false}, {3, 4}));
  check_round_trip(model_of(ArgReduce{false, -1, true, true}, {3, 4}, ElementType::s32));
  check_round_trip(model_of(Softmax{1, true}, {3, 4}));
}

TEST_CASE("normalizations come back") {
  LayerNormalization<float> layer;
  layer.axis = -2;
  layer.epsilon = 1e-3;
  check_round_trip(model_of(layer, {3, 4}));
  layer.scale = values({3, 4}, 1);
  check_round_trip(model_of(layer, {3, 4}));
  layer.shift = values({3, 4}, 2);
  check_round_trip(model_of(layer, {3, 4}));
  InstanceNormalization<float> instance{values({6}, 3), values({6}, 4), 1e-4, 0};
  check_round_trip(model_of(instance, {6, 3, 4}));
  instance.groups = 3;
  check_round_trip(model_of(instance, {6, 3, 4}), 1e-5);
  check_round_trip(model_of(LocalResponseNormalization{3, 0.01F, 0.5F, 2.0F}, {6, 3, 4}));
}

TEST_CASE("products of two values come back") {
  for (const MatMul& layer : {MatMul{}, MatMul{true, false, 1.0F}, MatMul{false, true, 0.25F}}) {
    const Shape a = layer.transpose_src ? Shape{2, 4, 3} : Shape{2, 3, 4};
    const Shape b = layer.transpose_weights ? Shape{2, 5, 4} : Shape{2, 4, 5};
    check_round_trip(Builder("matmul").input(a, "a").input(b, "b").layer(layer, {0, 1}).build());
  }
}

TEST_CASE("dense layers on more than two axes come back") {
  check_round_trip(Builder("dense", 1).input({3, 4}).dense(5).build());
  check_round_trip(Builder("dense", 1).input({3, 4}).dense(5, false).build());
}

TEST_CASE("windows over depth come back") {
  Conv<float> conv{values({4, 2, 2, 3, 3}, 1), values({4}, 2), {}, 2};
  conv.window = {{3, 3}, {2, 1}, Padding(1, 0, 0, 1), {1, 1}, false, {2, 1, 1, 0, 2}};
  check_round_trip(model_of(conv, {4, 4, 6, 5}));
  Pool pool;
  pool.window = {{2, 3}, {1, 2}, Padding(0, 1, 0, 0), {1, 1}, true, {2, 2, 1, 0, 1}};
  check_round_trip(model_of(pool, {2, 4, 6, 5}));
  pool.pool = PoolKind::average;
  pool.count_include_pad = true;
  check_round_trip(model_of(pool, {2, 4, 6, 5}));
  ConvTranspose<float> deep{values({4, 3, 2, 3, 3}, 1), {}, {}};
  deep.window = {{3, 3}, {2, 1}, Padding(1, 0, 0, 1), {1, 1}, false, {2, 2, 0, 1, 1}};
  deep.output_padding = {1, 0};
  deep.depth_output_padding = 1;
  check_round_trip(model_of(deep, {4, 3, 4, 5}));
}

TEST_CASE("transposed convolutions and places of maxima come back") {
  ConvTranspose<float> layer{values({4, 3, 3, 2}, 1), values({6}, 2), {}};
  layer.groups = 2;
  layer.window = {{3, 2}, {2, 2}, Padding(1, 0, 1, 1), {1, 2}};
  layer.output_padding = {1, 0};
  check_round_trip(model_of(layer, {4, 4, 5}));
  const Window window{{2, 2}, {2, 1}, 0};
  check_round_trip(model_of(MaxPoolIndices{window, false}, {2, 4, 5}));
  check_round_trip(Builder("both")
                       .input({2, 4, 5})
                       .layer(Pool{PoolKind::max, window}, {0})
                       .named("pool")
                       .layer(MaxPoolIndices{window, true}, {0})
                       .named("pool/indices")
                       .add(1)
                       .build());
}

TEST_CASE("roundings to integers, and back, come back") {
  const Quantization whole{DType::u8, {0.02F}, {100}, -1};
  const Quantization channels{DType::s8, {0.02F, 0.03F, 0.01F}, {0, 3, -5}, 1};
  for (const Quantization& q : {whole, channels}) {
    check_round_trip(model_of(QuantizeLinear{q}, {3, 4}));
    check_round_trip(model_of(DequantizeLinear{q}, {3, 4}, q.dtype == DType::u8 ? ElementType::u8 : ElementType::s8));
  }
}

TEST_CASE("recurrent layers come back") {
  const auto sequence = [](const char* name) { return Builder(name, 5).input({4, 3}).transpose({1, 0, 2}); };
  check_round_trip(sequence("lstm").lstm(5).build());
  check_round_trip(sequence("gru").gru(5, {.direction = RecurrentDirection::bidirectional}).build());
  check_round_trip(sequence("reset").gru(5, {.bias = false, .linear_before_reset = true}).build());
  check_round_trip(sequence("reverse").lstm(5, {.direction = RecurrentDirection::reverse, .bias = false}).build());
  Recurrent<float> rnn;
  rnn.cell = RecurrentKind::rnn;
  rnn.weights = values({1, 5, 3}, 1);
  rnn.recurrent_weights = values({1, 5, 5}, 2);
  rnn.functions = {Activation{ActivationKind::leaky_relu, 0.2F}};
  rnn.clip = 2.0F;
  check_round_trip(sequence("rnn").layer(rnn, {1}).build());
  Recurrent<float> lstm;
  lstm.weights = values({1, 20, 3}, 1);
  lstm.recurrent_weights = values({1, 20, 5}, 2);
  lstm.peepholes = values({1, 15}, 3);
  lstm.couple_input_forget = true;
  lstm.functions = {Activation{ActivationKind::hard_sigmoid, 0.3F, 0.4F}, Activation{ActivationKind::tanh},
                    Activation{ActivationKind::softsign}};
  check_round_trip(sequence("peepholes").layer(lstm, {1}).build());
  auto b = sequence("states").parameter({1, 1, 5}, 0.5).expand({1, batch_dim, 5});
  check_round_trip(b.layer(lstm, {1, b.last(), b.last()}).build());
}

TEST_CASE("an LSTM's cell state comes back, as a part of its value and by itself") {
  constexpr std::int64_t end = std::numeric_limits<std::int64_t>::max();
  Recurrent<float> lstm;
  lstm.weights = values({1, 20, 3}, 1);
  lstm.recurrent_weights = values({1, 20, 5}, 2);
  lstm.functions = {Activation{ActivationKind::sigmoid}, Activation{ActivationKind::tanh},
                    Activation{ActivationKind::tanh}};
  lstm.with_cell_state = true;
  auto b = Builder("cell", 5).input({4, 3}).transpose({1, 0, 2}).layer(lstm, {1});
  check_round_trip(b.build());
  const NodeId whole = b.last();
  const NodeId hidden = b.slice(0, 0, -1).last();
  const NodeId state = b.from(whole).slice(0, -1, end).reshape({1, -1, 5}).last();
  Model<float> model = b.build();
  model.set_outputs({hidden, state});
  check_round_trip(model);
  CHECK(operator_counts(model) == std::map<std::string, int>{{"Transpose", 1}, {"LSTM", 1}});
}

TEST_CASE("lengths of sequences come back, and the states after them") {
  for (const bool with_cell : {false, true}) {
    Recurrent<float> lstm;
    lstm.weights = values({1, 20, 3}, 1);
    lstm.recurrent_weights = values({1, 20, 5}, 2);
    lstm.functions = {Activation{ActivationKind::sigmoid}, Activation{ActivationKind::tanh},
                      Activation{ActivationKind::tanh}};
    lstm.with_lengths = true;
    lstm.with_hidden_state = true;
    lstm.with_cell_state = with_cell;
    Model<float> model("lengths");
    const NodeId x = model.add({"x", Input{{4, 2, 3}}, {}, {}});
    const NodeId lengths = model.add({"n", Constant<float>{Tensor<float>({2}, {4, 1}), ElementType::s32}, {}, {}});
    model.set_outputs({model.add({"lstm", lstm, {x, lengths}, {}})});
    check_round_trip(model);
    const auto of_one_row = [&] {
      lstm.with_hidden_state = lstm.with_cell_state = false;
      Model<float> plain("plain");
      const NodeId from = plain.add({"x", Input{{4, 2, 3}}, {}, {}});
      const NodeId n = plain.add({"n", Input{{2}, ElementType::s32}, {}, {}});
      plain.set_outputs({plain.add({"lstm", lstm, {from, n}, {}})});
      return plain;
    }();
    CHECK(operator_counts(of_one_row) == std::map<std::string, int>{{"LSTM", 1}});
  }
}

TEST_CASE("opsets are raised for the layers that need it") {
  const auto opset = [](const Model<float>& model) {
    return parsed(test::checked_onnx(model)).opset_import(0).version();
  };
  CHECK(opset(Builder("m").input({3, 4}).matmul(0, {.transpose_weights = true}).build()) == 13);
  CHECK(opset(Builder("m").input({3, 4}).layer_normalization().build()) == 17);
  CHECK(opset(Builder("m").input({3, 4}).activation(ActivationKind::mish).build()) == 18);
  CHECK(opset(model_of(Pad{PadKind::wrap, {0, 1}, {0, 1}}, {4})) == 19);
}

TEST_CASE("layers at indices, at positions and along an axis come back") {
  const auto on_rows = [](Layer<float> layer) {  // values, whole numbers in [0, 3), values
    auto b = Builder(kind_of(layer)).input({3, 3}, "x").input({3, 3}, "i", ElementType::s64).input({3, 3}, "u");
    return b.layer(std::move(layer), {0, 1, 2}).build();
  };
  auto gather = Builder("gather").input({3, 3}, "x").input({2, 3}, "i", ElementType::s32);
  check_round_trip(gather.layer(GatherElements{1}, {0, 1}).build());
  auto tuples = Builder("tuples").input({3, 4}, "x").input({5, 1}, "i", ElementType::s64);
  check_round_trip(tuples.layer(GatherND{1}, {0, 1}).build());
  for (const ScatterKind kind : {ScatterKind::replace, ScatterKind::add, ScatterKind::mul, ScatterKind::max}) {
    check_round_trip(on_rows(ScatterElements{2, kind}));
    auto b = Builder("scatter").input({2}, "x").constant(Tensor<float>({1, 1}, {0.0F}), ElementType::s64);
    b.constant(Tensor<float>({1, 2}, {5.0F, 6.0F}));
    check_round_trip(b.layer(ScatterND{kind}, {0, 1, 2}).build());
  }
  check_round_trip(model_of(TopK{2, 1, false}, {4, 3}));
  auto values = Builder("values").input({4, 3}, "x").layer(TopK{2, -1}, {0});
  check_round_trip(values.layer(GatherElements{-1}, {0, 1}).build());
  check_round_trip(model_of(CumSum{2, true, true}, {4, 3}));
  check_round_trip(model_of(CumSum{1}, {4}, ElementType::s64));
  for (const GridSampleKind mode : {GridSampleKind::linear, GridSampleKind::nearest, GridSampleKind::cubic}) {
    for (const GridSamplePadding padding :
         {GridSamplePadding::zeros, GridSamplePadding::border, GridSamplePadding::reflection}) {
      auto b = Builder("grid").input({2, 4, 5}, "x").input({3, 3, 2}, "grid");
      check_round_trip(b.layer(GridSample{mode, padding, true}, {0, 1}).build());
    }
  }
  auto regions = Builder("regions").input({2, 6, 6}, "x").constant(Tensor<float>({2, 4}, {0, 1, 4, 5, 2, 2, 6, 3}));
  regions.constant(Tensor<float>({2}, {0.0F, 0.0F}), ElementType::s64);
  check_round_trip(regions.layer(RoiAlign{2, 3, 2, 0.5F, false, true}, {0, 1, 2}).build());
  for (const BinaryKind kind : {BinaryKind::bit_and, BinaryKind::bit_or, BinaryKind::bit_xor}) {
    check_round_trip(binary_of(kind, ElementType::s64, ElementType::s64));
  }
}

TEST_CASE("products of dynamically rounded values are ConvInteger and MatMulInteger in the file") {
  auto b = Builder("dynamic").input({3, 8, 8}).conv(4, 3, {.padding = 1}).relu();
  const NodeId x = b.last();
  b.conv(4, 1, {.bias = false});
  const NodeId first = b.last();
  b.from(x).conv(4, 3, {.padding = 1, .groups = 2}).add(first).global_average_pool().flatten().dense(6).relu();
  const Model<float> model = quantize_dynamically(std::move(b.dense(5)).build()).model;
  check_round_trip(model);
  CHECK(parse_onnx(test::checked_onnx(model)).size() == model.size());
  const auto counts = operator_counts(model);
  CHECK(counts.at("ConvInteger") == 3);
  CHECK(counts.at("MatMulInteger") == 2);
  CHECK(counts.at("DynamicQuantizeLinear") == 4);
  CHECK(counts.count("DequantizeLinear") == 0);
  // Weights of u8 around some number, for all channels.
  Model<float> other = model;
  for (NodeId id = 0; id < other.size(); ++id) {
    Parameter<float>* weights = detail::weights_of(other.edit_layer(id));
    if (weights != nullptr) weights->quantization = Quantization{DType::u8, {0.01F}, {117}, -1};
  }
  check_round_trip(other);
  // Rows of a higher rank, and reals beside the integers.
  Model<float> rows = quantize_dynamically(Builder("rows").input({5, 8}).dense(6).build()).model;
  rows.set_outputs({rows.outputs()[0], rows.node(rows.outputs()[0]).src[0]});
  check_round_trip(rows);
  check_round_trip(model_of(DynamicQuantize{}, {3, 4}));
}

TEST_CASE("quantized weights of recurrent layers are written as integers and come back") {
  const Model<float> model =
      quantize_dynamically(Builder("lstm").input({6, 5}).transpose({1, 0, 2}).lstm(7).build()).model;
  check_round_trip(model);
  const Model<float> again = parse_onnx(test::checked_onnx(model));
  for (const Node<float>& node : again.nodes()) {
    const auto* layer = std::get_if<Recurrent<float>>(&node.layer);
    if (layer == nullptr) continue;
    CHECK(layer->weights.quantization);
    CHECK(layer->recurrent_weights.quantization);
  }
}
