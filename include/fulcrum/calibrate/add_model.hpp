#pragma once
/// \file
/// Adds the steps of a given model to a profile, so that predictions of it and of its relatives rest on its own steps.

#include <cstdint>
#include <vector>

#include <fulcrum/calibrate/fit_profile.hpp>
#include <fulcrum/core/dtype.hpp>
#include <fulcrum/core/linkage.hpp>
#include <fulcrum/core/progress.hpp>
#include <fulcrum/core/units.hpp>
#include <fulcrum/cost/machine_profile.hpp>
#include <fulcrum/model/model.hpp>

namespace fulcrum {

/// How to time a model for a profile.
struct AddModelOptions {
  std::vector<std::int64_t> batches{1};  ///< samples per inference, each ≥ 1
  std::vector<int> threads{};            ///< empty: those that the profile has
  std::vector<Precision> precisions{};   ///< empty: those that the profile has
  Seconds each{0.3};                     ///< for one batch, precision and thread count, about; > 0
};

/// Puts steps among those that a profile was fitted to, and fits what changes again.
/// \param timed     at the speed that the machine had when it was calibrated
/// \param profile   rates and all that is not about single steps stay
FULCRUM_DECLARE void add_timed_steps(const std::vector<TimedStep>& timed, MachineProfile& profile);

/// Times the steps of a model in place, in turns with the drift probe, and adds them to the profile. Models that are
/// not quantized are timed in int8 with scales that serve for nothing else.
/// \throws Error as OnednnModel::compile(), and when an option is out of range
FULCRUM_DECLARE void add_model(const Model<float>& model, const AddModelOptions& options, MachineProfile& profile,
                               const ProgressSink& progress = {});

}  // namespace fulcrum

#if FULCRUM_DEFINES(calibrate)

#include <algorithm>
#include <array>
#include <cmath>
#include <iterator>
#include <map>
#include <optional>
#include <string>
#include <utility>

#include <fulcrum/analysis/is_quantized.hpp>
#include <fulcrum/calibrate/detail/probe_model.hpp>
#include <fulcrum/calibrate/detail/time_probe.hpp>
#include <fulcrum/cost/step_words.hpp>
#include <fulcrum/measure/drift_probe.hpp>

namespace fulcrum {

FULCRUM_DEFINE void add_timed_steps(const std::vector<TimedStep>& timed, MachineProfile& profile) {
  const auto same_kind = [](const EfficiencyModel& m, const TimedStep& t) {
    return m.kernel == t.step.kernel && m.algorithm == t.step.algorithm && m.layer == loops_of(t.step) &&
           m.precision == t.step.arithmetic && m.threads == t.threads;
  };
  std::map<std::size_t, std::vector<EfficiencySample>> added;  // by model
  for (const TimedStep& t : timed) {
    if (t.time_us <= 0.0 || !profile.rates.knows(t.step.arithmetic)) continue;
    const auto known = std::find_if(profile.efficiency.begin(), profile.efficiency.end(),
                                    [&](const EfficiencyModel& m) { return same_kind(m, t); });
    const auto at = static_cast<std::size_t>(known - profile.efficiency.begin());
    if (known == profile.efficiency.end()) {
      EfficiencyModel model;
      model.kernel = t.step.kernel;
      model.algorithm = t.step.algorithm;
      model.layer = std::string(loops_of(t.step));
      model.precision = t.step.arithmetic;
      model.threads = t.threads;
      profile.efficiency.push_back(std::move(model));
    }
    const RooflinePoint roofline = roofline_point(t.step, profile.rates, t.threads);
    added[at].push_back({efficiency_features(t.step, roofline),
                         std::log(t.time_us / profile.efficiency[at].parts_us(t.step, roofline)), 0.0, t.time_us,
                         words_of(t.step)});
  }
  for (auto& [at, samples] : added) {
    EfficiencyModel& model = profile.efficiency[at];
    samples = detail::merged(std::move(samples));
    const std::size_t own = samples.size();
    // What was timed of the same step before gives way: this was timed where it will run.
    for (EfficiencySample& known : model.samples) {
      const bool again = std::any_of(samples.begin(), samples.end(),
                                     [&](const EfficiencySample& s) { return s.features == known.features; });
      if (!again) samples.push_back(std::move(known));
    }
    model = fit_efficiency(std::move(model), std::move(samples), own);
  }
}

FULCRUM_DEFINE void add_model(const Model<float>& model, const AddModelOptions& options, MachineProfile& profile,
                              const ProgressSink& progress) {
  if (!(options.each.count() > 0.0))
    throw Error("time for each configuration", "is " + std::to_string(options.each.count()) + " s", "give more than 0");
  AddModelOptions wanted = options;
  if (wanted.threads.empty()) {
    for (const Overhead& overhead : profile.rates.overheads) wanted.threads.push_back(overhead.threads);
  }
  if (wanted.precisions.empty()) {
    std::copy_if(all_precisions.begin(), all_precisions.end(), std::back_inserter(wanted.precisions),
                 [&](Precision precision) { return profile.rates.knows(precision); });
  }
  for (const std::int64_t batch : wanted.batches) {
    if (batch < 1) throw Error("batch " + std::to_string(batch), "is out of range", "give 1 or more");
  }
  const std::vector<int>& usable = profile.environment.affinity;
  for (const int threads : wanted.threads) {
    if (threads < 1 || static_cast<std::size_t>(threads) > usable.size()) {
      throw Error("thread count " + std::to_string(threads), "cannot be timed",
                  "this process may use 1 to " + std::to_string(usable.size()) + " cores");
    }
  }
  std::vector<TimedStep> timed;
  const double cases = static_cast<double>(wanted.batches.size() * wanted.precisions.size() * wanted.threads.size());
  double done = 0.0;
  for (const Precision precision : wanted.precisions) {
    const bool scales = precision == Precision::int8 && !is_quantized(model);
    const Model<float> as_run = scales ? detail::quantized_probe(model) : model;
    if (precision == Precision::int8 && !is_quantized(as_run)) continue;  // nothing in it computes with integers
    for (const std::int64_t batch : wanted.batches) {
      for (const int threads : wanted.threads) {
        if (progress)
          progress({done++ / cases, "timing " + model.name(),
                    std::string(name_of(precision)) + ", batch " + std::to_string(batch)});
        const std::vector<int> cpus(usable.begin(), usable.begin() + threads);
        const detail::ProbeTiming timing =
            detail::time_probe(as_run, batch, precision, cpus, 0.5 * wanted.each, 5, time_undisturbed_look(threads));
        for (TimedStep& step : undisturbed(timing.steps, profile.shared_cores, profile.rates))
          timed.push_back(std::move(step));
      }
    }
  }
  add_timed_steps(timed, profile);
}

}  // namespace fulcrum

#endif
