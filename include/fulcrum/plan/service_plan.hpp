#pragma once
/// \file
/// How a model is to be served, for which load: what `fulcrum plan` finds, and `load` and `serve` take.

#include <chrono>
#include <optional>
#include <string>

#include <fulcrum/core/linkage.hpp>
#include <fulcrum/core/units.hpp>
#include <fulcrum/load/arrivals.hpp>
#include <fulcrum/load/batch_policy.hpp>
#include <fulcrum/load/load_report.hpp>
#include <fulcrum/load/queue_policy.hpp>
#include <fulcrum/run/run_config.hpp>

namespace fulcrum {

/// A QueuedRunner's settings with what they were chosen for.
struct ServicePlan {
  std::string model;       ///< zoo:NAME, or an ONNX file; in a plan's file a relative path counts from its folder
  RunConfig config;        ///< threads, instances, precision; config.batch is 1
  BatchPolicy batching{};  ///< largest batch, delay, preferred sizes
  QueuePolicy queue{};     ///< capacity, policy when it is full, timeout
  ArrivalProcess arrivals = PoissonArrivals{};  ///< what it is planned for: the rate is rate_of(arrivals)
  std::optional<Milliseconds> slo{};            ///< bound on the latency at tail.percentile; nothing: none
  TailTarget tail{};
  std::optional<double> max_rate_per_s{};  ///< highest rate at which the bound holds; nothing: not known

  friend bool operator==(const ServicePlan&, const ServicePlan&) = default;
};

/// \throws Error naming what is out of range
FULCRUM_DECLARE void validate(const ServicePlan& plan);

/// A queue that holds what arrives in the time that the bound allows, twice over, and at least 64: what waits for
/// longer is late in any case, and is better turned away at once.
FULCRUM_DECLARE [[nodiscard]] QueuePolicy queue_for(double rate_per_s, Milliseconds slo);

}  // namespace fulcrum

#if FULCRUM_DEFINES(plan)

#include <algorithm>
#include <cmath>
#include <cstdint>

#include <fulcrum/core/error.hpp>

namespace fulcrum {

FULCRUM_DEFINE void validate(const ServicePlan& plan) {
  if (plan.model.empty()) throw Error("a service plan", "names no model", "give zoo:NAME or an ONNX file");
  validate(plan.config);
  if (plan.config.batch != 1) {
    throw Error("the batch of a service plan", "is " + std::to_string(plan.config.batch),
                "leave it 1: batches are formed of what waits, up to max_batch");
  }
  validate(plan.batching);
  validate(plan.queue);
  validate(plan.arrivals);
  if (plan.slo && !(plan.slo->count() > 0.0 && std::isfinite(plan.slo->count())))
    throw Error("the bound of a service plan", "is " + std::to_string(plan.slo->count()) + " ms", "give one above 0");
  if (plan.max_rate_per_s && !(*plan.max_rate_per_s > 0.0))
    throw Error("the highest rate of a service plan", "is not above 0", "leave it out where it is not known");
}

FULCRUM_DEFINE QueuePolicy queue_for(double rate_per_s, Milliseconds slo) {
  QueuePolicy queue;
  const double inside = 2.0 * rate_per_s * Seconds(slo).count();
  queue.capacity = static_cast<std::int64_t>(std::ceil(std::clamp(inside, 64.0, 1e6)));
  return queue;
}

}  // namespace fulcrum

#endif
