#include <fulcrum/train/trainable_parameter.hpp>

#include <string>
#include <vector>

#include <fulcrum/model/builder.hpp>
#include <fulcrum/train/network.hpp>

#include <support/catch.hpp>

using namespace fulcrum;

TEST_CASE("a parameter under training says whose it is, has its mask, and decays when it is weights") {
  Model<float> model =
      ModelBuilder<float>("m", 1).input({2, 3, 3}).conv(4, 2).batch_normalization().flatten().dense(2).build();
  auto& weights = std::get<Conv<float>>(model.edit_layer(*model.find("conv1"))).weights;
  weights.mask = Tensor<std::uint8_t>(weights.value->dims(), 1);
  TrainingNetwork network(model, 2);
  std::vector<std::string> names;
  for (const TrainableParameter& p : network.parameters()) {
    names.push_back(p.layer + " " + p.name);
    CHECK(model.node(p.node).name == p.layer);
    CHECK(p.gradient.dims() == p.value.dims());
    CHECK(p.decays == (p.name == "weights"));
    CHECK(p.mask.empty() == (names.back() != "conv1 weights"));
  }
  CHECK(names == std::vector<std::string>{"conv1 weights", "conv1 bias", "batchnormalization1 scale",
                                          "batchnormalization1 shift", "dense1 weights", "dense1 bias"});
}
