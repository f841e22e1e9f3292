#pragma once
/// \file
/// What several networks of the zoo are made of.

#include <cstdint>

#include <fulcrum/model/builder.hpp>

namespace fulcrum::detail {

/// A convolution without bias and the batch normalization that shifts in its place, padded so that a stride of 1 keeps
/// the extents: (n, ic, h, w) → (n, oc, ⌈h / stride⌉, ⌈w / stride⌉).
template <class T>
ModelBuilder<T>& conv_normalized(ModelBuilder<T>& b, std::int64_t oc, std::int64_t kernel, std::int64_t stride = 1,
                                 std::int64_t groups = 1) {
  ConvOptions options;
  options.stride = {stride, stride};
  options.padding = (kernel - 1) / 2;
  options.groups = groups;
  options.bias = false;
  return b.conv(oc, kernel, options).batch_normalization();
}

/// The value `x` (n, channels, h, w), projected where its extents or channels are not those of the block's result.
template <class T>
NodeId residual_shortcut(ModelBuilder<T>& b, NodeId x, std::int64_t channels, std::int64_t stride) {
  b.from(x);
  return stride == 1 && b.shape()[1] == channels ? x : conv_normalized(b, channels, 1, stride).last();
}

/// What residual networks begin with: (n, 3, 224, 224) → (n, 64, 56, 56).
template <class T>
ModelBuilder<T>& residual_stem(ModelBuilder<T>& b) {
  b.input({3, 224, 224});
  return conv_normalized(b, 64, 7, 2).relu().max_pool(3, {.stride = {2, 2}, .padding = 1});
}

/// The sixteen blocks of ResNet-50 and ResNeXt-50, of a 1×1, a 3×3 and a 1×1 convolution each, with the stride in the
/// 3×3: (n, 64, 56, 56) → (n, 2048, 7, 7). The first two have a quarter of the block's channels, times `widening`.
template <class T>
ModelBuilder<T>& bottlenecks_of_50_layers(ModelBuilder<T>& b, std::int64_t widening, std::int64_t groups) {
  struct Stage {
    std::int64_t channels;
    int blocks;
  };
  for (const Stage& stage : {Stage{64, 3}, Stage{128, 4}, Stage{256, 6}, Stage{512, 3}}) {
    for (int block = 0; block < stage.blocks; ++block) {
      const std::int64_t stride = block == 0 && stage.channels > 64 ? 2 : 1;
      const NodeId x = b.last();
      conv_normalized(b, widening * stage.channels, 1).relu();
      conv_normalized(b, widening * stage.channels, 3, stride, groups).relu();
      const NodeId y = conv_normalized(b, 4 * stage.channels, 1).last();
      const NodeId shortcut = residual_shortcut(b, x, 4 * stage.channels, stride);
      b.from(y).add(shortcut).relu();
    }
  }
  return b;
}

/// (n, c, h, w) → (n, classes)
template <class T>
ModelBuilder<T>& classify_means(ModelBuilder<T>& b, std::int64_t classes) {
  return b.global_average_pool().flatten().dense(classes);
}

}  // namespace fulcrum::detail
