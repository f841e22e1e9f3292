#pragma once
/// \file
/// What a model takes on this machine, for passes that make models smaller until they take no more than a target.

#include <fulcrum/core/linkage.hpp>
#include <fulcrum/model/model.hpp>
#include <fulcrum/run/run_config.hpp>

namespace fulcrum {

/// The measured median latency [ms] of a model in a configuration: of half a second or of 20 inferences, whichever is
/// longer.
/// \throws Error as measure()
FULCRUM_DECLARE [[nodiscard]] double measured_latency_ms(const Model<float>& model, const RunConfig& config);

}  // namespace fulcrum

#if FULCRUM_DEFINES(plan)

#include <fulcrum/measure/measure.hpp>

namespace fulcrum {

FULCRUM_DEFINE double measured_latency_ms(const Model<float>& model, const RunConfig& config) {
  MeasureOptions options;
  options.min_duration = Seconds(0.5);
  options.min_samples = 20;
  options.layer_runs = 0;
  return measure(model, config, options).latency.p50.count();
}

}  // namespace fulcrum

#endif
