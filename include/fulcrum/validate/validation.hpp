#pragma once
/// \file
/// Predictions beside measurements, as they came: what an error card is made of. Plain values.

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include <fulcrum/core/environment.hpp>
#include <fulcrum/core/linkage.hpp>
#include <fulcrum/cost/drift.hpp>
#include <fulcrum/run/run_config.hpp>
#include <fulcrum/validate/statistics.hpp>

namespace fulcrum {

/// From … to [ms], as it was predicted.
struct PredictedRange {
  double low_ms = 0.0;
  double high_ms = 0.0;

  friend bool operator==(const PredictedRange&, const PredictedRange&) = default;
};

/// One measurement of a case; each case has one in every round.
struct ValidationRound {
  double p50_ms = 0.0;
  double p99_ms = 0.0;
  double throughput_per_s = 0.0;     ///< samples
  std::int64_t samples = 0;          ///< inferences that were timed
  std::optional<double> slowdown{};  ///< of the prediction at the speed that the machine had; absent: that is not known

  friend bool operator==(const ValidationRound&, const ValidationRound&) = default;
};

/// A step of a case. A time is absent where the step was not predicted, or did not run.
struct ValidatedStep {
  std::string name;
  std::string kind;    ///< "Conv+Relu"
  std::string kernel;  ///< name_of(KernelClass); of a step that was not predicted, "movement" or empty
  std::optional<double> predicted_us;
  std::optional<double> measured_us;  ///< median over the rounds

  friend bool operator==(const ValidatedStep&, const ValidatedStep&) = default;
};

/// A network in a configuration: predicted once, measured in rounds.
struct ValidationCase {
  std::string model;
  RunConfig config;
  double predicted_p50_ms = 0.0;
  double predicted_p99_ms = 0.0;
  double predicted_throughput_per_s = 0.0;
  std::optional<PredictedRange> p50_range;  ///< absent where the predictor gives none
  std::optional<PredictedRange> p99_range;
  std::vector<ValidationRound> rounds;
  std::vector<ValidatedStep> steps;
  std::string why_not;  ///< why it was not predicted or measured; empty: it was

  [[nodiscard]] bool complete() const noexcept { return why_not.empty() && !rounds.empty(); }
  /// Medians over the rounds.
  ///
  /// \throws Error when there are none
  [[nodiscard]] double measured_p50_ms() const { return middle(&ValidationRound::p50_ms); }
  [[nodiscard]] double measured_p99_ms() const { return middle(&ValidationRound::p99_ms); }
  [[nodiscard]] double measured_throughput_per_s() const { return middle(&ValidationRound::throughput_per_s); }
  /// predicted / measured − 1 of the median.
  ///
  /// \throws Error when there are no rounds
  [[nodiscard]] double error() const { return predicted_p50_ms / measured_p50_ms() - 1.0; }

  /// The same of the prediction at the speed that the machine had in each round: the middle one of the rounds' errors.
  /// Nothing where that is not known.
  [[nodiscard]] std::optional<double> error_at_present_speed() const {
    std::vector<double> ratios;
    for (const ValidationRound& round : rounds) {
      if (!round.slowdown) return std::nullopt;
      ratios.push_back(*round.slowdown * predicted_p50_ms / round.p50_ms);
    }
    if (ratios.empty()) return std::nullopt;
    return median_of_figures(std::move(ratios)) - 1.0;
  }

  friend bool operator==(const ValidationCase&, const ValidationCase&) = default;

private:
  [[nodiscard]] double middle(double ValidationRound::*figure) const {
    std::vector<double> values;
    for (const ValidationRound& round : rounds) values.push_back(round.*figure);
    return median_of_figures(std::move(values));
  }
};

/// All that a run of `fulcrum validate` found.
struct Validation {
  std::string created_utc;          ///< when it began
  std::string profile_created_utc;  ///< of the profile that predicted
  double duration_s = 0.0;
  Environment environment;
  std::vector<Drift> drifts;  ///< before each round; empty when the profile has no drift probe
  std::vector<ValidationCase> cases;
  std::vector<std::string> notes;

  friend bool operator==(const Validation&, const Validation&) = default;
};

}  // namespace fulcrum
