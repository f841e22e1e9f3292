#include <fulcrum/validate/run_validation.hpp>

#include <fulcrum/onednn/environment.hpp>
#include <fulcrum/validate/error_card.hpp>
#include <support/catch.hpp>
#include <support/synthetic_machine.hpp>

using namespace fulcrum;

namespace {
Model<float> tiny() {
  return ModelBuilder<float>("tiny").input({3, 8, 8}).conv(8, 3, {.padding = 1}).relu().flatten().dense(4).build();
}

MachineProfile profile_of_this_machine() {
  MachineProfile profile = synthetic::machine();
  profile.environment = onednn_environment();
  return profile;
}

ValidationOptions brief() {
  ValidationOptions options;
  options.batches = {1, 2};
  options.arrangements = {{1, 1}};
  options.precisions = {Precision::f32};
  options.rounds = 2;
  options.time_per_round = Seconds(0.002);
  return options;
}
}  // namespace

TEST_CASE("every case is predicted once and measured in every round, with its steps side by side") {
  const MachineProfile profile = profile_of_this_machine();
  double last = 0.0;
  const Validation v = run_validation({tiny()}, profile, brief(), [&](const Progress& p) {
    CHECK(p.fraction >= last);
    last = p.fraction;
  });
  REQUIRE(v.cases.size() == 2);
  CHECK(v.profile_created_utc == profile.created_utc);
  for (const ValidationCase& c : v.cases) {
    CHECK(c.why_not.empty());
    CHECK(c.rounds.size() == 2);
    CHECK(c.predicted_p50_ms == predict(tiny(), c.config, profile).latency.p50.count());
    CHECK(c.p50_range.has_value() == predict(tiny(), c.config, profile).interval.has_value());
    CHECK(c.measured_p50_ms() > 0.0);
    std::size_t both = 0;
    for (const ValidatedStep& step : c.steps) {
      both += step.predicted_us && step.measured_us ? 1 : 0;
      if (step.kind == "Conv+Relu") CHECK(step.kernel.find("convolution") != std::string::npos);
      if (step.kind == "Dense") CHECK(step.kernel == "dense");
    }
    CHECK(both >= 2);
  }
  CHECK(error_card(v).p50.cases == 2);
  CHECK(error_card(v).noise.has_value());
}

TEST_CASE("a profile that knows of shared cores has errors at the present speed, one without has none") {
  MachineProfile profile = profile_of_this_machine();
  CHECK_FALSE(error_card(run_validation({tiny()}, profile, brief())).at_present_speed);
  profile.drift_probe = {{1, 1e-3, 1e-3, 0.0}};  // that the machine has never been as fast as
  profile.shared_cores.looks = {{1, 10.0, 0.5}};
  const Validation v = run_validation({tiny()}, profile, brief());
  REQUIRE(v.drifts.size() == 2);
  CHECK(v.drifts[0].compute > 2.0);
  for (const ValidationCase& c : v.cases) CHECK(c.error_at_present_speed());
  CHECK(error_card(v).at_present_speed->cases == 2);
}

TEST_CASE("the speed of the moment is told by undisturbed inferences, or else by how often cores were shared") {
  SharedCores cores{.looks = {{1, 10.0, 0.0}}, .slowdowns = {{Precision::f32, 1.5, 1.5, 1.5}}};
  LatencyReport predicted;
  predicted.latency.p50 = Milliseconds(40.0);
  predicted.layers = {{"a", "Conv", 0, 0, Milliseconds(40.0), Bound::compute}};
  LatencyReport measured;
  measured.latency.p50 = Milliseconds(50.0);
  measured.latency.samples = 1000;
  CHECK_FALSE(detail::slowdown_in(measured, predicted, cores));
  measured.disturbance = Disturbance{.share = 1.0, .p50 = Milliseconds(40.0), .samples = 100, .looks = 10};
  CHECK(detail::slowdown_in(measured, predicted, cores).value() == Approx(50.0 / 40.0));
  measured.disturbance->samples = 15;  // of a thousand: what lay between two spells
  CHECK(detail::slowdown_in(measured, predicted, cores).value() == Approx(1.5));
  cores.looks[0].share = 1.0;  // as it was when the profile was made
  CHECK(detail::slowdown_in(measured, predicted, cores).value() == Approx(1.0));
  CHECK_FALSE(detail::slowdown_in(measured, predicted, {}));
}

TEST_CASE("a case that cannot be predicted says why, and the others are measured") {
  MachineProfile profile = profile_of_this_machine();
  std::erase_if(profile.rates.peaks, [](const PeakRate& p) { return p.precision == Precision::int8; });
  ValidationOptions options = brief();
  options.precisions = {Precision::f32, Precision::int8};
  const Validation v = run_validation({tiny()}, profile, options);
  REQUIRE(v.cases.size() == 4);
  for (const ValidationCase& c : v.cases) {
    CHECK(c.complete() == (c.config.precision == Precision::f32));
    if (!c.complete()) CHECK_THAT(c.why_not, ContainsSubstring("int8"));
  }
}

TEST_CASE("options out of range and profiles of other machines are refused") {
  const MachineProfile profile = profile_of_this_machine();
  ValidationOptions options = brief();
  CHECK_THROWS_AS(run_validation({}, profile, options), Error);
  options.rounds = 0;
  CHECK_THROWS_AS(run_validation({tiny()}, profile, options), Error);
  options = brief();
  options.batches = {0};
  CHECK_THROWS_AS(run_validation({tiny()}, profile, options), Error);
  options = brief();
  options.arrangements = {{0, 1}};
  CHECK_THROWS_AS(run_validation({tiny()}, profile, options), Error);
  options = brief();
  options.time_per_round = Seconds(0.0);
  CHECK_THROWS_AS(run_validation({tiny()}, profile, options), Error);
  CHECK_THROWS_AS(run_validation({tiny()}, synthetic::machine(), brief()), Error);
}
