#include <fulcrum/plan/model_cost.hpp>

#include <fulcrum/zoo/zoo.hpp>

#include <support/catch.hpp>
#include <support/synthetic_machine.hpp>

using namespace fulcrum;

TEST_CASE("channels are pruned to a predicted latency") {
  const Model<float> model = zoo_model("mobilenet_v2");
  const MachineProfile profile = synthetic::machine();
  const ModelCost<float> cost = predicted_latency_ms({}, profile);
  CHECK(cost(model) == predict(model, {}, profile).latency.p50.count());
  const ChannelDependencies dependencies = channel_dependencies(model);
  const double limit = 0.6 * cost(model);
  const auto result =
      prune_channels(model, {}, dependencies, channel_saliency(model, dependencies, ChannelSaliency::l2), cost, limit);
  CHECK(result.report.reached);
  CHECK(cost(result.model) <= limit);
  CHECK(cost(result.model) > 0.8 * limit);
}
