// Passes over a model with half a million weights.

#include <benchmark/benchmark.h>

#include <cstdio>
#include <cstdlib>

#include <fulcrum/fulcrum.hpp>

using namespace fulcrum;

namespace {

void expect(bool right, const char* what) {
  if (right) return;
  std::fprintf(stderr, "wrong result, not timed: %s\n", what);
  std::exit(1);
}

const Model<float>& model() {
  static const Model<float> built = ModelBuilder<float>("m", 1)
                                        .input({32, 16, 16})
                                        .conv(128, 3, {.padding = 1})
                                        .batch_normalization()
                                        .relu()
                                        .conv(256, 3)
                                        .relu()
                                        .global_average_pool()
                                        .flatten()
                                        .dense(512)
                                        .build();
  return built;
}

void prune_global(benchmark::State& state) {
  PruneOptions options;
  options.sparsity = 0.5;
  options.scope = PruneScope::global;
  const auto result = prune(model(), options);
  expect(result.report.kept == static_cast<std::int64_t>(std::round(0.5 * static_cast<double>(result.report.elements))),
         "half is kept");
  for (auto _ : state) benchmark::DoNotOptimize(prune(model(), options));
  state.SetItemsProcessed(state.iterations() * result.report.elements);
}
BENCHMARK(prune_global)->Unit(benchmark::kMillisecond);

void fake_quantize_weights(benchmark::State& state) {
  FakeQuantizeOptions options;
  options.bits = static_cast<int>(state.range(0));
  options.per_channel = true;
  const auto result = fake_quantize(model(), options);
  for (const auto& layer : result.report.layers)
    expect(layer.levels <= (std::int64_t{1} << options.bits), "number of levels");
  for (auto _ : state) benchmark::DoNotOptimize(fake_quantize(model(), options));
  state.SetItemsProcessed(state.iterations() * parameter_count(model()));
}
BENCHMARK(fake_quantize_weights)->Arg(4)->Arg(8)->Unit(benchmark::kMillisecond);

void fold_batch_norm(benchmark::State& state) {
  expect(fold_batch_normalization(model()).report.folded.size() == 1, "one layer is folded");
  for (auto _ : state) benchmark::DoNotOptimize(fold_batch_normalization(model()));
}
BENCHMARK(fold_batch_norm)->Unit(benchmark::kMillisecond);

void group_steps(benchmark::State& state) {
  expect(!fusion_groups(model()).empty(), "there are steps");
  for (auto _ : state) benchmark::DoNotOptimize(fusion_groups(model()));
}
BENCHMARK(group_steps)->Unit(benchmark::kMicrosecond);

}  // namespace
