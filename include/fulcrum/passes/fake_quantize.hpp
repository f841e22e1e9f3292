#pragma once
/// \file
/// Weights rounded to few bits while they stay floats: what quantization would cost, before choosing it.

#include <cstdint>
#include <string>
#include <vector>

#include <fulcrum/core/linkage.hpp>
#include <fulcrum/model/model.hpp>
#include <fulcrum/passes/fake_quant_with_min_max.hpp>
#include <fulcrum/passes/signal_to_noise.hpp>

namespace fulcrum {

struct FakeQuantizeOptions {
  int bits = 8;                        ///< 2 … 16
  bool narrow_range = false;           ///< leaves out the lowest integer
  bool per_channel = false;            ///< a range for each output channel (axis 0) rather than one for the layer
  std::vector<std::string> skip = {};  ///< names of convolutions and dense layers that are left as they are
};

struct FakeQuantizeReport {
  struct Layer {
    std::string name;
    double scale_min = 0.0;   ///< step between integers, the smallest of the channels; 0 for weights that are all 0
    double scale_max = 0.0;   ///< the largest; the same when per layer
    double sqnr_db = 0.0;     ///< weights before against after [dB]; see SignalToNoise
    std::int64_t levels = 0;  ///< distinct values after: of the layer, or of the channel that has most; ≤ 2^bits
  };
  std::vector<Layer> layers;
  double sqnr_db = 0.0;  ///< over the weights of all layers above [dB]
};

template <class T>
struct FakeQuantizeResult {
  Model<T> model;
  FakeQuantizeReport report;
};

namespace detail {

template <class T>
FakeQuantizeReport::Layer fake_quantize_weights(Tensor<T>& weights, const FakeQuantizeOptions& options);

}  // namespace detail

/// Puts the weights of convolutions and dense layers through fake_quant_with_min_max_vars with the range they have
/// (0 included, so that zeros stay exactly 0 and pruned weights pruned). Biases stay.
/// \throws Error when bits are outside 2 … 16, a weight is not finite, a name in `skip` is no convolution or dense
///         layer, or the model is quantized already
template <class T>
[[nodiscard]] FakeQuantizeResult<T> fake_quantize(const Model<T>& model, const FakeQuantizeOptions& options = {});

}  // namespace fulcrum

#if FULCRUM_DEFINES(passes)

#include <algorithm>
#include <cstddef>
#include <utility>

#include <fulcrum/analysis/is_quantized.hpp>
#include <fulcrum/core/in_parts.hpp>
#include <fulcrum/passes/detail/layer_weights.hpp>

namespace fulcrum::detail {

/// What values of one range are rounded by, and which of its integers occur.
template <class T>
struct RoundedPart {
  NudgedRange<T> range;
  std::vector<std::uint8_t> levels;  ///< by integer; none: all became 0
};

/// Rounds values by their own range, widened to hold 0.
template <class T>
RoundedPart<T> fake_quantize_by_own_range(std::span<T> values, const FakeQuantOptions& options, bool on_all_cores) {
  T min{0};
  T max{0};
  for (const T x : values) {
    min = x < min ? x : min;
    max = max < x ? x : max;
  }
  RoundedPart<T> part{nudge(min, max, options), {}};
  if (on_all_cores)
    fake_quant_all(values, part.range, options, FakeQuantStep::divide);
  else
    fake_quant_row(values, part.range, options, FakeQuantStep::divide);
  if (part.range.scale == T{0}) return part;
  part.levels.resize(std::size_t{1} << static_cast<unsigned>(options.bits));
  const T lowest = std::nearbyint(part.range.min / part.range.scale) - (options.narrow_range ? T{1} : T{0});
  const T inverse = T{1} / part.range.scale;
  for (const T x : values) part.levels[static_cast<std::size_t>(x * inverse - lowest + static_cast<T>(0.5))] = 1;
  return part;
}

template <class T>
FakeQuantizeReport::Layer fake_quantize_weights(Tensor<T>& weights, const FakeQuantizeOptions& options) {
  const auto values = weights.flat();
  const std::size_t parts = options.per_channel ? static_cast<std::size_t>(weights.dim(0)) : 1;
  const std::size_t size = values.size() / parts;
  const FakeQuantOptions rounding{.bits = options.bits, .narrow_range = options.narrow_range};
  std::vector<double> scales(parts);
  std::vector<std::int64_t> levels(parts, 1);
  constexpr std::size_t least = std::size_t{1} << 18;  // weights that are worth a thread
  in_parts(parts, std::max<std::size_t>(least / std::max<std::size_t>(size, 1), 1),
           [&](std::size_t first, std::size_t last) {
             for (std::size_t i = first; i < last; ++i) {
               const RoundedPart<T> part =
                   fake_quantize_by_own_range(values.subspan(i * size, size), rounding, parts == 1);
               scales[i] = static_cast<double>(part.range.scale);
               if (!part.levels.empty()) levels[i] = std::count(part.levels.begin(), part.levels.end(), 1);
             }
           });
  FakeQuantizeReport::Layer row;
  row.scale_min = *std::min_element(scales.begin(), scales.end());
  row.scale_max = *std::max_element(scales.begin(), scales.end());
  row.levels = *std::max_element(levels.begin(), levels.end());
  return row;
}

}  // namespace fulcrum::detail

namespace fulcrum {

template <class T>
FakeQuantizeResult<T> fake_quantize(const Model<T>& model, const FakeQuantizeOptions& options) {
  detail::validate(FakeQuantOptions{.bits = options.bits});
  detail::refuse_quantized(model, "fake-quantize the float model instead");
  detail::refuse_not_finite(model);
  detail::expect_weighted_layers(model, options.skip);
  FakeQuantizeResult<T> result{model, {}};
  SignalToNoise total;
  for (NodeId id = 0; id < model.size(); ++id) {
    const Node<T>& node = model.node(id);
    const Parameter<T>* before = detail::weights_of(node.layer);
    if (before == nullptr || before->size() == 0 || detail::contains(options.skip, node.name)) continue;
    Tensor<T>& weights = detail::weights_of(result.model.edit_layer(id))->value.edit();
    FakeQuantizeReport::Layer row = detail::fake_quantize_weights(weights, options);
    SignalToNoise ratio;
    ratio.add<T>(before->value->flat(), weights.flat());
    total += ratio;
    row.name = node.name;
    row.sqnr_db = ratio.decibels();
    result.report.layers.push_back(std::move(row));
  }
  result.report.sqnr_db = total.decibels();
  return result;
}

}  // namespace fulcrum

#if FULCRUM_INSTANTIATES(passes)
namespace fulcrum::detail {
template FakeQuantizeReport::Layer fake_quantize_weights(Tensor<float>& weights, const FakeQuantizeOptions& options);
template FakeQuantizeReport::Layer fake_quantize_weights(Tensor<double>& weights, const FakeQuantizeOptions& options);
}  // namespace fulcrum::detail
namespace fulcrum {
template FakeQuantizeResult<float> fake_quantize(const Model<float>& model, const FakeQuantizeOptions& options);
template FakeQuantizeResult<double> fake_quantize(const Model<double>& model, const FakeQuantizeOptions& options);
}  // namespace fulcrum
#endif

#endif
