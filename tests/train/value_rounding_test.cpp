#include <fulcrum/train/value_rounding.hpp>

#include <cmath>
#include <set>
#include <span>
#include <vector>

#include <fulcrum/exec/reference.hpp>
#include <fulcrum/model/builder.hpp>
#include <fulcrum/passes/quantize.hpp>
#include <fulcrum/train/learned_step_hook.hpp>
#include <fulcrum/train/network.hpp>
#include <fulcrum/train/trainer.hpp>

#include <support/catch.hpp>
#include <support/data.hpp>

using namespace fulcrum;

namespace {

Model<float> with_pooling() {
  return ModelBuilder<float>("m", 3)
      .input({2, 8, 8})
      .conv(4, 3, {.padding = 1})
      .batch_normalization()
      .relu()
      .max_pool(2)
      .conv(3, 3)
      .flatten()
      .dense(6)
      .tanh()
      .dense(4)
      .softmax()
      .build();
}

const TrainableParameter& log_step_of(TrainingNetwork& network, NodeId node) {
  for (const TrainableParameter& p : network.parameters()) {
    if (p.node == node && p.name == "log_step") return p;
  }
  throw Error("node", "has no step");
}

}  // namespace

TEST_CASE("training rounds what quantize() will round, but for inputs") {
  const Model<float> model = with_pooling();
  const std::vector<RoundedValue> values = rounded_values(model, {.bits = 4});
  REQUIRE(values.size() == 3);
  CHECK(values[0].root == "relu1");
  CHECK_FALSE(values[0].is_signed);
  CHECK(values[1].root == "conv2");
  CHECK(values[1].is_signed);
  CHECK(model.node(values[2].node).name == "tanh1");
  CHECK(values[2].is_signed);
  CHECK(range_of(values[0], 0.5F) == Range{0.0F, 7.5F});
  CHECK(range_of(values[1], 0.5F) == Range{-3.5F, 3.5F});
  CHECK(rounded_values(model, {.bits = 4, .skip = {"dense2"}}).size() == 2);
  CHECK_THROWS_WITH(rounded_values(model, {.bits = 1}), ContainsSubstring("give 2 to 8"));
  CHECK_THROWS_WITH(rounded_values(model, {.skip = {"conv9"}}), ContainsSubstring("conv9"));
}

TEST_CASE("a batch norm that is folded has the value that is rounded") {
  const Model<float> model =
      ModelBuilder<float>("m", 3).input({2, 8, 8}).conv(4, 3).batch_normalization().conv(3, 3).build();
  const std::vector<RoundedValue> values = rounded_values(model, {});
  REQUIRE(values.size() == 1);
  CHECK(values[0].root == "conv1");
  CHECK(model.node(values[0].node).name == "batchnormalization1");
}

TEST_CASE("a value is rounded and clipped by its step, and gradients are those of Esser et al.") {
  // y = w · v̂(x + b) with w = 1 and b = 0: the gradient of b is that of v, summed.
  Model<float> model("m");
  const NodeId x = model.add({"x", Input{{batch_dim, 1}}, {}, {}});
  const NodeId v = model.add({"v", Dense<float>{Tensor<float>(Shape{1, 1}, {1.0F}), Tensor<float>(Shape{1})}, {x}, {}});
  model.set_outputs({model.add({"y", Dense<float>{Tensor<float>(Shape{1, 1}, {1.0F}), {}}, {v}, {}})});
  const std::vector<RoundedValue> values = rounded_values(model, {.bits = 3});
  REQUIRE(values.size() == 1);
  TrainingNetwork network(model, 4, LossInput::output, values);
  const Tensor<float> src(Shape{4, 1}, {0.6F, -5.0F, 9.0F, 1.0F});
  static_cast<void>(network.forward(src));
  TrainableParameter* step = nullptr;
  TrainableParameter* bias = nullptr;
  for (TrainableParameter& p : network.parameters()) {
    if (p.name == "log_step") step = &p;
    if (p.layer == "v" && p.name == "bias") bias = &p;
  }
  REQUIRE(step != nullptr);
  REQUIRE(bias != nullptr);
  CHECK(std::exp(step->value.flat()[0]) == Approx(2.0 * (0.6 + 5.0 + 9.0 + 1.0) / 4.0 / std::sqrt(3.0)));
  step->value.flat()[0] = std::log(0.5F);
  const Tensor<float> y = network.forward(src);
  // v/s = 1.2, −10, 18, 2, clipped to [−3, 3]
  CHECK(y.flat()[0] == Approx(0.5));
  CHECK(y.flat()[1] == Approx(-1.5));
  CHECK(y.flat()[2] == Approx(1.5));
  CHECK(y.flat()[3] == Approx(1.0));
  network.backward(Tensor<float>(Shape{4, 1}, {1.0F, 2.0F, 4.0F, 8.0F}));
  CHECK(bias->gradient.flat()[0] == Approx(1.0 + 8.0));
  const double of_s = 1.0 * (1.0 - 1.2) + 2.0 * -3.0 + 4.0 * 3.0 + 8.0 * 0.0;
  CHECK(step->gradient.flat()[0] == Approx(0.5 * of_s / std::sqrt(3.0)).epsilon(1e-4));
}

TEST_CASE("a value that a max pooling takes is rounded behind it") {
  const Model<float> model = with_pooling();
  const std::vector<RoundedValue> values = rounded_values(model, {.bits = 8});
  TrainingNetwork network(model, 5, LossInput::output, values);
  const auto src = test::random_tensor<float>({5, 2, 8, 8}, 4);
  const Tensor<float> rounded = network.forward(src);
  CHECK(network.ranges().size() == 3);
  // After another forward(), whose steps are those that were found, outputs are close to those without rounding.
  TrainingNetwork exact(model, 5, LossInput::output);
  const Tensor<float> expected = exact.forward(src);
  for (std::size_t i = 0; i < expected.flat().size(); ++i)
    CHECK(rounded.flat()[i] == Approx(expected.flat()[i]).margin(0.05));
  CHECK(network.model().size() == model.size());
  CHECK(log_step_of(network, *model.find("maxpool1")).value.flat()[0] < 0.0F);
}

TEST_CASE("a model trained so is what quantize() makes of its steps: 16 integers of weights, 16 of values") {
  const auto src = test::random_tensor<float>({256, 4}, 3);
  Tensor<float> targets(Shape{256, 1});
  for (std::int64_t i = 0; i < 256; ++i) targets.at(i, 0) = src.at(i, 0) * src.at(i, 1) + src.at(i, 2);
  const Model<float> model = ModelBuilder<float>("m", 1).input({4}).dense(32).relu().dense(16).relu().dense(1).build();
  TrainOptions options;
  options.epochs = 60;
  options.batch = 32;
  options.learning_rate = 0.01;
  options.threads = 1;
  options.loss = MeanSquaredError{};
  options.hooks = {LearnedStepHook{.bits = 4}};
  options.values = ValueRounding{.bits = 4};
  const TrainResult result = train(model, SampleView(src, targets), options);
  CHECK(result.epochs.back().loss < 0.3 * result.epochs.front().loss);
  REQUIRE(result.ranges.count("relu1") == 1);
  REQUIRE(result.ranges.count("input") == 1);
  const Model<float> quantized =
      quantize(result.model, result.ranges, {.weight_bits = 4, .keep_steps = true, .value_bits = 4}).model;
  const auto values = ReferenceExecutor<float>(quantized, {.quantized = true}).run_all(std::span(&src, 1));
  for (const char* name : {"relu1", "relu2"}) {
    const auto& value = values[*quantized.find(name)];
    CHECK(std::set<float>(value.flat().begin(), value.flat().end()).size() <= 16);
  }
  double loss = 0.0;
  const Tensor<float>& out = values[quantized.outputs().front()];
  for (std::size_t i = 0; i < 256; ++i) loss += std::pow(static_cast<double>(out.flat()[i] - targets.flat()[i]), 2.0);
  CHECK(loss / 256.0 < 1.5 * result.epochs.back().loss);
  const auto& weights = std::get<Dense<float>>(quantized.node(*quantized.find("dense2")).layer).weights;
  const Tensor<float> again = quantize_dequantize(*weights.value, *weights.quantization);
  for (std::size_t i = 0; i < again.flat().size(); ++i)
    CHECK(again.flat()[i] == Approx(weights.value->flat()[i]).margin(1e-6));
}
