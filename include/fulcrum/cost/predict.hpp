#pragma once
/// \file
/// Predicts a LatencyReport from how a model runs and a machine profile: arithmetic alone, no clock, no engine.

#include <cmath>
#include <string>
#include <utility>

#include <fulcrum/core/linkage.hpp>
#include <fulcrum/cost/machine_profile.hpp>
#include <fulcrum/cost/roofline.hpp>
#include <fulcrum/run/latency_report.hpp>
#include <fulcrum/schedule/make_schedule.hpp>
#include <fulcrum/schedule/movement.hpp>

namespace fulcrum {

/// Time of one step alone on the machine [µs]: its roofline time, slowed down as steps like it were.
FULCRUM_DECLARE [[nodiscard]] double predicted_step_us(const Step& step, const RooflinePoint& roofline, int threads,
                                                       const MachineProfile& profile);

/// L = F / T for every step of a schedule and in total; see docs/cost-model.md. A schedule that an executor made is
/// charged as it runs; of a plan, movements are those to expect on the profile's machine.
/// \throws Error when the profile lacks the precision
FULCRUM_DECLARE [[nodiscard]] LatencyReport predict(const Schedule& schedule, const MachineProfile& profile);

/// The same for a model in a configuration on the profile's machine: predict(make_schedule(…), profile).
/// \throws Error as make_schedule(), and when the profile lacks the precision
FULCRUM_DECLARE [[nodiscard]] LatencyReport predict(const Model<float>& model, const RunConfig& config,
                                                    const MachineProfile& profile);

}  // namespace fulcrum

#if FULCRUM_DEFINES(cost)

namespace fulcrum {

FULCRUM_DEFINE double predicted_step_us(const Step& step, const RooflinePoint& roofline, int threads,
                                        const MachineProfile& profile) {
  return roofline.time_us() * std::exp(profile.log_slowdown(step, roofline, threads));
}

FULCRUM_DEFINE LatencyReport predict(const Schedule& schedule, const MachineProfile& profile) {
  const RunConfig& config = schedule.config;
  const RunConfig& run = schedule.of_slice;
  LatencyReport report;
  report.kind = ReportKind::predicted;
  report.model = schedule.model.name();
  report.config = config;
  report.environment = profile.environment;
  if (!profile.rates.knows(run.precision))
    static_cast<void>(profile.rates.peak(run.precision, run.threads));  // its Error says what is missing

  const auto count = static_cast<double>(schedule.slices.count);
  const double rounds = schedule.slices.rounds();
  const Contention contention = profile.contention_of(run.instances, run.threads);
  double total_us = rounds * profile.rates.inference_overhead_us(run.threads) * contention.factor;
  // Lanes start together, as threads do at a step.
  if (schedule.slices.lanes > 1) total_us += profile.rates.step_overhead_us(schedule.slices.lanes);
  for (const ScheduledStep& entry : expected_steps(schedule, profile.layout_changes)) {
    const Step& step = entry.step;
    const RooflinePoint roofline = roofline_point(step, profile.rates, step.threads);
    const double alone_us = predicted_step_us(step, roofline, step.threads, profile);
    const double shared_us =
        alone_us * roofline_point(step, profile.rates, step.threads, run.instances).time_us() / roofline.time_us();
    const double time_us = rounds * (contention.factor * shared_us + contention.extra_step_us);
    StepLatency row = row_of(step, count);
    row.latency = Microseconds(time_us);
    row.bound = bound_of(roofline, alone_us);
    report.flops += row.flops;
    report.bytes += row.bytes;
    report.layers.push_back(std::move(row));
    total_us += time_us;
  }
  report.latency = profile.statistics_of(1e-3 * total_us, config.threads);
  // Little's law: the instances hold `instances` batches at any time, each for its mean latency.
  report.throughput_per_s =
      static_cast<double>(config.instances) * static_cast<double>(config.batch) / (1e-3 * report.latency.mean.count());

  report.notes = schedule.notes;
  const int wanted = config.instances * config.threads;
  if (wanted > profile.environment.cores) {
    report.notes.push_back(std::to_string(wanted) + " threads share " + std::to_string(profile.environment.cores) +
                           " usable core(s): expect waiting, and a prediction that is rougher than usual");
  }
  if (schedule.quantization_assumed)
    report.notes.push_back("the model is not quantized: predicted as if a quantization pass had been over it");
  return report;
}

FULCRUM_DEFINE LatencyReport predict(const Model<float>& model, const RunConfig& config,
                                     const MachineProfile& profile) {
  return predict(make_schedule(model, config, machine_of(profile)), profile);
}

}  // namespace fulcrum

#endif
