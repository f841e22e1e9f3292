#include <fulcrum/plan/sparse_gains.hpp>

#include <algorithm>

#include <fulcrum/model/builder.hpp>
#include <fulcrum/passes/prune.hpp>
#include <fulcrum/schedule/sparse.hpp>

#include <support/catch.hpp>
#include <support/synthetic_machine.hpp>

using namespace fulcrum;

namespace {

Model<float> wide_and_depthwise() {
  return ModelBuilder<float>("net", 3)
      .input({256, 14, 14})
      .conv(256, 1)
      .relu()
      .conv(256, 3, {.padding = 1, .groups = 256})
      .relu()
      .conv(256, 1)
      .global_average_pool()
      .flatten()
      .dense(10)
      .build();
}

}  // namespace

TEST_CASE("each layer says what its zeros bring and from where on, or why they bring nothing") {
  const Model<float> model = prune(wide_and_depthwise(), {.sparsity = 0.9}).model;
  const std::vector<SparseGain> gains = sparse_gains(model, {}, synthetic::machine());
  REQUIRE(gains.size() == 4);
  const auto gain = [&](const char* layer) {
    return *std::find_if(gains.begin(), gains.end(), [&](const SparseGain& g) { return g.layer == layer; });
  };
  CHECK(gain("conv1").sparsity == Approx(0.9).margin(0.001));
  CHECK(gain("conv1").why_not.empty());
  CHECK(gain("conv1").break_even < 0.75);
  CHECK(gain("conv1").sparse < gain("conv1").dense);
  CHECK_THAT(gain("conv2").why_not, ContainsSubstring("grouped"));
  CHECK(gain("conv2").sparse == gain("conv2").dense);

  const Model<float> third = prune(wide_and_depthwise(), {.sparsity = 0.3}).model;
  CHECK_THAT(sparse_gains(third, {}, synthetic::machine()).front().why_not, ContainsSubstring("it breaks even at "));
}

TEST_CASE("layers that would not gain are those to leave out of pruning") {
  const auto skipped = [](double sparsity) {
    std::vector<std::string> names = layers_not_worth_pruning(wide_and_depthwise(), sparsity, {}, synthetic::machine());
    std::sort(names.begin(), names.end());
    return names;
  };
  CHECK(skipped(0.9) == std::vector<std::string>{"conv2", "dense1"});
  CHECK(skipped(0.2).size() == 4);
  CHECK_THROWS_WITH(skipped(1.0), ContainsSubstring("sparsity"));

  MachineProfile profile = synthetic::machine();  // where sparse products are slow
  profile.sparse_costs = {default_sparse_costs(SparseKind::pointwise, 1)};
  for (double& factor : profile.sparse_costs[0].sparse) factor *= 20.0;
  CHECK(layers_not_worth_pruning(wide_and_depthwise(), 0.9, {}, profile).size() == 4);
}

TEST_CASE("a layer gets the zeros that are asked for where it would run sparse with them") {
  const Model<float> model = wide_and_depthwise();
  const Machine machine = machine_of(synthetic::machine());
  const auto with = [&](const char* layer, double sparsity) {
    return with_sparse_weights(model, *model.find(layer), sparsity, {}, machine);
  };
  const SparseLayer pruned = with("conv1", 0.9);
  REQUIRE(pruned.reduced.model);
  const auto& weights = std::get<Conv<float>>(pruned.reduced.model->node(*model.find("conv1")).layer).weights;
  CHECK(std::abs(static_cast<double>(count_nonzeros(weights.value->flat())) - 0.1 * 256 * 256) <= 2.0);
  CHECK(pruned.break_even < 0.75);
  CHECK_FALSE(with("conv1", 0.2).reduced.model);
  CHECK_THAT(with("conv1", 0.2).reduced.why_not, ContainsSubstring("it breaks even at "));
  CHECK_THAT(with("conv2", 0.9).reduced.why_not, ContainsSubstring("grouped"));
}
