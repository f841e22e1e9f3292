#include <fulcrum/passes/equalize_layers.hpp>

#include <algorithm>
#include <cmath>

#include <fulcrum/core/random.hpp>
#include <fulcrum/exec/reference.hpp>
#include <fulcrum/model/builder.hpp>
#include <fulcrum/passes/quantize.hpp>
#include <fulcrum/passes/signal_to_noise.hpp>

#include <support/catch.hpp>
#include <support/data.hpp>
#include <support/outputs_of.hpp>
#include <support/random_model.hpp>

using namespace fulcrum;
using fulcrum::test::outputs_of;
using fulcrum::test::random_tensor;

namespace {

/// The model with the rows of its convolutions and dense layers of magnitudes that differ by up to 100.
Model<float> with_uneven_rows(Model<float> model, std::uint64_t seed) {
  Random random(seed);
  for (NodeId id = 0; id < model.size(); ++id) {
    Parameter<float>* weights = detail::weights_of(model.edit_layer(id));
    if (weights == nullptr) continue;
    const auto values = weights->value.edit().flat();
    const std::size_t rows = static_cast<std::size_t>(weights->value->dim(0));
    for (std::size_t r = 0; r < rows; ++r) {
      const auto factor = static_cast<float>(std::pow(10.0, random.uniform(-1.0, 1.0)));
      for (float& w : values.subspan(r * (values.size() / rows), values.size() / rows)) w *= factor;
    }
  }
  return test::with_random_parameters(std::move(model), seed);
}

Model<float> inverted_residuals(std::uint64_t seed) {
  auto b = ModelBuilder<float>("m", seed).input({3, 8, 8}).conv(8, 3, {.padding = 1, .bias = false});
  b.batch_normalization().relu();
  for (int block = 0; block < 2; ++block) {
    const NodeId shortcut = b.last();
    b.conv(24, 1).relu().depthwise_conv(3, {.padding = 1}).leaky_relu(0.1F).conv(8, 1).add(shortcut);
  }
  return std::move(b.max_pool(2).flatten().dense(16).relu().dense(5)).build();
}

double worst_difference(const Model<float>& a, const Model<float>& b, std::uint64_t seed) {
  std::vector<Tensor<float>> src;
  for (const NodeId id : a.inputs()) {
    Shape shape = std::get<Input>(a.node(id).layer).shape;
    shape[0] = 3;
    src.push_back(random_tensor<float>(shape, seed));
  }
  const auto of_a = ReferenceExecutor<float>(a).run(src);
  const auto of_b = ReferenceExecutor<float>(b).run(src);
  double worst = 0.0;
  for (std::size_t i = 0; i < of_a.size(); ++i) {
    double largest = 1e-30;
    double difference = 0.0;
    for (std::size_t k = 0; k < of_a[i].flat().size(); ++k) {
      largest = std::max(largest, std::abs(static_cast<double>(of_a[i].flat()[k])));
      difference = std::max(difference, std::abs(static_cast<double>(of_a[i].flat()[k]) - of_b[i].flat()[k]));
    }
    worst = std::max(worst, difference / largest);
  }
  return worst;
}

/// Of the output, rounded by one scale for the weights of each layer.
double sqnr_per_tensor(const Model<float>& model, const Tensor<float>& images) {
  const auto quantized = quantize_post_training(model, images, outputs_of, {.per_tensor = true}).model;
  const auto rounded = ReferenceExecutor<float>(quantized, {.quantized = true}).run(std::span(&images, 1));
  return sqnr_db<float>(outputs_of(model, std::span(&images, 1))[0].flat(), rounded[0].flat());
}

/// A chain of convolutions that computes the same by weights whose rows differ by up to 1000.
Model<float> with_hidden_factors(Model<float> chain, std::uint64_t seed) {
  Random random(seed);
  std::vector<double> factors;  // of the channels of the convolution before
  for (NodeId id = 0; id < chain.size(); ++id) {
    auto* conv = std::get_if<Conv<float>>(&chain.edit_layer(id));
    if (conv == nullptr) continue;
    const bool last = id + 1 == chain.size();
    const auto oc = static_cast<std::size_t>(conv->weights.value->dim(0));
    const auto ic = static_cast<std::size_t>(conv->weights.value->dim(1));
    std::vector<double> own(oc, 1.0);
    for (double& f : own) f = last ? 1.0 : std::pow(10.0, random.uniform(-1.5, 1.5));
    const auto weights = conv->weights.value.edit().flat();
    const std::size_t taps = weights.size() / (oc * ic);
    for (std::size_t i = 0; i < weights.size(); ++i) {
      const std::size_t row = i / taps / ic;
      const std::size_t column = conv->groups == 1 ? i / taps % ic : row;
      weights[i] *= static_cast<float>(own[row] / (factors.empty() ? 1.0 : factors[column]));
    }
    const auto bias = conv->bias.value.edit().flat();
    for (std::size_t o = 0; o < oc; ++o) bias[o] *= static_cast<float>(own[o]);
    factors = own;
  }
  return chain;
}

}  // namespace

TEST_CASE("two layers get the factors √(r₁ r₂) / r₂ that make their ranges equal") {
  auto model = ModelBuilder<float>("m").input({2}).dense(2).relu().dense(2).build();
  auto& before = std::get<Dense<float>>(model.edit_layer(1));
  before.weights = Tensor<float>({2, 2}, {8, -2, 0.5F, 0.25F});  // r₁ = 8, 0.5
  before.bias = Tensor<float>({2}, {4, 3});
  auto& behind = std::get<Dense<float>>(model.edit_layer(3));
  behind.weights = Tensor<float>({2, 2}, {2, -8, 1, 4});  // r₂ = 2, 8

  const EqualizeResult result = equalize_layers(model);
  const auto& first = std::get<Dense<float>>(result.model.node(1).layer);
  const auto& second = std::get<Dense<float>>(result.model.node(3).layer);
  CHECK(*first.weights.value == Tensor<float>({2, 2}, {4, -1, 2, 1}));  // s = 2, 0.25
  CHECK(*first.bias.value == Tensor<float>({2}, {2, 12}));
  CHECK(*second.weights.value == Tensor<float>({2, 2}, {4, -2, 2, 1}));
  REQUIRE(result.report.layers.size() == 1);
  const auto& row = result.report.layers[0];
  CHECK(row.name == model.node(1).name);
  CHECK(row.takes == std::vector<std::string>{model.node(3).name});
  CHECK(row.channels == 2);
  CHECK(row.scale_min == Approx(0.25));
  CHECK(row.scale_max == Approx(2.0));
  CHECK(row.precision_before == Approx((1.0 * 0.25 + 0.0625 * 1.0) / 2));  // shares of 8 and of 8
  CHECK(row.precision_after == Approx((1.0 + 0.25) / 2));
  CHECK(result.report.converged);
  REQUIRE(result.report.kept.size() == 1);
  CHECK_THAT(result.report.kept[0].reason, ContainsSubstring("output of the model"));
}

TEST_CASE("equalization keeps what random networks compute, and comes to an end") {
  const std::uint64_t seed = GENERATE(range(1, 25));
  const Model<float> model = with_uneven_rows(test::RandomModel(seed).make(4), seed);
  const EqualizeResult result = equalize_layers(model);
  CHECK(worst_difference(model, result.model, seed) < 2e-5);
  CHECK(result.report.converged);
}

TEST_CASE("depthwise convolutions, sums of blocks and flattened channels are equalized together") {
  const Model<float> model = with_uneven_rows(inverted_residuals(3), 3);
  const EqualizeResult result = equalize_layers(model);
  CHECK(worst_difference(model, result.model, 5) < 1e-5);
  CHECK(result.report.iterations > 2);        // a depthwise convolution has a factor on both sides
  REQUIRE(result.report.layers.size() == 6);  // all but the last dense layer; three are tied by sums
  CHECK(result.report.layers[0].tied.size() == 2);
  CHECK(result.report.layers[0].channels == 8);
  for (const auto& layer : result.report.layers) {
    INFO(layer.name);
    CHECK(layer.precision_after > layer.precision_before);
  }
  // Nothing is left to do.
  const EqualizeReport again = equalize_layers(result.model).report;
  CHECK(again.iterations == 1);
  for (const auto& layer : again.layers) CHECK(layer.scale_max == Approx(1.0).margin(2e-3));
}

TEST_CASE("weights of one scale for a layer lose less to rounding after equalization") {
  const std::uint64_t seed = GENERATE(1U, 2U, 3U);
  auto b = ModelBuilder<float>("m", seed).input({3, 8, 8}).conv(16, 3, {.padding = 1}).relu();
  b.depthwise_conv(3, {.padding = 1}).relu().conv(16, 1).leaky_relu(0.1F).conv(8, 1);
  const Model<float> even = std::move(b).build();
  const Model<float> uneven = with_hidden_factors(even, seed);
  const auto images = random_tensor<float>({16, 3, 8, 8}, seed);
  REQUIRE(worst_difference(even, uneven, seed) < 1e-5);
  const double before = sqnr_per_tensor(uneven, images);
  const double after = sqnr_per_tensor(equalize_layers(uneven).model, images);
  CHECK(before < 20.0);
  CHECK(after > 30.0);
}

TEST_CASE("what a factor does not go through stays, with a reason") {
  const auto model =
      ModelBuilder<float>("m", 2).input({4, 6, 6}).conv(8, 3).sigmoid().conv(8, 1).relu6().conv(4, 1).build();
  const EqualizeResult result = equalize_layers(model);
  CHECK(result.model == model);
  CHECK(result.report.layers.empty());
  REQUIRE(result.report.kept.size() == 3);
  CHECK_THAT(result.report.kept[0].reason, ContainsSubstring("(Sigmoid)"));
  CHECK_THAT(result.report.kept[1].reason, ContainsSubstring("(Clip)"));

  const EqualizeResult as_relu = equalize_layers(model, {.clips_as_relu = true});
  REQUIRE(as_relu.report.layers.size() == 1);
  CHECK(as_relu.report.layers[0].name == model.node(3).name);
  REQUIRE(as_relu.report.as_relu.size() == 1);
  const NodeId clip = *model.find(as_relu.report.as_relu[0]);
  CHECK(std::get<Activation>(as_relu.model.node(clip).layer) == Activation{});
  CHECK(as_relu.model.node(2) == model.node(2));

  const auto skipped = equalize_layers(inverted_residuals(1), {.skip = {"conv1"}});
  CHECK(skipped.report.layers.size() == 5);  // the sums tie the others of its channels to it
  CHECK_THAT(skipped.report.kept[0].reason, ContainsSubstring("asked to stay"));
}

TEST_CASE("pruned weights stay pruned, channels of zeros stay as they are") {
  auto model = ModelBuilder<float>("m", 4).input({3}).dense(4).relu().dense(3).build();
  auto& dense = std::get<Dense<float>>(model.edit_layer(1));
  for (std::size_t i = 0; i < 3; ++i) dense.weights.value.edit().flat()[i] = 0.0F;
  Tensor<std::uint8_t> mask(dense.weights.value->dims());
  std::fill(mask.flat().begin() + 3, mask.flat().end(), std::uint8_t{1});
  dense.weights.mask = mask;
  const auto result = equalize_layers(model);
  const auto& after = std::get<Dense<float>>(result.model.node(1).layer);
  CHECK(*after.weights.mask == mask);
  for (std::size_t i = 0; i < 3; ++i) CHECK(after.weights.value->flat()[i] == 0.0F);
  const auto& behind = std::get<Dense<float>>(result.model.node(3).layer);
  for (std::size_t o = 0; o < 3; ++o)
    CHECK(behind.weights.value->flat()[o * 4] ==
          std::get<Dense<float>>(model.node(3).layer).weights.value->flat()[o * 4]);
}

TEST_CASE("equalization says what it cannot do") {
  const auto model = inverted_residuals(1);
  CHECK_THROWS_WITH(equalize_layers(model, {.iterations = 0}), ContainsSubstring("1 or more"));
  CHECK_THROWS_WITH(equalize_layers(model, {.tolerance = 0.0}), ContainsSubstring("above 0"));
  CHECK_THROWS_WITH(equalize_layers(model, {.skip = {"relu1"}}), ContainsSubstring("no convolution"));
  const auto images = random_tensor<float>({4, 3, 8, 8}, 3);
  CHECK_THROWS_WITH(equalize_layers(quantize_post_training(model, images, outputs_of).model),
                    ContainsSubstring("equalize the float model"));
}
