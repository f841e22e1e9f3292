// Weights that go from the file to the model's tensors at once (onnx/graph/weights_in_file.hpp), as import_onnx() reads
// them: what comes out must be what the whole message says.
#include <cstdint>
#include <cstring>
#include <string>
#include <vector>

#include <fulcrum/core/file.hpp>
#include <fulcrum/onnx/import.hpp>

#include <onnx/onnx_graph.hpp>
#include <support/catch.hpp>
#include <support/data.hpp>
#include <support/temporary_folder.hpp>

using namespace fulcrum;
using fulcrum::test::OnnxGraph;
using fulcrum::test::random_tensor;

namespace {

/// Two dense layers of 64 KiB of weights each, and a small one.
OnnxGraph network() {
  OnnxGraph graph;
  graph.input("x", {0, 128})
      .floats("w1", random_tensor<float>({128, 128}, 1))
      .floats("bias", random_tensor<float>({128}, 2))
      .floats("w2", random_tensor<float>({128, 128}, 3))
      .node("Gemm", {"x", "w1", "bias"}, "a")
      .node("Relu", {"a"}, "b")
      .node("MatMul", {"b", "w2"}, "y")
      .output("y");
  return graph;
}

std::string message_of(const std::string& path) {
  try {
    static_cast<void>(import_onnx(path));
  } catch (const Error& error) {
    return error.problem();
  }
  return "";
}

std::string message_of_bytes(const std::string& bytes) {
  try {
    static_cast<void>(parse_onnx(bytes));
  } catch (const Error& error) {
    return error.problem();
  }
  return "";
}

}  // namespace

TEST_CASE("a model from its file is the model in the file's bytes") {
  const fulcrum::test::TemporaryFolder folder;
  const std::string path = folder.path("m.onnx");
  OnnxGraph graph = network();
  SECTION("of floats") {}
  SECTION("of float16, which is converted") {
    auto& tensor = *graph.model.mutable_graph()->mutable_initializer(2);
    const std::vector<std::uint16_t> halves(128 * 128, 0x3c00);
    tensor.set_data_type(onnx::TensorProto::FLOAT16);
    tensor.set_raw_data(halves.data(), halves.size() * sizeof(std::uint16_t));
  }
  SECTION("with elements in a typed field") {
    auto& tensor = *graph.model.mutable_graph()->mutable_initializer(0);
    tensor.clear_raw_data();
    for (int i = 0; i < 128 * 128; ++i) tensor.add_float_data(static_cast<float>(i));
  }
  SECTION("with texts and numbers around the graph") {
    graph.model.set_doc_string(std::string(9000, 'd'));
    graph.model.set_model_version(std::int64_t{1} << 60U);
    graph.model.mutable_graph()->mutable_initializer(2)->set_doc_string("last");
  }
  const std::string bytes = graph.bytes();
  write_file_atomically(path, bytes);
  CHECK(import_onnx(path) == parse_onnx(bytes));
}

TEST_CASE("a message whose graph comes in two parts is read as a whole") {
  const fulcrum::test::TemporaryFolder folder;
  OnnxGraph whole = network();
  onnx::ModelProto first = whole.model, second;
  *second.mutable_graph()->mutable_node() = first.graph().node();
  first.mutable_graph()->clear_node();
  const std::string bytes = first.SerializeAsString() + second.SerializeAsString();
  write_file_atomically(folder.path("m.onnx"), bytes);
  CHECK(import_onnx(folder.path("m.onnx")) == parse_onnx(whole.bytes()));
}

TEST_CASE("weights that are not as many as their shape says, or no numbers, are refused as in the whole message") {
  const fulcrum::test::TemporaryFolder folder;
  const std::string path = folder.path("m.onnx");
  OnnxGraph graph = network();
  auto& tensor = *graph.model.mutable_graph()->mutable_initializer(2);
  SECTION("too few") { tensor.mutable_raw_data()->resize(40000); }
  SECTION("a NaN") { std::memset(tensor.mutable_raw_data()->data() + 400, 0xff, 4); }
  SECTION("of another type") { tensor.set_data_type(onnx::TensorProto::STRING); }
  SECTION("said to be elsewhere") { tensor.set_data_location(onnx::TensorProto::EXTERNAL); }
  write_file_atomically(path, graph.bytes());
  CHECK(message_of(path).size() > 10);
  if (!tensor.has_data_location()) CHECK(message_of(path) == message_of_bytes(graph.bytes()));
}

TEST_CASE("a file that is cut short anywhere, or damaged, is an error or another model, as its bytes are") {
  const fulcrum::test::TemporaryFolder folder;
  const std::string path = folder.path("m.onnx");
  const std::string good = network().bytes();
  for (std::size_t size = 1; size < good.size(); size += 997) {
    write_file_atomically(path, good.substr(0, size));
    CHECK(message_of(path) == message_of_bytes(good.substr(0, size)));
  }
  // Where the fields of the message are: at its ends and between the tensors.
  for (std::size_t at = 0; at < good.size(); at += (at % 65000 < 200 ? 1 : 4801)) {
    for (const int flipped : {1, 0x80}) {
      std::string bad = good;
      bad[at] = static_cast<char>(bad[at] ^ flipped);
      write_file_atomically(path, bad);
      CHECK(message_of(path) == message_of_bytes(bad));
    }
  }
}
