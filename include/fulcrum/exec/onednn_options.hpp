#pragma once
/// \file
/// What one asks of the oneDNN executor and what it tells about itself. Light: no oneDNN header.

#include <cstddef>
#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include <fulcrum/core/dtype.hpp>
#include <fulcrum/run/memory_use.hpp>

namespace fulcrum {

/// How to compile a model.
struct OnednnOptions {
  std::int64_t batch = 1;                ///< samples per run; ≥ 1
  int threads = 1;                       ///< threads that one run uses; ≥ 1
  Precision precision = Precision::f32;  ///< int8 takes a model that a quantization pass has been over
  bool allow_fallback = false;           ///< a precision the CPU lacks runs as f32, with a note, instead of an Error
  /// Layers by name that compute in another precision than the rest (see measure/choose_precision.hpp). One in f32 of
  /// an int8 model still rounds its weights and result as the model says.
  std::map<std::string, Precision> layer_precision{};
  /// Samples that one thread takes through the whole model at a time (see schedule/batch_slices.hpp); divides the
  /// batch. 0: as choose_slices() says for this machine; the batch: no slices, every step runs on the whole batch.
  std::int64_t slice = 0;
  /// Whether convolutions in f32 may run by Winograd's algorithm where that is expected to be faster
  /// (schedule/winograd.hpp). Its worst error was 1.2 to 2.6 times that of a direct convolution; an infinity or NaN in
  /// the source makes up to 8×8 results around it NaN; transformed weights are four times as large.
  bool winograd = true;
};

/// One thing that runs: a fused group of layers, or a change of layout or type between two of them.
struct StepInfo {
  std::string name;            ///< the node whose value the step computes first; of a Reorder, the value it converts
  std::string kind;            ///< "Conv+Relu", "MaxPool", "Reorder"
  std::string implementation;  ///< what oneDNN picked ("brgconv:avx512_core_amx_int8"), or "fulcrum:Gather",
                               ///< "winograd:jit:avx2" of its own
  DType src = DType::f32;
  DType dst = DType::f32;
  double flops = 0.0;               ///< [FLOP] of the batch
  double bytes = 0.0;               ///< [B] read and written: activations, weights, biases (by each slice)
  int threads = 1;                  ///< that share it: one where it is too small for more, or the batch runs in slices
  std::string src_layout;           ///< of the first source, as oneDNN names layouts: "abcd", "acdb", "aBcd8b"
  std::string dst_layout;           ///< of the result
  std::vector<std::string> layers;  ///< of the model that run in it; empty where it only prepares one
  std::string why_ended;            ///< why the layer after it is no part of it; empty: nothing follows that could be
};

}  // namespace fulcrum
