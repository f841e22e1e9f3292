#include <fulcrum/train/learned_step_hook.hpp>

#include <cmath>
#include <set>
#include <vector>

#include <fulcrum/model/builder.hpp>
#include <fulcrum/train/trainer.hpp>

#include <support/catch.hpp>
#include <support/data.hpp>

using namespace fulcrum;

TEST_CASE("the step starts at twice the mean magnitude over the root of the largest integer") {
  TrainableParameter parameter;
  parameter.name = "weights";
  parameter.value = Tensor<float>(Shape{2, 2}, {1.0F, -3.0F, 0.5F, 0.0F});
  const LearnedStepHook hook{.bits = 3};
  const auto state = hook.make_state(parameter);
  REQUIRE(state);
  CHECK(std::exp(state->log_step.flat()[0]) == Approx(2.0 * 2.0 / std::sqrt(3.0)));
  CHECK(std::exp(state->log_step.flat()[1]) == Approx(2.0 * 0.25 / std::sqrt(3.0)));
}

TEST_CASE("weights are rounded and clipped by the step, and gradients are those of Esser et al.") {
  TrainableParameter parameter;
  parameter.name = "weights";
  parameter.value = Tensor<float>(Shape{1, 4}, {0.6F, -5.0F, 9.0F, 1.0F});
  const LearnedStepHook hook{.bits = 3, .per_channel = false};
  auto state = hook.make_state(parameter);
  REQUIRE(state);
  state->log_step.flat()[0] = std::log(0.5F);
  const Tensor<float> rounded = hook.on_forward(*state, parameter.value, {});
  // v/s = 1.2, −10, 18, 2, clipped to [−4, 3]
  CHECK(rounded.flat()[0] == Approx(0.5));
  CHECK(rounded.flat()[1] == Approx(-2.0));
  CHECK(rounded.flat()[2] == Approx(1.5));
  CHECK(rounded.flat()[3] == Approx(1.0));
  std::vector<float> gradient{1.0F, 2.0F, 4.0F, 8.0F};
  hook.on_backward(*state, gradient);
  CHECK(gradient == std::vector<float>{1.0F, 0.0F, 0.0F, 8.0F});
  const double of_s = 1.0 * (1.0 - 1.2) + 2.0 * -4.0 + 4.0 * 3.0 + 8.0 * 0.0;
  CHECK(state->gradient.flat()[0] == Approx(0.5 * of_s / std::sqrt(4.0 * 3.0)).epsilon(1e-4));
}

TEST_CASE("a model trained so has rounded weights and has learned its steps") {
  const auto src = test::random_tensor<float>({256, 4}, 3);
  Tensor<float> targets(Shape{256, 1});
  for (std::int64_t i = 0; i < 256; ++i) targets.at(i, 0) = src.at(i, 0) * src.at(i, 1) + src.at(i, 2);
  const Model<float> model = ModelBuilder<float>("m", 1).input({4}).dense(32).tanh().dense(1).build();
  TrainOptions options;
  options.epochs = 40;
  options.batch = 32;
  options.learning_rate = 0.02;
  options.threads = 1;
  options.loss = MeanSquaredError{};
  options.hooks = {LearnedStepHook{.bits = 3, .per_channel = false}};
  const TrainResult result = train(model, SampleView(src, targets), options);
  CHECK(result.epochs.back().loss < 0.3 * result.epochs.front().loss);
  const auto& weights = std::get<Dense<float>>(result.model.node(*result.model.find("dense1")).layer).weights;
  const std::set<float> levels(weights.value->flat().begin(), weights.value->flat().end());
  CHECK(levels.size() <= 8);
  CHECK(levels.size() > 3);
}

TEST_CASE("learned steps of other bits than 2 to 8 are refused") {
  const Model<float> model = ModelBuilder<float>("m", 1).input({4}).dense(3).build();
  CHECK_THROWS_WITH((LearnedStepHook{.bits = 1}.check(model)), ContainsSubstring("give 2 to 8"));
  CHECK_THROWS_WITH((LearnedStepHook{.skip = {"conv9"}}.check(model)), ContainsSubstring("conv9"));
}
