#include <fulcrum/train/gradual_prune_hook.hpp>

#include <algorithm>
#include <cmath>
#include <cstdint>

#include <fulcrum/model/builder.hpp>
#include <fulcrum/train/trainer.hpp>

#include <support/catch.hpp>
#include <support/data.hpp>

using namespace fulcrum;

namespace {

TrainableParameter weights(const std::vector<float>& values) {
  TrainableParameter parameter;
  parameter.layer = "dense1";
  parameter.name = "weights";
  parameter.value = Tensor<float>(Shape{1, static_cast<std::int64_t>(values.size())}, values);
  return parameter;
}

}  // namespace

TEST_CASE("sparsity rises by a cubic from its start to its end") {
  const GradualPruneHook hook{.sparsity = 0.8, .start = 0.2, .begin = 0.25, .end = 0.75};
  CHECK(hook.sparsity_at(0.0, 0.8) == Approx(0.2));
  CHECK(hook.sparsity_at(0.25, 0.8) == Approx(0.2));
  CHECK(hook.sparsity_at(0.5, 0.8) == Approx(0.8 - 0.6 * 0.125));
  CHECK(hook.sparsity_at(0.75, 0.8) == Approx(0.8));
  CHECK(hook.sparsity_at(1.0, 0.8) == Approx(0.8));
}

TEST_CASE("pruned weights get no gradient, keep their value and come back while the sparsity rises") {
  const GradualPruneHook hook{.sparsity = 0.75, .start = 0.5, .begin = 0.0, .end = 1.0, .every = 1};
  TrainableParameter parameter = weights({4.0F, -3.0F, 2.0F, 1.0F});
  auto state = hook.make_state(parameter);
  REQUIRE(state);
  CHECK(hook.on_forward(*state, parameter.value, {1, 0.0}) == Tensor<float>(Shape{1, 4}, {4.0F, -3.0F, 0.0F, 0.0F}));
  std::vector<float> gradient(4, 1.0F);
  hook.on_backward(*state, gradient);
  CHECK(gradient == std::vector<float>{1.0F, 1.0F, 0.0F, 0.0F});
  parameter.value = Tensor<float>(Shape{1, 4}, {4.0F, -0.5F, 2.0F, 1.0F});
  CHECK(hook.on_forward(*state, parameter.value, {2, 0.01}) == Tensor<float>(Shape{1, 4}, {4.0F, 0.0F, 2.0F, 0.0F}));
  // Of equal magnitudes the first stays.
  parameter.value = Tensor<float>(Shape{1, 4}, {1.0F, -1.0F, 1.0F, 1.0F});
  CHECK(hook.on_forward(*state, parameter.value, {3, 1.0}) == Tensor<float>(Shape{1, 4}, {1.0F, 0.0F, 0.0F, 0.0F}));
}

TEST_CASE("a model trained so has the sparsity, the zeros and the mask") {
  const auto src = test::random_tensor<float>({256, 4}, 3);
  Tensor<float> targets(Shape{256, 1});
  for (std::int64_t i = 0; i < 256; ++i) targets.at(i, 0) = src.at(i, 0) * src.at(i, 1) + src.at(i, 2);
  const Model<float> model = ModelBuilder<float>("m", 1).input({4}).dense(32).tanh().dense(1).build();
  TrainOptions options;
  options.epochs = 20;
  options.batch = 32;
  options.learning_rate = 0.02;
  options.threads = 1;
  options.loss = MeanSquaredError{};
  GradualPruneHook hook{.sparsity = 0.5, .every = 4};
  hook.sparsity_of_layer["dense2"] = 0.25;
  options.hooks = {hook};
  const TrainResult result = train(model, SampleView(src, targets), options);
  CHECK(result.epochs.back().loss < 0.5 * result.epochs.front().loss);
  const auto check = [&](const char* layer, std::ptrdiff_t kept) {
    const auto& parameter = std::get<Dense<float>>(result.model.node(*result.model.find(layer)).layer).weights;
    REQUIRE_FALSE(parameter.mask.empty());
    CHECK(std::count(parameter.mask->flat().begin(), parameter.mask->flat().end(), 1) == kept);
    for (std::size_t i = 0; i < parameter.mask->flat().size(); ++i)
      CHECK((parameter.value->flat()[i] != 0.0F) == (parameter.mask->flat()[i] == 1));
  };
  check("dense1", 64);
  check("dense2", 24);
}

TEST_CASE("what cannot be pruned so is refused") {
  const Model<float> model = ModelBuilder<float>("m", 1).input({4}).dense(3).build();
  CHECK_THROWS_WITH((GradualPruneHook{.sparsity = 1.0}.check(model)), ContainsSubstring("[0, 1)"));
  CHECK_THROWS_WITH((GradualPruneHook{.begin = 0.5, .end = 0.5}.check(model)), ContainsSubstring("begin < end"));
  CHECK_THROWS_WITH((GradualPruneHook{.every = 0}.check(model)), ContainsSubstring("1 or more"));
  CHECK_THROWS_WITH((GradualPruneHook{.skip = {"conv9"}}.check(model)), ContainsSubstring("conv9"));
}
