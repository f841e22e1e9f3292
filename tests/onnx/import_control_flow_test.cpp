// If, Loop, Scan and sequences in onnx/import.hpp.
#include <string>
#include <vector>

#include <fulcrum/exec/reference.hpp>
#include <fulcrum/model/cast.hpp>
#include <fulcrum/onnx/export.hpp>
#include <fulcrum/onnx/import.hpp>

#include <support/catch.hpp>
#include "onnx_operator.hpp"

using namespace fulcrum;
using test::Integers;
using test::is_near;
using test::OnnxGraph;
using test::Values;

namespace {

constexpr auto boolean = ::onnx::TensorProto::BOOL;
constexpr auto int64 = ::onnx::TensorProto::INT64;

/// Gives the graph's last node a body.
void add_body(OnnxGraph& graph, const std::string& attribute, const OnnxGraph& body) {
  auto& node = *graph.model.mutable_graph()->mutable_node(graph.model.graph().node_size() - 1);
  auto& added = *node.add_attribute();
  added.set_name(attribute);
  added.set_type(::onnx::AttributeProto::GRAPH);
  *added.mutable_g() = body.model.graph();
}

/// Gives the graph's last node a further output.
void add_output(OnnxGraph& graph, const std::string& name) {
  graph.model.mutable_graph()->mutable_node(graph.model.graph().node_size() - 1)->add_output(name);
}

std::vector<Values> outputs_of(const Model<float>& model, const std::vector<Values>& src) {
  return ReferenceExecutor<double>(cast<double>(model)).run(src);
}

/// y = condition ? x + 1 : x · 2, with a condition that is computed from the input "sr".
OnnxGraph chooses_by_rate() {
  OnnxGraph graph;
  graph.input("x", {2, 3}).input("sr", {}, int64).initializer("rate", Shape{}, Integers{16000}, int64);
  graph.floats("two", Shape{}, {2.0F});
  graph.node("Equal", {"sr", "rate"}, "is_wide").node("If", {"is_wide"}, "y");
  OnnxGraph then_branch;
  then_branch.floats("one", Shape{}, {1.0F}).node("Add", {"x", "one"}, "sum").output("sum");
  OnnxGraph else_branch;
  else_branch.node("Mul", {"x", "two"}, "product").output("product");
  add_body(graph, "then_branch", then_branch);
  add_body(graph, "else_branch", else_branch);
  graph.output("y");
  return graph;
}

/// A Loop over (count, condition, start) that adds x in each round and keeps the sums.
OnnxGraph adds_in_rounds(const OnnxGraph& body) {
  OnnxGraph graph;
  graph.input("x", {2}).initializer("count", Shape{}, Integers{3}, int64);
  graph.initializer("yes", Shape{}, std::vector<char>{1}, boolean).floats("start", {2}, {10.0F, 20.0F});
  graph.node("Loop", {"count", "yes", "start"}, "last");
  add_output(graph, "sums");
  add_body(graph, "body", body);
  graph.output("last").output("sums");
  return graph;
}

OnnxGraph body_of_loop() {
  OnnxGraph body;
  body.input("round", {}, int64).input("go", {}, boolean).input("sum", {2});
  return body;
}

}  // namespace

TEST_CASE("an If whose condition follows from an input that is bound takes its branch") {
  const Values x({2, 3}, {1, 2, 3, 4, 5, 6});
  OnnxImportOptions options;
  options.bound_inputs.emplace("sr", Values(Shape{}, {16000.0}));
  const Model<float> wide = chooses_by_rate().import(options);
  CHECK(wide.inputs().size() == 1);
  CHECK(is_near(outputs_of(wide, {x}).at(0), {2, 3}, {2, 3, 4, 5, 6, 7}));
  options.bound_inputs.at("sr") = Values(Shape{}, {8000.0});
  CHECK(is_near(outputs_of(chooses_by_rate().import(options), {x}).at(0), {2, 3}, {2, 4, 6, 8, 10, 12}));
}

TEST_CASE("an If whose condition is computed at run time is refused with what to do") {
  CHECK_THROWS_WITH(chooses_by_rate().import(), ContainsSubstring("'is_wide'") && ContainsSubstring("--set"));
}

TEST_CASE("one bound number stands for every element of its input") {
  OnnxGraph graph;
  graph.input("x", {2, 2}).input("shift", {2}).node("Add", {"x", "shift"}, "y").output("y");
  OnnxImportOptions options;
  options.bound_inputs.emplace("shift", Values(Shape{}, {5.0}));
  CHECK(is_near(outputs_of(graph.import(options), {Values({2, 2}, {1, 2, 3, 4})}).at(0), {2, 2}, {6, 7, 8, 9}));
  options.bound_inputs.clear();
  options.bound_inputs.emplace("shifts", Values(Shape{}, {5.0}));
  CHECK_THROWS_WITH(graph.import(options), ContainsSubstring("input 'shifts' is not one of the model's"));
}

TEST_CASE("a branch that is not taken may hold operators that nobody knows") {
  OnnxGraph graph;
  graph.input("x", {2, 3}).initializer("yes", Shape{}, std::vector<char>{1}, boolean).node("If", {"yes"}, "y");
  OnnxGraph known;
  known.node("Neg", {"x"}, "negated").output("negated");
  OnnxGraph unknown;
  unknown.node("Teleport", {"x"}, "elsewhere").output("elsewhere");
  add_body(graph, "then_branch", known);
  add_body(graph, "else_branch", unknown);
  graph.output("y");
  CHECK(is_near(outputs_of(graph.import(), {Values({2, 3}, {1, 2, 3, 4, 5, 6})}).at(0), {2, 3},
                {-1, -2, -3, -4, -5, -6}));
}

TEST_CASE("an If within an If takes names from both graphs around it, past copies") {
  OnnxGraph graph;
  graph.input("x", {2, 2}).initializer("yes", Shape{}, std::vector<char>{1}, boolean);
  graph.node("Identity", {"x"}, "copy").node("If", {"yes"}, "y");
  OnnxGraph inner;
  inner.node("Add", {"negated", "copy"}, "sum").node("Mul", {"sum", "weights"}, "inner_result").output("inner_result");
  OnnxGraph outer;
  outer.floats("weights", {2}, {3.0F, 4.0F}).node("Abs", {"copy"}, "negated").node("If", {"yes"}, "result");
  add_body(outer, "then_branch", inner);
  add_body(outer, "else_branch", inner);
  outer.output("result");
  add_body(graph, "then_branch", outer);
  add_body(graph, "else_branch", outer);
  graph.output("y");
  CHECK(is_near(outputs_of(graph.import(), {Values({2, 2}, {-1, 1, 2, -2})}).at(0), {2, 2}, {0, 8, 12, 0}));
}

TEST_CASE("an If that asks for the batch size keeps the batch that the file states") {
  OnnxGraph graph;
  graph.input("x", {1, 4}).integers("zero", {0}).integers("one", {1});
  graph.node("Shape", {"x"}, "shape")
      .node("Gather", {"shape", "zero"}, "batch")
      .node("Equal", {"batch", "one"}, "alone");
  graph.node("If", {"alone"}, "y");
  OnnxGraph squeezed;
  squeezed.node("Squeeze", {"x", "zero"}, "line").output("line");
  OnnxGraph kept;
  kept.node("Identity", {"x"}, "same").output("same");
  add_body(graph, "then_branch", squeezed);
  add_body(graph, "else_branch", kept);
  graph.output("y");
  CHECK(is_near(outputs_of(graph.import(), {Values({1, 4}, {1, 2, 3, 4})}).at(0), {4}, {1, 2, 3, 4}));
}

TEST_CASE("a Loop with a known trip count is unrolled") {
  OnnxGraph body = body_of_loop();
  body.node("Add", {"sum", "x"}, "next").node("Identity", {"go"}, "goes_on").node("Identity", {"next"}, "kept");
  body.output("goes_on").output("next").output("kept");
  const std::vector<Values> dst = outputs_of(adds_in_rounds(body).import(), {Values({2}, {1, 2})});
  CHECK(is_near(dst.at(0), {2}, {13, 26}));
  CHECK(is_near(dst.at(1), {3, 2}, {11, 22, 12, 24, 13, 26}));
}

TEST_CASE("a Loop ends when its condition does, and its rounds are numbered") {
  OnnxGraph body = body_of_loop();
  body.initializer("one", Shape{}, Integers{1}, int64).node("Less", {"round", "one"}, "goes_on");
  body.node("Cast", {"round"}, "number", {{"to", std::int64_t{1}}}).node("Mul", {"x", "number"}, "product");
  body.node("Add", {"sum", "product"}, "next").output("goes_on").output("next").output("product");
  const std::vector<Values> dst = outputs_of(adds_in_rounds(body).import(), {Values({2}, {1, 2})});
  CHECK(is_near(dst.at(0), {2}, {11, 22}));
  CHECK(is_near(dst.at(1), {2, 2}, {0, 0, 1, 2}));
}

TEST_CASE("a Loop whose condition is computed at run time is refused") {
  OnnxGraph body = body_of_loop();
  body.node("ReduceSum", {"sum"}, "total", {{"keepdims", std::int64_t{0}}}).floats("end", Shape{}, {100.0F});
  body.node("Less", {"total", "end"}, "goes_on").node("Add", {"sum", "x"}, "next");
  body.output("goes_on").output("next").output("next");
  CHECK_THROWS_WITH(adds_in_rounds(body).import(), ContainsSubstring("its condition is computed at run time"));
}

TEST_CASE("a Loop of too many rounds is refused") {
  OnnxGraph body = body_of_loop();
  body.node("Add", {"sum", "x"}, "next").output("go").output("next").output("next");
  OnnxGraph graph = adds_in_rounds(body);
  for (auto& initializer : *graph.model.mutable_graph()->mutable_initializer()) {
    if (initializer.name() == "count") OnnxGraph::tensor(initializer, "count", {}, Integers{1LL << 40}, int64);
  }
  CHECK_THROWS_WITH(graph.import(), ContainsSubstring("repeats 1 nodes 1099511627776 times"));
}

TEST_CASE("loops in loops make no model without end") {
  OnnxGraph inner = body_of_loop();
  inner.node("Add", {"sum", "x"}, "next").output("go").output("next").output("next");
  OnnxGraph outer = body_of_loop();
  outer.node("Loop", {"many", "", "sum"}, "result");
  add_body(outer, "body", inner);
  outer.output("go").output("result").output("result");
  outer.model.mutable_graph()->mutable_node(0)->add_output("");
  OnnxGraph graph = adds_in_rounds(outer);
  graph.initializer("many", Shape{}, Integers{100000}, int64);
  for (auto& initializer : *graph.model.mutable_graph()->mutable_initializer()) {
    if (initializer.name() == "count") OnnxGraph::tensor(initializer, "count", {}, Integers{100000}, int64);
  }
  CHECK_THROWS_WITH(graph.import(), ContainsSubstring("makes the model larger than"));
}

TEST_CASE("a Loop carries a sequence") {
  OnnxGraph graph;
  graph.input("x", {2}).initializer("count", Shape{}, Integers{3}, int64).node("SequenceEmpty", {}, "none");
  graph.node("Loop", {"count", "", "none"}, "all");
  OnnxGraph body;
  body.input("round", {}, int64).input("go", {}, boolean).input("list", {});
  body.node("Cast", {"round"}, "number", {{"to", std::int64_t{1}}}).node("Add", {"x", "number"}, "value");
  body.node("SequenceInsert", {"list", "value"}, "longer").output("go").output("longer");
  add_body(graph, "body", body);
  graph.node("ConcatFromSequence", {"all"}, "y", {{"axis", std::int64_t{1}}, {"new_axis", std::int64_t{1}}});
  graph.node("SequenceLength", {"all"}, "length").output("y").output("length");
  const std::vector<Values> dst = outputs_of(graph.import(), {Values({2}, {1, 2})});
  CHECK(is_near(dst.at(0), {2, 3}, {1, 2, 3, 2, 3, 4}));
  CHECK(is_near(dst.at(1), {}, {3}));
}

TEST_CASE("a Scan goes through its values, forwards and backwards, along any axis") {
  for (const bool backwards : {false, true}) {
    OnnxGraph graph;
    graph.input("start", {2}).input("x", {2, 3}).node("Scan", {"start", "x"}, "last");
    add_output(graph, "sums");
    auto& node = *graph.model.mutable_graph()->mutable_node(0);
    const auto setting = [&](const char* name, std::int64_t value, bool list) {
      auto& attribute = *node.add_attribute();
      attribute.set_name(name);
      attribute.set_type(list ? ::onnx::AttributeProto::INTS : ::onnx::AttributeProto::INT);
      if (list) attribute.add_ints(value);
      if (!list) attribute.set_i(value);
    };
    setting("num_scan_inputs", 1, false);
    setting("scan_input_axes", -1, true);
    setting("scan_output_axes", 1, true);
    setting("scan_input_directions", backwards ? 1 : 0, true);
    setting("scan_output_directions", backwards ? 1 : 0, true);
    OnnxGraph body;
    body.input("sum", {2}).input("column", {2}).node("Add", {"sum", "column"}, "next");
    body.node("Identity", {"next"}, "kept").output("next").output("kept");
    add_body(graph, "body", body);
    graph.output("last").output("sums");
    const std::vector<Values> dst =
        outputs_of(graph.import(), {Values({2}, {10, 20}), Values({2, 3}, {1, 2, 3, 4, 5, 6})});
    CHECK(is_near(dst.at(0), {2}, {16, 35}));
    CHECK(
        is_near(dst.at(1), {2, 3},
                backwards ? std::vector<double>{16, 15, 13, 35, 31, 26} : std::vector<double>{11, 13, 16, 24, 29, 35}));
  }
}

TEST_CASE("a Scan over the samples of an open batch is refused, and runs when the batch is bound") {
  OnnxGraph graph;
  graph.input("x", {0, 2})
      .floats("start", {2}, {0.0F, 0.0F})
      .node("Scan", {"start", "x"}, "last", {{"num_scan_inputs", std::int64_t{1}}});
  OnnxGraph body;
  body.input("sum", {2}).input("row", {2}).node("Add", {"sum", "row"}, "next").output("next");
  add_body(graph, "body", body);
  graph.output("last");
  std::vector<std::string> notes;
  OnnxImportOptions options;
  options.note = [&](const std::string& note) { notes.push_back(note); };
  static_cast<void>(graph.import(options));
  REQUIRE(notes.size() == 1);
  CHECK(notes[0].find("fixed at 1") != std::string::npos);
  options.dims["N"] = 3;
  notes.clear();
  const Model<float> model = graph.import(options);
  CHECK(is_near(outputs_of(model, {Values({3, 2}, {1, 2, 3, 4, 5, 6})}).at(0), {2}, {9, 12}));
  CHECK(notes.empty());
}

TEST_CASE("sequences are taken apart and put together") {
  OnnxGraph graph;
  graph.input("x", {2, 3}).initializer("last", Shape{}, Integers{-1}, int64).integers("sizes", {1, 2});
  graph.initializer("two", Shape{}, Integers{2}, int64);
  graph.node("SplitToSequence", {"x", "sizes"}, "parts", {{"axis", std::int64_t{1}}});
  graph.node("SequenceAt", {"parts", "last"}, "right");
  graph.node("SequenceErase", {"parts"}, "first").node("SequenceInsert", {"first", "right"}, "again");
  graph.node("ConcatFromSequence", {"again"}, "joined", {{"axis", std::int64_t{1}}});
  graph.node("SplitToSequence", {"x"}, "columns", {{"axis", std::int64_t{1}}, {"keepdims", std::int64_t{0}}});
  graph.node("SequenceAt", {"columns", "last"}, "column");
  graph.node("SplitToSequence", {"x", "two"}, "pairs", {{"axis", std::int64_t{1}}});
  graph.node("SequenceAt", {"pairs", "last"}, "rest");
  graph.node("SequenceConstruct", {"column", "column"}, "twice").node("SequenceLength", {"twice"}, "length");
  for (const char* name : {"right", "joined", "column", "rest", "length"}) graph.output(name);
  const std::vector<Values> dst = outputs_of(graph.import(), {Values({2, 3}, {1, 2, 3, 4, 5, 6})});
  CHECK(is_near(dst.at(0), {2, 2}, {2, 3, 5, 6}));
  CHECK(is_near(dst.at(1), {2, 3}, {1, 2, 3, 4, 5, 6}));
  CHECK(is_near(dst.at(2), {2}, {3, 6}));
  CHECK(is_near(dst.at(3), {2, 1}, {3, 6}));
  CHECK(is_near(dst.at(4), {}, {2}));
}

TEST_CASE("a sequence cannot be an output, and a tensor is none") {
  OnnxGraph sequence;
  sequence.input("x", {2}).node("SequenceConstruct", {"x", "x"}, "y").output("y");
  CHECK_THROWS_WITH(sequence.import(), ContainsSubstring("is a sequence"));
  OnnxGraph tensor;
  tensor.input("x", {2}).node("SequenceLength", {"x"}, "y").output("y");
  CHECK_THROWS_WITH(tensor.import(), ContainsSubstring("is no sequence"));
}
