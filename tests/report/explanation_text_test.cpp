#include <fulcrum/report/explanation_text.hpp>

#include <report/explanations.hpp>
#include <support/catch.hpp>

using namespace fulcrum;
using test::some_explanation;

TEST_CASE("an explanation reads as a table, then what was fused and why the rest was not") {
  const std::string text = to_text(some_explanation());
  CHECK_THAT(text, ContainsSubstring("jit_1x1:avx2"));
  CHECK_THAT(text, ContainsSubstring("aBcd8b → aBcd8b"));
  CHECK_THAT(text, ContainsSubstring("conv1 takes relu1"));
  CHECK_THAT(text, ContainsSubstring("bn1 into conv1"));
  CHECK_THAT(text, ContainsSubstring("pool1 runs in plain loops: oneDNN has no good kernel for it"));
  CHECK_THAT(text, ContainsSubstring("flatten1 (Flatten)"));
  CHECK_THAT(text, ContainsSubstring("conv1: 'add1' is apart: it broadcasts"));
  CHECK_THAT(text,
             ContainsSubstring("conv1: 90 % of its weights are 0, break-even at 62 %, runs sparse: more weights"));
  CHECK_THAT(text, ContainsSubstring("1.00 KiB of weights"));
  CHECK_THAT(text, ContainsSubstring("What predictions of the steps rest on"));
  CHECK_THAT(text, ContainsSubstring("Conv 1×8×8×8 → 4×4×4, 3×3, f32, 1 thread"));
  CHECK_THAT(text, ContainsSubstring("a step of which the profile keeps no shape, f32, 2 threads"));
}
