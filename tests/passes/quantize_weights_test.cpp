#include <fulcrum/passes/quantize_weights.hpp>

#include <algorithm>
#include <cmath>
#include <string>
#include <utility>
#include <vector>

#include <fulcrum/exec/reference.hpp>
#include <fulcrum/model/builder.hpp>
#include <fulcrum/model/random_sources.hpp>
#include <fulcrum/passes/quantize_dynamic.hpp>

#include <support/catch.hpp>
#include <support/data.hpp>

using namespace fulcrum;

namespace {

Dense<float> dense(std::int64_t oc, std::int64_t ic, std::uint64_t seed) {
  return {test::random_tensor<float>({oc, ic}, seed), test::random_tensor<float>({oc}, seed + 1)};
}

}  // namespace

TEST_CASE("each weight is rounded to the nearest step of its group, and none is clipped by more than half of one") {
  const Dense<float> layer = dense(7, 45, 3);
  for (const int bits : {4, 8}) {
    for (const bool symmetric : {false, true}) {
      const MatMulNBits packed = quantized_weights(layer, {.bits = bits, .group = 16, .symmetric = symmetric});
      CHECK(packed.zero_points.empty() == symmetric);
      CHECK(*packed.bias == *layer.bias.value);
      CHECK(packed.dst_shape(std::vector<Shape>{{2, 45}}) == Shape{2, 7});
      const Tensor<float> rounded = packed.dequantized();
      for (std::int64_t o = 0; o < 7; ++o) {
        for (std::int64_t i = 0; i < 45; ++i) {
          const auto at = static_cast<std::size_t>(o * 45 + i);
          const float step = packed.scale(o, i / 16);
          CHECK(std::abs(rounded.flat()[at] - layer.weights.value->flat()[at]) <= 0.5001F * step * (symmetric ? 1 : 2));
        }
      }
    }
  }
}

TEST_CASE("weights of 0 stay 0, and groups of nothing but 0 are") {
  Dense<float> layer = dense(2, 32, 5);
  for (std::size_t i = 0; i < 20; ++i) layer.weights.value.edit().flat()[i] = 0.0F;
  for (const bool symmetric : {false, true}) {
    const Tensor<float> rounded = quantized_weights(layer, {.group = 16, .symmetric = symmetric}).dequantized();
    for (std::size_t i = 0; i < 20; ++i) CHECK(rounded.flat()[i] == 0.0F);
  }
}

TEST_CASE("smaller groups and more bits lose less") {
  const Dense<float> layer = dense(32, 512, 9);
  const auto sqnr = [&](int bits, std::int64_t group) {
    return sqnr_db<float>(layer.weights.value->flat(),
                          quantized_weights(layer, {.bits = bits, .group = group}).dequantized().flat());
  };
  CHECK(sqnr(4, 16) > sqnr(4, 128));
  CHECK(sqnr(8, 128) > sqnr(4, 16) + 15.0);
}

TEST_CASE("dense layers of a model become packed ones, others stay") {
  const Model<float> model = ModelBuilder<float>("net", 1)
                                 .input({3, 8, 8})
                                 .conv(8, 3, {.bias = false})
                                 .batch_normalization()
                                 .relu()
                                 .flatten()
                                 .dense(20)
                                 .relu()
                                 .dense(5)
                                 .build();
  const QuantizeResult result = quantize_weights(model, {.bits = 8, .group = 64, .skip = {"dense2"}});
  REQUIRE(result.report.layers.size() == 1);
  CHECK(result.report.layers[0].name == "dense1");
  CHECK(result.report.layers[0].weight_sqnr_db > 35.0);
  REQUIRE(result.report.kept.size() == 2);
  CHECK(result.report.kept[0].name == "conv1");
  CHECK(result.report.kept[1].reason == "asked to stay in float");
  CHECK(std::holds_alternative<MatMulNBits>(result.model.node(*result.model.find("dense1")).layer));
  CHECK(parameter_count(result.model) == parameter_count(model) - 24);  // the batch norm is folded: 32 less, 8 biases
  const std::vector<Tensor<float>> src = random_sources(model, 2, 3);
  const auto exact = ReferenceExecutor<float>(model).run(src);
  const auto rounded = ReferenceExecutor<float>(result.model).run(src);
  CHECK(sqnr_db<float>(exact[0].flat(), rounded[0].flat()) > 30.0);
}

TEST_CASE("recurrent layers get weights of 8 bits, and stay in float where 4 are asked for") {
  const Model<float> model =
      ModelBuilder<float>("sequence", 1).input({6, 20}).transpose({1, 0, 2}).lstm(12).dense(5).build();
  const QuantizeResult eight = quantize_weights(model, {.bits = 8});
  REQUIRE(eight.report.layers.size() == 2);
  CHECK(eight.report.layers[0].kind == "LSTM");
  CHECK(eight.report.layers[0].src_dtype == DType::f32);
  const QuantizeResult four = quantize_weights(model, {.bits = 4});
  REQUIRE(four.report.kept.size() == 1);
  CHECK(four.report.kept[0].reason == "is recurrent, which takes weights of 8 bits");
  for (const QuantizeResult* result : {&eight, &four}) {
    for (const Node<float>& node : result->model.nodes()) {
      const auto* lstm = std::get_if<Recurrent<float>>(&node.layer);
      if (lstm == nullptr) continue;
      CHECK(lstm->weights.quantization.has_value() == (result == &eight));
      CHECK(lstm->recurrent_weights.quantization.has_value() == (result == &eight));
    }
  }
}

TEST_CASE("what cannot be quantized so is refused") {
  const Model<float> model = ModelBuilder<float>("net", 1).input({8}).dense(4).build();
  CHECK_THROWS_WITH(quantize_weights(model, {.bits = 5}), ContainsSubstring("give 4 or 8"));
  CHECK_THROWS_WITH(quantize_weights(model, {.group = 24}), ContainsSubstring("power of two"));
  CHECK_THROWS_WITH(quantize_weights(model, {.skip = {"other"}}), ContainsSubstring("'other'"));
  CHECK_THROWS_WITH(quantize_weights(quantize_dynamically(model).model), ContainsSubstring("quantized already"));
}
