#include <fulcrum/load/simulate.hpp>

#include <algorithm>
#include <cmath>
#include <numbers>
#include <numeric>

#include <fulcrum/load/load_report.hpp>

#include <support/batch_means.hpp>
#include <support/catch.hpp>

using namespace fulcrum;
using namespace std::chrono_literals;

namespace {

ServiceModel constant(Seconds time) { return ServiceModel({1}, {ServiceTime::constant(time)}); }

/// Without a bound that anything meets.
SimulationOptions long_run(double rate, double requests, int instances = 1) {
  SimulationOptions options;
  options.queue.capacity = std::int64_t{1} << 24U;
  options.instances = instances;
  options.duration = Seconds(requests / rate);
  options.seed = 11;
  return options;
}

std::vector<double> waits(const std::vector<RequestRecord>& records) {
  std::vector<double> result;
  for (const RequestRecord& record : records) result.push_back(Seconds(record.queued()).count());
  return result;
}

std::vector<double> squared(std::vector<double> figures) {
  for (double& figure : figures) figure *= figure;
  return figures;
}

/// E[S^k] of a service time.
double moment(const ServiceTime& time, int k) {
  double sum = 0.0;
  constexpr int points = 2'000'000;
  for (int i = 0; i < points; ++i) sum += std::pow(time.quantile((i + 0.5) / points).count(), k) / points;
  return sum;
}

ServiceTime jittery() {
  LatencyStatistics s;
  s.min = Milliseconds(9.0), s.mean = Milliseconds(11.0), s.p50 = Milliseconds(10.0), s.p90 = Milliseconds(13.0);
  s.p95 = Milliseconds(15.0), s.p99 = Milliseconds(25.0), s.p99_9 = Milliseconds(60.0);
  return ServiceTime(s);
}

/// P(W ≤ x) of an M/D/c queue (Franx, "A simple solution for the M/D/c waiting time distribution", 2001).
class WaitInMDc {
public:
  WaitInMDc(double rate, double service, int servers) : rate_(rate), service_(service), servers_(servers) {
    // How many are in the system: after one service time it is max(n − c, 0) and what came since.
    constexpr std::size_t most = 400;
    std::vector<double> arrivals(most, 0.0);
    for (std::size_t k = 0; k < most; ++k) {
      const auto d = static_cast<double>(k);
      arrivals[k] = std::exp(d * std::log(rate * service) - rate * service - std::lgamma(d + 1.0));
    }
    std::vector<double> p(most, 0.0);
    p[0] = 1.0;
    for (int step = 0; step < 2000; ++step) {
      std::vector<double> next(most, 0.0);
      for (std::size_t n = 0; n < most; ++n) {
        const std::size_t left = n > static_cast<std::size_t>(servers) ? n - static_cast<std::size_t>(servers) : 0;
        for (std::size_t k = 0; left + k < most && k < 120; ++k) next[left + k] += p[n] * arrivals[k];
      }
      p = next;
    }
    below_.resize(most);
    std::partial_sum(p.begin(), p.end(), below_.begin());
  }

  [[nodiscard]] double at_most(double x) const {
    const int k = static_cast<int>(x / service_) + 1;
    const double span = rate_ * (k * service_ - x);
    double sum = 0.0, power = 1.0;  // span^j / j!
    for (int j = 0; j < k * servers_; ++j) {
      const int m = k * servers_ - j - 1;
      sum += below_[static_cast<std::size_t>(servers_ + m)] * power;
      power *= span / (j + 1);
    }
    return std::exp(-span) * sum;
  }

private:
  double rate_, service_;
  int servers_;
  std::vector<double> below_;
};

}  // namespace

TEST_CASE("waiting with one instance is as in M/G/1") {
  for (const ServiceTime& time :
       {ServiceTime::constant(Seconds(0.01)), ServiceTime::exponential(Seconds(0.01)), jittery()}) {
    const double s1 = moment(time, 1), s2 = moment(time, 2), s3 = moment(time, 3);
    for (const double load : {0.4, 0.7}) {
      const double rate = load / s1;
      INFO("load " << load << ", mean service " << s1);
      const std::vector<double> wait =
          waits(simulate(Server{PoissonArrivals{rate}}, ServiceModel({1}, {time}), long_run(rate, 1e6)));
      const double expected = rate * s2 / (2.0 * (1.0 - load));
      const test::BatchMean mean = test::batch_mean(wait);
      CHECK(std::abs(mean.mean - expected) < 4.0 * mean.error);
      CHECK(mean.error < 0.03 * expected);
      const test::BatchMean second = test::batch_mean(squared(wait));
      CHECK(std::abs(second.mean - (2.0 * expected * expected + rate * s3 / (3.0 * (1.0 - load)))) <
            4.0 * second.error);
    }
  }
}

TEST_CASE("waiting with several instances is as in M/D/c") {
  constexpr double service = 0.01;
  for (const int servers : {1, 2, 4}) {
    const double rate = 0.8 * servers / service;
    const WaitInMDc exact(rate, service, servers);
    const std::vector<double> wait =
        waits(simulate(Server{PoissonArrivals{rate}}, constant(Seconds(service)), long_run(rate, 1e6, servers)));
    for (const double x : {0.0, 0.004, 0.01, 0.015, 0.025, 0.04}) {
      INFO(servers << " instances, wait of " << x);
      std::vector<double> within;  // half a nanosecond is what the clock leaves out
      for (const double w : wait) within.push_back(w <= x + 2e-9 ? 1.0 : 0.0);
      const test::BatchMean share = test::batch_mean(within);
      CHECK(std::abs(share.mean - exact.at_most(x)) < 4.0 * share.error + 1e-4);
    }
  }
}

TEST_CASE("latency with batches of all that waits is within Inoue's bounds") {
  constexpr double alpha = 0.001, tau = 0.004;  // S(b) = αb + τ (arXiv 1912.06322)
  constexpr std::int64_t most = 4096;
  const ServiceModel service(
      {1, most}, {ServiceTime::constant(Seconds(alpha + tau)), ServiceTime::constant(Seconds(alpha * most + tau))});
  SimulationOptions options;
  options.batching.max_batch = most;
  options.executors.resize(most);
  std::iota(options.executors.begin(), options.executors.end(), 1);
  for (const double load : {0.2, 0.5, 0.8, 0.9}) {
    INFO("load " << load);
    const double rate = load / alpha;
    SimulationOptions run = long_run(rate, 4e5);
    run.batching = options.batching;
    run.executors = options.executors;
    std::vector<double> latency;
    for (const RequestRecord& record : simulate(Server{PoissonArrivals{rate}}, service, run))
      latency.push_back(Seconds(record.latency()).count());
    const test::BatchMean mean = test::batch_mean(latency);
    const double phi0 =
        (alpha + tau) / (2.0 * (1.0 - load)) * (1.0 + 2.0 * rate * tau + (1.0 - rate * tau) / (1.0 + load));
    const double phi1 = 1.5 * tau / (1.0 - load) + alpha / 2.0 * (load + 2.0) / (1.0 - load * load);
    const double bound = std::min(phi0, phi1);
    CHECK(mean.mean < bound + 4.0 * mean.error);
    CHECK(mean.mean > 0.9 * bound);  // the paper finds the bound to be nearly the mean
  }
}

TEST_CASE("work is conserved and done in order") {
  SimulationOptions options = long_run(150.0, 2e4, 2);
  options.batching = {.max_batch = 4, .max_delay = 5ms};
  const ServiceModel service({1, 4}, {jittery(), jittery()});
  const auto records = simulate(Server{PoissonArrivals{150.0}}, service, options);
  REQUIRE(records.size() > 10'000);
  for (std::size_t i = 0; i < records.size(); ++i) {
    const RequestRecord& r = records[i];
    REQUIRE(r.status == RequestStatus::done);
    REQUIRE((r.scheduled == r.submitted && r.submitted <= r.started && r.started < r.finished));
    REQUIRE((r.batch >= 1 && r.batch <= 4));
    if (i > 0) REQUIRE(records[i - 1].started <= r.started);
  }
}

TEST_CASE("a batch waits for company no longer than its delay") {
  SimulationOptions options;
  options.batching = {.max_batch = 3, .max_delay = 10ms};
  const ServiceModel service({1, 3}, {ServiceTime::constant(Seconds(0.001)), ServiceTime::constant(Seconds(0.002))});
  const Server trace{TraceArrivals{{Seconds(0.0), Seconds(0.004), Seconds(0.1), Seconds(0.101), Seconds(0.102)}}};
  const auto records = simulate(trace, service, options);
  REQUIRE(records.size() == 5);
  CHECK(records[0].started == 10ms);
  CHECK(records[1].started == 10ms);
  CHECK(records[1].batch == 2);
  CHECK(records[2].started == 102ms);
  CHECK(records[2].batch == 3);
  CHECK(records[4].finished == 104ms);
}

TEST_CASE("a batch between two sizes takes as long as the larger") {
  SimulationOptions options;
  options.batching = {.max_batch = 4, .max_delay = 1ms};
  options.executors = {1, 4};
  options.overhead = 100us;
  const ServiceModel service({1, 4}, {ServiceTime::constant(Seconds(0.001)), ServiceTime::constant(Seconds(0.002))});
  const auto records = simulate(Server{TraceArrivals{{Seconds(0.0), Seconds(0.0)}}}, service, options);
  CHECK(records[0].batch == 2);
  CHECK(records[0].finished - records[0].started == 2100us);
}

TEST_CASE("a full queue rejects, drops its oldest, or makes others wait outside") {
  // Ten at once; one runs for 10 ms, two may wait.
  const Server burst{TraceArrivals{std::vector<Seconds>(10, Seconds(0.0))}};
  const auto run = [&](WhenFull when) {
    SimulationOptions options;
    options.queue = {.capacity = 2, .when_full = when};
    return simulate(burst, constant(Seconds(0.01)), options);
  };
  const auto statuses = [](const std::vector<RequestRecord>& records, RequestStatus status) {
    std::vector<std::size_t> result;
    for (std::size_t i = 0; i < records.size(); ++i) {
      if (records[i].status == status) result.push_back(i);
    }
    return result;
  };
  // The instance takes the first at once.
  const auto rejecting = run(WhenFull::reject);
  CHECK(statuses(rejecting, RequestStatus::done) == std::vector<std::size_t>{0, 1, 2});
  CHECK(statuses(rejecting, RequestStatus::rejected).size() == 7);
  const auto dropping = run(WhenFull::drop_oldest);
  CHECK(statuses(dropping, RequestStatus::done) == std::vector<std::size_t>{0, 8, 9});
  CHECK(statuses(dropping, RequestStatus::dropped).size() == 7);
  const auto blocking = run(WhenFull::block);
  CHECK(statuses(blocking, RequestStatus::done).size() == 10);
  CHECK(blocking[9].finished == 100ms);
  CHECK(blocking[9].submitted == 70ms);  // when the seventh of those before it left the queue
}

TEST_CASE("what waited beyond the timeout does not run") {
  SimulationOptions options;
  options.queue.timeout = 15ms;
  const auto records =
      simulate(Server{TraceArrivals{std::vector<Seconds>(4, Seconds(0.0))}}, constant(Seconds(0.01)), options);
  CHECK(records[1].status == RequestStatus::done);
  CHECK(records[2].status == RequestStatus::expired);
  CHECK(records[3].status == RequestStatus::expired);
}

TEST_CASE("closed loops wait for what they asked for") {
  SimulationOptions options;
  options.duration = Seconds(1.0);
  const auto single = simulate(SingleStream{}, constant(Seconds(0.01)), options);
  REQUIRE(single.size() == 100);
  for (std::size_t i = 1; i < single.size(); ++i) CHECK(single[i].scheduled == single[i - 1].finished);

  options.max_requests = 40;
  const auto multi = simulate(MultiStream{8}, constant(Seconds(0.01)), options);
  REQUIRE(multi.size() == 40);
  CHECK(multi[8].scheduled == 80ms);
  const LoadReport report = summarize_load(multi, {.samples_per_query = 8});
  CHECK(report.queries == 5);
  CHECK(report.latency.statistics.p50.count() == Approx(80.0));
}

TEST_CASE("offline, all is there at once") {
  SimulationOptions options;
  options.batching.max_batch = 8;
  options.queue = {.capacity = 16, .when_full = WhenFull::block};
  options.instances = 2;
  const ServiceModel service({1, 8}, {ServiceTime::constant(Seconds(0.001)), ServiceTime::constant(Seconds(0.004))});
  const auto records = simulate(Offline{1600}, service, options);
  const LoadReport report = summarize_load(records);
  CHECK(report.requests.done == 1600);
  CHECK(report.throughput_per_s == Approx(4000.0));
  CHECK(report.mean_batch == Approx(8.0));
}

TEST_CASE("the same seed gives the same run") {
  SimulationOptions options = long_run(50.0, 1000);
  const ServiceModel service({1}, {jittery()});
  const auto finished = [&](std::uint64_t seed) {
    options.seed = seed;
    return simulate(Server{PoissonArrivals{50.0}}, service, options).back().finished;
  };
  CHECK(finished(1) == finished(1));
  CHECK(finished(1) != finished(2));
}

TEST_CASE("batches that are slow together are as slow as before, and fill the queue more") {
  const double rate = 55.0;  // 60 % of the capacity
  const auto run = [&](const Persistence& lasts) {
    return simulate(Server{PoissonArrivals{rate}}, ServiceModel({1}, {jittery()}, lasts), long_run(rate, 200'000));
  };
  const std::vector<RequestRecord> apart = run({}), together = run({{0.0, 0.0, 0.2, 0.7, 0.0}});
  const auto times = [](const std::vector<RequestRecord>& records) {
    std::vector<double> result;
    for (const RequestRecord& record : records)
      result.push_back(Milliseconds(record.finished - record.started).count());
    return result;
  };
  const auto at = [](std::vector<double> figures, double p) {
    std::sort(figures.begin(), figures.end());
    return figures[static_cast<std::size_t>(p * static_cast<double>(figures.size()))];
  };
  // Independent parts of one second: some 3,600 of them, so the quantiles are those of the distribution.
  CHECK(at(times(together), 0.5) == Approx(10.0).epsilon(0.02));
  CHECK(at(times(together), 0.9) == Approx(13.0).epsilon(0.05));
  CHECK(at(times(together), 0.99) == Approx(25.0).epsilon(0.2));
  CHECK(at(waits(together), 0.99) > 1.5 * at(waits(apart), 0.99));

  // How alike are batches that follow one another, and ones two seconds apart?
  const auto alike = [&](const std::vector<RequestRecord>& records, std::size_t apart_by) {
    std::vector<double> signs = times(records);
    for (double& t : signs) t = t > 10.0 ? 1.0 : -1.0;
    double sum = 0.0;
    for (std::size_t i = 0; i + apart_by < signs.size(); ++i) sum += signs[i] * signs[i + apart_by];
    return sum / static_cast<double>(signs.size() - apart_by);
  };
  // Signs of normal variables of correlation r agree with 2/π·asin(r).
  const auto expected = [&](double seconds) {
    const double r = 0.2 * std::exp(-seconds / 0.1) + 0.7 * std::exp(-seconds / 1.0);
    return 2.0 / std::numbers::pi * std::asin(r);
  };
  CHECK(std::abs(alike(apart, 1)) < 0.02);
  CHECK(alike(together, 1) == Approx(expected(1.0 / rate)).margin(0.03));
  CHECK(alike(together, 110) == Approx(expected(2.0)).margin(0.04));
}

TEST_CASE("settings out of range are refused") {
  SimulationOptions options;
  options.batching.max_batch = 4;
  CHECK_THROWS_WITH(simulate(SingleStream{}, constant(Seconds(0.01)), options),
                    ContainsSubstring("a batch of 4: has no service time"));
  options = {};
  options.instances = 0;
  CHECK_THROWS_AS(simulate(SingleStream{}, constant(Seconds(0.01)), options), Error);
  options = {};
  options.duration = Seconds(-1.0);
  CHECK_THROWS_AS(simulate(SingleStream{}, constant(Seconds(0.01)), options), Error);
}
