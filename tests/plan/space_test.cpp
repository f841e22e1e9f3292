#include <fulcrum/plan/space.hpp>

#include <support/catch.hpp>

using namespace fulcrum;

TEST_CASE("the default space of two cores runs one or two threads and one or two instances") {
  const ConfigurationSpace space = default_space(2);
  CHECK(space.threads == std::vector{1, 2});
  CHECK(space.instances == std::vector{1, 2});
  // 3 precisions × 3 sparsities × (1×1, 1×2, 2×1) × 4 batches
  CHECK(enumerate(space, 2).size() == 3 * 3 * 3 * 4);
  CHECK(default_space(1).threads == std::vector{1});
  CHECK(default_space(6).threads == std::vector{1, 2, 4, 6});
  CHECK(default_space(8).instances == std::vector{1, 2, 4, 8});
}

TEST_CASE("no candidate takes more threads than there are cores and none comes twice") {
  ConfigurationSpace space;
  space.threads = {1, 2, 3, 2};
  space.instances = {1, 2, 4};
  space.batches = {1, 8, 8};
  for (const int cores : {1, 2, 4, 7}) {
    const auto candidates = enumerate(space, cores);
    for (std::size_t i = 0; i < candidates.size(); ++i) {
      CHECK(candidates[i].config.threads * candidates[i].config.instances <= cores);
      for (std::size_t j = 0; j < i; ++j) {
        CHECK_FALSE((candidates[i].config == candidates[j].config && candidates[i].sparsity == candidates[j].sparsity));
      }
    }
  }
}

TEST_CASE("an impossible space is refused with the axis that is wrong") {
  ConfigurationSpace space;
  space.batches = {};
  CHECK_THROWS_WITH(enumerate(space, 2), ContainsSubstring("batches"));
  space.batches = {0};
  CHECK_THROWS_WITH(enumerate(space, 2), ContainsSubstring("batches: has 0"));
  space.batches = {1};
  space.sparsities = {1.0};
  CHECK_THROWS_WITH(enumerate(space, 2), ContainsSubstring("sparsities"));
  space.sparsities = {0.0};
  space.threads = {4};
  CHECK_THROWS_WITH(enumerate(space, 2), ContainsSubstring("fit 2 core(s)"));
  CHECK_THROWS_WITH(default_space(0), ContainsSubstring("cores"));
}

TEST_CASE("scopes, bits and calibrations multiply only what they matter to") {
  ConfigurationSpace space;
  space.batches = {1};
  space.sparsities = {0.0, 0.5};
  space.scopes = {PruneScope::global, PruneScope::layer};
  space.weight_bits = {8, 4};
  space.calibrations = {CalibrationMethod::minmax, CalibrationMethod::mse};
  const std::vector<VariantChoice> choices = variant_choices(space);
  // f32 and bf16: dense, global, layer; int8: each of them with two widths and two methods
  CHECK(choices.size() == 3 + 3 + 3 * 2 * 2);
  CHECK(variant_name(choices.back().precision, choices.back().sparsity, choices.back().making) ==
        "int8, 50 % of each layer pruned, 4-bit weights, mse");
  CHECK(enumerate(space, 2).size() == choices.size());
  space.weight_bits = {9};
  CHECK_THROWS_WITH(variant_choices(space), ContainsSubstring("bits of weights: has 9"));
}

TEST_CASE("a recipe is one more variant of each precision, and of int8 alone where it quantizes") {
  ConfigurationSpace space;
  space.batches = {1};
  space.sparsities = {0.0};
  space.weight_bits = {4};
  space.recipes = {Recipe("narrow").low_rank({}), Recipe("small").low_rank({}).quantize({})};
  const std::vector<VariantChoice> choices = variant_choices(space);
  CHECK(choices.size() == 2 * 3 + 1);
  CHECK(std::count_if(choices.begin(), choices.end(), [](const auto& c) { return c.making.recipe == "small"; }) == 1);
  CHECK_FALSE(choices.back().making.weight_bits.has_value());
  space.recipes = {Recipe("a").low_rank({}), Recipe("a").low_rank({})};
  CHECK_THROWS_WITH(variant_choices(space), ContainsSubstring("two of the name 'a'"));
}
