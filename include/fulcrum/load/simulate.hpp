#pragma once
/// \file
/// What a queue would do with a load, without a model, a thread or a clock.

#include <cstdint>
#include <vector>

#include <fulcrum/core/linkage.hpp>
#include <fulcrum/core/units.hpp>
#include <fulcrum/load/batch_policy.hpp>
#include <fulcrum/load/queue_policy.hpp>
#include <fulcrum/load/request_record.hpp>
#include <fulcrum/load/scenario.hpp>
#include <fulcrum/load/service_time.hpp>

namespace fulcrum {

/// What is simulated, and for how long.
struct SimulationOptions {
  BatchPolicy batching{};
  QueuePolicy queue{};
  int instances = 1;                      ///< that take batches from the queue; ≥ 1
  Seconds duration{10.0};                 ///< no request arrives after it; ≥ 0
  std::int64_t max_requests = 0;          ///< samples after which none arrives; 0: no limit. Offline has its own
  std::vector<std::int64_t> executors{};  ///< batch sizes that batches are filled up to; empty: executor_batches()
  std::chrono::nanoseconds overhead{0};   ///< of a batch beside its service time: to put it together and give it back
  std::uint64_t seed = 0;                 ///< of arrivals and service times
};

/// A discrete-event simulation of QueuedRunner under a load: the same decide(), the same policies of a full queue, the
/// same batch sizes, on a clock that does not tick. A request that would block waits outside the queue and enters it
/// in order. Some million requests a second, so that many configurations can be tried. Batches of one instance that
/// follow one another are slow together as far as the service model says (ServiceModel::lasts()).
/// \param service  of batches up to that of the policy
/// \return one record per sample, in the order of arrival
/// \throws Error when a setting is out of range, `service` ends below the largest batch, or more than 10⁸ requests
///         would come
FULCRUM_DECLARE [[nodiscard]] std::vector<RequestRecord> simulate(const Scenario& scenario, const ServiceModel& service,
                                                                  const SimulationOptions& options = {});

}  // namespace fulcrum

#if FULCRUM_DEFINES(load)
#include <fulcrum/load/detail/queue_simulation.hpp>

namespace fulcrum {

FULCRUM_DEFINE std::vector<RequestRecord> simulate(const Scenario& scenario, const ServiceModel& service,
                                                   const SimulationOptions& options) {
  validate(scenario);
  validate(options.batching);
  validate(options.queue);
  if (options.instances < 1 || options.instances > 65'536)
    throw Error("instances", "are " + std::to_string(options.instances), "give a number from 1 to 65,536");
  if (!(options.duration.count() >= 0.0 && options.duration.count() <= 1e6) || options.max_requests < 0)
    throw Error("the length of a simulation", "is out of range",
                "give a time from 0 to 1e6 s and a number of requests");
  const std::vector<std::int64_t> sizes =
      options.executors.empty() ? executor_batches(options.batching) : options.executors;
  if (sizes.back() < options.batching.max_batch || service.max_batch() < options.batching.max_batch) {
    throw Error("a batch of " + std::to_string(options.batching.max_batch), "has no service time",
                "give reports up to that batch size");
  }
  return detail::QueueSimulation(scenario, service, options, sizes).run();
}

}  // namespace fulcrum

#endif
