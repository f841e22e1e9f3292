#include <fulcrum/analysis/channel_gate.hpp>

#include <fulcrum/model/builder.hpp>
#include <fulcrum/model/infer_shapes.hpp>

#include <support/catch.hpp>

using namespace fulcrum;

namespace {

std::optional<ChannelGate> gate_of_last(const Model<float>& model) {
  return channel_gate(model, infer_shapes(model, 2), model.outputs().front());
}

}  // namespace

TEST_CASE("a product by one factor per sample and channel is a gate, on either side") {
  auto b = ModelBuilder<float>("gate").input({4, 6, 6});
  const NodeId image = b.last();
  const NodeId factor = b.global_average_pool().sigmoid().last();
  const auto right = gate_of_last(b.from(image).mul(factor).build());
  REQUIRE(right);
  CHECK(right->image == image);
  CHECK(right->factor == factor);
  auto c = ModelBuilder<float>("gate").input({4, 6, 6});
  const NodeId mean = c.global_average_pool().last();
  const auto left = gate_of_last(c.from(mean).mul(0).build());
  REQUIRE(left);
  CHECK(left->image == 0);
  CHECK(left->factor == mean);
}

TEST_CASE("other products and sums are none") {
  auto b = ModelBuilder<float>("sum").input({4, 6, 6});
  const NodeId mean = b.global_average_pool().last();
  CHECK_FALSE(gate_of_last(b.from(0).add(mean).build()));
  CHECK_FALSE(gate_of_last(ModelBuilder<float>("square").input({4, 6, 6}).mul(0).build()));
  CHECK_FALSE(gate_of_last(ModelBuilder<float>("pixel").input({4, 1, 1}).mul(0).build()));
  CHECK_FALSE(gate_of_last(ModelBuilder<float>("rows").input({4, 6}).mul(0).build()));
  auto shared = ModelBuilder<float>("shared").input({4, 6, 6});
  shared.layer(Constant<float>{Tensor<float>({1, 4, 1, 1})}, {});
  const NodeId constant = shared.last();
  CHECK_FALSE(gate_of_last(shared.from(0).mul(constant).build()));  // one factor for all samples
}
