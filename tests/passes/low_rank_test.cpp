#include <fulcrum/passes/low_rank.hpp>

#include <algorithm>
#include <cmath>
#include <string>
#include <vector>

#include <fulcrum/exec/reference.hpp>
#include <fulcrum/model/builder.hpp>

#include <support/catch.hpp>
#include <support/data.hpp>
#include <support/tolerance.hpp>

using namespace fulcrum;

namespace {

Tensor<float> output_of(const Model<float>& model, const Tensor<float>& src) {
  return ReferenceExecutor<float>(model).run(std::vector<Tensor<float>>{src}).back();
}

/// A layer of (oc, ic) whose weights are a product of rank 3.
Model<float> model_of_rank_3() {
  Model<float> model = ModelBuilder<float>("net").input({64}).dense(48).relu().dense(4).build();
  const auto a = test::random_tensor<float>({48, 3}, 1);
  const auto b = test::random_tensor<float>({3, 64}, 2);
  Tensor<float> product(Shape{48, 64});
  for (std::int64_t i = 0; i < 48; ++i) {
    for (std::int64_t j = 0; j < 64; ++j) {
      for (std::int64_t k = 0; k < 3; ++k) product.at(i, j) += a.at(i, k) * b.at(k, j);
    }
  }
  std::get<Dense<float>>(model.edit_layer(1)).weights = std::move(product);
  return model;
}

}  // namespace

TEST_CASE("a layer of low rank becomes two that compute the same, and the others stay one") {
  const Model<float> model = model_of_rank_3();
  LowRankOptions options;
  options.energy = 0.9999999;
  options.multiple = 1;
  const LowRankResult result = low_rank(model, options);
  REQUIRE(result.report.layers.size() == 1);
  CHECK(result.report.layers[0].name == "dense1");
  CHECK(result.report.layers[0].rank == 3);
  CHECK(result.report.layers[0].full_rank == 48);
  CHECK(result.report.flops_after == total_work(result.model, 1).flops);
  CHECK(result.report.flops_after < result.report.flops_before);
  REQUIRE(result.report.kept.size() == 1);
  CHECK(result.report.kept[0].name == "dense2");
  CHECK_THAT(result.report.kept[0].reason, ContainsSubstring("times as much"));
  const auto src = test::random_tensor<float>({5, 64}, 3);
  CHECK(test::relative_difference(output_of(result.model, src), output_of(model, src)) < 1e-5);
}

TEST_CASE("at full rank both schemes of a convolution compute the same") {
  for (const bool square : {true, false}) {
    ModelBuilder<float> b("net");
    b.input({5, 9, 8});
    ConvOptions options;
    options.stride = {2, 1};
    options.padding = {1, 0, 2, 1};
    options.dilation = {1, 2};
    b.conv(6, square ? Extent2{3, 3} : Extent2{3, 2}, options);
    const Model<float> model = std::move(b).build();
    for (const LowRankScheme scheme : {LowRankScheme::channel, LowRankScheme::spatial}) {
      LowRankOptions full;
      full.energy = 1.0;
      full.multiple = 1;
      // A cost that likes the scheme at hand.
      const ModelCost<float> cost = [&](const Model<float>& m) {
        if (m.size() == model.size()) return 1.0;
        const Shape second = std::get<Conv<float>>(m.node(2).layer).weights.value->dims();
        return (second[3] == 1) == (scheme == LowRankScheme::channel) ? 0.5 : 2.0;
      };
      const LowRankResult result = low_rank(model, full, cost);
      REQUIRE(result.report.layers.size() == 1);
      CHECK(result.report.layers[0].scheme == scheme);
      CHECK(result.report.layers[0].energy == Approx(1.0));
      const auto src = test::random_tensor<float>({2, 5, 9, 8}, 3);
      CHECK(test::relative_difference(output_of(result.model, src), output_of(model, src)) < 1e-5);
    }
  }
}

TEST_CASE("a truncated layer is off by the energy that was left out") {
  const Model<float> model = ModelBuilder<float>("net").input({40}).dense(40, false).build();
  LowRankOptions options;
  options.energy = 0.6;
  options.multiple = 1;
  const LowRankResult result = low_rank(model, options);
  REQUIRE(result.report.layers.size() == 1);
  const auto& w = *std::get<Dense<float>>(model.node(1).layer).weights.value;
  const auto& first = *std::get<Dense<float>>(result.model.node(1).layer).weights.value;
  const auto& second = *std::get<Dense<float>>(result.model.node(2).layer).weights.value;
  double whole = 0.0;
  double off = 0.0;
  for (std::int64_t i = 0; i < 40; ++i) {
    for (std::int64_t j = 0; j < 40; ++j) {
      double sum = 0.0;
      for (std::int64_t k = 0; k < first.dim(0); ++k)
        sum += static_cast<double>(second.at(i, k)) * static_cast<double>(first.at(k, j));
      off += (sum - static_cast<double>(w.at(i, j))) * (sum - static_cast<double>(w.at(i, j)));
      whole += static_cast<double>(w.at(i, j)) * static_cast<double>(w.at(i, j));
    }
  }
  CHECK(off / whole == Approx(1.0 - result.report.layers[0].energy).margin(1e-5));
  CHECK(result.report.layers[0].energy >= 0.6);
}

TEST_CASE("grouped convolutions stay, and options out of range are refused") {
  const Model<float> model = ModelBuilder<float>("net").input({4, 5, 5}).depthwise_conv(3).build();
  const LowRankResult result = low_rank(model, {});
  REQUIRE(result.report.kept.size() == 1);
  CHECK(result.report.kept[0].reason == "it is grouped");
  CHECK(result.model == model);
  LowRankOptions options;
  options.energy = 0.0;
  CHECK_THROWS_WITH(low_rank(model, options), ContainsSubstring("share above 0"));
  options = {};
  options.multiple = 0;
  CHECK_THROWS_WITH(low_rank(model, options), ContainsSubstring("multiple"));
}
