// What latency is when requests come as they like: measured behind a queue, and simulated for other setups.

#include <cstdio>
#include <vector>

#include <fulcrum/fulcrum.hpp>
#include <fulcrum/load.hpp>
#include <fulcrum/onednn.hpp>

using namespace fulcrum;

int main() {
  const Model<float> model = zoo_model("fashion_cnn");
  const Server scenario{PoissonArrivals{500.0}};
  LoadOptions options;
  options.duration = Seconds(0.5);
  options.warm_up = Seconds(0.1);

  QueuedRunner runner(model, {.threads = 1, .instances = 1}, {.batching = {.max_batch = 4}});
  const LoadReport measured = generate_load(RunnerLoad(model, runner), scenario, options);
  std::printf("%s (%s): p99 %.3f ms\n", name_of(measured.verdict).data(), measured.reason.c_str(),
              measured.latency.statistics.p99.count());

  // From how long each batch size takes, what the queue would do at other rates; no further run is needed.
  std::vector<LatencyReport> reports;
  for (const std::int64_t batch : runner.executors())
    reports.push_back(measure(model, {.batch = batch}, {.min_duration = Seconds(0.05), .layer_runs = 0}));
  const ServiceModel service = ServiceModel::from_reports(reports);
  for (const double rate : {500.0, 2000.0, 8000.0}) {
    SimulationOptions simulation;
    simulation.batching.max_batch = 4;
    const LoadReport simulated = summarize_load(simulate(Server{PoissonArrivals{rate}}, service, simulation));
    std::printf("%5.0f requests/s: p99 %.3f ms, batches of %.2f\n", rate, simulated.latency.statistics.p99.count(),
                simulated.mean_batch);
  }
  return 0;
}
