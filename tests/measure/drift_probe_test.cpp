#include <fulcrum/measure/drift_probe.hpp>

#include <vector>

#include <support/catch.hpp>

using namespace fulcrum;

TEST_CASE("the probe times both works on every number of threads that is asked for") {
  const std::vector<int> threads{1};
  const std::vector<DriftProbe> probes = time_drift_probe(threads);
  REQUIRE(probes.size() == 1);
  CHECK(probes[0].threads == 1);
  CHECK(probes[0].compute_us > 0.0);
  CHECK(probes[0].memory_us > 0.0);
  CHECK(probes[0].noise >= 0.0);
  CHECK(time_drift_probe({}).empty());
  CHECK_THROWS_AS(time_drift_probe(std::vector<int>{0}), Error);
}

TEST_CASE("there is no drift to tell without a probe in the profile") {
  MachineProfile profile;
  CHECK_FALSE(drift_since_calibration(profile));
  profile.drift_probe = {
      {1, 1e9, 1e-3, 0.0}};  // arithmetic of a machine that took forever, memory of one that took nothing
  const Drift drift = drift_since_calibration(profile).value();
  CHECK(drift.compute < 1.0);
  CHECK(drift.memory > 1.0);
}
