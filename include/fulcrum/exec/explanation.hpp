#pragma once
/// \file
/// The answer of explain(). Light: no oneDNN header.

#include <cstdint>
#include <string>
#include <vector>

#include <fulcrum/cost/step_basis.hpp>
#include <fulcrum/exec/step_info.hpp>
#include <fulcrum/passes/fold_batch_normalization.hpp>
#include <fulcrum/run/memory_use.hpp>
#include <fulcrum/schedule/schedule.hpp>

namespace fulcrum {

/// What became of a model's layers when it was compiled.
struct Explanation {
  /// A layer for which nothing runs: its result lies in its source's bytes, or its sources are computed in its
  /// result's.
  struct FreeLayer {
    std::string name;
    std::string kind;
  };

  /// A product some of whose weights are 0.
  struct PrunedLayer {
    std::string name;
    double sparsity = 0.0;    ///< share of the weights that are 0
    double break_even = 1.0;  ///< from which on a sparse product should be the faster one; 1: never
    bool runs_sparse = false;
    std::string reason;  ///< of it
  };

  std::string model;
  std::int64_t batch = 1;
  int threads = 1;
  Precision precision = Precision::f32;
  std::vector<StepInfo> steps;        ///< what runs, in order
  std::vector<Amendment> amendments;  ///< where oneDNN made it otherwise than planned, and why
  FoldReport folded;                  ///< batch normalizations that became part of weights, and those that did not
  std::vector<FreeLayer> free_layers;
  std::vector<PrunedLayer> pruned;   ///< layers with a tenth of their weights 0 or more
  std::vector<StepBasis> predicted;  ///< what predictions of its steps rest on; empty where no profile was given
  MemoryUse memory;
  std::vector<std::string> notes;
};

}  // namespace fulcrum
