#include <fulcrum/plan/prune_to_latency.hpp>

#include <cmath>

#include <fulcrum/model/builder.hpp>
#include <fulcrum/model/infer_shapes.hpp>

#include <support/catch.hpp>

using namespace fulcrum;

namespace {

Model<float> wide() {
  return ModelBuilder<float>("m", 3)
      .input({3, 8, 8})
      .conv(96, 3, {.padding = 1})
      .relu()
      .conv(96, 3, {.padding = 1})
      .relu()
      .global_average_pool()
      .flatten()
      .dense(96)
      .relu()
      .dense(10)
      .build();
}

struct Wide {
  Model<float> model = wide();
  ChannelDependencies dependencies = channel_dependencies(model);
  std::vector<double> saliency = channel_saliency(model, dependencies, ChannelSaliency::l2);
  ModelCost<float> predicted = [](const Model<float>& m) { return total_work(m, 1).flops / 1e6; };
  double whole = predicted(model);
  PruneChannelsOptions options = [] {
    PruneChannelsOptions narrow;
    narrow.multiple = 4;
    return narrow;
  }();
};

}  // namespace

TEST_CASE("without measurements predictions count as they are") {
  const Wide w;
  const PruneToLatencyResult result =
      prune_to_latency(w.model, w.options, w.dependencies, w.saliency, w.predicted, {}, 0.5 * w.whole);
  CHECK(result.correction == 1.0);
  CHECK_FALSE(result.measured_ms);
  CHECK(result.pruned.report.cost_after <= 0.5 * w.whole);
  CHECK(result.pruned.report.cost_after > 0.45 * w.whole);
}

TEST_CASE("predictions that are off by a factor are set right by the model as it is") {
  const Wide w;
  int measured = 0;
  const ModelCost<float> slow = [&](const Model<float>& m) {
    ++measured;
    return 1.7 * w.predicted(m);
  };
  const PruneToLatencyResult result =
      prune_to_latency(w.model, w.options, w.dependencies, w.saliency, w.predicted, slow, 0.5 * 1.7 * w.whole);
  CHECK(result.correction == Approx(1.7));
  CHECK(*result.measured_ms <= 0.5 * 1.7 * w.whole * 1.0001);
  CHECK(*result.measured_ms > 0.45 * 1.7 * w.whole);
  CHECK(measured <= 3);
}

TEST_CASE("what is off by more in narrow models is set right by what comes out") {
  const Wide w;
  // A share of the time that no pruning takes away, which the prediction does not know.
  const ModelCost<float> overhead = [&](const Model<float>& m) { return 0.2 * w.whole + w.predicted(m); };
  const double limit = 0.6 * overhead(w.model);
  const PruneToLatencyResult result =
      prune_to_latency(w.model, w.options, w.dependencies, w.saliency, w.predicted, overhead, limit);
  CHECK(std::abs(*result.measured_ms / limit - 1.0) < 0.05);
}

TEST_CASE("a latency out of reach gives the narrowest model") {
  const Wide w;
  const PruneToLatencyResult result =
      prune_to_latency(w.model, w.options, w.dependencies, w.saliency, w.predicted, w.predicted, 1e-6);
  CHECK_FALSE(result.pruned.report.reached);
}
