#include <fulcrum/calibrate/detail/steady_runs.hpp>

#include <algorithm>

#include <fulcrum/onednn/environment.hpp>

#include <support/catch.hpp>
#include <support/synthetic_machine.hpp>

using namespace fulcrum;

TEST_CASE("every turn times each network alone, on all cores, and with one core for two") {
  Environment environment = onednn_environment();
  environment.cores = 1;
  detail::SteadyRuns runs(environment, {1});
  CHECK(runs.turns() == 0);
  runs.turn(Seconds(0.02));
  runs.turn(Seconds(0.02));
  CHECK(runs.turns() == 2);

  const std::vector<Jitter> jitter = runs.jitter();
  const auto of = [&](int instances) {
    return std::count_if(jitter.begin(), jitter.end(),
                         [&](const Jitter& j) { return j.instances == instances && j.threads == 1; });
  };
  CHECK(jitter.size() == 10);
  CHECK(of(1) == 5);
  CHECK(of(2) == 5);
  for (const Jitter& j : jitter) {
    CHECK(j.p50_ms > 0.0);
    CHECK(j.min_ratio <= 1.0);
    CHECK(j.p99_ratio >= 1.0);
    CHECK(j.p99_9_ratio >= j.p99_ratio);
  }

  const std::vector<ContendedRun> contended = runs.contended(synthetic::machine());
  REQUIRE(contended.size() == 5);
  for (const ContendedRun& run : contended) {
    CHECK(run.instances == 2);
    CHECK(run.shared_us > 0.0);
    CHECK(run.measured_us > 0.0);
    CHECK(run.steps > 0.0);
  }
}
