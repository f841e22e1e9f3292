// A layer of the user's own, through every stage that meets it.

#include <algorithm>
#include <cmath>
#include <span>
#include <string>
#include <vector>

#include <fulcrum/analysis/independent_samples.hpp>
#include <fulcrum/cost/predict.hpp>
#include <fulcrum/exec/onednn_executor.hpp>
#include <fulcrum/exec/reference.hpp>
#include <fulcrum/model/builder.hpp>
#include <fulcrum/model/cast.hpp>
#include <fulcrum/passes/prune.hpp>

#include <support/catch.hpp>
#include <support/data.hpp>
#include <support/synthetic_machine.hpp>
#include <support/tolerance.hpp>

using namespace fulcrum;

namespace {

/// Adds the sources and clips the sum below at 0.
Custom clipped_sum(double flops_per_element = 2.0, bool independent = true) {
  return custom(
      {.name = "ClippedSum",
       .sources = 2,
       .work = [flops_per_element](std::span<const Shape> src,
                                   const Shape& dst) { return detail::elementwise_work(src, dst, flops_per_element); },
       .run =
           [](std::span<const kernels::Source<float>> src, const kernels::Result<float>& dst) {
             for (std::size_t i = 0; i < dst.elements.size(); ++i)
               dst.elements[i] = std::max(src[0].elements[i] + src[1].elements[i], 0.0F);
           },
       .samples_are_independent = independent});
}

/// Convolutions around it, so that values come to it in blocked layouts and leave it so.
Model<float> network(const Custom& layer) {
  ModelBuilder<float> b("net", 3);
  const NodeId input = b.input({8, 6, 6}).last();
  const NodeId left = b.conv(16, 3, {.padding = 1}).last();
  const NodeId right = b.from(input).conv(16, 1).last();
  return b.layer(layer, {left, right}).conv(8, 3, {.padding = 1}).relu().build();
}

}  // namespace

TEST_CASE("both executors run a custom layer, between others and in every precision of the machine") {
  const Model<float> model = network(clipped_sum());
  const std::vector<Tensor<float>> src{test::random_tensor<float>({4, 8, 6, 6}, 5)};
  const Tensor<float> expected = ReferenceExecutor<float>(model, {.batch = 4}).run(src).front();
  for (const int threads : {1, 2}) {
    OnednnExecutor executor(model, {.batch = 4, .threads = threads});
    CHECK(test::relative_difference(executor.run(src).front(), expected) <= test::relative_tolerance(Precision::f32));
    const auto& steps = executor.steps();
    CHECK(std::any_of(steps.begin(), steps.end(), [](const StepInfo& s) { return s.kind == "ClippedSum"; }));
  }
  const Tensor<double> in_double =
      ReferenceExecutor<double>(cast<double>(model), {.batch = 4}).run(std::vector{cast<double>(src[0])}).front();
  for (std::size_t i = 0; i < expected.flat().size(); ++i)
    CHECK(in_double.flat()[i] == Approx(expected.flat()[i]).margin(1e-4));
}

TEST_CASE("a custom layer is charged its work") {
  const auto time_of = [](const Model<float>& model) {
    const LatencyReport report = predict(model, {}, synthetic::machine());
    const auto at = std::find_if(report.layers.begin(), report.layers.end(),
                                 [](const StepLatency& s) { return s.kind == "ClippedSum"; });
    REQUIRE(at != report.layers.end());
    return *at;
  };
  const StepLatency cheap = time_of(network(clipped_sum(2.0)));
  const StepLatency dear = time_of(network(clipped_sum(20'000.0)));
  CHECK(cheap.flops == 2.0 * 16 * 36);
  CHECK(dear.flops == 20'000.0 * 16 * 36);
  CHECK(dear.latency > 10.0 * cheap.latency);
}

TEST_CASE("samples are apart where the function says so") {
  CHECK(samples_are_independent(network(clipped_sum(2.0, true)), 4, 1));
  CHECK_FALSE(samples_are_independent(network(clipped_sum(2.0, false)), 4, 1));
}

TEST_CASE("passes leave a custom layer alone") {
  const Model<float> model = network(clipped_sum());
  const Model<float> pruned = prune(model, {.sparsity = 0.5}).model;
  REQUIRE(pruned.size() == model.size());
  for (NodeId id = 0; id < model.size(); ++id) CHECK(kind_of(pruned.node(id).layer) == kind_of(model.node(id).layer));
}
