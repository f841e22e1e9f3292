#include <fulcrum/load/generate_load.hpp>

#include <atomic>
#include <condition_variable>
#include <deque>
#include <mutex>
#include <thread>

#include <fulcrum/load/simulate.hpp>

#include <support/catch.hpp>

using namespace fulcrum;
using namespace std::chrono_literals;

namespace {

RequestOutcome now_done() {
  RequestOutcome outcome;
  outcome.status = RequestStatus::done;
  outcome.submitted = outcome.started = outcome.finished = std::chrono::steady_clock::now();
  outcome.batch = 1;
  return outcome;
}

LoadOptions brief(Seconds duration = Seconds(0.2)) {
  LoadOptions options;
  options.duration = duration;
  options.warm_up = Seconds(0.05);
  return options;
}

}  // namespace

TEST_CASE("every request of the schedule is sent, in order, and none before it is due") {
  std::vector<std::int64_t> samples;
  std::vector<std::chrono::steady_clock::time_point> sent;
  const auto before = std::chrono::steady_clock::now();
  const LoadReport report = generate_load(
      [&](std::int64_t sample, const Completion& done) {
        samples.push_back(sample);
        sent.push_back(std::chrono::steady_clock::now());
        done(now_done());
        return true;
      },
      Server{ConstantArrivals{400.0}}, brief());
  REQUIRE(samples.size() == 99);  // at 2.5 ms, 5 ms, …, before 250 ms
  for (std::size_t i = 0; i < samples.size(); ++i) {
    CHECK(samples[i] == static_cast<std::int64_t>(i));
    CHECK(sent[i] - before >= static_cast<int>(i + 1) * 2500us);
  }
  CHECK(report.queries == 80);  // from 50 ms on
  CHECK(report.requests.done == 80);
  CHECK(report.offered_per_s == Approx(400.0));
  CHECK(report.kind == ReportKind::measured);
  CHECK(report.latency.statistics.min.count() >= 0.0);
}

TEST_CASE("a server that stands still cannot hide it") {
  // It answers nothing for 100 ms while 40 requests are due; asked one after the other, one of them would tell.
  std::int64_t count = 0;
  const LoadReport report = generate_load(
      [&](std::int64_t, const Completion& done) {
        if (count++ == 30) std::this_thread::sleep_for(100ms);
        done(now_done());
        return true;
      },
      Server{ConstantArrivals{400.0}}, brief());
  std::int64_t above_20_ms = 0;
  for (const LatencyBin& bin : report.histogram) above_20_ms += bin.up_to > Milliseconds(24.0) ? bin.queries : 0;
  CHECK(above_20_ms >= 28);
  CHECK(report.latency.max >= Milliseconds(99.0));
}

TEST_CASE("rejected requests and those without an answer are no good") {
  LoadOptions options = brief();
  options.patience = Seconds(0.01);
  std::vector<Completion> kept;
  const LoadReport report = generate_load(
      [&](std::int64_t sample, const Completion& done) {
        if (sample == 40) return false;
        if (sample == 50)
          kept.push_back(done);
        else
          done(now_done());
        return true;
      },
      Server{ConstantArrivals{400.0}}, options);
  CHECK(report.requests.rejected == 1);
  CHECK(report.requests.failed == 1);
  CHECK(report.verdict == LoadVerdict::invalid);
  CHECK_THAT(report.reason, ContainsSubstring("2 of 80 requests were not done"));
  REQUIRE(kept.size() == 1);
  kept[0](now_done());  // too late, and no harm
}

TEST_CASE("closed loops wait for the answer before they ask again") {
  for (const Scenario& scenario : {Scenario(SingleStream{}), Scenario(MultiStream{8})}) {
    const std::int64_t per_query = samples_per_query(scenario);
    std::atomic<std::int64_t> open{0};
    std::int64_t most = 0;
    std::vector<std::thread> threads;
    LoadOptions options = brief();
    options.warm_up = Seconds(0.0);
    options.max_requests = 80;
    const LoadReport report = generate_load(
        [&](std::int64_t, const Completion& done) {
          most = std::max<std::int64_t>(most, ++open);
          threads.emplace_back([&open, done] {
            std::this_thread::sleep_for(1ms);
            --open;
            done(now_done());
          });
          return true;
        },
        scenario, options);
    for (std::thread& thread : threads) thread.join();
    CHECK(most <= per_query);
    CHECK(report.queries >= 1);
    CHECK(report.requests.done == report.queries * per_query);
    CHECK(report.latency.statistics.min >= Milliseconds(1.0));
    CHECK(report.offered_per_s == 0.0);
  }
}

TEST_CASE("offline sends all there is") {
  const LoadReport report = generate_load(
      [](std::int64_t, const Completion& done) {
        done(now_done());
        return true;
      },
      Offline{500}, brief());
  CHECK(report.queries == 500);
  CHECK(report.throughput_per_s > 0.0);
}

TEST_CASE("a measured queue is like the simulated one") {
  // One thread that takes 2 ms for each request, by the clock: the load of 0.5 is the same whatever else runs.
  std::mutex mutex;
  std::condition_variable changed;
  std::deque<Completion> queue;
  bool ends = false;
  std::thread server([&] {
    for (;;) {
      std::unique_lock lock(mutex);
      changed.wait(lock, [&] { return ends || !queue.empty(); });
      if (queue.empty()) return;
      const Completion done = queue.front();
      queue.pop_front();
      lock.unlock();
      RequestOutcome outcome = now_done();
      std::this_thread::sleep_for(2ms);
      outcome.finished = std::chrono::steady_clock::now();
      done(outcome);
    }
  });
  const Server scenario{PoissonArrivals{250.0}};
  LoadOptions options = brief(Seconds(1.0));
  const LoadReport measured = generate_load(
      [&](std::int64_t, const Completion& done) {
        const std::lock_guard lock(mutex);
        queue.push_back(done);
        changed.notify_one();
        return true;
      },
      scenario, options);
  {
    const std::lock_guard lock(mutex);
    ends = true;
  }
  changed.notify_one();
  server.join();
  SimulationOptions simulation;
  simulation.duration = options.warm_up + options.duration;
  simulation.seed = options.seed;
  // The same arrivals, served in what it took at least: the real one cannot be below.
  const ServiceModel service({1}, {ServiceTime::constant(measured.service.statistics.min)});
  const LoadReport simulated = summarize_load(simulate(scenario, service, simulation), {.from = 50ms});
  CHECK(measured.queries == simulated.queries);
  CHECK(measured.latency.statistics.p50 >= simulated.latency.statistics.p50);
  CHECK(measured.latency.statistics.p99 >= simulated.latency.statistics.p99);
  CHECK(measured.service.statistics.min >= Milliseconds(2.0));
}

TEST_CASE("loads out of range are refused") {
  const SubmitFunction nothing = [](std::int64_t, const Completion&) { return false; };
  CHECK_THROWS_AS(generate_load(nothing, SingleStream{}, {.duration = Seconds(0.0)}), Error);
  CHECK_THROWS_AS(generate_load(nothing, Server{}, {}), Error);
  CHECK_THROWS_AS(generate_load(nothing, SingleStream{}, {.max_requests = -1}), Error);
}

TEST_CASE("all requests that a pause of the generator delays are late by its fault") {
  bool paused = false;
  const ProgressSink pause = [&paused](const Progress& progress) {
    if (paused || progress.stage != "under load") return;
    paused = true;
    std::this_thread::sleep_for(60ms);
  };
  const SubmitFunction at_once = [](std::int64_t, const Completion& done) {
    done(now_done());
    return true;
  };
  const LoadReport report = generate_load(at_once, Server{ConstantArrivals{200.0}},
                                          {.duration = Seconds(1.0), .warm_up = Seconds(0.0)}, pause);
  REQUIRE(paused);
  CHECK(report.lag.p99.count() > 20'000.0);  // not the first of a dozen alone
  CHECK(report.verdict == LoadVerdict::invalid);
  CHECK_THAT(report.reason, ContainsSubstring("did not keep its own pace"));
}
