#pragma once
// A machine whose figures are known, so that what is fitted to it and predicted for it can be checked.

#include <cstdint>
#include <utility>
#include <vector>

#include <fulcrum/calibrate/fit_profile.hpp>
#include <fulcrum/core/random.hpp>
#include <fulcrum/cost/machine_profile.hpp>
#include <fulcrum/model/builder.hpp>
#include <fulcrum/schedule/make_schedule.hpp>

namespace fulcrum::synthetic {

/// 100 GFLOP/s in f32, twice that in bf16 and four times in int8, for each thread; L2 of 1 MB at 100 GB/s a thread,
/// memory at 10 GB/s for all; 1 µs a step.
inline MachineRates rates() {
  MachineRates r;
  for (const int threads : {1, 2}) {
    r.peaks.push_back({Precision::f32, threads, 1e11 * threads});
    r.peaks.push_back({Precision::bf16, threads, 2e11 * threads});
    r.peaks.push_back({Precision::int8, threads, 4e11 * threads});
    r.bandwidths.push_back({"L2", 1e6 * threads, threads, 1e11 * threads});
    r.bandwidths.push_back({"DRAM", 0.0, threads, 1e10});
    r.overheads.push_back({threads, 1.0, 2.0});
  }
  return r;
}

inline MachineProfile machine() {
  MachineProfile profile;
  profile.environment.cpu = "Synthetic CPU";
  profile.environment.isa = "avx512 vnni";
  profile.environment.cores = 2;
  profile.environment.affinity = {0, 1};
  profile.environment.versions["oneDNN"] = "2.6.3";
  profile.created_utc = "2024-05-01T12:00:00Z";
  profile.duration_s = 75.0;
  profile.rates = rates();
  return profile;
}

/// A step of a convolution (n, ic, extent, extent) → (n, oc, extent, extent).
inline Step conv_step(std::int64_t n, std::int64_t ic, std::int64_t oc, std::int64_t extent, std::int64_t k) {
  auto b = ModelBuilder<float>("conv");
  b.input({ic, extent, extent}).conv(oc, k, {.padding = k / 2});
  return make_schedule(std::move(b).build(), {n, 1, 1, Precision::f32}, {}).steps.front().step;
}

/// Random convolutions, as a calibration would time them.
inline std::vector<Step> conv_steps(int count, std::uint64_t seed) {
  Random random(seed);
  std::vector<Step> steps;
  for (int i = 0; i < count; ++i) {
    const auto draw = [&](double low, double high) {
      return static_cast<std::int64_t>(std::lround(std::exp2(random.uniform(low, high))));
    };
    steps.push_back(conv_step(draw(0, 6), draw(3, 7), draw(3, 7), draw(2, 5), random.below(2) == 0 ? 1 : 3));
  }
  return steps;
}

}  // namespace fulcrum::synthetic
