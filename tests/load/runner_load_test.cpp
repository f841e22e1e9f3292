#include <fulcrum/load/runner_load.hpp>

#include <fulcrum/load/generate_load.hpp>
#include <fulcrum/zoo/zoo.hpp>

#include <support/catch.hpp>

using namespace fulcrum;
using namespace std::chrono_literals;

TEST_CASE("a load on a model in ten lines") {
  const Model<float> model = zoo_model("fashion_cnn");
  QueuedRunner runner(model, {}, {.batching = {.max_batch = 4, .max_delay = 1ms}});
  const LoadReport report = generate_load(RunnerLoad(model, runner), Server{PoissonArrivals{200.0}},
                                          {.duration = Seconds(0.3), .warm_up = Seconds(0.05)});
  CHECK(report.queries > 20);
  CHECK(report.requests.done == report.requests.issued);
  CHECK(report.latency.statistics.p50 >= report.service.statistics.min);
  CHECK(report.mean_batch >= 1.0);
  CHECK_THROWS_AS(RunnerLoad(model, runner, 0), Error);
}
