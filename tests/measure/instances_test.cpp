#include <fulcrum/measure/instances.hpp>

#include <fulcrum/zoo/zoo.hpp>

#include <support/catch.hpp>

using namespace fulcrum;

TEST_CASE("every instance gives as many samples as were asked for, and the first one the times of its steps") {
  const auto compiled = OnednnModel::compile(zoo_model("mlp"), {});
  detail::InstancePlan plan;
  plan.instances = 2;
  plan.warm_up = Seconds(0.0);
  plan.min_duration = Seconds(0.001);
  plan.min_samples = 20;
  plan.step_runs = 4;
  const std::vector<detail::InstanceSamples> instances = detail::run_instances(compiled, plan);
  REQUIRE(instances.size() == 2);
  for (const auto& instance : instances) {
    CHECK(instance.latency.size() >= 20);
    CHECK(instance.finished.size() == instance.latency.size());
  }
  REQUIRE(instances.front().steps.size() == compiled->steps().size());
  for (const auto& times : instances.front().steps) CHECK(times.size() >= 3);
  CHECK(instances.back().steps.empty());
}
