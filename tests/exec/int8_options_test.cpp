#include <fulcrum/exec/int8_options.hpp>

#include <fulcrum/exec/onednn_executor.hpp>
#include <fulcrum/exec/onednn_runner.hpp>
#include <fulcrum/model/builder.hpp>
#include <fulcrum/passes/quantize.hpp>

#include <support/catch.hpp>
#include <support/data.hpp>

using namespace fulcrum;

TEST_CASE("a model that is quantized for this CPU runs in int8 from its input on") {
  const Model<float> model =
      ModelBuilder<float>("m", 4).input({8, 6, 6}).conv(16, 3).conv(16, 1).relu().flatten().dense(7).build();
  const Tensor<float> images = test::random_tensor<float>({8, 8, 6, 6}, 3);
  const auto quantized = quantize_post_training(model, images, onednn_runner(), int8_options_for_this_cpu()).model;
  const auto compiled = OnednnModel::compile(quantized, {.precision = Precision::int8});
  CHECK(compiled->notes().empty());
  for (const StepInfo& step : compiled->steps()) {
    INFO(step.name << " " << step.kind);
    CHECK((step.kind == "Reorder" || step.src != DType::f32));
  }
}

TEST_CASE("what was asked for otherwise is kept") {
  const QuantizeOptions options = int8_options_for_this_cpu({.percentile = 99.0, .skip = {"conv1"}});
  CHECK(options.percentile == 99.0);
  CHECK(options.skip == std::vector<std::string>{"conv1"});
  CHECK(options.weight_bits == 8);
  CHECK(options.sums_in_16_bits == !cpu_sums_int8_exactly());
  CHECK(int8_options_for_this_cpu({.weight_bits = 4}).weight_bits == 4);
}
