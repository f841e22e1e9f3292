#include <fulcrum/calibrate/add_model.hpp>

#include <fulcrum/calibrate/calibrate.hpp>
#include <fulcrum/cost/predict.hpp>
#include <fulcrum/model/builder.hpp>

#include <support/catch.hpp>
#include <support/synthetic_machine.hpp>

using namespace fulcrum;

namespace {
std::vector<TimedStep> steps_at_half_the_roofline(int count, std::uint64_t seed) {
  std::vector<TimedStep> timed;
  for (const Step& step : synthetic::conv_steps(count, seed))
    timed.push_back({step, 1, 2.0 * roofline_point(step, synthetic::rates(), 1).time_us()});
  return timed;
}
}  // namespace

TEST_CASE("a step that was added is predicted as it was timed, and far from it nothing changes") {
  MachineProfile profile = synthetic::machine();
  profile.efficiency = fit_efficiencies(steps_at_half_the_roofline(60, 1), profile.rates);
  const Step odd = synthetic::conv_step(1, 48, 80, 23, 5);
  const Step other = synthetic::conv_step(16, 256, 16, 8, 1);
  const double before = predict_step(odd, profile).time_us;
  const double far_before = predict_step(other, profile).time_us;
  add_timed_steps({{odd, 1, 1.8 * before}, {odd, 1, 1.8 * before}, {odd, 1, 1.9 * before}}, profile);
  CHECK(predict_step(odd, profile).time_us == Approx(1.8 * before).epsilon(0.1));
  CHECK(predict_step(other, profile).time_us == Approx(far_before).epsilon(0.15));
  CHECK(profile.slowdown(odd, roofline_point(odd, profile.rates, 1), 1).nearest == 0.0);
  // What was timed again takes the place of what was known.
  const std::size_t samples = profile.efficiency.front().samples.size();
  add_timed_steps({{odd, 1, before}}, profile);
  CHECK(profile.efficiency.front().samples.size() == samples);
  CHECK(predict_step(odd, profile).time_us == Approx(before).epsilon(0.1));
}

TEST_CASE("kinds of steps that a profile did not know are learnt") {
  MachineProfile profile = synthetic::machine();
  profile.efficiency.clear();
  Step step = synthetic::conv_step(1, 16, 32, 8, 3);
  step.algorithm = Algorithm::threaded_loops;
  CHECK_FALSE(profile.knows(step));
  add_timed_steps({{step, 1, 100.0}}, profile);
  CHECK(profile.knows(step));
  CHECK(predict_step(step, profile).time_us == Approx(100.0).epsilon(0.05));
}

TEST_CASE("a model's own steps are timed where they run, and options out of range are refused") {
  CalibrateOptions calibration;
  calibration.budget = Seconds(0.05);
  calibration.threads = {1};
  calibration.precisions = {Precision::f32};
  MachineProfile profile = calibrate(calibration);
  ModelBuilder<float> b("model");
  b.input({3, 21, 21});
  b.conv(24, 5).relu().max_pool(2).flatten().dense(10);
  const Model<float> model = std::move(b).build();
  add_model(model, {.batches = {1, 3}, .each = Seconds(0.01)}, profile);
  for (const std::int64_t batch : {1, 3}) {
    const Schedule schedule = make_schedule(model, {.batch = batch, .slice = batch}, machine_of(profile));
    for (const ScheduledStep& entry : schedule.steps) {
      const RooflinePoint roofline = roofline_point(entry.step, profile.rates, 1);
      CHECK(profile.slowdown(entry.step, roofline, 1).nearest == Approx(0.0).margin(1e-9));
    }
  }
  CHECK_THROWS_WITH(add_model(model, {.batches = {0}}, profile), "batch 0: is out of range; give 1 or more");
  CHECK_THROWS_WITH(add_model(model, {.threads = {1000}}, profile), ContainsSubstring("cannot be timed"));
  CHECK_THROWS_AS(add_model(model, {.each = Seconds(0.0)}, profile), Error);
}
