#pragma once
/// \file
/// The trade-off study: which way to run a model on this machine.

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <exception>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <fulcrum/analysis/is_quantized.hpp>
#include <fulcrum/core/linkage.hpp>
#include <fulcrum/core/utc.hpp>
#include <fulcrum/measure/drift_probe.hpp>
#include <fulcrum/onednn/environment.hpp>
#include <fulcrum/plan/measure_in_turns.hpp>
#include <fulcrum/plan/study_notes.hpp>
#include <fulcrum/plan/study_variants.hpp>
#include <fulcrum/plan/tradeoff_options.hpp>

namespace fulcrum {

namespace detail {

/// The candidate with its variant's accuracy and a prediction, or why there is none.
FULCRUM_DECLARE Candidate with_prediction(Candidate candidate, const VariantModel& of, const AnyPredictor& predictor);

}  // namespace detail

/// Runs the study: makes the variants (precision × sparsity), evaluates each on the whole test set, predicts every
/// candidate, measures the promising ones in turns, marks the Pareto front of accuracy, p99 latency and throughput, and
/// recommends. What cannot be made, evaluated, predicted or measured stays in the study with the reason.
///
/// \param model      float, not quantized, trained; one input (n, c, h, w), class scores as its output unless the
/// options
///                   have a metric
/// \param train_set  for the calibration of int8 only
/// \param test_set   every accuracy is that of all of it
/// \param profile    of this machine
/// \throws Error when the objective or the space is impossible, the profile is another machine's, the model is
///         quantized already or cannot even be evaluated in f32
FULCRUM_DECLARE [[nodiscard]] TradeoffStudy run_tradeoff(const Model<float>& model, const Dataset& train_set,
                                                         const Dataset& test_set, const MachineProfile& profile,
                                                         const TradeoffOptions& options = {},
                                                         const ProgressSink& progress = {});

}  // namespace fulcrum

#if FULCRUM_DEFINES(plan)

namespace fulcrum::detail {

FULCRUM_DEFINE Candidate with_prediction(Candidate candidate, const VariantModel& of, const AnyPredictor& predictor) {
  candidate.accuracy = of.variant.accuracy;
  candidate.why_not = of.variant.why_not;
  if (!of.model) return candidate;
  try {
    candidate.predicted = predictor(*of.model, candidate.config);
  } catch (const std::exception& error) {
    candidate.why_not = "could not be predicted: ";
    candidate.why_not += error.what();
  }
  return candidate;
}

}  // namespace fulcrum::detail

namespace fulcrum {

FULCRUM_DEFINE TradeoffStudy run_tradeoff(const Model<float>& model, const Dataset& train_set, const Dataset& test_set,
                                          const MachineProfile& profile, const TradeoffOptions& options,
                                          const ProgressSink& progress) {
  const auto started = std::chrono::steady_clock::now();
  validate(options.objective);
  TradeoffStudy study;
  study.started_at = utc_now();
  study.environment = onednn_environment();
  study.environment.seed = options.seed;
  check_profile_matches(profile, study.environment);
  const std::optional<Drift> drift = drift_since_calibration(profile);
  const int cores = std::max(study.environment.cores, 1);
  const ConfigurationSpace space = options.space ? *options.space : default_space(cores);
  const detail::StudyInputs inputs{model, train_set, test_set, profile, options, cores};
  study.candidates = enumerate(space, cores);
  study.model = model.name();
  study.data = options.data;
  study.objective = options.objective;
  study.test_samples = test_set.size();
  detail::refuse_quantized(model, "study the float model; the study quantizes it itself");

  const StudyKeeper& keeper = options.keeper;
  if (keeper) keeper.open(detail::identity_of(inputs, study.environment));
  const std::vector<VariantModel> variants =
      detail::make_variants(inputs, space, keeper, detail::part_of(progress, 0.0, 0.3));
  if (!variants.front().model) throw Error("model '" + model.name() + "'", variants.front().variant.why_not);
  study.baseline_accuracy = variants.front().variant.accuracy;
  for (const VariantModel& v : variants) study.variants.push_back(v.variant);

  const auto variant_of = [&](const Candidate& c) {
    return detail::find_variant(variants, {c.config.precision, c.sparsity, c.making});
  };
  const AnyPredictor predictor = options.predictor ? options.predictor : CalibratedPredictor(profile);
  for (Candidate& candidate : study.candidates) {
    const VariantModel& of = *variant_of(candidate);
    if (of.model) candidate.config = calibrated(std::move(candidate.config), *of.model, profile);
    candidate = detail::with_prediction(std::move(candidate), of, predictor);
  }
  Selection selection =
      select_promising(study.candidates, options.objective, study.baseline_accuracy, options.selection);
  detail::KeptRounds kept = detail::kept_rounds(keeper, study.candidates);
  const auto reports_of = [&](std::size_t i) {
    std::vector<LatencyReport> reports;
    for (const KeptRound& round : kept.of[i]) reports.push_back(round.report);
    return reports;
  };
  const std::optional<std::string> earlier = detail::earlier_rounds_note(kept, drift);
  std::vector<MeasurementJob> jobs;
  for (const std::size_t i : selection.chosen) {
    jobs.push_back({&*variant_of(study.candidates[i])->model, study.candidates[i].config, reports_of(i)});
  }
  const OnRound keep_round = [&](std::size_t job, const LatencyReport& report) {
    if (!keeper) return;
    const std::size_t i = selection.chosen[job];
    kept.of[i].push_back({utc_now(), drift ? std::optional(drift->slowdown()) : std::nullopt, report});
    keeper.keep_rounds(study.candidates[i], kept.of[i]);
  };
  MeasureOptions measuring;
  measuring.warm_up = options.time_per_round / 3;
  measuring.min_duration = options.time_per_round;
  measuring.max_duration = 10 * options.time_per_round;
  measuring.min_samples = options.samples_per_round;
  measuring.layer_runs = 30;
  measuring.seed = options.seed;
  measuring.profile = &profile;
  measuring.executors = options.executors;
  measuring.timings = options.timings_per_round;
  std::vector<JobResult> measured =
      measure_in_turns(jobs, options.rounds, measuring, detail::part_of(progress, 0.3, 1.0), keep_round);

  for (std::size_t i = 0; i < study.candidates.size(); ++i) {
    study.candidates[i].why_not = std::move(selection.why_not[i]);
  }
  for (std::size_t at = 0; at < measured.size(); ++at) {
    Candidate& candidate = study.candidates[selection.chosen[at]];
    candidate.measured = std::move(measured[at].report);
    candidate.why_not = std::move(measured[at].why_not);
  }
  for (std::size_t i = 0; i < study.candidates.size(); ++i) {  // measured before, and not chosen this time
    Candidate& candidate = study.candidates[i];
    if (candidate.measured || kept.of[i].empty() || !variant_of(candidate)->model) continue;
    candidate.measured = merge_rounds(reports_of(i));
    candidate.why_not.clear();
  }
  study.candidates = with_front(std::move(study.candidates));
  study.recommendation = recommend(study.candidates, options.objective, study.baseline_accuracy);
  study.notes = detail::study_notes(study, options);
  if (earlier) study.notes.push_back(*earlier);
  study.disturbance = detail::disturbance_of(study);
  if (drift) {
    if (auto note = drift_note(*drift)) study.notes.push_back(std::move(*note));
  }
  study.duration = std::chrono::steady_clock::now() - started;
  if (progress) progress({1.0, "done", to_string(options.objective)});
  return study;
}

}  // namespace fulcrum

#endif
