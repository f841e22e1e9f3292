// Passes over a model with half a million weights; and, against the machine's copy bandwidth, over 25 million.

#include <benchmark/benchmark.h>

#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <utility>
#include <vector>

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

// --- 25 million weights: bytes per second on all cores, of what has to be read and written
// ----------------------------

const Model<float>& large() {
  static const Model<float> built = ModelBuilder<float>("m", 1).input({5000}).dense(5000).build();
  return built;
}
const Tensor<float>& weights_of_large() { return *std::get<Dense<float>>(large().node(1).layer).weights.value; }

/// Into memory that is there.
void copy_on_all_cores(benchmark::State& state) {
  const Tensor<float>& from = weights_of_large();
  Tensor<float> to(from.dims());
  for (auto _ : state) {
    detail::in_parts(from.flat().size(), 1, [&](std::size_t first, std::size_t last) {
      std::memcpy(to.flat().data() + first, from.flat().data() + first, (last - first) * sizeof(float));
    });
    benchmark::ClobberMemory();
  }
  state.SetBytesProcessed(state.iterations() * from.size() * 8);
}
BENCHMARK(copy_on_all_cores)->Unit(benchmark::kMillisecond)->UseRealTime();

/// A model and its mask made anew: reads 4 bytes of a weight, writes 5.
void threshold_mask(benchmark::State& state) {
  PruneOptions options;
  options.threshold = 0.01;
  const auto result = prune(large(), options);
  const auto& pruned = std::get<Dense<float>>(result.model.node(1).layer).weights;
  for (std::size_t i = 0; i < weights_of_large().flat().size(); ++i) {
    const float w = weights_of_large().flat()[i];
    const bool keep = std::abs(w) > 0.01F;
    if (pruned.value->flat()[i] != (keep ? w : 0.0F) || (pruned.mask->flat()[i] != 0) != keep)
      expect(false, "weights above the threshold are kept");
  }
  for (auto _ : state) benchmark::DoNotOptimize(prune(large(), options));
  state.SetBytesProcessed(state.iterations() * weights_of_large().size() * 9);
}
BENCHMARK(threshold_mask)->Unit(benchmark::kMillisecond)->UseRealTime();

/// Of a model that is given away, in place: reads 4 bytes of a weight and 1 of its mask, writes 5.
void threshold_mask_in_place(benchmark::State& state) {
  PruneOptions options;
  options.threshold = 0.01;
  const Model<float> expected = prune(large(), options).model;
  Model<float> model = prune(ModelBuilder<float>("m", 1).input({5000}).dense(5000).build(), options).model;
  expect(std::get<Dense<float>>(model.node(1).layer).weights == std::get<Dense<float>>(expected.node(1).layer).weights,
         "in place as anew");
  for (auto _ : state) {
    model = prune(std::move(model), options).model;
    benchmark::ClobberMemory();
  }
  state.SetBytesProcessed(state.iterations() * weights_of_large().size() * 10);
}
BENCHMARK(threshold_mask_in_place)->Unit(benchmark::kMillisecond)->UseRealTime();

/// In place: reads 4 bytes of a value, writes 4.
void fake_quantize_values(benchmark::State& state) {
  const FakeQuantOptions options{.bits = static_cast<int>(state.range(0))};
  const NudgedRange<float> range = nudge(-0.02F, 0.02F, options);
  Tensor<float> values = fake_quant_with_min_max_vars(weights_of_large(), -0.02F, 0.02F, options);
  for (std::size_t i = 0; i < values.flat().size(); i += 97)
    expect(values.flat()[i] ==
               detail::fake_quant(weights_of_large().flat()[i], range, options, detail::FakeQuantStep::divide),
           "values are TensorFlow's");
  for (auto _ : state) {
    values = fake_quant_with_min_max_vars(std::move(values), -0.02F, 0.02F, options);
    benchmark::ClobberMemory();
  }
  state.SetBytesProcessed(state.iterations() * values.size() * 8);
}
BENCHMARK(fake_quantize_values)->Arg(4)->Arg(8)->Unit(benchmark::kMillisecond)->UseRealTime();

/// The pass, with ranges found, levels counted and noise summed.
void fake_quantize_large(benchmark::State& state) {
  FakeQuantizeOptions options;
  options.per_channel = true;
  for (auto _ : state) benchmark::DoNotOptimize(fake_quantize(large(), options));
  state.SetBytesProcessed(state.iterations() * weights_of_large().size() * 8);
}
BENCHMARK(fake_quantize_large)->Unit(benchmark::kMillisecond)->UseRealTime();

}  // namespace
