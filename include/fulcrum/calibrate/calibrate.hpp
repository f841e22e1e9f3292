#pragma once
/// \file
/// Learns what this machine can do: runs probes and fits a MachineProfile to their times.

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <utility>
#include <vector>

#include <fulcrum/calibrate/calibration_data.hpp>
#include <fulcrum/calibrate/fit_profile.hpp>
#include <fulcrum/core/linkage.hpp>
#include <fulcrum/core/progress.hpp>
#include <fulcrum/cost/machine_profile.hpp>
#include <fulcrum/cost/predict.hpp>
#include <fulcrum/onednn/environment.hpp>

namespace fulcrum {

/// How to calibrate.
struct CalibrateOptions {
  Seconds budget{80.0};                 ///< how long it may take, roughly; > 0
  std::vector<int> threads{};           ///< thread counts to time; empty: 1, 2, 4, … and all usable cores
  std::vector<Precision> precisions{};  ///< empty: all that the CPU can run
  std::uint64_t seed = 0;               ///< of the random probes
  CalibrationData known{};  ///< of a calibration of this machine that was interrupted: it goes on from there
  /// Called with all that was timed so far, every few seconds, never while anything is timed.
  std::function<void(const CalibrationData&)> keep{};
};

/// Times probes on this machine and fits a profile to them. Nothing else should run meanwhile.
///
/// Probes are random small networks (see detail/probe_source.hpp), compiled and run by the same executor as any model:
/// nothing is learnt from the models that are predicted later.
/// \param progress  called between probes, never while anything is timed
/// \throws Error when an option is out of range or the CPU lacks a precision that was asked for
FULCRUM_DECLARE [[nodiscard]] MachineProfile calibrate(const CalibrateOptions& options = {},
                                                       const ProgressSink& progress = {});

}  // namespace fulcrum

#if FULCRUM_DEFINES(calibrate)

#include <algorithm>
#include <array>
#include <cmath>
#include <map>
#include <optional>

#include <fulcrum/analysis/is_quantized.hpp>
#include <fulcrum/calibrate/detail/memory_bandwidth.hpp>
#include <fulcrum/calibrate/detail/probe_model.hpp>
#include <fulcrum/calibrate/detail/probe_source.hpp>
#include <fulcrum/calibrate/detail/sparse_pair.hpp>
#include <fulcrum/calibrate/detail/steady_runs.hpp>
#include <fulcrum/calibrate/detail/time_probe.hpp>
#include <fulcrum/calibrate/fit_sparse_costs.hpp>
#include <fulcrum/core/utc.hpp>
#include <fulcrum/measure/drift_probe.hpp>
#include <fulcrum/measure/looks_persistence.hpp>

namespace fulcrum::detail {

/// Calibration in parts, each of which adds to the profile.
class Calibration {
public:
  FULCRUM_DECLARE Calibration(const CalibrateOptions& options, const ProgressSink& progress);

  FULCRUM_DECLARE [[nodiscard]] MachineProfile run() &&;

private:
  FULCRUM_DECLARE void choose_threads();

  FULCRUM_DECLARE void choose_precisions();

  [[nodiscard]] Seconds elapsed() const { return Clock::now() - start_; }
  [[nodiscard]] Seconds part(double share) const { return share * options_.budget; }
  void say(double fraction, std::string stage, std::string detail) const {
    if (progress_) progress_({fraction, std::move(stage), std::move(detail)});
  }
  [[nodiscard]] std::vector<int> cpus(int count) const {
    const std::vector<int>& all = profile_.environment.affinity;
    return {all.begin(), all.begin() + count};
  }

  FULCRUM_DECLARE void time_memory();

  /// Probes until the time is up: first two that load the machine fully, then random ones. Each runs in every precision
  /// and thread count, so that all are learnt from the same shapes.
  FULCRUM_DECLARE void time_probes();

  /// A convolution and a dense layer that come near the machine's peak, and next to nothing, which shows the overhead.
  FULCRUM_DECLARE static std::vector<Probe> loading_probes();

  FULCRUM_DECLARE void add(ProbeTiming timing, Precision precision);

  /// Times a probe, and keeps what was seen of the cores meanwhile.
  FULCRUM_DECLARE ProbeTiming time(const Model<float>& model, std::int64_t batch, Precision precision, int threads,
                                   Seconds duration, std::int64_t least_runs, const AlgorithmPolicy& algorithms = {});

  /// Layers that run dense and, pruned, sparse, one after the other: from where on the latter pays.
  FULCRUM_DECLARE void time_sparse();

  /// Another turn of the networks that run long, and of the drift probe.
  FULCRUM_DECLARE void time_steady();

  FULCRUM_DECLARE void keep();

  FULCRUM_DECLARE void fit();

  /// Networks that take no part in the fit, whole.
  FULCRUM_DECLARE void check_networks();

  static constexpr std::size_t least_probes = 3;
  static constexpr int steady_turns = 4;  // spread over the probes

  CalibrateOptions options_;
  const ProgressSink& progress_;
  Clock::time_point start_;
  MachineProfile profile_;
  std::vector<int> threads_;
  std::vector<Precision> precisions_;
  CalibrationData data_;
  std::map<int, std::vector<CoreLook>> looks_;  // by thread count; of this run, not of one that it goes on from
  Seconds kept_{};                              // elapsed() when `keep` was called last
  std::vector<std::pair<TimedStep, TimedStep>> sparse_;  // the same layer dense and sparse
  std::optional<DriftTimer> drift_;
  std::optional<SteadyRuns> steady_;
};

FULCRUM_DEFINE Calibration::Calibration(const CalibrateOptions& options, const ProgressSink& progress)
    : options_(options), progress_(progress), start_(Clock::now()), data_(options.known) {
  if (!(options.budget.count() > 0.0))
    throw Error("calibration budget", "is " + std::to_string(options.budget.count()) + " s", "give more than 0");
  profile_.environment = onednn_environment();
  profile_.environment.seed = options.seed;
  profile_.created_utc = utc_now();
  choose_threads();
  choose_precisions();
}

FULCRUM_DEFINE MachineProfile Calibration::run() && {
  time_memory();
  time_probes();
  time_sparse();
  fit();
  check_networks();
  // Only now: until here, what is predicted is what undisturbed cores take.
  for (const SeenCores& seen : data_.cores) {
    profile_.shared_cores.looks.push_back(
        {seen.threads, Microseconds(seen.least).count(),
         static_cast<double>(seen.disturbed) / static_cast<double>(std::max<std::int64_t>(seen.looks, 1)),
         persistence_of(looks_[seen.threads], seen.least).value_or(Persistence())});
  }
  profile_.jitter = steady_->jitter();
  profile_.contention = fit_contention(steady_->contended(profile_));
  profile_.duration_s = elapsed().count();
  say(1.0, "calibrated", "");
  return std::move(profile_);
}

FULCRUM_DEFINE void Calibration::choose_threads() {
  const int cores = profile_.environment.cores;
  threads_ = options_.threads;
  if (threads_.empty()) {
    for (int count = 1; count < cores; count *= 2) threads_.push_back(count);
    threads_.push_back(cores);
  }
  std::sort(threads_.begin(), threads_.end());
  threads_.erase(std::unique(threads_.begin(), threads_.end()), threads_.end());
  for (const int count : threads_) {
    if (count < 1 || count > cores) {
      throw Error("thread count " + std::to_string(count), "cannot be calibrated",
                  "this process may use 1 to " + std::to_string(cores) + " cores");
    }
  }
}

FULCRUM_DEFINE void Calibration::choose_precisions() {
  for (const Precision precision : options_.precisions) {
    if (const std::string reason = why_unsupported(precision); !reason.empty())
      throw Error("precision " + std::string(name_of(precision)), reason, "calibrate the others");
  }
  precisions_ = options_.precisions;
  if (precisions_.empty())
    std::copy_if(all_precisions.begin(), all_precisions.end(), std::back_inserter(precisions_), cpu_supports);
  // The roofline of what stays in f32 needs its peak.
  if (std::find(precisions_.begin(), precisions_.end(), Precision::f32) == precisions_.end())
    precisions_.insert(precisions_.begin(), Precision::f32);
}

FULCRUM_DEFINE void Calibration::time_memory() {
  if (!data_.bandwidths.empty()) {
    profile_.rates.bandwidths = data_.bandwidths;
    return;
  }
  const CacheSizes caches = believable_caches(current_caches(), profile_.environment.cores);
  // In turns, of which the best counts: one that was disturbed would look as if caches were shared.
  constexpr int turns = 3;
  const Seconds each = std::min(part(0.004), Seconds(0.2)) / turns;
  std::vector<Bandwidth>& best = profile_.rates.bandwidths;
  for (int turn = 0; turn < turns; ++turn) {
    std::size_t at = 0;
    for (const int count : threads_) {
      say(0.0, "memory bandwidth", std::to_string(count) + " thread(s)");
      for (Bandwidth& b : measure_bandwidths(cpus(count), caches, each)) {
        if (turn == 0)
          best.push_back(std::move(b));
        else
          best[at].byte_per_s = std::max(best[at].byte_per_s, b.byte_per_s);
        ++at;
      }
    }
  }
  data_.bandwidths = profile_.rates.bandwidths;
}

FULCRUM_DEFINE ProbeTiming Calibration::time(const Model<float>& model, std::int64_t batch, Precision precision,
                                             int threads, Seconds duration, std::int64_t least_runs,
                                             const AlgorithmPolicy& algorithms) {
  SeenCores& seen = data_.cores_of(threads);
  if (seen.looks == 0) seen.least = time_undisturbed_look(threads);
  ProbeTiming timing = time_probe(model, batch, precision, cpus(threads), duration, least_runs, seen.least, algorithms);
  seen.least = std::min(seen.least, least_of(timing.looks));
  ++seen.looks;
  if (!is_undisturbed(timing.looks.front().took, seen.least)) ++seen.disturbed;
  std::vector<CoreLook>& all = looks_[threads];
  all.insert(all.end(), timing.looks.begin(), timing.looks.end());
  return timing;
}

FULCRUM_DEFINE void Calibration::time_steady() {
  if (!steady_) steady_.emplace(profile_.environment, threads_);
  if (!drift_) drift_.emplace(threads_);
  data_.drift.push_back(drift_->turn());
  steady_->turn(part(0.12 / steady_turns));
}

FULCRUM_DEFINE void Calibration::time_probes() {
  const Seconds before(data_.seconds);
  const Seconds until = part(0.82) - before;
  const Seconds duration = std::clamp(part(2.5e-5), Seconds(2e-4), Seconds(4e-3));
  ProbeSource source(options_.seed, profile_.environment.isa);
  std::vector<Probe> loading = loading_probes();
  const auto least = static_cast<std::int64_t>(loading.size() + least_probes);
  for (std::int64_t count = 0; count < least || elapsed() < until; ++count) {
    const auto at = static_cast<std::size_t>(count);
    const Probe probe = at < loading.size() ? std::move(loading[at]) : source.next();
    if (count < data_.probes) continue;  // of the run that was interrupted
    say(0.82 * std::min(1.0, (before + elapsed()) / part(0.82)), "timing layers", "probe " + std::to_string(count + 1));
    for (const Precision precision : precisions_) {
      const Model<float> model = precision == Precision::int8 ? quantized_probe(probe.model) : probe.model;
      if (precision == Precision::int8 && !is_quantized(model)) continue;  // nothing in it computes with integers
      for (const int threads : threads_) {
        add(time(model, probe.batch, precision, threads, duration, 3), precision);
      }
    }
    data_.probes = count + 1;
    const int done = steady_ ? static_cast<int>(steady_->turns()) : 0;
    if (done < steady_turns && elapsed() > until * ((done + 0.5) / steady_turns)) time_steady();
    data_.seconds = (before + elapsed()).count();
    constexpr Seconds often(3.0);
    if (elapsed() - kept_ > often) keep();
  }
  if (!steady_) time_steady();
  keep();
}

FULCRUM_DEFINE void Calibration::time_sparse() {
  if (!isa_runs_sparse(current_machine().isa)) return;
  const Seconds until = elapsed() + part(0.06);
  const Seconds duration = std::clamp(part(3e-5), Seconds(2e-4), Seconds(3e-3));
  constexpr std::uint64_t other = 0x2545f491;
  Random random(options_.seed ^ other);
  for (std::int64_t count = 0; elapsed() < until; ++count) {
    say(0.82, "timing pruned layers", "layer " + std::to_string(count + 1));
    const StepGeometry g = draw_sparse_layer(random);
    // Both sides of where most break even.
    const std::array densities{random.uniform(0.28, 0.45), random.uniform(0.12, 0.28)};
    const std::array probes{sparse_layer_probe(g, densities[0], random), sparse_layer_probe(g, densities[1], random)};
    for (const int threads : threads_) {
      const auto timed = [&](const Probe& probe, UseAlgorithm use) {
        ProbeTiming timing = time(probe.model, probe.batch, Precision::f32, threads, duration, 7,
                                  {.winograd = UseAlgorithm::automatic, .sparse = use});
        const auto is_product = [](const TimedStep& t) { return t.step.kernel != KernelClass::movement; };
        const auto at = std::find_if(timing.steps.begin(), timing.steps.end(), is_product);
        std::optional<TimedStep> step;
        if (at != timing.steps.end()) step = *at;
        add(std::move(timing), Precision::f32);
        return step;
      };
      const std::optional<TimedStep> dense = timed(probes[0], UseAlgorithm::never);
      for (const Probe& probe : probes) {
        const std::optional<TimedStep> sparse = timed(probe, UseAlgorithm::always);
        if (dense && sparse && sparse->step.algorithm == Algorithm::sparse) sparse_.emplace_back(*dense, *sparse);
      }
    }
  }
}

FULCRUM_DEFINE void Calibration::keep() {
  kept_ = elapsed();
  if (options_.keep) options_.keep(data_);
}

FULCRUM_DEFINE std::vector<Probe> Calibration::loading_probes() {
  ModelBuilder<float> conv("probe");
  conv.input({128, 28, 28});
  add_probe_conv(conv, 128, 3, {{1, 1}, 1});
  ModelBuilder<float> dense("probe");
  dense.input({1024});
  add_probe_dense(dense, 1024);
  ModelBuilder<float> nothing("probe");
  nothing.input({16});
  add_probe_dense(nothing, 16);
  nothing.relu().sigmoid().softmax();
  return {{std::move(conv).build(), 2}, {std::move(dense).build(), 256}, {std::move(nothing).build(), 1}};
}

FULCRUM_DEFINE void Calibration::add(ProbeTiming timing, Precision precision) {
  data_.networks.push_back({precision, timing.threads, timing.steps_us + timing.outside_us, timing.steps_us});
  for (TimedStep& step : timing.steps) data_.steps.push_back(std::move(step));
  for (const LayoutChange& seen : timing.layout_changes) data_.add(seen);
}

FULCRUM_DEFINE void Calibration::fit() {
  say(0.88, "fitting", std::to_string(data_.steps.size()) + " timed steps");
  profile_.layout_changes = data_.layout_changes;
  profile_.drift_probe = middle_of(data_.drift);
  // Rates and overheads show in what ran on undisturbed cores; what ran on others follows from how it is bound.
  profile_.rates.peaks = fit_peaks(data_.steps);
  profile_.rates.overheads = fit_overheads(data_.steps, profile_.rates);
  profile_.shared_cores.slowdowns = fit_shared_slowdowns(data_.steps, profile_.rates);
  const std::vector<TimedStep> steps = undisturbed(data_.steps, profile_.shared_cores, profile_.rates);
  std::vector<SparsePair> pairs;
  for (const auto& [dense, sparse] : sparse_) {
    const std::vector<TimedStep> both = undisturbed({dense, sparse}, profile_.shared_cores, profile_.rates);
    pairs.push_back({sparse.step.geometry, sparse.threads, both[0].time_us, sparse.step.density, both[1].time_us});
  }
  if (!pairs.empty()) profile_.sparse_costs = fit_sparse_costs(pairs);
  profile_.composition = fit_composition(data_.networks);
  for (Overhead& overhead : profile_.rates.overheads)
    overhead.inference_us = fit_inference_overhead(data_.networks, profile_.composition, overhead.threads);
  profile_.efficiency = fit_efficiencies(steps, profile_.rates);
}

FULCRUM_DEFINE void Calibration::check_networks() {
  const Seconds until = elapsed() + part(0.1);
  const Seconds duration = std::clamp(part(1e-3), Seconds(1e-3), Seconds(0.1));
  constexpr std::uint64_t other = 0x5bd1e995;  // probes of the fit are of another seed
  ProbeSource source(options_.seed ^ other, profile_.environment.isa);
  std::vector<CheckedNetwork> networks;
  for (int count = 0; count < 3 || elapsed() < until; ++count) {
    say(0.9, "checking networks", "network " + std::to_string(count + 1));
    const Probe probe = source.network();
    for (const Precision precision : precisions_) {
      const Model<float> model = precision == Precision::int8 ? quantized_probe(probe.model) : probe.model;
      if (precision == Precision::int8 && !is_quantized(model)) continue;  // nothing in it computes with integers
      for (const int threads : threads_) {
        const ProbeTiming timing = time(model, probe.batch, precision, threads, duration, 9);
        double undisturbed_us = 0.0;
        for (const TimedStep& step : undisturbed(timing.steps, profile_.shared_cores, profile_.rates))
          undisturbed_us += step.time_us;
        const double took_us = (timing.steps_us + timing.outside_us) * undisturbed_us / timing.steps_us;
        const LatencyReport predicted = predict(
            model, {.batch = probe.batch, .threads = threads, .precision = precision, .slice = probe.batch}, profile_);
        const double p50 = Microseconds(predicted.latency.p50).count();
        // Of the interval without the scatter of networks, which is learnt here.
        const double scatter = profile_.composition_of(precision, threads).sd;
        const double sd = std::log(predicted.interval->p50_high / predicted.latency.p50) / 1.645;
        networks.push_back({precision, threads, took_us, p50, std::sqrt(std::max(sd * sd - scatter * scatter, 0.0))});
      }
    }
  }
  fit_networks(networks, profile_.composition);
  profile_.interval_scale = fit_interval_scale(networks, profile_.composition);
}

}  // namespace fulcrum::detail

namespace fulcrum {

FULCRUM_DEFINE MachineProfile calibrate(const CalibrateOptions& options, const ProgressSink& progress) {
  return detail::Calibration(options, progress).run();
}

}  // namespace fulcrum

#endif
