#include <fulcrum/cost/step_words.hpp>

#include <support/catch.hpp>
#include <support/synthetic_machine.hpp>

using namespace fulcrum;

namespace {
std::string first_step_of(Model<float> model, std::int64_t batch) {
  return words_of(make_schedule(std::move(model), {.batch = batch}, {}).steps.front().step);
}
}  // namespace

TEST_CASE("a step says its shape in a few words") {
  CHECK(words_of(synthetic::conv_step(2, 8, 16, 12, 3)) == "Conv 2×8×12×12 → 16×12×12, 3×3");
  CHECK(first_step_of(ModelBuilder<float>("m").input({8, 9, 9}).conv(4, 3, {.stride = {2, 2}}).relu().build(), 1) ==
        "Conv+Relu 1×8×9×9 → 4×4×4, 3×3, stride 2");
  CHECK(first_step_of(ModelBuilder<float>("m").input({512}).dense(10).build(), 8) == "Dense 8 rows of 512 → 10");
  CHECK(first_step_of(ModelBuilder<float>("m").input({100}).softmax().build(), 1) == "Softmax 1 row of 100");
}

TEST_CASE("of a sparse product the weights that are multiplied by are named") {
  Step step = synthetic::conv_step(1, 8, 16, 12, 1);
  step.density = 0.25;
  CHECK_THAT(words_of(step), ContainsSubstring("25 % of the weights"));
}
