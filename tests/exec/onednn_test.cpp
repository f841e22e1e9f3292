#include <fulcrum/exec/onednn.hpp>

#include <fulcrum/exec/reference.hpp>
#include <fulcrum/passes/quantize.hpp>
#include <fulcrum/zoo/fashion_cnn.hpp>

#include <support/catch.hpp>
#include <support/data.hpp>
#include <support/tolerance.hpp>

using namespace fulcrum;

TEST_CASE("fashion_cnn runs in every precision of the CPU as the reference does, without steps between its layers") {
  const Tensor<float> src = test::random_tensor<float>({4, 1, 28, 28}, 7, 0.0F, 1.0F);
  for (const Precision precision : all_precisions) {
    if (!cpu_supports(precision)) continue;
    Model<float> model = fashion_cnn<float>(1);
    if (precision == Precision::int8)
      model = quantize_post_training(model, src, onednn_runner(), int8_options_for_this_cpu()).model;
    const Tensor<float> expected =
        ReferenceExecutor<float>(model, {.quantized = precision == Precision::int8}).run({&src, 1}).front();
    OnednnExecutor executor(model, {.batch = 4, .precision = precision});
    INFO(name_of(precision));
    CHECK(test::relative_difference(executor.run({&src, 1}).front(), expected) <= test::relative_tolerance(precision));
    std::size_t reorders = 0;
    for (const StepInfo& step : executor.compiled().steps()) reorders += step.kind == "Reorder" ? 1 : 0;
    CHECK(reorders <= 2);  // at the input and, where the last values are not f32, at the end
  }
}
