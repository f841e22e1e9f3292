#pragma once
/// \file
/// Structured pruning to a latency, by prediction that measurements set right.

#include <optional>
#include <vector>

#include <fulcrum/analysis/channel_dependencies.hpp>
#include <fulcrum/core/linkage.hpp>
#include <fulcrum/passes/prune_channels.hpp>

namespace fulcrum {

struct PruneToLatencyResult {
  PruneChannelsResult<float> pruned;  ///< costs in its report are predicted latencies [ms] times `correction`
  double correction = 1.0;            ///< what measured latencies are of predicted ones, where the result was found
  std::optional<double> measured_ms;  ///< of the result; nothing: nothing was measured
};

/// Removes the least salient channels, as prune_channels() does, until the latency is at most `limit_ms`.
///
/// Predictions alone are off by what the model, or the machine at present, does otherwise than they say. Where
/// latencies can be measured, the model as it is tells by what factor, and so does every model that comes out: while
/// one is more than 3 % off the limit, pruning is done again with the factor that it told, at most three times. The one
/// that comes nearest is returned.
///
/// \param saliency      of each channel, as prune_channels() takes it
/// \param predicted_ms  what a model is predicted to take [ms]
/// \param measured_ms   what it takes [ms]; empty: predictions count as they are
/// \param limit_ms      the latency to reach [ms], > 0
/// \throws Error as prune_channels(), and what the costs throw
FULCRUM_DECLARE [[nodiscard]] PruneToLatencyResult prune_to_latency(
    const Model<float>& model, const PruneChannelsOptions& options, const ChannelDependencies& dependencies,
    const std::vector<double>& saliency, const ModelCost<float>& predicted_ms, const ModelCost<float>& measured_ms,
    double limit_ms);

}  // namespace fulcrum

#if FULCRUM_DEFINES(plan)

#include <cmath>
#include <utility>

namespace fulcrum {

FULCRUM_DEFINE PruneToLatencyResult prune_to_latency(const Model<float>& model, const PruneChannelsOptions& options,
                                                     const ChannelDependencies& dependencies,
                                                     const std::vector<double>& saliency,
                                                     const ModelCost<float>& predicted_ms,
                                                     const ModelCost<float>& measured_ms, double limit_ms) {
  constexpr double near = 0.03;
  constexpr int most_tries = 4;
  if (!measured_ms)
    return {prune_channels(model, options, dependencies, saliency, predicted_ms, limit_ms), 1.0, std::nullopt};
  double correction = measured_ms(model) / predicted_ms(model);
  std::optional<PruneToLatencyResult> best;
  for (int i = 0; i < most_tries; ++i) {
    const ModelCost<float> cost = [&](const Model<float>& m) { return correction * predicted_ms(m); };
    PruneChannelsResult<float> pruned = prune_channels(model, options, dependencies, saliency, cost, limit_ms);
    const double measured = measured_ms(pruned.model);
    const auto off = [&](double ms) { return std::abs(ms / limit_ms - 1.0); };
    const double predicted = pruned.report.cost_after / correction;
    const bool same = best && best->pruned.report.flops_after == pruned.report.flops_after;
    if (!best || off(measured) < off(*best->measured_ms)) best = {std::move(pruned), correction, measured};
    // Where channels can go no further, or another factor changed nothing, none will.
    if (off(measured) <= near || !best->pruned.report.reached || same) break;
    correction = measured / predicted;
  }
  return *std::move(best);
}

}  // namespace fulcrum

#endif
