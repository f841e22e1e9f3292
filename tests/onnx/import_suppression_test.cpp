// NonMaxSuppression, what is taken at its rows, and models that end before their file does (onnx/import.hpp).
#include <string>
#include <vector>

#include <fulcrum/exec/onednn.hpp>
#include <fulcrum/exec/reference.hpp>
#include <fulcrum/onnx/export.hpp>
#include <fulcrum/onnx/import.hpp>

#include <onnx/onnx_graph.hpp>
#include <support/catch.hpp>

using namespace fulcrum;
using fulcrum::test::layer_of;
using fulcrum::test::OnnxGraph;

namespace {

/// A detector's tail: boxes and scores of three boxes, of which the first two overlap.
OnnxGraph detector() {
  OnnxGraph graph;
  graph.input("boxes", {1, 3, 4})
      .input("scores", {1, 2, 3})
      .initializer("most", Shape{1}, std::vector<std::int64_t>{2}, ::onnx::TensorProto::INT64)
      .floats("iou", {1}, {0.5F})
      .floats("least", {1}, {0.25F})
      .node("NonMaxSuppression", {"boxes", "scores", "most", "iou", "least"}, "kept");
  return graph;
}

const std::vector<Tensor<float>> sources{Tensor<float>({1, 3, 4}, {0, 0, 1, 1, 0, 0.1F, 1, 1.1F, 0, 5, 1, 6}),
                                         Tensor<float>({1, 2, 3}, {0.6F, 0.9F, 0.3F, 0.1F, 0.2F, 0.8F})};

/// On both executors, which must agree.
std::vector<Tensor<float>> results(const Model<float>& model) {
  std::vector<Tensor<float>> expected = ReferenceExecutor<float>(model).run(sources);
  CHECK(OnednnExecutor(OnednnModel::compile(model, {.batch = 1, .threads = 1})).run(sources) == expected);
  return expected;
}

}  // namespace

TEST_CASE("a NonMaxSuppression has as many rows as it can keep, and says so") {
  OnnxGraph graph = detector().output("kept");
  std::vector<std::string> notes;
  OnnxImportOptions options;
  options.note = [&](const std::string& note) { notes.push_back(note); };
  const Model<float> model = graph.import(options);
  CHECK(layer_of<NonMaxSuppression>(model, "kept_node") == NonMaxSuppression{2, 0.5F, 0.25F, false});
  CHECK(results(model).at(0) == Tensor<float>({4, 3}, {0, 0, 1, 0, 0, 2, 0, 1, 2, -1, -1, -1}));
  REQUIRE(notes.size() == 1);
  CHECK_THAT(notes[0], ContainsSubstring("'kept_node' gives as many rows as it can keep, 4 for a batch of 1"));
  CHECK(parse_onnx(serialize_onnx(model)) == model);
}

TEST_CASE("what is taken at rows that are not used is 0") {
  OnnxGraph graph = detector();
  graph.initializer("two", Shape{}, std::vector<std::int64_t>{2}, ::onnx::TensorProto::INT64)
      .initializer("columns", Shape{2}, std::vector<std::int64_t>{0, 2}, ::onnx::TensorProto::INT64)
      .node("Gather", {"kept", "two"}, "box", {{"axis", std::int64_t{1}}})
      .node("Gather", {"boxes", "box"}, "kept_boxes", {{"axis", std::int64_t{1}}})
      .node("GatherND", {"scores", "kept"}, "kept_scores")
      .node("Gather", {"kept", "columns"}, "places", {{"axis", std::int64_t{1}}})
      .node("GatherND", {"boxes", "places"}, "again")
      .output("kept_boxes")
      .output("kept_scores")
      .output("again");
  const Model<float> model = graph.import();
  const std::vector<Tensor<float>> result = results(model);
  const Tensor<float> boxes({1, 4, 4}, {0, 0.1F, 1, 1.1F, 0, 5, 1, 6, 0, 5, 1, 6, 0, 0, 0, 0});
  CHECK(result.at(0) == boxes);
  CHECK(result.at(1) == Tensor<float>({4}, {0.9F, 0.3F, 0.8F, 0.0F}));
  CHECK(result.at(2) == boxes.reshaped({4, 4}));
  CHECK_THROWS_WITH(serialize_onnx(model), ContainsSubstring("whose rows here are as many as there can be"));
}

TEST_CASE("thresholds that the graph computes are refused") {
  OnnxGraph graph;
  graph.input("boxes", {1, 3, 4})
      .input("scores", {1, 2, 3})
      .input("most", {1}, ::onnx::TensorProto::INT64)
      .node("NonMaxSuppression", {"boxes", "scores", "most"}, "kept")
      .output("kept");
  CHECK_THROWS_WITH(graph.import(), ContainsSubstring("max_output_boxes_per_class"));
}

TEST_CASE("a model may end before its file does") {
  OnnxGraph graph;
  graph.input("x", {0, 4}).node("Relu", {"x"}, "a").node("Sigmoid", {"a"}, "b").node("Unique", {"b"}, "c").output("c");
  CHECK_THROWS_WITH(graph.import(), ContainsSubstring("or end it before them (--outputs)"));
  OnnxImportOptions options;
  options.outputs = {"b", "a"};
  const Model<float> model = graph.import(options);
  CHECK(model.output_names() == std::vector<std::string>{"b", "a"});
  CHECK(model.size() == 3);
  options.outputs = {"a", "none"};
  CHECK_THROWS_WITH(graph.import(options), ContainsSubstring("computes no value 'none' that could be an output"));
  options.outputs = {"a", "a"};
  CHECK_THROWS_WITH(graph.import(options), ContainsSubstring("is to give 'a' twice"));
}
