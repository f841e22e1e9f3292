// Writes the seeds of onnx_import_fuzz into a folder: small models that between them have every operator and every way
// to store a tensor that the importer knows.
#include <iostream>
#include <string>

#include <fulcrum/onnx/export.hpp>

#include <onnx/onnx_graph.hpp>
#include <support/random_model.hpp>

using namespace fulcrum;
using fulcrum::test::OnnxGraph;
using Integers = std::vector<std::int64_t>;

namespace {

std::string folder;

void write(const std::string& name, const std::string& bytes) {
  write_file_atomically(folder + "/" + name + ".onnx", bytes);
}
void write(const std::string& name, const Model<float>& model) { write(name, serialize_onnx(model)); }

/// Layers with few weights, so that mutations meet structure.
void write_layers() {
  auto b = ModelBuilder<float>("layers", 1).input({2, 5, 5});
  b.conv(2, 2, {.stride = {2, 1}, .padding = {1, 0, 0, 1}, .groups = 2}).batch_normalization().relu();
  const NodeId branch = b.last();
  b.max_pool(2, {.stride = {1, 1}, .padding = {0, 0, 1, 1}, .ceil_mode = true}).add(branch).concat({branch});
  write("layers", b.average_pool(2).flatten().dense(2).softmax().build());
  write("activations", ModelBuilder<float>("a")
                           .input({2})
                           .leaky_relu()
                           .relu6()
                           .sigmoid()
                           .tanh()
                           .hard_swish()
                           .swish()
                           .gelu()
                           .activation(ActivationKind::gelu_tanh)
                           .activation(ActivationKind::softplus)
                           .activation(ActivationKind::elu, 1.0F)
                           .activation(ActivationKind::hard_sigmoid, 0.2F, 0.5F)
                           .build());
  write("matmul", ModelBuilder<float>("m").input({3, 2}).dense(2).dense(1, false).reshape({0, 3}).build());

  Model<float> quantized = ModelBuilder<float>("q", 2).input({1, 3, 3}).conv(2, 2).relu().build();
  auto& conv = std::get<Conv<float>>(quantized.edit_layer(1));
  conv.weights.quantization = Quantization{DType::s8, {0.01F, 0.02F}, {0, 0}, 0};
  conv.weights.mask = Tensor<std::uint8_t>(conv.weights.value->dims(), std::uint8_t{1});
  quantized.set_dst_quantization(0, Quantization{DType::u8, {0.02F}, {3}, -1});
  quantized.set_dst_quantization(2, Quantization{DType::s8, {0.03F}, {0}, -1});
  write("quantized", quantized);
}

/// What the exporter does not write.
void write_other_forms() {
  OnnxGraph old(9);
  old.input("x", {1, 2, 4, 4})
      .floats("w", {1, 2, 1, 1}, {1, 2})
      .integers("dims", {1, -1})
      .node("Conv", {"x", "w"}, "c", {{"auto_pad", std::string("SAME_UPPER")}})
      .node("Clip", {"c"}, "clip", {{"min", 0.0F}, {"max", 6.0F}})
      .node("Dropout", {"clip"}, "drop", {{"ratio", 0.5F}})
      .node("Unsqueeze", {"drop"}, "u", {{"axes", Integers{1}}})
      .node("Squeeze", {"u"}, "s")
      .node("Reshape", {"drop", "dims"}, "r")
      .node("Softmax", {"r"}, "y")
      .output("y");
  write("old", old.bytes());

  OnnxGraph folded(13);
  folded.input("x", {0, 2})
      .floats("w", {2, 2}, {1, 2, 3, 4})
      .integers("axes", {0})
      .node("Transpose", {"w"}, "wt", {{"perm", Integers{1, 0}}})
      .node("Unsqueeze", {"wt", "axes"}, "wu")
      .node("Squeeze", {"wu", "axes"}, "ws")
      .node("Identity", {"ws"}, "wi")
      .node("Cast", {"wi"}, "wc", {{"to", std::int64_t{1}}})
      .node("Gemm", {"x", "wc"}, "y", {{"alpha", 0.5F}, {"transB", std::int64_t{1}}})
      .output("y");
  auto& constant = *folded.model.mutable_graph()->add_node();
  constant.set_op_type("Constant");
  constant.add_output("k");
  auto& value = *constant.add_attribute();
  value.set_name("value");
  value.set_type(onnx::AttributeProto::TENSOR);
  OnnxGraph::tensor(*value.mutable_t(), "", {2}, std::vector<std::uint16_t>{0x3c00, 0xc000},
                    onnx::TensorProto::FLOAT16);
  folded.node("Mul", {"y", "k"}, "z").output("z");
  write("folded", folded.bytes());

  OnnxGraph rounded(13);
  rounded.input("x", {0, 2})
      .floats("s", {2}, {0.1F, 0.2F})
      .bytes8("z", {2}, {0, 1})
      .floats("w", {2, 2}, {1, 2, 3, 4})
      .node("QuantizeLinear", {"w", "s", "z"}, "wq", {{"axis", std::int64_t{1}}})
      .node("DequantizeLinear", {"wq", "s", "z"}, "wd", {{"axis", std::int64_t{1}}})
      .node("QuantizeLinear", {"x", "s", "z"}, "xq")
      .node("DequantizeLinear", {"xq", "s", "z"}, "xd")
      .node("MatMul", {"xd", "wd"}, "y")
      .node("Add", {"y", "x"}, "sum")
      .output("sum");
  write("rounded", rounded.bytes());
}

}  // namespace

int main(int count, char** arguments) {
  if (count != 2) {
    std::cerr << "usage: onnx_corpus FOLDER\n";
    return 2;
  }
  folder = arguments[1];
  write_layers();
  write_other_forms();
  for (std::uint64_t seed = 0; seed < 8; ++seed) {
    write("random" + std::to_string(seed), fulcrum::test::random_model(seed));
  }
  return 0;
}
