#include <fulcrum/train/fake_quantize_hook.hpp>

#include <algorithm>
#include <limits>
#include <span>
#include <vector>

#include <fulcrum/model/builder.hpp>
#include <fulcrum/passes/prune.hpp>
#include <fulcrum/passes/quantize.hpp>
#include <fulcrum/train/mask_hook.hpp>
#include <fulcrum/train/trainer.hpp>

#include <support/catch.hpp>
#include <support/data.hpp>

using namespace fulcrum;

namespace {

TrainableParameter weights_of_layer(const Shape& shape) {
  TrainableParameter parameter;
  parameter.layer = "conv1";
  parameter.name = "weights";
  parameter.value = test::random_tensor<float>(shape, 5);
  return parameter;
}

Tensor<float> rounded(const FakeQuantizeHook& hook, const TrainableParameter& parameter) {
  auto state = hook.make_state(parameter);
  REQUIRE(state);
  return hook.on_forward(*state, parameter.value, {});
}

std::size_t distinct(std::span<const float> values) {
  std::vector<float> sorted(values.begin(), values.end());
  std::sort(sorted.begin(), sorted.end());
  return static_cast<std::size_t>(std::unique(sorted.begin(), sorted.end()) - sorted.begin());
}

Tensor<float> weights_in(const Model<float>& model, const char* layer) {
  return *std::get<Dense<float>>(model.node(*model.find(layer)).layer).weights.value;
}

/// Samples of a curve to learn.
struct Curve {
  Tensor<float> src = test::random_tensor<float>({256, 4}, 3);
  Tensor<float> targets{Shape{256, 1}};
  Model<float> model = ModelBuilder<float>("m", 1).input({4}).dense(32).tanh().dense(1).build();
  TrainOptions options;

  Curve() {
    for (std::int64_t i = 0; i < 256; ++i) targets.at(i, 0) = src.at(i, 0) * src.at(i, 1) + src.at(i, 2);
    options.epochs = 40;
    options.batch = 32;
    options.learning_rate = 0.02;
    options.threads = 1;
    options.loss = MeanSquaredError{};
  }
};

/// Asserts what the network computes with, from behind the hooks it looks at.
struct Watch {
  std::size_t most_levels;
  struct State {};
  [[nodiscard]] std::optional<State> make_state(const TrainableParameter& parameter) const {
    return parameter.name == "weights" ? std::optional<State>(State{}) : std::nullopt;
  }
  [[nodiscard]] Tensor<float> on_forward(State&, Tensor<float> value, const TrainingStep&) const {
    REQUIRE(distinct(value.flat()) <= most_levels);
    return value;
  }
  void on_backward(State&, std::span<float>) const {}
  void on_update(State&, std::span<float>) const {}
};

}  // namespace

TEST_CASE("weights are rounded to the integers that quantize() gives them, and biases not at all") {
  TrainableParameter parameter = weights_of_layer({6, 3, 2, 2});
  for (const int bits : {7, 8}) {
    CHECK(rounded({.bits = bits}, parameter) ==
          quantize_dequantize(parameter.value, weight_quantization_for(parameter.value, bits)));
  }
  parameter.name = "bias";
  CHECK_FALSE(FakeQuantizeHook{}.make_state(parameter));
}

TEST_CASE("so many bits give so many values, of the layer or of each channel") {
  const TrainableParameter parameter = weights_of_layer({4, 200});
  for (int bits = 2; bits <= 8; ++bits) {
    const auto levels = static_cast<std::size_t>((1 << bits) - 1);
    CHECK(distinct(rounded({.bits = bits, .per_channel = false}, parameter).flat()) <= levels);
    const Tensor<float> by_channel = rounded({.bits = bits}, parameter);
    for (std::size_t c = 0; c < 4; ++c) CHECK(distinct(by_channel.flat().subspan(c * 200, 200)) <= levels);
  }
  CHECK(distinct(rounded({.bits = 2, .per_channel = false}, parameter).flat()) == 3);
}

TEST_CASE("the network computes with rounded weights while the master weights keep their precision") {
  Curve curve;
  FakeQuantizeHook hook{.bits = 4, .per_channel = false};
  curve.options.hooks = {hook, Watch{15}};
  const TrainResult result = train(curve.model, SampleView(curve.src, curve.targets), curve.options);
  CHECK(result.epochs.back().loss < 0.3 * result.epochs.front().loss);
  const Tensor<float> master = weights_in(result.model, "dense1");
  CHECK(distinct(master.flat()) == master.flat().size());
  CHECK_FALSE(std::get<Dense<float>>(result.model.node(*result.model.find("dense1")).layer).weights.quantization);
}

TEST_CASE("one step moves the master weights by the gradient at the rounded ones") {
  Curve curve;
  curve.options.epochs = 1;
  curve.options.batch = 256;
  curve.options.optimizer = Sgd{0.0};
  curve.options.schedule = ConstantRate{};
  const FakeQuantizeHook hook{.bits = 3};
  curve.options.hooks = {hook};
  const SampleView samples(curve.src, curve.targets);
  const Model<float> trained = train(curve.model, samples, curve.options).model;

  Model<float> at_rounded = curve.model;
  for (const char* layer : {"dense1", "dense2"}) {
    auto& weights = std::get<Dense<float>>(at_rounded.edit_layer(*at_rounded.find(layer))).weights;
    weights.value = quantize_dequantize(*weights.value, symmetric_quantization(*weights.value, 3, 0));
  }
  curve.options.hooks = {};
  const Model<float> moved = train(at_rounded, samples, curve.options).model;
  for (const char* layer : {"dense1", "dense2"}) {
    const Tensor<float> before = weights_in(curve.model, layer);
    const Tensor<float> after = weights_in(trained, layer);
    const Tensor<float> rounded_before = weights_in(at_rounded, layer);
    const Tensor<float> rounded_after = weights_in(moved, layer);
    CHECK_FALSE(before == rounded_before);
    CHECK_FALSE(before == after);
    for (std::size_t i = 0; i < before.flat().size(); ++i) {
      CHECK(after.flat()[i] - before.flat()[i] ==
            Approx(rounded_after.flat()[i] - rounded_before.flat()[i]).margin(1e-6));
    }
  }
}

TEST_CASE("training that knows of the rounding loses less by it") {
  Curve curve;
  const SampleView samples(curve.src, curve.targets);
  const FakeQuantizeHook hook{.bits = 4};
  const auto loss_when_rounded = [&](const Model<float>& model) {
    TrainOptions once = curve.options;  // the loss of the first step is that of the model as it came
    once.epochs = 1;
    once.batch = 256;
    once.hooks = {hook};
    return train(model, samples, once).epochs[0].loss;
  };
  const double unaware = loss_when_rounded(train(curve.model, samples, curve.options).model);
  curve.options.hooks = {hook};
  CHECK(loss_when_rounded(train(curve.model, samples, curve.options).model) < unaware);
}

TEST_CASE("pruned weights stay exactly 0 when the others are rounded") {
  Curve curve;
  const Model<float> pruned = prune(curve.model, {.sparsity = 0.4}).model;
  const std::vector<AnyParameterHook> either_order[] = {{MaskHook{}, FakeQuantizeHook{.bits = 4}},
                                                        {FakeQuantizeHook{.bits = 4}, MaskHook{}}};
  std::vector<Model<float>> trained;
  for (const auto& hooks : either_order) {
    curve.options.hooks = hooks;
    const TrainResult result = train(pruned, SampleView(curve.src, curve.targets), curve.options);
    CHECK(result.epochs.back().loss < 0.5 * result.epochs.front().loss);
    const auto& weights = std::get<Dense<float>>(result.model.node(*result.model.find("dense1")).layer).weights;
    const Tensor<float> computed_with =
        quantize_dequantize(*weights.value, symmetric_quantization(*weights.value, 4, 0));
    for (std::size_t i = 0; i < weights.mask->flat().size(); ++i) {
      CHECK((weights.value->flat()[i] == 0.0F) == (weights.mask->flat()[i] == 0));
      if (weights.mask->flat()[i] == 0) CHECK(computed_with.flat()[i] == 0.0F);
    }
    trained.push_back(result.model);
  }
  CHECK(trained[0] == trained[1]);
}

TEST_CASE("layers may be left as they are; what cannot be rounded is refused") {
  Curve curve;
  const SampleView samples(curve.src, curve.targets);
  const TrainableParameter parameter = weights_of_layer({2, 2});
  const FakeQuantizeHook without{.skip = {"conv1"}};
  CHECK_FALSE(without.make_state(parameter));
  curve.options.hooks = {without};
  CHECK_THROWS_WITH(train(curve.model, samples, curve.options), ContainsSubstring("layer 'conv1'"));
  for (const int bits : {1, 9}) {
    curve.options.hooks = {FakeQuantizeHook{.bits = bits}};
    CHECK_THROWS_WITH(train(curve.model, samples, curve.options), ContainsSubstring("2 to 8"));
  }
  TrainableParameter broken = parameter;
  broken.value.flat()[1] = std::numeric_limits<float>::quiet_NaN();
  CHECK_THROWS_WITH(rounded({}, broken), ContainsSubstring("layer 'conv1'") && ContainsSubstring("repair the model"));
}
