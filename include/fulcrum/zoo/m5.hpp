#pragma once
/// \file
/// A 1-D convolutional network for sound.

#include <cstdint>

#include <fulcrum/core/linkage.hpp>
#include <fulcrum/model/model.hpp>

namespace fulcrum {

/// A sound of 8000 samples, one second at 8 kHz, (N, 1, 8000) → (N, 1, 35) logarithms of the probabilities of 35 words:
/// four 1-D convolutions, the first with a kernel of 80 (Dai et al., "Very Deep Convolutional Neural Networks for Raw
/// Waveforms", 2017; layers as the M5 of torchaudio's tutorial on speech commands).
/// 26,915 learned parameters and 384 running statistics; 1.880 M multiply-adds per sound.
template <class T>
[[nodiscard]] Model<T> m5(std::uint64_t seed = 0);

}  // namespace fulcrum

#if FULCRUM_DEFINES(zoo)

#include <fulcrum/zoo/detail/blocks.hpp>

namespace fulcrum {

template <class T>
Model<T> m5(std::uint64_t seed) {
  ModelBuilder<T> b("m5", seed, WeightInit::he_uniform);
  b.input({1, 8000}).reshape({0, 1, 1, 8000});  // lines are planes of height 1
  b.conv(32, Extent2{1, 80}, {.stride = {1, 16}});
  for (const std::int64_t channels : {32, 32, 64, 64}) {
    if (b.shape()[3] < 496) b.conv(channels, Extent2{1, 3});
    b.batch_normalization().relu().max_pool(Extent2{1, 4});
  }
  b.global_average_pool().reshape({0, 64, 1}).transpose({0, 2, 1}).dense(35);
  return b.layer(Softmax{-1, true}, {b.last()}).build();
}

}  // namespace fulcrum

#if FULCRUM_INSTANTIATES(zoo)
namespace fulcrum {
template Model<float> m5(std::uint64_t seed);
template Model<double> m5(std::uint64_t seed);
}  // namespace fulcrum
#endif

#endif
