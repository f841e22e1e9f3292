#pragma once
/// \file
/// An acoustic model with a long short-term memory.

#include <cstdint>

#include <fulcrum/core/linkage.hpp>
#include <fulcrum/model/model.hpp>

namespace fulcrum {

/// (N, steps, 494) features → (N, steps, 29) probabilities of characters: three dense layers of 2048 with a clipped
/// ReLU, an LSTM of 2048, a dense layer of 2048, and one of 29 with softmax (Hannun et al., "Deep Speech: Scaling up
/// end-to-end speech recognition", 2014; layers and sizes of Mozilla's DeepSpeech, where a step is 20 ms and has the 26
/// coefficients of 19 frames).
/// 47,233,053 parameters (180 MiB in f32; the LSTM has two biases, as in ONNX); 47.2 M multiply-adds per step.
/// \param steps  of the sequence, ≥ 1
template <class T>
[[nodiscard]] Model<T> speech_lstm(std::uint64_t seed = 0, std::int64_t steps = 50);

}  // namespace fulcrum

#if FULCRUM_DEFINES(zoo)

#include <fulcrum/model/builder.hpp>

namespace fulcrum {

template <class T>
Model<T> speech_lstm(std::uint64_t seed, std::int64_t steps) {
  constexpr std::int64_t width = 2048;
  const auto clipped = [](ModelBuilder<T>& b) { b.activation(ActivationKind::clip, 0.0F, 20.0F); };
  ModelBuilder<T> b("speech_lstm", seed, WeightInit::he_uniform);
  b.input({steps, 494});
  for (int layer = 0; layer < 3; ++layer) clipped(b.dense(width));
  b.transpose({1, 0, 2}).lstm(width);              // (steps, 1, N, 2048)
  b.reshape({0, -1, width}).transpose({1, 0, 2});  // (N, steps, 2048)
  clipped(b.dense(width));
  return b.dense(29).softmax().named("probabilities").build();
}

}  // namespace fulcrum

#if FULCRUM_INSTANTIATES(zoo)
namespace fulcrum {
template Model<float> speech_lstm(std::uint64_t seed, std::int64_t steps);
template Model<double> speech_lstm(std::uint64_t seed, std::int64_t steps);
}  // namespace fulcrum
#endif

#endif
