#pragma once
/// \file
/// Element-wise functions of one argument (Relu, …, Cos, Not), Clip, PRelu and the Swish pattern.

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <limits>
#include <string>
#include <utility>

#include <fulcrum/onnx/import/pieces.hpp>

namespace fulcrum::detail::onnx_io {

template <ActivationKind function>
void import_activation(ImportContext& context, const GraphNode& node) {
  const NodeId src = context.src(node, 0);
  context.append(node, Activation{function}, {src});
}

/// Abs and Neg: of a narrow integer type, −(−128) is −128 again.
template <ActivationKind function>
void import_signed(ImportContext& context, const GraphNode& node) {
  const NodeId src = context.src(node, 0);
  const ElementType element = context.element(src);
  if (integer_bits(element) == 0 || integer_bits(element) > 16) {
    context.append(node, Activation{function}, {src});
    return;
  }
  const NodeId value = context.append(node.name + "/wide", Activation{function}, {src});
  context.append(node, Cast{element}, {value});
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

/// Functions whose one setting is `alpha`, 1 by default.
template <ActivationKind function>
void import_with_alpha(ImportContext& context, const GraphNode& node) {
  const float alpha = finite_attribute(node, "alpha", 1.0F);
  if (function == ActivationKind::celu && alpha == 0.0F) {
    throw Error("attribute 'alpha'", "is 0, by which Celu divides", "the file is damaged; export it again");
  }
  const NodeId src = context.src(node, 0);
  context.append(node, Activation{function, alpha}, {src});
}

inline void import_hard_sigmoid(ImportContext& context, const GraphNode& node) {
  const NodeId src = context.src(node, 0);
  const float alpha = finite_attribute(node, "alpha", 0.2F);
  const float beta = finite_attribute(node, "beta", 0.5F);
  context.append(node, Activation{ActivationKind::hard_sigmoid, alpha, beta}, {src});
}

inline void import_selu(ImportContext& context, const GraphNode& node) {
  const NodeId src = context.src(node, 0);
  const float alpha = finite_attribute(node, "alpha", 1.67326319217681884765625F);
  const float gamma = finite_attribute(node, "gamma", 1.05070102214813232421875F);
  context.append(node, Activation{ActivationKind::selu, alpha, gamma}, {src});
}

inline void import_shrink(ImportContext& context, const GraphNode& node) {
  const NodeId src = context.src(node, 0);
  const ElementType element = context.element(src);
  const Activation layer{ActivationKind::shrink, finite_attribute(node, "lambd", 0.5F),
                         finite_attribute(node, "bias", 0.0F)};
  if (integer_bits(element) == 0) {
    context.append(node, layer, {src});
    return;
  }
  const NodeId value = context.append(node.name + "/wide", layer, {src});
  context.append(node, Cast{element}, {value});
}

/// Bounds are attributes up to opset 10 and inputs from opset 11 on; an absent one is the end of float. One that is
/// computed at run time makes a Max or Min.
inline void import_clip(ImportContext& context, const GraphNode& node) {
  constexpr float end = std::numeric_limits<float>::max();
  NodeId src = context.src(node, 0);
  if (context.is_computed(node, 1) || context.is_computed(node, 2)) {
    if (context.has_input(node, 1)) {
      const NodeId low = context.src(node, 1);
      src = context.append(node.name + "/max", Binary{BinaryKind::max}, {src, low});
    }
    if (context.has_input(node, 2)) {
      const NodeId high = context.src(node, 2);
      src = context.append(node.name + "/min", Binary{BinaryKind::min}, {src, high});
    }
    context.define(node, 0, src);
    return;
  }
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

/// x · sigmoid(αx): ONNX has it from opset 24 on, before the pattern alone.
inline void import_swish(ImportContext& context, const GraphNode& node) {
  const NodeId src = context.src(node, 0);
  context.append(node, Activation{ActivationKind::swish, number_attribute(node, "alpha", 1.0F)}, {src});
}

/// Before opset 7 a vector of slopes was one for each channel.
inline void import_prelu(ImportContext& context, const GraphNode& node) {
  const NodeId src = context.src(node, 0);
  NodeId slope = context.src(node, 1);
  const std::size_t rank = context.shape(src).rank();
  if (node.opset < 7 && context.shape(slope).rank() == 1 && rank > 2) {
    TracedShape channels = context.shape(slope);
    while (channels.rank() + 1 < rank) channels = with_axis(std::move(channels), channels.rank());
    slope = append_reshape(context, node.name + "/channels", slope, channels);
  }
  context.append(node, Binary{BinaryKind::prelu}, {src, slope});
}

inline constexpr Operator activation_operators[] = {
    {"Relu", 6, import_activation<ActivationKind::relu>},
    {"LeakyRelu", 6, import_leaky_relu},
    {"ThresholdedRelu", 10, import_with_alpha<ActivationKind::thresholded_relu>},
    {"Clip", 6, import_clip},
    {"Sigmoid", 6, import_activation<ActivationKind::sigmoid>},
    {"HardSigmoid", 6, import_hard_sigmoid},
    {"HardSwish", 14, import_activation<ActivationKind::hard_swish>},
    {"Tanh", 6, import_activation<ActivationKind::tanh>},
    {"Elu", 6, import_with_alpha<ActivationKind::elu>},
    {"Selu", 6, import_selu},
    {"Celu", 12, import_with_alpha<ActivationKind::celu>},
    {"Softplus", 1, import_activation<ActivationKind::softplus>},
    {"Softsign", 1, import_activation<ActivationKind::softsign>},
    {"Gelu", 20, import_gelu},
    {"Swish", 24, import_swish},
    {"Mish", 18, import_activation<ActivationKind::mish>},
    {"Erf", 9, import_activation<ActivationKind::erf>},
    {"PRelu", 1, import_prelu},
    {"Abs", 6, import_signed<ActivationKind::abs>},
    {"Neg", 6, import_signed<ActivationKind::neg>},
    {"Exp", 6, import_activation<ActivationKind::exp>},
    {"Log", 6, import_activation<ActivationKind::log>},
    {"Sqrt", 6, import_activation<ActivationKind::sqrt>},
    {"Reciprocal", 6, import_activation<ActivationKind::reciprocal>},
    {"Floor", 6, import_activation<ActivationKind::floor>},
    {"Ceil", 6, import_activation<ActivationKind::ceil>},
    {"Round", 11, import_activation<ActivationKind::round>},
    {"Sign", 9, import_activation<ActivationKind::sign>},
    {"Sin", 7, import_activation<ActivationKind::sin>},
    {"Cos", 7, import_activation<ActivationKind::cos>},
    {"Tan", 7, import_activation<ActivationKind::tan>},
    {"Asin", 7, import_activation<ActivationKind::asin>},
    {"Acos", 7, import_activation<ActivationKind::acos>},
    {"Atan", 7, import_activation<ActivationKind::atan>},
    {"Sinh", 9, import_activation<ActivationKind::sinh>},
    {"Cosh", 9, import_activation<ActivationKind::cosh>},
    {"Asinh", 9, import_activation<ActivationKind::asinh>},
    {"Acosh", 9, import_activation<ActivationKind::acosh>},
    {"Atanh", 9, import_activation<ActivationKind::atanh>},
    {"Not", 1, import_activation<ActivationKind::logical_not>},
    {"Shrink", 9, import_shrink},
};

}  // namespace fulcrum::detail::onnx_io
