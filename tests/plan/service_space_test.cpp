#include <fulcrum/plan/service_space.hpp>

#include <support/catch.hpp>

using namespace fulcrum;

namespace {
const std::vector<ServiceVariant> variants{{"f32", Precision::f32, {}, {}, {}}, {"int8", Precision::int8, {}, {}, {}}};
}

TEST_CASE("the space has every way that fits the cores once") {
  ServiceSpace space = default_service_space(2);
  const auto candidates = enumerate(space, variants, Milliseconds(10.0), 2);
  // 2 variants × (1×1, 1×2, 2×1) × (no batching, 5 sizes × 3 delays)
  CHECK(candidates.size() == 2 * 3 * 16);
  for (const ServiceCandidate& c : candidates) {
    CHECK(cores_of(c) <= 2);
    CHECK(c.config.precision == variants[c.variant].precision);
    CHECK(c.config.batch == 1);
    CHECK((c.batching.max_batch > 1 || c.batching.max_delay.count() == 0));
  }
  CHECK(enumerate(space, variants, Milliseconds(10.0), 1).size() == 2 * 16);
  space.max_batches = {4, 4};
  space.delays = {0.5};
  const auto few = enumerate(space, variants, Milliseconds(10.0), 1);
  REQUIRE(few.size() == 2);
  CHECK(few[0].batching.max_delay == std::chrono::milliseconds(5));
}

TEST_CASE("a space that is impossible is refused") {
  ServiceSpace space = default_service_space(2);
  space.delays = {2.0};
  CHECK_THROWS_WITH(enumerate(space, variants, Milliseconds(10.0), 2), ContainsSubstring("delays"));
  space.delays = {0.0};
  space.threads = {4};
  CHECK_THROWS_WITH(enumerate(space, variants, Milliseconds(10.0), 2), ContainsSubstring("fit 2 core(s)"));
}
