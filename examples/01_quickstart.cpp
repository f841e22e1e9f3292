// Predict and measure a model on this machine.

#include <cstdio>

#include <fulcrum/fulcrum.hpp>
#include <fulcrum/onednn.hpp>

int main() {
  const fulcrum::Model<float> model = fulcrum::zoo_model("fashion_cnn");
  // Once per machine; save_profile() and load_profile() keep it. Half a minute gives a better one.
  const fulcrum::MachineProfile profile = fulcrum::calibrate({.budget = fulcrum::Seconds(3)});

  const fulcrum::RunConfig config{.batch = 8, .threads = 1};
  const fulcrum::LatencyReport predicted = fulcrum::predict(model, config, profile);
  const fulcrum::LatencyReport measured = fulcrum::measure(model, config);

  std::printf("predicted %.3f ms, measured %.3f ms, %.0f images/s\n", predicted.latency.p50.count(),
              measured.latency.p50.count(), measured.throughput_per_s);
}
