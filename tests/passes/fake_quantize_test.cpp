#include <fulcrum/passes/fake_quantize.hpp>

#include <cmath>
#include <limits>

#include <fulcrum/model/builder.hpp>
#include <fulcrum/passes/prune.hpp>

#include <support/catch.hpp>

using namespace fulcrum;

namespace {

Model<float> one_dense(std::initializer_list<float> weights) {
  auto model = ModelBuilder<float>("m").input({static_cast<std::int64_t>(weights.size()) / 2}).dense(2).build();
  auto& dense = std::get<Dense<float>>(model.edit_layer(1));
  dense.weights = Tensor<float>({2, static_cast<std::int64_t>(weights.size()) / 2}, weights);
  dense.bias = Tensor<float>({2}, {0.123F, 0.456F});
  return model;
}

const Tensor<float>& weights_of(const Model<float>& model) {
  return *std::get<Dense<float>>(model.node(1).layer).weights.value;
}

}  // namespace

TEST_CASE("weights are rounded by the range they have") {
  // 2 bits over [−1, 0.5]: −1, −0.5, 0, 0.5.
  const auto model = one_dense({-1.0F, -0.3F, 0.1F, 0.5F});
  const auto [rounded, report] = fake_quantize(model, {.bits = 2});
  CHECK(weights_of(rounded) == Tensor<float>({2, 2}, {-1.0F, -0.5F, 0.0F, 0.5F}));
  CHECK(std::get<Dense<float>>(rounded.node(1).layer).bias == std::get<Dense<float>>(model.node(1).layer).bias);
  CHECK(weights_of(model).flat()[1] == -0.3F);
  REQUIRE(report.layers.size() == 1);
  CHECK(report.layers[0].name == "dense1");
  CHECK(report.layers[0].scale_min == 0.5);
  CHECK(report.layers[0].scale_max == 0.5);
  CHECK(report.layers[0].levels == 4);
  CHECK(report.layers[0].sqnr_db == Approx(10.0 * std::log10((1.0 + 0.09 + 0.01 + 0.25) / (0.04 + 0.01))));
  CHECK(report.sqnr_db == report.layers[0].sqnr_db);
}

TEST_CASE("the range is widened to hold zero") {
  // All weights positive: 2 bits over [0, 3].
  CHECK(weights_of(fake_quantize(one_dense({3.0F, 2.2F, 1.1F, 2.6F}), {.bits = 2}).model) ==
        Tensor<float>({2, 2}, {3, 2, 1, 3}));
}

TEST_CASE("output channels may have ranges of their own") {
  const auto model = one_dense({3.0F, 1.1F, -0.3F, -0.12F});
  const auto [rounded, report] = fake_quantize(model, {.bits = 2, .per_channel = true});
  const auto weights = weights_of(rounded).flat();
  CHECK(weights[0] == 3.0F);
  CHECK(weights[1] == 1.0F);
  CHECK(weights[2] == Approx(-0.3F));
  CHECK(weights[3] == Approx(-0.1F));
  CHECK(report.layers[0].scale_min == Approx(0.1));
  CHECK(report.layers[0].scale_max == Approx(1.0));
  CHECK(report.layers[0].levels == 2);
}

TEST_CASE("more bits cost less, and no layer has more levels than its bits allow") {
  const auto model = ModelBuilder<float>("m", 3).input({2, 9, 9}).conv(16, 3).relu().flatten().dense(20).build();
  const bool per_channel = GENERATE(false, true);
  double before = 0.0;
  for (int bits = 2; bits <= 16; ++bits) {
    const auto report = fake_quantize(model, {.bits = bits, .per_channel = per_channel}).report;
    REQUIRE(report.layers.size() == 2);
    for (const auto& layer : report.layers) CHECK(layer.levels <= (1 << bits));
    CHECK(report.sqnr_db > before);
    before = report.sqnr_db;
  }
  const auto narrow = fake_quantize(model, {.bits = 2, .narrow_range = true, .per_channel = per_channel}).report;
  for (const auto& layer : narrow.layers) CHECK(layer.levels <= 3);
}

TEST_CASE("pruned weights stay zero") {
  const auto model = ModelBuilder<float>("m", 3).input({2, 9, 9}).conv(16, 3).flatten().dense(20).build();
  const auto pruned = prune(model, {.sparsity = 0.7}).model;
  const auto rounded = fake_quantize(pruned, {.bits = 4}).model;
  for_each_model_parameter(rounded, [](NodeId, const char*, const Parameter<float>& parameter) {
    if (parameter.mask.empty()) return;
    for (std::size_t i = 0; i < parameter.mask->flat().size(); ++i) {
      if (parameter.mask->flat()[i] == 0) CHECK(parameter.value->flat()[i] == 0.0F);
    }
  });
}

TEST_CASE("weights of nothing but zeros stay so, with a scale of 0") {
  const auto [rounded, report] = fake_quantize(one_dense({0, 0, 0, 0}));
  CHECK(weights_of(rounded) == Tensor<float>({2, 2}));
  CHECK(report.layers[0].scale_max == 0.0);
  CHECK(report.layers[0].levels == 1);
  CHECK(report.layers[0].sqnr_db == std::numeric_limits<double>::infinity());
}

TEST_CASE("fake quantization refuses what makes no sense") {
  const auto model = one_dense({1, 2, 3, 4});
  CHECK_THROWS_WITH(fake_quantize(model, {.bits = 1}), ContainsSubstring("2 to 16"));
  CHECK_THROWS_WITH(fake_quantize(model, {.skip = {"input"}}), ContainsSubstring("'input'"));
  CHECK_THROWS_WITH(fake_quantize(one_dense({1, std::nanf(""), 3, 4})), ContainsSubstring("'dense1'"));
  auto quantized = model;
  quantized.set_dst_quantization(0, Quantization{DType::u8, {1.0F}, {0}, -1});
  CHECK_THROWS_WITH(fake_quantize(quantized), ContainsSubstring("quantized already"));
  CHECK(fake_quantize(model, {.skip = {"dense1"}}).model == model);
}
