#pragma once
/// \file
/// Networks of several lengths, alone and side by side, timed in turns that are spread over a calibration.

#include <cstddef>
#include <memory>
#include <utility>
#include <vector>

#include <fulcrum/calibrate/detail/probe_model.hpp>
#include <fulcrum/calibrate/fit_profile.hpp>
#include <fulcrum/core/environment.hpp>
#include <fulcrum/core/linkage.hpp>
#include <fulcrum/core/units.hpp>
#include <fulcrum/cost/machine_profile.hpp>
#include <fulcrum/exec/onednn_model.hpp>
#include <fulcrum/measure/core_watch.hpp>

namespace fulcrum::detail {

/// Five fixed networks from microseconds to tens of milliseconds: alone on each number of threads, on all cores side by
/// side, and with one core for two. Each turn times all of them, so that a disturbance of some seconds does not decide
/// what the tail of one of them looks like, and what runs side by side is compared with what ran alone just before.
class SteadyRuns {
public:
  /// \param threads  ascending, at most the usable cores
  FULCRUM_DECLARE SteadyRuns(const Environment& environment, const std::vector<int>& threads);

  /// \param duration  of the whole turn, roughly
  FULCRUM_DECLARE void turn(Seconds duration);
  [[nodiscard]] std::size_t turns() const { return runs_.front().turns_ms.size(); }

  /// Precondition: turns() > 0
  FULCRUM_DECLARE [[nodiscard]] std::vector<Jitter> jitter() const;

  /// What ran side by side.
  /// Precondition: turns() > 0
  /// \param profile  with rates and layout changes
  FULCRUM_DECLARE [[nodiscard]] std::vector<ContendedRun> contended(const MachineProfile& profile) const;

private:
  struct Run {
    int instances = 1;
    int threads = 1;
    std::size_t probe = 0;
    std::size_t alone = 0;  // its run alone on as many threads
    std::shared_ptr<const OnednnModel> compiled;
    nanoseconds least_look{};
    std::vector<std::vector<double>> turns_ms;
  };

  FULCRUM_DECLARE static std::vector<Probe> probes();
  FULCRUM_DECLARE void add(int instances, int threads);
  FULCRUM_DECLARE [[nodiscard]] std::vector<double> time(const Run& run, Seconds duration) const;

  Environment environment_;
  std::vector<Probe> probes_;
  std::vector<Run> runs_;  // those alone first
};

}  // namespace fulcrum::detail

#if FULCRUM_DEFINES(calibrate)

#include <algorithm>

#include <fulcrum/exec/onednn_factory.hpp>
#include <fulcrum/measure/instances.hpp>
#include <fulcrum/measure/statistics.hpp>
#include <fulcrum/model/builder.hpp>
#include <fulcrum/schedule/make_schedule.hpp>
#include <fulcrum/schedule/movement.hpp>

namespace fulcrum::detail {

FULCRUM_DEFINE std::vector<Probe> SteadyRuns::probes() {
  const auto network = [] {
    ModelBuilder<float> b("probe");
    b.input({3, 32, 32});
    for (const std::int64_t oc : {32, 64, 128}) {
      add_probe_conv(b, oc, 3, {{1, 1}, 1});
      b.relu().max_pool(2);
    }
    b.global_average_pool().flatten();
    add_probe_dense(b, 10);
    return b.softmax().build();
  };
  ModelBuilder<float> layers("probe");
  layers.input({256});
  for (const std::int64_t oc : {64, 10}) add_probe_dense(layers, oc);
  ModelBuilder<float> weights("probe");
  weights.input({2048});
  for (int i = 0; i < 3; ++i) add_probe_dense(weights, 2048);
  return {
      {std::move(layers).build(), 1}, {network(), 1}, {network(), 8}, {network(), 64}, {std::move(weights).build(), 1}};
}

FULCRUM_DEFINE SteadyRuns::SteadyRuns(const Environment& environment, const std::vector<int>& threads)
    : environment_(environment), probes_(probes()) {
  for (const int count : threads) add(1, count);
  for (const int count : threads) {
    const int fit = environment.cores / count;
    if (fit > 2) add(2, count);
    if (fit > 1) add(fit, count);
    add(2 * fit, count);  // one core for two
  }
}

FULCRUM_DEFINE void SteadyRuns::add(int instances, int threads) {
  const nanoseconds least_look = time_undisturbed_look(threads);
  for (std::size_t i = 0; i < probes_.size(); ++i) {
    Run run{
        .instances = instances, .threads = threads, .probe = i, .alone = runs_.size(), .compiled = {}, .turns_ms = {}};
    run.least_look = least_look;
    if (instances > 1) {
      const auto alone = std::find_if(runs_.begin(), runs_.end(), [&](const Run& other) {
        return other.instances == 1 && other.threads == threads && other.probe == i;
      });
      run.alone = static_cast<std::size_t>(alone - runs_.begin());
      run.compiled = alone->compiled;
    } else {
      const Probe& probe = probes_[i];
      run.compiled =
          OnednnModel::compile(probe.model, {.batch = probe.batch, .threads = threads, .slice = probe.batch});
    }
    runs_.push_back(std::move(run));
  }
}

FULCRUM_DEFINE void SteadyRuns::turn(Seconds duration) {
  // What runs alone is what most predictions are of.
  constexpr double of_alone = 2.0;
  double parts = 0.0;
  for (const Run& run : runs_) parts += run.instances == 1 ? of_alone : 1.0;
  for (Run& run : runs_) run.turns_ms.push_back(time(run, duration * ((run.instances == 1 ? of_alone : 1.0) / parts)));
}

FULCRUM_DEFINE std::vector<double> SteadyRuns::time(const Run& run, Seconds duration) const {
  InstancePlan plan;
  plan.instances = run.instances;
  if (run.instances * run.threads <= environment_.cores) {
    for (int i = 0; i < run.instances; ++i) {
      const auto from = environment_.affinity.begin() + i * run.threads;
      plan.cpus.emplace_back(from, from + run.threads);
    }
  }
  plan.warm_up = 0.15 * duration;
  plan.warm_up_runs = 3;
  plan.min_duration = 0.85 * duration;
  plan.max_duration = 4.0 * duration;
  plan.min_samples = 5;
  plan.step_runs = 0;
  if (run.instances * run.threads <= environment_.cores) plan.look_every = Seconds(0.001);
  std::vector<nanoseconds> all, undisturbed;
  for (const InstanceSamples& samples : run_instances(prepared_model(run.compiled), plan)) {
    all.insert(all.end(), samples.latency.begin(), samples.latency.end());
    const std::vector<Around> around = seen_around(samples.finished, samples.latency, samples.looks, run.least_look);
    const std::vector<nanoseconds> times = times_where(samples.latency, around, Around::undisturbed);
    undisturbed.insert(undisturbed.end(), times.begin(), times.end());
  }
  constexpr std::size_t few = 5;
  std::vector<double> times_ms;
  for (const nanoseconds latency : undisturbed.size() < few ? all : undisturbed)
    times_ms.push_back(Milliseconds(latency).count());
  return times_ms;
}

FULCRUM_DEFINE std::vector<Jitter> SteadyRuns::jitter() const {
  std::vector<Jitter> result;
  for (const Run& run : runs_) result.push_back(jitter_from(run.turns_ms, run.instances, run.threads));
  return result;
}

FULCRUM_DEFINE std::vector<ContendedRun> SteadyRuns::contended(const MachineProfile& profile) const {
  std::vector<ContendedRun> result;
  for (const Run& run : runs_) {
    if (run.instances == 1) continue;
    const Run& alone = runs_[run.alone];
    std::vector<double> alone_ms, together_ms;
    for (std::size_t turn = 0; turn < turns(); ++turn) {
      alone_ms.push_back(median_of(alone.turns_ms[turn]));
      together_ms.push_back(median_of(run.turns_ms[turn]) / alone_ms.back());
    }
    const double alone_us = 1e3 * median_of(std::move(alone_ms));
    const Probe& probe = probes_[run.probe];
    const RunConfig config{.batch = probe.batch, .threads = run.threads, .slice = probe.batch};
    const std::vector<ScheduledStep> steps =
        expected_steps(make_schedule(probe.model, config, machine_of(profile)), profile.layout_changes);
    double own = 0.0;
    double shared = 0.0;
    for (const ScheduledStep& entry : steps) {
      own += roofline_point(entry.step, profile.rates, entry.step.threads).time_us();
      shared += roofline_point(entry.step, profile.rates, entry.step.threads, run.instances).time_us();
    }
    result.push_back({run.instances, run.threads, alone_us * shared / own, alone_us * median_of(std::move(together_ms)),
                      static_cast<double>(steps.size())});
  }
  return result;
}

}  // namespace fulcrum::detail

#endif
