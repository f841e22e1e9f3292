#pragma once
/// \file
/// DenseNet-121 for images of 224×224 pixels.

#include <cstdint>

#include <fulcrum/core/linkage.hpp>
#include <fulcrum/model/model.hpp>

namespace fulcrum {

/// (N, 3, 224, 224) → (N, 1000) class scores: four blocks of 6, 12, 24 and 16 layers, each of which reads the channels
/// of all before it in the block (Huang et al., "Densely Connected Convolutional Networks", 2017; layers as in
/// torchvision's densenet121). 7,978,856 learned parameters and 83,648 running statistics; 2.834 G multiply-adds per
/// image.
template <class T>
[[nodiscard]] Model<T> densenet121(std::uint64_t seed = 0);

}  // namespace fulcrum

#if FULCRUM_DEFINES(zoo)

#include <fulcrum/zoo/detail/blocks.hpp>

namespace fulcrum::detail {

/// Adds `growth` channels made of all before: (n, c, h, w) → (n, c + growth, h, w).
template <class T>
ModelBuilder<T>& dense_block_layer(ModelBuilder<T>& b, std::int64_t growth) {
  const NodeId x = b.last();
  b.batch_normalization().relu();
  conv_normalized(b, 4 * growth, 1).relu();
  const NodeId added = b.conv(growth, 3, {.padding = 1, .bias = false}).last();
  return b.from(x).concat({added});
}

}  // namespace fulcrum::detail

namespace fulcrum {

template <class T>
Model<T> densenet121(std::uint64_t seed) {
  ModelBuilder<T> b("densenet121", seed, WeightInit::he_uniform);
  detail::residual_stem(b);
  for (const int layers : {6, 12, 24, 16}) {
    for (int layer = 0; layer < layers; ++layer) detail::dense_block_layer(b, 32);
    b.batch_normalization().relu();
    if (layers == 16) break;  // the last block
    b.conv(b.shape()[1] / 2, 1, {.bias = false}).average_pool(2);
  }
  return detail::classify_means(b, 1000).build();
}

}  // namespace fulcrum

#if FULCRUM_INSTANTIATES(zoo)
namespace fulcrum {
template Model<float> densenet121(std::uint64_t seed);
template Model<double> densenet121(std::uint64_t seed);
}  // namespace fulcrum
#endif

#endif
