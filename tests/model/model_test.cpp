#include <fulcrum/model/model.hpp>

#include <support/catch.hpp>

using namespace fulcrum;

namespace {
Node<float> input(std::string name) { return {std::move(name), Input{{batch_dim, 4}}, {}, {}}; }
Node<float> relu(std::string name, std::vector<NodeId> src) {
  return {std::move(name), Activation{}, std::move(src), {}};
}
Node<float> dense(std::string name, NodeId src, float weight) {
  Dense<float> layer;
  layer.weights = Tensor<float>({4, 4}, weight);
  return {std::move(name), std::move(layer), {src}, {}};
}

// x → dense → relu ─┐
//       └──────────add
Model<float> diamond(float weight = 0.5F) {
  Model<float> model("diamond");
  const NodeId x = model.add(input("x"));
  const NodeId d = model.add(dense("dense", x, weight));
  const NodeId r = model.add(relu("relu", {d}));
  model.set_outputs({model.add({"add", Binary{BinaryKind::add}, {r, d}, {}})});
  return model;
}
}  // namespace

TEST_CASE("a model knows its nodes by id and by name") {
  const Model<float> model = diamond();
  REQUIRE(model.size() == 4);
  CHECK(model.find("relu") == std::optional<NodeId>(2));
  CHECK_FALSE(model.find("gelu").has_value());
  CHECK(model.node(1).name == "dense");
  CHECK(model.inputs() == std::vector<NodeId>{0});
  CHECK(model.outputs() == std::vector<NodeId>{3});
  CHECK(model.is_output(3));
  CHECK_FALSE(model.is_output(2));
}

TEST_CASE("outputs are called as their nodes unless they have names of their own") {
  Model<float> model = diamond();
  CHECK(model.output_names() == std::vector<std::string>{"add"});
  model.set_outputs({3, 1}, {"sum", "d"});
  CHECK(model.output_names() == std::vector<std::string>{"sum", "d"});
  CHECK_THROWS_WITH(model.set_outputs({3, 1}, {"sum"}), ContainsSubstring("was given 1 name(s) for 2 output(s)"));
  CHECK(model.outputs() == std::vector<NodeId>{3, 1});
  CHECK(model != diamond());
}

TEST_CASE("consumers are listed once per use") {
  Model<float> model("square");
  const NodeId x = model.add(input("x"));
  model.add({"square", Binary{BinaryKind::mul}, {x, x}, {}});
  CHECK(model.consumers() == std::vector<std::vector<NodeId>>{{1, 1}, {}});
  CHECK(diamond().consumers() == std::vector<std::vector<NodeId>>{{1}, {2, 3}, {3}, {}});
}

TEST_CASE("a node that does not fit the graph is refused and leaves the model as it was") {
  Model<float> model = diamond();
  const Model<float> before = model;
  CHECK_THROWS_WITH(model.add(relu("relu", {0})), ContainsSubstring("already has a layer 'relu'"));
  CHECK_THROWS_WITH(model.add(relu("ahead", {4})), ContainsSubstring("does not stand before it"));
  CHECK_THROWS_WITH(model.add(relu("", {0})), ContainsSubstring("without a name"));
  CHECK_THROWS_WITH(model.set_outputs({4}), ContainsSubstring("none of its layers"));
  CHECK(model == before);
  CHECK_FALSE(model.find("ahead").has_value());
  CHECK_NOTHROW(model.add(relu("ahead", {3})));  // the name is still free
}

TEST_CASE("models are equal in name, nodes and outputs") {
  CHECK(diamond() == diamond());
  CHECK_FALSE(diamond(0.5F) == diamond(0.25F));
  Model<float> other = diamond();
  other.set_name("other");
  CHECK_FALSE(other == diamond());
  other = diamond();
  other.set_outputs({2});
  CHECK_FALSE(other == diamond());
  other = diamond();
  other.set_dst_quantization(2, Quantization{DType::u8, {0.1F}, {0}, -1});
  CHECK_FALSE(other == diamond());
}

TEST_CASE("editing a copy leaves the original alone") {
  const Model<float> model = diamond();
  Model<float> copy = model;
  std::get<Dense<float>>(copy.edit_layer(1)).weights.value.edit().flat()[0] = 9.0F;
  CHECK(std::get<Dense<float>>(model.node(1).layer).weights.value->flat()[0] == 0.5F);
  CHECK(model == diamond());
}

TEST_CASE("every parameter that is there is visited with its node and name, and can be edited") {
  Model<float> model = diamond();
  int visited = 0;
  for_each_model_parameter(model, [&](NodeId id, const char* name, Parameter<float>& p) {
    CHECK(id == 1);
    CHECK(std::string(name) == "weights");  // the bias is empty
    p.value.edit().flat()[0] = 7.0F;
    ++visited;
  });
  CHECK(visited == 1);
  CHECK(std::get<Dense<float>>(model.node(1).layer).weights.value->flat()[0] == 7.0F);
  CHECK(parameter_count(model) == 16);
  CHECK(parameter_count(Model<float>()) == 0);
}

TEST_CASE("a node that is not there cannot be asked for") {
  const Model<float> model = diamond();
  CHECK_THROWS(model.node(4));
  Model<float> copy = model;
  CHECK_THROWS(copy.edit_layer(4));
}
