#include <fulcrum/passes/channel_saliency.hpp>

#include <cmath>
#include <vector>

#include <fulcrum/model/builder.hpp>

#include <support/catch.hpp>

using namespace fulcrum;

namespace {

/// Two channels that compute with the weights (1, −3) and (2, 2), and a batch norm with the scales 0.5 and −4.
Model<float> two_channels(bool norm) {
  ModelBuilder<float> b("net");
  b.input({2, 3, 3}).conv(2, 1);
  if (norm) b.batch_normalization(1e-12);
  Model<float> model = b.relu().conv(3, 1).build();
  std::get<Conv<float>>(model.edit_layer(1)).weights = Tensor<float>(Shape{2, 2, 1, 1}, {1.0F, -3.0F, 2.0F, 2.0F});
  if (norm) {
    auto& layer = std::get<BatchNormalization<float>>(model.edit_layer(2));
    layer.scale = Tensor<float>(Shape{2}, {0.5F, -4.0F});
    layer.variance = Tensor<float>(Shape{2}, {4.0F, 0.25F});
  }
  return model;
}

std::vector<double> saliency(const Model<float>& model, ChannelSaliency what) {
  const ChannelDependencies dependencies = channel_dependencies(model);
  const std::vector<double> all = channel_saliency(model, dependencies, what);
  const auto& units = dependencies.groups.at(0).units;
  return {all[static_cast<std::size_t>(units.at(0))], all[static_cast<std::size_t>(units.at(1))]};
}

}  // namespace

TEST_CASE("the saliency of a channel is the mean magnitude, or the root mean square, of its weights") {
  const std::vector<double> l1 = saliency(two_channels(false), ChannelSaliency::l1);
  CHECK(l1[0] == Approx(2.0));
  CHECK(l1[1] == Approx(2.0));
  const std::vector<double> l2 = saliency(two_channels(false), ChannelSaliency::l2);
  CHECK(l2[0] == Approx(std::sqrt(5.0)));
  CHECK(l2[1] == Approx(2.0));
}

TEST_CASE("weights count with the batch norm that alone takes their result") {
  const std::vector<double> l1 = saliency(two_channels(true), ChannelSaliency::l1);
  CHECK(l1[0] == Approx(2.0 * 0.25));
  CHECK(l1[1] == Approx(2.0 * 8.0));
}

TEST_CASE("the batch norm's scale is a saliency, where there is one") {
  const std::vector<double> bn = saliency(two_channels(true), ChannelSaliency::bn);
  CHECK(bn[0] == Approx(0.5));
  CHECK(bn[1] == Approx(4.0));
  CHECK_THROWS_WITH(saliency(two_channels(false), ChannelSaliency::bn), ContainsSubstring("use l1, l2 or taylor"));
  CHECK_THROWS_WITH(saliency(two_channels(false), ChannelSaliency::taylor), ContainsSubstring("taylor_saliency()"));
  CHECK_THROWS_WITH(channel_saliency_from("l3"), ContainsSubstring("l1"));
}
