#include <fulcrum/measure/statistics.hpp>

#include <vector>

#include <support/catch.hpp>

using namespace fulcrum;
using namespace std::chrono_literals;
using Samples = std::vector<std::chrono::nanoseconds>;

namespace {
/// 1, 2, …, count µs in a scrambled order.
Samples scrambled(int count) {
  Samples samples;
  for (int i = 0; i < count; ++i) samples.push_back(1us * (i * 7 % count + 1));
  return samples;
}
}  // namespace

TEST_CASE("a percentile is sorted[floor(n p)], an observed value") {
  const std::vector<int> sorted{10, 20, 30, 40};
  const std::span<const int> view(sorted);
  CHECK(percentile(view, 0.0) == 10);
  CHECK(percentile(view, 0.5) == 30);
  CHECK(percentile(view, 0.74) == 30);
  CHECK(percentile(view, 0.75) == 40);
  CHECK(percentile(view, 1.0) == 40);
}

TEST_CASE("percentiles of nothing and outside 0 to 1 are refused") {
  CHECK_THROWS_AS(percentile(std::span<const int>(), 0.5), Error);
  const std::vector<int> one{1};
  CHECK_THROWS_AS(percentile(std::span<const int>(one), 1.5), Error);
  CHECK_THROWS_AS(latency_statistics(Samples{}), Error);
}

TEST_CASE("statistics of a thousand known samples") {
  const LatencyStatistics s = latency_statistics(scrambled(1000));
  CHECK(s.samples == 1000);
  CHECK(s.min == 1us);
  CHECK(Microseconds(s.mean).count() == Approx(500.5));
  CHECK(s.p50 == 501us);
  CHECK(s.p90 == 901us);
  CHECK(s.p95 == 951us);
  CHECK(s.p99 == 991us);
  CHECK(s.p99_9 == 1000us);
  CHECK(s.mad == 250us);
}

TEST_CASE("a single sample is every statistic") {
  const LatencyStatistics s = latency_statistics(Samples{42us});
  CHECK(s.min == 42us);
  CHECK(s.p99_9 == 42us);
  CHECK(s.mad == 0us);
}

TEST_CASE("times below a microsecond are kept") {
  const LatencyStatistics s = latency_statistics(Samples{120ns, 130ns, 140ns});
  CHECK(Microseconds(s.p50).count() == Approx(0.130));
}

TEST_CASE("the median of steps is an observed value, and that of none is nothing") {
  CHECK(median({3us, 1us, 2us}) == 2us);
  CHECK(median({}) == 0us);
}

TEST_CASE("quartiles are observed figures around the median") {
  const Quartiles q = quartiles({7.0, 1.0, 5.0, 3.0, 2.0, 6.0, 4.0});
  CHECK(q.lower == 2.0);
  CHECK(q.median == 4.0);
  CHECK(q.upper == 6.0);
  const Quartiles single = quartiles({1.5});
  CHECK(single.lower == 1.5);
  CHECK(single.upper == 1.5);
  CHECK_THROWS_WITH(quartiles({}), ContainsSubstring("no figures"));
}

TEST_CASE("steady samples give no cause for notes") {
  Samples steady;
  for (int i = 0; i < 100; ++i) steady.push_back(100us + 10ns * (i % 7));
  CHECK(noise_notes(steady).empty());
}

TEST_CASE("spread, drift, interruptions and too few samples are each noted") {
  Samples spread;
  for (int i = 0; i < 100; ++i) spread.push_back(i % 2 == 0 ? 100us : 130us);
  REQUIRE(noise_notes(spread).size() == 1);
  CHECK_THAT(noise_notes(spread)[0], ContainsSubstring("noisy"));

  Samples drift;
  for (int i = 0; i < 101; ++i) drift.push_back(i < 50 ? 100us : 150us);
  const std::vector<std::string> notes = noise_notes(drift);
  REQUIRE_FALSE(notes.empty());
  CHECK_THAT(notes.back(), ContainsSubstring("not steady") && ContainsSubstring("50 % slower"));

  Samples interrupted(100, 100us);
  interrupted[10] = interrupted[60] = 10ms;
  REQUIRE(noise_notes(interrupted).size() == 1);
  CHECK_THAT(noise_notes(interrupted)[0], ContainsSubstring("interrupted"));

  REQUIRE(noise_notes(Samples(5, 100us)).size() == 1);
  CHECK_THAT(noise_notes(Samples(5, 100us))[0], ContainsSubstring("only 5 samples"));
}
