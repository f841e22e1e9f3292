#pragma once
/// \file
/// Weight-only quantization: weights in 4 or 8 bits that stay packed, values in float. No sample is needed.

#include <cstdint>
#include <string>
#include <vector>

#include <fulcrum/core/linkage.hpp>
#include <fulcrum/model/model.hpp>
#include <fulcrum/passes/quantize.hpp>

namespace fulcrum {

struct WeightQuantizeOptions {
  int bits = 4;             ///< of a weight: 4 or 8
  std::int64_t group = 32;  ///< inputs that share a scale: a power of two from 16
  /// Around the middle, scale = max|w| / (2^(bits − 1) − 1); else around a zero point, scale = (max − min) / (2^bits −
  /// 1) of a range that 0 is in. 0 stays 0 either way.
  bool symmetric = false;
  std::vector<std::string> skip{};  ///< layers that stay in float
};

/// A dense layer with its weights rounded: of each output and each `group` inputs to the nearest of 2^bits steps.
/// \throws Error when the bits or the group are out of range, or a weight is not finite
FULCRUM_DECLARE [[nodiscard]] MatMulNBits quantized_weights(const Dense<float>& dense,
                                                            const WeightQuantizeOptions& options);

/// The model with arithmetic simplified, batch normalization folded, and every dense layer one whose weights stay
/// packed. Such layers are not pruned or trained any more. In 8 bits, weights of recurrent layers become s8 with a
/// scale for each row (quantize_dynamically() has the same), which runs in int8 keep so; in 4 bits they stay in float.
/// In the report, the source of each is f32.
///
/// \throws Error when the model is quantized already, its weights are not
/// finite, or an option is out of its range
FULCRUM_DECLARE [[nodiscard]] QuantizeResult quantize_weights(const Model<float>& model,
                                                              const WeightQuantizeOptions& options = {});

}  // namespace fulcrum

#if FULCRUM_DEFINES(passes)

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <span>
#include <utility>

#include <fulcrum/analysis/is_quantized.hpp>

namespace fulcrum::detail {

FULCRUM_DECLARE void expect_weight_options(const WeightQuantizeOptions& options) {
  if (options.bits != 4 && options.bits != 8)
    throw Error("weight bits", "are " + std::to_string(options.bits), "give 4 or 8 where weights alone are quantized");
  if (options.group < 16 || (options.group & (options.group - 1)) != 0)
    throw Error("the group of a scale", "is " + std::to_string(options.group), "give a power of two from 16");
}

/// How a group of weights maps to integers 0 … 2^bits − 1.
struct GroupMap {
  float scale = 1.0F;
  int zero_point = 0;
};
FULCRUM_DECLARE GroupMap map_of_group(std::span<const float> weights, const WeightQuantizeOptions& options) {
  const auto [least, most] = std::minmax_element(weights.begin(), weights.end());
  const float low = std::min(*least, 0.0F), high = std::max(*most, 0.0F);
  const int middle = 1 << (options.bits - 1);
  if (options.symmetric) return {usable_scale(std::max(-low, high) / static_cast<float>(middle - 1)), middle};
  const float scale = usable_scale((high - low) / static_cast<float>(2 * middle - 1));
  return {scale, std::clamp(static_cast<int>(std::lround(-low / scale)), 0, 2 * middle - 1)};
}

}  // namespace fulcrum::detail

namespace fulcrum {

FULCRUM_DEFINE MatMulNBits quantized_weights(const Dense<float>& dense, const WeightQuantizeOptions& options) {
  detail::expect_weight_options(options);
  const std::int64_t oc = dense.weights.value->dim(0);
  MatMulNBits layer;
  layer.ic = dense.weights.value->dim(1);
  layer.bits = options.bits;
  layer.block = options.group;
  layer.bias = dense.bias.value;
  const std::int64_t blocks = layer.blocks();
  Tensor<std::uint8_t> packed(Shape{oc, blocks, layer.block * layer.bits / 8});
  Tensor<float> scales(Shape{oc, blocks});
  Tensor<std::uint8_t> zero_points(Shape{oc, blocks});
  const std::span<const float> all = std::as_const(*dense.weights.value).flat();
  const int largest = (1 << layer.bits) - 1;
  const std::int64_t per_byte = 8 / layer.bits;
  for (std::int64_t o = 0; o < oc; ++o) {
    for (std::int64_t which = 0; which < blocks; ++which) {
      const std::int64_t first = which * layer.block, count = std::min(layer.block, layer.ic - first);
      const auto weights = all.subspan(static_cast<std::size_t>(o * layer.ic + first), static_cast<std::size_t>(count));
      if (!std::all_of(weights.begin(), weights.end(), [](float w) { return std::isfinite(w); }))
        throw Error("weights", "are not all finite", "mend the model first");
      const detail::GroupMap map = detail::map_of_group(weights, options);
      const auto at = static_cast<std::size_t>(o * blocks + which);
      scales.flat()[at] = map.scale;
      zero_points.flat()[at] = static_cast<std::uint8_t>(map.zero_point);
      const std::int64_t row = o * layer.row_bytes();
      for (std::int64_t i = 0; i < count; ++i) {
        const float rounded = std::nearbyint(weights[static_cast<std::size_t>(i)] / map.scale);
        const int q = std::clamp(static_cast<int>(rounded) + map.zero_point, 0, largest);
        const std::int64_t place = first + i;
        std::uint8_t& byte = packed.flat()[static_cast<std::size_t>(row + place / per_byte)];
        byte = static_cast<std::uint8_t>(byte | q << (place % per_byte * layer.bits));
      }
    }
  }
  layer.packed = std::move(packed);
  layer.scales = std::move(scales);
  if (!options.symmetric) layer.zero_points = std::move(zero_points);
  return layer;
}

FULCRUM_DEFINE QuantizeResult quantize_weights(const Model<float>& model, const WeightQuantizeOptions& options) {
  detail::refuse_quantized(model, "quantize the float model instead");
  detail::refuse_not_finite(model);
  detail::expect_weight_options(options);
  detail::expect_quantizable_layers(model, options.skip);
  QuantizeResult result{fold_batch_normalization(simplify_arithmetic(model)).model, {}};
  SignalToNoise total;
  for (NodeId id = 0; id < result.model.size(); ++id) {
    const Node<float>& node = result.model.node(id);
    const bool has_weights =
        detail::weights_of(node.layer) != nullptr || std::holds_alternative<Recurrent<float>>(node.layer);
    const auto* dense = std::get_if<Dense<float>>(&node.layer);
    if (!has_weights) continue;
    const bool recurrent = std::holds_alternative<Recurrent<float>>(node.layer);
    const std::string why_not = detail::contains(options.skip, node.name) ? "asked to stay in float"
                                : recurrent && options.bits != 8 ? "is recurrent, which takes weights of 8 bits"
                                : !recurrent && dense == nullptr ? "is no dense layer"
                                                                 : "";
    if (!why_not.empty()) {
      result.report.kept.push_back({node.name, why_not});
      continue;
    }
    if (recurrent) {
      result.report.layers.push_back(
          detail::quantize_weights(node.name, result.model.edit_layer(id), {.weight_bits = options.bits}, total));
      continue;
    }
    MatMulNBits layer = quantized_weights(*dense, options);
    SignalToNoise ratio;
    ratio.add<float>(dense->weights.value->flat(), layer.dequantized().flat());
    total += ratio;
    const auto [least, most] = std::minmax_element(layer.scales->flat().begin(), layer.scales->flat().end());
    QuantizeReport::Layer entry;
    entry.name = node.name;
    entry.kind = std::string(MatMulNBits::kind);
    entry.weight_scale_min = *least;
    entry.weight_scale_max = *most;
    entry.weight_sqnr_db = ratio.decibels();
    entry.src_dtype = DType::f32;
    result.report.layers.push_back(std::move(entry));
    result.model.edit_layer(id) = std::move(layer);
  }
  result.report.weight_sqnr_db = total.decibels();
  return result;
}

}  // namespace fulcrum

#endif
