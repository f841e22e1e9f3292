#pragma once
/// \file
/// What one asks of the oneDNN executor and what it tells about itself. Light: no oneDNN header.

#include <cstddef>
#include <cstdint>
#include <string>

#include <fulcrum/core/dtype.hpp>

namespace fulcrum {

/// How to compile a model.
struct OnednnOptions {
  std::int64_t batch = 1;                ///< samples per run; ≥ 1
  int threads = 1;                       ///< threads that one run uses; ≥ 1
  Precision precision = Precision::f32;  ///< int8 takes a model that a quantization pass has been over
  bool allow_fallback = false;           ///< a precision the CPU lacks runs as f32, with a note, instead of an Error
};

/// One thing that runs: a fused group of layers, or a change of layout or type between two of them.
struct StepInfo {
  std::string name;            ///< the node whose value the step computes first; of a Reorder, the value it converts
  std::string kind;            ///< "Conv+Relu", "MaxPool", "Reorder"
  std::string implementation;  ///< what oneDNN picked ("brgconv:avx512_core_amx_int8"), or "fulcrum:Gather" of its own
  DType src = DType::f32;
  DType dst = DType::f32;
  double flops = 0.0;  ///< [FLOP] of the batch
  double bytes = 0.0;  ///< [B] read and written: activations, weights, biases
};

/// Memory that a compiled model and one instance of it take, in bytes.
struct MemoryUse {
  std::size_t weights = 0;      ///< packed weights and constants, shared by all instances
  std::size_t activations = 0;  ///< one arena per instance
  std::size_t scratchpad = 0;   ///< per instance
};

}  // namespace fulcrum
