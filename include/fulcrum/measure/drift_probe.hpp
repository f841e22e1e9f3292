#pragma once
/// \file
/// Fixed work whose time tells whether the machine is as fast as it was.

#include <memory>
#include <optional>
#include <span>
#include <vector>

#include <fulcrum/core/linkage.hpp>
#include <fulcrum/cost/drift.hpp>
#include <fulcrum/cost/machine_profile.hpp>

namespace fulcrum {

/// A 3×3 convolution (64 channels, 28×28, 58 MFLOP) and a dense layer (2048 × 2048, 16 MiB of weights) in f32, compiled
/// for each number of threads, to be timed again and again through the executor that runs models.
class DriftTimer {
public:
  /// \param threads  1 … usable cores
  /// \throws Error when a thread count is below 1
  FULCRUM_DECLARE explicit DriftTimer(std::span<const int> threads);

  /// Times both on each number of threads, about 25 ms for each. `noise` is 0.
  FULCRUM_DECLARE [[nodiscard]] std::vector<DriftProbe> turn();

private:
  struct Work;
  FULCRUM_DECLARE [[nodiscard]] DriftProbe time(const Work& work) const;
  std::vector<std::shared_ptr<Work>> work_;  // by thread count
  int turns_ = 0;
};

/// Times the fixed work in four turns, about 0.1 s for each number of threads.
/// \param threads  1 … usable cores
/// \throws Error when a thread count is below 1
FULCRUM_DECLARE [[nodiscard]] std::vector<DriftProbe> time_drift_probe(std::span<const int> threads);

/// Repeats the probe of a profile; nothing when the profile has none, as older ones.
FULCRUM_DECLARE [[nodiscard]] std::optional<Drift> drift_since_calibration(const MachineProfile& profile);

}  // namespace fulcrum

#if FULCRUM_DEFINES(measure)

#include <algorithm>
#include <cstddef>
#include <numeric>

#include <fulcrum/core/cpu_limits.hpp>
#include <fulcrum/exec/onednn_factory.hpp>
#include <fulcrum/measure/instances.hpp>
#include <fulcrum/model/builder.hpp>
#include <fulcrum/onednn/environment.hpp>

namespace fulcrum::detail {

FULCRUM_DECLARE Model<float> drift_convolution() {
  return ModelBuilder<float>("drift").input({64, 28, 28}).conv(64, 3, {.padding = 1}).build();
}

FULCRUM_DECLARE Model<float> drift_dense() { return ModelBuilder<float>("drift").input({2048}).dense(2048).build(); }

}  // namespace fulcrum::detail

namespace fulcrum {

struct DriftTimer::Work {
  int threads = 1;
  detail::InstancePlan plan;
  PreparedModel convolution;
  PreparedModel dense;
};

FULCRUM_DEFINE DriftTimer::DriftTimer(std::span<const int> threads) {
  const Environment environment = onednn_environment();
  for (const int count : threads) {
    if (count < 1) throw Error("threads of the drift probe", "is " + std::to_string(count), "give 1 or more");
    RunConfig config{.threads = count, .slice = 1};
    config.algorithms.winograd = UseAlgorithm::never;  // the arithmetic that most convolutions do
    detail::InstancePlan plan;
    if (static_cast<std::size_t>(count) <= environment.affinity.size() && count <= environment.cores)
      plan.cpus.emplace_back(environment.affinity.begin(), environment.affinity.begin() + count);
    plan.warm_up = Seconds(0.002);
    plan.min_duration = Seconds(0.008);
    plan.max_duration = Seconds(0.03);
    plan.min_samples = 5;
    plan.step_runs = 0;
    work_.push_back(std::make_shared<Work>(
        Work{count, std::move(plan), prepared_model(OnednnModel::compile(detail::drift_convolution(), config)),
             prepared_model(OnednnModel::compile(detail::drift_dense(), config))}));
  }
}

FULCRUM_DEFINE DriftProbe DriftTimer::time(const Work& work) const {
  const auto mean_us = [&](const PreparedModel& model) {
    std::vector<detail::nanoseconds> times = std::move(detail::run_instances(model, work.plan).front().latency);
    std::sort(times.begin(), times.end());
    times.resize(std::max<std::size_t>(times.size() * 9 / 10, 1));  // the others were interrupted
    return Microseconds(std::accumulate(times.begin(), times.end(), detail::nanoseconds{})).count() /
           static_cast<double>(times.size());
  };
  DriftProbe probe{.threads = work.threads};
  if (turns_ % 2 == 1) probe.memory_us = mean_us(work.dense);
  probe.compute_us = mean_us(work.convolution);
  if (turns_ % 2 == 0) probe.memory_us = mean_us(work.dense);
  return probe;
}

FULCRUM_DEFINE std::vector<DriftProbe> DriftTimer::turn() {
  std::vector<DriftProbe> probes;
  for (const std::shared_ptr<Work>& work : work_) probes.push_back(time(*work));
  ++turns_;
  return probes;
}

FULCRUM_DEFINE std::vector<DriftProbe> time_drift_probe(std::span<const int> threads) {
  constexpr int count = 4;
  DriftTimer timer(threads);
  std::vector<std::vector<DriftProbe>> turns;
  for (int i = 0; i < count; ++i) turns.push_back(timer.turn());
  return middle_of(turns);
}

FULCRUM_DEFINE std::optional<Drift> drift_since_calibration(const MachineProfile& profile) {
  std::vector<int> threads;
  for (const DriftProbe& probe : profile.drift_probe) threads.push_back(probe.threads);
  if (threads.empty()) return std::nullopt;
  return drift_between(profile.drift_probe, time_drift_probe(threads));
}

}  // namespace fulcrum

#endif
