#pragma once
/// \file
/// Predicts and measures a set of networks, in rounds.

#include <cstddef>
#include <cstdint>
#include <exception>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <fulcrum/analysis/is_quantized.hpp>
#include <fulcrum/core/linkage.hpp>
#include <fulcrum/core/progress.hpp>
#include <fulcrum/core/utc.hpp>
#include <fulcrum/cost/machine_profile.hpp>
#include <fulcrum/cost/predict.hpp>
#include <fulcrum/exec/int8_options.hpp>
#include <fulcrum/exec/onednn_runner.hpp>
#include <fulcrum/measure/drift_probe.hpp>
#include <fulcrum/measure/measure.hpp>
#include <fulcrum/measure/turns.hpp>
#include <fulcrum/model/random_sources.hpp>
#include <fulcrum/onednn/precision_support.hpp>
#include <fulcrum/passes/quantize.hpp>
#include <fulcrum/run/compare.hpp>
#include <fulcrum/validate/validation.hpp>

namespace fulcrum {

/// How many threads each of how many instances has.
struct Arrangement {
  int threads = 1;
  int instances = 1;

  friend bool operator==(const Arrangement&, const Arrangement&) = default;
};

/// What to compare, and for how long. Every network × batch × arrangement × precision is a case.
struct ValidationOptions {
  std::vector<std::int64_t> batches{1, 4, 16};
  std::vector<Arrangement> arrangements{};  ///< empty: 1×1, and 2×1 and 1×2 where there are two cores
  std::vector<Precision> precisions{};      ///< empty: all that the CPU can run
  int rounds = 3;                           ///< turns that each case gets; ≥ 1
  Seconds time_per_round{0.3};              ///< that a case is timed for in each round; slow ones up to four times that
  std::uint64_t seed = 0;                   ///< of the random sources
};

namespace detail {

/// How many times as long as predicted a case should take at the speed that the machine had while it was measured.
/// Where enough inferences met cores that nothing else took part of, they are what a prediction for such cores is
/// compared with; else the prediction is one for cores that were shared as often as looks at them say.
FULCRUM_DECLARE std::optional<double> slowdown_in(const LatencyReport& measured, const LatencyReport& predicted,
                                                  const SharedCores& cores);

}  // namespace detail

/// Predicts every case once, and measures all in turns: each once a round, forwards in one round and backwards in the
/// next, so that a drift of the machine meets all alike. Nothing else should run meanwhile.
///
/// int8 of a network that is not quantized is timed with scales from random sources, which do for timing. A case that
/// cannot be predicted or measured says why and is left out of further rounds. Before each round the profile's drift
/// probe is repeated, and between inferences the cores are looked at, so that errors are known at the speed of the
/// moment as well.
/// \param models    float or quantized
/// \param profile   of this machine
/// \param progress  called between measurements
/// \throws Error when an option is out of range, there is no model, or the profile is another machine's
FULCRUM_DECLARE [[nodiscard]] Validation run_validation(const std::vector<Model<float>>& models,
                                                        const MachineProfile& profile,
                                                        const ValidationOptions& options = {},
                                                        const ProgressSink& progress = {});

}  // namespace fulcrum

#if FULCRUM_DEFINES(validate)

#include <algorithm>
#include <memory>

namespace fulcrum::detail {

/// A case while it is worked on.
struct OpenCase {
  ValidationCase result;
  std::shared_ptr<const Model<float>> model;  // null: there is none in this precision
  LatencyReport predicted;
  std::vector<std::string> kernels;  // of predicted.layers, by index
  LatencyReport measured;            // of the first round
  std::vector<std::vector<double>>
      step_us;  // of measured.layers, by index; a time for each round, at the profile's speed
};

FULCRUM_DECLARE void check_options(const ValidationOptions& options) {
  const auto check = [](const char* name, std::int64_t value) {
    if (value < 1) throw Error(name, "is " + std::to_string(value), "give a number of 1 or more");
  };
  check("rounds of a validation", options.rounds);
  for (const std::int64_t batch : options.batches) check("batch", batch);
  for (const Arrangement& a : options.arrangements) {
    check("threads", a.threads);
    check("instances", a.instances);
  }
  if (options.batches.empty()) throw Error("validation", "was given no batch sizes");
  if (!(options.time_per_round.count() > 0.0))
    throw Error("time of a round", "is " + std::to_string(options.time_per_round.count()) + " s", "give more than 0");
}

FULCRUM_DECLARE std::vector<Arrangement> arrangements_of(const ValidationOptions& options, int cores) {
  if (!options.arrangements.empty()) return options.arrangements;
  std::vector<Arrangement> result{{1, 1}};
  if (cores >= 2) result.insert(result.end(), {{2, 1}, {1, 2}});
  return result;
}

FULCRUM_DECLARE void predict_case(OpenCase& open, const MachineProfile& profile) {
  const Schedule schedule = make_schedule(*open.model, open.result.config, machine_of(profile));
  open.predicted = predict(schedule, profile);
  for (const ScheduledStep& entry : expected_steps(schedule, profile.layout_changes))
    open.kernels.emplace_back(name_of(entry.step.kernel));
  open.result.predicted_p50_ms = open.predicted.latency.p50.count();
  open.result.predicted_p99_ms = open.predicted.latency.p99.count();
  open.result.predicted_throughput_per_s = open.predicted.throughput_per_s;
  if (const std::optional<PredictionInterval>& i = open.predicted.interval) {
    open.result.p50_range = {i->p50_low.count(), i->p50_high.count()};
    open.result.p99_range = {i->p99_low.count(), i->p99_high.count()};
  }
}

/// The cases of a network, predicted.
FULCRUM_DECLARE void add_cases(std::vector<OpenCase>& cases, const Model<float>& given, const MachineProfile& profile,
                               const ValidationOptions& options, const std::vector<Precision>& precisions) {
  const auto model = std::make_shared<const Model<float>>(given);
  for (const Precision precision : precisions) {
    std::shared_ptr<const Model<float>> of_precision = model;
    std::string why_not = why_unsupported(precision);
    if (why_not.empty() && precision == Precision::int8 && !is_quantized(given)) {
      try {
        of_precision = std::make_shared<const Model<float>>(
            quantize_post_training(given, random_sources(given, 4, options.seed),
                                   onednn_runner(profile.environment.cores), int8_options_for_this_cpu())
                .model);
      } catch (const std::exception& error) {
        why_not = std::string("could not be quantized: ") + error.what();
      }
    }
    for (const std::int64_t batch : options.batches) {
      for (const Arrangement& a : arrangements_of(options, profile.environment.cores)) {
        OpenCase open;
        open.result.model = given.name();
        open.result.config = {.batch = batch, .threads = a.threads, .instances = a.instances, .precision = precision};
        open.result.why_not = why_not;
        open.model = of_precision;
        try {
          if (why_not.empty()) predict_case(open, profile);
        } catch (const std::exception& error) {
          open.result.why_not = std::string("could not be predicted: ") + error.what();
        }
        cases.push_back(std::move(open));
      }
    }
  }
}

FULCRUM_DEFINE std::optional<double> slowdown_in(const LatencyReport& measured, const LatencyReport& predicted,
                                                 const SharedCores& cores) {
  constexpr std::int64_t enough = 10;  // and a fiftieth of all: a few between two spells say little
  if (!measured.disturbance || cores.looks.empty()) return std::nullopt;
  const Milliseconds p50 = predicted.latency.p50;
  const double then = share_in_quantile(cores.share_of(predicted.config.threads), p50);
  const auto at = [&](double now) { return at_share(predicted, cores, then, now).latency.p50 / p50; };
  if (measured.disturbance->samples >= std::max(enough, measured.latency.samples / 50))
    return at(0.0) * (measured.latency.p50 / measured.disturbance->p50);
  return at(share_in_quantile(measured.disturbance->share, p50));
}

/// Measures a case once.
FULCRUM_DECLARE void measure_case(OpenCase& open, const MeasureOptions& options, const MachineProfile& profile) {
  const LatencyReport report = measure(*open.model, open.result.config, options);
  const std::optional<double> slowdown = slowdown_in(report, open.predicted, profile.shared_cores);
  open.result.rounds.push_back({report.latency.p50.count(), report.latency.p99.count(), report.throughput_per_s,
                                report.latency.samples / std::max(report.config.instances, 1), slowdown});
  if (open.step_us.empty()) {
    open.measured = report;
    open.step_us.resize(report.layers.size());
  }
  for (std::size_t i = 0; i < std::min(open.step_us.size(), report.layers.size()); ++i)
    open.step_us[i].push_back(Microseconds(report.layers[i].latency).count() / slowdown.value_or(1.0));
}

/// The steps of both sides, joined by name and kind.
FULCRUM_DECLARE void join_steps(OpenCase& open) {
  for (const LayerPair& pair : pair_layers(open.predicted, open.measured)) {
    const StepLatency& layer = pair.second != nullptr ? *pair.second : *pair.first;
    ValidatedStep step{layer.name, layer.kind, layer.kind == "Reorder" ? "movement" : "", {}, {}};
    if (pair.first != nullptr) {
      step.kernel = open.kernels.at(static_cast<std::size_t>(pair.first - open.predicted.layers.data()));
      step.predicted_us = Microseconds(pair.first->latency).count();
    }
    if (pair.second != nullptr)
      step.measured_us =
          median_of_figures(open.step_us.at(static_cast<std::size_t>(pair.second - open.measured.layers.data())));
    open.result.steps.push_back(std::move(step));
  }
}

}  // namespace fulcrum::detail

namespace fulcrum {

FULCRUM_DEFINE Validation run_validation(const std::vector<Model<float>>& models, const MachineProfile& profile,
                                         const ValidationOptions& options, const ProgressSink& progress) {
  detail::check_options(options);
  if (models.empty()) throw Error("validation", "was given no model", "name networks of the zoo or ONNX files");
  const detail::Clock::time_point start = detail::Clock::now();
  Validation validation;
  validation.created_utc = utc_now();
  validation.profile_created_utc = profile.created_utc;
  validation.environment = onednn_environment();
  validation.environment.seed = options.seed;
  check_profile_matches(profile, validation.environment);
  std::vector<Precision> precisions = options.precisions;
  if (precisions.empty())
    std::copy_if(all_precisions.begin(), all_precisions.end(), std::back_inserter(precisions), cpu_supports);

  constexpr double predicting = 0.1;  // share of the progress
  std::vector<detail::OpenCase> cases;
  for (std::size_t i = 0; i < models.size(); ++i) {
    if (progress)
      progress(
          {predicting * static_cast<double>(i) / static_cast<double>(models.size()), "predicting", models[i].name()});
    detail::add_cases(cases, models[i], profile, options, precisions);
  }

  MeasureOptions how;
  how.warm_up = 0.2 * options.time_per_round;
  how.min_duration = options.time_per_round;
  how.max_duration = 4.0 * options.time_per_round;
  how.min_samples = 10;
  how.layer_runs = 30;
  how.seed = options.seed;
  const std::size_t total = cases.size() * static_cast<std::size_t>(options.rounds);
  for (std::size_t turn = 0; turn < total; ++turn) {
    const std::size_t round = turn / cases.size();
    if (turn % cases.size() == 0) {
      if (const std::optional<Drift> drift = drift_since_calibration(profile)) validation.drifts.push_back(*drift);
    }
    detail::OpenCase& open = cases[whose_turn(round, turn % cases.size(), cases.size())];
    if (progress) {
      progress({predicting + (1.0 - predicting) * static_cast<double>(turn) / static_cast<double>(total),
                "round " + std::to_string(round + 1) + "/" + std::to_string(options.rounds),
                open.result.model + ", " + to_string(open.result.config)});
    }
    if (!open.result.why_not.empty()) continue;
    try {
      detail::measure_case(open, how, profile);
    } catch (const std::exception& error) {
      open.result.why_not = std::string("could not be measured: ") + error.what();
    }
  }
  for (detail::OpenCase& open : cases) {
    if (open.result.complete()) detail::join_steps(open);
    validation.cases.push_back(std::move(open.result));
  }
  validation.duration_s = Seconds(detail::Clock::now() - start).count();
  return validation;
}

}  // namespace fulcrum

#endif
