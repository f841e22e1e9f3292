#include <fulcrum/plan/recipe.hpp>

#include <support/catch.hpp>

using namespace fulcrum;

namespace {

PruneStep pruned() {
  PruneStep step;
  step.options.sparsity = 0.5;
  return step;
}
TrainStep rounding() {
  TrainStep step;
  step.round = LearnedStepHook{};
  return step;
}
TrainStep pruning() {
  TrainStep step;
  step.prune = GradualPruneHook{};
  return step;
}

}  // namespace

TEST_CASE("a recipe's steps stand in an order that makes sense") {
  CHECK_NOTHROW(validate(Recipe("r")
                             .prune_channels({})
                             .low_rank({})
                             .train({})
                             .prune(pruned())
                             .train({})
                             .equalize({})
                             .train(rounding())
                             .quantize({})));
  CHECK_NOTHROW(validate(Recipe("r").train(pruning()).train({})));
  const auto refused = [](const Recipe& recipe, const char* why) {
    CHECK_THROWS_WITH(validate(recipe), ContainsSubstring(why));
  };
  refused(Recipe("r"), "has no step");
  refused(Recipe("r").quantize({}).train({}), "step 2 (train)");
  refused(Recipe("r").quantize({}).prune(pruned()), "become integers");
  refused(Recipe("r").prune(pruned()).prune_channels({}), "another share");
  refused(Recipe("r").train(pruning()).low_rank({}), "another share");
  refused(Recipe("r").train(rounding()).train({}), "off their steps");
  refused(Recipe("r").train(rounding()).equalize({}), "off their steps");
  refused(Recipe("r").prune(pruned()).train(pruning()), "prune once");
  TrainStep values;
  values.round_values = ValueRounding{};
  CHECK_NOTHROW(validate(Recipe("r").train({}).train(values)));
  refused(Recipe("r").train(values).quantize({}), "become integers");
}

TEST_CASE("a recipe is a value with a name, a seed and steps") {
  const Recipe recipe = Recipe("small", 7).prune_channels({}).quantize({});
  CHECK(recipe.name() == "small");
  CHECK(recipe.seed() == 7);
  REQUIRE(recipe.steps().size() == 2);
  CHECK(kind_of(recipe.steps()[0]) == "prune_channels");
  CHECK(kind_of(recipe.steps()[1]) == "quantize");
}
