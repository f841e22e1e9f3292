// Pruned layers: the sparse product beside the dense executor, by sparsity. `sparse` takes the share of weights that
// are 0 as its last argument [%]; FMA/s counts multiplications of weights that are not 0. `share` is that of a bound
// timed just before, on one thread and times the threads: of dense layers, multiplications of registers; of sparse
// ones, multiplications each of which loads an operand from the nearest cache, as a weight multiplies what no register
// holds. Lanes that a result leaves empty (7x7 pixels fill 49 of 64) count against it.

#include <benchmark/benchmark.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <vector>

#if defined(__x86_64__)
#include <immintrin.h>
#endif

#include <fulcrum/fulcrum.hpp>
#include <fulcrum/onednn.hpp>

using namespace fulcrum;

namespace {

struct LayerShape {
  const char* name;
  std::int64_t batch, ic, oc, extent, kernel, stride;  // extent 0: a dense layer on `batch` rows
};
constexpr std::array shapes{LayerShape{"resnet50 64-256 56x56 1x1", 1, 64, 256, 56, 1, 1},
                            LayerShape{"resnet50 512-128 28x28 1x1", 1, 512, 128, 28, 1, 1},
                            LayerShape{"resnet50 1024-256 14x14 1x1", 1, 1024, 256, 14, 1, 1},
                            LayerShape{"resnet50 512-2048 7x7 1x1", 1, 512, 2048, 7, 1, 1},
                            LayerShape{"mobilenet 64-384 14x14 1x1", 1, 64, 384, 14, 1, 1},
                            LayerShape{"mobilenet 960-160 7x7 1x1", 1, 960, 160, 7, 1, 1},
                            LayerShape{"resnet50 64-64 56x56 3x3", 1, 64, 64, 56, 3, 1},
                            LayerShape{"resnet50 256-256 14x14 3x3", 1, 256, 256, 14, 3, 1},
                            LayerShape{"resnet50 512-512 7x7 3x3", 1, 512, 512, 7, 3, 1},
                            LayerShape{"bert 768-3072 128 rows", 128, 768, 3072, 0, 1, 1},
                            LayerShape{"dense 1024-1024 16 rows", 16, 1024, 1024, 0, 1, 1},
                            LayerShape{"dense 4096-1024 1 row", 1, 4096, 1024, 0, 1, 1}};

Model<float> model_of(const LayerShape& s, double sparsity) {
  ModelBuilder<float> b("pruned", 3);
  if (s.extent == 0)
    b.input({s.ic}).dense(s.oc);
  else
    b.input({s.ic, s.extent, s.extent})
        .conv(s.oc, s.kernel, {.stride = {s.stride, s.stride}, .padding = s.kernel / 2})
        .relu();
  Model<float> model = std::move(b).build();
  return sparsity > 0.0 ? prune(model, {.sparsity = sparsity}).model : model;
}

#if defined(__x86_64__)
constexpr int sums = 8;
constexpr std::int64_t near_elements = 6144;  // 24 KiB
constexpr int repeats = 40;

/// Multiplies all of `a` by one number, `repeats` times, adding to sums in registers; `loads`: each from `a`.
template <bool loads>
__attribute__((target("avx512f"))) float multiply_avx512(const float* a) {
  __m512 sum[sums];
  for (__m512& s : sum) s = _mm512_setzero_ps();
  const __m512 by = _mm512_set1_ps(a[0]);
  for (int r = 0; r < repeats; ++r) {
    for (std::int64_t i = 0; i < near_elements; i += 16 * sums) {
#pragma GCC unroll 8
      for (int k = 0; k < sums; ++k) sum[k] = _mm512_fmadd_ps(by, loads ? _mm512_loadu_ps(a + i + 16 * k) : by, sum[k]);
    }
  }
  for (int k = 1; k < sums; ++k) sum[0] = _mm512_add_ps(sum[0], sum[k]);
  return _mm512_cvtss_f32(sum[0]);
}
template <bool loads>
__attribute__((target("avx2,fma"))) float multiply_avx2(const float* a) {
  __m256 sum[sums];
  for (__m256& s : sum) s = _mm256_setzero_ps();
  const __m256 by = _mm256_set1_ps(a[0]);
  for (int r = 0; r < repeats; ++r) {
    for (std::int64_t i = 0; i < near_elements; i += 8 * sums) {
#pragma GCC unroll 8
      for (int k = 0; k < sums; ++k) sum[k] = _mm256_fmadd_ps(by, loads ? _mm256_loadu_ps(a + i + 8 * k) : by, sum[k]);
    }
  }
  for (int k = 1; k < sums; ++k) sum[0] = _mm256_add_ps(sum[0], sum[k]);
  return _mm256_cvtss_f32(sum[0]);
}
#endif

/// Multiplications a second of one thread, the median of some tries; 0 where the CPU is of another kind.
double bound_of([[maybe_unused]] bool loads) {
#if defined(__x86_64__)
  const bool wide = current_machine().has("avx512");
  if (!wide && !current_machine().has("avx2")) return 0.0;
  const std::vector<float> a(near_elements, 0.5F);
  std::vector<double> rates;
  for (int i = 0; i < 31; ++i) {
    const auto start = std::chrono::steady_clock::now();
    benchmark::DoNotOptimize(wide ? (loads ? multiply_avx512<true>(a.data()) : multiply_avx512<false>(a.data()))
                                  : (loads ? multiply_avx2<true>(a.data()) : multiply_avx2<false>(a.data())));
    rates.push_back(static_cast<double>(near_elements * repeats) /
                    std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count());
  }
  std::nth_element(rates.begin(), rates.begin() + 15, rates.end());
  return rates[15];
#else
  return 0.0;
#endif
}

void layer(benchmark::State& state, UseAlgorithm use) {
  const LayerShape& s = shapes[static_cast<std::size_t>(state.range(0))];
  const int threads = static_cast<int>(state.range(1));
  const double sparsity = static_cast<double>(state.range(2)) / 100.0;
  const Model<float> model = model_of(s, sparsity);
  const RunConfig config{.batch = s.batch, .threads = threads, .slice = s.batch, .algorithms = {.sparse = use}};
  const std::vector<Tensor<float>> src = random_sources(model, s.batch, 1);
  OnednnExecutor executor(model, config);
  // Checked against the reference before anything is timed.
  const Tensor<float> expected = ReferenceExecutor<float>(model).run(src).front();
  Tensor<float> dst = executor.run(src).front();
  for (std::size_t i = 0; i < dst.flat().size(); ++i) {
    if (std::abs(dst.flat()[i] - expected.flat()[i]) <= 1e-3F) continue;
    std::fprintf(stderr, "wrong result, not timed: %s\n", s.name);
    std::exit(1);
  }
  const std::array<const float*, 1> from{src.front().flat().data()};
  const std::array<float*, 1> to{dst.flat().data()};
  const double bound = bound_of(use != UseAlgorithm::never);
  std::vector<std::chrono::nanoseconds> steps(executor.compiled().steps().size());
  double seconds = 0.0;
  for (auto _ : state) {
    executor.execute_timed(from, to, steps);
    double product = 0.0;  // without what brings the user's values into the layer's layout
    for (std::size_t i = 0; i < steps.size(); ++i) {
      if (!executor.compiled().steps()[i].layers.empty()) product += std::chrono::duration<double>(steps[i]).count();
    }
    state.SetIterationTime(product);
    seconds += product;
  }
  const double fma = 0.5 * total_work(model, s.batch).flops * (use == UseAlgorithm::never ? 1.0 : 1.0 - sparsity);
  const double runs = static_cast<double>(state.iterations());
  state.SetLabel(s.name);
  state.counters["FMA/s"] = benchmark::Counter(fma * runs / seconds);
  if (bound > 0.0) state.counters["share"] = fma * runs / seconds / (threads * bound);
}

void arguments(benchmark::internal::Benchmark* b, bool dense) {
  for (std::int64_t shape = 0; shape < static_cast<std::int64_t>(shapes.size()); ++shape) {
    for (const std::int64_t threads : {1, 2}) {
      for (const std::int64_t sparsity : {0, 60, 80, 90, 95}) {
        if (dense == (sparsity == 0)) b->Args({shape, threads, sparsity});
      }
    }
  }
  b->UseManualTime()->Unit(benchmark::kMicrosecond);
}

BENCHMARK_CAPTURE(layer, dense, UseAlgorithm::never)->Apply([](auto* b) { arguments(b, true); });
BENCHMARK_CAPTURE(layer, sparse, UseAlgorithm::always)->Apply([](auto* b) { arguments(b, false); });

}  // namespace
