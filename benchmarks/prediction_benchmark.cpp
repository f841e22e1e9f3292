// Prediction: what one question to the cost model costs. A study asks some hundred.

#include <benchmark/benchmark.h>

#include <cmath>
#include <cstdio>
#include <cstdlib>

#include <fulcrum/fulcrum.hpp>
#include <fulcrum/onednn.hpp>

using namespace fulcrum;

namespace {

void predict_fashion_cnn(benchmark::State& state) {
  static const MachineProfile profile = calibrate({.budget = Seconds(3)});
  const Model<float> model = zoo_model("fashion_cnn", 1);
  const RunConfig config{.batch = state.range(0)};
  const LatencyReport report = predict(model, config, profile);
  // The layers of a prediction are its whole but for the fixed cost of an inference.
  double layers = 0.0;
  for (const StepLatency& layer : report.layers) layers += layer.latency.count();
  if (!(layers > 0.0) || layers > report.latency.p50.count() * 1.01) {
    std::fprintf(stderr, "wrong result, not timed: layers take %f ms of %f\n", layers, report.latency.p50.count());
    std::exit(1);
  }
  for (auto _ : state) benchmark::DoNotOptimize(predict(model, config, profile));
}
BENCHMARK(predict_fashion_cnn)->Arg(1)->Arg(64)->Unit(benchmark::kMicrosecond);

/// With its schedule made; 1: and its steps predicted before, as in a search among configurations.
void predict_scheduled_resnet50(benchmark::State& state) {
  static const MachineProfile profile = calibrate({.budget = Seconds(3)});
  static const Schedule schedule = make_schedule(zoo_model("resnet50", 1), {}, machine_of(profile));
  StepPredictions known(profile);
  if (predict(schedule, known) != predict(schedule, profile)) {
    std::fprintf(stderr, "wrong result, not timed: known steps change a prediction\n");
    std::exit(1);
  }
  const bool are_known = state.range(0) == 1;
  for (auto _ : state) benchmark::DoNotOptimize(are_known ? predict(schedule, known) : predict(schedule, profile));
}
BENCHMARK(predict_scheduled_resnet50)->Arg(0)->Arg(1)->Unit(benchmark::kMicrosecond);

}  // namespace
