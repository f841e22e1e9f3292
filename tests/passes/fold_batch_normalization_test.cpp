#include <fulcrum/passes/fold_batch_normalization.hpp>

#include <fulcrum/exec/reference.hpp>
#include <fulcrum/model/builder.hpp>
#include <fulcrum/model/cast.hpp>

#include <support/catch.hpp>
#include <support/data.hpp>
#include <support/random_model.hpp>

using namespace fulcrum;
using fulcrum::test::random_tensor;

namespace {

/// Gives every batch normalization statistics of its own, as training would.
template <class T>
Model<T> with_statistics(Model<T> model) {
  for (NodeId id = 0; id < model.size(); ++id) {
    auto* norm = std::get_if<BatchNormalization<T>>(&model.edit_layer(id));
    if (norm == nullptr) continue;
    const Shape channels = norm->scale.value->dims();
    norm->scale = random_tensor<T>(channels, id, -2.0, 2.0);
    norm->shift = random_tensor<T>(channels, id + 100);
    norm->mean = random_tensor<T>(channels, id + 200);
    norm->variance = random_tensor<T>(channels, id + 300, 0.1, 3.0);
  }
  return model;
}

void check_same_results(const Model<double>& a, const Model<double>& b, const Shape& src_shape) {
  const std::vector<Tensor<double>> src{random_tensor<double>(src_shape, 77)};
  const auto dst_a = ReferenceExecutor<double>(a).run(src);
  const auto dst_b = ReferenceExecutor<double>(b).run(src);
  REQUIRE(dst_a.size() == dst_b.size());
  for (std::size_t i = 0; i < dst_a.size(); ++i) {
    REQUIRE(dst_a[i].dims() == dst_b[i].dims());
    for (std::size_t k = 0; k < dst_a[i].flat().size(); ++k) {
      CHECK(dst_b[i].flat()[k] == Approx(dst_a[i].flat()[k]).margin(1e-11));
    }
  }
}

}  // namespace

TEST_CASE("a batch normalization becomes scaled weights and a bias") {
  auto model = ModelBuilder<double>("m").input({1, 1, 1}).conv(2, 1).batch_normalization(0.25).build();
  auto& conv = std::get<Conv<double>>(model.edit_layer(1));
  conv.weights = Tensor<double>({2, 1, 1, 1}, {3, -5});
  conv.bias = Tensor<double>({2}, {1, 2});
  auto& norm = std::get<BatchNormalization<double>>(model.edit_layer(2));
  norm.scale = Tensor<double>({2}, {4, 6});
  norm.variance = Tensor<double>({2}, {3.75, 8.75});  // deviations 2 and 3, so factors 2 and 2
  norm.mean = Tensor<double>({2}, {0.5, -1});
  norm.shift = Tensor<double>({2}, {10, 20});

  const auto result = fold_batch_normalization(model);
  REQUIRE(result.report.folded.size() == 1);
  CHECK(result.report.folded[0].name == "batchnormalization1");
  CHECK(result.report.folded[0].into == "conv1");
  CHECK(result.report.kept.empty());
  REQUIRE(result.model.size() == 2);
  CHECK(result.model.outputs() == std::vector<NodeId>{1});
  const auto& folded = std::get<Conv<double>>(result.model.node(1).layer);
  CHECK(*folded.weights.value == Tensor<double>({2, 1, 1, 1}, {6, -10}));
  CHECK(*folded.bias.value == Tensor<double>({2}, {11, 26}));
  CHECK(std::get<Conv<double>>(model.node(1).layer).weights.value->flat()[0] == 3.0);  // the argument is untouched
}

TEST_CASE("folding keeps what a network computes") {
  auto b = ModelBuilder<double>("net", 3).input({3, 8, 8}).conv(8, 3, {.padding = 1, .bias = false});
  b.batch_normalization().relu();
  const NodeId shortcut = b.last();
  b.depthwise_conv(3, {.padding = 1})
      .batch_normalization()
      .conv(8, 1, {.groups = 2})
      .batch_normalization()
      .add(shortcut);
  b.batch_normalization().relu().flatten().dense(6, false).batch_normalization().batch_normalization().softmax();
  const Model<double> model = with_statistics(std::move(b).build());
  const auto result = fold_batch_normalization(model);
  CHECK(result.report.folded.size() == 5);
  REQUIRE(result.report.kept.size() == 1);  // the one after the sum
  CHECK(result.report.kept[0].reason == "its source 'add1' is no convolution or dense layer");
  CHECK(result.report.folded.back().into == "dense1");
  CHECK(result.model.size() == model.size() - 5);
  check_same_results(model, result.model, {2, 3, 8, 8});
  CHECK(fold_batch_normalization(result.model).model == result.model);
}

TEST_CASE("folding keeps what random networks compute") {
  const std::uint64_t seed = GENERATE(range(std::uint64_t{1}, std::uint64_t{25}));
  const Model<double> model = cast<double>(test::random_model(seed));
  const auto result = fold_batch_normalization(model);
  CHECK(result.model.size() + result.report.folded.size() == model.size());
  Shape shape = infer_shapes(model, 2).front();
  check_same_results(model, result.model, shape);
}

TEST_CASE("a batch normalization stays when something else sees the value before it") {
  auto branch = ModelBuilder<double>("branch", 1).input({2, 4, 4}).conv(2, 3, {.padding = 1});
  const NodeId before = branch.last();
  const auto shared = with_statistics(std::move(branch.batch_normalization().add(before)).build());
  const auto result = fold_batch_normalization(shared);
  REQUIRE(result.report.kept.size() == 1);
  CHECK_THAT(result.report.kept[0].reason, ContainsSubstring("another consumer"));
  CHECK(result.model == shared);

  auto output =
      with_statistics(ModelBuilder<double>("output").input({2, 4, 4}).conv(2, 1).batch_normalization().build());
  output.set_outputs({1, 2});
  CHECK_THAT(fold_batch_normalization(output).report.kept.at(0).reason, ContainsSubstring("output of the model"));
}

TEST_CASE("a batch normalization stays where integers stand between") {
  auto model = ModelBuilder<double>("m").input({2, 4, 4}).conv(2, 1).batch_normalization().build();
  auto rounded = model;
  rounded.set_dst_quantization(1, Quantization{DType::s8, {1.0F}, {0}, -1});
  CHECK_THAT(fold_batch_normalization(rounded).report.kept.at(0).reason, ContainsSubstring("quantized"));
  std::get<Conv<double>>(model.edit_layer(1)).weights.quantization = Quantization{DType::s8, {1, 1}, {0, 0}, 0};
  CHECK_THAT(fold_batch_normalization(model).report.kept.at(0).reason, ContainsSubstring("quantized"));
}

TEST_CASE("the rounding of a folded layer's result stays at its end") {
  auto model = ModelBuilder<double>("m").input({2, 4, 4}).conv(2, 1).batch_normalization().build();
  const Quantization q{DType::s8, {1.0F}, {0}, -1};
  model.set_dst_quantization(2, q);
  const auto folded = fold_batch_normalization(model).model;
  REQUIRE(folded.size() == 2);
  CHECK(folded.node(1).dst_quantization == q);
}

TEST_CASE("a dense layer on a source of higher rank keeps its batch normalization") {
  const auto model = with_statistics(ModelBuilder<double>("m", 2).input({3, 4}).dense(3).batch_normalization().build());
  const auto result = fold_batch_normalization(model);
  CHECK(result.model == model);
  CHECK_THAT(result.report.kept.at(0).reason, ContainsSubstring("another axis"));
}

TEST_CASE("pruned zeros stay zero and keep their mask") {
  auto model = with_statistics(ModelBuilder<double>("m", 4).input({2, 4, 4}).conv(2, 1).batch_normalization().build());
  auto& conv = std::get<Conv<double>>(model.edit_layer(1));
  conv.weights.value.edit().flat()[2] = 0.0;
  conv.weights.mask = Tensor<std::uint8_t>({2, 2, 1, 1}, {1, 1, 0, 1});
  const auto result = fold_batch_normalization(model);
  const auto& folded = std::get<Conv<double>>(result.model.node(1).layer);
  CHECK(folded.weights.mask == conv.weights.mask);
  CHECK(folded.weights.value->flat()[2] == 0.0);
}

TEST_CASE("a negative variance is refused by layer name") {
  auto model = ModelBuilder<double>("m").input({2, 4, 4}).conv(2, 1).batch_normalization().build();
  std::get<BatchNormalization<double>>(model.edit_layer(2)).variance.value.edit().flat()[1] = -1.0;
  CHECK_THROWS_WITH(fold_batch_normalization(model),
                    ContainsSubstring("batchnormalization1") && ContainsSubstring("channel 1"));
}
