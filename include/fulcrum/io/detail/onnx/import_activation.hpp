#pragma once
/// \file
/// Element-wise functions: Relu, LeakyRelu, Clip, Sigmoid, Tanh, Elu, HardSigmoid, HardSwish, Softplus, Gelu and the
/// Swish pattern; and Add and Mul with broadcasting.

#include <algorithm>
#include <limits>
#include <string>

#include <fulcrum/io/detail/onnx/operator.hpp>

namespace fulcrum::detail::onnx_io {

template <ActivationKind function>
void import_activation(ImportContext& context, const GraphNode& node) {
  const NodeId src = context.src(node, 0);
  context.append(node, Activation{function}, {src});
}

/// A setting of an activation, which must be a number that it can be computed with.
inline float finite_attribute(const GraphNode& node, const char* name, float otherwise) {
  const float value = number_attribute(node, name, otherwise);
  if (!std::isfinite(value)) {
    throw Error(std::string("attribute '") + name + "'", "is infinite", "the file is damaged; export it again");
  }
  return value;
}

inline void import_leaky_relu(ImportContext& context, const GraphNode& node) {
  const NodeId src = context.src(node, 0);
  context.append(node, Activation{ActivationKind::leaky_relu, finite_attribute(node, "alpha", 0.01F)}, {src});
}

inline void import_elu(ImportContext& context, const GraphNode& node) {
  const NodeId src = context.src(node, 0);
  context.append(node, Activation{ActivationKind::elu, finite_attribute(node, "alpha", 1.0F)}, {src});
}

inline void import_hard_sigmoid(ImportContext& context, const GraphNode& node) {
  const NodeId src = context.src(node, 0);
  const float alpha = finite_attribute(node, "alpha", 0.2F);
  const float beta = finite_attribute(node, "beta", 0.5F);
  context.append(node, Activation{ActivationKind::hard_sigmoid, alpha, beta}, {src});
}

/// Bounds are attributes up to opset 6 and (constant) inputs from opset 11 on; an absent one is the end of float.
inline void import_clip(ImportContext& context, const GraphNode& node) {
  constexpr float end = std::numeric_limits<float>::max();
  const NodeId src = context.src(node, 0);
  const auto bound = [&](std::size_t i, const char* name, float otherwise) {
    const float value =
        context.has_input(node, i) ? context.scalar(node, i, name) : number_attribute(node, name, otherwise);
    if (std::isnan(value)) throw Error(std::string("its ") + name, "is NaN", "the file is damaged; export it again");
    return std::clamp(value, -end, end);
  };
  const float low = bound(1, "min", -end);
  const float high = bound(2, "max", end);
  context.append(node, Activation{ActivationKind::clip, low, high}, {src});
}

inline void import_gelu(ImportContext& context, const GraphNode& node) {
  const std::string approximate = text_attribute(node, "approximate", "none");
  if (approximate != "none" && approximate != "tanh") {
    throw Error("attribute 'approximate'", "is '" + approximate + "'", "use none or tanh");
  }
  const NodeId src = context.src(node, 0);
  context.append(node, Activation{approximate == "tanh" ? ActivationKind::gelu_tanh : ActivationKind::gelu}, {src});
}

/// x · sigmoid(αx): only the pattern has it.
inline void import_swish(ImportContext& context, const GraphNode& node) {
  const NodeId src = context.src(node, 0);
  context.append(node, Activation{ActivationKind::swish, number_attribute(node, "alpha", 1.0F)}, {src});
}

template <BinaryKind function>
void import_binary(ImportContext& context, const GraphNode& node) {
  if (has_attribute(node, "broadcast")) {
    throw Error("attribute 'broadcast'", "is of opset 6 or earlier", "export the model with opset 7 or later");
  }
  const NodeId a = context.src(node, 0);
  const NodeId b = context.src(node, 1);
  context.append(node, Binary{function}, {a, b});
}

inline constexpr Operator activation_operators[] = {
    {"Relu", 6, import_activation<ActivationKind::relu>},
    {"LeakyRelu", 6, import_leaky_relu},
    {"Clip", 6, import_clip},
    {"Sigmoid", 6, import_activation<ActivationKind::sigmoid>},
    {"Tanh", 6, import_activation<ActivationKind::tanh>},
    {"Elu", 6, import_elu},
    {"HardSigmoid", 6, import_hard_sigmoid},
    {"HardSwish", 14, import_activation<ActivationKind::hard_swish>},
    {"Softplus", 1, import_activation<ActivationKind::softplus>},
    {"Gelu", 20, import_gelu},
    {"Add", 7, import_binary<BinaryKind::add>},
    {"Mul", 7, import_binary<BinaryKind::mul>},
};

}  // namespace fulcrum::detail::onnx_io
