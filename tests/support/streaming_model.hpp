#pragma once
// A network that runs step by step, as tests of states take it.
#include <cstdint>

#include <fulcrum/model/builder.hpp>

namespace fulcrum::test {

/// One step: x (N, 24) with the last 8 samples of the step before goes through a convolution and an LSTM of 16.
/// Inputs: x, tail (N, 8), h and c (1, N, 16). Outputs: y (N, 3), hn, cn, new_tail.
inline Model<float> streaming_model(std::uint64_t seed = 5) {
  ModelBuilder<float> b("streaming", seed);
  const NodeId x = b.input({24}, "x").last();
  const NodeId tail = b.input({8}, "tail").last();
  const NodeId h = b.layer(Input{{1, batch_dim, 16}}, {}).named("h").last();
  const NodeId c = b.layer(Input{{1, batch_dim, 16}}, {}).named("c").last();
  const NodeId joined = b.from(tail).concat({x}).last();  // (N, 32)
  const NodeId new_tail = b.slice(1, 24, 32).last();
  b.from(joined).reshape({0, 1, 1, 32}).conv(4, {1, 8}, {.stride = {1, 4}}).relu().flatten();  // (N, 28)
  b.reshape({1, -1, 28}).lstm(16, {.states = {h, c}, .with_last_states = true});               // (1 + 2, 1, N, 16)
  const NodeId all = b.last();
  const NodeId hn = b.slice(0, 1, 2).reshape({1, -1, 16}).last();
  const NodeId cn = b.from(all).slice(0, 2, 3).reshape({1, -1, 16}).last();
  const NodeId y = b.from(all).slice(0, 0, 1).reshape({-1, 16}).dense(3).sigmoid().last();
  Model<float> model = b.build();
  model.set_outputs({y, hn, cn, new_tail}, {"y", "hn", "cn", "new_tail"});
  return model;
}

}  // namespace fulcrum::test
