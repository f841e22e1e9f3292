#pragma once
/// \file
/// The roofline of one step (Williams, Waterman and Patterson, "Roofline: an insightful visual performance model for
/// multicore architectures", CACM 2009).

#include <algorithm>

#include <fulcrum/core/linkage.hpp>
#include <fulcrum/cost/machine_rates.hpp>
#include <fulcrum/run/latency_report.hpp>
#include <fulcrum/schedule/step.hpp>
#include <fulcrum/schedule/winograd.hpp>

namespace fulcrum {

/// Where a step stands under the roof of a machine.
struct RooflinePoint {
  double intensity_flop_per_byte = 0.0;
  double peak_flop_per_s = 0.0;
  double bandwidth_byte_per_s = 0.0;   ///< of the levels that its bytes come from
  double attainable_flop_per_s = 0.0;  ///< min(peak, intensity · bandwidth)
  double compute_us = 0.0;             ///< executed_flops() / peak
  double memory_us = 0.0;              ///< bytes / bandwidth
  double function_us = 0.0;            ///< of activations, which run beside neither
  double overhead_us = 0.0;            ///< what the step would take with nothing to do

  /// The least time that the machine's rates allow: overhead + max(compute, memory) + functions.
  [[nodiscard]] double time_us() const noexcept { return overhead_us + std::max(compute_us, memory_us) + function_us; }
};

/// Activations come from wherever the step's own traffic fits; weights from wherever all that is touched until their
/// next use fits. `instances` that run side by side share the caches' capacity and the bandwidth behind them.
FULCRUM_DECLARE [[nodiscard]] RooflinePoint roofline_point(const Step& step, const MachineRates& rates, int threads,
                                                           int instances = 1);

/// What keeps a step that takes `time_us` from being faster: the overhead when it is at least half of the time,
/// otherwise whichever side of the roofline is higher.
FULCRUM_DECLARE [[nodiscard]] Bound bound_of(const RooflinePoint& point, double time_us);

}  // namespace fulcrum

#if FULCRUM_DEFINES(cost)

namespace fulcrum {

FULCRUM_DEFINE RooflinePoint roofline_point(const Step& step, const MachineRates& rates, int threads, int instances) {
  RooflinePoint point;
  const int copies = std::max(instances, 1);
  const double once = step.src_bytes + step.weight_bytes + step.dst_bytes;
  const double bytes = step.bytes();
  // Side by side each has its own activations, and all have one copy of the weights.
  const auto bandwidth = [&](double working_set, double weights) {
    return rates.bandwidth(working_set, threads, copies, weights + copies * std::max(working_set - weights, 0.0));
  };
  point.peak_flop_per_s = rates.peak(step.arithmetic, threads);
  point.compute_us = 1e6 * executed_flops(step) / point.peak_flop_per_s;
  point.memory_us = 1e6 * (step.src_bytes + step.dst_bytes) / bandwidth(once, step.weight_bytes);
  if (step.weight_bytes > 0.0) {
    point.memory_us +=
        1e6 * step.weight_bytes /
        bandwidth(std::max(step.reuse_bytes, once), std::max(step.reuse_weight_bytes, step.weight_bytes));
  }
  if (step.reread_bytes > 0.0) point.memory_us += 1e6 * step.reread_bytes / bandwidth(step.reread_set, step.reread_set);
  if (step.function_flops > 0.0) point.function_us = 1e6 * step.function_flops / rates.peak(Precision::f32, threads);
  point.overhead_us = rates.step_overhead_us(threads);
  point.bandwidth_byte_per_s = point.memory_us > 0.0 ? 1e6 * bytes / point.memory_us : bandwidth(1.0, 0.0);
  point.intensity_flop_per_byte = bytes > 0.0 ? step.flops / bytes : 0.0;
  point.attainable_flop_per_s =
      std::min(point.peak_flop_per_s, point.intensity_flop_per_byte * point.bandwidth_byte_per_s);
  return point;
}

FULCRUM_DEFINE Bound bound_of(const RooflinePoint& point, double time_us) {
  if (point.overhead_us >= 0.5 * time_us) return Bound::overhead;
  return point.compute_us >= point.memory_us ? Bound::compute : Bound::memory;
}

}  // namespace fulcrum

#endif
