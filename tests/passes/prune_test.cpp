#include <fulcrum/passes/prune.hpp>

#include <algorithm>
#include <cmath>
#include <limits>

#include <fulcrum/analysis/weighted_layers.hpp>
#include <fulcrum/model/builder.hpp>

#include <support/catch.hpp>
#include <support/data.hpp>

using namespace fulcrum;
using fulcrum::test::random_tensor;

namespace {

Parameter<double>& weights_of(Model<double>& model, const char* name) {
  return *fulcrum::detail::weights_of(model.edit_layer(*model.find(name)));
}
const Parameter<double>& weights_of(const Model<double>& model, const char* name) {
  return *fulcrum::detail::weights_of(model.node(*model.find(name)).layer);
}

/// dense1 (2, 3) and dense2 (1, 2) with the weights given.
Model<double> two_layers(std::initializer_list<double> first, std::initializer_list<double> second) {
  auto model = ModelBuilder<double>("m").input({3}).dense(2).relu().dense(1).build();
  weights_of(model, "dense1") = Tensor<double>({2, 3}, first);
  weights_of(model, "dense2") = Tensor<double>({1, 2}, second);
  return model;
}

using Mask = Tensor<std::uint8_t>;

}  // namespace

TEST_CASE("a threshold keeps what exceeds it in magnitude") {
  const auto model = two_layers({0.5, -0.5, 0.6, -0.7, 0.0, 2.0}, {-0.1, 0.2});
  const auto [pruned, report] = prune(model, {.threshold = 0.5});
  CHECK(*weights_of(pruned, "dense1").value == Tensor<double>({2, 3}, {0, 0, 0.6, -0.7, 0, 2}));
  CHECK(*weights_of(pruned, "dense1").mask == Mask({2, 3}, {0, 0, 1, 1, 0, 1}));
  CHECK(*weights_of(pruned, "dense2").mask == Mask({1, 2}, {0, 0}));  // a threshold may take a whole layer
  CHECK(weights_of(model, "dense1").mask.empty());                    // the argument is untouched

  REQUIRE(report.layers.size() == 2);
  CHECK(report.layers[0].name == "dense1");
  CHECK(report.layers[0].elements == 6);
  CHECK(report.layers[0].kept == 3);
  CHECK(report.layers[0].sparsity == 0.5);
  CHECK(report.layers[0].threshold == 0.5);
  CHECK(report.layers[0].sqnr_db == Approx(10.0 * std::log10((0.25 + 0.25 + 0.36 + 0.49 + 4.0) / 0.5)));
  CHECK(report.layers[1].sqnr_db == 0.0);  // all noise
  CHECK(report.elements == 8);
  CHECK(report.kept == 3);
  CHECK(report.sparsity == 0.625);
}

TEST_CASE("a model that is given away is pruned in place, one that shares its weights is not") {
  auto model = two_layers({0.5, -0.5, 0.6, -0.7, 0.0, 2.0}, {-0.1, 0.2});
  const double* const place = weights_of(model, "dense1").value->flat().data();
  const Model<double> shared = model;
  auto once = prune(std::move(model), {.threshold = 0.5});
  CHECK(weights_of(once.model, "dense1").value->flat().data() != place);
  CHECK(*weights_of(shared, "dense1").value == Tensor<double>({2, 3}, {0.5, -0.5, 0.6, -0.7, 0.0, 2.0}));

  const double* const own = weights_of(once.model, "dense1").value->flat().data();
  const auto [again, report] = prune(std::move(once.model), {.threshold = 0.6});
  CHECK(weights_of(again, "dense1").value->flat().data() == own);
  CHECK(*weights_of(again, "dense1").value == Tensor<double>({2, 3}, {0, 0, 0, -0.7, 0, 2}));
  CHECK(*weights_of(again, "dense1").mask == Mask({2, 3}, {0, 0, 0, 1, 0, 1}));
  CHECK(report.layers[0].kept == 2);
}

TEST_CASE("a threshold of zero prunes nothing but zeros") {
  const auto [pruned, report] = prune(two_layers({1, -1, 0, 1, 1, 1}, {1, 1}), {.threshold = 0.0});
  CHECK(report.kept == 7);
  CHECK(report.sqnr_db == std::numeric_limits<double>::infinity());
}

TEST_CASE("a float weight of the threshold's own decimal does not exceed it") {
  auto model = ModelBuilder<float>("m").input({2}).dense(1).build();
  std::get<Dense<float>>(model.edit_layer(1)).weights = Tensor<float>({1, 2}, {0.1F, 0.2F});
  const auto report = prune(model, {.threshold = 0.1}).report;
  CHECK(report.kept == 1);
  CHECK(report.layers[0].threshold == 0.1);
}

TEST_CASE("a sparsity keeps that many weights of every layer, the lowest index first among equals") {
  const auto [pruned, report] = prune(two_layers({1, 2, -2, 2, 3, 0.5}, {5, -4}), {.sparsity = 0.5});
  CHECK(*weights_of(pruned, "dense1").mask == Mask({2, 3}, {0, 1, 1, 0, 1, 0}));
  CHECK(*weights_of(pruned, "dense2").mask == Mask({1, 2}, {1, 0}));
  CHECK(report.layers[0].threshold == 2.0);
  CHECK(report.layers[1].threshold == 5.0);
}

TEST_CASE("a global sparsity has one threshold and breaks ties in the order of the layers") {
  const auto model = two_layers({1, 2, -2, 2, 3, 0.5}, {5, -2});
  const auto [pruned, report] = prune(model, {.sparsity = 0.5, .scope = PruneScope::global});
  CHECK(*weights_of(pruned, "dense1").mask == Mask({2, 3}, {0, 1, 1, 0, 1, 0}));
  CHECK(*weights_of(pruned, "dense2").mask == Mask({1, 2}, {1, 0}));
  CHECK(report.kept == 4);
  CHECK(report.layers[0].threshold == 2.0);
  CHECK(report.layers[1].threshold == 2.0);
}

TEST_CASE("exactly max(round(N(1 - s)), 1) weights are kept whatever their ties") {
  const double sparsity = GENERATE(0.0, 0.1, 0.37, 0.5, 0.85, 0.9, 0.999);
  auto model = ModelBuilder<double>("m", 3).input({2, 6, 6}).conv(5, 3).relu().flatten().dense(7).build();
  for (const char* name : {"conv1", "dense1"}) {
    auto values = random_tensor<double>(weights_of(model, name).value->dims(), 9);
    for (double& w : values.flat()) w = std::round(4.0 * w);  // many equal magnitudes, many zeros
    weights_of(model, name) = values;
  }
  const auto expected = [&](std::int64_t n) {
    return std::max<std::int64_t>(std::llround(static_cast<double>(n) * (1.0 - sparsity)), 1);
  };
  const auto local = prune(model, {.sparsity = sparsity}).report;
  for (const auto& layer : local.layers) CHECK(layer.kept == expected(layer.elements));
  const auto [pruned, global] = prune(model, {.sparsity = sparsity, .scope = PruneScope::global});
  CHECK(global.kept == expected(global.elements));

  // What was kept is nowhere smaller than what was removed.
  double smallest_kept = std::numeric_limits<double>::infinity();
  double largest_removed = 0.0;
  for (const char* name : {"conv1", "dense1"}) {
    const auto before = weights_of(model, name).value->flat();
    const auto mask = weights_of(pruned, name).mask->flat();
    for (std::size_t i = 0; i < before.size(); ++i) {
      const double magnitude = std::abs(before[i]);
      if (mask[i] == 1) smallest_kept = std::min(smallest_kept, magnitude);
      if (mask[i] == 0) largest_removed = std::max(largest_removed, magnitude);
    }
  }
  CHECK(smallest_kept >= largest_removed);
}

TEST_CASE("what was pruned before stays pruned and counts as removed") {
  auto model = two_layers({0, 2, 3, 4, 5, 6}, {1, 1});
  weights_of(model, "dense1").mask = Mask({2, 3}, {0, 1, 1, 1, 1, 1});
  const auto once = prune(model, {.sparsity = 0.5, .skip = {"dense2"}}).model;
  CHECK(*weights_of(once, "dense1").mask == Mask({2, 3}, {0, 0, 0, 1, 1, 1}));
  CHECK(prune(once, {.sparsity = 0.5, .skip = {"dense2"}}).model == once);
  // Asked for less than is pruned already, it brings nothing back.
  CHECK(*weights_of(prune(once, {.sparsity = 0.0}).model, "dense1").mask == Mask({2, 3}, {0, 0, 0, 1, 1, 1}));
  CHECK(*weights_of(prune(once, {.threshold = 0.0}).model, "dense1").mask == Mask({2, 3}, {0, 0, 0, 1, 1, 1}));
  CHECK(*weights_of(prune(once, {.threshold = 4.0}).model, "dense1").mask == Mask({2, 3}, {0, 0, 0, 0, 1, 1}));
}

TEST_CASE("a layer whose weights were all pruned before stays so") {
  auto model = two_layers({1, 2, 3, 4, 5, 6}, {0, 0});
  weights_of(model, "dense2").mask = Mask({1, 2}, {0, 0});
  const auto report = prune(model, {.sparsity = 0.5}).report;
  CHECK(report.layers[1].kept == 0);
  CHECK(report.layers[1].sparsity == 1.0);
}

TEST_CASE("biases and skipped layers are left as they are") {
  auto model = two_layers({1, 2, 3, 4, 5, 6}, {1, 2});
  std::get<Dense<double>>(model.edit_layer(1)).bias = Tensor<double>({2}, {0.001, 0.002});
  const auto [pruned, report] = prune(model, {.sparsity = 0.9, .skip = {"dense2"}});
  CHECK(std::get<Dense<double>>(pruned.node(1).layer).bias == std::get<Dense<double>>(model.node(1).layer).bias);
  CHECK(weights_of(pruned, "dense2") == weights_of(model, "dense2"));
  CHECK(report.layers.size() == 1);
  CHECK(report.elements == 6);
  CHECK(report.kept == 1);
}

TEST_CASE("pruning refuses what makes no sense, in one sentence") {
  const auto model = two_layers({1, 2, 3, 4, 5, 6}, {1, 2});
  const double nan = std::nan("");
  CHECK_THROWS_WITH(prune(model, {}), ContainsSubstring("either a threshold or a sparsity"));
  CHECK_THROWS_WITH(prune(model, {.threshold = 0.1, .sparsity = 0.5}), ContainsSubstring("a threshold and a sparsity"));
  CHECK_THROWS_WITH(prune(model, {.threshold = -0.1}), ContainsSubstring("negative"));
  CHECK_THROWS_WITH(prune(model, {.threshold = nan}), ContainsSubstring("NaN"));
  CHECK_THROWS_WITH(prune(model, {.sparsity = 1.0}), ContainsSubstring("outside [0, 1)"));
  CHECK_THROWS_WITH(prune(model, {.sparsity = -0.1}), ContainsSubstring("outside [0, 1)"));
  CHECK_THROWS_WITH(prune(model, {.sparsity = nan}), ContainsSubstring("outside [0, 1)"));
  CHECK_THROWS_WITH(prune(model, {.sparsity = 0.5, .skip = {"relu1"}}), ContainsSubstring("'relu1'"));
  CHECK_THROWS_WITH(prune(two_layers({1, 2, nan, 4, 5, 6}, {1, 2}), {.sparsity = 0.5}), ContainsSubstring("'dense1'"));
  auto quantized = model;
  quantized.set_dst_quantization(0, Quantization{DType::u8, {1.0F}, {0}, -1});
  CHECK_THROWS_WITH(prune(quantized, {.sparsity = 0.5}), ContainsSubstring("prune before quantizing"));
}

TEST_CASE("scopes are known by name") {
  CHECK(prune_scope_from("layer") == PruneScope::layer);
  CHECK(prune_scope_from(name_of(PruneScope::global)) == PruneScope::global);
  CHECK_THROWS_WITH(prune_scope_from("local"), ContainsSubstring("layer or global"));
}

TEST_CASE("a constant may be infinite, a weight may not") {
  auto builder = ModelBuilder<float>("masked", 1).input({3}).dense(3);
  const NodeId dense = builder.last();
  builder.constant(Tensor<float>({3}, {0.0F, -HUGE_VALF, 0.0F}));
  const NodeId mask = builder.last();
  Model<float> model = builder.layer(Binary{BinaryKind::add}, {dense, mask}).build();
  PruneOptions options;
  options.threshold = 0.1;
  CHECK(prune(model, options).report.layers.size() == 1);
  const float huge = std::numeric_limits<float>::max();  // its square is infinite, it is not
  std::get<Dense<float>>(model.edit_layer(dense)).weights.value.edit().flat()[0] = huge;
  CHECK(prune(model, options).report.layers.size() == 1);
  PruneOptions share;
  share.sparsity = 0.5;
  PruneOptions all;
  all.threshold = std::numeric_limits<double>::infinity();
  const float wrong = GENERATE(HUGE_VALF, -HUGE_VALF, std::numeric_limits<float>::quiet_NaN());
  std::get<Dense<float>>(model.edit_layer(dense)).weights.value.edit().flat()[0] = wrong;
  for (const PruneOptions& o : {options, share, all})
    CHECK_THROWS_WITH(prune(model, o), ContainsSubstring("has NaN or infinite values in its weights"));
  const float kept = std::get<Dense<float>>(model.node(dense).layer).weights.value->flat()[0];
  CHECK((kept == wrong || (std::isnan(kept) && std::isnan(wrong))));  // one that is refused stays as it was
  auto& repaired = std::get<Dense<float>>(model.edit_layer(dense));
  repaired.weights.value.edit().flat()[0] = 1.0F;
  repaired.bias.value.edit().flat()[0] = wrong;
  CHECK_THROWS_WITH(prune(model, options), ContainsSubstring("in its bias"));
}

TEST_CASE("of every group along the input channels the largest stay, of equal ones the first") {
  // (2, 5, 1, 2): groups are channels 0 … 3 and channel 4, at each of the two places of the kernel.
  Model<float> model = ModelBuilder<float>("net").input({5, 1, 2}).conv(2, Extent2{1, 2}, {.bias = false}).build();
  Tensor<float> weights(Shape{2, 5, 1, 2});
  const std::vector<float> first{4, -3, 3, 3, 9}, second{1, 1, 1, -1, 0.5F};
  for (std::int64_t c = 0; c < 5; ++c) {
    for (std::int64_t o = 0; o < 2; ++o) {
      weights.at(o, c, 0, 0) = first[static_cast<std::size_t>(c)];
      weights.at(o, c, 0, 1) = second[static_cast<std::size_t>(c)];
    }
  }
  std::get<Conv<float>>(model.edit_layer(1)).weights = weights;
  PruneOptions options;
  options.groups = PruneGroups{2, 4};
  const auto result = prune(model, options);
  const auto& pruned = std::get<Conv<float>>(result.model.node(1).layer).weights;
  const std::vector<int> kept{1, 1, 0, 0, 1};
  for (std::int64_t c = 0; c < 5; ++c) {
    for (std::int64_t o = 0; o < 2; ++o) {
      for (std::int64_t x = 0; x < 2; ++x) {
        CHECK((pruned.mask->at(o, c, 0, x) != 0) == (kept[static_cast<std::size_t>(c)] == 1));
        CHECK((pruned.value->at(o, c, 0, x) != 0.0F) == (kept[static_cast<std::size_t>(c)] == 1));
      }
    }
  }
  CHECK(result.report.kept == 12);
  CHECK(result.report.layers[0].threshold == 0.5);
}

TEST_CASE("groups that keep nothing or everything, or stand beside a sparsity, are refused") {
  const Model<float> model = ModelBuilder<float>("net").input({4}).dense(2).build();
  PruneOptions options;
  options.groups = PruneGroups{4, 4};
  CHECK_THROWS_WITH(prune(model, options), ContainsSubstring("fewer than a group has"));
  options.groups = PruneGroups{0, 4};
  CHECK_THROWS_AS(prune(model, options), Error);
  options.groups = PruneGroups{2, 4};
  options.sparsity = 0.5;
  CHECK_THROWS_WITH(prune(model, options), ContainsSubstring("groups and something else"));
}
