#include <fulcrum/cost/drift.hpp>

#include <fulcrum/cost/profile_file.hpp>
#include <support/catch.hpp>
#include <support/synthetic_machine.hpp>

using namespace fulcrum;

TEST_CASE("drift is the middle ratio over the thread counts that both have") {
  const std::vector<DriftProbe> then{{1, 100.0, 200.0, 0.02}, {2, 50.0, 150.0, 0.05}, {4, 25.0, 150.0, 0.9}};
  const std::vector<DriftProbe> now{{1, 110.0, 240.0, 0.01}, {2, 60.0, 180.0, 0.04}};
  const Drift drift = drift_between(then, now).value();
  CHECK(drift.compute == Approx(std::sqrt(1.1 * 1.2)));
  CHECK(drift.memory == Approx(1.2));
  CHECK(drift.noise == Approx(0.09));
  CHECK(drift_between(then, {{8, 1.0, 1.0, 0.0}}) == std::nullopt);
  CHECK(drift_between({}, now) == std::nullopt);
  CHECK(drift_between(then, then)->slowdown() == Approx(1.0));
}

TEST_CASE("a drift is told only beyond the noise, which is never below 5 %") {
  CHECK_FALSE(drift_note({1.04, 0.97, 0.05}));
  CHECK(drift_note({1.10, 1.14, 0.05}) ==
        "this machine is 12 % slower than when it was calibrated (arithmetic: 10 % slower, memory: 14 % slower)");
  CHECK_FALSE(drift_note({1.10, 1.14, 0.20}));
  CHECK_THAT(drift_note({0.9, 0.9, 0.05}).value(), ContainsSubstring("is 10 % faster"));
  CHECK(drift_between({{1, 1.0, 1.0, 0.0}}, {{1, 1.0, 1.0, 0.0}})->noise == Approx(0.05));
}

TEST_CASE("a prediction at the present speed takes as much longer as what bounds its steps") {
  LatencyReport report;
  report.latency.p50 = Milliseconds(10.0);
  report.latency.p99 = Milliseconds(20.0);
  report.throughput_per_s = 100.0;
  report.interval = PredictionInterval{.p50_low = Milliseconds(8.0), .p50_high = Milliseconds(12.0)};
  report.layers = {{"a", "Conv", 0, 0, Milliseconds(4.0), Bound::compute},
                   {"b", "Dense", 0, 0, Milliseconds(4.0), Bound::memory},
                   {"c", "Relu", 0, 0, Milliseconds(1.0), Bound::overhead}};
  const LatencyReport now = at_present_speed(report, {1.5, 2.0, 0.05});
  CHECK(now.layers[0].latency.count() == Approx(6.0));
  CHECK(now.layers[1].latency.count() == Approx(8.0));
  CHECK(now.layers[2].latency.count() == Approx(1.5));
  CHECK(now.latency.p50.count() == Approx(17.0));  // 1 ms between the steps follows the arithmetic
  CHECK(now.latency.p99.count() == Approx(34.0));
  CHECK(now.throughput_per_s == Approx(100.0 / 1.7));
  CHECK(now.interval->p50_high.count() == Approx(20.4));
  CHECK(now.notes.size() == 1);
  CHECK(at_present_speed(LatencyReport{}, {2.0, 2.0, 0.05}) == LatencyReport{});
}

TEST_CASE("a profile keeps its drift probe, and one without reads as before") {
  MachineProfile profile = synthetic::machine();
  CHECK_FALSE(to_json(profile).contains("drift_probe"));
  profile.drift_probe = {{1, 500.0, 2000.0, 0.0625}, {2, 250.0, 1500.0, 0.125}};
  CHECK(machine_profile_from_json(nlohmann::json::parse(profile_file_text(profile))) == profile);
}

TEST_CASE("of several turns the middle one counts, and half of them for the noise") {
  const auto turn = [](double compute_us, double memory_us) {
    return std::vector<DriftProbe>{{1, compute_us, memory_us, 0.0}, {2, 0.5 * compute_us, memory_us, 0.0}};
  };
  const std::vector<DriftProbe> middle =
      middle_of({turn(100.0, 50.0), turn(300.0, 50.0), turn(110.0, 50.0), turn(104.0, 52.0), turn(90.0, 50.0)});
  REQUIRE(middle.size() == 2);
  CHECK(middle[0].threads == 1);
  CHECK(middle[0].compute_us == 104.0);
  CHECK(middle[1].compute_us == 52.0);
  CHECK(middle[1].memory_us == 50.0);
  CHECK(middle[0].noise == Approx(0.1));
  CHECK(middle_of({}).empty());
}

TEST_CASE("turns may be of one thread count each") {
  const std::vector<DriftProbe> middle =
      middle_of({{{2, 10.0, 1.0, 0.0}}, {{1, 20.0, 2.0, 0.0}}, {{2, 12.0, 1.0, 0.0}}, {{2, 11.0, 1.0, 0.0}}});
  REQUIRE(middle.size() == 2);
  CHECK(middle[0].threads == 1);
  CHECK(middle[0].compute_us == 20.0);
  CHECK(middle[1].compute_us == 11.0);
}
