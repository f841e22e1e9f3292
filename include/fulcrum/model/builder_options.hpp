#pragma once
/// \file
/// What the layers of a ModelBuilder may be told beside their sizes.

#include <cstddef>
#include <cstdint>
#include <vector>

#include <fulcrum/layers/recurrent.hpp>
#include <fulcrum/layers/window.hpp>

namespace fulcrum {

/// What a convolution or transposed convolution may be told beside its channels and kernel.
struct ConvOptions {
  Extent2 stride{1, 1};
  Padding padding = 0;
  Extent2 dilation{1, 1};
  std::int64_t groups = 1;
  bool bias = true;
  DepthWindow depth{};  ///< of sources with depth (n, c, d, h, w)
};

/// What pooling may be told beside its kernel.
struct PoolOptions {
  Extent2 stride{0, 0};  ///< 0: the kernel's extent
  Padding padding = 0;
  bool ceil_mode = false;
  bool count_include_pad = false;
};

/// What a product of two values may be told.
struct MatMulOptions {
  bool transpose_src = false;      ///< the last value is (…, k, m)
  bool transpose_weights = false;  ///< the other value is (…, n, k)
  float scale = 1.0F;              ///< of the product
};

/// What an LSTM, GRU or RNN may be told beside its size.
struct RecurrentOptions {
  RecurrentDirection direction = RecurrentDirection::forward;
  bool bias = true;
  bool linear_before_reset = false;  ///< GRU: as PyTorch and cuDNN compute it
  /// Values of the graph: the first hidden state (directions, n, hidden), and of an LSTM the first cell state. Those
  /// that are not given are 0.
  std::vector<std::size_t> states{};
  /// Behind the hidden state after each step come one row more, the hidden state after the last one, and of an LSTM
  /// another, the cell state after it.
  bool with_last_states = false;
};

}  // namespace fulcrum
