#pragma once
// An explanation for tests of how it is shown.
#include <fulcrum/exec/explanation.hpp>

namespace fulcrum::test {

inline Explanation some_explanation() {
  Explanation explanation;
  explanation.model = "m";
  StepInfo step;
  step.name = "conv1";
  step.kind = "Conv+Relu";
  step.implementation = "jit_1x1:avx2";
  step.src_layout = step.dst_layout = "aBcd8b";
  step.flops = 1e6;
  step.layers = {"conv1", "relu1"};
  step.why_ended = "'add1' is apart: it broadcasts";
  explanation.steps = {step};
  explanation.amendments = {{"pool1", "runs in plain loops", "oneDNN has no good kernel for it"}};
  explanation.folded.folded = {{"bn1", "conv1"}};
  explanation.free_layers = {{"flatten1", "Flatten"}};
  explanation.pruned = {{"conv1", 0.9, 0.62, true, "more weights are 0 than at the break-even"}};
  explanation.predicted.push_back({.name = "conv1",
                                   .kind = "Conv+Relu",
                                   .what = "Conv+Relu 1×8×9×9 → 4×4×4, 3×3",
                                   .roofline = {},
                                   .time_us = 12.5,
                                   .sd = 0.1,
                                   .of_roof = 0.5,
                                   .basis = BasisKind::same_kind,
                                   .samples = 40,
                                   .probes = {{"Conv 1×8×8×8 → 4×4×4, 3×3", Precision::f32, 1, 11.0, 0.25, 0.8},
                                              {"", Precision::f32, 2, 0.0, 0.5, 0.6}}});
  explanation.memory.weights = 1024;
  return explanation;
}

}  // namespace fulcrum::test
