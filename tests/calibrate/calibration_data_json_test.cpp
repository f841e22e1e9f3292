#include <fulcrum/calibrate/calibration_data_json.hpp>

#include <fulcrum/calibrate/detail/probe_source.hpp>
#include <fulcrum/schedule/make_schedule.hpp>

#include <support/catch.hpp>

using namespace fulcrum;

namespace {

CalibrationData some_data() {
  CalibrationData data;
  data.probes = 7;
  data.seconds = 1.5;
  data.bandwidths = {{"L1", 32768.0, 1, 1e11}, {"DRAM", 0.0, 1, 1e10}};
  data.networks = {{Precision::int8, 2, 310.0, 300.0}};
  data.drift = {{{1, 300.0, 600.0, 0.0}, {2, 160.0, 330.0, 0.0}}, {{1, 310.0, 600.0, 0.0}, {2, 170.0, 330.0, 0.0}}};
  detail::ProbeSource source(3, "avx2");
  for (int i = 0; i < 30; ++i) {
    const detail::Probe probe = source.next();
    const Schedule schedule = make_schedule(probe.model, {.batch = probe.batch, .threads = 2}, {.isa = "avx2"});
    for (const ScheduledStep& entry : schedule.steps) data.steps.push_back({entry.step, entry.step.threads, 12.5, 1});
  }
  data.add({Precision::f32, "input", "convolution", false, 3, 1.0});
  data.add({Precision::f32, "input", "convolution", false, 3, 0.0});
  data.add({Precision::f32, "dense", "output", false, 0, 0.0});
  return data;
}

}  // namespace

TEST_CASE("what a calibration has timed comes back from its JSON, step by step as the fit sees it") {
  const CalibrationData data = some_data();
  const nlohmann::json j = nlohmann::json::parse(to_json(data).dump());
  const CalibrationData back = calibration_data_from_json(JsonReader(j));
  CHECK(to_json(back) == to_json(data));
  CHECK(back.bandwidths == data.bandwidths);
  CHECK(back.drift == data.drift);
  CHECK(back.layout_changes == data.layout_changes);
  REQUIRE(back.steps.size() == data.steps.size());
  MachineRates rates;
  rates.bandwidths = data.bandwidths;
  for (const Precision precision : all_precisions) rates.peaks.push_back({precision, 1, 1e11});
  rates.overheads = {{1, 0.1, 1.0}};
  for (std::size_t i = 0; i < data.steps.size(); ++i) {
    const Step& a = data.steps[i].step;
    const Step& b = back.steps[i].step;
    CHECK(efficiency_features(a, roofline_point(a, rates, a.threads)) ==
          efficiency_features(b, roofline_point(b, rates, b.threads)));
    CHECK(loops_of(a) == loops_of(b));
    CHECK(back.steps[i].time_us == data.steps[i].time_us);
    CHECK(back.steps[i].disturbed_us == data.steps[i].disturbed_us);
    CHECK(back.steps[i].disturbed == data.steps[i].disturbed);
  }
}

TEST_CASE("data that is no calibration's is refused") {
  nlohmann::json j = to_json(some_data());
  j["steps"][0][0] = "no kernel";
  CHECK_THROWS_AS(calibration_data_from_json(JsonReader(j)), Error);
  j = to_json(some_data());
  j["steps"][0].erase(3);
  CHECK_THROWS_AS(calibration_data_from_json(JsonReader(j)), Error);
  j = to_json(some_data());
  j.erase("networks");
  CHECK_THROWS_AS(calibration_data_from_json(JsonReader(j)), Error);
}
