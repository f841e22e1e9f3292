#include <fulcrum/measure/drift_probe.hpp>

#include <chrono>
#include <filesystem>
#include <iterator>
#include <thread>

#include <fulcrum/onednn/environment.hpp>

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

TEST_CASE("a pulse is of the thread count asked for, or of the nearest below that there is") {
  DriftTimer timer(std::vector<int>{1});
  for (const int threads : {1, 2}) {
    const DriftProbe pulse = timer.pulse(threads);
    CHECK(pulse.threads == 1);
    CHECK(pulse.compute_us > 0.0);
    CHECK(pulse.memory_us > 0.0);
  }
  CHECK_THROWS_WITH(DriftTimer(std::vector<int>{}).pulse(1), ContainsSubstring("no number of threads"));
}

TEST_CASE("a pulse leaves no thread behind that would spin beside what comes next, and its caller where it may run") {
  const Environment environment = onednn_environment();
  if (environment.cores < 2) return;
  const auto threads = [] {
    return std::distance(std::filesystem::directory_iterator("/proc/self/task"), std::filesystem::directory_iterator{});
  };
  DriftTimer timer(std::vector<int>{2});
  const auto before = threads();
  for (int i = 0; i < 2; ++i) {
    CHECK(timer.pulse(2).compute_us > 0.0);
    for (int wait = 0; wait < 1000 && threads() > before; ++wait)  // the system takes a moment to end one
      std::this_thread::sleep_for(std::chrono::milliseconds(1));
    CHECK(threads() <= before);
    CHECK(onednn_environment().affinity == environment.affinity);
  }
}
