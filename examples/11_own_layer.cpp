// A layer of your own, without a change to the library: its shape, its work and what it computes. Both executors run
// it, predictions charge its work, and what reads a model calls it by its name.

#include <algorithm>
#include <cmath>
#include <cstdio>

#include <fulcrum/fulcrum.hpp>
#include <fulcrum/onednn.hpp>

using namespace fulcrum;

/// y = sign(x) · max(|x| − threshold, 0), the proximal map of the L1 norm.
Custom soft_threshold(float threshold) {
  return custom({.name = "SoftThreshold",
                 .work =
                     [](std::span<const Shape> src, const Shape& dst) {
                       const std::int64_t count = element_count(dst);
                       return Work{3.0 * static_cast<double>(count), element_count(src[0]), 0, count};
                     },
                 .run =
                     [threshold](std::span<const kernels::Source<float>> src, const kernels::Result<float>& dst) {
                       std::transform(
                           src[0].elements.begin(), src[0].elements.end(), dst.elements.begin(),
                           [threshold](float x) { return std::copysign(std::max(std::abs(x) - threshold, 0.0F), x); });
                     },
                 .samples_are_independent = true});
}

int main() {
  ModelBuilder<float> builder("lista", 1);
  builder.input({64}).dense(128);
  const Model<float> model = builder.layer(soft_threshold(0.1F), {builder.last()}).dense(10).build();

  const Tensor<float> x = random_sources(model, 8, 1).front();
  const std::vector<Tensor<float>> src{x};
  const Tensor<float> expected = ReferenceExecutor<float>(model, {.batch = 8}).run(src).front();
  const Tensor<float> result = OnednnExecutor(model, {.batch = 8}).run(src).front();
  float furthest = 0.0F;
  for (std::size_t i = 0; i < result.flat().size(); ++i)
    furthest = std::max(furthest, std::abs(result.flat()[i] - expected.flat()[i]));

  const LatencyReport report = measure(model, {.batch = 8}, {.min_duration = Seconds(0.1)});
  for (const StepLatency& layer : report.layers)
    std::printf("%-16s %-14s %8.2f us\n", layer.name.c_str(), layer.kind.c_str(), 1000.0 * layer.latency.count());
  std::printf("the executors differ by at most %g\n", static_cast<double>(furthest));
  return furthest < 1e-4F ? 0 : 1;
}
