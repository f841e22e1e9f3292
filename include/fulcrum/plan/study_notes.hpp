#pragma once
/// \file
/// What a study says beside its figures: of when its rounds are, of other work on the machine, of how they came about.

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <optional>
#include <string>
#include <vector>

#include <fulcrum/core/linkage.hpp>
#include <fulcrum/measure/drift_probe.hpp>
#include <fulcrum/plan/study.hpp>
#include <fulcrum/plan/study_keeper.hpp>
#include <fulcrum/plan/tradeoff_options.hpp>

namespace fulcrum::detail {

/// The rounds that are kept of each chosen candidate; those of all others that have some make them measured ones.
struct KeptRounds {
  std::vector<std::vector<KeptRound>> of;  ///< by candidate
  std::size_t candidates = 0;              ///< that have some
  std::string first_at, last_at;           ///< when the first and the last were measured
  std::vector<double> slowdowns;           ///< of the machine then, where they are known
};
FULCRUM_DECLARE KeptRounds kept_rounds(const StudyKeeper& keeper, const std::vector<Candidate>& candidates);

/// Says that some figures are of another time; nothing where none are.
FULCRUM_DECLARE std::optional<std::string> earlier_rounds_note(const KeptRounds& kept,
                                                               const std::optional<Drift>& drift);

/// Says that other work was on the machine: a third of what was measured, or what is recommended, is noisy
/// (is_noisy()). Empty where it was quiet.
FULCRUM_DECLARE std::string disturbance_of(const TradeoffStudy& study);

/// How the figures came about, and how good the predictions were.
FULCRUM_DECLARE std::vector<std::string> study_notes(const TradeoffStudy& study, const TradeoffOptions& options);

}  // namespace fulcrum::detail

#if FULCRUM_DEFINES(plan)

namespace fulcrum::detail {

FULCRUM_DEFINE KeptRounds kept_rounds(const StudyKeeper& keeper, const std::vector<Candidate>& candidates) {
  KeptRounds kept;
  kept.of.resize(candidates.size());
  for (std::size_t i = 0; keeper && i < candidates.size(); ++i) {
    kept.of[i] = keeper.rounds(candidates[i]);
    kept.candidates += kept.of[i].empty() ? 0 : 1;
    for (const KeptRound& round : kept.of[i]) {
      if (kept.first_at.empty() || round.measured_at < kept.first_at) kept.first_at = round.measured_at;
      kept.last_at = std::max(kept.last_at, round.measured_at);
      if (round.slowdown) kept.slowdowns.push_back(*round.slowdown);
    }
  }
  return kept;
}

FULCRUM_DEFINE std::optional<std::string> earlier_rounds_note(const KeptRounds& kept,
                                                              const std::optional<Drift>& drift) {
  if (kept.candidates == 0) return std::nullopt;
  std::string note = formatted("rounds of %zu candidates were measured earlier, between ", kept.candidates);
  note += kept.first_at + " and " + kept.last_at;
  if (!drift || kept.slowdowns.empty()) return note;
  const auto [low, high] = std::minmax_element(kept.slowdowns.begin(), kept.slowdowns.end());
  const double least = *low / drift->slowdown() - 1.0;
  const double most = *high / drift->slowdown() - 1.0;
  const double apart = std::abs(least) > std::abs(most) ? least : most;
  if (std::abs(apart) <= std::max(0.05, drift->noise)) return note + ", when the machine was as fast as now";
  return note +
         formatted(", when the machine was up to %.0f %% %s than now: they and the new ones compare that much worse",
                   100.0 * std::abs(apart), apart > 0.0 ? "slower" : "faster");
}

FULCRUM_DEFINE std::string disturbance_of(const TradeoffStudy& study) {
  std::size_t measured = 0;
  std::size_t noisy = 0;
  for (const Candidate& c : study.candidates) {
    measured += c.measured ? 1 : 0;
    noisy += c.measured && is_noisy(*c.measured) ? 1 : 0;
  }
  const auto& shown = study.recommendation.candidate ? study.recommendation.candidate : study.recommendation.nearest;
  const bool chosen = shown && study.candidates[*shown].measured && is_noisy(*study.candidates[*shown].measured);
  if (!chosen && 3 * noisy <= measured) return {};
  std::string text = "This machine was busy with other work";
  text += formatted(": %zu of %zu measured candidates", noisy, measured);
  text += chosen ? ", what is named here among them, are" : " are";
  return text +
         " noisy (runs or rounds far apart), and figures may be off by that much. Repeat the study on a quieter "
         "machine, or with more rounds.";
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

#endif
