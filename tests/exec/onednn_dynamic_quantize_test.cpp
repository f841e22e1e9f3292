// Layers that multiply integers whose range is found at run time, against the reference.
#include <algorithm>
#include <string>
#include <vector>

#include <fulcrum/analysis/is_quantized.hpp>
#include <fulcrum/core/random.hpp>
#include <fulcrum/exec/int8_options.hpp>
#include <fulcrum/exec/onednn.hpp>
#include <fulcrum/exec/reference.hpp>
#include <fulcrum/model/builder.hpp>
#include <fulcrum/model/random_sources.hpp>
#include <fulcrum/passes/quantize_dynamic.hpp>

#include <support/catch.hpp>
#include <support/data.hpp>
#include <support/random_model.hpp>
#include <support/tolerance.hpp>

using namespace fulcrum;

namespace {

/// Weights of 7 bits, which every CPU sums exactly, as integers of either type with zero points, for all or each
/// channel.
Quantization random_weights_map(const Tensor<float>& weights, Random& random) {
  const bool per_channel = random.below(2) == 0;
  const bool is_signed = random.below(2) == 0;
  const auto channels = static_cast<std::size_t>(per_channel ? weights.dim(0) : 1);
  Quantization q{is_signed ? DType::s8 : DType::u8, {}, {}, per_channel ? 0 : -1};
  const bool centered = random.below(3) == 0;
  for (std::size_t c = 0; c < channels; ++c) {
    q.scale.push_back(static_cast<float>(random.uniform(0.01, 0.03)));
    q.zero_point.push_back((is_signed ? 0 : 128) + (centered ? 0 : static_cast<std::int32_t>(random.below(41)) - 20));
  }
  return q;
}

/// `layer` behind a rounding, with such weights that saturate nothing.
Model<float> behind_rounding(Model<float> model, std::uint64_t seed) {
  Random random(seed);
  Model<float> result = quantize_dynamically(model, int8_options_for_this_cpu()).model;
  for (NodeId id = 0; id < result.size(); ++id) {
    Parameter<float>* weights = detail::weights_of(result.edit_layer(id));
    if (weights == nullptr) continue;
    const Quantization q = random_weights_map(*weights->value, random);
    detail::for_each_channel_element(weights->value->dims(), q.axis, [&](std::size_t i, std::size_t c) {
      // Integers of ±60 around the middle, so that pairs of products fit 16 bits.
      const int integer = static_cast<int>(random.below(121)) - 60 + (q.dtype == DType::u8 ? 128 : 0);
      weights->value.edit().flat()[i] = q.scale[c] * static_cast<float>(integer - q.zero_point[c]);
    });
    weights->quantization = q;
  }
  return result;
}

void check_like_reference(const Model<float>& model, std::int64_t batch, double tolerance, bool integers) {
  const std::vector<Tensor<float>> src = random_sources(model, batch, 5);
  const std::vector<Tensor<float>> expected = ReferenceExecutor<float>(model).run(src);
  for (const int threads : {1, 2}) {
    for (const Precision precision : {Precision::int8, Precision::f32}) {
      if (!cpu_supports(precision)) continue;
      INFO(model.name() << ", " << threads << " thread(s), " << name_of(precision));
      OnednnExecutor executor(model, {.batch = batch, .threads = threads, .precision = precision});
      for (int run = 0; run < 2; ++run) {
        const std::vector<Tensor<float>> actual = executor.run(src);
        for (std::size_t i = 0; i < expected.size(); ++i)
          CHECK(test::relative_difference(actual[i], expected[i]) <= tolerance);
      }
      if (!integers || precision != Precision::int8) continue;
      const std::vector<StepInfo> steps = executor.steps();
      CHECK(std::any_of(steps.begin(), steps.end(),
                        [](const StepInfo& step) { return step.algorithm == Algorithm::integer_product; }));
    }
  }
}

/// One layer: what it takes is the same in both executors, so that sums are too.
constexpr double of_one_layer = 1e-5;

ModelBuilder<float> input_image(const std::string& name, Shape shape) {
  ModelBuilder<float> builder(name, 3);
  builder.input(std::move(shape));
  return builder;
}

}  // namespace

TEST_CASE("a convolution of integers takes any weights, windows and groups") {
  std::uint64_t seed = 0;
  for (int round = 0; round < 4; ++round) {
    const auto check = [&](ModelBuilder<float> builder) {
      Model<float> model = test::with_random_parameters(std::move(builder).build(), ++seed);
      check_like_reference(behind_rounding(std::move(model), seed), 2, of_one_layer, true);
    };
    check(input_image("padded", {16, 9, 11}).conv(24, 3, {.padding = 1}).relu());
    check(input_image("strided", {3, 13, 12}).conv(20, 3, {.stride = {2, 2}, .padding = {2, 1, 0, 1}}));
    check(input_image("dilated", {8, 14, 14}).conv(16, 3, {.padding = 4, .dilation = {4, 4}, .bias = false}));
    check(input_image("asymmetric", {5, 9, 10}).conv(7, {2, 3}, {.padding = {0, 2, 1, 0}}).leaky_relu(0.1F));
    check(input_image("pixels", {32, 4, 5}).conv(10, 1).sigmoid());
    check(input_image("wide", {8, 6, 6}).conv(300, 3, {.padding = 1}).hard_swish());
  }
}

TEST_CASE("grouped and depthwise convolutions of integers, where oneDNN has kernels for them, else in f32") {
  std::uint64_t seed = 40;
  for (int round = 0; round < 4; ++round) {
    const auto check = [&](ModelBuilder<float> builder) {
      Model<float> model = test::with_random_parameters(std::move(builder).build(), ++seed);
      check_like_reference(behind_rounding(std::move(model), seed), 2, of_one_layer, false);
    };
    check(input_image("groups", {32, 8, 7}).conv(32, 3, {.padding = 1, .groups = 2}));
    check(input_image("depthwise", {32, 8, 7}).depthwise_conv(3, {.padding = 1}).relu());
    check(input_image("odd", {6, 8, 7}).conv(9, 3, {.padding = 1, .groups = 3}));
  }
}

TEST_CASE("dense layers of integers take rows of any rank") {
  std::uint64_t seed = 80;
  for (int round = 0; round < 6; ++round) {
    for (const Shape& shape : {Shape{40}, Shape{3, 40}, Shape{2, 3, 40}}) {
      for (const std::int64_t oc : {5, 64}) {
        Model<float> model = test::with_random_parameters(input_image("rows", shape).dense(oc).relu().build(), ++seed);
        check_like_reference(behind_rounding(std::move(model), seed), 3, of_one_layer, true);
      }
    }
  }
}

TEST_CASE("functions and a sum run with the product, other functions behind it") {
  std::uint64_t seed = 120;
  for (const ActivationKind before : {ActivationKind::relu, ActivationKind::tanh}) {
    for (const ActivationKind after : {ActivationKind::relu, ActivationKind::gelu, ActivationKind::sigmoid}) {
      auto b = input_image("residual", {12, 6, 6});
      b.conv(12, 1);
      const NodeId shortcut = b.last();
      b.conv(12, 3, {.padding = 1}).activation(before).add(shortcut).activation(after);
      Model<float> model = test::with_random_parameters(std::move(b).build(), ++seed);
      check_like_reference(behind_rounding(std::move(model), seed), 2, test::relative_tolerance(Precision::int8), true);
    }
  }
}

TEST_CASE("products of one value share its rounding, and others take it as reals") {
  auto b = input_image("shared", {8, 6, 6});
  const NodeId x = b.last();
  b.conv(8, 3, {.padding = 1});
  const NodeId first = b.last();
  b.from(x).conv(8, 1);
  const NodeId second = b.last();
  Model<float> model = behind_rounding(std::move(b.from(first).concat({second})).build(), 7);
  std::vector<NodeId> roundings;
  for (NodeId id = 0; id < model.size(); ++id) {
    if (std::holds_alternative<DynamicQuantize>(model.node(id).layer)) roundings.push_back(id);
  }
  REQUIRE(roundings.size() == 1);
  const NodeId relu = model.add({"relu", Activation{ActivationKind::relu}, {roundings[0]}, {}});
  model.set_outputs({model.outputs()[0], relu, roundings[0]});
  check_like_reference(model, 2, of_one_layer, true);
  const auto compiled = OnednnModel::compile(model, {.precision = Precision::int8});
  const auto count = [&](const std::string& kind) {
    const auto& steps = compiled->steps();
    return std::count_if(steps.begin(), steps.end(), [&](const StepInfo& step) { return step.kind == kind; });
  };
  CHECK(count("DynamicQuantize") == 1);
  CHECK(count("Conv") == 2);
}

TEST_CASE("without its roundings a dynamically quantized model is the float one") {
  const Model<float> model = test::with_random_parameters(input_image("net", {4, 8, 8}).conv(8, 3).relu().build(), 9);
  const Model<float> dynamic = quantize_dynamically(model).model;
  const std::vector<Tensor<float>> src = random_sources(model, 1, 5);
  OnednnExecutor executor(dynamic, {.roundings = Roundings::leave_out});
  CHECK(test::relative_difference(executor.run(src)[0], ReferenceExecutor<float>(model).run(src)[0]) <=
        test::relative_tolerance(Precision::f32));
}

TEST_CASE("random networks quantized dynamically agree with the reference") {
  for (std::uint64_t seed = 0; seed < 16; ++seed) {
    const Model<float> model = quantize_dynamically(test::random_model(seed), int8_options_for_this_cpu()).model;
    if (is_quantized(model)) check_like_reference(model, 2, test::relative_tolerance(Precision::int8), false);
  }
}
