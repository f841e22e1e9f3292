// Executors: fashion_cnn in each precision that the CPU has, at batch 1 and 64, with one thread.

#include <benchmark/benchmark.h>

#include <array>
#include <cmath>
#include <cstdio>
#include <cstdlib>

#include <fulcrum/fulcrum.hpp>
#include <fulcrum/onednn.hpp>

using namespace fulcrum;

namespace {

Tensor<float> random_images(std::int64_t batch) {
  Tensor<float> images({batch, 1, 28, 28});
  Random random(1);
  for (float& x : images.flat()) x = static_cast<float>(random.uniform());
  return images;
}

/// The model as a precision runs it.
Model<float> model_in(Precision precision) {
  const Model<float> model = zoo_model("fashion_cnn", 1);
  if (precision != Precision::int8) return model;
  return quantize_post_training(model, random_images(64), onednn_runner(), int8_options_for_this_cpu()).model;
}

/// Checked against the reference before anything is timed.
void expect_agreement(const Model<float>& model, OnednnExecutor& executor, const Tensor<float>& src,
                      Precision precision) {
  const Tensor<float> expected =
      ReferenceExecutor<float>(model, {.quantized = precision == Precision::int8}).run({&src, 1}).front();
  const Tensor<float> dst = executor.run({&src, 1}).front();
  const float tolerance = precision == Precision::f32 ? 1e-4F : 2e-2F;
  for (std::size_t i = 0; i < dst.flat().size(); ++i) {
    if (std::abs(dst.flat()[i] - expected.flat()[i]) <= tolerance) continue;
    std::fprintf(stderr, "wrong result, not timed: %s\n", std::string(name_of(precision)).c_str());
    std::exit(1);
  }
}

void onednn(benchmark::State& state, Precision precision) {
  if (!cpu_supports(precision)) {
    state.SkipWithError(why_unsupported(precision).c_str());
    return;
  }
  const std::int64_t batch = state.range(0);
  const Model<float> model = model_in(precision);
  const Tensor<float> src = random_images(batch);
  OnednnExecutor executor(model, {.batch = batch, .precision = precision});
  expect_agreement(model, executor, src, precision);
  Tensor<float> dst({batch, 10});
  const std::array<const float*, 1> from{src.flat().data()};
  const std::array<float*, 1> to{dst.flat().data()};
  for (auto _ : state) executor.execute(from, to);
  state.SetItemsProcessed(state.iterations() * batch);
}
BENCHMARK_CAPTURE(onednn, f32, Precision::f32)->Arg(1)->Arg(64)->Unit(benchmark::kMicrosecond);
BENCHMARK_CAPTURE(onednn, bf16, Precision::bf16)->Arg(1)->Arg(64)->Unit(benchmark::kMicrosecond);
BENCHMARK_CAPTURE(onednn, int8, Precision::int8)->Arg(1)->Arg(64)->Unit(benchmark::kMicrosecond);

void reference(benchmark::State& state) {
  const Model<float> model = model_in(Precision::f32);
  const Tensor<float> src = random_images(state.range(0));
  const ReferenceExecutor<float> executor(model);
  for (auto _ : state) benchmark::DoNotOptimize(executor.run({&src, 1}));
  state.SetItemsProcessed(state.iterations() * state.range(0));
}
BENCHMARK(reference)->Arg(1)->Unit(benchmark::kMicrosecond);

void compile(benchmark::State& state) {
  const Model<float> model = model_in(Precision::f32);
  for (auto _ : state) benchmark::DoNotOptimize(OnednnModel::compile(model, {.batch = 8}));
}
BENCHMARK(compile)->Unit(benchmark::kMillisecond);

}  // namespace
