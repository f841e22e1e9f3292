#include <fulcrum/load/arrivals.hpp>

#include <cmath>

#include <fulcrum/core/file.hpp>

#include <support/batch_means.hpp>
#include <support/catch.hpp>
#include <support/temporary_folder.hpp>

using namespace fulcrum;

namespace {

std::vector<double> gaps(const ArrivalProcess& arrivals, std::size_t count, std::uint64_t seed = 1) {
  ArrivalStream stream(arrivals, seed);
  std::vector<double> result;
  double before = 0.0;
  for (std::size_t i = 0; i < count; ++i) {
    const double time = stream.next().value().count();
    result.push_back(time - before);
    before = time;
  }
  return result;
}

/// The variance of arrivals in windows over their mean: 1 for Poisson.
double dispersion(const ArrivalProcess& arrivals, Seconds window, std::size_t windows) {
  std::vector<double> counts(windows, 0.0);
  for (const Seconds time : arrival_times(arrivals, window * static_cast<double>(windows), 7))
    counts[std::min(windows - 1, static_cast<std::size_t>(time / window))] += 1.0;
  double mean = 0.0, squares = 0.0;
  for (const double count : counts) mean += count / static_cast<double>(windows);
  for (const double count : counts) squares += (count - mean) * (count - mean);
  return squares / static_cast<double>(windows - 1) / mean;
}

}  // namespace

TEST_CASE("arrivals have the rate and the variation that they say") {
  const struct {
    ArrivalProcess arrivals;
    double rate;
    double variation;  // of gaps
  } cases[] = {{PoissonArrivals{200.0}, 200.0, 1.0},
               {GammaArrivals{50.0, 0.5}, 50.0, 0.5},
               {GammaArrivals{50.0, 2.0}, 50.0, 2.0}};
  for (const auto& [arrivals, rate, variation] : cases) {
    INFO(to_string(arrivals));
    CHECK(rate_of(arrivals) == rate);
    const std::vector<double> times = gaps(arrivals, 200'000);
    const test::BatchMean mean = test::batch_mean(times);
    CHECK(std::abs(mean.mean - 1.0 / rate) < 4.0 * mean.error);
    std::vector<double> squares;
    for (const double gap : times) squares.push_back((gap - 1.0 / rate) * (gap - 1.0 / rate));
    const test::BatchMean variance = test::batch_mean(squares);
    CHECK(std::abs(variance.mean - variation * variation / (rate * rate)) < 4.0 * variance.error);
  }
}

TEST_CASE("constant arrivals do not drift") {
  ArrivalStream stream(ConstantArrivals{3.0});
  Seconds last{};
  for (int i = 0; i < 3'000'000; ++i) last = stream.next().value();
  CHECK(last.count() == 1e6);
}

TEST_CASE("bursts have the mean rate of their two states and are burstier than Poisson") {
  const BurstArrivals bursts{50.0, 500.0, Seconds(0.9), Seconds(0.1)};
  CHECK(rate_of(bursts) == Approx(95.0));
  const test::BatchMean mean = test::batch_mean(gaps(bursts, 400'000));
  CHECK(std::abs(mean.mean - 1.0 / 95.0) < 4.0 * mean.error);
  // Of a two-state process: 1 + 2 s₁s₂ (λ₁ − λ₂)² / ((s₁+s₂)² (λ₁s₂ + λ₂s₁)) in the long run; rates s = 1/0.9, 1/0.1.
  const double s1 = 1.0 / 0.9, s2 = 1.0 / 0.1;
  const double expected = 1.0 + 2.0 * s1 * s2 * 450.0 * 450.0 / ((s1 + s2) * (s1 + s2) * (50.0 * s2 + 500.0 * s1));
  // Of 2,000 windows: the relative error of a variance of nearly normal counts is √(2/2000), 3.2 %.
  CHECK(dispersion(bursts, Seconds(20.0), 2000) == Approx(expected).epsilon(0.15));
  CHECK(dispersion(PoissonArrivals{95.0}, Seconds(20.0), 2000) == Approx(1.0).epsilon(0.15));
}

TEST_CASE("a burst may be all there is") {
  const ArrivalProcess onoff = BurstArrivals{0.0, 100.0, Seconds(1.0), Seconds(1.0)};
  const test::BatchMean mean = test::batch_mean(gaps(onoff, 200'000));
  CHECK(std::abs(mean.mean - 1.0 / 50.0) < 4.0 * mean.error);
}

TEST_CASE("a seed gives the same arrivals, another seed others") {
  for (const ArrivalProcess& arrivals :
       {ArrivalProcess(PoissonArrivals{10.0}), ArrivalProcess(GammaArrivals{10.0, 2.0}),
        ArrivalProcess(BurstArrivals{5.0, 50.0})}) {
    CHECK(arrival_times(arrivals, Seconds(50.0), 3) == arrival_times(arrivals, Seconds(50.0), 3));
    CHECK(arrival_times(arrivals, Seconds(50.0), 3) != arrival_times(arrivals, Seconds(50.0), 4));
  }
}

TEST_CASE("another rate keeps the form") {
  CHECK(at_rate(PoissonArrivals{10.0}, 20.0) == ArrivalProcess(PoissonArrivals{20.0}));
  CHECK(at_rate(GammaArrivals{10.0, 3.0}, 20.0) == ArrivalProcess(GammaArrivals{20.0, 3.0}));
  const auto bursts = std::get<BurstArrivals>(at_rate(BurstArrivals{50.0, 500.0, Seconds(0.9), Seconds(0.1)}, 190.0));
  CHECK(bursts.calm_rate_per_s == Approx(100.0));
  CHECK(bursts.burst_rate_per_s == Approx(1000.0));
  CHECK(bursts.mean_burst == Seconds(0.1));
  const auto trace = std::get<TraceArrivals>(at_rate(TraceArrivals{{Seconds(0.0), Seconds(1.0), Seconds(2.0)}}, 4.0));
  CHECK(rate_of(trace) == Approx(4.0));
}

TEST_CASE("a trace is read from CSV") {
  const TraceArrivals trace =
      parse_trace("# a service\ntime_s,path\n1700000000.5,/a\n\n1700000001.5,/b\r\n1700000003,/c", "t");
  CHECK(trace.times == std::vector<Seconds>{Seconds(0.0), Seconds(1.0), Seconds(2.5)});
  CHECK(rate_of(trace) == Approx(0.8));
  CHECK(arrival_times(trace, Seconds(2.0)).size() == 2);
  CHECK(arrival_times(trace, Seconds(100.0)).size() == 3);
  CHECK(to_string(ArrivalProcess(trace)) == "trace of 3 requests, 0.8/s");

  const test::TemporaryFolder folder;
  write_file_atomically(folder.path("t.csv"), "0\n0.25\n");
  CHECK(load_trace(folder.path("t.csv")).times.back() == Seconds(0.25));
}

TEST_CASE("a trace that is none says where") {
  CHECK_THROWS_WITH(parse_trace("", "t.csv"), ContainsSubstring("t.csv: holds no arrivals"));
  CHECK_THROWS_WITH(parse_trace("time\nlater\n", "t.csv"), ContainsSubstring("no time in its line 2"));
  CHECK_THROWS_WITH(parse_trace("1\n2\nx\n", "t.csv"), ContainsSubstring("no time in its line 3"));
  CHECK_THROWS_WITH(parse_trace("1\n2abc\n", "t.csv"), ContainsSubstring("no time in its line 2"));
  CHECK_THROWS_WITH(parse_trace("1\n3\n2\n", "t.csv"), ContainsSubstring("back in time in its line 3"));
  for (const char* time : {"nan", "-inf", "1e400", "NaN,/a"})
    CHECK_THROWS_WITH(parse_trace(time, "t.csv"), ContainsSubstring("t.csv: has no finite time in its line 1"));
  CHECK_THROWS_WITH(parse_trace("0\n1e300\n", "t.csv"), ContainsSubstring("1e+300 s long with its line 2"));
  CHECK_THROWS_WITH(parse_trace("-1e308\n1e308\n", "t.csv"), ContainsSubstring("long with its line 2"));
}

TEST_CASE("times before the origin are times, and a trace of one moment has no rate") {
  CHECK(parse_trace("-3\n-1\n", "t.csv").times == std::vector<Seconds>{Seconds(0.0), Seconds(2.0)});
  const ArrivalProcess moment(parse_trace("5\n5\n", "t.csv"));
  CHECK(rate_of(moment) == 0.0);
  CHECK(to_string(moment) == "trace of 2 requests, at one moment");
  CHECK(arrival_times(moment, Seconds(1.0)).size() == 2);
  CHECK_THROWS_WITH(static_cast<void>(at_rate(moment, 2.0)), ContainsSubstring("has no rate"));
}

TEST_CASE("parameters out of range are refused") {
  CHECK_THROWS_WITH(validate(PoissonArrivals{0.0}), ContainsSubstring("rate of arrivals: is 0"));
  CHECK_THROWS_AS(validate(PoissonArrivals{std::nan("")}), Error);
  CHECK_THROWS_AS(validate(ConstantArrivals{-1.0}), Error);
  CHECK_THROWS_WITH(validate(GammaArrivals{10.0, 0.0}), ContainsSubstring("variation"));
  CHECK_THROWS_AS(validate(BurstArrivals{10.0, 5.0}), Error);
  CHECK_THROWS_AS(validate(BurstArrivals{10.0, 50.0, Seconds(0.0)}), Error);
  CHECK_THROWS_AS(validate(TraceArrivals{}), Error);
  CHECK_THROWS_AS(validate(TraceArrivals{{Seconds(1.0), Seconds(0.5)}}), Error);
  CHECK_THROWS_WITH(validate(TraceArrivals{{Seconds(0.0), Seconds(1e10)}}), ContainsSubstring("up to 1e9"));
  CHECK_THROWS_AS(static_cast<void>(at_rate(PoissonArrivals{1.0}, 0.0)), Error);
  CHECK_THROWS_WITH(static_cast<void>(arrival_times(PoissonArrivals{1e6}, Seconds(1e6))),
                    ContainsSubstring("more than 100,000,000"));
}
