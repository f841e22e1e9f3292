#include <fulcrum/exec/explanation.hpp>

#include <support/catch.hpp>

using namespace fulcrum;

TEST_CASE("an explanation starts with nothing that runs") {
  const Explanation explanation;
  CHECK(explanation.steps.empty());
  CHECK(explanation.precision == Precision::f32);
  CHECK(explanation.memory.weights + explanation.memory.activations + explanation.memory.scratchpad == 0);
}
