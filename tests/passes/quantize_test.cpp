#include <fulcrum/passes/quantize.hpp>

#include <algorithm>
#include <cmath>
#include <limits>
#include <set>

#include <fulcrum/analysis/is_quantized.hpp>
#include <fulcrum/exec/reference.hpp>
#include <fulcrum/model/builder.hpp>

#include <support/catch.hpp>
#include <support/data.hpp>
#include <support/outputs_of.hpp>
#include <support/random_model.hpp>

using namespace fulcrum;
using fulcrum::test::outputs_of;
using fulcrum::test::random_tensor;

namespace {

Model<float> plain_cnn(std::uint64_t seed) {
  auto b = ModelBuilder<float>("cnn", seed).input({1, 12, 12}).conv(8, 3).relu().max_pool(2).conv(8, 3).relu();
  return std::move(b.flatten().dense(16).relu().dense(4)).build();
}

Model<float> residual_network(std::uint64_t seed) {
  auto b = ModelBuilder<float>("residual", seed).input({3, 8, 8}).conv(8, 3, {.padding = 1, .bias = false});
  b.batch_normalization().relu();
  NodeId shortcut = b.last();
  b.conv(8, 3, {.padding = 1}).relu().conv(8, 3, {.padding = 1}).add(shortcut).relu();
  shortcut = b.last();
  b.depthwise_conv(3, {.padding = 1}).hard_swish().conv(8, 1).concat({shortcut}).average_pool(2);
  return std::move(b.conv(12, 3).leaky_relu(0.1F).global_average_pool().flatten().dense(5)).build();
}

const Conv<float>& conv_of(const Model<float>& model, const char* name) {
  return std::get<Conv<float>>(model.node(*model.find(name)).layer);
}

double output_sqnr_db(const Model<float>& model, const Model<float>& quantized, const Tensor<float>& images) {
  const auto exact = ReferenceExecutor<float>(model).run(std::span(&images, 1));
  const auto rounded = ReferenceExecutor<float>(quantized, {.quantized = true}).run(std::span(&images, 1));
  return sqnr_db<float>(exact.at(0).flat(), rounded.at(0).flat());
}

}  // namespace

TEST_CASE("weights get one symmetric scale for each output channel") {
  const Tensor<float> weights({3, 2, 1, 1}, {1.27F, -0.5F, 0.0F, 0.0F, 0.1F, -2.54F});
  const Quantization q = weight_quantization_for(weights);
  CHECK(q.dtype == DType::s8);
  CHECK(q.axis == 0);
  REQUIRE(q.scale.size() == 3);
  CHECK(q.scale[0] == Approx(0.01));
  CHECK(q.scale[1] == 1.0F);  // a channel of zeros
  CHECK(q.scale[2] == Approx(0.02));
  CHECK(q.zero_point == std::vector<std::int32_t>{0, 0, 0});
  const float tiny = std::numeric_limits<float>::denorm_min();
  CHECK(weight_quantization_for(Tensor<float>({1, 1}, {tiny})).scale[0] == 1.0F);
}

TEST_CASE("values that are never negative take u8, others symmetric s8, and nothing takes a scale of zero") {
  CHECK(quantization_for({0.0F, 2.55F}) == Quantization{DType::u8, {2.55F / 255.0F}, {0}, -1});
  CHECK(quantization_for({-2.54F, 1.0F}) == Quantization{DType::s8, {2.54F / 127.0F}, {0}, -1});
  CHECK(quantization_for({-1.0F, 2.54F}) == Quantization{DType::s8, {2.54F / 127.0F}, {0}, -1});
  CHECK(quantization_for({0.0F, 0.0F}) == Quantization{DType::u8, {1.0F}, {0}, -1});
}

TEST_CASE("for CPUs that add products in 16 bits weights have 7 bits and values are unsigned") {
  const Tensor<float> weights({2, 2}, {-0.63F, 0.1F, 0.2F, 1.26F});
  const Quantization q = weight_quantization_for(weights, 7);
  CHECK(q.scale == std::vector<float>{0.63F / 63.0F, 1.26F / 63.0F});
  for (std::size_t i = 0; i < 4; ++i) CHECK(std::abs(quantize(weights.flat()[i], q.scale[i / 2], 0, DType::s8)) <= 63);

  const Quantization both = quantization_for({-1.0F, 1.55F}, true);
  CHECK(both.dtype == DType::u8);
  CHECK(both.scale[0] == Approx(0.01F));
  CHECK(both.zero_point[0] == 100);
  const Quantization negative = quantization_for({-2.55F, -1.0F}, true);  // 0 stays a number that it can hold
  CHECK(negative.zero_point[0] == 255);
  CHECK(quantization_for({0.0F, 2.55F}, true) == quantization_for({0.0F, 2.55F}));

  const auto images = random_tensor<float>({4, 1, 12, 12}, 2, 0.0, 1.0);
  CHECK_THROWS_WITH(quantize_post_training(plain_cnn(1), images, outputs_of, {.weight_bits = 9}),
                    ContainsSubstring("2 to 8"));
}

TEST_CASE("values of fewer bits have fewer integers for their range, and are clipped to it") {
  CHECK(quantization_for({0.0F, 1.5F}, false, 4) == Quantization{DType::u8, {1.5F / 15.0F}, {0}, -1});
  CHECK(quantization_for({-0.7F, 0.3F}, false, 4) == Quantization{DType::s8, {0.7F / 7.0F}, {0}, -1});
  CHECK(quantization_for({-0.7F, 0.3F}, true, 4) == Quantization{DType::u8, {0.7F / 7.0F}, {8}, -1});

  const Model<float> model = plain_cnn(1);
  const auto images = random_tensor<float>({4, 1, 12, 12}, 2, 0.0, 1.0);
  double before = 0.0;
  for (const int bits : {2, 4, 6, 8}) {
    const QuantizeResult result = quantize_post_training(model, images, outputs_of, {.value_bits = bits});
    const auto values = ReferenceExecutor<float>(result.model, {.quantized = true}).run_all(std::span(&images, 1));
    for (NodeId id = 0; id < result.model.size(); ++id) {
      const Node<float>& node = result.model.node(id);
      if (!node.dst_quantization || std::holds_alternative<Input>(node.layer)) continue;
      INFO(node.name << " in " << bits << " bits");
      const std::set<float> levels(values[id].flat().begin(), values[id].flat().end());
      CHECK(levels.size() <= (std::size_t{1} << bits));
    }
    const double sqnr = output_sqnr_db(model, result.model, images);
    CHECK(sqnr > before);
    before = sqnr;
    for (const auto& group : fusion_groups(result.model)) {  // clips run with what they are behind
      const auto* clip = std::get_if<Activation>(&result.model.node(group.primary).layer);
      CHECK((clip == nullptr || clip->function != ActivationKind::clip));
    }
  }
  CHECK_THROWS_WITH(quantize_post_training(model, images, outputs_of, {.value_bits = 1}), ContainsSubstring("2 to 8"));
}

TEST_CASE("weights that are rounded already keep their steps where that is asked for") {
  const Model<float> model = plain_cnn(1);
  const auto images = random_tensor<float>({4, 1, 12, 12}, 2, 0.0, 1.0);
  Model<float> rounded = model;
  for (NodeId id = 0; id < rounded.size(); ++id) {
    Parameter<float>* weights = detail::weights_of(rounded.edit_layer(id));
    if (weights == nullptr) continue;
    Quantization q = symmetric_quantization(*weights->value, 4, 0);
    for (float& scale : q.scale) scale *= 0.8F;  // the largest are clipped to −8 and 7
    for (std::size_t i = 0; i < weights->value->flat().size(); ++i) {
      const std::size_t c = i / (weights->value->flat().size() / q.scale.size());
      const auto integer = std::clamp(std::nearbyint(weights->value->flat()[i] / q.scale[c]), -8.0F, 7.0F);
      weights->value.edit().flat()[i] = q.scale[c] * integer;
    }
  }
  const QuantizeResult kept =
      quantize_post_training(rounded, images, outputs_of, {.weight_bits = 4, .keep_steps = true});
  const QuantizeResult again = quantize_post_training(rounded, images, outputs_of, {.weight_bits = 4});
  CHECK(kept.report.weight_sqnr_db > 100.0);
  CHECK(again.report.weight_sqnr_db < 50.0);
  // Weights on no grid take their range, as without.
  CHECK(quantize_post_training(model, images, outputs_of, {.weight_bits = 4, .keep_steps = true}).model ==
        quantize_post_training(model, images, outputs_of, {.weight_bits = 4}).model);
}

TEST_CASE("sums that fit into 16 bits are proven from the weights, and made to fit by scales of at most 7 bits") {
  const std::uint64_t seed = GENERATE(range(1, 9));
  const auto images = random_tensor<float>({4, 1, 12, 12}, 2, 0.0, 1.0);
  const Model<float> model = plain_cnn(seed);
  const auto pairs_fit = [](const Parameter<float>& weights) {  // of any two weights of a channel
    const auto values = weights.value->flat();
    const std::size_t rows = static_cast<std::size_t>(weights.value->dim(0)), size = values.size() / rows;
    for (std::size_t row = 0; row < rows; ++row) {
      const float scale = weights.quantization->scale[weights.quantization->per_channel() ? row : 0];
      for (std::size_t i = row * size; i < (row + 1) * size; ++i) {
        for (std::size_t k = i + 1; k < (row + 1) * size; ++k) {
          const int a = quantize(values[i], scale, 0, DType::s8), b = quantize(values[k], scale, 0, DType::s8);
          const int most = 255 * (std::max(a, 0) + std::max(b, 0)), least = 255 * (std::min(a, 0) + std::min(b, 0));
          if (most > 32767 || least < -32768) return false;
        }
      }
    }
    return true;
  };
  for (const bool per_tensor : {false, true}) {
    QuantizeOptions options{.per_tensor = per_tensor};
    const auto plain = quantize_post_training(model, images, outputs_of, options);
    options.sums_in_16_bits = true;
    const auto fitted = quantize_post_training(model, images, outputs_of, options);
    for (std::size_t k = 0; k < plain.report.layers.size(); ++k) {
      const auto& row = plain.report.layers[k];
      const NodeId id = *plain.model.find(row.name);
      const Parameter<float>& weights = *detail::weights_of(plain.model.node(id).layer);
      const Parameter<float>& after = *detail::weights_of(fitted.model.node(id).layer);
      CHECK((row.sums == SumsIn16Bits::fit) == pairs_fit(weights));
      CHECK(pairs_fit(after));
      CHECK((fitted.report.layers[k].sums == SumsIn16Bits::made_to_fit) == (row.sums == SumsIn16Bits::can_overflow));
      const Quantization seven = symmetric_quantization(*weights.value, 7, per_tensor ? -1 : 0);
      for (std::size_t c = 0; c < seven.scale.size(); ++c) {
        CHECK(after.quantization->scale[c] >= weights.quantization->scale[c]);
        CHECK(after.quantization->scale[c] <= seven.scale[c]);
      }
    }
  }
  // One weight a channel: no two to add.
  const Model<float> narrow = ModelBuilder<float>("m", seed).input({4, 5, 5}).depthwise_conv(1).build();
  const auto samples = random_tensor<float>({4, 4, 5, 5}, 3);
  CHECK(quantize_post_training(narrow, samples, outputs_of).report.layers.at(0).sums == SumsIn16Bits::fit);
}

TEST_CASE("a quantized model carries scales beside unchanged weights, and the report repeats them") {
  const Model<float> model = plain_cnn(1);
  const auto images = random_tensor<float>({20, 1, 12, 12}, 2, 0.0, 1.0);
  const auto [quantized, report] = quantize_post_training(model, images, outputs_of);
  CHECK(is_quantized(quantized));
  CHECK_FALSE(is_quantized(model));
  CHECK(conv_of(quantized, "conv1").weights.value.shares_with(conv_of(model, "conv1").weights.value));

  REQUIRE(report.layers.size() == 4);
  CHECK(report.kept.empty());
  const auto& first = report.layers.front();
  const Quantization& weights = *conv_of(quantized, "conv1").weights.quantization;
  CHECK(first.name == "conv1");
  CHECK(first.kind == "Conv");
  CHECK(first.weight_scale_min == *std::min_element(weights.scale.begin(), weights.scale.end()));
  CHECK(first.weight_scale_max == *std::max_element(weights.scale.begin(), weights.scale.end()));
  CHECK(first.weight_sqnr_db > 35.0);
  CHECK(first.src_dtype == DType::u8);
  CHECK(first.src_scale == quantized.node(0).dst_quantization->scale[0]);
  CHECK(first.src_zero_point == 0);
  CHECK(report.weight_sqnr_db > 35.0);

  // The pool and the flatten after a Relu share its scale; the last dense layer gives float.
  const auto rounding = [&, &q = quantized](const char* name) { return q.node(*q.find(name)).dst_quantization; };
  CHECK(rounding("maxpool1") == rounding("relu1"));
  CHECK(rounding("flatten1") == rounding("relu2"));
  CHECK_FALSE(rounding("conv1"));
  CHECK_FALSE(rounding("dense2"));
  CHECK(report.values.size() == 6);
}

TEST_CASE("weights of one scale for a layer are close to float, and those of one for each channel closer") {
  const Model<float> model = plain_cnn(2);
  const auto images = random_tensor<float>({24, 1, 12, 12}, 5, -0.5, 1.0);
  const Model<float> by_layer = quantize_post_training(model, images, outputs_of, {.per_tensor = true}).model;
  const Quantization& q = *conv_of(by_layer, "conv1").weights.quantization;
  CHECK(q.axis == -1);
  REQUIRE(q.scale.size() == 1);
  CHECK(output_sqnr_db(model, by_layer, images) > 25.0);
  const auto by_channel = quantize_post_training(model, images, outputs_of).report;
  CHECK(by_channel.weight_sqnr_db >
        quantize_post_training(model, images, outputs_of, {.per_tensor = true}).report.weight_sqnr_db);
}

TEST_CASE("int8 stays close to float on networks of many kinds of layers") {
  const std::uint64_t seed = GENERATE(1U, 2U, 3U, 4U);
  const auto check = [&](const Model<float>& model, const Shape& sample) {
    Shape shape = sample;
    shape.insert(shape.begin(), 24);
    const auto images = random_tensor<float>(shape, seed + 10, -0.5, 1.0);
    const Model<float> by_minmax = quantize_post_training(model, images, outputs_of).model;
    CHECK(output_sqnr_db(model, by_minmax, images) > 28.0);
    const Model<float> by_percentile =
        quantize_post_training(model, images, outputs_of, {.method = CalibrationMethod::percentile}).model;
    CHECK(output_sqnr_db(model, by_percentile, images) > 28.0);
  };
  check(plain_cnn(seed), {1, 12, 12});
  check(residual_network(seed), {3, 8, 8});
}

TEST_CASE("quantization leaves every fusion group whole") {
  const Model<float> model = fold_batch_normalization(residual_network(7)).model;
  const auto images = random_tensor<float>({4, 3, 8, 8}, 3);
  const Model<float> quantized = quantize_post_training(model, images, outputs_of).model;
  const auto before = fusion_groups(model);
  const auto after = fusion_groups(quantized);
  REQUIRE(after.size() == before.size());
  for (std::size_t i = 0; i < before.size(); ++i) {
    CHECK(after[i].absorbed == before[i].absorbed);
    CHECK(after[i].dst == before[i].dst);
  }
}

TEST_CASE("random networks: integers stand where the agreement says, and little is lost") {
  const std::uint64_t seed = GENERATE(range(std::uint64_t{1}, std::uint64_t{40}));
  const Model<float> model = test::random_model(seed);
  const auto images = random_tensor<float>(infer_shapes(model, 6).front(), seed, -0.5, 1.0);
  const auto [quantized, report] = quantize_post_training(model, images, outputs_of);
  const auto groups = fusion_groups(quantized);
  std::vector<bool> ends_step(quantized.size(), false);
  for (const FusionGroup& group : groups) ends_step[group.dst] = true;
  for (NodeId id = 0; id < quantized.size(); ++id) {
    const Node<float>& node = quantized.node(id);
    if (node.dst_quantization) {
      CHECK_FALSE(quantized.is_output(id));
      CHECK((ends_step[id] || node.src.empty()));
    }
    const auto* weights = fulcrum::detail::weights_of(node.layer);
    if (weights == nullptr) continue;
    // A layer takes int8 or is named with its reason.
    const auto named = [&](const auto& rows) {
      return std::any_of(rows.begin(), rows.end(), [&](const auto& row) { return row.name == node.name; });
    };
    CHECK(weights->quantization.has_value() == named(report.layers));
    CHECK(weights->quantization.has_value() != named(report.kept));
    if (weights->quantization) CHECK(quantized.node(node.src[0]).dst_quantization.has_value());
  }
  CHECK(output_sqnr_db(model, quantized, images) > 25.0);
}

TEST_CASE("batch normalization is folded on the way") {
  const auto images = random_tensor<float>({4, 3, 8, 8}, 3);
  const Model<float> quantized = quantize_post_training(residual_network(7), images, outputs_of).model;
  CHECK_FALSE(quantized.find("batchnormalization1"));
  CHECK(conv_of(quantized, "conv1").bias.size() == 8);
}

TEST_CASE("skipped layers keep float weights and give their reason") {
  const auto images = random_tensor<float>({4, 1, 12, 12}, 3);
  const auto [quantized, report] =
      quantize_post_training(plain_cnn(1), images, outputs_of, {.skip = {"conv1", "dense2"}});
  CHECK_FALSE(conv_of(quantized, "conv1").weights.quantization);
  CHECK(conv_of(quantized, "conv2").weights.quantization);
  CHECK_FALSE(quantized.node(0).dst_quantization);
  REQUIRE(report.kept.size() == 2);
  CHECK(report.kept[0].name == "conv1");
  CHECK(report.kept[0].reason == "asked to stay in float");
}

TEST_CASE("pruned zeros stay zero in integers") {
  Model<float> model = ModelBuilder<float>("m", 5).input({4}).dense(3).build();
  auto& dense = std::get<Dense<float>>(model.edit_layer(1));
  dense.weights.value.edit().flat()[1] = 0.0F;
  dense.weights.mask = Tensor<std::uint8_t>({3, 4}, {1, 0, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1});
  const auto quantized = quantize(model, {{"input", {0, 1}}}).model;
  const auto& result = std::get<Dense<float>>(quantized.node(1).layer).weights;
  CHECK(result.mask == dense.weights.mask);
  CHECK(quantize_dequantize(*result.value, *result.quantization).flat()[1] == 0.0F);
}

TEST_CASE("values that are all zero and weights that are all zero quantize to zero") {
  Model<float> model = ModelBuilder<float>("m").input({2}).dense(2).relu().dense(1).build();
  for (const NodeId id : {NodeId{1}, NodeId{3}}) {
    for (float& w : std::get<Dense<float>>(model.edit_layer(id)).weights.value.edit().flat()) w = 0.0F;
  }
  const Tensor<float> images({2, 2});
  const auto quantized = quantize_post_training(model, images, outputs_of).model;
  const auto dst = ReferenceExecutor<float>(quantized, {.quantized = true}).run(std::span(&images, 1));
  CHECK(dst.at(0) == Tensor<float>({2, 1}));
}

TEST_CASE("a second quantization, a missing range and weights that are not finite are refused") {
  const Model<float> model = plain_cnn(1);
  const auto images = random_tensor<float>({4, 1, 12, 12}, 3);
  const ValueRanges ranges = calibrate_ranges(model, images, outputs_of);
  const Model<float> quantized = quantize(model, ranges).model;
  CHECK_THROWS_WITH(quantize(quantized, ranges), ContainsSubstring("quantized already"));
  CHECK_THROWS_WITH(quantize_post_training(quantized, images, outputs_of), ContainsSubstring("quantized already"));

  ValueRanges incomplete = ranges;
  incomplete.erase("relu2");
  CHECK_THROWS_WITH(quantize(model, incomplete), ContainsSubstring("'relu2'"));

  Model<float> broken = model;
  std::get<Conv<float>>(broken.edit_layer(1)).weights.value.edit().flat()[0] = std::numeric_limits<float>::infinity();
  CHECK_THROWS_WITH(quantize(broken, ranges), ContainsSubstring("'conv1'") && ContainsSubstring("weights"));
}

TEST_CASE("recurrent layers are quantized with a scale for each row, and so is what they take") {
  auto b = ModelBuilder<float>("sequence", 2).input({9, 20}).transpose({1, 0, 2});
  const Model<float> model = b.lstm(16, {.direction = RecurrentDirection::bidirectional})
                                 .transpose({0, 2, 1, 3})
                                 .reshape({0, -1, 32})
                                 .gru(12)
                                 .build();
  const Tensor<float> samples = random_tensor<float>({8, 9, 20}, 4);
  const QuantizeResult result = quantize_post_training(model, samples, outputs_of);
  REQUIRE(result.report.layers.size() == 2);
  CHECK(result.report.layers[0].kind == "LSTM");
  CHECK(result.report.layers[1].kind == "GRU");
  for (const Node<float>& node : result.model.nodes()) {
    const auto* layer = std::get_if<Recurrent<float>>(&node.layer);
    if (layer == nullptr) continue;
    CHECK(layer->weights.quantization == symmetric_quantization(*layer->weights.value, 8, 1));
    CHECK(layer->recurrent_weights.quantization == symmetric_quantization(*layer->recurrent_weights.value, 8, 1));
    CHECK(result.model.node(node.src[0]).dst_quantization);
  }
  CHECK(output_sqnr_db(model, result.model, samples) > 25.0);
  const QuantizeResult kept =
      quantize_post_training(model, samples, outputs_of, {.skip = {result.report.layers[1].name}});
  CHECK(kept.report.layers.size() == 1);
  CHECK(kept.report.kept.size() == 1);
}
