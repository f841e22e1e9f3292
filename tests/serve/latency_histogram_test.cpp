#include <fulcrum/serve/latency_histogram.hpp>

#include <algorithm>
#include <cmath>
#include <vector>

#include <fulcrum/core/random.hpp>

#include <support/catch.hpp>

using namespace fulcrum;
using namespace std::chrono_literals;

TEST_CASE("a time is counted in the bucket whose bound it does not pass") {
  LatencyHistogram histogram;
  const auto at = [](Seconds time) { return std::chrono::duration_cast<std::chrono::nanoseconds>(time); };
  for (std::size_t i = 0; i < LatencyHistogram::bounds; ++i) {
    histogram.add(at(LatencyHistogram::bound(i)));
    histogram.add(at(LatencyHistogram::bound(i) * 1.01));
  }
  const auto counts = histogram.snapshot();
  CHECK(counts.counts.front() == 1);
  CHECK(counts.counts.back() == 1);
  CHECK(std::all_of(counts.counts.begin() + 1, counts.counts.end() - 1, [](auto n) { return n == 2; }));
  histogram.add(0ns);
  histogram.add(10h);
  CHECK(histogram.snapshot().since(counts).count() == 2);
}

TEST_CASE("percentiles are near those of the times themselves") {
  LatencyHistogram histogram;
  Random random(1);
  std::vector<double> times;
  for (int i = 0; i < 20'000; ++i) {
    times.push_back(1e-4 * std::exp(random.normal()));
    histogram.add(std::chrono::nanoseconds(static_cast<std::int64_t>(1e9 * times.back())));
  }
  std::sort(times.begin(), times.end());
  const auto counts = histogram.snapshot();
  CHECK(counts.count() == times.size());
  for (const double share : {0.1, 0.5, 0.9, 0.99}) {
    const double exact = times[static_cast<std::size_t>(share * static_cast<double>(times.size()))];
    CHECK(counts.percentile(share).count() == Approx(exact).epsilon(0.05));
  }
  CHECK(LatencyHistogram::Snapshot{}.percentile(0.5).count() == 0.0);
}
