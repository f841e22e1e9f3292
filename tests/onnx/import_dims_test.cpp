// What onnx/import.hpp makes of symbolic dimensions, of arithmetic on shapes, and of inputs that are known already.
#include <vector>

#include <fulcrum/exec/reference.hpp>
#include <fulcrum/onnx/import.hpp>

#include <onnx/onnx_graph.hpp>
#include <support/catch.hpp>

using namespace fulcrum;
using fulcrum::test::layer_of;
using fulcrum::test::OnnxGraph;
using Integers = std::vector<std::int64_t>;

namespace {

/// x (batch, tokens, 4) → one row a sample, by shape arithmetic as exporters write it.
OnnxGraph flattened_by_shape() {
  OnnxGraph graph;
  graph.input("x", {0, 0, 4})
      .symbol(0, 0, "batch")
      .symbol(0, 1, "tokens")
      .node("Shape", {"x"}, "shape")
      .integers("zero", {0})
      .node("Gather", {"shape", "zero"}, "batch")
      .integers("rest", {-1})
      .node("Concat", {"batch", "rest"}, "dims", {{"axis", std::int64_t{0}}})
      .node("Reshape", {"x", "dims"}, "y")
      .output("y");
  return graph;
}

}  // namespace

TEST_CASE("One symbolic dimension may stay open; the others are bound by name") {
  const OnnxGraph graph = flattened_by_shape();
  CHECK_THROWS_WITH(graph.import(), ContainsSubstring("has open dimensions: 'tokens'"));
  CHECK_THROWS_WITH(graph.import({.dims = {{"tokens", 3}, {"height", 2}}}),
                    ContainsSubstring("dimension 'height' is not one of the model's; it has 'batch', 'tokens'"));
  CHECK_THROWS_WITH(graph.import({.dims = {{"tokens", 0}}}), ContainsSubstring("dimension 'tokens' is bound to 0"));

  const Model<float> open = graph.import({.dims = {{"tokens", 3}}});
  CHECK(layer_of<Input>(open, "x").shape == Shape{batch_dim, 3, 4});
  CHECK(infer_shapes(open, 5).back() == Shape{5, 12});

  const Model<float> bound = graph.import({.dims = {{"tokens", 3}, {"batch", 2}}});
  CHECK(layer_of<Input>(bound, "x").shape == Shape{2, 3, 4});
  CHECK(infer_shapes(bound, 1).back() == Shape{2, 12});
}

TEST_CASE("Shapes of the sources bind what the names leave open") {
  const OnnxGraph graph = flattened_by_shape();
  const Model<float> model = graph.import({.input_shapes = {{2, 7, 4}}});
  CHECK(layer_of<Input>(model, "x").shape == Shape{2, 7, 4});
  CHECK_THROWS_WITH(graph.import({.input_shapes = {{2, 7, 4}, {1}}}),
                    ContainsSubstring("takes 1 input(s) but was given 2"));
}

TEST_CASE("Inputs may be left out of the shapes of the sources") {
  OnnxGraph graph;
  graph.input("s", {2, 0}).input("x", {0, 2, 0}).symbol(0, 1, "width").symbol(1, 0, "batch").symbol(1, 2, "width");
  graph.node("Add", {"x", "s"}, "y").output("y");
  const Model<float> model = graph.import({.input_shapes = {{5, 2, 3}}, .unshaped_inputs = {"s"}});
  CHECK(layer_of<Input>(model, "x").shape == Shape{5, 2, 3});
  CHECK_THROWS_WITH(graph.import({.unshaped_inputs = {"t"}}), ContainsSubstring("'t' is not one of the model's"));
}

TEST_CASE("Arithmetic on shapes leaves no layer behind") {
  const Model<float> model = flattened_by_shape().import({.dims = {{"tokens", 3}}});
  REQUIRE(model.size() == 2);
  CHECK(layer_of<Reshape>(model, "y_node").dims == Shape{0, 12});
}

TEST_CASE("A value that is one number for every batch is spread over it at run time") {
  OnnxGraph graph;
  graph.input("x", {0, 2})
      .node("Shape", {"x"}, "shape")
      .node("ConstantOfShape", {"shape"}, "zeros")
      .node("Concat", {"x", "zeros"}, "y", {{"axis", std::int64_t{1}}})
      .output("y");
  const Model<float> model = graph.import();
  const Tensor<float> x({3, 2}, {1, 2, 3, 4, 5, 6});
  CHECK(ReferenceExecutor<float>(model).run({&x, 1})[0] == Tensor<float>({3, 4}, {1, 2, 0, 0, 3, 4, 0, 0, 5, 6, 0, 0}));
}

TEST_CASE("A value that varies with the batch and is computed with needs the batch bound") {
  OnnxGraph graph;  // x · its batch size
  graph.input("x", {0, 2})
      .node("Shape", {"x"}, "shape")
      .integers("zero", {0})
      .node("Gather", {"shape", "zero"}, "batch")
      .node("Cast", {"batch"}, "number", {{"to", std::int64_t{onnx::TensorProto::FLOAT}}})
      .node("Mul", {"x", "number"}, "y")
      .output("y");
  const Tensor<float> x({3, 2}, {1, 2, 3, 4, 5, 6});
  const Model<float> model = graph.import({.dims = {{"N", 3}}});
  CHECK(ReferenceExecutor<float>(model).run({&x, 1})[0] == Tensor<float>({3, 2}, {3, 6, 9, 12, 15, 18}));
  CHECK(layer_of<Input>(graph.import(), "x").shape == Shape{1, 2});  // works for one size only
}

TEST_CASE("A known input stands where a constant is needed, and stays an input where it is not") {
  OnnxGraph graph;
  graph.input("x", {1, 1, 2, 2})
      .input("w", {1, 1, 1, 1})
      .input("axes", {1}, onnx::TensorProto::INT64)
      .node("Conv", {"x", "w"}, "c")
      .node("Squeeze", {"c", "axes"}, "y")
      .output("y");
  CHECK_THROWS_WITH(graph.import(), ContainsSubstring("its weights are computed by the graph ('w'), not constant"));
  OnnxImportOptions options;
  options.known_inputs.emplace("w", Tensor<double>({1, 1, 1, 1}, {2.0}));
  options.known_inputs.emplace("axes", Tensor<double>({1}, {0.0}));
  options.known_inputs.emplace("x", Tensor<double>({1, 1, 2, 2}, {1.0, 2.0, 3.0, 4.0}));
  const Model<float> model = graph.import(options);
  REQUIRE(model.inputs().size() == 1);
  CHECK(model.node(model.inputs()[0]).name == "x");
  const Tensor<float> x({1, 1, 2, 2}, {1, 2, 3, 4});
  CHECK(ReferenceExecutor<float>(model).run({&x, 1})[0] == Tensor<float>({1, 2, 2}, {2, 4, 6, 8}));

  options.known_inputs.emplace("z", Tensor<double>({1}, {0.0}));
  CHECK_THROWS_WITH(graph.import(options), ContainsSubstring("input 'z' is not one of the model's"));
  options.known_inputs.erase("z");
  options.known_inputs.insert_or_assign("x", Tensor<double>({2}, {0.0, 0.0}));
  CHECK_THROWS_WITH(graph.import(options), ContainsSubstring("input 'x' was given (2) but takes (1, 1, 2, 2)"));
}

TEST_CASE("Tensors of one repeated value are bounded by an option of their own") {
  OnnxGraph graph;
  graph.input("x", {0, 4096})
      .integers("dims", {4096, 4096})
      .node("ConstantOfShape", {"dims"}, "w")
      .node("MatMul", {"x", "w"}, "y")
      .output("y");
  CHECK(layer_of<Dense<float>>(graph.import(), "y_node").weights.size() == 4096 * 4096);
  CHECK_THROWS_WITH(graph.import({.max_fill_bytes = 1 << 20}),
                    ContainsSubstring("raise OnnxImportOptions::max_fill_bytes"));
}

TEST_CASE("A chain of arithmetic on constants may be as long as the file") {
  OnnxGraph graph;
  graph.input("x", {0, 1}).floats("one", {}, {1.0F});
  std::string from = "one";
  for (int i = 0; i < 20000; ++i) {
    const std::string to = "v" + std::to_string(i);
    graph.node("Neg", {from}, to);
    from = to;
  }
  graph.node("Mul", {"x", from}, "y").output("y");
  CHECK(graph.import().size() == 3);
}
