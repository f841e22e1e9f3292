#include <fulcrum/measure/instances.hpp>

#include <atomic>
#include <mutex>
#include <set>
#include <stdexcept>

#include <fulcrum/exec/onednn_factory.hpp>
#include <fulcrum/zoo/zoo.hpp>

#include <support/catch.hpp>
#include <support/own_executor.hpp>

using namespace fulcrum;

TEST_CASE("every instance gives as many samples as were asked for, and the first one the times of its steps") {
  const auto compiled = OnednnModel::compile(zoo_model("mlp"), {});
  detail::InstancePlan plan;
  plan.instances = 2;
  plan.warm_up = Seconds(0.0);
  plan.min_duration = Seconds(0.001);
  plan.min_samples = 20;
  plan.step_runs = 4;
  const std::vector<detail::InstanceSamples> instances = detail::run_instances(prepared_model(compiled), plan);
  REQUIRE(instances.size() == 2);
  for (const auto& instance : instances) {
    CHECK(instance.latency.size() >= 20);
    CHECK(instance.finished.size() == instance.latency.size());
  }
  REQUIRE(instances.front().steps.size() == compiled->steps().size());
  for (const auto& times : instances.front().steps) CHECK(times.size() >= 3);
  CHECK(instances.back().steps.empty());
}

namespace {

detail::InstancePlan two_brief_instances() {
  detail::InstancePlan plan;
  plan.instances = 2;
  plan.warm_up = Seconds(0.0);
  plan.min_duration = Seconds(0.001);
  plan.min_samples = 5;
  return plan;
}

PreparedModel sums(std::function<void()> before_each) {
  PreparedModel prepared;
  prepared.instance = [before_each = std::move(before_each)] {
    return AnyExecutor(test::SumExecutor(1, 4, before_each));
  };
  return prepared;
}

}  // namespace

TEST_CASE("instances of any executor run on threads of their own at the same time") {
  std::mutex mutex;
  std::set<std::thread::id> threads;
  std::atomic<int> running = 0;
  std::atomic<bool> together = false;
  const PreparedModel model = sums([&] {
    {
      const std::lock_guard lock(mutex);
      threads.insert(std::this_thread::get_id());
    }
    // Until they have met once, each waits for the other.
    if (++running == 2) together = true;
    const auto until = detail::Clock::now() + std::chrono::seconds(10);
    while (!together && detail::Clock::now() < until) std::this_thread::yield();
    --running;
  });
  const std::vector<detail::InstanceSamples> instances = detail::run_instances(model, two_brief_instances());
  CHECK(together);
  CHECK(threads.size() == 2);
  CHECK(threads.count(std::this_thread::get_id()) == 0);
  for (const auto& instance : instances) {
    CHECK(instance.latency.size() >= 5);
    CHECK(instance.step_infos.empty());  // it does not time its steps
    CHECK(instance.steps.empty());
  }
}

TEST_CASE("what an executor throws ends all instances and comes out as it is, whenever it throws") {
  struct OfItsOwn : std::runtime_error {
    using std::runtime_error::runtime_error;
  };
  for (const int good_runs : {0, 3, 7}) {  // at once, in the warm-up, soon after
    std::atomic<int> runs = 0;
    const PreparedModel model = sums([&] {
      if (++runs > good_runs) throw OfItsOwn("no more");
    });
    CHECK_THROWS_AS(detail::run_instances(model, two_brief_instances()), OfItsOwn);
  }
  PreparedModel not_made;
  not_made.instance = []() -> AnyExecutor { throw OfItsOwn("cannot be made"); };
  CHECK_THROWS_AS(detail::run_instances(not_made, two_brief_instances()), OfItsOwn);
}

TEST_CASE("an executor with other sources than the model's inputs is refused") {
  detail::InstancePlan plan = two_brief_instances();
  plan.ranges.resize(2);
  CHECK_THROWS_WITH(detail::run_instances(sums({}), plan), ContainsSubstring("1 source(s)"));
}
