#include <fulcrum/analysis/weighted_layers.hpp>

#include <fulcrum/model/builder.hpp>

#include <support/catch.hpp>

using namespace fulcrum;

namespace {
Model<float> small_model() {
  return ModelBuilder<float>("small").input({2, 4, 4}).conv(3, 3).relu().flatten().dense(5).build();
}
}  // namespace

TEST_CASE("convolutions and dense layers have weights that passes change") {
  Model<float> model = small_model();
  for (NodeId id = 0; id < model.size(); ++id) {
    const std::string kind = kind_of(model.node(id).layer);
    CAPTURE(kind);
    const Parameter<float>* weights = detail::weights_of(model.node(id).layer);
    CHECK((weights != nullptr) == (kind == "Conv" || kind == "Gemm" || kind == "Dense"));
    CHECK(detail::weights_of(model.edit_layer(id)) == detail::weights_of(std::as_const(model).node(id).layer));
  }
}

TEST_CASE("a name of no such layer is refused") {
  const Model<float> model = small_model();
  CHECK_NOTHROW(detail::expect_weighted_layers(model, {"conv1"}));
  CHECK_THROWS_WITH(detail::expect_weighted_layers(model, {"conv1", "relu1"}),
                    ContainsSubstring("'relu1'") && ContainsSubstring("'small'"));
}
