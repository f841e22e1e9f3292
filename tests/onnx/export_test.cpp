#include <fulcrum/onnx/export.hpp>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>
#include <map>
#include <set>
#include <string>
#include <vector>

#include <fulcrum/exec/reference.hpp>

#include <onnx/onnx_graph.hpp>
#include <support/catch.hpp>
#include <support/random_model.hpp>
#include <support/temporary_folder.hpp>
#include <support/tolerance.hpp>
#include "checked_export.hpp"

using namespace fulcrum;
using fulcrum::test::random_tensor;
using fulcrum::test::TemporaryFolder;

namespace {

/// A random network without what ONNX has no words for: a MaxPool that would count its padding, the value of what a Pad
/// mirrors.
Model<float> random_network(std::uint64_t seed) {
  Model<float> model = fulcrum::test::random_model(seed);
  for (NodeId id = 0; id < model.size(); ++id) {
    auto* pool = std::get_if<Pool>(&model.edit_layer(id));
    if (pool && pool->pool == PoolKind::max) pool->count_include_pad = false;
    auto* pad = std::get_if<Pad>(&model.edit_layer(id));
    if (pad && pad->mode != PadKind::constant) pad->value = 0.0F;
  }
  return model;
}

/// Whether every layer is one ONNX node: a transposed or scaled product is several.
bool is_written_as_it_is(const Model<float>& model) {
  return std::none_of(model.nodes().begin(), model.nodes().end(), [](const Node<float>& node) {
    const auto* product = std::get_if<MatMul>(&node.layer);
    return product != nullptr && !(*product == MatMul{});
  });
}

/// Whether the models have the same layers with the same sources and outputs. Constants come back in the order of their
/// first use.
bool is_same(const Model<float>& a, const Model<float>& b) {
  const auto names = [](const Model<float>& model, const std::vector<NodeId>& ids) {
    std::vector<std::string> result;
    for (const NodeId id : ids) result.push_back(model.node(id).name);
    return result;
  };
  if (a.size() != b.size() || a.name() != b.name() || names(a, a.outputs()) != names(b, b.outputs())) return false;
  return std::all_of(a.nodes().begin(), a.nodes().end(), [&](const Node<float>& node) {
    const auto id = b.find(node.name);
    return id && b.node(*id).layer == node.layer && names(b, b.node(*id).src) == names(a, node.src) &&
           b.node(*id).dst_quantization == node.dst_quantization;
  });
}

Model<float> round_trip(const Model<float>& model) { return parse_onnx(test::checked_onnx(model)); }

onnx::ModelProto parsed(const Model<float>& model) {
  onnx::ModelProto proto;
  REQUIRE(proto.ParseFromString(test::checked_onnx(model)));
  return proto;
}

std::map<std::string, int> operator_counts(const onnx::ModelProto& proto) {
  std::map<std::string, int> counts;
  for (const auto& node : proto.graph().node()) ++counts[node.op_type()];
  return counts;
}

Tensor<float> run(const Model<float>& model, const Tensor<float>& x, bool quantized = false) {
  return ReferenceExecutor<float>(model, {.quantized = quantized}).run(std::span(&x, 1)).at(0);
}

/// Weights per output channel, values per tensor: scales from random figures, as a pass would leave them.
Model<float> quantized(Model<float> model, std::uint64_t seed) {
  Random random(seed);
  for (NodeId id = 0; id < model.size(); ++id) {
    for_each_parameter(model.edit_layer(id), [&](const std::string& name, Parameter<float>& parameter) {
      if (name != "weights") return;
      Quantization q;
      q.axis = 0;
      const auto channels = parameter.value->dim(0);
      const auto per_channel = parameter.size() / channels;
      for (std::int64_t c = 0; c < channels; ++c) {
        float largest = 1e-6F;
        for (std::int64_t i = 0; i < per_channel; ++i) {
          const float w = parameter.value->flat()[static_cast<std::size_t>(c * per_channel + i)];
          largest = std::max(largest, std::abs(w));
        }
        q.scale.push_back(largest / 127.0F);
        q.zero_point.push_back(0);
      }
      parameter.quantization = std::move(q);
    });
    const Layer<float>& layer = model.node(id).layer;
    const bool is_constant = std::holds_alternative<Constant<float>>(layer);
    const auto* binary = std::get_if<Binary>(&layer);
    if (binary != nullptr && is_predicate(binary->function)) continue;  // truth values are not rounded
    if (is_constant || model.is_output(id) || random.below(3) == 0) continue;
    const bool is_unsigned = random.below(2) == 0;
    const auto scale = static_cast<float>(random.uniform(0.005, 0.05));
    const auto zero_point = static_cast<std::int32_t>(random.below(100));
    model.set_dst_quantization(id, Quantization{is_unsigned ? DType::u8 : DType::s8, {scale}, {zero_point}, -1});
  }
  return model;
}

}  // namespace

TEST_CASE("a model comes back as it was") {
  int compared = 0;
  for (std::uint64_t seed = 0; seed < 40; ++seed) {
    const Model<float> model = random_network(seed);
    if (!is_written_as_it_is(model)) continue;
    INFO("seed " << seed);
    CHECK(is_same(round_trip(model), model));
    ++compared;
  }
  CHECK(compared >= 20);
}

TEST_CASE("a second export has the bytes of the first, quantized or not") {
  for (std::uint64_t seed = 0; seed < 40; ++seed) {
    const Model<float> model = seed % 2 == 0 ? random_network(seed) : quantized(random_network(seed), seed);
    INFO("seed " << seed);
    const std::string first = test::checked_onnx(model);
    CHECK((test::checked_onnx(parse_onnx(first)) == first));
  }
}

TEST_CASE("a quantized model that comes back computes what it did") {
  for (std::uint64_t seed = 0; seed < 15; ++seed) {
    Model<float> model = quantized(random_network(seed), seed);
    for (NodeId id = 0; id < model.size(); ++id) {  // these come back rounded, see below
      for_each_parameter(model.edit_layer(id), [](const std::string& name, Parameter<float>& parameter) {
        if (name == "bias" && !parameter.empty())
          std::fill(parameter.value.edit().flat().begin(), parameter.value.edit().flat().end(), 0.0F);
      });
    }
    const Model<float> again = round_trip(model);
    INFO("seed " << seed);
    for (const Node<float>& node : model.nodes()) {
      REQUIRE(again.find(node.name).has_value());
      CHECK(again.node(*again.find(node.name)).dst_quantization == node.dst_quantization);
    }
    const auto x = random_tensor<float>(with_batch(std::get<Input>(model.node(0).layer).shape, 2), seed);
    CHECK(fulcrum::test::relative_difference(run(again, x, true), run(model, x, true)) <= 1e-6);
  }
}

TEST_CASE("quantized weights and biases come back within half a step") {
  const Model<float> model = quantized(random_network(2), 2);
  const Model<float> again = round_trip(model);
  for_each_model_parameter(model, [&](NodeId id, const std::string& name, const Parameter<float>& parameter) {
    if (name != "weights" && name != "bias") return;
    const auto same = again.find(model.node(id).name);
    REQUIRE(same.has_value());
    for_each_parameter(again.node(*same).layer, [&](const std::string& other, const Parameter<float>& rounded) {
      if (other != name) return;
      CHECK(rounded.quantization == parameter.quantization);
      for (std::size_t i = 0; i < parameter.value->flat().size(); ++i) {
        float largest_step = 0.05F * 0.02F;  // of a source, of a weight
        if (parameter.quantization)
          largest_step = *std::max_element(parameter.quantization->scale.begin(), parameter.quantization->scale.end());
        CHECK(std::abs(rounded.value->flat()[i] - parameter.value->flat()[i]) <= 0.501F * largest_step);
      }
    });
  });
}

TEST_CASE("every activation comes back as itself") {
  using Kind = ActivationKind;
  for (const Activation& activation :
       {Activation{Kind::relu}, Activation{Kind::leaky_relu, 0.2F}, Activation{Kind::clip, -1.0F, 2.0F},
        Activation{Kind::clip, 0.0F, std::numeric_limits<float>::max()},
        Activation{Kind::clip, -std::numeric_limits<float>::max(), 3.0F}, Activation{Kind::sigmoid},
        Activation{Kind::tanh}, Activation{Kind::elu, 0.5F}, Activation{Kind::hard_sigmoid, 0.3F, 0.4F},
        Activation{Kind::hard_swish}, Activation{Kind::swish, 1.0F}, Activation{Kind::swish, 1.5F},
        Activation{Kind::softplus}, Activation{Kind::gelu}, Activation{Kind::gelu_tanh}}) {
    const Model<float> model = ModelBuilder<float>("m").input({5}).layer(activation, {0}).build();
    INFO(name_of(activation.function));
    CHECK(round_trip(model) == model);
  }
}

TEST_CASE("a rounded activation is recognised too, with the rounding at its end") {
  for (const Activation& activation : {Activation{ActivationKind::swish, 1.0F}, Activation{ActivationKind::gelu}}) {
    Model<float> model = ModelBuilder<float>("m").input({5}).layer(activation, {0}).relu().build();
    model.set_dst_quantization(0, Quantization{DType::s8, {0.1F}, {3}, -1});
    model.set_dst_quantization(1, Quantization{DType::u8, {0.2F}, {0}, -1});
    CHECK(round_trip(model) == model);
  }
}

TEST_CASE("the lowest opset that has the operators is written") {
  const auto opset = [](const Model<float>& model) { return parsed(model).opset_import(0).version(); };
  CHECK(opset(ModelBuilder<float>("m").input({1, 4, 4}).relu().build()) == 13);
  CHECK(opset(ModelBuilder<float>("m").input({1, 4, 4}).gelu().swish().build()) == 13);
  CHECK(opset(ModelBuilder<float>("m").input({1, 4, 4}).hard_swish().build()) == 14);
  Pool dilated{PoolKind::average, Window{{2, 2}, {1, 1}, 0, {2, 2}, false}, false};
  CHECK(opset(ModelBuilder<float>("m").input({1, 4, 4}).layer(dilated, {0}).build()) == 19);
  CHECK(parsed(ModelBuilder<float>("m").input({4}).relu().build()).ir_version() == 8);
}

TEST_CASE("the batch is the symbol N, in inputs and outputs") {
  auto builder = ModelBuilder<float>("m").input({3, 4, 4}).flatten();
  const auto proto = parsed(builder.build());
  const auto& in = proto.graph().input(0).type().tensor_type().shape();
  const auto& out = proto.graph().output(0).type().tensor_type().shape();
  CHECK(in.dim(0).dim_param() == "N");
  CHECK(in.dim(1).dim_value() == 3);
  CHECK(out.dim(0).dim_param() == "N");
  CHECK(out.dim(1).dim_value() == 48);
}

TEST_CASE("a fixed first dimension stays fixed") {
  Model<float> model("m");
  model.add({"x", Input{{1, 4}}, {}, {}});
  model.add({"y", Activation{ActivationKind::relu}, {0}, {}});
  model.set_outputs({1});
  CHECK(round_trip(model) == model);
}

TEST_CASE("int8 weights are stored as bytes, the bias as int32, with scales per channel") {
  Model<float> model = ModelBuilder<float>("m", 3).input({2, 5, 5}).conv(3, 3).build();
  auto& conv = std::get<Conv<float>>(model.edit_layer(1));
  conv.weights.quantization = Quantization{DType::s8, {0.01F, 0.02F, 0.03F}, {0, 0, 0}, 0};
  conv.bias.value = Tensor<float>({3}, {0.5F, -0.25F, 1.0F});
  const auto initializer = [](const onnx::ModelProto& proto, const std::string& name) {
    for (const auto& tensor : proto.graph().initializer()) {
      if (tensor.name() == name) return tensor;
    }
    return onnx::TensorProto();
  };
  SECTION("the source is rounded: the bias has the scale of the products") {
    model.set_dst_quantization(0, Quantization{DType::u8, {0.5F}, {10}, -1});
    const auto proto = parsed(model);
    CHECK(initializer(proto, "conv1.weights").data_type() == onnx::TensorProto::INT8);
    CHECK(initializer(proto, "conv1.weights").raw_data().size() == 54);
    const auto bias = initializer(proto, "conv1.bias");
    REQUIRE(bias.data_type() == onnx::TensorProto::INT32);
    std::int32_t first = 0;
    std::memcpy(&first, bias.raw_data().data(), 4);
    CHECK(first == 100);  // 0.5 / (0.5 · 0.01)
    CHECK(operator_counts(proto) ==
          std::map<std::string, int>{{"Conv", 1}, {"QuantizeLinear", 1}, {"DequantizeLinear", 3}});
  }
  SECTION("the source is not: the bias stays float") {
    CHECK(initializer(parsed(model), "conv1.bias").data_type() == onnx::TensorProto::FLOAT);
  }
  SECTION("a bias past 32 bits stays float") {
    model.set_dst_quantization(0, Quantization{DType::u8, {1e-9F}, {10}, -1});
    CHECK(initializer(parsed(model), "conv1.bias").data_type() == onnx::TensorProto::FLOAT);
  }
}

TEST_CASE("pruned weights are zeros and come back with their mask") {
  Model<float> model = ModelBuilder<float>("m", 3).input({2, 5, 5}).conv(3, 3).flatten().dense(4).build();
  const auto prune = [](Parameter<float>& weights) {
    Tensor<std::uint8_t> mask(weights.value->dims(), std::uint8_t{1});
    for (std::size_t i = 0; i < mask.flat().size(); i += 3) {
      mask.flat()[i] = 0;
      weights.value.edit().flat()[i] = 0.0F;
    }
    weights.mask = std::move(mask);
  };
  prune(std::get<Conv<float>>(model.edit_layer(1)).weights);
  CHECK(round_trip(model) == model);
  prune(std::get<Dense<float>>(model.edit_layer(3)).weights);
  CHECK(round_trip(model) == model);

  Model<float> odd("m");  // a name that the list of names has to escape
  odd.add({"x", Input{{batch_dim, 2}}, {}, {}});
  Dense<float> dense;
  dense.weights = Tensor<float>({2, 2}, {0, 1, 2, 0});
  dense.weights.mask = Tensor<std::uint8_t>({2, 2}, {0, 1, 1, 0});
  odd.add({"a\\n\nb", dense, {0}, {}});
  odd.set_outputs({1});
  CHECK(round_trip(odd) == odd);
}

TEST_CASE("a dense layer of a value with more axes is a MatMul and comes back with its bias") {
  Model<float> model = ModelBuilder<float>("m", 3).input({7, 6}).dense(5).relu().dense(4, false).build();
  for (float& b : std::get<Dense<float>>(model.edit_layer(1)).bias.value.edit().flat()) b = 0.5F;
  CHECK(operator_counts(parsed(model)) == std::map<std::string, int>{{"MatMul", 2}, {"Add", 1}, {"Relu", 1}});
  CHECK(round_trip(model) == model);
}

TEST_CASE("outputs that are inputs, constants or the same value twice are written soundly") {
  Model<float> model("m");
  model.add({"x", Input{{batch_dim, 2}}, {}, {}});
  model.add({"c", Constant<float>{Tensor<float>({2}, {1, 2})}, {}, {}});
  model.add({"y", Binary{BinaryKind::add}, {0, 1}, {}});
  model.set_outputs({2, 0, 1, 2});
  Model<float> back = round_trip(model);
  CHECK(back.output_names() == std::vector<std::string>{"y", "x/output", "c/output", "y/output"});
  back.set_outputs(back.outputs());
  CHECK(back == model);
  std::set<std::string> names;
  const auto proto = parsed(model);
  for (const auto& output : proto.graph().output()) CHECK(names.insert(output.name()).second);
}

TEST_CASE("outputs come back under the names that users know them by") {
  auto b = ModelBuilder<float>("named").input({4}).dense(3);
  const NodeId hidden = b.relu().last();
  Model<float> model = b.dense(2).build();
  model.set_outputs({hidden, 3, 0, hidden}, {"hidden", "dense1", "copy", "again"});  // one is another value's name
  const std::string bytes = test::checked_onnx(model);
  const Model<float> back = parse_onnx(bytes);
  REQUIRE(back.output_names().size() == 4);
  CHECK(back.output_names()[0] == "hidden");
  CHECK(back.output_names()[1] == "dense2");
  CHECK(back.output_names()[2] == "copy");
  CHECK(back.output_names()[3] == "again");
  CHECK(serialize_onnx(back) == bytes);
}

TEST_CASE("a rounded constant is stored as its integers") {
  Model<float> model("m");
  model.add({"x", Input{{batch_dim, 2}}, {}, {}});
  model.add({"c", Constant<float>{Tensor<float>({2}, {0.26F, 1.0F})}, {}, Quantization{DType::u8, {0.1F}, {5}, -1}});
  model.add({"y", Binary{BinaryKind::mul}, {0, 1}, {}});
  model.set_outputs({2});
  const Model<float> again = round_trip(model);
  const Tensor<float> x({1, 2}, {2.0F, 3.0F});
  CHECK(run(again, x) == run(model, x, true));
  CHECK((test::checked_onnx(again) == test::checked_onnx(model)));
}

TEST_CASE("names that clash with those of parameters do no harm") {
  Model<float> model("m");
  model.add({"d.weights", Input{{batch_dim, 2}}, {}, {}});
  Dense<float> dense;
  dense.weights = Tensor<float>({2, 2}, {1, 2, 3, 4});
  dense.bias = Tensor<float>({2}, {5, 6});
  model.add({"d.bias", dense, {0}, {}});
  model.add({"d", dense, {1}, {}});
  model.set_outputs({2});
  CHECK(round_trip(model) == model);
}

TEST_CASE("a file is written whole or not at all") {
  const TemporaryFolder folder;
  const Model<float> model = random_network(5);
  export_onnx(model, folder.path("m.onnx"));
  CHECK(import_onnx(folder.path("m.onnx")) == model);
  CHECK(folder.files() == 1);
  CHECK_THROWS_WITH(export_onnx(model, folder.path("no/m.onnx")), ContainsSubstring("folder does not exist"));
}

TEST_CASE("a model that cannot be written is refused with the layer's name") {
  Model<float> model = ModelBuilder<float>("m", 3).input({2, 5, 5}).conv(3, 3).build();
  CHECK_THROWS_WITH(test::checked_onnx(Model<float>("empty")), ContainsSubstring("model 'empty': has no output"));
  model.set_dst_quantization(0, Quantization{DType::u8, {0.0F}, {0}, -1});
  CHECK_THROWS_WITH(test::checked_onnx(model), ContainsSubstring("layer 'input': its quantization does not fit"));
  model.set_dst_quantization(0, {});
  std::get<Conv<float>>(model.edit_layer(1)).weights.quantization = Quantization{DType::s8, {1.0F, 1.0F}, {0, 0}, 0};
  CHECK_THROWS_WITH(test::checked_onnx(model), ContainsSubstring("layer 'conv1': its quantization does not fit"));
}

TEST_CASE("a MaxPool with its indices is one node again") {
  test::OnnxGraph graph;
  graph.input("x", {0, 1, 4, 4}).node("MaxPool", {"x"}, "y", {{"kernel_shape", std::vector<std::int64_t>{2, 2}}});
  graph.model.mutable_graph()->mutable_node(0)->add_output("where");
  graph.output("y").output("where");
  const Model<float> model = graph.import();
  CHECK(operator_counts(parsed(model)) == std::map<std::string, int>{{"MaxPool", 1}});
  const std::string file = test::checked_onnx(model);
  CHECK((test::checked_onnx(parse_onnx(file)) == file));
  const Tensor<float> x = test::random_tensor<float>({2, 1, 4, 4}, 1);
  const std::vector<Tensor<float>> before = ReferenceExecutor<float>(model).run({&x, 1});
  CHECK(ReferenceExecutor<float>(parse_onnx(file)).run({&x, 1}) == before);
}

TEST_CASE("integer weights of ConvInteger and MatMulInteger are written as integers") {
  for (const std::uint8_t zero_point : {std::uint8_t{0}, std::uint8_t{117}}) {
    test::OnnxGraph graph;
    graph.input("x", {0, 64}, onnx::TensorProto::UINT8);
    graph.ubytes8("w", {64, 100}, std::vector<std::uint8_t>(6400, 120)).ubytes8("zx", {}, {7});
    graph.ubytes8("zw", {}, {zero_point}).node("MatMulInteger", {"x", "w", "zx", "zw"}, "y").output("y");
    const Model<float> model = graph.import();
    const std::string file = test::checked_onnx(model);
    CHECK(file.size() < 2 * 6400);
    const Tensor<float> x = Tensor<float>({2, 64}, 9.0F);
    const Tensor<float> y = ReferenceExecutor<float>(parse_onnx(file)).run({&x, 1}).at(0);
    CHECK(y.flat()[0] == 64.0F * 2.0F * (120.0F - static_cast<float>(zero_point)));
    CHECK(ReferenceExecutor<float>(model).run({&x, 1}).at(0) == y);
  }
}
