#include <fulcrum/measure/choose_precision.hpp>

#include <fulcrum/exec/reference.hpp>
#include <fulcrum/model/builder.hpp>
#include <fulcrum/passes/quantize.hpp>

#include <support/catch.hpp>
#include <support/data.hpp>
#include <support/tolerance.hpp>

using namespace fulcrum;

namespace {
Model<float> small_net() {
  return ModelBuilder<float>("cnn", 1)
      .input({3, 12, 12})
      .conv(16, 3)
      .relu()
      .conv(8, 1)
      .relu()
      .flatten()
      .dense(5)
      .build();
}
const ChoosePrecisionOptions quick{.rounds = 3, .time_per_round = Seconds(0.002)};
}  // namespace

TEST_CASE("every precision that can run is compared, and the fastest is chosen") {
  const PrecisionChoice choice = choose_precision(small_net(), {.batch = 2}, quick);
  CHECK(choice.candidates.size() == (cpu_supports(Precision::bf16) ? 2U : 1U));
  for (const auto& candidate : choice.candidates) {
    CHECK(candidate.latency.count() > 0.0);
    if (choice.layer_precision.empty()) CHECK(choice.latency <= candidate.latency);
  }
  CHECK_THAT(to_string(choice), ContainsSubstring(std::string(name_of(choice.precision))));
}

TEST_CASE("a model runs with what was chosen for it, and with any layer in another precision") {
  const Tensor<float> images = test::random_tensor<float>({4, 3, 12, 12}, 2);
  const Model<float> model =
      quantize_post_training(small_net(), images, onednn_runner(), int8_options_for_this_cpu()).model;
  const Tensor<float> expected = ReferenceExecutor<float>(model, {.quantized = true}).run({&images, 1}).front();
  const PrecisionChoice choice = choose_precision(model, {.batch = 4}, quick);
  CHECK(choice.candidates.back().precision == Precision::int8);
  for (const auto& mixture :
       {choice.layer_precision, std::map<std::string, Precision>{{"conv2", Precision::f32}},
        std::map<std::string, Precision>{{"conv1", Precision::f32}, {"dense1", Precision::f32}}}) {
    OnednnExecutor executor(model, {.batch = 4, .precision = Precision::int8, .layer_precision = mixture});
    CHECK(test::relative_difference(executor.run({&images, 1}).front(), expected) <=
          test::relative_tolerance(Precision::int8));
    for (const StepInfo& step : executor.compiled().steps()) {
      if (mixture.contains(step.name) && step.kind != "Reorder") CHECK(step.src == DType::f32);
    }
  }
}

TEST_CASE("a comparison without rounds is refused") {
  CHECK_THROWS_WITH(choose_precision(small_net(), {}, {.rounds = 0}), ContainsSubstring("1 or more"));
}
