#pragma once
/// \file
/// Plans a service: all ways to serve a model predicted and simulated, the few that matter measured under the real
/// load. Needs oneDNN and Boost.Math, so that no umbrella has it (targets fulcrum::onednn and fulcrum::load).

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include <fulcrum/core/linkage.hpp>
#include <fulcrum/core/progress.hpp>
#include <fulcrum/cost/drift.hpp>
#include <fulcrum/cost/predictor.hpp>
#include <fulcrum/exec/executor_factory.hpp>
#include <fulcrum/load/generate_load.hpp>
#include <fulcrum/load/queued_runner.hpp>
#include <fulcrum/plan/service_simulation.hpp>
#include <fulcrum/plan/service_space.hpp>
#include <fulcrum/plan/service_study.hpp>

namespace fulcrum {

/// A variant with the model that it runs.
struct ServedModel {
  ServiceVariant variant;
  std::optional<Model<float>> model;  ///< absent when it could not be made
};

/// How a service is planned.
struct ServiceOptions {
  ServiceTarget target;
  std::optional<ServiceSpace> space;  ///< absent: default_service_space() of the cores
  int cores = 0;                      ///< that may be used; 0: all usable ones
  double headroom = 0.1;  ///< by which the highest rate should exceed the one wanted, where that is possible; ≥ 0
  std::int64_t requests = 3000;          ///< of a load that is to be within the bound, as far as `longest` allows
  Seconds shortest{3.0}, longest{20.0};  ///< such a load
  Seconds time_limit{150.0};             ///< after which no further load begins, but one that the answer needs
  std::size_t probes = 4;                ///< variants in an arrangement whose service times are measured at most; ≥ 1
  ServiceSimulationOptions simulation{.requests = 20'000, .overhead = std::chrono::microseconds(10)};
  std::uint64_t seed = 0;          ///< of arrivals and sources
  std::string data;                ///< name of the data set, for the report
  ExecutorFactory executors = {};  ///< what runs the variants; empty: oneDNN's
  AnyPredictor predictor = {};     ///< empty: CalibratedPredictor of the profile
};

/// Plans a service for a target:
///
/// 1. predicts each variant's service times for each number of threads and instances and each batch size, at the
///    machine's present speed where that differs from the profile's, and simulates the queue before it: for each
///    candidate the tail at the rate wanted and the highest rate within the bound;
/// 2. puts a short load on the most promising variants and arrangements, and simulates their candidates again with the
///    service times that the runner had and the prediction at their level (as_served());
/// 3. puts the real load on candidates in the order of by_preference() until one keeps the bound, and then finds its
///    highest rate.
///
/// \param models   the first is what the others are compared with
/// \param profile  of this machine
/// \throws Error when the target or the space is impossible, there is no model, or the profile is another machine's
FULCRUM_DECLARE [[nodiscard]] ServiceStudy plan_service(std::span<const ServedModel> models,
                                                        const MachineProfile& profile, const ServiceOptions& options,
                                                        const ProgressSink& progress = {});

}  // namespace fulcrum

#if FULCRUM_DEFINES(plan)
#include <fulcrum/plan/detail/service_planner.hpp>

namespace fulcrum {

FULCRUM_DEFINE ServiceStudy plan_service(std::span<const ServedModel> models, const MachineProfile& profile,
                                         const ServiceOptions& options, const ProgressSink& progress) {
  return detail::ServicePlanner(models, profile, options, progress).run();
}

}  // namespace fulcrum

#endif
