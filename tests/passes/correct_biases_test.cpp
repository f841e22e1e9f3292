#include <fulcrum/passes/correct_biases.hpp>

#include <cmath>

#include <fulcrum/exec/reference.hpp>
#include <fulcrum/model/builder.hpp>
#include <fulcrum/passes/quantize.hpp>

#include <support/catch.hpp>
#include <support/data.hpp>
#include <support/outputs_of.hpp>
#include <support/random_model.hpp>

using namespace fulcrum;
using fulcrum::test::outputs_of;
using fulcrum::test::random_tensor;

namespace {

/// The model with its weights rounded, and no other rounding.
Model<float> rounded_weights(Model<float> model) {
  for (NodeId id = 0; id < model.size(); ++id) {
    model.set_dst_quantization(id, std::nullopt);
    Parameter<float>* weights = detail::weights_of(model.edit_layer(id));
    if (weights == nullptr || !weights->quantization) continue;
    weights->value = quantize_dequantize(*weights->value, *weights->quantization);
    weights->quantization.reset();
  }
  return model;
}

/// Mean over the samples of what an output differs by, by channel (axis 1).
std::vector<double> mean_difference(const Model<float>& a, const Model<float>& b, const Tensor<float>& images) {
  const Tensor<float> of_a = outputs_of(a, std::span(&images, 1))[0];
  const Tensor<float> of_b = outputs_of(b, std::span(&images, 1))[0];
  const auto channels = static_cast<std::size_t>(of_a.dim(1));
  const std::size_t places = of_a.flat().size() / channels / static_cast<std::size_t>(of_a.dim(0));
  std::vector<double> result(channels, 0.0);
  for (std::size_t i = 0; i < of_a.flat().size(); ++i)
    result[i / places % channels] += static_cast<double>(of_a.flat()[i]) - of_b.flat()[i];
  for (double& sum : result) sum /= static_cast<double>(of_a.flat().size() / channels);
  return result;
}

}  // namespace

TEST_CASE("a dense layer's bias loses the mean error of its rounded weights") {
  auto model = ModelBuilder<float>("m").input({2}).dense(1).build();
  auto& dense = std::get<Dense<float>>(model.edit_layer(1));
  dense.weights = Tensor<float>({1, 2}, {1.0F, 0.6F});  // by 2 bits 1 and 1: an error of 0.4
  dense.bias = Tensor<float>({1}, {0.25F});
  const Tensor<float> samples({2, 2}, {1.0F, 2.0F, 0.0F, 4.0F});  // E[x] = 0.5, 3
  const auto result = quantize_post_training(model, samples, outputs_of, {.weight_bits = 2, .bias_correction = true});
  CHECK(std::get<Dense<float>>(result.model.node(1).layer).bias.value->flat()[0] == Approx(0.25 - 0.4 * 3.0));
  REQUIRE(result.report.layers.size() == 1);
  CHECK(result.report.layers[0].bias_shift.value() == Approx(1.2));
  CHECK_FALSE(quantize_post_training(model, samples, outputs_of).report.layers[0].bias_shift);
}

TEST_CASE("after the correction a layer with rounded weights is right on average, with padding, groups and no bias") {
  const auto check = [](const Model<float>& model, const Shape& shape) {
    const auto images = random_tensor<float>(shape, 7, 0.0, 1.0);
    QuantizeOptions options{.calibration_batch = 5, .weight_bits = 3};
    const Model<float> plain = quantize_post_training(model, images, outputs_of, options).model;
    const Model<float> corrected = correct_biases(plain, std::span(&images, 1), outputs_of, 5).model;
    double before = 0.0;
    double after = 0.0;
    for (const double d : mean_difference(rounded_weights(plain), model, images)) before += std::abs(d);
    for (const double d : mean_difference(rounded_weights(corrected), model, images)) after += std::abs(d);
    CHECK(before > 1e-3);
    CHECK(after < 1e-3 * before);
  };
  check(ModelBuilder<float>("m", 1).input({3, 7, 6}).conv(5, 3, {.padding = 1, .bias = false}).build(), {12, 3, 7, 6});
  check(ModelBuilder<float>("m", 2).input({4, 7, 6}).conv(8, 3, {.stride = {2, 2}, .groups = 2}).build(),
        {12, 4, 7, 6});
  check(ModelBuilder<float>("m", 3).input({4, 7, 6}).depthwise_conv(3, {.padding = 1}).build(), {12, 4, 7, 6});
}

TEST_CASE("bias correction brings a network with weights of few bits closer to float") {
  const std::uint64_t seed = GENERATE(1U, 2U, 3U, 4U);
  auto b = ModelBuilder<float>("cnn", seed).input({1, 12, 12}).conv(8, 3).batch_normalization().relu().max_pool(2);
  const Model<float> model =
      test::with_random_parameters(std::move(b.conv(8, 3).relu().flatten().dense(16).relu().dense(4)).build(), seed);
  const auto images = random_tensor<float>({32, 1, 12, 12}, seed + 20, 0.0, 1.0);
  const auto noise = [&](bool correct) {
    const auto q = quantize_post_training(model, images, outputs_of, {.weight_bits = 3, .bias_correction = correct});
    const auto out = ReferenceExecutor<float>(q.model, {.quantized = true}).run(std::span(&images, 1));
    return sqnr_db<float>(outputs_of(model, std::span(&images, 1))[0].flat(), out[0].flat());
  };
  CHECK(noise(true) > noise(false));
}

TEST_CASE("bias correction says what it cannot do") {
  const Model<float> model = ModelBuilder<float>("m", 1).input({3}).dense(2).build();
  const auto samples = random_tensor<float>({4, 3}, 1);
  CHECK_THROWS_WITH(correct_biases(model, std::span(&samples, 1), outputs_of), ContainsSubstring("quantize it first"));
  const Model<float> quantized = quantize_post_training(model, samples, outputs_of).model;
  CHECK_THROWS_WITH(correct_biases(quantized, std::span(&samples, 1), outputs_of, 0), ContainsSubstring("1 or more"));
  const auto others = random_tensor<float>({4, 5}, 1);
  CHECK_THROWS_WITH(correct_biases(quantized, std::span(&others, 1), outputs_of),
                    ContainsSubstring("calibration samples"));
}
