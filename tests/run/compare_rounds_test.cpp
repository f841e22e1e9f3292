#include <cstddef>
#include <vector>

#include <fulcrum/core/random.hpp>
#include <fulcrum/run/compare_rounds.hpp>

#include <support/catch.hpp>
#include "reports.hpp"

using namespace fulcrum;

namespace {

/// Rounds of two models on a machine that gets slower and slower, by a half in the end, and is a little noisy.
struct Rounds {
  std::vector<LatencyReport> baseline, current;
};

Rounds rounds_of(double slowdown, double noise, std::size_t count = 10, std::uint64_t seed = 1) {
  Random random(seed);
  Rounds rounds;
  for (std::size_t i = 0; i < count; ++i) {
    const double drift = 1.0 + 0.5 * static_cast<double>(i) / static_cast<double>(count);
    rounds.baseline.push_back(synthetic::run_of(drift * (1.0 + random.uniform(-noise, noise)), {}));
    rounds.current.push_back(synthetic::run_of(drift * slowdown * (1.0 + random.uniform(-noise, noise)), {}));
    for (LatencyReport* report : {&rounds.baseline.back(), &rounds.current.back()})
      report->latency.mean = report->latency.p50;
  }
  return rounds;
}

RunComparison compared(const Rounds& rounds, double fail_above = 0.05) {
  return compare_rounds(rounds.baseline, rounds.current, fail_above);
}

}  // namespace

TEST_CASE("rounds in turns tell ten percent from a drift of fifty") {
  const RunComparison slower = compared(rounds_of(1.1, 0.01));
  CHECK(slower.verdict == Verdict::regression);
  CHECK(slower.p50.ratio == Approx(1.1).epsilon(0.01));
  CHECK(*slower.p50.p_value == Approx(1.0 / 1024.0));
  CHECK(*slower.p50.chance_worse == 1.0);
  CHECK(slower.p50.noise->low > 1.05);
  CHECK(slower.throughput.verdict == Verdict::regression);

  const RunComparison same = compared(rounds_of(1.0, 0.01));
  CHECK(same.verdict == Verdict::no_regression);
  CHECK(same.p50.noise->low <= same.p50.ratio);
  CHECK(same.p50.noise->high >= same.p50.ratio);
  CHECK(compared(rounds_of(0.7, 0.01)).verdict == Verdict::no_regression);
}

TEST_CASE("a difference that is certain but small is none, and one that noise hides is not told") {
  CHECK(compared(rounds_of(1.03, 0.001)).verdict == Verdict::no_regression);
  CHECK(compared(rounds_of(1.03, 0.001), 0.01).verdict == Verdict::regression);
  CHECK(compared(rounds_of(1.05, 0.3)).verdict == Verdict::too_noisy);
}

TEST_CASE("without a difference rounds seldom say that there is a regression") {
  int regressions = 0;
  for (std::uint64_t seed = 0; seed < 300; ++seed)
    regressions += compared(rounds_of(1.0, 0.2, 10, seed), 0.0).verdict == Verdict::regression ? 1 : 0;
  CHECK(regressions <= 15);
}

TEST_CASE("p99 is judged with a thousand samples, and not where runs were interrupted") {
  Rounds rounds = rounds_of(1.0, 0.01);
  for (LatencyReport& report : rounds.current) report.latency.p99 *= 2.0;
  CHECK(compared(rounds).verdict == Verdict::regression);
  rounds.current.back().latency.mean = 2.0 * rounds.current.back().latency.p50;
  CHECK(compared(rounds).verdict == Verdict::too_noisy);
  for (LatencyReport& report : rounds.current) report.latency.samples = 99;
  const RunComparison few = compared(rounds);
  CHECK_FALSE(few.p99.verdict);
  CHECK(few.verdict == Verdict::no_regression);
}

TEST_CASE("layers are compared by the median of their rounds") {
  Rounds rounds = rounds_of(1.0, 0.0, 7);
  for (std::size_t i = 0; i < 7; ++i) {
    rounds.baseline[i].layers = {{"a", "Dense", 1.0, 1.0, Milliseconds(static_cast<double>(i)), {}, {}}};
    rounds.current[i].layers = {{"a", "Dense", 1.0, 1.0, Milliseconds(2.0 * static_cast<double>(i)), {}, {}},
                                {"b", "Dense", 1.0, 1.0, Milliseconds(1.0), {}, {}}};
  }
  const RunComparison comparison = compared(rounds);
  REQUIRE(comparison.layers.size() == 2);
  CHECK(comparison.layers[0].baseline->count() == 3.0);
  CHECK(comparison.layers[0].current->count() == 6.0);
  CHECK_FALSE(comparison.layers[1].baseline);
}

TEST_CASE("rounds that cannot be compared are refused") {
  Rounds rounds = rounds_of(1.0, 0.0, 7);
  CHECK_THROWS_WITH(compared(rounds, -1.0), ContainsSubstring("slowdown to allow"));
  rounds.baseline.pop_back();
  CHECK_THROWS_WITH(compared(rounds), ContainsSubstring("6 and 7 rounds"));
  rounds = rounds_of(1.0, 0.0, 7);
  rounds.current[3].config.batch = 2;
  CHECK_THROWS_WITH(compared(rounds), ContainsSubstring("different batch sizes"));
  rounds = rounds_of(1.0, 0.0, 7);
  rounds.current[3].latency.p50 = Milliseconds(0.0);
  CHECK_THROWS_WITH(compared(rounds), ContainsSubstring("without times"));
}
