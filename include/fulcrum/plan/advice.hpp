#pragma once
/// \file
/// What would make a model faster on a machine, according to the cost model: nothing runs.

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <fulcrum/analysis/is_quantized.hpp>
#include <fulcrum/analysis/weighted_layers.hpp>
#include <fulcrum/core/linkage.hpp>
#include <fulcrum/core/units.hpp>
#include <fulcrum/cost/machine_profile.hpp>
#include <fulcrum/cost/predict.hpp>
#include <fulcrum/plan/reduced_model.hpp>
#include <fulcrum/plan/sparse_gains.hpp>
#include <fulcrum/run/run_config.hpp>
#include <fulcrum/schedule/model_as_run.hpp>

namespace fulcrum {

/// A change of one layer: what it would bring to the whole inference, conversions that it costs or spares included.
struct LayerOption {
  std::string name;  ///< "bf16", "int8", "channels", "sparse", "low rank"
  std::string what;  ///< "64 of 128 channels", "90 % of weights 0", "rank 256"; empty: the name says it
  std::optional<Milliseconds> saves;  ///< of an inference; negative: it would be slower. Absent: see why_not
  std::string why_not;
};

/// A convolution or dense layer, and what could be done with it.
struct LayerAdvice {
  std::string layer;
  std::string kind;     ///< of its step: "Conv+Relu"
  Milliseconds time{};  ///< of its step, as configured
  std::vector<LayerOption> options;
};

/// The model in one precision.
struct PrecisionAdvice {
  Precision precision = Precision::f32;
  Milliseconds latency{};             ///< predicted median
  Milliseconds conversions{};         ///< of it, in changes of type and layout
  std::vector<std::string> slower{};  ///< layers that would be faster in f32
};

struct Advice {
  std::string model;
  RunConfig config;
  Milliseconds latency{};                   ///< predicted median as configured
  std::vector<PrecisionAdvice> precisions;  ///< those that the machine and its profile have
  /// The fastest mixture that was found: a precision, layers in another one, and the median with it.
  Precision best_precision = Precision::f32;
  std::map<std::string, Precision> best_layers;
  Milliseconds best_latency{};
  std::vector<LayerAdvice> layers;  ///< by falling time
  std::vector<std::string> notes;
};

struct AdviceOptions {
  double kept_channels = 0.5;  ///< share of a layer's output channels that pruning would leave; (0, 1)
  double sparsity = 0.9;       ///< share of a layer's weights that unstructured pruning would set to 0; (0, 1)
  double rank_share = 0.5;     ///< share of a dense layer's weights that low rank would leave; (0, 1)
  double least_gain = 0.001;   ///< share of an inference that a layer in another precision must save
};

/// Predicts the model with changes one at a time:
///
/// - precision: bf16 or int8 in a layer saves what the whole model in it would lose if that layer alone were in f32.
/// int8
///   of a model that is not quantized is predicted as a quantization pass would leave it;
/// - channels: a share of the layer's output channels pruned, and the weights that take them (with_fewer_channels());
/// - sparse: a share of the layer's weights 0, wherever they are; it then runs as a sparse product, past the break-even
///   that the profile knows of (in f32 alone);
/// - low rank: a dense layer as two, with a share of its weights (with_low_rank()).
///
/// The best mixture starts from the fastest precision and gives each layer another one where that saves time, the
/// longest first. Accuracy is not looked at: it is what each of these costs.
/// \param config  precision is what pruning and low rank are predicted in; layer_precision is not read
/// \throws Error as predict(), when an option is out of range, or the model is quantized
FULCRUM_DECLARE [[nodiscard]] Advice advise(const Model<float>& model, const RunConfig& config,
                                            const MachineProfile& profile, const AdviceOptions& options = {});

}  // namespace fulcrum

#if FULCRUM_DEFINES(plan)

namespace fulcrum::detail {

/// Predictions of one model, which is prepared once.
class Adviser {
public:
  FULCRUM_DECLARE Adviser(const Model<float>& model, const RunConfig& config, const MachineProfile& profile,
                          const AdviceOptions& options);

  FULCRUM_DECLARE [[nodiscard]] Advice run() &&;

private:
  FULCRUM_DECLARE [[nodiscard]] LatencyReport predicted(const Model<float>& model, Precision precision,
                                                        std::map<std::string, Precision> layers = {}) const;
  FULCRUM_DECLARE [[nodiscard]] double median_ms(const Model<float>& model, Precision precision,
                                                 std::map<std::string, Precision> layers = {}) const;
  FULCRUM_DECLARE void list_layers(const LatencyReport& report);
  FULCRUM_DECLARE void add_precision(Precision precision);
  FULCRUM_DECLARE void add_reductions(LayerAdvice& layer);
  FULCRUM_DECLARE void find_mixture();

  Model<float> model_;
  RunConfig config_;
  const MachineProfile& profile_;
  mutable StepPredictions steps_;  // one change leaves most of them as they are
  AdviceOptions options_;
  Advice advice_;
};

FULCRUM_DEFINE Adviser::Adviser(const Model<float>& model, const RunConfig& config, const MachineProfile& profile,
                                const AdviceOptions& options)
    : config_(config), profile_(profile), steps_(profile), options_(options) {
  const auto check = [](const char* name, double share) {
    if (!(share > 0.0) || !(share < 1.0))
      throw Error(name, "is " + std::to_string(share), "give a share between 0 and 1");
  };
  check("channels to keep", options.kept_channels);
  check("rank share", options.rank_share);
  check("sparsity", options.sparsity);
  if (is_quantized(model))
    throw Error("model '" + model.name() + "'", "is quantized", "ask for advice on the float model");
  config_.layer_precision.clear();
  advice_.config = config_;
  if (config_.algorithms.sparse_costs.empty()) config_.algorithms.sparse_costs = profile.sparse_costs;
  model_ = model_as_run(model, config_).model;
  advice_.model = model.name();
}

FULCRUM_DEFINE LatencyReport Adviser::predicted(const Model<float>& model, Precision precision,
                                                std::map<std::string, Precision> layers) const {
  RunConfig config = config_;
  config.precision = precision;
  config.layer_precision = std::move(layers);
  return predict(make_schedule(model, config, machine_of(profile_)), steps_);
}

FULCRUM_DEFINE double Adviser::median_ms(const Model<float>& model, Precision precision,
                                         std::map<std::string, Precision> layers) const {
  return predicted(model, precision, std::move(layers)).latency.p50.count();
}

FULCRUM_DEFINE void Adviser::list_layers(const LatencyReport& report) {
  for (const StepLatency& row : report.layers) {
    const auto id = model_.find(row.name);
    if (!id || row.kind == "Reorder" || weights_of(model_.node(*id).layer) == nullptr) continue;
    advice_.layers.push_back({row.name, row.kind, row.latency, {}});
  }
  std::stable_sort(advice_.layers.begin(), advice_.layers.end(),
                   [](const LayerAdvice& a, const LayerAdvice& b) { return a.time > b.time; });
}

FULCRUM_DEFINE void Adviser::add_precision(Precision precision) {
  const LatencyReport whole = predicted(model_, precision);
  PrecisionAdvice result{precision, whole.latency.p50};
  for (const StepLatency& row : whole.layers) {
    if (row.kind == "Reorder") result.conversions += row.latency;
  }
  if (precision != Precision::f32) {
    for (LayerAdvice& layer : advice_.layers) {
      const double without = median_ms(model_, precision, {{layer.layer, Precision::f32}});
      const Milliseconds saves(without - whole.latency.p50.count());
      layer.options.push_back({std::string(name_of(precision)), "", saves, ""});
      if (saves.count() < 0.0) result.slower.push_back(layer.layer);
    }
  }
  advice_.precisions.push_back(std::move(result));
}

FULCRUM_DEFINE void Adviser::add_reductions(LayerAdvice& layer) {
  const NodeId id = *model_.find(layer.layer);
  const Shape weights = weights_of(model_.node(id).layer)->value->dims();
  const auto add = [&](const char* name, std::string what, const ReducedModel& reduced) {
    LayerOption option{name, std::move(what), {}, reduced.why_not};
    if (reduced.model) option.saves = advice_.latency - Milliseconds(median_ms(*reduced.model, config_.precision));
    layer.options.push_back(std::move(option));
  };
  const auto kept = static_cast<std::int64_t>(options_.kept_channels * static_cast<double>(weights[0]));
  if (kept >= 1) {
    add("channels", std::to_string(kept) + " of " + std::to_string(weights[0]) + " channels",
        with_fewer_channels(model_, id, kept));
  }
  if (config_.precision == Precision::f32) {
    const SparseLayer sparse = with_sparse_weights(model_, id, options_.sparsity, config_, machine_of(profile_));
    std::string what = std::to_string(std::lround(100.0 * options_.sparsity)) + " % of weights 0";
    if (sparse.reduced.model)
      what += " (breaks even at " + std::to_string(std::lround(100.0 * sparse.break_even)) + " %)";
    add("sparse", std::move(what), sparse.reduced);
  }
  if (!std::holds_alternative<Dense<float>>(model_.node(id).layer)) return;
  const auto rank = static_cast<std::int64_t>(options_.rank_share * static_cast<double>(weights[0] * weights[1]) /
                                              static_cast<double>(weights[0] + weights[1]));
  if (rank >= 1) add("low rank", "rank " + std::to_string(rank), with_low_rank(model_, id, rank));
}

FULCRUM_DEFINE void Adviser::find_mixture() {
  const auto fastest = std::min_element(advice_.precisions.begin(), advice_.precisions.end(),
                                        [](const auto& a, const auto& b) { return a.latency < b.latency; });
  advice_.best_precision = fastest->precision;
  advice_.best_latency = fastest->latency;
  for (const LayerAdvice& layer : advice_.layers) {
    for (const PrecisionAdvice& other : advice_.precisions) {
      // A layer whose scales nobody placed has none where the model around it is in floating point.
      if (other.precision == advice_.best_precision || other.precision == Precision::int8) continue;
      std::map<std::string, Precision> layers = advice_.best_layers;
      layers[layer.layer] = other.precision;
      const double median = median_ms(model_, advice_.best_precision, layers);
      if (median >= (1.0 - options_.least_gain) * advice_.best_latency.count()) continue;
      advice_.best_latency = Milliseconds(median);
      advice_.best_layers = std::move(layers);
    }
  }
}

FULCRUM_DEFINE Advice Adviser::run() && {
  const LatencyReport now = predicted(model_, config_.precision);
  advice_.latency = now.latency.p50;
  advice_.notes = now.notes;
  list_layers(now);
  const Machine machine = machine_of(profile_);
  for (const Precision precision : all_precisions) {
    if (why_unsupported(precision, machine).empty() && profile_.rates.knows(precision)) add_precision(precision);
  }
  for (LayerAdvice& layer : advice_.layers) add_reductions(layer);
  find_mixture();
  return std::move(advice_);
}

}  // namespace fulcrum::detail

namespace fulcrum {

FULCRUM_DEFINE Advice advise(const Model<float>& model, const RunConfig& config, const MachineProfile& profile,
                             const AdviceOptions& options) {
  return detail::Adviser(model, config, profile, options).run();
}

}  // namespace fulcrum

#endif
