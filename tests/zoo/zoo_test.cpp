#include <fulcrum/zoo/zoo.hpp>

#include <set>

#include <support/catch.hpp>

using namespace fulcrum;

TEST_CASE("every network of the zoo has a name of its own and says what it is") {
  REQUIRE(zoo_names().size() == zoo_entries().size());
  const std::vector<std::string> names = zoo_names();
  CHECK(std::set<std::string>(names.begin(), names.end()).size() == names.size());
  for (const ZooEntry& entry : zoo_entries()) CHECK_FALSE(entry.description.empty());
}

TEST_CASE("every network of the zoo can be built by its name, and takes any batch") {
  for (const std::string& name : zoo_names()) {
    INFO(name);
    const Model<float> model = zoo_model(name, 5);
    CHECK(model.name() == name);
    const std::vector<Shape> shapes = infer_shapes(model, 3);
    CHECK_FALSE(model.inputs().empty());
    CHECK_FALSE(model.outputs().empty());
    for (const NodeId id : model.inputs()) CHECK(shapes[id].front() == 3);
    for (const NodeId id : model.outputs()) CHECK(shapes[id].front() == 3);
  }
}

TEST_CASE("a network of the zoo is reproduced by its seed") {
  for (const char* name : {"fashion_cnn", "mobilenet_v2", "recommendation"}) {
    CHECK(zoo_model(name, 5) == zoo_model(name, 5));
    CHECK_FALSE(zoo_model(name, 5) == zoo_model(name, 6));
  }
}

TEST_CASE("an unknown name is answered with the known ones") {
  CHECK_THROWS_WITH(zoo_model("resnet9000"),
                    ContainsSubstring("zoo:resnet9000") && ContainsSubstring("fashion_cnn, fashion_cnn_wide, mlp"));
}
