// Tensors: element-wise expressions, matrix views, quantization round trips.

#include <benchmark/benchmark.h>

#include <cstdlib>

#if __has_include(<xtensor/core/xmath.hpp>)  // xtensor 0.26 and later
#include <xtensor/core/xmath.hpp>
#else
#include <xtensor/xmath.hpp>
#endif

#include <fulcrum/fulcrum.hpp>
#include <fulcrum/tensor/matrix_view.hpp>

using namespace fulcrum;

namespace {

Tensor<float> random_matrix(std::int64_t n, std::uint64_t seed) {
  Tensor<float> tensor({n, n});
  Random random(seed);
  for (float& x : tensor.flat()) x = static_cast<float>(random.uniform(-1.0, 1.0));
  return tensor;
}

void expect(bool right, const char* what) {
  if (right) return;
  std::fprintf(stderr, "wrong result, not timed: %s\n", what);
  std::exit(1);
}

void elementwise_expression(benchmark::State& state) {
  const Tensor<float> x = random_matrix(state.range(0), 1);
  Tensor<float> y(x.dims());
  y = 2.0F * x + 1.0F;
  expect(y.flat()[3] == 2.0F * x.flat()[3] + 1.0F, "2x + 1");
  for (auto _ : state) {
    y = 2.0F * x + 1.0F;
    benchmark::DoNotOptimize(y.flat().data());
  }
  state.SetBytesProcessed(state.iterations() * 2 * static_cast<std::int64_t>(x.flat().size_bytes()));
}
BENCHMARK(elementwise_expression)->Arg(64)->Arg(1024);

void matrix_product(benchmark::State& state) {
  const Tensor<float> a = random_matrix(state.range(0), 1);
  const Tensor<float> b = random_matrix(state.range(0), 2);
  Tensor<float> c(a.dims());
  as_matrix(c).noalias() = as_matrix(a) * as_matrix(b);
  double sum = 0.0;
  for (std::int64_t k = 0; k < state.range(0); ++k)
    sum += static_cast<double>(a.at(1, k)) * static_cast<double>(b.at(k, 2));
  expect(std::abs(sum - static_cast<double>(c.at(1, 2))) < 1e-4, "matrix product");
  for (auto _ : state) {
    as_matrix(c).noalias() = as_matrix(a) * as_matrix(b);
    benchmark::DoNotOptimize(c.flat().data());
  }
  const double n = static_cast<double>(state.range(0));
  state.counters["FLOP/s"] = benchmark::Counter(2.0 * n * n * n, benchmark::Counter::kIsIterationInvariantRate);
}
BENCHMARK(matrix_product)->Arg(64)->Arg(256);

void quantize_round_trip(benchmark::State& state) {
  const Tensor<float> x = random_matrix(state.range(0), 1);
  const Quantization q{DType::s8, {1.0F / 127.0F}, {0}, -1};
  expect(std::abs(quantize_dequantize(x, q).flat()[5] - x.flat()[5]) <= 0.5F / 127.0F + 1e-6F, "round trip");
  for (auto _ : state) benchmark::DoNotOptimize(quantize_dequantize(x, q));
  state.SetItemsProcessed(state.iterations() * static_cast<std::int64_t>(x.flat().size()));
}
BENCHMARK(quantize_round_trip)->Arg(256);

void copy_of_shared_weights(benchmark::State& state) {
  const Model<float> model = zoo_model("fashion_cnn");
  const Model<float> copy = model;
  expect(copy == model, "copy");
  for (auto _ : state) {
    Model<float> another = model;
    benchmark::DoNotOptimize(another);
  }
}
BENCHMARK(copy_of_shared_weights);

}  // namespace
