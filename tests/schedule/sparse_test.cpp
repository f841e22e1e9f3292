#include <fulcrum/schedule/sparse.hpp>

#include <vector>

#include <fulcrum/model/builder.hpp>
#include <fulcrum/passes/prune.hpp>
#include <fulcrum/schedule/make_schedule.hpp>

#include <support/catch.hpp>

using namespace fulcrum;

namespace {

StepGeometry pointwise(std::int64_t ic, std::int64_t oc, std::int64_t extent) {
  StepGeometry g;
  g.ic = ic;
  g.oc = oc;
  g.ih = g.iw = g.oh = g.ow = extent;
  return g;
}

}  // namespace

TEST_CASE("the fewer weights there are, the less time a sparse product takes, and many channels break even early") {
  for (const std::int64_t channels : {16, 64, 256, 1024}) {
    const StepGeometry g = pointwise(channels, channels, 14);
    CHECK(sparse_time_ratio(g, 0.05) < sparse_time_ratio(g, 0.5));
    CHECK(sparse_time_ratio(g, 0.5) < sparse_time_ratio(g, 1.0));
    CHECK(sparse_time_ratio(g, 1.0) > 1.0);
    const double least = break_even_sparsity(g);
    if (least < 1.0) CHECK(sparse_time_ratio(g, 1.0 - least) == Approx(0.9).epsilon(1e-3));
  }
  CHECK(break_even_sparsity(pointwise(256, 256, 14)) < 0.7);
  CHECK(break_even_sparsity(pointwise(16, 16, 56)) == 1.0);  // turning the values takes longer than the dense product
}

TEST_CASE("products are of a kind by what they go over, and each kind has costs for any number of threads") {
  StepGeometry g = pointwise(64, 64, 14);
  CHECK(sparse_kind(g) == SparseKind::pointwise);
  g.stride = 2;
  CHECK(sparse_kind(g) == SparseKind::windows);
  g = pointwise(64, 64, 1);
  CHECK(sparse_kind(g) == SparseKind::gathered);
  g.n = 4;
  CHECK(sparse_kind(g) == SparseKind::rows);
  g = pointwise(64, 64, 14);
  g.kh = g.kw = 3;
  CHECK(sparse_kind(g) == SparseKind::windows);
  for (const SparseKind kind : all_sparse_kinds) {
    for (const int threads : {1, 2, 64}) CHECK(default_sparse_costs(kind, threads).kind == kind);
  }
}

TEST_CASE("what a machine's profile says of sparse products decides, for the nearest number of threads") {
  const StepGeometry g = pointwise(256, 256, 14);
  SparseCosts slow = default_sparse_costs(SparseKind::pointwise, 1), quick = slow;
  for (double& factor : slow.sparse) factor *= 10.0;
  for (double& factor : quick.sparse) factor *= 0.5;
  quick.threads = 8;
  const std::vector<SparseCosts> known{slow, quick};
  CHECK(sparse_time_ratio(g, 0.1, 1, known) == Approx(10.0 * sparse_time_ratio(g, 0.1)));
  CHECK(break_even_sparsity(g, 1, known) > 0.95);
  CHECK(break_even_sparsity(g, 6, known) < break_even_sparsity(g, 6));
  StepGeometry windows = g;
  windows.kh = windows.kw = 3;
  CHECK(sparse_time_ratio(windows, 0.1, 1, known) == sparse_time_ratio(windows, 0.1));  // it says nothing of those

  ModelBuilder<float> b("pruned", 1);
  b.input({256, 14, 14}).conv(256, 1);
  const Model<float> model = prune(std::move(b).build(), {.sparsity = 0.9}).model;
  const auto algorithm = [&](std::vector<SparseCosts> costs) {
    return make_schedule(model, {.algorithms = {.sparse_costs = std::move(costs)}}, {.isa = "avx512"})
        .steps[0]
        .step.algorithm;
  };
  CHECK(algorithm({}) == Algorithm::sparse);
  CHECK(algorithm({slow}) == Algorithm::primitive);
}

TEST_CASE("weights that are not 0 are counted, all of them where some are 0") {
  std::vector<float> weights(100'000, 1.0F);
  CHECK(count_nonzeros(weights) == 100'000);
  for (std::size_t i = 0; i < weights.size(); i += 2) weights[i] = 0.0F;
  CHECK(count_nonzeros(weights) == 50'000);
  CHECK(count_nonzeros(std::vector<float>{0.0F, 2.0F, -0.0F}) == 1);
  CHECK(count_nonzeros(std::vector<float>()) == 0);
}

TEST_CASE("pruned layers are planned as sparse products, in planes where none but such take them") {
  ModelBuilder<float> b("pruned", 1);
  b.input({256, 14, 14}).conv(256, 1).relu().conv(256, 1).gelu().conv(256, 3, {.padding = 1, .groups = 2});
  const Model<float> model = prune(std::move(b).build(), {.sparsity = 0.9}).model;
  const auto plan = [&](UseAlgorithm use, const char* isa) {
    return make_schedule(model, {.algorithms = {.sparse = use}}, {.isa = isa});
  };
  const Schedule sparse = plan(UseAlgorithm::automatic, "avx512");
  REQUIRE(sparse.steps.size() == 3);
  for (const std::size_t i : {0, 1}) {
    const ScheduledStep& entry = sparse.steps[i];
    CHECK(entry.step.algorithm == Algorithm::sparse);
    CHECK(entry.step.kernel == KernelClass::sparse_convolution);
    CHECK(entry.step.density == Approx(0.1).epsilon(0.01));
    CHECK(entry.step.weight_bytes < 0.25 * 4 * 256 * 256);
    CHECK(entry.in_planes == (i == 0));
  }
  CHECK(executed_flops(sparse.steps[0].step) < 0.11 * sparse.steps[0].step.flops);
  CHECK(sparse.steps[2].step.algorithm == Algorithm::primitive);  // grouped
  CHECK(sparse.loses_nan);
  for (const Schedule& dense : {plan(UseAlgorithm::never, "avx512"), plan(UseAlgorithm::automatic, "sse4.1")}) {
    CHECK(dense.steps[0].step.algorithm == Algorithm::primitive);
    CHECK(dense.steps[0].step.density == 1.0);
  }
  CHECK(make_schedule(model, {}, {.isa = "avx512"}, true).steps[0].step.algorithm ==
        Algorithm::primitive);  // keeps NaN
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
