#pragma once
/// \file
/// How much each channel of a model matters to a loss, by first-order Taylor expansion.

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include <fulcrum/analysis/channel_dependencies.hpp>
#include <fulcrum/core/linkage.hpp>
#include <fulcrum/model/model.hpp>
#include <fulcrum/train/batches.hpp>
#include <fulcrum/train/loss.hpp>

namespace fulcrum {

struct TaylorOptions {
  std::int64_t batch = 32;    ///< samples of a batch, ≥ 1
  std::int64_t batches = 16;  ///< as many are averaged over; fewer where the samples do not suffice
  std::uint64_t seed = 0;     ///< of which samples are drawn
  int threads = 0;            ///< 0: every core the process may use
  AnyLoss loss = CrossEntropy{};
};

/// For each unit, (Σ g·w)² over the weights and biases that compute its channels, averaged over batches: what the loss
/// would change by, squared, were they 0 (Molchanov et al., "Importance estimation for neural network pruning", CVPR
/// 2019). Batch norms use the statistics of each batch.
/// \param dependencies  of this model
/// \throws Error when the model cannot be trained (see TrainingNetwork), or an option is out of range
FULCRUM_DECLARE [[nodiscard]] std::vector<double> taylor_saliency(const Model<float>& model,
                                                                  const ChannelDependencies& dependencies,
                                                                  const SampleView& samples,
                                                                  const TaylorOptions& options = {});

}  // namespace fulcrum

#if FULCRUM_DEFINES(train)

#include <fulcrum/core/cpu_limits.hpp>
#include <fulcrum/core/environment.hpp>
#include <fulcrum/onednn/thread_scope.hpp>
#include <fulcrum/train/network.hpp>

namespace fulcrum::detail {

/// Adds gradient · weight of every element to the unit of its index along an axis.
FULCRUM_DECLARE void add_products(const TrainableParameter& parameter, const ChannelAxis& axis,
                                  std::vector<double>& sums) {
  const Shape dims = parameter.value.dims();
  std::size_t inner = 1;
  for (std::size_t i = axis.axis + 1; i < dims.size(); ++i) inner *= static_cast<std::size_t>(dims[i]);
  const auto extent = static_cast<std::size_t>(dims[axis.axis]);
  const auto values = parameter.value.flat();
  const auto gradients = parameter.gradient.flat();
  for (std::size_t first = 0; first < values.size(); first += inner) {
    const ChannelUnit unit = axis.units[first / inner % extent];
    if (unit == fixed_channel) continue;
    double sum = 0.0;
    for (std::size_t i = first; i < first + inner; ++i)
      sum += static_cast<double>(values[i]) * static_cast<double>(gradients[i]);
    sums[static_cast<std::size_t>(unit)] += sum;
  }
}

}  // namespace fulcrum::detail

namespace fulcrum {

FULCRUM_DEFINE std::vector<double> taylor_saliency(const Model<float>& model, const ChannelDependencies& dependencies,
                                                   const SampleView& samples, const TaylorOptions& options) {
  if (options.batch < 1 || options.batches < 1)
    throw Error("Taylor saliency", "was given no samples to average over", "give a batch and batches of 1 or more");
  const detail::ThreadScope threads(
      options.threads != 0 ? options.threads
                           : usable_cores(static_cast<int>(current_affinity().size()), current_cpu_quota()));
  const std::int64_t size = std::min(options.batch, std::max<std::int64_t>(samples.size(), 1));
  BatchSampler sampler(samples, size, {}, options.seed);
  TrainingNetwork network(model, size, options.loss.input());
  sampler.start_epoch();
  const std::int64_t count = std::min(options.batches, sampler.batches_per_epoch());
  std::vector<double> result(dependencies.units);
  for (std::int64_t i = 0; i < count; ++i) {
    const Batch& batch = sampler.draw();
    network.backward(options.loss(network.forward(batch.src), batch).gradient);
    std::vector<double> sums(dependencies.units);
    for (const TrainableParameter& parameter : network.parameters()) {
      for (const ChannelAxis& axis : dependencies.axes) {
        if (axis.node == parameter.node && axis.parameter == parameter.name && axis.use == ChannelUse::computes)
          detail::add_products(parameter, axis, sums);
      }
    }
    for (std::size_t unit = 0; unit < sums.size(); ++unit)
      result[unit] += sums[unit] * sums[unit] / static_cast<double>(count);
  }
  return result;
}

}  // namespace fulcrum

#endif
