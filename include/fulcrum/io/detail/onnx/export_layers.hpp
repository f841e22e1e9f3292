#pragma once
/// \file
/// One layer as ONNX nodes. The last node carries the layer's name, and so does the value it computes.

#include <cstdint>
#include <limits>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include <fulcrum/io/detail/onnx/export_quantization.hpp>
#include <fulcrum/layers/layer.hpp>

namespace fulcrum::detail::onnx_io {

/// Writes layers. Before each call, the members say where the layer stands.
class LayerWriter {
public:
  explicit LayerWriter(GraphWriter& writer) : writer_(writer) {}

  std::string name;                              ///< of the layer and of its value
  std::vector<std::string> src;                  ///< values it takes
  std::vector<Shape> src_shapes;                 ///< for a batch of 1
  std::optional<Quantization> src_quantization;  ///< of the first source
  std::optional<Quantization> dst_quantization;  ///< of the layer's value

  /// Writes the nodes of a layer that is no input.
  void write(const Layer<float>& layer) {
    std::visit(
        Overloads{[](const Input&) {}, [&](const fulcrum::Constant<float>& l) { constant(l); },
                  [&](const Conv<float>& l) { conv(l); }, [&](const Dense<float>& l) { dense(l); },
                  [&](const BatchNormalization<float>& l) { batch_normalization(l); }, [&](const Pool& l) { pool(l); },
                  [&](const GlobalPool& l) {
                    writer_.node(l.pool == PoolKind::max ? "GlobalMaxPool" : "GlobalAveragePool", name, src);
                  },
                  [&](const Activation& l) { activation(l); },
                  [&](const Binary& l) { writer_.node(l.function == BinaryKind::add ? "Add" : "Mul", name, src); },
                  [&](const Concat& l) { writer_.attribute(writer_.node("Concat", name, src), "axis", l.axis); },
                  [&](const Reshape& l) { reshape(l); },
                  [&](const Flatten& l) { writer_.attribute(writer_.node("Flatten", name, src), "axis", l.axis); },
                  [&](const Softmax& l) { writer_.attribute(writer_.node("Softmax", name, src), "axis", l.axis); }},
        layer);
  }

private:
  /// The initializer is the value, unless it is stored as integers. A rounding of the value is part of them.
  void constant(const fulcrum::Constant<float>& layer) {
    const bool pruned = !layer.value.mask.empty();
    const std::optional<Quantization>& q = dst_quantization ? dst_quantization : layer.value.quantization;
    if (!q) {
      writer_.initializer_named<float>(name, layer.value.value->dims(), layer.value.value->flat());
      if (pruned) writer_.mark_pruned(name);
      return;
    }
    Tensor<float> value = *layer.value.value;
    if (layer.value.quantization) value = quantize_dequantize(std::move(value), *layer.value.quantization);
    write_integers(writer_, name + "/integers", name, value, *q, pruned);
  }

  [[nodiscard]] std::vector<std::string> with_parameters(const Parameter<float>& weights,
                                                         const Parameter<float>& bias) {
    std::vector<std::string> inputs{src[0], write_parameter(writer_, name + ".weights", weights)};
    if (!bias.empty()) {
      inputs.push_back(write_bias(writer_, name + ".bias", bias, weights.quantization, src_quantization));
    }
    return inputs;
  }

  static void window_attributes(::onnx::NodeProto& node, const Window& window) {
    const auto pair = [](const Extent2& extent) { return std::vector<std::int64_t>{extent[0], extent[1]}; };
    const Padding& pads = window.padding;
    GraphWriter::attribute(node, "kernel_shape", pair(window.kernel));
    GraphWriter::attribute(node, "strides", pair(window.stride));
    GraphWriter::attribute(node, "pads", std::vector<std::int64_t>{pads.top, pads.left, pads.bottom, pads.right});
    if (window.dilation != Extent2{1, 1}) GraphWriter::attribute(node, "dilations", pair(window.dilation));
  }

  void conv(const Conv<float>& layer) {
    auto& node = writer_.node("Conv", name, with_parameters(layer.weights, layer.bias));
    window_attributes(node, layer.window);
    writer_.attribute(node, "group", layer.groups);
  }

  /// Gemm for matrices; MatMul and Add where the source has more axes.
  void dense(const Dense<float>& layer) {
    if (src_shapes[0].size() == 2) {
      auto& node = writer_.node("Gemm", name, with_parameters(layer.weights, layer.bias));
      writer_.attribute(node, "transB", std::int64_t{1});
      return;
    }
    const std::string weights = write_parameter(writer_, name + ".weights", transposed(layer.weights));
    if (layer.bias.empty()) {
      writer_.node("MatMul", name, {src[0], weights});
      return;
    }
    const std::string product = writer_.step("MatMul", name + "/product", {src[0], weights});
    writer_.node("Add", name, {product, write_parameter(writer_, name + ".bias", layer.bias)});
  }

  static Parameter<float> transposed(const Parameter<float>& weights) {
    const Shape dims = weights.value->dims();
    Tensor<float> value(Shape{dims[1], dims[0]});
    const auto rows = static_cast<std::size_t>(dims[0]);
    const auto columns = static_cast<std::size_t>(dims[1]);
    for (std::size_t i = 0; i < rows * columns; ++i) {
      value.flat()[i % columns * rows + i / columns] = weights.value->flat()[i];
    }
    Parameter<float> result(std::move(value));
    result.mask = weights.mask;  // only whether there is one is written
    result.quantization = weights.quantization;
    if (result.quantization && result.quantization->per_channel())
      result.quantization->axis = 1 - weights.quantization->axis;
    return result;
  }

  void batch_normalization(const BatchNormalization<float>& layer) {
    const std::vector<std::string> inputs{src[0], write_parameter(writer_, name + ".scale", layer.scale),
                                          write_parameter(writer_, name + ".shift", layer.shift),
                                          write_parameter(writer_, name + ".mean", layer.mean),
                                          write_parameter(writer_, name + ".variance", layer.variance)};
    auto& node = writer_.node("BatchNormalization", name, inputs);
    writer_.attribute(node, "epsilon", static_cast<float>(layer.epsilon));
  }

  void pool(const Pool& layer) {
    const bool max = layer.pool == PoolKind::max;
    auto& node = writer_.node(max ? "MaxPool" : "AveragePool", name, src);
    window_attributes(node, layer.window);
    if (layer.window.ceil_mode) writer_.attribute(node, "ceil_mode", std::int64_t{1});
    if (max) return;
    if (layer.count_include_pad) writer_.attribute(node, "count_include_pad", std::int64_t{1});
    if (layer.window.dilation != Extent2{1, 1}) writer_.need_opset(19);
  }

  void reshape(const Reshape& layer) {
    const Shape dims{static_cast<std::int64_t>(layer.dims.size())};
    const std::string shape =
        writer_.initializer<std::int64_t>(name + "/shape", dims, std::span<const std::int64_t>(layer.dims));
    auto& node = writer_.node("Reshape", name, {src[0], shape});
    if (!layer.allow_zero) return;
    writer_.attribute(node, "allowzero", std::int64_t{1});
    writer_.need_opset(14);
  }

  void activation(const Activation& layer) {
    switch (layer.function) {
      case ActivationKind::relu: writer_.node("Relu", name, src); return;
      case ActivationKind::leaky_relu:
        writer_.attribute(writer_.node("LeakyRelu", name, src), "alpha", layer.alpha);
        return;
      case ActivationKind::clip: clip(layer); return;
      case ActivationKind::sigmoid: writer_.node("Sigmoid", name, src); return;
      case ActivationKind::tanh: writer_.node("Tanh", name, src); return;
      case ActivationKind::elu: writer_.attribute(writer_.node("Elu", name, src), "alpha", layer.alpha); return;
      case ActivationKind::hard_sigmoid: {
        auto& node = writer_.node("HardSigmoid", name, src);
        writer_.attribute(node, "alpha", layer.alpha);
        writer_.attribute(node, "beta", layer.beta);
        return;
      }
      case ActivationKind::hard_swish:
        writer_.node("HardSwish", name, src);
        writer_.need_opset(14);
        return;
      case ActivationKind::swish: swish(layer.alpha); return;
      case ActivationKind::softplus: writer_.node("Softplus", name, src); return;
      case ActivationKind::gelu: gelu(); return;
      case ActivationKind::gelu_tanh: gelu_tanh(); return;
    }
  }

  void clip(const Activation& layer) {
    constexpr float end = std::numeric_limits<float>::max();
    std::vector<std::string> inputs{src[0]};
    const bool has_high = layer.beta < end;
    if (layer.alpha > -end)
      inputs.push_back(writer_.scalar(name + "/min", layer.alpha));
    else if (has_high)
      inputs.emplace_back();
    if (has_high) inputs.push_back(writer_.scalar(name + "/max", layer.beta));
    writer_.node("Clip", name, inputs);
  }

  /// x · sigmoid(αx)
  void swish(float alpha) {
    const std::string x = src[0];
    std::string argument = x;
    if (alpha != 1.0F) argument = writer_.step("Mul", name + "/argument", {x, writer_.scalar(name + "/alpha", alpha)});
    const std::string sigmoid = writer_.step("Sigmoid", name + "/sigmoid", {argument});
    writer_.node("Mul", name, {x, sigmoid});
  }

  /// ½ · x · (1 + Erf(x / √2))
  void gelu() {
    const std::string x = src[0];
    const std::string root = writer_.scalar(name + "/sqrt2", 1.41421356F);
    const std::string erf = writer_.step("Erf", name + "/erf", {writer_.step("Div", name + "/argument", {x, root})});
    finish_gelu(erf);
  }

  /// ½ · x · (1 + Tanh(√(2/π) · (x + 0.044715 · x³)))
  void gelu_tanh() {
    const std::string x = src[0];
    const std::string square = writer_.step("Mul", name + "/square", {x, x});
    const std::string cube = writer_.step("Mul", name + "/cube", {square, x});
    const std::string cubic = writer_.step("Mul", name + "/cubic", {cube, writer_.scalar(name + "/factor", 0.044715F)});
    const std::string polynomial = writer_.step("Add", name + "/polynomial", {x, cubic});
    const std::string argument =
        writer_.step("Mul", name + "/argument", {polynomial, writer_.scalar(name + "/sqrt2_pi", 0.797884561F)});
    finish_gelu(writer_.step("Tanh", name + "/tanh", {argument}));
  }

  void finish_gelu(const std::string& function) {
    const std::string sum = writer_.step("Add", name + "/sum", {function, writer_.scalar(name + "/one", 1.0F)});
    const std::string product = writer_.step("Mul", name + "/product", {src[0], sum});
    writer_.node("Mul", name, {product, writer_.scalar(name + "/half", 0.5F)});
  }

  GraphWriter& writer_;
};

}  // namespace fulcrum::detail::onnx_io
