#pragma once
/// \file
/// The ranges that a model's values take on sample images, for a quantization pass.

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <functional>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include <fulcrum/model/rewrite.hpp>
#include <fulcrum/passes/fold_batch_normalization.hpp>
#include <fulcrum/passes/quantization_placement.hpp>
#include <fulcrum/passes/range_observer.hpp>

namespace fulcrum {

enum class CalibrationMethod : std::uint8_t {
  minmax,      ///< all values fit
  percentile,  ///< the largest magnitudes are clipped, the rest gets a finer scale
};

[[nodiscard]] constexpr std::string_view name_of(CalibrationMethod method) noexcept {
  return method == CalibrationMethod::minmax ? "minmax" : "percentile";
}

/// \throws Error when the name is neither minmax nor percentile
[[nodiscard]] inline CalibrationMethod calibration_method_from(std::string_view name) {
  for (const CalibrationMethod method : {CalibrationMethod::minmax, CalibrationMethod::percentile}) {
    if (name_of(method) == name) return method;
  }
  throw Error("calibration method '" + std::string(name) + "'", "is not known", "use minmax or percentile");
}

/// How to quantize a model.
struct QuantizeOptions {
  CalibrationMethod method = CalibrationMethod::minmax;
  double percentile = 99.99;            ///< of |x|, (0, 100]; for CalibrationMethod::percentile
  std::int64_t calibration_batch = 64;  ///< images that go through the model at a time; ≥ 1
  std::vector<std::string> skip = {};   ///< names of convolutions and dense layers that stay in float
  /// Bits of a weight, 7 or 8. Two products of u8 with 7 bits fit into 16 bits, in which CPUs without VNNI add them.
  int weight_bits = 8;
  /// Values of both signs become u8 with a zero point, not s8: CPUs without VNNI multiply only unsigned by signed.
  bool unsigned_values = false;
};

/// Ranges by the name of the layer that computes the value.
using ValueRanges = std::map<std::string, Range>;

/// Runs a model on images (n, c, h, w) and returns its outputs. Calibration gives it one model, always the same, with
/// the values to observe as outputs, and then one slice of the images after another; any engine will do.
using ModelRunner = std::function<std::vector<Tensor<float>>(const Model<float>& model_with_chosen_outputs,
                                                             const Tensor<float>& images)>;

namespace detail {

using RangeObserver = std::variant<MinMaxObserver, PercentileObserver>;

inline RangeObserver make_observer(const QuantizeOptions& options) {
  if (options.method == CalibrationMethod::percentile) return PercentileObserver(options.percentile);
  return MinMaxObserver();
}

/// \throws Error naming the layer whose values are not finite
inline void observe(RangeObserver& observer, const std::string& layer, std::span<const float> values) {
  if (!std::all_of(values.begin(), values.end(), [](float x) { return std::isfinite(x); })) {
    throw Error("layer '" + layer + "'", "gives NaN or infinite values on the calibration images",
                "check the images and the model's weights");
  }
  std::visit([&](auto& o) { o.observe(values); }, observer);
}

/// The one input that images go into.
inline NodeId image_input(const Model<float>& model, const Tensor<float>& images) {
  const std::vector<NodeId> inputs = model.inputs();
  if (inputs.size() != 1) {
    throw Error("model '" + model.name() + "'",
                "takes " + std::to_string(inputs.size()) + " inputs, and calibration gives it one");
  }
  const Shape expected = std::get<Input>(model.node(inputs[0]).layer).shape;
  Shape given = images.dims();
  if (given.size() != expected.size() || given.empty() || given[0] < 1 ||
      !std::equal(given.begin() + 1, given.end(), expected.begin() + 1)) {
    throw Error("calibration images", "have shape " + to_string(given) + " but the model takes " + to_string(expected),
                "give one image or more of that shape");
  }
  return inputs[0];
}

/// Images [from, from + count) of (n, …).
inline Tensor<float> slice(const Tensor<float>& images, std::int64_t from, std::int64_t count) {
  Shape shape = images.dims();
  const auto image = static_cast<std::size_t>(element_count(shape) / shape[0]);
  shape[0] = count;
  return Tensor<float>(
      shape, images.flat().subspan(static_cast<std::size_t>(from) * image, static_cast<std::size_t>(count) * image));
}

}  // namespace detail

/// Runs the images through the model and returns the range of every value that quantize() will ask for. Batch
/// normalization is folded first. At most `options.calibration_batch` images are in flight, so memory stays bounded.
/// \param model   float, not quantized yet
/// \param images  (n, c, h, w), n ≥ 1: a slice of the training images
/// \param runner  runs the model; see ModelRunner
/// \throws Error when the model is quantized, has weights or computes values that are not finite, takes several inputs
///         or other images, or when an option is out of its range
[[nodiscard]] inline ValueRanges calibrate_ranges(const Model<float>& model, const Tensor<float>& images,
                                                  const ModelRunner& runner, const QuantizeOptions& options = {}) {
  detail::refuse_quantized(model, "calibrate the float model");
  detail::refuse_not_finite(model);
  if (options.calibration_batch < 1) {
    throw Error("calibration batch " + std::to_string(options.calibration_batch), "is below 1", "64 is usual");
  }
  const Model<float> folded = fold_batch_normalization(model).model;
  const NodeId input = detail::image_input(folded, images);
  const QuantizationPlacement placement = place_quantization(folded, options.skip);

  std::map<NodeId, detail::RangeObserver> observers;
  std::vector<NodeId> outputs;  // the values that only a run can tell
  for (NodeId id = 0; id < folded.size(); ++id) {
    if (placement.root[id] != id) continue;
    auto observer = detail::make_observer(options);
    const Node<float>& node = folded.node(id);
    if (const auto* constant = std::get_if<Constant<float>>(&node.layer)) {
      detail::observe(observer, node.name, constant->value.value->flat());
    } else if (id != input) {
      outputs.push_back(id);
    }
    observers.emplace(id, std::move(observer));
  }

  const Model<float> observed = extract_outputs(folded, outputs).model;
  const std::int64_t total = images.dim(0);
  for (std::int64_t from = 0; from < total; from += options.calibration_batch) {
    const Tensor<float> part = detail::slice(images, from, std::min(options.calibration_batch, total - from));
    if (observers.count(input) != 0) detail::observe(observers.at(input), folded.node(input).name, part.flat());
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
