// onnx/graph/functions.hpp: functions that a model brings with it.
#include <span>
#include <string>
#include <vector>

#include <onnx/onnx_operator.hpp>
#include <support/catch.hpp>

using namespace fulcrum;
using namespace fulcrum::test;
using Catch::Matchers::ContainsSubstring;

namespace {

::onnx::FunctionProto& add_function(OnnxGraph& graph, const std::string& name, const std::vector<std::string>& inputs,
                                    const std::vector<std::string>& outputs) {
  auto& function = *graph.model.add_functions();
  function.set_name(name);
  function.set_domain("my");
  function.add_opset_import()->set_version(17);
  for (const std::string& input : inputs) function.add_input(input);
  for (const std::string& output : outputs) function.add_output(output);
  return function;
}

::onnx::NodeProto& add_node(::onnx::FunctionProto& function, const std::string& type,
                            const std::vector<std::string>& inputs, const std::string& output,
                            const std::string& domain = {}) {
  auto& node = *function.add_node();
  node.set_op_type(type);
  node.set_domain(domain);
  for (const std::string& input : inputs) node.add_input(input);
  node.add_output(output);
  return node;
}

void refer(::onnx::NodeProto& node, const std::string& name, const std::string& to) {
  auto& attribute = *node.add_attribute();
  attribute.set_name(name);
  attribute.set_type(::onnx::AttributeProto::FLOAT);
  attribute.set_ref_attr_name(to);
}

/// y = leaky(x·x; slope), twice, with another slope each time: "inner" is a name in both.
OnnxGraph two_calls() {
  OnnxGraph graph(17);
  auto& square = add_function(graph, "Square", {"a"}, {"b"});
  add_node(square, "Mul", {"a", "a"}, "b");
  auto& leaky = add_function(graph, "Leaky", {"a", "shift"}, {"b", "passed"});
  leaky.add_attribute("slope");
  add_node(leaky, "Square", {"a"}, "inner", "my");
  add_node(leaky, "Sub", {"inner", "shift"}, "moved");
  refer(add_node(leaky, "LeakyRelu", {"moved"}, "b"), "alpha", "slope");
  add_node(leaky, "Identity", {"a"}, "passed");
  graph.input("x", {0, 3}).floats("s", {}, {4.0F});
  graph.node("Leaky", {"x", "s"}, "t", {{"slope", 0.5F}}).node("Leaky", {"t", "s"}, "y", {{"slope", 0.25F}});
  for (auto& node : *graph.model.mutable_graph()->mutable_node()) node.set_domain("my");
  return graph;
}

}  // namespace

TEST_CASE("a model's own functions become the nodes that they stand for") {
  OnnxGraph graph = two_calls();
  const std::vector<Values> src{Values({1, 3}, {1.0, 2.0, 3.0})};
  const auto result =
      ReferenceExecutor<double>(cast<double>(graph.output("y").import())).run(std::span<const Values>(src));
  const auto leaky = [](double x, double slope) { return x < 0.0 ? slope * x : x; };
  std::vector<double> expected;
  for (const double x : src[0].flat()) {
    const double t = leaky(x * x - 4.0, 0.5);
    expected.push_back(leaky(t * t - 4.0, 0.25));
  }
  CHECK(is_near(result.at(0), {1, 3}, expected));
}

TEST_CASE("an attribute that a call does not give has the function's default, or the operator's") {
  OnnxGraph graph = two_calls();
  auto& call = *graph.model.mutable_graph()->mutable_node(0);
  call.clear_attribute();
  const std::vector<Values> src{Values({1, 3}, {1.0, 1.0, 1.0})};
  const auto t_of = [&](const OnnxGraph& g) {
    OnnxGraph copy = g;
    copy.output("t");
    return ReferenceExecutor<double>(cast<double>(copy.import())).run(std::span<const Values>(src)).at(0).flat()[0];
  };
  CHECK(t_of(graph) == Approx(-0.03));  // LeakyRelu's 0.01
  // FunctionProto::attribute_proto is field 11, which ONNX before 1.14 does not name.
  ::onnx::AttributeProto slope;
  slope.set_name("slope");
  slope.set_type(::onnx::AttributeProto::FLOAT);
  slope.set_f(0.125F);
  const std::string bytes = slope.SerializeAsString();
  std::string field;
  field.push_back(static_cast<char>(11 << 3 | 2));
  field.push_back(static_cast<char>(bytes.size()));
  REQUIRE(graph.model.mutable_functions(1)->MergeFromString(field + bytes));
  CHECK(t_of(graph) == Approx(-0.375));
}

TEST_CASE("a function may give its input back, and not call itself") {
  OnnxGraph graph(17);
  auto& passes = add_function(graph, "Passes", {"a"}, {"b", "a"});
  add_node(passes, "Neg", {"a"}, "b");
  graph.input("x", {0, 2}).node("Passes", {"x"}, "n");
  graph.model.mutable_graph()->mutable_node(0)->set_domain("my");
  graph.model.mutable_graph()->mutable_node(0)->add_output("same");
  graph.node("Add", {"n", "same"}, "y").output("y");
  const std::vector<Values> src{Values({1, 2}, {1.0, 2.0})};
  CHECK(is_near(ReferenceExecutor<double>(cast<double>(graph.import())).run(std::span<const Values>(src)).at(0), {1, 2},
                {0.0, 0.0}));

  OnnxGraph endless(17);
  auto& function = add_function(endless, "Endless", {"a"}, {"b"});
  add_node(function, "Endless", {"a"}, "b", "my");
  endless.input("x", {0, 2}).node("Endless", {"x"}, "y").output("y");
  endless.model.mutable_graph()->mutable_node(0)->set_domain("my");
  CHECK_THROWS_WITH(endless.import(), ContainsSubstring("calls itself"));
}

TEST_CASE("functions that call two others each, many levels deep, are refused before they fill the memory") {
  for (const bool leaf : {false, true}) {
    OnnxGraph graph(17);
    for (int level = 0; level < 40; ++level) {
      auto& function = add_function(graph, "F" + std::to_string(level), {"a"}, {"b"});
      if (level == 0 && !leaf) continue;
      const std::string next = "F" + std::to_string(level - 1);
      add_node(function, level == 0 ? "Neg" : next, {"a"}, "c", level == 0 ? "" : "my");
      add_node(function, level == 0 ? "Neg" : next, {"c"}, "b", level == 0 ? "" : "my");
    }
    graph.input("x", {0, 2}).node("F39", {"x"}, "y").output("y");
    graph.model.mutable_graph()->mutable_node(0)->set_domain("my");
    CHECK_THROWS_WITH(graph.import(), ContainsSubstring("far more nodes than the file holds"));
  }
}
