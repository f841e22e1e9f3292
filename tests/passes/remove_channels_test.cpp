#include <fulcrum/passes/remove_channels.hpp>

#include <cmath>
#include <string>
#include <vector>

#include <fulcrum/core/random.hpp>
#include <fulcrum/exec/reference.hpp>
#include <fulcrum/model/cast.hpp>
#include <fulcrum/model/random_sources.hpp>
#include <fulcrum/zoo/zoo.hpp>

#include <support/catch.hpp>
#include <support/random_model.hpp>

using namespace fulcrum;

namespace {

/// Some units of every group, never all of one.
std::vector<bool> some_units(const ChannelDependencies& dependencies, std::uint64_t seed) {
  Random random(seed);
  std::vector<bool> removed(dependencies.units, false);
  for (const ChannelGroup& group : dependencies.groups) {
    for (std::size_t i = 1; i < group.units.size(); ++i)
      removed[static_cast<std::size_t>(group.units[i])] = random.uniform() < 0.4;
  }
  return removed;
}

template <class T>
std::vector<Tensor<T>> run(const Model<T>& model, std::uint64_t seed) {
  std::vector<Tensor<T>> src;
  for (const Tensor<float>& source : random_sources(model, 2, seed)) {
    Tensor<T> converted(source.dims());
    std::copy(source.flat().begin(), source.flat().end(), converted.flat().begin());
    src.push_back(std::move(converted));
  }
  return ReferenceExecutor<T>(model).run(src);
}

/// The pruned model computes what the whole one does with the weights of those channels 0.
template <class T>
void check_removal(const Model<T>& model, std::uint64_t seed, double tolerance) {
  INFO(model.name() << " seed " << seed);
  const ChannelDependencies dependencies = channel_dependencies(model);
  const std::vector<bool> removed = some_units(dependencies, seed);
  const Model<T> pruned = remove_channels(model, dependencies, removed);
  const auto expected = run(mask_channels(model, dependencies, removed), seed);
  const auto actual = run(pruned, seed);
  REQUIRE(actual.size() == expected.size());
  for (std::size_t i = 0; i < actual.size(); ++i) {
    REQUIRE(actual[i].dims() == expected[i].dims());
    double largest = 0.0;
    double difference = 0.0;
    for (std::size_t k = 0; k < actual[i].flat().size(); ++k) {
      largest = std::max(largest, std::abs(static_cast<double>(expected[i].flat()[k])));
      difference = std::max(difference, std::abs(static_cast<double>(actual[i].flat()[k] - expected[i].flat()[k])));
    }
    CHECK(std::isfinite(largest));
    CHECK(difference <= tolerance * largest);
  }
}

}  // namespace

TEST_CASE("a pruned network computes what the whole one does with those weights 0, over random networks") {
  std::size_t with_groups = 0;
  for (std::uint64_t seed = 0; seed < 150; ++seed) {
    const Model<double> model = cast<double>(test::random_model(seed));
    with_groups += channel_dependencies(model).groups.empty() ? 0 : 1;
    check_removal(model, seed, 1e-9);
  }
  CHECK(with_groups > 60);
}

TEST_CASE("a pruned network of the zoo computes what the whole one does with those weights 0") {
  for (const std::string name :
       {"fashion_cnn", "mlp", "mobilenet_v2", "shufflenet_v2_x1_0", "squeezenet1_1", "vit_tiny", "recommendation"}) {
    const Model<float> model = zoo_model(name);
    CHECK_FALSE(channel_dependencies(model).groups.empty());
    check_removal(model, 3, 1e-4);
  }
}

TEST_CASE("networks of the zoo whose channels can be followed keep their shapes when half of them go") {
  for (const ZooEntry& entry : zoo_entries()) {
    if (entry.name == "bert_base" || entry.name == "vit_b_16" || entry.name == "vgg11") continue;  // large
    INFO(entry.name);
    const Model<float> model = zoo_model(std::string(entry.name));
    const ChannelDependencies dependencies = channel_dependencies(model);
    CHECK_FALSE(dependencies.groups.empty());
    const Model<float> pruned = remove_channels(model, dependencies, some_units(dependencies, 5));
    CHECK(total_work(pruned, 1).flops < total_work(model, 1).flops);
    const std::vector<Shape> before = infer_shapes(model, 2);
    const std::vector<Shape> after = infer_shapes(pruned, 2);
    for (std::size_t k = 0; k < model.outputs().size(); ++k)
      CHECK(after[pruned.outputs()[k]] == before[model.outputs()[k]]);
  }
}

TEST_CASE("removing no channels changes nothing") {
  const Model<float> model = zoo_model("mobilenet_v2");
  const ChannelDependencies dependencies = channel_dependencies(model);
  CHECK(remove_channels(model, dependencies, std::vector<bool>(dependencies.units, false)) == model);
}

TEST_CASE("masks of pruned weights are cut with them") {
  Model<float> model = ModelBuilder<float>("net").input({2}).dense(4).relu().dense(3).build();
  Parameter<float>& weights = std::get<Dense<float>>(model.edit_layer(1)).weights;
  weights.mask = Tensor<std::uint8_t>(Shape{4, 2}, std::uint8_t{1});
  weights.mask.edit().flat()[4] = 0;
  const ChannelDependencies dependencies = channel_dependencies(model);
  std::vector<bool> removed(dependencies.units, false);
  removed[static_cast<std::size_t>(dependencies.groups.at(0).units.at(1))] = true;
  const Model<float> pruned = remove_channels(model, dependencies, removed);
  const Parameter<float>& left = std::get<Dense<float>>(pruned.node(1).layer).weights;
  REQUIRE(left.mask->dims() == Shape{3, 2});
  CHECK(left.mask->flat()[2] == 0);
}

TEST_CASE("units have to be given, one entry for each, and a layer keeps one") {
  const Model<float> model = ModelBuilder<float>("net").input({2}).dense(4).relu().dense(3).build();
  const ChannelDependencies dependencies = channel_dependencies(model);
  CHECK_THROWS_WITH(remove_channels(model, dependencies, {true}), ContainsSubstring("give one entry for each unit"));
  CHECK_THROWS_WITH(remove_channels(model, dependencies, std::vector<bool>(dependencies.units, true)),
                    ContainsSubstring("keep one or more"));
}
