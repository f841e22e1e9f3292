// What onnx/import.hpp says to files that are damaged, hostile or beyond it.
#include <cstddef>
#include <limits>
#include <string>
#include <vector>

#include <fulcrum/onnx/export.hpp>

#include <fulcrum/core/file.hpp>
#include <onnx/onnx_graph.hpp>
#include <support/catch.hpp>
#include <support/random_model.hpp>
#include <support/temporary_folder.hpp>

using namespace fulcrum;
using fulcrum::test::OnnxGraph;
using Integers = std::vector<std::int64_t>;

namespace {

OnnxGraph relu() {
  OnnxGraph graph;
  graph.input("x", {0, 4}).node("Relu", {"x"}, "y").output("y");
  return graph;
}

std::string import_error(const std::string& bytes) {
  try {
    static_cast<void>(parse_onnx(bytes));
  } catch (const Error& error) {
    return error.what();
  }
  return "";
}

}  // namespace

TEST_CASE("a file that is no whole ONNX model is refused by name") {
  const fulcrum::test::TemporaryFolder folder;
  const auto import = [&](const std::string& bytes) {
    write_file_atomically(folder.path("m.onnx"), bytes);
    return import_onnx(folder.path("m.onnx"));
  };
  const std::string good = relu().bytes();
  CHECK_THROWS_WITH(import_onnx("/no/such.onnx"), ContainsSubstring("/no/such.onnx: does not exist; check the path"));
  CHECK_THROWS_WITH(import(""), ContainsSubstring("m.onnx: is empty"));
  CHECK_THROWS_WITH(import("hello, I am a text file\n"),
                    ContainsSubstring("m.onnx: is no ONNX model, or is cut short"));
  CHECK_THROWS_WITH(import(good.substr(0, good.size() / 2)), ContainsSubstring("m.onnx: "));
  for (std::size_t size = 0; size < good.size(); ++size) CHECK_THROWS_AS(import(good.substr(0, size)), Error);
  CHECK(import(good).size() == 2);
}

TEST_CASE("opsets outside the supported ones are refused") {
  OnnxGraph future = relu();
  future.model.mutable_opset_import(0)->set_version(99);
  CHECK_THROWS_WITH(future.import(), ContainsSubstring("is of opset 99; export it with opset 24 or an earlier one"));
  OnnxGraph past(6);
  past.input("x", {0, 4}).node("Dropout", {"x"}, "y").output("y");
  CHECK_THROWS_WITH(past.import(), ContainsSubstring("node 'y_node' (Dropout) is of opset 6"));
  OnnxGraph other = relu();
  other.model.mutable_opset_import(0)->set_domain("com.example");
  CHECK_THROWS_WITH(other.import(), ContainsSubstring("does not say its opset"));
}

TEST_CASE("all operators that are not supported are named at once, with their nodes and what to use instead") {
  OnnxGraph graph;
  graph.input("x", {0, 4})
      .node("StringNormalizer", {"x"}, "a")
      .node("TfIdfVectorizer", {"a"}, "b")
      .node("StringNormalizer", {"b"}, "c")
      .node("Relu", {"c"}, "d")
      .node("Magic", {"d"}, "e")
      .output("e");
  graph.model.mutable_graph()->mutable_node(4)->set_domain("com.example");
  CHECK_THROWS_WITH(
      graph.import(),
      ContainsSubstring("StringNormalizer at 'a_node', 'c_node' (use text processing before the model); "
                        "TfIdfVectorizer at 'b_node' (use text processing before the model); com.example.Magic at "
                        "'e_node' (use ONNX's own"));
}

TEST_CASE("names that dangle, clash or go round are refused") {
  SECTION("an input that nothing computes") {
    OnnxGraph graph;
    graph.input("x", {0, 4}).node("Add", {"x", "ghost"}, "y").output("y");
    CHECK_THROWS_WITH(graph.import(), ContainsSubstring("node 'y_node' (Add) takes 'ghost', which nothing computes"));
  }
  SECTION("an output that nothing computes") {
    CHECK_THROWS_WITH(relu().output("ghost").import(), ContainsSubstring("output 'ghost' is computed by nothing"));
  }
  SECTION("no output") {
    OnnxGraph graph;
    graph.input("x", {0, 4}).node("Relu", {"x"}, "y");
    CHECK_THROWS_WITH(graph.import(), ContainsSubstring("has no output"));
  }
  SECTION("a value that is defined twice") {
    CHECK_THROWS_WITH(relu().node("Tanh", {"x"}, "y").import(),
                      ContainsSubstring("defines the value 'y' a second time"));
    CHECK_THROWS_WITH(relu().node("Tanh", {"x"}, "x").import(),
                      ContainsSubstring("defines the value 'x' a second time"));
    CHECK_THROWS_WITH(relu().input("x", {0, 4}).import(), ContainsSubstring("defines the value 'x' a second time"));
    CHECK_THROWS_WITH(relu().floats("y", {1}, {1}).import(), ContainsSubstring("defines the value 'y' a second time"));
    CHECK_THROWS_WITH(relu().floats("c", {1}, {1}).floats("c", {1}, {1}).import(),
                      ContainsSubstring("initializer 'c' has no name of its own"));
  }
  SECTION("a cycle") {
    OnnxGraph graph;
    graph.input("x", {0, 4}).node("Add", {"x", "b"}, "a").node("Relu", {"a"}, "b").output("b");
    CHECK_THROWS_WITH(graph.import(), ContainsSubstring("has a cycle"));
    OnnxGraph self;
    self.input("x", {0, 4}).node("Relu", {"a"}, "a").output("a");
    CHECK_THROWS_WITH(self.import(), ContainsSubstring("has a cycle"));
  }
  SECTION("a second result that is not supported") {
    OnnxGraph graph;
    graph.input("x", {0, 4}).node("Relu", {"x"}, "y").output("z");
    graph.model.mutable_graph()->mutable_node(0)->add_output("z");
    CHECK_THROWS_WITH(graph.import(), ContainsSubstring("a further result of node 'y_node' (Relu)"));
  }
}

TEST_CASE("shapes that do not fit are refused with the node's name") {
  OnnxGraph graph;
  graph.input("x", {0, 3, 8, 8}).floats("w", Tensor<float>({4, 5, 3, 3})).node("Conv", {"x", "w"}, "y").output("y");
  CHECK_THROWS_WITH(graph.import(), ContainsSubstring("node 'y_node' (Conv): Conv has weights (4, 5, 3, 3)"));
  OnnxGraph gemm;
  gemm.input("x", {0, 3}).floats("w", Tensor<float>({4, 5})).node("Gemm", {"x", "w"}, "y").output("y");
  CHECK_THROWS_WITH(gemm.import(), ContainsSubstring("node 'y_node' (Gemm)"));
}

TEST_CASE("weights that are NaN or infinite are refused with the initializer's name") {
  constexpr float nan = std::numeric_limits<float>::quiet_NaN();
  constexpr float infinity = std::numeric_limits<float>::infinity();
  for (const float bad : {nan, infinity, -infinity}) {
    OnnxGraph graph;
    graph.input("x", {0, 2}).floats("w", {2, 2}, {1, 2, bad, 4}).node("MatMul", {"x", "w"}, "y").output("y");
    CHECK_THROWS_WITH(graph.import(), ContainsSubstring("node 'y_node' (MatMul): tensor 'w' has a"));
    CHECK_THROWS_WITH(graph.import(), ContainsSubstring("at element 2"));
  }
  OnnxGraph wide;
  wide.input("x", {0, 1})
      .initializer<double>("c", {1}, {1e300}, onnx::TensorProto::DOUBLE)
      .node("Add", {"x", "c"}, "y")
      .output("y");
  CHECK_THROWS_WITH(wide.import(), ContainsSubstring("tensor 'c' holds 1e+300, past what float32 holds"));
  OnnxGraph mask;  // what is added may well be infinite
  mask.input("x", {0, 1}).floats("c", {1}, {-infinity}).node("Add", {"x", "c"}, "y").output("y");
  CHECK(mask.import().size() == 3);
}

TEST_CASE("elements that are not as many as the shape says are refused before memory is taken") {
  const auto with_dims = [](const Shape& dims) {
    OnnxGraph graph;
    graph.input("x", {0, 2}).floats("w", dims, {1, 2, 3, 4}).node("MatMul", {"x", "w"}, "y").output("y");
    return graph.import();
  };
  CHECK_THROWS_WITH(with_dims({2, 3}), ContainsSubstring("tensor 'w' stores 16 byte(s) for a shape (2, 3)"));
  CHECK_THROWS_WITH(with_dims({1'000'000, 1'000'000}), ContainsSubstring("tensor 'w' stores 16 byte(s)"));
  CHECK_THROWS_WITH(with_dims({1'000'000, 1'000'000, 1'000'000}), ContainsSubstring("more elements than any machine"));
  CHECK_THROWS_WITH(with_dims({std::numeric_limits<std::int64_t>::max(), 3}), ContainsSubstring("more elements than"));
  CHECK_THROWS_WITH(with_dims({-2, -2}), ContainsSubstring("tensor 'w' has an extent of -2"));
  CHECK_THROWS_WITH(with_dims(Shape(40, 1)), ContainsSubstring("has rank 40"));
}

TEST_CASE("absurd settings are refused, not computed with") {
  constexpr std::int64_t huge = std::numeric_limits<std::int64_t>::max();
  const auto pool = [](const char* name, const Integers& values) {
    std::vector<fulcrum::test::OnnxAttribute> attributes{{"kernel_shape", Integers{2, 2}}};
    if (std::string(name) == "kernel_shape") attributes.clear();
    attributes.push_back({name, values});
    OnnxGraph graph;
    return graph.input("x", {0, 1, 8, 8}).node("MaxPool", {"x"}, "y", attributes).output("y").import();
  };
  CHECK_THROWS_AS(pool("kernel_shape", {huge, 1}), Error);
  CHECK_THROWS_AS(pool("kernel_shape", {0, 1}), Error);
  CHECK_THROWS_AS(pool("kernel_shape", {3}), Error);
  CHECK_THROWS_AS(pool("strides", {huge, huge}), Error);
  CHECK_THROWS_AS(pool("strides", {-1, 1}), Error);
  CHECK_THROWS_AS(pool("dilations", {huge, huge}), Error);
  CHECK_THROWS_AS(pool("pads", {0, 0, 0, huge}), Error);
  CHECK_THROWS_AS(pool("pads", {0, 0, 0, -1}), Error);
  CHECK_THROWS_WITH(pool("pads", {2, 0, 0, 0}), ContainsSubstring("as wide as the window"));
  OnnxGraph conv;
  conv.input("x", {0, 4, 8, 8})
      .floats("w", Tensor<float>({4, 4, 1, 1}))
      .node("Conv", {"x", "w"}, "y", {{"group", huge}})
      .output("y");
  CHECK_THROWS_WITH(conv.import(), ContainsSubstring("attribute 'group'"));
  OnnxGraph input;
  input.input("x", {0, huge, huge}).node("Relu", {"x"}, "y").output("y");
  CHECK_THROWS_WITH(input.import(), ContainsSubstring("more elements than"));
}

TEST_CASE("a chain of layers cannot grow a shape without end") {
  OnnxGraph graph;
  graph.input("v0", {0, 1024});
  for (int i = 0; i < 64; ++i) {
    const std::string from = "v" + std::to_string(i);
    graph.node("Concat", {from, from, from, from}, "v" + std::to_string(i + 1), {{"axis", std::int64_t{1}}});
  }
  CHECK_THROWS_WITH(graph.output("v64").import(), ContainsSubstring("more elements than any machine holds"));
}

TEST_CASE("many copies of one initializer cannot take memory out of proportion to the file") {
  OnnxGraph graph;
  graph.input("x", {0, 1000}).floats("w", Tensor<float>({1000, 1000}, 0.5F));
  std::string from = "x";
  for (int i = 0; i < 200; ++i) {
    const std::string to = "v" + std::to_string(i);
    graph.node("MatMul", {from, "w"}, to);
    from = to;
  }
  CHECK_THROWS_WITH(graph.output(from).import(), ContainsSubstring("makes far more memory of its weights"));
}

TEST_CASE("an input that cannot be taken is refused by name") {
  OnnxGraph text;
  text.input("x", {0, 3}, onnx::TensorProto::STRING).node("Relu", {"x"}, "y").output("y");
  CHECK_THROWS_WITH(text.import(), ContainsSubstring("input 'x' is of type string"));
  OnnxGraph shapeless = relu();
  shapeless.model.mutable_graph()->mutable_input(0)->clear_type();
  CHECK_THROWS_WITH(shapeless.import(), ContainsSubstring("input 'x' is no tensor"));
}

TEST_CASE("an attribute of the wrong type is refused") {
  OnnxGraph graph;
  graph.input("x", {0, 4}).node("LeakyRelu", {"x"}, "y", {{"alpha", std::int64_t{1}}}).output("y");
  CHECK_THROWS_WITH(graph.import(),
                    ContainsSubstring("node 'y_node' (LeakyRelu): attribute 'alpha' is not of the type"));
}

TEST_CASE("damaged bytes give an Error or a model that holds together, never anything else") {
  Random random(42);
  std::size_t refused = 0;
  std::size_t taken = 0;
  for (std::uint64_t seed = 0; seed < 6; ++seed) {
    const std::string good = serialize_onnx(fulcrum::test::random_model(seed));
    for (int round = 0; round < 100; ++round) {
      std::string bad = good;
      const std::size_t head = std::min<std::size_t>(bad.size(), 2048);  // weights fill the rest
      for (std::uint64_t edits = 1 + random.below(4); edits > 0; --edits) {
        const std::size_t at = random.below(2) == 0 ? random.below(head) : bad.size() - 1 - random.below(head);
        bad[at] = static_cast<char>(random());
      }
      if (random.below(4) == 0) bad.resize(random.below(bad.size()));
      if (!import_error(bad).empty()) {
        ++refused;
        continue;
      }
      ++taken;
      const Model<float> model = parse_onnx(bad);
      CHECK(parse_onnx(serialize_onnx(model)).size() > 0);
    }
  }
  CHECK(refused > 100);
  CHECK(taken > 20);
}
