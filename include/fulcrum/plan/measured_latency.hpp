#pragma once
/// \file
/// What a model takes on this machine, for passes that make models smaller until they take no more than a target.

#include <fulcrum/core/linkage.hpp>
#include <fulcrum/model/model.hpp>
#include <fulcrum/run/run_config.hpp>

namespace fulcrum {

/// The median latency [ms] of a model in a configuration, in the fastest of four runs of a quarter of a second or ten
/// inferences: what disturbs a machine for a while makes it slower, never faster.
/// \throws Error as measure()
FULCRUM_DECLARE [[nodiscard]] double measured_latency_ms(const Model<float>& model, const RunConfig& config);

}  // namespace fulcrum

#if FULCRUM_DEFINES(plan)

#include <algorithm>
#include <limits>

#include <fulcrum/measure/measure.hpp>

namespace fulcrum {

FULCRUM_DEFINE double measured_latency_ms(const Model<float>& model, const RunConfig& config) {
  MeasureOptions options;
  options.min_duration = Seconds(0.25);
  options.min_samples = 10;
  options.layer_runs = 0;
  double least = std::numeric_limits<double>::infinity();
  for (int run = 0; run < 4; ++run) least = std::min(least, measure(model, config, options).latency.p50.count());
  return least;
}

}  // namespace fulcrum

#endif
