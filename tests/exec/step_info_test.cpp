#include <fulcrum/exec/step_info.hpp>

#include <support/catch.hpp>

using namespace fulcrum;

TEST_CASE("a step that says nothing of itself runs on one thread in f32") {
  const StepInfo info;
  CHECK(info.threads == 1);
  CHECK(info.src == DType::f32);
  CHECK(info.dst == DType::f32);
  CHECK(info.layers.empty());
}
