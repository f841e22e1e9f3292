#include <fulcrum/analysis/channel_dependencies.hpp>

#include <algorithm>
#include <string>

#include <fulcrum/model/builder.hpp>

#include <support/catch.hpp>

using namespace fulcrum;

namespace {

const ChannelGroup& group_of(const ChannelDependencies& dependencies, const std::string& layer) {
  const auto at = std::find_if(dependencies.groups.begin(), dependencies.groups.end(), [&](const ChannelGroup& group) {
    return group.layer == layer || std::find(group.tied.begin(), group.tied.end(), layer) != group.tied.end();
  });
  REQUIRE(at != dependencies.groups.end());
  return *at;
}

std::string why_fixed(const ChannelDependencies& dependencies, const std::string& layer) {
  for (const FixedChannels& fixed : dependencies.fixed) {
    if (fixed.layer == layer) return fixed.reason;
  }
  return {};
}

}  // namespace

TEST_CASE("channels are followed from a layer to the weights that take them, through Flatten") {
  const auto model =
      ModelBuilder<float>("net").input({3, 4, 4}).conv(8, 3, {.padding = 1}).relu().flatten().dense(5).build();
  const ChannelDependencies dependencies = channel_dependencies(model);
  REQUIRE(dependencies.groups.size() == 1);
  CHECK(dependencies.groups[0].layer == "conv1");
  CHECK(dependencies.groups[0].units.size() == 8);
  const auto taken = std::find_if(dependencies.axes.begin(), dependencies.axes.end(),
                                  [](const ChannelAxis& axis) { return axis.use == ChannelUse::takes; });
  REQUIRE(taken != dependencies.axes.end());
  REQUIRE(taken->units.size() == 128);
  for (std::size_t i = 0; i < 128; ++i) CHECK(taken->units[i] == dependencies.groups[0].units[i / 16]);
  CHECK(why_fixed(dependencies, "dense1") == "they are an output of the model");
}

TEST_CASE("a residual sum ties the channels of the layers before it, and only those") {
  ModelBuilder<float> b("net");
  b.input({3, 6, 6}).conv(8, 3).relu();
  const NodeId shortcut = b.last();
  const auto model = b.conv(16, 1).relu().conv(8, 1).add(shortcut).relu().conv(4, 1).build();
  const ChannelDependencies dependencies = channel_dependencies(model);
  REQUIRE(dependencies.groups.size() == 2);
  CHECK(group_of(dependencies, "conv1").tied == std::vector<std::string>{"conv3"});
  CHECK(group_of(dependencies, "conv2").units.size() == 16);
  CHECK(group_of(dependencies, "conv2").tied.empty());
}

TEST_CASE("a group of a grouped convolution stands and falls with the channels that it takes") {
  const auto model = ModelBuilder<float>("net")
                         .input({3, 6, 6})
                         .conv(8, 1)
                         .conv(12, 3, {.groups = 4})
                         .depthwise_conv(3)
                         .conv(5, 1)
                         .build();
  const ChannelDependencies dependencies = channel_dependencies(model);
  REQUIRE(dependencies.groups.size() == 1);
  const ChannelGroup& group = dependencies.groups[0];
  CHECK(group.layer == "conv1");
  CHECK(group.tied == std::vector<std::string>{"conv2", "conv3"});
  CHECK(group.units.size() == 4);
  CHECK(group.channels_of_unit == 2);
}

TEST_CASE("channels of joined values stay groups of their own") {
  ModelBuilder<float> b("net");
  b.input({3, 6, 6}).conv(8, 1);
  const NodeId first = b.last();
  const auto model = b.conv(4, 1).concat({first}).batch_normalization().relu().conv(2, 1).build();
  const ChannelDependencies dependencies = channel_dependencies(model);
  REQUIRE(dependencies.groups.size() == 2);
  CHECK(group_of(dependencies, "conv1").units.size() == 8);
  CHECK(group_of(dependencies, "conv2").units.size() == 4);
}

TEST_CASE("attention has heads, and what a layer norm runs over stays") {
  ModelBuilder<float> b("net");
  b.input({5, 12}).dense(12).named("stream");
  const NodeId x = b.last();
  const auto heads = [&](const std::string& name) {
    return b.from(x).dense(12).named(name).reshape({0, 0, 3, 4}).transpose({0, 2, 1, 3}).last();
  };
  const NodeId query = heads("query");
  const NodeId key = heads("key");
  const NodeId value = heads("value");
  b.from(query).matmul(key, {.transpose_weights = true}).softmax().matmul(value);
  const auto model = b.transpose({0, 2, 1, 3})
                         .reshape({0, 0, 12})
                         .dense(12)
                         .named("out")
                         .add(x)
                         .layer_normalization()
                         .dense(20)
                         .named("wide")
                         .relu()
                         .dense(3)
                         .build();
  const ChannelDependencies dependencies = channel_dependencies(model);
  const ChannelGroup& group = group_of(dependencies, "query");
  CHECK(group.tied == std::vector<std::string>{"key", "value"});
  CHECK(group.units.size() == 3);
  CHECK(group.channels_of_unit == 4);
  CHECK_THAT(why_fixed(dependencies, "stream"), ContainsSubstring("norms over them"));
  CHECK_THAT(why_fixed(dependencies, "out"), ContainsSubstring("norms over them"));
  CHECK(group_of(dependencies, "wide").units.size() == 20);
}

TEST_CASE("channels that are shuffled are tied across the parts") {
  ModelBuilder<float> b("net");
  b.input({3, 4, 4}).conv(8, 1).reshape({0, 2, 4, 4, 4}).transpose({0, 2, 1, 3, 4}).reshape({0, 8, 4, 4});
  const auto model = b.slice(1, 0, 4).conv(2, 1).build();
  const ChannelDependencies dependencies = channel_dependencies(model);
  REQUIRE(dependencies.groups.size() == 2);  // what the slice takes, and what it leaves
  CHECK(dependencies.groups[0].units.size() == 2);
  CHECK(dependencies.groups[0].channels_of_unit == 2);
}

TEST_CASE("channels that cannot be told apart stay, with the reason") {
  const auto why = [](auto&& change) {
    ModelBuilder<float> b("net");
    b.input({3, 6, 6}).conv(8, 1);
    change(b);
    const auto model = b.conv(2, 1).build();
    const ChannelDependencies dependencies = channel_dependencies(model);
    CHECK(dependencies.groups.empty());
    return why_fixed(dependencies, "conv1");
  };
  CHECK_THAT(why([](auto& b) { b.softmax(1); }), ContainsSubstring("weighs them against each other"));
  CHECK_THAT(why([](auto& b) { b.layer(LocalResponseNormalization{5}, {b.last()}); }),
             ContainsSubstring("'lrn1' (LRN) norms each by its neighbours"));
  CHECK_THAT(why([](auto& b) { b.mean({1}); }), ContainsSubstring("makes one of them all"));
  CHECK_THAT(why([](auto& b) {
               b.layer(Slice{{1}, {0}, {8}, {2}}, {b.last()});
             }),
             ContainsSubstring("takes them by their place"));
}

TEST_CASE("units of a recurrent layer are gates, a bias and a column of the state's weights") {
  const auto model = ModelBuilder<float>("net")
                         .input({7, 5})
                         .transpose({1, 0, 2})
                         .lstm(6)
                         .reshape({0, -1, 6})
                         .transpose({1, 0, 2})
                         .dense(3)
                         .build();
  const ChannelDependencies dependencies = channel_dependencies(model);
  REQUIRE(dependencies.groups.size() == 1);
  CHECK(dependencies.groups[0].units.size() == 6);
  CHECK(dependencies.groups[0].channels_of_unit == 1);
}
