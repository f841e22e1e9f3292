#include <fulcrum/passes/quantize_dynamic.hpp>

#include <algorithm>

#include <fulcrum/analysis/is_quantized.hpp>
#include <fulcrum/exec/reference.hpp>
#include <fulcrum/model/builder.hpp>
#include <fulcrum/model/random_sources.hpp>

#include <support/catch.hpp>

using namespace fulcrum;

namespace {

Model<float> network() {
  auto b = ModelBuilder<float>("net", 1).input({3, 8, 8}).conv(8, 3, {.bias = false}).batch_normalization().relu();
  const NodeId x = b.last();
  b.conv(8, 1);
  const NodeId first = b.last();
  b.from(x).conv(8, 1).add(first).flatten();
  return std::move(b.dense(5)).build();
}

}  // namespace

TEST_CASE("every product takes its source rounded over its range, and integers as weights") {
  const QuantizeResult result = quantize_dynamically(network());
  const Model<float>& model = result.model;
  CHECK(is_quantized(model));
  CHECK(result.report.layers.size() == 4);
  CHECK(result.report.values.empty());
  std::size_t roundings = 0;
  for (NodeId id = 0; id < model.size(); ++id) {
    const Node<float>& node = model.node(id);
    CHECK_FALSE(node.dst_quantization);
    roundings += std::holds_alternative<DynamicQuantize>(node.layer) ? 1 : 0;
    const Parameter<float>* weights = detail::weights_of(node.layer);
    if (weights == nullptr) continue;
    CHECK(weights->quantization == weight_quantization_for(*weights->value));
    CHECK(std::holds_alternative<DynamicQuantize>(model.node(node.src[0]).layer));
  }
  CHECK(roundings == 3);  // two convolutions take the same value
  const std::vector<Tensor<float>> src = random_sources(network(), 2, 3);
  const auto exact = ReferenceExecutor<float>(network()).run(src);
  const auto rounded = ReferenceExecutor<float>(model).run(src);
  CHECK(sqnr_db<float>(exact[0].flat(), rounded[0].flat()) > 25.0);
}

TEST_CASE("layers that are to stay in float do") {
  const QuantizeResult result = quantize_dynamically(network(), {.skip = {"conv1", "dense1"}});
  REQUIRE(result.report.kept.size() == 2);
  CHECK(result.report.kept[0].name == "conv1");
  CHECK(result.report.layers.size() == 2);
  const Node<float>& conv = result.model.node(*result.model.find("conv1"));
  CHECK_FALSE(std::get<Conv<float>>(conv.layer).weights.quantization);
  CHECK(std::holds_alternative<Input>(result.model.node(conv.src[0]).layer));
}

TEST_CASE("recurrent layers get integers for weights and take their source in float") {
  const Model<float> model = ModelBuilder<float>("sequence", 1).input({6, 20}).transpose({1, 0, 2}).lstm(12).build();
  const QuantizeResult result = quantize_dynamically(model);
  REQUIRE(result.report.layers.size() == 1);
  CHECK(result.report.layers[0].kind == "LSTM");
  CHECK(result.report.layers[0].src_dtype == DType::f32);
  CHECK(result.model.size() == model.size());
  for (const Node<float>& node : result.model.nodes()) {
    const auto* lstm = std::get_if<Recurrent<float>>(&node.layer);
    if (lstm == nullptr) continue;
    CHECK(lstm->weights.quantization == symmetric_quantization(*lstm->weights.value, 8, 1));
    CHECK(lstm->recurrent_weights.quantization == symmetric_quantization(*lstm->recurrent_weights.value, 8, 1));
  }
}

TEST_CASE("what cannot be quantized dynamically is refused") {
  CHECK_THROWS_WITH(quantize_dynamically(quantize_dynamically(network()).model),
                    ContainsSubstring("quantized already"));
  CHECK_THROWS_WITH(quantize_dynamically(network(), {.weight_bits = 1}), ContainsSubstring("weight bits"));
  CHECK_THROWS_WITH(quantize_dynamically(network(), {.skip = {"relu1"}}), ContainsSubstring("recurrent layer"));
}
