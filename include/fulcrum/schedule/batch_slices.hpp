#pragma once
/// \file
/// Whether a batch runs layer by layer as a whole, or in slices that go through all layers one after the other.

#include <algorithm>
#include <cstdint>
#include <string>
#include <vector>

#include <fulcrum/analysis/independent_samples.hpp>
#include <fulcrum/core/linkage.hpp>
#include <fulcrum/schedule/plan_steps.hpp>

namespace fulcrum {

namespace detail {

/// Caches as the estimate of run_effort() sees them [B].
struct CacheCapacity {
  double own = 0.0;     ///< of a core
  double shared = 0.0;  ///< by all lanes
};

/// What one sample asks of a step, and the step of all samples together.
struct SampleStep {
  double read = 0.0;       ///< [B] of values that each sample has of its own
  double written = 0.0;    ///< [B]
  double flops = 0.0;      ///< [FLOP]
  double weights = 0.0;    ///< [B]
  double reread = 0.0;     ///< [B] of the weights, read again in the steps of a sequence
  bool is_narrow = false;  ///< computes in less than f32
};

/// \param model   as it runs
/// \param config  with a batch of 2 or more
/// \throws Error as plan_steps()
FULCRUM_DECLARE [[nodiscard]] std::vector<SampleStep> sample_steps(const Model<float>& model, const RunConfig& config,
                                                                   const Machine& machine);

/// What a run costs, in bytes read from the shared cache that take as long: arithmetic, and what moves from beyond the
/// cores' own caches. Only the ratio of two such figures is used, so that common proportions will do: a byte from
/// memory counts 4, a written one twice a read one (its line is fetched and later written back), one of the weights
/// half (they are read in order), a FLOP 0.4 in f32 and 0.2 below, the start of a step 20,000.
FULCRUM_DECLARE [[nodiscard]] double run_effort(const std::vector<SampleStep>& steps, std::int64_t batch,
                                                std::int64_t samples, int lanes, const CacheCapacity& caches);

}  // namespace detail

/// The slices that cost least: small ones keep values in the caches, large ones read weights less often. The batch is
/// cut only where that spares a good part of the estimated time, where all threads have the same number of slices (or
/// eight each), and where no layer mixes samples.
/// \param model    as it runs (model_as_run())
/// \param config   batch, threads of one instance, precision; slice is not read
/// \param machine  whose caches are unknown: the batch is not cut
/// \throws Error as plan_steps()
FULCRUM_DECLARE [[nodiscard]] BatchSlices choose_slices(const Model<float>& model, const RunConfig& config,
                                                        const Machine& machine);

/// The slices of a configuration: those it asks for, or choose_slices().
/// \param model  as it runs (model_as_run())
/// \throws Error when the model mixes samples that the configuration cuts apart, and as plan_steps()
FULCRUM_DECLARE [[nodiscard]] BatchSlices slices_of(const Model<float>& model, const RunConfig& config,
                                                    const Machine& machine);

}  // namespace fulcrum

#if FULCRUM_DEFINES(schedule)

namespace fulcrum::detail {

FULCRUM_DEFINE std::vector<SampleStep> sample_steps(const Model<float>& model, const RunConfig& config,
                                                    const Machine& machine) {
  const auto flops = [](const Step& step) {
    const bool spares = step.algorithm == Algorithm::winograd || step.algorithm == Algorithm::sparse;
    return spares ? executed_flops(step) : step.flops;
  };
  const auto steps_of = [&](std::int64_t batch) {
    Schedule schedule;
    schedule.model = model;
    schedule.of_slice = config;
    schedule.of_slice.batch = batch;
    plan_steps(schedule, machine);
    return std::move(schedule.steps);
  };
  const std::vector<ScheduledStep> of_batch = steps_of(config.batch);
  const std::vector<ScheduledStep> of_one = steps_of(1);
  const auto others = static_cast<double>(config.batch - 1);
  std::vector<SampleStep> result;
  for (std::size_t i = 0; i < of_one.size(); ++i) {
    const Step& one = of_one[i].step;
    const Step& all = of_batch[i].step;
    // What does not grow with the batch is shared, as a constant that is added to every sample.
    result.push_back({(all.src_bytes - one.src_bytes) / others, (all.dst_bytes - one.dst_bytes) / others,
                      (flops(all) - flops(one)) / others, one.weight_bytes, one.reread_bytes,
                      one.arithmetic != Precision::f32});
  }
  return result;
}

FULCRUM_DEFINE double run_effort(const std::vector<SampleStep>& steps, std::int64_t batch, std::int64_t samples,
                                 int lanes, const CacheCapacity& caches) {
  const auto in_flight = static_cast<double>(samples);
  const double rounds = static_cast<double>(batch) / in_flight;
  const auto price = [&](double of_lane, double of_all) {
    return of_lane <= caches.own ? 0.0 : of_all <= caches.shared ? 1.0 : 4.0;
  };
  double weights = 0.0;
  double largest = 0.0;
  for (const SampleStep& s : steps) {
    weights += s.weights;
    largest = std::max(largest, in_flight * (s.read + s.written));
  }
  const double weight_price = 0.5 * price(weights + largest, weights + lanes * largest);
  double effort = 0.0;
  for (const SampleStep& s : steps) {
    const double values = in_flight * (s.read + s.written);
    const double value_price = price(values + s.weights, lanes * values + s.weights);
    const double of_samples = (s.read + 2.0 * s.written) * value_price + s.flops * (s.is_narrow ? 0.2 : 0.4);
    effort += static_cast<double>(batch) * of_samples + rounds * ((s.weights + s.reread) * weight_price + 2e4);
  }
  return effort;
}

}  // namespace fulcrum::detail

namespace fulcrum {

FULCRUM_DEFINE BatchSlices choose_slices(const Model<float>& model, const RunConfig& config, const Machine& machine) {
  constexpr double least_gain = 0.05;
  constexpr double gain_of_smaller = 0.01;  // for slices of fewer samples over larger ones
  const BatchSlices whole{config.batch, 1, 1};
  if (config.batch < 2 || machine.caches.l2 <= 0 || !samples_are_independent(model, config.batch, 1)) return whole;
  const std::vector<detail::SampleStep> steps = detail::sample_steps(model, config, machine);
  // Of the last level, half is left to what else runs on the machine (and on a virtual machine's host).
  const double share = 0.5 * std::min(1.0, static_cast<double>(config.threads) / std::max(machine.cores, 1));
  const detail::CacheCapacity capacity{static_cast<double>(machine.caches.l2),
                                       share * static_cast<double>(machine.caches.l3)};
  const auto effort = [&](std::int64_t samples) {
    return detail::run_effort(steps, config.batch, samples, config.threads, capacity);
  };

  // As a whole, each thread has its part of every step.
  const double of_whole = effort((config.batch + config.threads - 1) / config.threads);
  BatchSlices best = whole;
  double least = of_whole;
  for (std::int64_t samples = config.batch / 2; samples >= 1; --samples) {
    const std::int64_t count = config.batch / samples;
    const bool even = config.batch % samples == 0 && (count % config.threads == 0 || count >= 8 * config.threads);
    if (!even) continue;
    const double of_slices = effort(samples);
    const double gain = best.cut() ? gain_of_smaller : least_gain;
    if (of_slices > (1.0 - gain) * least) continue;
    least = of_slices;
    best = {samples, count, config.threads};
  }
  return best;
}

FULCRUM_DEFINE BatchSlices slices_of(const Model<float>& model, const RunConfig& config, const Machine& machine) {
  if (config.slice == 0) return choose_slices(model, config, machine);
  if (config.slice == config.batch) return {config.batch, 1, 1};
  if (!samples_are_independent(model, config.batch, config.slice)) {
    throw Error("slice " + std::to_string(config.slice),
                "cannot be: model '" + model.name() + "' mixes the samples of a batch, or may do so",
                "give 0 or the batch size");
  }
  const std::int64_t count = config.batch / config.slice;
  return {config.slice, count, static_cast<int>(std::min<std::int64_t>(count, config.threads))};
}

}  // namespace fulcrum

#endif
