#pragma once
/// \file
/// What the oneDNN executor tells about its steps. Light: no oneDNN header.

#include <string>
#include <vector>

#include <fulcrum/core/dtype.hpp>
#include <fulcrum/run/latency_report.hpp>
#include <fulcrum/schedule/algorithm.hpp>

namespace fulcrum {

/// One thing that runs: a fused group of layers, or a change of layout or type between two of them.
struct StepInfo {
  std::string name;            ///< the node whose value the step computes first; of a Reorder, the value it converts
  std::string kind;            ///< "Conv+Relu", "MaxPool", "Reorder"
  std::string implementation;  ///< what oneDNN picked ("brgconv:avx512_core_amx_int8"), or "fulcrum:Gather",
                               ///< "winograd:jit:avx2" of its own
  DType src = DType::f32;
  DType dst = DType::f32;
  double flops = 0.0;  ///< [FLOP] of the batch
  double bytes = 0.0;  ///< [B] read and written: activations, weights, biases (by each slice)
  Algorithm algorithm = Algorithm::primitive;
  int threads = 1;                  ///< that share it: one where it is too small for more, or the batch runs in slices
  std::string src_layout;           ///< of the first source, as oneDNN names layouts: "abcd", "acdb", "aBcd8b"
  std::string dst_layout;           ///< of the result
  std::vector<std::string> layers;  ///< of the model that run in it; empty where it only prepares one
  std::string why_ended;            ///< why the layer after it is no part of it; empty: nothing follows that could be
};

/// The step's row in a report, without its time.
[[nodiscard]] inline StepLatency row_of(const StepInfo& info) {
  StepLatency row;
  row.name = info.name;
  row.kind = info.kind;
  row.flops = info.flops;
  row.bytes = info.bytes;
  row.src = info.src;
  row.dst = info.dst;
  row.threads = info.threads;
  row.algorithm = std::string(name_of(info.algorithm));
  return row;
}

}  // namespace fulcrum
