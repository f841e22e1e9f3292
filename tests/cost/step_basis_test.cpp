#include <fulcrum/cost/step_basis.hpp>

#include <algorithm>

#include <fulcrum/cost/predict.hpp>
#include <fulcrum/cost/step_words.hpp>
#include <support/catch.hpp>
#include <support/synthetic_machine.hpp>

using namespace fulcrum;

namespace {
/// The synthetic machine, on which convolutions take twice their roofline, learnt from `steps`.
MachineProfile machine_that_timed(const std::vector<Step>& steps) {
  MachineProfile machine = synthetic::machine();
  std::vector<TimedStep> timed;
  for (const Step& step : steps) timed.push_back({step, 1, 2.0 * roofline_point(step, machine.rates, 1).time_us()});
  machine.efficiency = fit_efficiencies(timed, machine.rates);
  return machine;
}
}  // namespace

TEST_CASE("a step that was timed is its own nearest probe") {
  const std::vector<Step> steps = synthetic::conv_steps(40, 3);
  const MachineProfile machine = machine_that_timed(steps);
  for (const Step& step : {steps[0], steps[17]}) {
    const StepBasis basis = basis_of(step, machine, 4);
    CHECK(basis.basis == BasisKind::same_kind);
    CHECK(basis.samples == machine.efficiency.front().samples.size());
    REQUIRE(basis.probes.size() == 4);
    CHECK(basis.probes[0].distance == Approx(0.0).margin(1e-9));
    CHECK(basis.probes[0].likeness == Approx(1.0));
    CHECK(basis.probes[0].what == words_of(step));
    CHECK(basis.probes[0].time_us == Approx(2.0 * roofline_point(step, machine.rates, 1).time_us()));
    CHECK(std::is_sorted(basis.probes.begin(), basis.probes.end(),
                         [](const NearProbe& a, const NearProbe& b) { return a.distance < b.distance; }));
    CHECK(basis.beyond == Approx(0.0).margin(1e-9));
  }
}

TEST_CASE("a basis says what the prediction says") {
  const MachineProfile machine = machine_that_timed(synthetic::conv_steps(40, 3));
  const Step step = synthetic::conv_step(3, 40, 50, 14, 3);
  const StepBasis basis = basis_of(step, machine);
  const StepPrediction predicted = predict_step(step, machine);
  CHECK(basis.time_us == predicted.time_us);
  CHECK(basis.sd == predicted.sd);
  CHECK(basis.of_roof == Approx(0.5).epsilon(0.1));
  const Slowdown slowdown = machine.slowdown(step, predicted.roofline, 1);
  CHECK(basis.probes.front().distance == Approx(slowdown.nearest).epsilon(1e-4));
}

TEST_CASE("a step larger than all that were timed lies beyond them") {
  const MachineProfile machine = machine_that_timed(synthetic::conv_steps(40, 3));
  const StepBasis inside = basis_of(synthetic::conv_step(4, 32, 32, 14, 3), machine);
  const StepBasis outside = basis_of(synthetic::conv_step(4, 512, 512, 14, 3), machine);
  CHECK(outside.beyond > inside.beyond + 0.3);
  CHECK(outside.sd > inside.sd);
  CHECK(outside.probes.front().distance >= outside.beyond);
}

TEST_CASE("what was not timed says from whom it borrows") {
  MachineProfile machine = machine_that_timed(synthetic::conv_steps(40, 3));
  Step step = synthetic::conv_step(4, 32, 32, 14, 3);
  step.arithmetic = Precision::bf16;
  const StepBasis borrowed = basis_of(step, machine);
  CHECK(borrowed.basis == BasisKind::f32);
  CHECK(borrowed.probes.front().precision == Precision::f32);
  machine.efficiency.clear();
  const StepBasis alone = basis_of(step, machine);
  CHECK(alone.basis == BasisKind::roofline);
  CHECK(alone.probes.empty());
  CHECK(alone.of_roof == Approx(1.0));
}

TEST_CASE("a schedule's bases are those of the steps that are charged") {
  const MachineProfile machine = machine_that_timed(synthetic::conv_steps(40, 3));
  const Model<float> model = ModelBuilder<float>("m")
                                 .input({3, 16, 16})
                                 .conv(8, 3, {.padding = 1})
                                 .relu()
                                 .max_pool(2)
                                 .flatten()
                                 .dense(5)
                                 .build();
  const Schedule schedule = make_schedule(model, {.batch = 2}, machine_of(machine));
  const std::vector<StepBasis> bases = basis_of(schedule, machine);
  const LatencyReport report = predict(schedule, machine);
  REQUIRE(bases.size() == report.layers.size());
  for (std::size_t i = 0; i < bases.size(); ++i) {
    CHECK(bases[i].name == report.layers[i].name);
    CHECK(bases[i].bound == *report.layers[i].bound);
  }
}
