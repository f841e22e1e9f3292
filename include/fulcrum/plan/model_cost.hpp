#pragma once
/// \file
/// What a model costs on a machine, for passes that make models smaller until they cost no more than a target.

#include <fulcrum/core/linkage.hpp>
#include <fulcrum/cost/machine_profile.hpp>
#include <fulcrum/cost/predict.hpp>
#include <fulcrum/passes/prune_channels.hpp>
#include <fulcrum/run/run_config.hpp>

namespace fulcrum {

/// The predicted median latency [ms] of a model in a configuration.
/// \param profile  must outlive the result
FULCRUM_DECLARE [[nodiscard]] ModelCost<float> predicted_latency_ms(const RunConfig& config,
                                                                    const MachineProfile& profile);

}  // namespace fulcrum

#if FULCRUM_DEFINES(plan)

namespace fulcrum {

FULCRUM_DEFINE ModelCost<float> predicted_latency_ms(const RunConfig& config, const MachineProfile& profile) {
  return [config, &profile](const Model<float>& model) { return predict(model, config, profile).latency.p50.count(); };
}

}  // namespace fulcrum

#endif
