#include <fulcrum/passes/prune_channels.hpp>

#include <algorithm>
#include <string>
#include <vector>

#include <fulcrum/model/builder.hpp>
#include <fulcrum/zoo/zoo.hpp>

#include <support/catch.hpp>

using namespace fulcrum;

TEST_CASE("pruning channels leaves at most the share of the FLOPs, and not much less") {
  for (const std::string name : {"resnet50", "mobilenet_v2", "densenet121", "efficientnet_b0"}) {
    for (const PruneScope scope : {PruneScope::layer, PruneScope::global}) {
      const Model<float> model = zoo_model(name);
      PruneChannelsOptions options;
      options.scope = scope;
      const auto result = prune_channels(model, options);
      INFO(name << ", " << name_of(scope));
      CHECK(result.report.reached);
      CHECK(result.report.flops_after == total_work(result.model, 1).flops);
      CHECK(result.report.flops_after <= 0.5 * result.report.flops_before);
      CHECK(result.report.flops_after >= 0.42 * result.report.flops_before);
      CHECK(result.report.parameters_after == parameter_count(result.model));
      for (const auto& group : result.report.groups) {
        INFO(group.layer << ": " << group.kept << " of " << group.channels);
        CHECK(group.kept >= 1);
        if (group.channels >= 32) CHECK((group.kept == group.channels || group.kept % 16 == 0));
      }
    }
  }
}

TEST_CASE("the least salient channels go, of equal ones the last") {
  Model<float> model = ModelBuilder<float>("net").input({1}).dense(4).relu().dense(2).build();
  std::get<Dense<float>>(model.edit_layer(1)).weights = Tensor<float>(Shape{4, 1}, {3.0F, 1.0F, -5.0F, 1.0F});
  const auto left = [&](double flops) {
    PruneChannelsOptions options;
    options.flops = flops;
    options.multiple = 1;
    const auto result = prune_channels(model, options);
    const auto weights = std::get<Dense<float>>(result.model.node(1).layer).weights.value->flat();
    return std::vector<float>(weights.begin(), weights.end());
  };
  CHECK(left(0.8) == std::vector<float>{3.0F, 1.0F, -5.0F});
  CHECK(left(0.55) == std::vector<float>{3.0F, -5.0F});
}

TEST_CASE("a layer that is to be left alone keeps its channels, and what is tied to it") {
  const Model<float> model = zoo_model("resnet18");
  PruneChannelsOptions options;
  options.flops = 0.8;
  const auto before = prune_channels(model, options);
  const auto narrower = std::find_if(before.report.groups.begin(), before.report.groups.end(),
                                     [](const auto& group) { return group.kept < group.channels; });
  REQUIRE(narrower != before.report.groups.end());
  options.skip = {narrower->layer};
  const auto after = prune_channels(model, options);
  const auto same = std::find_if(after.report.groups.begin(), after.report.groups.end(),
                                 [&](const auto& group) { return group.layer == narrower->layer; });
  REQUIRE(same != after.report.groups.end());
  CHECK(same->kept == same->channels);
  options.skip = {"no such layer"};
  CHECK_THROWS_WITH(prune_channels(model, options), ContainsSubstring("no such layer"));
}

TEST_CASE("a cost of any kind is a target, and one out of reach is said to be") {
  const Model<float> model = zoo_model("fashion_cnn");
  const ChannelDependencies dependencies = channel_dependencies(model);
  const auto saliency = channel_saliency(model, dependencies, ChannelSaliency::l1);
  const ModelCost<float> parameters = [](const Model<float>& m) { return static_cast<double>(parameter_count(m)); };
  const auto reached = prune_channels(model, {}, dependencies, saliency, parameters, 100000.0);
  CHECK(reached.report.reached);
  CHECK(parameter_count(reached.model) <= 100000);
  CHECK(reached.report.cost_after == static_cast<double>(parameter_count(reached.model)));
  const auto missed = prune_channels(model, {}, dependencies, saliency, parameters, 10.0);
  CHECK_FALSE(missed.report.reached);
  CHECK(missed.report.cost_after > 10.0);
}

TEST_CASE("options out of range and models without channels to prune are refused") {
  const Model<float> model = zoo_model("mlp");
  const auto with = [](double flops, std::int64_t multiple) {
    PruneChannelsOptions options;
    options.flops = flops;
    options.multiple = multiple;
    return options;
  };
  CHECK_THROWS_WITH(prune_channels(model, with(1.0, 16)), ContainsSubstring("outside (0, 1)"));
  CHECK_THROWS_WITH(prune_channels(model, with(0.5, 0)), ContainsSubstring("multiple 0"));
  const Model<float> one = ModelBuilder<float>("one").input({3}).dense(2).build();
  CHECK_THROWS_WITH(prune_channels(one, {}),
                    ContainsSubstring("those of 'dense1' have to stay, they are an output of the model"));
  const ChannelDependencies dependencies = channel_dependencies(model);
  const ModelCost<float> none = [](const Model<float>&) { return 1.0; };
  CHECK_THROWS_WITH(prune_channels(model, {}, dependencies, {1.0}, none, 0.5), ContainsSubstring("saliency"));
}
