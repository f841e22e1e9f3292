#include <fulcrum/load/batch_delay.hpp>

#include <algorithm>
#include <vector>

#include <fulcrum/load/load_report.hpp>
#include <fulcrum/load/queued_runner.hpp>
#include <fulcrum/load/simulate.hpp>
#include <fulcrum/model/builder.hpp>

#include <support/catch.hpp>
#include <support/own_executor.hpp>

using namespace fulcrum;
using namespace std::chrono_literals;

namespace {

const BatchPolicy patient{.max_batch = 8, .max_delay = 20ms};
BatchPolicy within(std::chrono::nanoseconds time) {
  BatchPolicy policy = patient;
  policy.within = time;
  return policy;
}

/// Share of the second half of a load that takes longer.
double late(const std::vector<RequestRecord>& records, std::chrono::nanoseconds bound) {
  const auto half = records.begin() + static_cast<std::ptrdiff_t>(records.size() / 2);
  const auto count =
      std::count_if(half, records.end(), [&](const RequestRecord& r) { return r.finished - r.submitted > bound; });
  return static_cast<double>(count) / static_cast<double>(records.end() - half);
}

}  // namespace

TEST_CASE("without a time to hold the delay is that of the policy") {
  BatchDelay delay(patient);
  CHECK_FALSE(delay.adapts());
  for (int i = 0; i < 100; ++i) delay.done(1s);
  CHECK(delay.now() == 20ms);
}

TEST_CASE("late requests cut the delay, others give it back") {
  BatchDelay delay(within(10ms));
  CHECK(delay.now() == 20ms);
  delay.done(11ms);
  CHECK(delay.now() == 17'500us);
  for (int i = 0; i < 100; ++i) delay.done(10ms);
  CHECK(delay.now() == 20ms);
  for (int i = 0; i < 8; ++i) delay.done(11ms);
  CHECK(delay.now() == 0ms);
  delay.done(11ms);
  CHECK(delay.now() == 0ms);
}

TEST_CASE("a delay of some nanoseconds comes back as well") {
  BatchPolicy policy = within(10ms);
  policy.max_delay = 50ns;
  BatchDelay delay(policy);
  for (int i = 0; i < 8; ++i) delay.done(11ms);
  CHECK(delay.now() == 0ns);
  for (int i = 0; i < 800; ++i) delay.done(10ms);
  CHECK(delay.now() == 50ns);
}

TEST_CASE("in a simulated queue one request in a hundred is late, and batches are as large as that allows") {
  const ServiceModel service({1, 8},
                             {ServiceTime::exponential(Seconds(0.001)), ServiceTime::exponential(Seconds(0.002))});
  const Server load{PoissonArrivals{150.0}};
  SimulationOptions options;
  options.duration = Seconds(400.0);
  options.batching = patient;
  CHECK(late(simulate(load, service, options), 12ms) > 0.3);
  options.batching = within(12ms);
  const std::vector<RequestRecord> held = simulate(load, service, options);
  CHECK(late(held, 12ms) < 0.02);
  CHECK(late(held, 12ms) > 0.004);
  options.batching.max_delay = 0ms;
  const std::vector<RequestRecord> impatient = simulate(load, service, options);
  const auto mean_batch = [](const std::vector<RequestRecord>& records) {
    double batches = 0.0;
    for (const RequestRecord& r : records) batches += 1.0 / r.batch;
    return static_cast<double>(records.size()) / batches;
  };
  CHECK(mean_batch(held) > 1.2 * mean_batch(impatient));
}

TEST_CASE("a runner cuts its delay where requests are late") {
  const Model<float> model = ModelBuilder<float>("sum", 1).input({4}).dense(1).build();
  RunnerOptions options;
  options.batching = {.max_batch = 4, .max_delay = 8ms, .within = 1us};
  options.executors = [](const Model<float>&, const RunConfig& config) { return test::SumExecutor(config.batch, 4); };
  QueuedRunner runner(model, {}, options);
  CHECK(runner.batch_delay() == 8ms);
  const std::vector<float> sample(4, 1.0F);
  const float* src[] = {sample.data()};
  // What the delay is said to be follows a request's completion by a moment.
  for (int i = 0; i < 1000 && runner.batch_delay() > 0ms; ++i) static_cast<void>(runner.infer(src, {}));
  CHECK(runner.batch_delay() == 0ms);
}
