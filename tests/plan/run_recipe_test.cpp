#include <fulcrum/plan/run_recipe.hpp>

#include <algorithm>
#include <cstdint>
#include <string>
#include <vector>

#include <fulcrum/analysis/is_quantized.hpp>
#include <fulcrum/analysis/weighted_layers.hpp>
#include <fulcrum/passes/prune.hpp>

#include <plan/corners.hpp>
#include <support/catch.hpp>

using namespace fulcrum;

using test::Corners;

namespace {

TrainStep epochs(int count) {
  TrainStep step;
  step.epochs = count;
  step.batch = 32;
  step.learning_rate = 3e-3;
  return step;
}

}  // namespace

TEST_CASE("a recipe prunes, trains and quantizes, and says what came of each step") {
  Corners c;
  const Recipe recipe = Recipe("r", 5).train(epochs(3)).prune_channels({}).train(epochs(2)).quantize({});
  std::vector<std::size_t> told;
  c.settings.on_step = [&](std::size_t step, const Model<float>&) { told.push_back(step); };
  const RecipeResult result = run_recipe(c.model, recipe, c.settings);
  CHECK(told == std::vector<std::size_t>{0, 1, 2, 3});
  REQUIRE(result.states.size() == 5);
  CHECK(result.states[0].step.empty());
  CHECK(result.states[1].accuracy.value() > 0.9);
  CHECK(result.states[2].step == "prune_channels");
  CHECK(result.states[2].flops <= 0.5 * result.states[1].flops);
  CHECK(result.states[2].predicted_ms.value() < result.states[1].predicted_ms.value());
  CHECK(result.states[3].accuracy.value() > 0.9);
  CHECK(result.states[4].accuracy.value() > 0.85);
  CHECK(is_quantized(result.model));
  CHECK(run_recipe(c.model, recipe, c.settings).model == result.model);
}

TEST_CASE("a recipe goes on after the step at which it was interrupted") {
  Corners c;
  const Recipe recipe = Recipe("r", 5)
                            .train(epochs(1))
                            .prune([] {
                              PruneStep step;
                              step.options.sparsity = 0.5;
                              step.options.scope = PruneScope::global;
                              return step;
                            }())
                            .train(epochs(1));
  std::vector<Model<float>> after;
  c.settings.on_step = [&](std::size_t, const Model<float>& model) { after.push_back(model); };
  const RecipeResult whole = run_recipe(c.model, recipe, c.settings);
  c.settings.on_step = {};
  c.settings.first_step = 2;
  const RecipeResult rest = run_recipe(with_zeros_masked(after.at(1)), recipe, c.settings);
  CHECK(rest.states.size() == 2);
  CHECK(rest.states.back().nonzero == whole.states.back().nonzero);
  CHECK(rest.states.back().accuracy == whole.states.back().accuracy);
}

TEST_CASE("a recipe trains with a teacher, and prunes and rounds while it trains") {
  Corners c;
  const Model<float> teacher = run_recipe(c.model, Recipe("r").train(epochs(2)), c.settings).model;
  c.settings.load = [&](const std::string& name) {
    CHECK(name == "the teacher");
    return teacher;
  };
  TrainStep learn = epochs(4);
  learn.teacher = "the teacher";
  learn.prune = GradualPruneHook{};
  learn.prune->sparsity = 0.5;
  learn.prune->every = 4;
  TrainStep round = epochs(3);
  round.round = LearnedStepHook{};
  const RecipeResult result = run_recipe(c.model, Recipe("r").train(learn).train(round), c.settings);
  CHECK(result.states.back().accuracy.value() > 0.85);
  CHECK(static_cast<double>(result.states.back().nonzero) <= 0.51 * static_cast<double>(result.states.back().weights));
}

TEST_CASE("pruned while training to a sparsity of all layers together, each gets its share of a global pruning") {
  Corners c;
  const Model<float> trained = run_recipe(c.model, Recipe("r").train(epochs(2)), c.settings).model;
  TrainStep step = epochs(2);
  step.prune = GradualPruneHook{};
  step.prune->sparsity = 0.6;
  step.prune->every = 4;
  step.prune_scope = PruneScope::global;
  PruneOptions all;
  all.sparsity = 0.6;
  all.scope = PruneScope::global;
  const PruneReport expected = prune(trained, all).report;
  const RecipeResult result = run_recipe(trained, Recipe("r").train(step), c.settings);
  double least = 1.0, most = 0.0;
  for (const PruneReport::Layer& layer : expected.layers) {
    const Parameter<float>& weights = *detail::weights_of(result.model.node(*result.model.find(layer.name)).layer);
    const auto kept = std::count(weights.mask->flat().begin(), weights.mask->flat().end(), std::uint8_t{1});
    CHECK(kept == layer.kept);
    least = std::min(least, layer.sparsity);
    most = std::max(most, layer.sparsity);
  }
  CHECK(most > least + 0.02);  // else it would say nothing
}

TEST_CASE("a training that rounds weights and values gives a model in integers of so few bits") {
  Corners c;
  const Model<float> trained = run_recipe(c.model, Recipe("r").train(epochs(3)), c.settings).model;
  TrainStep round = epochs(4);
  round.round = LearnedStepHook{};
  round.round_values = ValueRounding{};
  const RecipeResult result = run_recipe(trained, Recipe("r").train(round), c.settings);
  CHECK(is_quantized(result.model));
  CHECK(result.states.back().accuracy.value() > 0.85);
  CHECK(result.states.back().what.find("values of 4") != std::string::npos);
}

TEST_CASE("a step that lacks what it needs says so") {
  Corners c;
  c.settings.train_set = nullptr;
  CHECK_THROWS_WITH(run_recipe(c.model, Recipe("r").train({}), c.settings), ContainsSubstring("give a data set"));
  PruneChannelsStep step;
  step.latency_ms = 1.0;
  c.settings.profile = nullptr;
  CHECK_THROWS_WITH(run_recipe(c.model, Recipe("r").prune_channels(step), c.settings),
                    ContainsSubstring("needs a profile"));
  c.settings.first_step = 9;
  CHECK_THROWS_WITH(run_recipe(c.model, Recipe("r").prune_channels({}), c.settings), ContainsSubstring("has no step"));
}
