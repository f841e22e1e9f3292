#include <fulcrum/cost/predictor.hpp>

#include <algorithm>

#include <fulcrum/calibrate/fit_profile.hpp>
#include <fulcrum/zoo/zoo.hpp>

#include <support/catch.hpp>
#include <support/synthetic_machine.hpp>

using namespace fulcrum;

namespace {

/// A machine on which convolutions take twice their roofline, instances disturb one another and runs are interrupted.
MachineProfile imperfect_machine() {
  MachineProfile machine = synthetic::machine();
  std::vector<TimedStep> timed;
  for (const Step& step : synthetic::conv_steps(30, 1))
    timed.push_back({step, 1, 2.0 * roofline_point(step, machine.rates, 1).time_us()});
  machine.efficiency = fit_efficiencies(timed, machine.rates);
  machine.contention = {{2, 1, 1.5, 0.0}};
  machine.jitter = {{1, 1, 1.0, 0.8, 1.1, 1.2, 1.3, 1.7, 4.0}};
  return machine;
}

}  // namespace

TEST_CASE("the calibrated predictor is predict() with its profile") {
  const MachineProfile machine = imperfect_machine();
  const AnyPredictor predictor = CalibratedPredictor(machine);
  const RunConfig config{4, 1, 2, Precision::f32};
  const LatencyReport report = predictor(zoo_model("fashion_cnn"), config);
  const LatencyReport expected = predict(zoo_model("fashion_cnn"), config, machine);
  CHECK(report.config == config);
  CHECK(report.latency.p50 == expected.latency.p50);
  CHECK(report.latency.p99 == expected.latency.p99);
  CHECK(report.notes == expected.notes);
}

TEST_CASE("the roofline alone knows the machine's rates, and neither kernels nor neighbours nor interruptions") {
  const RunConfig config{4, 1, 2, Precision::f32};
  const LatencyReport roofline = RooflinePredictor(imperfect_machine())(zoo_model("fashion_cnn"), config);
  const LatencyReport of_perfect = predict(zoo_model("fashion_cnn"), config, synthetic::machine());
  const LatencyReport calibrated = CalibratedPredictor(imperfect_machine())(zoo_model("fashion_cnn"), config);
  CHECK(roofline.latency.p50 == of_perfect.latency.p50);
  CHECK(roofline.latency.p99 == roofline.latency.p50);
  CHECK(roofline.latency.p50 < calibrated.latency.p50);
  REQUIRE(roofline.layers.size() == calibrated.layers.size());
  for (std::size_t i = 0; i < roofline.layers.size(); ++i)
    CHECK(roofline.layers[i].latency <= calibrated.layers[i].latency);
  REQUIRE_FALSE(roofline.notes.empty());
  CHECK_THAT(roofline.notes.back(), ContainsSubstring("roofline alone"));
}

TEST_CASE("kriging alone is the sum of the steps, without what was learnt of networks") {
  MachineProfile machine = imperfect_machine();
  const RunConfig config{.batch = 4};
  const LatencyReport before = KrigingPredictor(machine)(zoo_model("fashion_cnn"), config);
  machine.composition = {{Precision::f32, 1, 1.5, 0.1, 9}};
  const LatencyReport kriging = KrigingPredictor(machine)(zoo_model("fashion_cnn"), config);
  const LatencyReport calibrated = CalibratedPredictor(machine)(zoo_model("fashion_cnn"), config);
  const LatencyReport roofline = RooflinePredictor(machine)(zoo_model("fashion_cnn"), config);
  CHECK(kriging.latency.p50 == before.latency.p50);
  CHECK(kriging.latency.p99 == kriging.latency.p50);
  CHECK(kriging.latency.p50 > roofline.latency.p50);
  REQUIRE(kriging.layers.size() == calibrated.layers.size());
  for (std::size_t i = 0; i < kriging.layers.size(); ++i)
    CHECK(calibrated.layers[i].latency / kriging.layers[i].latency == Approx(1.5));
  CHECK_FALSE(kriging.interval.has_value());
}
