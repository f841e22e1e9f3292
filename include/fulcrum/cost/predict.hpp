#pragma once
/// \file
/// Predicts a LatencyReport from a model, a configuration and a machine profile: arithmetic alone, no clock, no engine.

#include <cmath>
#include <string>
#include <utility>
#include <vector>

#include <fulcrum/analysis/is_quantized.hpp>
#include <fulcrum/cost/machine_profile.hpp>
#include <fulcrum/cost/roofline.hpp>
#include <fulcrum/passes/fold_batch_normalization.hpp>
#include <fulcrum/run/latency_report.hpp>
#include <fulcrum/run/run_config.hpp>
#include <fulcrum/schedule/batch_slices.hpp>
#include <fulcrum/schedule/model_steps.hpp>
#include <fulcrum/schedule/movement.hpp>

namespace fulcrum {

namespace detail {

[[nodiscard]] inline std::vector<Step> steps_of_folded(const Model<float>& folded, const RunConfig& config,
                                                       const MachineProfile& profile) {
  return with_movements(model_steps(folded, config, profile.environment.isa), config.precision, profile.layout_changes);
}

}  // namespace detail

/// The steps that a model runs as, the batch in one piece: batch normalizations folded, neighbours fused, layouts and
/// types changed where the profile says so.
/// \throws Error when the configuration is out of range or shapes do not fit
[[nodiscard]] inline std::vector<Step> predicted_steps(const Model<float>& model, const RunConfig& config,
                                                       const MachineProfile& profile) {
  return detail::steps_of_folded(fold_batch_normalization(model).model, config, profile);
}

/// How the executor cuts the batch on the profile's machine.
struct SlicedConfig {
  BatchSlices slices;
  RunConfig of_slice;  ///< see config_of_slice()
};

/// \param model  batch normalizations folded
/// \throws Error when the configuration is out of range or shapes do not fit
[[nodiscard]] inline SlicedConfig sliced_config(const Model<float>& model, const RunConfig& config,
                                                const MachineProfile& profile) {
  validate(config);
  const Environment& machine = profile.environment;
  const BatchSlices slices = choose_slices(model, config, profile.rates.caches(), machine.cores, machine.isa);
  return {slices, config_of_slice(config, slices)};
}

/// Time of one step alone on the machine [µs]: its roofline time, slowed down as steps like it were.
[[nodiscard]] inline double predicted_step_us(const Step& step, const RooflinePoint& roofline, int threads,
                                              const MachineProfile& profile) {
  return roofline.time_us() * std::exp(profile.log_slowdown(step, roofline, threads));
}

/// L = F / T for every step and in total; see docs/cost-model.md.
///
/// An int8 configuration of a model that no quantization pass has been over is predicted as if one had (with a note).
/// \throws Error when the configuration is out of range, shapes do not fit or the profile lacks the precision
[[nodiscard]] inline LatencyReport predict(const Model<float>& model, const RunConfig& config,
                                           const MachineProfile& profile) {
  validate(config);
  LatencyReport report;
  report.kind = ReportKind::predicted;
  report.model = model.name();
  report.config = config;
  report.environment = profile.environment;
  if (!profile.rates.knows(config.precision))
    static_cast<void>(profile.rates.peak(config.precision, config.threads));  // its Error says what is missing

  const Model<float> folded = fold_batch_normalization(model).model;
  const auto [slices, run] = sliced_config(folded, config, profile);
  const auto count = static_cast<double>(slices.count);
  const double rounds = slices.rounds();
  const Contention contention = profile.contention_of(run.instances, run.threads);
  double total_us = rounds * profile.rates.inference_overhead_us(run.threads) * contention.factor;
  // Lanes start together, as threads do at a step.
  if (slices.lanes > 1) total_us += profile.rates.step_overhead_us(slices.lanes);
  for (Step& step : detail::steps_of_folded(folded, run, profile)) {
    const RooflinePoint roofline = roofline_point(step, profile.rates, step.threads);
    const double alone_us = predicted_step_us(step, roofline, step.threads, profile);
    const double shared_us =
        alone_us * roofline_point(step, profile.rates, step.threads, run.instances).time_us() / roofline.time_us();
    const double time_us = rounds * (contention.factor * shared_us + contention.extra_step_us);
    LayerLatency layer;
    layer.name = std::move(step.name);
    layer.kind = std::move(step.kind);
    layer.flops = count * step.flops;
    layer.bytes = count * step.bytes();
    layer.latency = Microseconds(time_us);
    layer.bound = bound_of(roofline, alone_us);
    report.flops += layer.flops;
    report.bytes += layer.bytes;
    report.layers.push_back(std::move(layer));
    total_us += time_us;
  }
  report.latency = profile.statistics_of(1e-3 * total_us, config.threads);
  // Little's law: the instances hold `instances` batches at any time, each for its mean latency.
  report.throughput_per_s =
      static_cast<double>(config.instances) * static_cast<double>(config.batch) / (1e-3 * report.latency.mean.count());

  if (slices.cut()) report.notes.push_back("the batch runs in " + to_string(slices));
  const int wanted = config.instances * config.threads;
  if (wanted > profile.environment.cores) {
    report.notes.push_back(std::to_string(wanted) + " threads share " + std::to_string(profile.environment.cores) +
                           " usable core(s): expect waiting, and a prediction that is rougher than usual");
  }
  if (config.precision == Precision::int8 && !is_quantized(model))
    report.notes.push_back("the model is not quantized: predicted as if a quantization pass had been over it");
  return report;
}

}  // namespace fulcrum
