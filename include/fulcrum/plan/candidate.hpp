#pragma once
/// \file
/// One way to run a model: what the trade-off study weighs against the others.

#include <optional>
#include <string>

#include <fulcrum/core/linkage.hpp>
#include <fulcrum/passes/calibration.hpp>
#include <fulcrum/passes/prune.hpp>
#include <fulcrum/plan/figures.hpp>
#include <fulcrum/run/latency_report.hpp>

namespace fulcrum {

/// How a variant was made, beside its precision and how much of it is pruned.
struct VariantMaking {
  PruneScope scope = PruneScope::global;         ///< of the pruning; global where nothing is pruned
  std::optional<int> weight_bits;                ///< of int8's weights, 2 … 8; absent: what suits the CPU
  std::optional<CalibrationMethod> calibration;  ///< of int8's activations; absent: the study's own
  std::string recipe;                            ///< name of the recipe that was followed first; empty: none

  friend bool operator==(const VariantMaking&, const VariantMaking&) = default;
};

/// A variant of the model (precision and pruning) in a run configuration, with what is known about it. A candidate
/// that could not be made, predicted or measured stays in the study and says why.
struct Candidate {
  double sparsity = 0.0;                   ///< share of the weights pruned, [0, 1); 0: dense
  RunConfig config;                        ///< the variant's precision is config.precision
  std::optional<double> accuracy;          ///< on the whole test set in this precision; 1 is 100 %
  std::optional<LatencyReport> predicted;  ///< absent when the variant could not be made
  std::optional<LatencyReport> measured;   ///< absent when it was not measured
  bool on_front = false;                   ///< among the measured ones, none is better in every objective
  std::string why_not;                     ///< why it is not on the front, was not measured or could not be made
  VariantMaking making = {};
};

/// Whether it is of the model as it was given, but for its precision: neither pruned nor compressed by a recipe.
[[nodiscard]] inline bool is_unchanged(const Candidate& candidate) noexcept {
  return candidate.sparsity == 0.0 && candidate.making.recipe.empty();
}

/// The measured figures where there are, otherwise the predicted ones, otherwise nullptr.
FULCRUM_DECLARE [[nodiscard]] const LatencyReport* figures(const Candidate& candidate) noexcept;

/// (predicted − measured) / measured of the median latency; absent unless both are known.
FULCRUM_DECLARE [[nodiscard]] std::optional<double> prediction_error(const Candidate& candidate) noexcept;

/// "int8", or "int8, 50 % pruned", or "int8, 50 % of each layer pruned, 4-bit weights, entropy", or "f32, recipe
/// 'half'"
FULCRUM_DECLARE [[nodiscard]] std::string variant_name(Precision precision, double sparsity,
                                                       const VariantMaking& making = {});

/// "int8, 50 % pruned, batch 8, 2 threads, 1 instance"
FULCRUM_DECLARE [[nodiscard]] std::string to_string(const Candidate& candidate);

}  // namespace fulcrum

#if FULCRUM_DEFINES(plan)

namespace fulcrum {

FULCRUM_DEFINE const LatencyReport* figures(const Candidate& candidate) noexcept {
  if (candidate.measured) return &*candidate.measured;
  return candidate.predicted ? &*candidate.predicted : nullptr;
}

FULCRUM_DEFINE std::optional<double> prediction_error(const Candidate& candidate) noexcept {
  if (!candidate.predicted || !candidate.measured) return std::nullopt;
  const double measured = candidate.measured->latency.p50.count();
  if (!(measured > 0.0)) return std::nullopt;
  return candidate.predicted->latency.p50.count() / measured - 1.0;
}

FULCRUM_DEFINE std::string variant_name(Precision precision, double sparsity, const VariantMaking& making) {
  std::string text(name_of(precision));
  if (!making.recipe.empty()) text += ", recipe '" + making.recipe + "'";
  if (sparsity > 0.0) {
    text += detail::formatted(making.scope == PruneScope::layer ? ", %.3g %% of each layer pruned" : ", %.3g %% pruned",
                              sparsity * 100.0);
  }
  if (making.weight_bits) text += ", " + std::to_string(*making.weight_bits) + "-bit weights";
  if (making.calibration) text.append(", ").append(name_of(*making.calibration));
  return text;
}

FULCRUM_DEFINE std::string to_string(const Candidate& candidate) {
  const std::string config = to_string(candidate.config);
  return variant_name(candidate.config.precision, candidate.sparsity, candidate.making) +
         config.substr(name_of(candidate.config.precision).size());
}

}  // namespace fulcrum

#endif
