#include <fulcrum/schedule/sparse.hpp>

#include <vector>

#include <support/catch.hpp>

using namespace fulcrum;

namespace {
StepGeometry pointwise(std::int64_t ic, std::int64_t oc, std::int64_t extent) {
  return {.n = 1, .ic = ic, .oc = oc, .ih = extent, .iw = extent, .oh = extent, .ow = extent};
}
}  // namespace

TEST_CASE("a sparse product takes the longer, the denser its weights are, and pays from the break-even on") {
  const StepGeometry rows{.n = 1, .ic = 2048, .oc = 2048, .ih = 1, .iw = 1, .oh = 1, .ow = 1};
  for (const StepGeometry& g : {pointwise(256, 512, 14), pointwise(128, 128, 28), rows}) {
    double before = 0.0;
    for (const double density : {0.05, 0.1, 0.3, 0.6, 1.0}) {
      const double ratio = sparse_time_ratio(g, density);
      CHECK(ratio > before);
      before = ratio;
    }
    CHECK(before > 1.0);  // with every weight there, the dense kernel is faster
    const double even = break_even_sparsity(g);
    REQUIRE(even > 0.0);
    REQUIRE(even < 1.0);
    CHECK(sparse_time_ratio(g, 1.0 - even) == Approx(0.9).epsilon(1e-3));
  }
  // With few channels the values' way into planes and back costs more than the weights could save.
  CHECK(break_even_sparsity(pointwise(2, 2, 28)) == 1.0);
}

TEST_CASE("weights that are not 0 are counted exactly wherever that could matter") {
  std::vector<float> weights(100'000, 0.0F);
  CHECK(count_nonzeros(weights) == 0);
  for (std::size_t i = 0; i < weights.size(); i += 7) weights[i] = -1.0F;
  CHECK(count_nonzeros(weights) == 14'286);
  std::fill(weights.begin(), weights.end(), 2.0F);
  CHECK(count_nonzeros(weights) == 100'000);
  weights[3] = 0.0F;
  CHECK(count_nonzeros(weights) >= 99'999);  // hardly any is 0: not looked at one by one
  CHECK(count_nonzeros(std::span<const float>(weights).first(10)) == 9);
}

TEST_CASE("machines that the sparse loops were timed on run them") {
  CHECK(isa_runs_sparse("avx512 vnni"));
  CHECK(isa_runs_sparse("avx2"));
  CHECK_FALSE(isa_runs_sparse("sse4.1"));
}
