#include <fulcrum/schedule/plan_steps.hpp>

#include <fulcrum/model/builder.hpp>

#include <support/catch.hpp>

using namespace fulcrum;

TEST_CASE("what runs in loops takes nothing after it: its group is planned in parts") {
  auto b = ModelBuilder<float>("outer");
  const NodeId column = b.input({6, 1}, "column").last();
  const NodeId row = b.input({1, 6}, "row").last();
  Schedule schedule;
  schedule.model = b.from(column).mul(row).relu().build();
  plan_steps(schedule, {});
  REQUIRE(schedule.steps.size() == 2);
  CHECK(schedule.steps[0].step.kind == "Mul");
  CHECK(schedule.steps[0].step.algorithm == Algorithm::loops);
  CHECK(schedule.steps[0].step.threads == 1);
  CHECK(schedule.steps[1].step.kind == "Relu");
  CHECK(schedule.steps[1].step.algorithm == Algorithm::primitive);
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
