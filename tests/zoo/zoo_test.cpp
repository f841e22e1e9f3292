#include <fulcrum/zoo/zoo.hpp>

#include <support/catch.hpp>

using namespace fulcrum;

TEST_CASE("every network of the zoo can be built by its name") {
  REQUIRE(zoo_names().size() == zoo_entries.size());
  for (const std::string& name : zoo_names()) {
    const Model<float> model = zoo_model(name, 5);
    CHECK(model.name() == name);
    CHECK(model.inputs().size() == 1);
    CHECK(model.outputs().size() == 1);
    CHECK(infer_shapes(model, 2)[model.outputs().front()].front() == 2);
    CHECK(model == zoo_model(name, 5));
  }
}

TEST_CASE("an unknown name is answered with the known ones") {
  CHECK_THROWS_WITH(zoo_model("resnet9000"),
                    ContainsSubstring("zoo:resnet9000") && ContainsSubstring("fashion_cnn, mlp"));
}
