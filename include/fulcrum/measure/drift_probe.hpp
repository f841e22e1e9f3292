#pragma once
/// \file
/// Fixed work whose time tells whether the machine is as fast as it was.

#include <optional>
#include <span>
#include <vector>

#include <fulcrum/core/linkage.hpp>
#include <fulcrum/cost/drift.hpp>
#include <fulcrum/cost/machine_profile.hpp>

namespace fulcrum {

/// Times a 3×3 convolution (64 channels, 28×28, 58 MFLOP) and a dense layer (2048 × 2048, 16 MiB of weights) in f32 in
/// turns, on each number of threads, through the executor that runs models. Takes about 0.1 s for each.
/// \param threads  1 … usable cores
/// \throws Error when a thread count is below 1
FULCRUM_DECLARE [[nodiscard]] std::vector<DriftProbe> time_drift_probe(std::span<const int> threads);

/// Repeats the probe of a profile; nothing when the profile has none, as older ones.
FULCRUM_DECLARE [[nodiscard]] std::optional<Drift> drift_since_calibration(const MachineProfile& profile);

}  // namespace fulcrum

#if FULCRUM_DEFINES(measure)

#include <algorithm>
#include <chrono>
#include <memory>

#include <fulcrum/exec/onednn_factory.hpp>
#include <fulcrum/measure/instances.hpp>
#include <fulcrum/measure/statistics.hpp>
#include <fulcrum/model/builder.hpp>
#include <fulcrum/onednn/environment.hpp>

namespace fulcrum::detail {

FULCRUM_DECLARE Model<float> drift_convolution() {
  return ModelBuilder<float>("drift").input({64, 28, 28}).conv(64, 3, {.padding = 1}).build();
}

FULCRUM_DECLARE Model<float> drift_dense() { return ModelBuilder<float>("drift").input({2048}).dense(2048).build(); }

/// Medians of the turns of one of the two [µs].
struct DriftTurns {
  std::vector<std::chrono::nanoseconds> all;
  std::vector<double> medians_us;

  [[nodiscard]] double median_us() const { return Microseconds(median(all)).count(); }
  [[nodiscard]] double spread() const {
    const auto [low, high] = std::minmax_element(medians_us.begin(), medians_us.end());
    return *low > 0.0 ? *high / *low - 1.0 : 0.0;
  }
};

}  // namespace fulcrum::detail

namespace fulcrum {

FULCRUM_DEFINE std::vector<DriftProbe> time_drift_probe(std::span<const int> threads) {
  constexpr int turns = 4;
  const Environment environment = onednn_environment();
  std::vector<DriftProbe> probes;
  for (const int count : threads) {
    if (count < 1) throw Error("threads of the drift probe", "is " + std::to_string(count), "give 1 or more");
    RunConfig config{.threads = count, .slice = 1};
    config.algorithms.winograd = UseAlgorithm::never;  // the arithmetic that most convolutions do
    const PreparedModel models[] = {prepared_model(OnednnModel::compile(detail::drift_convolution(), config)),
                                    prepared_model(OnednnModel::compile(detail::drift_dense(), config))};
    detail::InstancePlan plan;
    if (static_cast<std::size_t>(count) <= environment.affinity.size() && count <= environment.cores)
      plan.cpus.emplace_back(environment.affinity.begin(), environment.affinity.begin() + count);
    plan.warm_up = Seconds(0.002);
    plan.min_duration = Seconds(0.008);
    plan.max_duration = Seconds(0.03);
    plan.min_samples = 5;
    plan.step_runs = 0;
    detail::DriftTurns times[2];
    for (int turn = 0; turn < turns; ++turn) {
      for (const int which : {turn % 2, 1 - turn % 2}) {
        const std::vector<std::chrono::nanoseconds> samples =
            detail::run_instances(models[which], plan).front().latency;
        times[which].all.insert(times[which].all.end(), samples.begin(), samples.end());
        times[which].medians_us.push_back(Microseconds(median(samples)).count());
      }
    }
    probes.push_back(
        {count, times[0].median_us(), times[1].median_us(), std::max(times[0].spread(), times[1].spread())});
  }
  return probes;
}

FULCRUM_DEFINE std::optional<Drift> drift_since_calibration(const MachineProfile& profile) {
  std::vector<int> threads;
  for (const DriftProbe& probe : profile.drift_probe) threads.push_back(probe.threads);
  if (threads.empty()) return std::nullopt;
  return drift_between(profile.drift_probe, time_drift_probe(threads));
}

}  // namespace fulcrum

#endif
