#pragma once
/// \file
/// The ranges that a model's values take on sample sources, for a quantization pass.

#include <array>
#include <cstdint>
#include <functional>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include <fulcrum/analysis/quantization_placement.hpp>
#include <fulcrum/core/enum_name.hpp>
#include <fulcrum/core/linkage.hpp>
#include <fulcrum/model/model.hpp>
#include <fulcrum/model/rewrite.hpp>
#include <fulcrum/passes/fold_batch_normalization.hpp>
#include <fulcrum/passes/range_observer.hpp>
#include <fulcrum/passes/simplify_arithmetic.hpp>

namespace fulcrum {

enum class CalibrationMethod : std::uint8_t {
  minmax,      ///< all values fit
  percentile,  ///< the largest magnitudes are clipped, the rest gets a finer scale
  entropy,     ///< clipped where the rounded distribution tells most about the values (EntropyObserver)
  mse,         ///< clipped where the squared error is smallest (MseObserver)
};

[[nodiscard]] constexpr std::string_view name_of(CalibrationMethod method) noexcept {
  switch (method) {
    case CalibrationMethod::minmax: return "minmax";
    case CalibrationMethod::percentile: return "percentile";
    case CalibrationMethod::entropy: return "entropy";
    case CalibrationMethod::mse: return "mse";
  }
  return "";
}

/// \throws Error when there is no such method
[[nodiscard]] inline CalibrationMethod calibration_method_from(std::string_view name) {
  return enum_from("calibration method", name,
                   std::array{CalibrationMethod::minmax, CalibrationMethod::percentile, CalibrationMethod::entropy,
                              CalibrationMethod::mse});
}

/// How to quantize a model.
struct QuantizeOptions {
  CalibrationMethod method = CalibrationMethod::minmax;
  double percentile = 99.99;            ///< of |x|, (0, 100]; for CalibrationMethod::percentile
  std::int64_t calibration_batch = 64;  ///< samples that go through the model at a time; ≥ 1
  std::vector<std::string> skip = {};   ///< names of convolutions, dense and recurrent layers that stay in float
  int weight_bits = 8;                  ///< of a weight, 2 to 8; kept as integers of 8 bits
  /// Weights of an output channel that are multiples of a step, with no more integers than `weight_bits` have, keep
  /// that step, as LearnedStepHook and fake_quantize() leave them, and are rounded no second time.
  bool keep_steps = false;
  /// Of a value between layers, 2 to 8; kept as integers of 8 bits. With fewer a Clip keeps the value in its range.
  /// Inputs and constants have 8.
  int value_bits = 8;
  /// Output channels take coarser scales where any two of their products u8 · s8 could exceed 16 bits together, in
  /// which CPUs without VNNI add them: the finest scale with which none can, which is at most what 7 bits would take.
  bool sums_in_16_bits = false;
  bool per_tensor = false;  ///< one scale for the weights of a convolution or dense layer, not one per output channel
  bool bias_correction = false;  ///< biases make up for what rounded weights are off by on average (correct_biases())
  /// Values of both signs become u8 with a zero point, not s8: CPUs without VNNI multiply only unsigned by signed.
  bool unsigned_values = false;
};

/// Ranges by the name of the layer that computes the value.
using ValueRanges = std::map<std::string, Range>;

/// Runs a model on one source per input and returns its outputs. Calibration gives it one model, always the same, with
/// the values to observe as outputs, and then one slice of the samples after another; any engine will do.
using ModelRunner = std::function<std::vector<Tensor<float>>(const Model<float>& model_with_chosen_outputs,
                                                             std::span<const Tensor<float>> sources)>;

namespace detail {

using RangeObserver = std::variant<MinMaxObserver, PercentileObserver, EntropyObserver, MseObserver>;

/// \throws Error naming the layer whose values are not finite
FULCRUM_DECLARE void observe(RangeObserver& observer, const std::string& layer, std::span<const float> values);

/// Gives the first `most` samples of the sources to f, at most `batch` of them at a time.
/// \throws Error when the sources are not what the model takes
FULCRUM_DECLARE void for_each_batch(const Model<float>& model, std::span<const Tensor<float>> sources,
                                    std::int64_t batch, std::int64_t most,
                                    const std::function<void(std::span<const Tensor<float>>)>& f);

}  // namespace detail

/// Runs the samples through the model and returns the range of every value that quantize() will ask for. Batch
/// normalization is folded first. At most `options.calibration_batch` samples are in flight, so memory stays bounded.
/// \param model    float, not quantized yet
/// \param sources  one per input, the same n ≥ 1 samples in each: a slice of the training data
/// \param runner   runs the model; see ModelRunner
/// \throws Error when the model is quantized, has weights or computes values that are not finite, takes other sources,
///         or when an option is out of its range
FULCRUM_DECLARE [[nodiscard]] ValueRanges calibrate_ranges(const Model<float>& model,
                                                           std::span<const Tensor<float>> sources,
                                                           const ModelRunner& runner,
                                                           const QuantizeOptions& options = {});

/// The same for a model with one input.
/// \param images  (n, c, h, w), n ≥ 1
FULCRUM_DECLARE [[nodiscard]] ValueRanges calibrate_ranges(const Model<float>& model, const Tensor<float>& images,
                                                           const ModelRunner& runner,
                                                           const QuantizeOptions& options = {});

}  // namespace fulcrum

#if FULCRUM_DEFINES(passes)

#include <algorithm>
#include <cmath>
#include <concepts>
#include <optional>
#include <utility>

#include <fulcrum/analysis/is_quantized.hpp>

namespace fulcrum {

FULCRUM_DEFINE ValueRanges calibrate_ranges(const Model<float>& model, const Tensor<float>& images,
                                            const ModelRunner& runner, const QuantizeOptions& options) {
  return calibrate_ranges(model, std::span<const Tensor<float>>(&images, 1), runner, options);
}

}  // namespace fulcrum

namespace fulcrum::detail {

FULCRUM_DECLARE RangeObserver make_observer(const QuantizeOptions& options) {
  switch (options.method) {
    case CalibrationMethod::minmax: break;
    case CalibrationMethod::percentile: return PercentileObserver(options.percentile);
    case CalibrationMethod::entropy: return EntropyObserver();
    case CalibrationMethod::mse: return MseObserver();
  }
  return MinMaxObserver();
}

FULCRUM_DEFINE void observe(RangeObserver& observer, const std::string& layer, std::span<const float> values) {
  if (!std::all_of(values.begin(), values.end(), [](float x) { return std::isfinite(x); })) {
    throw Error("layer '" + layer + "'", "gives NaN or infinite values on the calibration samples",
                "check the samples and the model's weights");
  }
  std::visit([&](auto& o) { o.observe(values); }, observer);
}

/// One source per input of a model, to be taken some samples at a time.
template <std::floating_point T>
class CalibrationSources {
public:
  /// \throws Error when their number or shapes are not what the model takes, or when there is no sample
  CalibrationSources(const Model<T>& model, std::span<const Tensor<T>> sources) : sources_(sources) {
    const std::vector<NodeId> inputs = model.inputs();
    if (sources.size() != inputs.size()) {
      throw Error("calibration",
                  "was given " + std::to_string(sources.size()) + " source(s), but model '" + model.name() +
                      "' takes " + std::to_string(inputs.size()),
                  "give one per input");
    }
    for (std::size_t i = 0; i < inputs.size(); ++i) {
      const Node<T>& node = model.node(inputs[i]);
      axes_.push_back(batch_axis(node, sources[i].dims()));
      if (!axes_.back()) continue;
      const std::int64_t given = sources[i].dims()[*axes_.back()];
      if (samples_ && *samples_ != given) {
        throw Error("calibration samples of input '" + node.name + "'",
                    "are " + std::to_string(given) + ", and of the inputs before it " + std::to_string(*samples_),
                    "give every input the same samples");
      }
      samples_ = given;
    }
  }

  [[nodiscard]] std::int64_t samples() const noexcept { return samples_.value_or(1); }

  /// Samples [from, from + count) of every input; all of one that has no batch.
  [[nodiscard]] std::vector<Tensor<T>> slice(std::int64_t from, std::int64_t count) const {
    std::vector<Tensor<T>> parts;
    for (std::size_t i = 0; i < sources_.size(); ++i) {
      parts.push_back(axes_[i] ? slice(sources_[i], *axes_[i], from, count) : sources_[i]);
    }
    return parts;
  }

private:
  /// Where the samples of an input lie one after another; nothing: it has the same elements for all of them.
  static std::optional<std::size_t> batch_axis(const Node<T>& input, const Shape& given) {
    const Shape& expected = std::get<Input>(input.layer).shape;
    std::optional<std::size_t> axis;
    bool fits = given.size() == expected.size();
    for (std::size_t i = 0; fits && i < expected.size(); ++i) {
      const bool is_batch = expected[i] == batch_dim;
      fits = is_batch ? !axis && given[i] >= 1 : given[i] == expected[i];
      if (is_batch) axis = i;
    }
    if (!fits) {
      throw Error("calibration samples of input '" + input.name + "'",
                  "have shape " + to_string(given) + " but the model takes " + to_string(expected),
                  "give one sample or more of that shape");
    }
    return axis;
  }

  static Tensor<T> slice(const Tensor<T>& source, std::size_t axis, std::int64_t from, std::int64_t count) {
    Shape shape = source.dims();
    std::size_t outer = 1, inner = 1;
    for (std::size_t i = 0; i < shape.size(); ++i) {
      if (i != axis) (i < axis ? outer : inner) *= static_cast<std::size_t>(shape[i]);
    }
    const std::size_t step = static_cast<std::size_t>(shape[axis]) * inner;
    const std::size_t length = static_cast<std::size_t>(count) * inner;
    shape[axis] = count;
    Tensor<T> part(shape);
    for (std::size_t o = 0; o < outer; ++o) {
      const auto piece = source.flat().subspan(o * step + static_cast<std::size_t>(from) * inner, length);
      std::copy(piece.begin(), piece.end(), part.flat().subspan(o * length, length).begin());
    }
    return part;
  }

  std::span<const Tensor<T>> sources_;
  std::vector<std::optional<std::size_t>> axes_;  // by input
  std::optional<std::int64_t> samples_;
};

FULCRUM_DEFINE void for_each_batch(const Model<float>& model, std::span<const Tensor<float>> sources,
                                   std::int64_t batch, std::int64_t most,
                                   const std::function<void(std::span<const Tensor<float>>)>& f) {
  const CalibrationSources<float> samples(model, sources);
  const std::int64_t count = std::min(samples.samples(), most);
  for (std::int64_t from = 0; from < count; from += batch) f(samples.slice(from, std::min(batch, count - from)));
}

}  // namespace fulcrum::detail

namespace fulcrum {

FULCRUM_DEFINE ValueRanges calibrate_ranges(const Model<float>& model, std::span<const Tensor<float>> sources,
                                            const ModelRunner& runner, const QuantizeOptions& options) {
  detail::refuse_quantized(model, "calibrate the float model");
  detail::refuse_not_finite(model);
  if (options.calibration_batch < 1) {
    throw Error("calibration batch " + std::to_string(options.calibration_batch), "is below 1", "64 is usual");
  }
  const Model<float> folded = fold_batch_normalization(simplify_arithmetic(model)).model;
  const detail::CalibrationSources<float> samples(folded, sources);
  const QuantizationPlacement placement = place_quantization(folded, options.skip);

  std::map<NodeId, detail::RangeObserver> observers;
  std::vector<NodeId> outputs;  // the values that only a run can tell
  for (NodeId id = 0; id < folded.size(); ++id) {
    if (placement.root[id] != id) continue;
    auto observer = detail::make_observer(options);
    const Node<float>& node = folded.node(id);
    if (const auto* constant = std::get_if<Constant<float>>(&node.layer)) {
      detail::observe(observer, node.name, constant->value.value->flat());
    } else if (!std::holds_alternative<Input>(node.layer)) {
      outputs.push_back(id);
    }
    observers.emplace(id, std::move(observer));
  }

  const std::vector<NodeId> inputs = folded.inputs();
  const Model<float> observed = extract_outputs(folded, outputs).model;
  for (std::int64_t from = 0; from < samples.samples(); from += options.calibration_batch) {
    const std::vector<Tensor<float>> part =
        samples.slice(from, std::min(options.calibration_batch, samples.samples() - from));
    for (std::size_t i = 0; i < inputs.size(); ++i) {
      const auto observer = observers.find(inputs[i]);
      if (observer != observers.end()) {
        detail::observe(observer->second, folded.node(inputs[i]).name, part[i].flat());
      }
    }
    if (outputs.empty()) continue;
    const std::vector<Tensor<float>> values = runner(observed, part);
    if (values.size() != outputs.size()) {
      throw Error("calibration runner", "returned " + std::to_string(values.size()) + " values of " +
                                            std::to_string(outputs.size()) + " that the model gives");
    }
    for (std::size_t i = 0; i < outputs.size(); ++i) {
      detail::observe(observers.at(outputs[i]), folded.node(outputs[i]).name, values[i].flat());
    }
  }

  ValueRanges ranges;
  for (const auto& entry : observers) {
    ranges[folded.node(entry.first).name] = std::visit([](const auto& o) { return o.range(); }, entry.second);
  }
  return ranges;
}

}  // namespace fulcrum

#endif
