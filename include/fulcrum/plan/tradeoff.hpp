#pragma once
/// \file
/// The trade-off study: which way to run a model on this machine.

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <fulcrum/analysis/is_quantized.hpp>
#include <fulcrum/core/linkage.hpp>
#include <fulcrum/core/utc.hpp>
#include <fulcrum/cost/predictor.hpp>
#include <fulcrum/exec/int8_options.hpp>
#include <fulcrum/measure/drift_probe.hpp>
#include <fulcrum/onednn/environment.hpp>
#include <fulcrum/plan/measure_in_turns.hpp>
#include <fulcrum/plan/selection.hpp>
#include <fulcrum/plan/space.hpp>
#include <fulcrum/plan/variants.hpp>

namespace fulcrum {

/// How to run a study.
struct TradeoffOptions {
  Objective objective;
  std::optional<ConfigurationSpace> space;  ///< absent: default_space() of the usable cores
  SelectionOptions selection;
  int rounds = 5;                         ///< turns that each measured candidate gets; ≥ 1
  Seconds time_per_round{0.15};           ///< that a candidate is timed for in each round, at least
  std::int64_t samples_per_round = 60;    ///< of each instance, at least
  std::int64_t calibration_images = 512;  ///< of the training set, for int8; ≥ 1
  QuantizeOptions quantization = int8_options_for_this_cpu();
  std::uint64_t seed = 0;  ///< of the calibration sample and the random sources
  std::string data;        ///< name of the data set, for the report
  /// What runs the variants when they are evaluated and measured; empty: oneDNN's.
  ExecutorFactory executors = {};
  AnyPredictor predictor;  ///< of every candidate; empty: CalibratedPredictor of the profile
  /// What counts as accuracy, of the test set's images, whose labels are not looked at then. Higher is better, and 1 is
  /// 100 %. Absent: top-1.
  std::optional<Metric> metric;
};

namespace detail {

/// A share of a longer progress: [from, to].
FULCRUM_DECLARE ProgressSink part_of(const ProgressSink& progress, double from, double to, std::string stage = {});

/// The variants of a space, and the f32 dense one that accuracy is counted from: made, evaluated.
FULCRUM_DECLARE std::vector<VariantModel> make_variants(const Model<float>& model, const ConfigurationSpace& space,
                                                        const Dataset& train_set, const Dataset& test_set,
                                                        const TradeoffOptions& options, int threads,
                                                        const ProgressSink& progress);

FULCRUM_DECLARE const VariantModel* find_variant(const std::vector<VariantModel>& variants, Precision precision,
                                                 double sparsity);

/// The candidate with its variant's accuracy and a prediction, or why there is none.
FULCRUM_DECLARE Candidate with_prediction(Candidate candidate, const VariantModel& of, const AnyPredictor& predictor);

/// How the figures came about, and how good the predictions were.
FULCRUM_DECLARE std::vector<std::string> study_notes(const TradeoffStudy& study, const TradeoffOptions& options);

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

FULCRUM_DEFINE ProgressSink part_of(const ProgressSink& progress, double from, double to, std::string stage) {
  if (!progress) return {};
  return [progress, from, to, stage = std::move(stage)](const Progress& p) {
    Progress whole = p;
    whole.fraction = from + (to - from) * p.fraction;
    if (!stage.empty()) whole.stage = stage;
    progress(whole);
  };
}

FULCRUM_DEFINE std::vector<VariantModel> make_variants(const Model<float>& model, const ConfigurationSpace& space,
                                                       const Dataset& train_set, const Dataset& test_set,
                                                       const TradeoffOptions& options, int threads,
                                                       const ProgressSink& progress) {
  std::vector<std::pair<Precision, double>> wanted{{Precision::f32, 0.0}};
  for (const Precision precision : space.precisions) {
    for (const double sparsity : space.sparsities) {
      const std::pair pair{precision, sparsity};
      if (std::find(wanted.begin(), wanted.end(), pair) == wanted.end()) wanted.push_back(pair);
    }
  }
  Tensor<float> images;
  if (std::any_of(wanted.begin(), wanted.end(), [](const auto& w) { return w.first == Precision::int8; })) {
    images = sample_images(train_set, options.calibration_images, options.seed);
  }
  std::vector<VariantModel> variants;
  for (const auto& [precision, sparsity] : wanted) {
    const double step = 1.0 / static_cast<double>(wanted.size());
    const double from = step * static_cast<double>(variants.size());
    const ProgressSink part = part_of(progress, from, from + step, "accuracy of " + variant_name(precision, sparsity));
    variants.push_back(with_accuracy(make_variant(model, precision, sparsity, images, options.quantization, threads),
                                     test_set, threads, part, options.metric, options.executors));
  }
  return variants;
}

FULCRUM_DEFINE const VariantModel* find_variant(const std::vector<VariantModel>& variants, Precision precision,
                                                double sparsity) {
  for (const VariantModel& v : variants) {
    if (v.variant.precision == precision && v.variant.sparsity == sparsity) return &v;
  }
  return nullptr;
}

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

FULCRUM_DEFINE std::vector<std::string> study_notes(const TradeoffStudy& study, const TradeoffOptions& options) {
  std::size_t measured = 0;
  double largest = 0.0;
  for (const Candidate& c : study.candidates) {
    measured += c.measured ? 1 : 0;
    if (const auto error = prediction_error(c); error && c.on_front) largest = std::max(largest, std::abs(*error));
  }
  std::vector<std::string> notes;
  notes.push_back(std::to_string(measured) + " of " + std::to_string(study.candidates.size()) +
                  " candidates were measured, each in " + std::to_string(options.rounds) + " round(s) of at least " +
                  format_latency(options.time_per_round) + "; every figure is the median over the rounds");
  if (measured > 0) {
    notes.push_back("predicted medians of the candidates on the front were off by at most" +
                    formatted(" %.0f %%", largest * 100.0));
  }
  if (options.metric) {
    notes.push_back("accuracy is the " + options.metric->name() + " on " + format_count(study.test_samples) +
                    " test images");
  } else if (study.baseline_accuracy && study.test_samples > 0) {
    // 1.96 standard errors of a share; differences between variants on the same images are known better than this.
    const double share = *study.baseline_accuracy;
    const double error = 1.96 * std::sqrt(share * (1.0 - share) / static_cast<double>(study.test_samples));
    notes.push_back(format_count(study.test_samples) + " test images tell an accuracy to within" +
                    formatted(" %.2f", error * 100.0) + " points (95 % confidence)");
  }
  if (options.quantization.method == CalibrationMethod::minmax) {
    notes.push_back("int8 ranges: smallest and largest value on " + std::to_string(options.calibration_images) +
                    " training images");
  } else {
    const bool percentile = options.quantization.method == CalibrationMethod::percentile;
    notes.push_back("int8 ranges: " + std::string(name_of(options.quantization.method)) +
                    (percentile ? formatted(" %.6g", options.quantization.percentile) : std::string()) + " on " +
                    std::to_string(options.calibration_images) + " training images");
  }
  return notes;
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
  study.candidates = enumerate(space, cores);
  study.model = model.name();
  study.data = options.data;
  study.objective = options.objective;
  study.test_samples = test_set.size();
  detail::refuse_quantized(model, "study the float model; the study quantizes it itself");

  const std::vector<VariantModel> variants =
      detail::make_variants(model, space, train_set, test_set, options, cores, detail::part_of(progress, 0.0, 0.3));
  if (!variants.front().model) throw Error("model '" + model.name() + "'", variants.front().variant.why_not);
  study.baseline_accuracy = variants.front().variant.accuracy;
  for (const VariantModel& v : variants) study.variants.push_back(v.variant);

  const auto variant_of = [&](const Candidate& c) {
    return detail::find_variant(variants, c.config.precision, c.sparsity);
  };
  const AnyPredictor predictor = options.predictor ? options.predictor : CalibratedPredictor(profile);
  for (Candidate& candidate : study.candidates) {
    candidate = detail::with_prediction(std::move(candidate), *variant_of(candidate), predictor);
  }
  Selection selection =
      select_promising(study.candidates, options.objective, study.baseline_accuracy, options.selection);
  std::vector<MeasurementJob> jobs;
  for (const std::size_t i : selection.chosen) {
    jobs.push_back({&*variant_of(study.candidates[i])->model, study.candidates[i].config});
  }
  MeasureOptions measuring;
  measuring.warm_up = options.time_per_round / 3;
  measuring.min_duration = options.time_per_round;
  measuring.max_duration = 10 * options.time_per_round;
  measuring.min_samples = options.samples_per_round;
  measuring.layer_runs = 30;
  measuring.seed = options.seed;
  measuring.profile = &profile;
  measuring.executors = options.executors;
  std::vector<JobResult> measured =
      measure_in_turns(jobs, options.rounds, measuring, detail::part_of(progress, 0.3, 1.0));

  for (std::size_t i = 0; i < study.candidates.size(); ++i) {
    study.candidates[i].why_not = std::move(selection.why_not[i]);
  }
  for (std::size_t at = 0; at < measured.size(); ++at) {
    Candidate& candidate = study.candidates[selection.chosen[at]];
    candidate.measured = std::move(measured[at].report);
    candidate.why_not = std::move(measured[at].why_not);
  }
  study.candidates = with_front(std::move(study.candidates));
  study.recommendation = recommend(study.candidates, options.objective, study.baseline_accuracy);
  study.notes = detail::study_notes(study, options);
  if (drift) {
    if (auto note = drift_note(*drift)) study.notes.push_back(std::move(*note));
  }
  study.duration = std::chrono::steady_clock::now() - started;
  if (progress) progress({1.0, "done", to_string(options.objective)});
  return study;
}

}  // namespace fulcrum

#endif
