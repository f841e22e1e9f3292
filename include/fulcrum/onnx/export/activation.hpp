#pragma once
/// \file
/// Functions of one argument as ONNX nodes. Swish and GELU are written as the nodes that import_onnx() recognises.

#include <cstdint>
#include <limits>
#include <string>
#include <vector>

#include <fulcrum/onnx/export/context.hpp>

namespace fulcrum::detail::onnx_io {

inline void export_clip(ExportContext& context, const Activation& layer) {
  constexpr float end = std::numeric_limits<float>::max();
  GraphWriter& writer = context.writer;
  std::vector<std::string> inputs{context.src(0)};
  const bool has_high = layer.beta < end;
  if (layer.alpha > -end)
    inputs.push_back(writer.scalar(context.name + "/min", layer.alpha));
  else if (has_high)
    inputs.emplace_back();
  if (has_high) inputs.push_back(writer.scalar(context.name + "/max", layer.beta));
  writer.node("Clip", context.name, inputs);
}

/// x · sigmoid(αx)
inline void export_swish(ExportContext& context, float alpha) {
  GraphWriter& writer = context.writer;
  const std::string name = context.name;
  const std::string x = context.src(0);
  std::string argument = x;
  if (alpha != 1.0F) argument = writer.step("Mul", name + "/argument", {x, writer.scalar(name + "/alpha", alpha)});
  const std::string sigmoid = writer.step("Sigmoid", name + "/sigmoid", {argument});
  writer.node("Mul", name, {x, sigmoid});
}

/// ½ · x · (1 + function)
inline void finish_gelu(ExportContext& context, const std::string& function) {
  GraphWriter& writer = context.writer;
  const std::string name = context.name;
  const std::string sum = writer.step("Add", name + "/sum", {function, writer.scalar(name + "/one", 1.0F)});
  const std::string product = writer.step("Mul", name + "/product", {context.src(0), sum});
  writer.node("Mul", name, {product, writer.scalar(name + "/half", 0.5F)});
}

/// ½ · x · (1 + Erf(x / √2))
inline void export_gelu(ExportContext& context) {
  GraphWriter& writer = context.writer;
  const std::string name = context.name;
  const std::string x = context.src(0);
  const std::string root = writer.scalar(name + "/sqrt2", 1.41421356F);
  finish_gelu(context, writer.step("Erf", name + "/erf", {writer.step("Div", name + "/argument", {x, root})}));
}

/// ½ · x · (1 + Tanh(√(2/π) · (x + 0.044715 · x³)))
inline void export_gelu_tanh(ExportContext& context) {
  GraphWriter& writer = context.writer;
  const std::string name = context.name;
  const std::string x = context.src(0);
  const std::string square = writer.step("Mul", name + "/square", {x, x});
  const std::string cube = writer.step("Mul", name + "/cube", {square, x});
  const std::string cubic = writer.step("Mul", name + "/cubic", {cube, writer.scalar(name + "/factor", 0.044715F)});
  const std::string polynomial = writer.step("Add", name + "/polynomial", {x, cubic});
  const std::string argument =
      writer.step("Mul", name + "/argument", {polynomial, writer.scalar(name + "/sqrt2_pi", 0.797884561F)});
  finish_gelu(context, writer.step("Tanh", name + "/tanh", {argument}));
}

/// A node with up to two settings as attributes.
inline void export_with_settings(ExportContext& context, const char* type, const Activation& layer,
                                 const char* alpha = nullptr, const char* beta = nullptr) {
  auto& node = context.writer.node(type, context.name, {context.src(0)});
  if (alpha != nullptr) GraphWriter::attribute(node, alpha, layer.alpha);
  if (beta != nullptr) GraphWriter::attribute(node, beta, layer.beta);
}

inline void export_layer(ExportContext& context, const Activation& layer) {
  switch (layer.function) {
    case ActivationKind::leaky_relu:
    case ActivationKind::elu:
    case ActivationKind::celu:
    case ActivationKind::thresholded_relu:
      export_with_settings(context, name_of(layer.function).data(), layer, "alpha");
      break;
    case ActivationKind::hard_sigmoid: export_with_settings(context, "HardSigmoid", layer, "alpha", "beta"); break;
    case ActivationKind::selu: export_with_settings(context, "Selu", layer, "alpha", "gamma"); break;
    case ActivationKind::shrink: export_with_settings(context, "Shrink", layer, "lambd", "bias"); break;
    case ActivationKind::clip: export_clip(context, layer); break;
    case ActivationKind::swish: export_swish(context, layer.alpha); break;
    case ActivationKind::gelu: export_gelu(context); break;
    case ActivationKind::gelu_tanh: export_gelu_tanh(context); break;
    case ActivationKind::linear: {
      GraphWriter& writer = context.writer;
      const std::string& name = context.name;
      const std::string product =
          writer.step("Mul", name + "/product", {context.src(0), writer.scalar(name + "/factor", layer.alpha)});
      writer.node("Add", name, {product, writer.scalar(name + "/shift", layer.beta)});
      break;
    }
    case ActivationKind::logical_not:
      context.writer.node("Not", context.name, {context.src(0, ElementType::boolean)});
      context.define(ElementType::boolean);
      return;
    case ActivationKind::abs:
    case ActivationKind::neg:
    case ActivationKind::sign: {
      const ElementType element = context.common_element(is_wide_integer);
      context.writer.node(name_of(layer.function).data(), context.name, {context.src(0, element)});
      context.define(element);
      return;
    }
    case ActivationKind::relu:
    case ActivationKind::sigmoid:
    case ActivationKind::tanh:
    case ActivationKind::hard_swish:
    case ActivationKind::softplus:
    case ActivationKind::softsign:
    case ActivationKind::mish:
    case ActivationKind::exp:
    case ActivationKind::log:
    case ActivationKind::sqrt:
    case ActivationKind::reciprocal:
    case ActivationKind::erf:
    case ActivationKind::floor:
    case ActivationKind::ceil:
    case ActivationKind::round:
    case ActivationKind::sin:
    case ActivationKind::cos:
    case ActivationKind::tan:
    case ActivationKind::asin:
    case ActivationKind::acos:
    case ActivationKind::atan:
    case ActivationKind::sinh:
    case ActivationKind::cosh:
    case ActivationKind::asinh:
    case ActivationKind::acosh:
    case ActivationKind::atanh: export_with_settings(context, name_of(layer.function).data(), layer); break;
  }
  context.define();
}

}  // namespace fulcrum::detail::onnx_io
