#include <fulcrum/schedule/model_as_run.hpp>

#include <fulcrum/analysis/is_quantized.hpp>
#include <fulcrum/model/builder.hpp>

#include <support/catch.hpp>

using namespace fulcrum;

namespace {
Model<float> quantized_model() {
  Model<float> model = ModelBuilder<float>("q").input({4, 6, 6}).conv(4, 3).batch_normalization().relu().build();
  model.set_dst_quantization(model.inputs().front(), Quantization{DType::u8, {0.1F}, {0}, -1});
  auto& conv = std::get<Conv<float>>(model.edit_layer(*model.find("conv1")));
  conv.weights.quantization = Quantization{DType::s8, {0.1F}, {0}, -1};
  return model;
}
}  // namespace

TEST_CASE("quantization is part of a run in every precision, unless it is left out") {
  for (const Precision precision : all_precisions) {
    RunConfig config;
    config.precision = precision;
    CHECK(is_quantized(model_as_run(quantized_model(), config).model));
    config.roundings = Roundings::leave_out;
    const FoldResult<float> run = model_as_run(quantized_model(), config);
    CHECK_FALSE(is_quantized(run.model));
    CHECK(run.report.folded.size() == 1);  // quantized weights would have kept it
    CHECK_FALSE(run.model.node(run.model.inputs().front()).dst_quantization.has_value());
  }
}

TEST_CASE("a model without outputs runs nowhere") {
  CHECK_THROWS_WITH(model_as_run(Model<float>("empty"), RunConfig{}), ContainsSubstring("has no outputs"));
}
