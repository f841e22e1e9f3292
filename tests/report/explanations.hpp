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
  explanation.memory.weights = 1024;
  return explanation;
}

}  // namespace fulcrum::test
