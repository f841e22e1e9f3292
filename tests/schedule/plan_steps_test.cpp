#include <fulcrum/schedule/plan_steps.hpp>

#include <string>
#include <utility>

#include <fulcrum/model/builder.hpp>

#include <support/catch.hpp>

using namespace fulcrum;

namespace {
Schedule planned(ModelBuilder<float> builder, bool keeps_nan = false, int threads = 1) {
  Schedule schedule;
  schedule.model = std::move(builder).build();
  schedule.of_slice.threads = threads;
  schedule.keeps_nan = keeps_nan;
  plan_steps(schedule, {});
  return schedule;
}
}  // namespace

TEST_CASE("what runs in plain loops takes nothing after it: its group is planned in parts") {
  auto b = ModelBuilder<float>("wide");
  const NodeId wide = b.input(Shape(13, 1), "wide").last();
  const Schedule schedule = planned(b.add(wide).relu());
  REQUIRE(schedule.steps.size() == 2);
  CHECK(schedule.steps[0].step.kind == "Add");
  CHECK(schedule.steps[0].step.algorithm == Algorithm::loops);
  CHECK(schedule.steps[0].step.threads == 1);
  CHECK(schedule.steps[1].step.kind == "Relu");
  CHECK(schedule.steps[1].step.algorithm == Algorithm::threaded_loops);
}

TEST_CASE("own loops over values that broadcast take simple functions after them, on all threads") {
  auto b = ModelBuilder<float>("outer");
  const NodeId column = b.input({512, 1}, "column").last();
  const NodeId row = b.input({1, 512}, "row").last();
  const Schedule schedule = planned(b.from(column).mul(row).relu().tanh().sigmoid(), false, 4);
  REQUIRE(schedule.steps.size() == 3);
  CHECK(schedule.steps[0].step.kind == "Mul+Relu");
  CHECK(schedule.steps[0].step.algorithm == Algorithm::threaded_loops);
  CHECK(schedule.steps[0].step.threads == 4);
  CHECK(schedule.steps[1].step.kind == "Tanh");
  CHECK(schedule.steps[1].step.algorithm == Algorithm::primitive);
  CHECK(schedule.groups[0].why_ended.find("Tanh") == std::string::npos);
  CHECK_FALSE(schedule.groups[0].why_ended.empty());
}

TEST_CASE("a plan that keeps NaNs has the functions that lose them as steps of their own") {
  const auto network = [] {
    return ModelBuilder<float>("network").input({4, 6, 6}).conv(4, 3).tanh().relu().max_pool(2);
  };
  const Schedule usual = planned(network());
  CHECK(usual.loses_nan);
  REQUIRE(usual.steps.size() == 2);
  CHECK(usual.steps[0].step.kind == "Conv+Tanh+Relu");
  const Schedule keeping = planned(network(), true);
  CHECK_FALSE(keeping.loses_nan);
  REQUIRE(keeping.steps.size() == 3);
  CHECK(keeping.steps[0].step.kind == "Conv+Tanh");
  CHECK(keeping.steps[1].step.algorithm == Algorithm::threaded_loops);
  CHECK(keeping.steps[2].step.algorithm == Algorithm::loops);
  CHECK_FALSE(planned(ModelBuilder<float>("gelu").input({4}).dense(4).gelu()).loses_nan);
}

TEST_CASE("loops run on one thread however many there are") {
  Schedule schedule;
  schedule.model = ModelBuilder<float>("slice").input({64, 64, 64}).slice(1, 0, 32).relu().build();
  schedule.of_slice.threads = 4;
  plan_steps(schedule, {});
  REQUIRE(schedule.steps.size() == 2);
  CHECK(schedule.steps[0].step.threads == 1);
  CHECK(schedule.steps[1].step.threads == 4);
}
