#include <fulcrum/schedule/recurrent.hpp>

#include <fulcrum/model/builder.hpp>
#include <fulcrum/schedule/make_schedule.hpp>

#include <support/catch.hpp>
#include <support/data.hpp>

using namespace fulcrum;

namespace {

Recurrent<float> layer_of(std::int64_t hidden) {
  Recurrent<float> layer;
  layer.cell = RecurrentKind::rnn;
  layer.weights = test::random_tensor<float>({1, hidden, 3}, 1);
  layer.recurrent_weights = test::random_tensor<float>({1, hidden, hidden}, 2);
  layer.functions = {{ActivationKind::tanh}};
  return layer;
}

Step step_of(const Model<float>& model, const RunConfig& config) {
  for (const ScheduledStep& entry : make_schedule(model, config, {}).steps) {
    if (entry.step.algorithm == Algorithm::recurrent) return entry.step;
  }
  return {};
}

}  // namespace

TEST_CASE("recurrent weights are kept in the precision's type, many in f32 in 24 bits") {
  Recurrent<float> layer = layer_of(32);
  CHECK(recurrent_weights(layer, Precision::f32) == RecurrentWeights::f32);
  CHECK(recurrent_weights(layer, Precision::bf16) == RecurrentWeights::bf16);
  CHECK(recurrent_weights(layer, Precision::int8) == RecurrentWeights::f32);
  CHECK(recurrent_weights(layer_of(1500), Precision::f32) == RecurrentWeights::s24);
  layer.recurrent_weights.quantization = Quantization{DType::s8, {0.5F}, {0}, -1};
  CHECK(recurrent_weights(layer, Precision::int8) == RecurrentWeights::s8);
  CHECK(recurrent_weights(layer, Precision::f32) == RecurrentWeights::f32);
  layer.recurrent_weights.quantization = Quantization{DType::u8, {0.5F}, {3}, -1};
  CHECK(recurrent_weights(layer, Precision::int8) == RecurrentWeights::f32);
}

TEST_CASE("scales are one for each row of each direction") {
  Parameter<float> weights = test::random_tensor<float>({2, 3, 4}, 1);
  CHECK_FALSE(detail::scales_of_rows(weights));
  weights.quantization = Quantization{DType::s8, {1, 2, 3}, {0, 0, 0}, 1};
  CHECK(detail::scales_of_rows(weights) == std::vector<float>{1, 2, 3, 1, 2, 3});
  weights.quantization = Quantization{DType::s8, {1, 2}, {0, 0}, 0};
  CHECK(detail::scales_of_rows(weights) == std::vector<float>{1, 1, 1, 2, 2, 2});
  weights.quantization = Quantization{DType::s8, {1, 2, 3, 4}, {0, 0, 0, 0}, 2};
  CHECK_FALSE(detail::scales_of_rows(weights));
}

TEST_CASE("24 bits are for rows of like elements") {
  const auto fit = [](std::vector<float> row) {
    return detail::rows_fit_24_bits(row, static_cast<std::int64_t>(row.size()));
  };
  CHECK(fit({1, -2, 3, 0}));
  CHECK(fit({0, 0, 0, 0}));
  CHECK(fit({0, 0, 5, 0}));
  std::vector<float> uneven(100, 1e-6F);
  uneven[50] = 1.0F;
  CHECK_FALSE(fit(uneven));
  CHECK_FALSE(fit({1, INFINITY}));
  CHECK_FALSE(fit({1, NAN}));
  CHECK_FALSE(fit({1e-38F, 1e-38F}));
}

TEST_CASE("a recurrent step reads its recurrent weights once for each step of the sequence") {
  const Model<float> model = ModelBuilder<float>("m").input({7, 3}).transpose({1, 0, 2}).lstm(16).build();
  const Step step = step_of(model, {});
  const double recurrent = 4.0 * 4 * 16 * 16;
  CHECK(step.kernel == KernelClass::recurrent);
  CHECK(step.weight_bytes == 4.0 * (4 * 16 * 3 + 2 * 4 * 16) + recurrent);
  CHECK(step.reread_bytes == 6 * recurrent);
  CHECK(step.reread_set == recurrent);
  CHECK(step.bytes() == step.src_bytes + step.weight_bytes + step.dst_bytes + step.reread_bytes);
  CHECK(step_of(model, {.precision = Precision::bf16}).reread_bytes == 3 * recurrent);
  CHECK(step.threads == 1);
}
