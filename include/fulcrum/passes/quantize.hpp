#pragma once
/// \file
/// Post-training int8 quantization.

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <fulcrum/core/linkage.hpp>
#include <fulcrum/model/model.hpp>
#include <fulcrum/passes/calibration.hpp>
#include <fulcrum/passes/correct_biases.hpp>
#include <fulcrum/passes/signal_to_noise.hpp>
#include <fulcrum/passes/simplify_arithmetic.hpp>

namespace fulcrum {

/// Whether the products of a layer's rounded weights with u8 fit into 16 bits by twos, in which CPUs without VNNI add
/// them: proven from the weights, for any two of an output channel, whatever the source holds.
enum class SumsIn16Bits : std::uint8_t {
  fit,           ///< with the scales that the bits ask for
  made_to_fit,   ///< with coarser scales of some channels (QuantizeOptions::sums_in_16_bits)
  can_overflow,  ///< on such a CPU this library runs the layer in f32; others give wrong sums
};

/// "fit", "made to fit", "can overflow"
[[nodiscard]] constexpr std::string_view name_of(SumsIn16Bits sums) noexcept {
  switch (sums) {
    case SumsIn16Bits::fit: return "fit";
    case SumsIn16Bits::made_to_fit: return "made to fit";
    case SumsIn16Bits::can_overflow: return "can overflow";
  }
  return "";
}

struct QuantizeReport {
  /// A convolution, dense or recurrent layer that now takes int8.
  struct Layer {
    std::string name;
    std::string kind;               ///< "Conv", "Dense", "LSTM"
    float weight_scale_min = 0.0F;  ///< of its output channels, or rows of a recurrent layer's weights
    float weight_scale_max = 0.0F;
    double weight_sqnr_db = 0.0;  ///< weights against their integers [dB]; see SignalToNoise
    DType src_dtype = DType::u8;
    float src_scale = 0.0F;  ///< 0: found at run time, or, of a source in f32, none
    std::int32_t src_zero_point = 0;
    /// What bias correction took from an output channel's bias, the largest; nothing: it was not asked for.
    std::optional<double> bias_shift = std::nullopt;
    SumsIn16Bits sums = SumsIn16Bits::fit;
  };
  /// One that stays in float.
  struct Kept {
    std::string name;
    std::string reason;
  };
  /// A value that is rounded to integers.
  struct Value {
    std::string name;  ///< of the layer that gives it
    Quantization quantization;
  };
  std::vector<Layer> layers;
  std::vector<Kept> kept;
  std::vector<Value> values;
  double weight_sqnr_db = 0.0;  ///< over the weights of all quantized layers [dB]
};

struct QuantizeResult {
  Model<float> model;
  QuantizeReport report;
};

/// u8 with zero point 0 (scale max/255) for values that are never negative, else symmetric s8
/// (scale max(|min|, |max|)/127); with `unsigned_values` u8 with the zero point that maps [min, max] to [0, 255]
/// (scale (max − min)/255). With `bits` below 8 fewer integers stand for the range: 2^bits − 1 for 255, 2^(bits − 1) −
/// 1 for 127, and with `unsigned_values` the latter around the zero point 2^(bits − 1).
FULCRUM_DECLARE [[nodiscard]] Quantization quantization_for(const Range& range, bool unsigned_values = false,
                                                            int bits = 8);

/// Symmetric s8 per output channel (axis 0): scale = max|w_c| / (2^(bits − 1) − 1), zero point 0; a channel of zeros
/// has scale 1.
/// \param bits  2 … 8
[[nodiscard]] inline Quantization weight_quantization_for(const Tensor<float>& weights, int bits = 8) {
  return symmetric_quantization(weights, bits, 0);
}

namespace detail {

/// \throws Error when weights or values are asked for with other bits than 2 to 8
FULCRUM_DECLARE void expect_bits(const QuantizeOptions& options);

/// Gives the weights of a convolution, dense or recurrent layer their scales: one for each output channel (or one for
/// all, by `options.per_tensor`), or for each row of a recurrent layer's, which its directions share.
/// \return what the report says of the weights
FULCRUM_DECLARE [[nodiscard]] QuantizeReport::Layer quantize_weights(const std::string& name, Layer<float>& layer,
                                                                     const QuantizeOptions& options,
                                                                     SignalToNoise& total);

/// correct_biases() of what quantize() gave, noted in its report.
FULCRUM_DECLARE void correct_biases(QuantizeResult& result, std::span<const Tensor<float>> sources,
                                    const ModelRunner& runner, std::int64_t batch);

}  // namespace detail

/// The model with arithmetic simplified and batch normalization folded, scales on its weights and on the values that
/// place_quantization() names. Float weights stay as they are; executors round them.
///
/// \param ranges  from
/// calibrate_ranges() on the same model with the same `options.skip`
/// \throws Error when the model is quantized already,
/// its weights are not finite, or a range is missing
FULCRUM_DECLARE [[nodiscard]] QuantizeResult quantize(const Model<float>& model, const ValueRanges& ranges,
                                                      const QuantizeOptions& options = {});

/// calibrate_ranges() and quantize() in one and, where `options.bias_correction` asks for it, correct_biases().
/// \param sources  one per input: a few hundred samples of the training data
/// \param runner   runs the float model; see ModelRunner
FULCRUM_DECLARE [[nodiscard]] QuantizeResult quantize_post_training(const Model<float>& model,
                                                                    std::span<const Tensor<float>> sources,
                                                                    const ModelRunner& runner,
                                                                    const QuantizeOptions& options = {});

/// The same for a model with one input.
/// \param images  (n, c, h, w)
FULCRUM_DECLARE [[nodiscard]] QuantizeResult quantize_post_training(const Model<float>& model,
                                                                    const Tensor<float>& images,
                                                                    const ModelRunner& runner,
                                                                    const QuantizeOptions& options = {});

}  // namespace fulcrum

#if FULCRUM_DEFINES(passes)

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <limits>
#include <map>
#include <utility>

#include <fulcrum/analysis/is_quantized.hpp>
#include <fulcrum/passes/detail/few_bits.hpp>
#include <fulcrum/passes/detail/sums_in_16_bits.hpp>

namespace fulcrum {

FULCRUM_DEFINE void detail::correct_biases(QuantizeResult& result, std::span<const Tensor<float>> sources,
                                           const ModelRunner& runner, std::int64_t batch) {
  BiasCorrectionResult corrected = fulcrum::correct_biases(result.model, sources, runner, batch);
  result.model = std::move(corrected.model);
  for (QuantizeReport::Layer& layer : result.report.layers) {
    for (const BiasCorrectionReport::Layer& shift : corrected.report.layers) {
      if (shift.name == layer.name) layer.bias_shift = shift.largest;
    }
  }
}

FULCRUM_DEFINE QuantizeResult quantize_post_training(const Model<float>& model, std::span<const Tensor<float>> sources,
                                                     const ModelRunner& runner, const QuantizeOptions& options) {
  QuantizeResult result = quantize(model, calibrate_ranges(model, sources, runner, options), options);
  if (options.bias_correction) detail::correct_biases(result, sources, runner, options.calibration_batch);
  return result;
}

FULCRUM_DEFINE QuantizeResult quantize_post_training(const Model<float>& model, const Tensor<float>& images,
                                                     const ModelRunner& runner, const QuantizeOptions& options) {
  return quantize_post_training(model, std::span<const Tensor<float>>(&images, 1), runner, options);
}

namespace detail {

FULCRUM_DEFINE void expect_bits(const QuantizeOptions& options) {
  for (const auto& [what, bits] : {std::pair("weight bits", options.weight_bits), {"value bits", options.value_bits}}) {
    if (bits < 2 || bits > 8) throw Error(what, "are " + std::to_string(bits), "give 2 to 8");
  }
}

/// \param fit  whether scales become coarser where sums do not fit
FULCRUM_DECLARE SumsIn16Bits fit_sums(const Tensor<float>& weights, Quantization& q, bool fit);

FULCRUM_DEFINE SumsIn16Bits fit_sums(const Tensor<float>& weights, Quantization& q, bool fit) {
  const std::vector<ChannelExtremes> channels = channel_extremes(weights, std::max<std::int64_t>(q.axis, 0));
  SumsIn16Bits result = SumsIn16Bits::fit;
  for (std::size_t c = 0; c < channels.size(); ++c) {
    float& scale = q.scale[q.per_channel() ? c : 0];
    if (sums_fit(channels[c], scale)) continue;
    if (!fit) return SumsIn16Bits::can_overflow;
    result = SumsIn16Bits::made_to_fit;
    scale = fitting_scale(channels[c], scale);
  }
  return result;
}

FULCRUM_DEFINE QuantizeReport::Layer quantize_weights(const std::string& name, Layer<float>& layer,
                                                      const QuantizeOptions& options, SignalToNoise& total) {
  QuantizeReport::Layer entry;
  entry.name = name;
  entry.kind = kind_of(layer);
  entry.weight_scale_min = std::numeric_limits<float>::max();
  SignalToNoise ratio;
  const auto quantize = [&](Parameter<float>& weights, std::int64_t axis) {
    Quantization q = symmetric_quantization(*weights.value, options.weight_bits, axis);
    if (options.keep_steps && axis == 0) keep_steps(*weights.value, options.weight_bits, q);
    entry.sums = std::max(entry.sums, fit_sums(*weights.value, q, options.sums_in_16_bits));
    ratio.add<float>(weights.value->flat(), quantize_dequantize(*weights.value, q).flat());
    const auto [least, most] = std::minmax_element(q.scale.begin(), q.scale.end());
    entry.weight_scale_min = std::min(entry.weight_scale_min, *least);
    entry.weight_scale_max = std::max(entry.weight_scale_max, *most);
    weights.quantization = q;
  };
  if (auto* recurrent = std::get_if<Recurrent<float>>(&layer)) {
    quantize(recurrent->weights, 1);
    quantize(recurrent->recurrent_weights, 1);
    entry.src_dtype = DType::f32;
  } else {
    quantize(*weights_of(layer), options.per_tensor ? -1 : 0);
  }
  total += ratio;
  entry.weight_sqnr_db = ratio.decibels();
  return entry;
}

}  // namespace detail

FULCRUM_DEFINE Quantization quantization_for(const Range& range, bool unsigned_values, int bits) {
  if (bits < 8) {
    const bool never_negative = range.min >= 0.0F;
    const float most = static_cast<float>((1 << (never_negative ? bits : bits - 1)) - 1);
    const float scale = detail::usable_scale(std::max(-range.min, range.max) / most);
    const bool is_unsigned = never_negative || unsigned_values;
    return {
        is_unsigned ? DType::u8 : DType::s8, {scale}, {never_negative || !unsigned_values ? 0 : 1 << (bits - 1)}, -1};
  }
  if (range.min >= 0.0F) return {DType::u8, {detail::usable_scale(range.max / 255.0F)}, {0}, -1};
  if (unsigned_values) {
    const float scale = detail::usable_scale((std::max(range.max, 0.0F) - range.min) / 255.0F);
    const float zero_point = std::clamp(std::nearbyint(-range.min / scale), 0.0F, 255.0F);
    return {DType::u8, {scale}, {static_cast<std::int32_t>(zero_point)}, -1};
  }
  return {DType::s8, {detail::usable_scale(std::max(-range.min, range.max) / 127.0F)}, {0}, -1};
}

FULCRUM_DEFINE QuantizeResult quantize(const Model<float>& model, const ValueRanges& ranges,
                                       const QuantizeOptions& options) {
  detail::refuse_quantized(model, "quantize the float model instead");
  detail::refuse_not_finite(model);
  detail::expect_bits(options);
  QuantizeResult result{fold_batch_normalization(simplify_arithmetic(model)).model, {}};
  Model<float>& quantized = result.model;
  const QuantizationPlacement placement = place_quantization(quantized, options.skip);
  std::map<NodeId, Range> clips;

  for (NodeId id = 0; id < quantized.size(); ++id) {
    if (!placement.root[id]) continue;
    const std::string& root = quantized.node(*placement.root[id]).name;
    const auto range = ranges.find(root);
    if (range == ranges.end()) {
      throw Error("layer '" + root + "'", "has no calibrated range", "calibrate the same model with the same options");
    }
    const Layer<float>& of_root = quantized.node(*placement.root[id]).layer;
    const bool keeps_8 = std::holds_alternative<Input>(of_root) || std::holds_alternative<Constant<float>>(of_root);
    const int bits = keeps_8 ? 8 : options.value_bits;
    const Quantization q = quantization_for(range->second, options.unsigned_values, bits);
    quantized.set_dst_quantization(id, q);
    result.report.values.push_back({quantized.node(id).name, q});
    // What passes integers on, behind the root, passes on what is in the range; so does a join of such values.
    const auto& sources = quantized.node(id).src;
    const bool joins = std::holds_alternative<Concat>(quantized.node(id).layer) &&
                       std::all_of(sources.begin(), sources.end(), [&](NodeId s) { return placement.root[s] == id; });
    if (bits < 8 && id <= *placement.root[id] && !joins) clips.emplace(id, detail::range_of(q, bits));
  }

  SignalToNoise total;
  for (const NodeId id : placement.layers) {
    const std::string name = quantized.node(id).name;
    QuantizeReport::Layer entry = detail::quantize_weights(name, quantized.edit_layer(id), options, total);
    const Quantization& src = *quantized.node(quantized.node(id).src[0]).dst_quantization;
    entry.src_dtype = src.dtype;
    entry.src_scale = src.scale[0];
    entry.src_zero_point = src.zero_point[0];
    result.report.layers.push_back(std::move(entry));
  }
  result.report.weight_sqnr_db = total.decibels();
  for (const auto& kept : placement.kept) result.report.kept.push_back({quantized.node(kept.layer).name, kept.reason});
  if (!clips.empty()) quantized = detail::with_clips(quantized, clips);
  return result;
}

}  // namespace fulcrum

#endif
