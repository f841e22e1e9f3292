#pragma once
/// \file
/// BatchNormalization, LRN, InstanceNormalization, LayerNormalization, GroupNormalization and
/// MeanVarianceNormalization.

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include <fulcrum/onnx/import/steps.hpp>

namespace fulcrum::detail::onnx_io {

/// \throws Error when it is negative or infinite
inline double read_epsilon(const GraphNode& node) {
  const double epsilon = decimal(number_attribute(node, "epsilon", 1e-5F));
  if (!(epsilon >= 0.0 && std::isfinite(epsilon))) {
    throw Error("attribute 'epsilon'", "is " + std::to_string(epsilon), "the file is damaged; export it again");
  }
  return epsilon;
}

inline void import_batch_normalization(ImportContext& context, const GraphNode& node) {
  const bool trains = node.opset < 7 && integer_attribute(node, "is_test", 0) == 0;
  if (trains || integer_attribute(node, "training_mode", 0) != 0) {
    throw Error("", "is in training mode", "export the model in evaluation mode");
  }
  if (integer_attribute(node, "spatial", 1) != 1) {
    throw Error("attribute 'spatial'", "is 0: statistics per element are not supported",
                "export with opset 9 or later");
  }
  const NodeId src = context.src(node, 0);
  BatchNormalization<float> layer;
  layer.scale = context.parameter(node, 1, "scales");
  layer.shift = context.parameter(node, 2, "shifts");
  layer.mean = context.parameter(node, 3, "means");
  layer.variance = context.parameter(node, 4, "variances");
  layer.epsilon = decimal(number_attribute(node, "epsilon", 1e-5F));
  for (const float variance : std::as_const(*layer.variance.value).flat()) {
    if (!(static_cast<double>(variance) + layer.epsilon > 0.0)) {
      throw Error("its variances", "have an element of " + std::to_string(variance), "export the trained model again");
    }
  }
  context.append(node, std::move(layer), {src});
}

inline void import_lrn(ImportContext& context, const GraphNode& node) {
  LocalResponseNormalization layer;
  layer.size = expect_setting(required_integer(node, "size"), "size");
  layer.alpha = number_attribute(node, "alpha", 1e-4F);
  layer.beta = number_attribute(node, "beta", 0.75F);
  layer.bias = number_attribute(node, "bias", 1.0F);
  const NodeId src = context.src(node, 0);
  context.append(node, layer, {src});
}

inline void import_instance_normalization(ImportContext& context, const GraphNode& node) {
  const NodeId src = context.src(node, 0);
  InstanceNormalization<float> layer;
  layer.scale = context.parameter(node, 1, "scales");
  layer.shift = context.parameter(node, 2, "shifts");
  layer.epsilon = read_epsilon(node);
  context.append(node, std::move(layer), {src});
}

/// Each element as often as the channels of its group.
inline Parameter<float> spread(const Parameter<float>& groups, std::int64_t channels, Budget& budget) {
  if (groups.size() == channels || groups.size() == 0 || channels % groups.size() != 0) return groups;
  budget.charge(static_cast<std::size_t>(channels) * sizeof(float));
  Tensor<float> result(Shape{channels});
  const auto share = static_cast<std::size_t>(channels / groups.size());
  for (std::size_t c = 0; c < result.flat().size(); ++c) result.flat()[c] = groups.value->flat()[c / share];
  return result;
}

/// Scale and shift are one per group before opset 21, then one per channel.
inline void import_group_normalization(ImportContext& context, const GraphNode& node) {
  const NodeId src = context.src(node, 0);
  const TracedShape shape = context.shape(src);
  if (shape.rank() < 2) throw Error("", "takes a source of shape " + to_string(shape.first), "give it channels");
  InstanceNormalization<float> layer;
  layer.groups = expect_setting(required_integer(node, "num_groups"), "num_groups");
  layer.scale = context.parameter(node, 1, "scales");
  layer.shift = context.parameter(node, 2, "shifts");
  layer.epsilon = read_epsilon(node);
  if (node.opset < 21) {
    layer.scale = spread(layer.scale, shape.first[1], context.reader.budget);
    layer.shift = spread(layer.shift, shape.first[1], context.reader.budget);
  }
  context.append(node, std::move(layer), {src});
}

/// Mean and 1/√(variance + epsilon) over the axes, outputs 1 and 2 of a LayerNormalization.
inline void append_statistics(ImportContext& context, const GraphNode& node, NodeId src,
                              const std::vector<std::int64_t>& axes, double epsilon) {
  const NodeId mean = context.append(node.name + "/mean", Reduce{ReduceKind::mean, axes, true}, {src});
  context.define(node, 1, mean);
  if (!context.wants(node, 2)) return;
  const NodeId centered = context.append(node.name + "/centered", Binary{BinaryKind::sub}, {src, mean});
  const NodeId squares = context.append(node.name + "/squares", Binary{BinaryKind::mul}, {centered, centered});
  const NodeId variance = context.append(node.name + "/variance", Reduce{ReduceKind::mean, axes, true}, {squares});
  const NodeId least = append_number(context, node.name + "/epsilon", static_cast<float>(epsilon));
  const NodeId sum = context.append(node.name + "/sum", Binary{BinaryKind::add}, {variance, least});
  const NodeId deviation = context.append(node.name + "/deviation", Activation{ActivationKind::sqrt}, {sum});
  context.define(node, 2, context.append(node.name + "/inverse", Activation{ActivationKind::reciprocal}, {deviation}));
}

/// A scale or shift that is constant and has the normalized extents is the layer's own; another one is multiplied or
/// added after it.
inline void import_layer_normalization(ImportContext& context, const GraphNode& node) {
  const NodeId src = context.src(node, 0);
  const TracedShape shape = context.shape(src);
  LayerNormalization<float> layer;
  layer.axis = integer_attribute(node, "axis", -1);
  layer.epsilon = read_epsilon(node);
  const std::size_t axis = normalized_axis(layer.axis, shape.rank());
  const Shape normalized(shape.first.begin() + static_cast<std::ptrdiff_t>(axis), shape.first.end());
  const auto is_whole = [&](std::size_t i) {
    const ConstantPtr constant = context.constant_or_null(node, i);
    return constant && constant->dims == normalized;
  };
  // Over an axis that is the batch a scale has the extent 1, and the layer holds none of its own.
  const bool over_batch = !std::equal(normalized.begin(), normalized.end(),
                                      shape.second.begin() + static_cast<std::ptrdiff_t>(axis), shape.second.end());
  const auto is_own = [&](std::size_t i) { return !over_batch && is_whole(i); };
  if (context.wants(node, 1) || context.wants(node, 2)) {
    std::vector<std::int64_t> axes;
    for (std::size_t i = axis; i < shape.rank(); ++i) axes.push_back(static_cast<std::int64_t>(i));
    append_statistics(context, node, src, axes, layer.epsilon);
  }
  const bool own_scale = is_own(1);
  const bool has_shift = context.has_input(node, 2);
  const bool own_shift = has_shift && own_scale && is_own(2);
  if (own_scale) layer.scale = context.parameter(node, 1, "scales");
  if (own_shift) layer.shift = context.parameter(node, 2, "shifts");
  NodeId value = context.append(node, std::move(layer), {src});
  const auto is_one = [](float x) { return x == 1.0F; };
  const auto is_neutral = [&] {  // what a layer without a scale is exported with
    const SharedTensor<float> scale = context.parameter(node, 1, "scales").value;
    return std::all_of(scale->flat().begin(), scale->flat().end(), is_one);
  };
  if (!own_scale && !(over_batch && is_whole(1) && is_neutral())) {
    const NodeId scale = context.src(node, 1);
    value = context.append(node.name + "/scale", Binary{BinaryKind::mul}, {value, scale});
  }
  if (has_shift && !own_shift) {
    const NodeId shift = context.src(node, 2);
    value = context.append(node.name + "/shift", Binary{BinaryKind::add}, {value, shift});
  }
  context.define(node, 0, value);
}

/// x / √(mean(x²) + epsilon) · scale over all axes from `axis` on (ONNX RMSNormalization; ONNX Runtime's
/// SimplifiedLayerNormalization, whose output 1 is the factor of x).
inline void import_rms_normalization(ImportContext& context, const GraphNode& node) {
  Steps steps(context, node);
  const NodeId src = context.src(node, 0);
  const std::size_t rank = context.shape(src).rank();
  std::vector<std::int64_t> axes;
  for (std::size_t axis = normalized_axis(integer_attribute(node, "axis", -1), rank); axis < rank; ++axis) {
    axes.push_back(static_cast<std::int64_t>(axis));
  }
  const NodeId squares = steps.reduce(ReduceKind::mean, steps.mul(src, src), std::move(axes));
  const NodeId sum = steps.add(squares, steps.number(static_cast<float>(read_epsilon(node))));
  const NodeId root = steps.function(ActivationKind::sqrt, sum);
  if (context.wants(node, 1)) context.define(node, 1, steps.function(ActivationKind::reciprocal, root));
  context.append(node, Binary{BinaryKind::mul}, {steps.div(src, root), context.src(node, 1)});
}

/// (x − mean) / (√variance + 1e-9) over the axes.
inline void import_mean_variance_normalization(ImportContext& context, const GraphNode& node) {
  const NodeId src = context.src(node, 0);
  std::vector<std::int64_t> axes = integers_attribute(node, "axes");
  if (axes.empty()) axes = {0, 2, 3};
  const NodeId mean = context.append(node.name + "/mean", Reduce{ReduceKind::mean, axes, true}, {src});
  const NodeId centered = context.append(node.name + "/centered", Binary{BinaryKind::sub}, {src, mean});
  const NodeId squares = context.append(node.name + "/squares", Binary{BinaryKind::mul}, {centered, centered});
  const NodeId variance = context.append(node.name + "/variance", Reduce{ReduceKind::mean, axes, true}, {squares});
  const NodeId deviation = context.append(node.name + "/deviation", Activation{ActivationKind::sqrt}, {variance});
  const NodeId least = append_number(context, node.name + "/epsilon", 1e-9F);
  const NodeId divisor = context.append(node.name + "/divisor", Binary{BinaryKind::add}, {deviation, least});
  context.append(node, Binary{BinaryKind::div}, {centered, divisor});
}

}  // namespace fulcrum::detail::onnx_io
