#include <fulcrum/train/mask_hook.hpp>

#include <cstddef>

#include <fulcrum/model/builder.hpp>
#include <fulcrum/passes/prune.hpp>
#include <fulcrum/train/trainer.hpp>

#include <support/catch.hpp>
#include <support/data.hpp>

using namespace fulcrum;

TEST_CASE("a mask zeroes values, gradients and what an update made of them, and nothing else") {
  TrainableParameter parameter;
  parameter.value = Tensor<float>({4}, {1.0F, 2.0F, 3.0F, 4.0F});
  const MaskHook hook;
  CHECK_FALSE(hook.make_state(parameter));
  parameter.mask = Tensor<std::uint8_t>({4}, {1, 0, 0, 1});
  auto state = hook.make_state(parameter);
  REQUIRE(state);
  const Tensor<float> expected({4}, {1.0F, 0.0F, 0.0F, 4.0F});
  CHECK(hook.on_forward(*state, parameter.value, {}) == expected);
  Tensor<float> gradient = parameter.value;
  hook.on_backward(*state, gradient.flat());
  CHECK(gradient == expected);
  hook.on_update(*state, parameter.value.flat());
  CHECK(parameter.value == expected);
}

TEST_CASE("a pruned model learns with the weights that are left") {
  const auto src = test::random_tensor<float>({256, 4}, 3);
  Tensor<float> targets(Shape{256, 1});
  for (std::int64_t i = 0; i < 256; ++i) targets.at(i, 0) = src.at(i, 0) * src.at(i, 1) + src.at(i, 2);
  const Model<float> dense = ModelBuilder<float>("m", 1).input({4}).dense(32).tanh().dense(1).build();
  const Model<float> pruned = prune(dense, {.sparsity = 0.5}).model;
  TrainOptions options;
  options.epochs = 40;
  options.batch = 32;
  options.learning_rate = 0.02;
  options.threads = 1;
  options.loss = MeanSquaredError{};
  options.optimizer = GENERATE(AnyOptimizer(Adam{0.9, 0.999, 1e-8, 1e-4}), AnyOptimizer(Sgd{0.9, true, 1e-4}));
  const TrainResult result = train(pruned, SampleView(src, targets), options);
  CHECK(result.epochs.back().loss < 0.5 * result.epochs.front().loss);
  for (const char* layer : {"dense1", "dense2"}) {
    const auto& weights = std::get<Dense<float>>(result.model.node(*result.model.find(layer)).layer).weights;
    REQUIRE(weights.mask == std::get<Dense<float>>(pruned.node(*pruned.find(layer)).layer).weights.mask);
    for (std::size_t i = 0; i < weights.mask->flat().size(); ++i) {
      CHECK((weights.value->flat()[i] == 0.0F) == (weights.mask->flat()[i] == 0));
    }
  }
  // it has the mask anyway: asking for it changes nothing
  options.hooks = {MaskHook{}};
  CHECK(train(pruned, SampleView(src, targets), options).model == result.model);
}
