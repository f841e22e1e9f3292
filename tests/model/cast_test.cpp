#include <fulcrum/model/cast.hpp>

#include <fulcrum/model/builder.hpp>
#include <support/catch.hpp>

using namespace fulcrum;

namespace {
// One node of every layer there is.
Model<float> every_layer() {
  auto b = ModelBuilder<float>("every", 3);
  b.input({4, 8, 8}).conv(4, 3, {.padding = 1}).batch_normalization().relu();
  const NodeId trunk = b.last();
  b.layer(Constant<float>{{Tensor<float>({4, 1, 1}, 0.25F)}}, {});
  const NodeId constant = b.last();
  b.from(trunk).mul(constant).concat({trunk}).max_pool(2).average_pool(2).global_average_pool();
  b.reshape({0, 8}).flatten().dense(5).softmax();
  return std::move(b).build();
}
}  // namespace

TEST_CASE("every layer converts to double and back without a change") {
  const Model<float> model = every_layer();
  const Model<double> wide = cast<double>(model);
  REQUIRE(wide.size() == model.size());
  for (NodeId id = 0; id < model.size(); ++id) {
    CHECK(wide.node(id).name == model.node(id).name);
    CHECK(wide.node(id).src == model.node(id).src);
    CHECK(kind_of(wide.node(id).layer) == kind_of(model.node(id).layer));
  }
  CHECK(wide.outputs() == model.outputs());
  CHECK(parameter_count(wide) == parameter_count(model));
  CHECK(infer_shapes(wide, 3) == infer_shapes(model, 3));
  CHECK(cast<float>(wide) == model);
}

TEST_CASE("masks, scales and value quantization come along") {
  Model<float> model = every_layer();
  const NodeId conv = model.find("conv1").value();
  auto& weights = std::get<Conv<float>>(model.edit_layer(conv)).weights;
  weights.mask = Tensor<std::uint8_t>(weights.value->dims(), std::uint8_t{1});
  weights.quantization = Quantization{DType::s8, std::vector<float>(4, 0.5F), std::vector<std::int32_t>(4, 0), 0};
  model.set_dst_quantization(conv, Quantization{DType::u8, {0.1F}, {3}, -1});

  const Model<double> wide = cast<double>(model);
  const auto& converted = std::get<Conv<double>>(wide.node(conv).layer).weights;
  CHECK(converted.mask.shares_with(weights.mask));
  CHECK(converted.quantization == weights.quantization);
  CHECK(wide.node(conv).dst_quantization == model.node(conv).dst_quantization);
}

TEST_CASE("casting to float rounds to the nearest") {
  Model<double> model("wide");
  const NodeId x = model.add({"x", Input{{batch_dim, 1}}, {}, {}});
  Dense<double> layer;
  layer.weights = Tensor<double>({1, 1}, 0.1);
  model.set_outputs({model.add({"dense", layer, {x}, {}})});
  CHECK(std::get<Dense<float>>(cast<float>(model).node(1).layer).weights.value->flat()[0] == 0.1F);
}
