// Where does batching stop paying? Predicted and measured side by side, in the same type.

#include <cstdio>

#include <fulcrum/fulcrum.hpp>
#include <fulcrum/onednn.hpp>

using namespace fulcrum;

int main() {
  const Model<float> model = zoo_model("fashion_cnn");
  const MachineProfile profile = calibrate({.budget = Seconds(3)});

  std::printf("%6s %14s %14s %10s\n", "batch", "predicted ms", "measured ms", "images/s");
  for (const std::int64_t batch : {1, 4, 16, 64}) {
    const RunConfig config{.batch = batch};
    const LatencyReport predicted = predict(model, config, profile);
    const LatencyReport measured = measure(model, config, {.min_duration = Milliseconds(200)});
    std::printf("%6d %14.3f %14.3f %10.0f\n", static_cast<int>(batch), predicted.latency.p50.count(),
                measured.latency.p50.count(), measured.throughput_per_s);
  }
}
