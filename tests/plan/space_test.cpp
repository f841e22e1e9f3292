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
