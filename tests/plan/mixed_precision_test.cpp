#include <fulcrum/plan/mixed_precision.hpp>

#include <algorithm>
#include <cmath>
#include <limits>

#include <fulcrum/analysis/is_quantized.hpp>
#include <fulcrum/analysis/weighted_layers.hpp>
#include <fulcrum/exec/reference.hpp>
#include <fulcrum/model/builder.hpp>

#include <support/catch.hpp>
#include <support/data.hpp>

using namespace fulcrum;
using fulcrum::test::random_tensor;

namespace {

/// Values and weights rounded, as the model says.
std::vector<Tensor<float>> outputs_of(const Model<float>& model, std::span<const Tensor<float>> sources) {
  return ReferenceExecutor<float>(model, {.quantized = is_quantized(model)}).run(sources);
}

/// The third convolution has a weight of 100 times the others in every row, so that int8 leaves little of those.
Model<float> with_a_bad_layer() {
  auto b = ModelBuilder<float>("m", 3).input({2, 8, 8}).conv(6, 3).relu().conv(6, 1).relu();
  Model<float> model = std::move(b.conv(6, 3).relu().flatten().dense(8).relu().dense(3)).build();
  auto& conv = std::get<Conv<float>>(model.edit_layer(*model.find("conv3")));
  const auto weights = conv.weights.value.edit().flat();
  for (std::size_t row = 0; row < 6; ++row) weights[row * weights.size() / 6] *= 100.0F;
  return model;
}

std::vector<std::string> in_float(const MixedPrecisionReport& report) {
  std::vector<std::string> names;
  for (const auto& layer : report.layers) {
    if (layer.in_float) names.push_back(layer.name);
  }
  return names;
}

/// Latency as if each layer took 1 ms in float and a quarter in int8.
double layers_cost(const Model<float>& model) {
  double ms = 0.0;
  for (const Node<float>& node : model.nodes()) {
    const Parameter<float>* weights = detail::weights_of(node.layer);
    if (weights != nullptr) ms += weights->quantization ? 0.25 : 1.0;
  }
  return ms;
}

}  // namespace

TEST_CASE("the layers that do most harm stay in float, as few as a signal-to-noise ratio takes") {
  const Model<float> model = with_a_bad_layer();
  const auto images = random_tensor<float>({32, 2, 8, 8}, 4, 0.0, 1.0);
  const std::span<const Tensor<float>> sources(&images, 1);
  const ModelScore score = output_sqnr_score(model, sources, outputs_of, 10);
  CHECK(score(model) == std::numeric_limits<double>::infinity());

  const auto loose = quantize_within(model, sources, outputs_of, score, 0.0, layers_cost);
  CHECK(loose.report.met);
  CHECK(in_float(loose.report).empty());
  CHECK(loose.report.scored == 1);
  CHECK(loose.model == quantize_post_training(model, images, outputs_of).model);
  CHECK(loose.report.score == loose.report.int8_score);
  CHECK(*loose.report.predicted_ms == Approx(1.25));
  CHECK(*loose.report.float_ms == Approx(5.0));
  REQUIRE(loose.report.layers.size() == 5);
  for (const auto& layer : loose.report.layers) CHECK(*layer.gain_us == Approx(750.0));

  // More is asked for than all in int8 give: the first layers of the order stay, and one fewer would not do.
  for (const double more : {1.0, 3.0, 6.0}) {
    const double least = loose.report.int8_score + more;
    const auto result = quantize_within(model, sources, outputs_of, score, least, layers_cost);
    CHECK(result.report.met);
    CHECK(score(result.model) == result.report.score);
    CHECK(result.report.score >= least);
    const std::vector<std::string> stay = in_float(result.report);
    REQUIRE_FALSE(stay.empty());
    for (std::size_t i = 0; i < stay.size(); ++i) CHECK(stay[i] == result.report.layers[i].name);
    for (const std::string& name : stay)
      CHECK_FALSE(detail::weights_of(result.model.node(*result.model.find(name)).layer)->quantization);
    QuantizeOptions fewer;
    fewer.skip.assign(stay.begin(), stay.end() - 1);
    CHECK(score(quantize_post_training(model, images, outputs_of, fewer).model) < least);
    CHECK(result.quantized.layers.size() == 5 - stay.size());
    CHECK(*result.report.predicted_ms == Approx(1.25 + 0.75 * static_cast<double>(stay.size())));
  }
}

TEST_CASE("a layer that int8 makes no faster stays in float before those that it does") {
  const Model<float> model = with_a_bad_layer();
  const auto images = random_tensor<float>({16, 2, 8, 8}, 4, 0.0, 1.0);
  const ModelCost<float> no_gain_in_dense2 = [](const Model<float>& m) {
    const auto id = m.find("dense2");
    return layers_cost(m) + (detail::weights_of(m.node(*id).layer)->quantization ? 0.75 : 0.0);
  };
  const ModelScore score = output_sqnr_score(model, std::span(&images, 1), outputs_of);
  const auto result = quantize_within(model, std::span(&images, 1), outputs_of, score, 0.0, no_gain_in_dense2);
  CHECK(result.report.layers.front().name == "dense2");
  const auto by_harm = quantize_within(model, std::span(&images, 1), outputs_of, score, 0.0);
  CHECK_FALSE(by_harm.report.layers.front().gain_us);
  CHECK(std::is_sorted(by_harm.report.layers.begin(), by_harm.report.layers.end(),
                       [](const auto& a, const auto& b) { return a.sqnr_db < b.sqnr_db; }));
}

TEST_CASE("a score that no layer in int8 reaches leaves the model in float, one that the model misses is refused") {
  const Model<float> model = with_a_bad_layer();
  const auto images = random_tensor<float>({8, 2, 8, 8}, 4, 0.0, 1.0);
  const std::span<const Tensor<float>> sources(&images, 1);
  const ModelScore only_float = [](const Model<float>& m) { return is_quantized(m) ? 0.0 : 1.0; };
  const auto result = quantize_within(model, sources, outputs_of, only_float, 0.5);
  CHECK_FALSE(result.report.met);
  CHECK_FALSE(is_quantized(result.model));
  CHECK(in_float(result.report).size() == 5);
  CHECK(result.report.score == 1.0);
  CHECK(result.report.scored <= 4);
  CHECK_THROWS_WITH(quantize_within(model, sources, outputs_of, only_float, 2.0),
                    ContainsSubstring("the float model's"));

  QuantizeOptions skipping;
  skipping.skip = {"conv1"};
  const auto skipped = quantize_within(model, sources, outputs_of, only_float, 0.0, {}, skipping);
  CHECK(skipped.report.layers.size() == 4);
  CHECK_FALSE(detail::weights_of(skipped.model.node(*skipped.model.find("conv1")).layer)->quantization);
}
