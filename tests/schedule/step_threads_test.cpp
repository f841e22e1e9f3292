#include <fulcrum/schedule/step_threads.hpp>

#include <fulcrum/model/builder.hpp>
#include <fulcrum/schedule/make_schedule.hpp>
#include <fulcrum/schedule/movement.hpp>

#include <support/catch.hpp>

using namespace fulcrum;

namespace {
int threads_of(ModelBuilder<float> builder) {
  return make_schedule(std::move(builder).build(), {1, 4, 1, Precision::f32}, {}).steps.front().step.threads;
}
ModelBuilder<float> input(const Shape& shape) { return ModelBuilder<float>("threads", 1).input(shape); }
}  // namespace

TEST_CASE("a step with little to do runs on one thread") {
  CHECK(threads_of(input({16}).dense(16)) == 1);
  CHECK(threads_of(input({1024}).dense(1024)) == 4);
  CHECK(threads_of(input({8, 8, 8}).conv(8, 1)) == 1);
  CHECK(threads_of(input({64, 28, 28}).conv(64, 3)) == 4);
  CHECK(threads_of(input({16, 8, 8}).max_pool(2)) == 1);
  CHECK(threads_of(input({64, 56, 56}).max_pool(2)) == 4);
}

TEST_CASE("a change of layout has the threads of the step that it is done for") {
  const Model<float> model = input({64, 28, 28}).conv(64, 3).global_average_pool().flatten().dense(8).build();
  const Schedule steps = make_schedule(model, {1, 4, 1, Precision::bf16}, {});
  for (const ScheduledStep& entry : expected_steps(steps, {})) {
    const Step& step = entry.step;
    INFO(step.name << ' ' << step.kind);
    if (step.movement == Movement::input) CHECK(step.threads == 4);
    if (step.movement == Movement::output) CHECK(step.threads == steps.steps.back().step.threads);
  }
  CHECK(movement_threads(1000, 4) == 1);
  CHECK(movement_threads(100000, 4) == 4);
}
