// A model that runs step by step: its states stay where they are from one frame of a sequence to the next.

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdio>
#include <vector>

#include <fulcrum/fulcrum.hpp>
#include <fulcrum/onednn.hpp>

using namespace fulcrum;

namespace {

constexpr std::int64_t frame = 512;  // samples: 32 ms at 16 kHz
constexpr std::int64_t tail = 64;    // of the frame before, so that the filters see across the border
constexpr std::int64_t width = 64;   // of the LSTM

/// Whether a frame holds speech. Inputs: frame (N, 512), tail (N, 64), h and c (1, N, 64).
Model<float> voice_activity() {
  ModelBuilder<float> b("voice_activity", /*seed=*/1);
  const NodeId samples = b.input({frame}, "frame").last();
  const NodeId before = b.input({tail}, "tail").last();
  const NodeId h = b.layer(Input{{1, batch_dim, width}}, {}).named("h").last();
  const NodeId c = b.layer(Input{{1, batch_dim, width}}, {}).named("c").last();

  const NodeId joined = b.from(before).concat({samples}).last();  // (N, 576)
  const NodeId next_tail = b.slice(1, frame, frame + tail).last();
  b.from(joined).reshape({0, 1, 1, frame + tail});
  b.conv(32, {1, 64}, {.stride = {1, 32}}).relu().conv(64, {1, 3}, {.stride = {1, 2}}).relu();
  b.global_average_pool().reshape({1, -1, 64});                 // (1 step, N, 64)
  b.lstm(width, {.states = {h, c}, .with_last_states = true});  // (step, hidden state, cell state; 1, N, 64)
  const NodeId all = b.last();
  const NodeId speech = b.slice(0, 0, 1).reshape({-1, width}).dense(1).sigmoid().last();
  const NodeId next_h = b.from(all).slice(0, 1, 2).reshape({1, -1, width}).last();
  const NodeId next_c = b.from(all).slice(0, 2, 3).reshape({1, -1, width}).last();
  Model<float> model = b.build();
  model.set_outputs({speech, next_h, next_c, next_tail}, {"speech", "next_h", "next_c", "next_tail"});
  return model;
}

/// A hum that comes and goes every second, with noise.
void record(std::vector<float>& samples, std::size_t number, Random& noise) {
  for (std::size_t i = 0; i < samples.size(); ++i) {
    const double t = static_cast<double>(number * samples.size() + i) / 16000.0;
    const double loudness = std::max(0.0, std::sin(2.0 * 3.14159265 * t));
    samples[i] = static_cast<float>(loudness * std::sin(2.0 * 3.14159265 * 220.0 * t) + 0.01 * noise.normal());
  }
}

}  // namespace

int main() {
  const std::vector<State> states{{"h", "next_h"}, {"c", "next_c"}, {"tail", "next_tail"}};
  OnednnExecutor executor(voice_activity(), {}, states);
  for (const BoundState& state : executor.states().states)
    std::printf("state %-4s %zu numbers, %s\n", state.input.c_str(), executor.state(state.input).size(),
                state.in_place ? "written in place" : "two buffers in turns");

  std::vector<float> samples(frame);
  float speech = 0.0F;
  const float* const src = samples.data();
  float* const dst = &speech;
  Random noise(7);
  std::vector<std::chrono::nanoseconds> latencies;
  for (std::size_t number = 0; number < 1000; ++number) {
    record(samples, number, noise);
    const auto start = std::chrono::steady_clock::now();
    executor.execute({&src, 1}, {&dst, 1});
    latencies.push_back(std::chrono::steady_clock::now() - start);
    if (number % 250 == 0) std::printf("frame %4zu: %.4f\n", number, static_cast<double>(speech));
  }
  const LatencyStatistics latency = latency_statistics(latencies);
  std::printf("a frame of 32 ms takes %.1f us (p99 %.1f us)\n", Microseconds(latency.p50).count(),
              Microseconds(latency.p99).count());
  executor.reset_states();  // the next recording
}
