#pragma once
/// \file
/// What a trade-off study finds out.

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include <fulcrum/core/environment.hpp>
#include <fulcrum/plan/candidate.hpp>
#include <fulcrum/plan/objective.hpp>
#include <fulcrum/plan/recommendation.hpp>

namespace fulcrum {

/// A variant of the model: what all candidates of one precision and sparsity share.
struct Variant {
  Precision precision = Precision::f32;
  double sparsity = 0.0;                ///< asked for; [0, 1)
  std::optional<double> accuracy;       ///< on the whole test set in this precision; 1 is 100 %
  std::int64_t parameters = 0;          ///< weights and biases
  std::int64_t nonzero_parameters = 0;  ///< of which are not 0
  std::string why_not;                  ///< why it could not be made or evaluated; empty when it could
  VariantMaking making = {};
};

/// The bytes that the parameters of a variant take in its precision, each zero too: 4 in f32, 2 in bf16, 1 in int8
/// (whose biases and scales are more, and few). 0 where it could not be made.
[[nodiscard]] constexpr double parameter_bytes(const Variant& variant) noexcept {
  const double each = variant.precision == Precision::f32 ? 4.0 : variant.precision == Precision::bf16 ? 2.0 : 1.0;
  return each * static_cast<double>(variant.parameters);
}

/// The memory that a run took, of all its instances [MB, 10⁶ B]: the weights once, the rest each.
[[nodiscard]] inline double memory_mb(const LatencyReport& report) noexcept {
  const auto bytes = [](std::size_t n) { return static_cast<double>(n); };
  return 1e-6 * (bytes(report.memory.weights) +
                 report.config.instances * (bytes(report.memory.activations) + bytes(report.memory.scratchpad)));
}

/// The whole study, ready to be printed, written as JSON or shown as a page.
struct TradeoffStudy {
  std::string model;
  std::string data;               ///< name of the data set; may be empty
  std::int64_t test_samples = 0;  ///< behind every accuracy
  Objective objective;
  std::optional<double> baseline_accuracy;  ///< of the f32 dense model; 1 is 100 %
  std::vector<Variant> variants;
  std::vector<Candidate> candidates;
  Recommendation recommendation;  ///< its indices are into candidates
  Environment environment;
  std::vector<std::string> notes;  ///< what the reader should know
  std::string started_at;          ///< UTC, ISO 8601 ("2026-01-31T12:00:00Z")
  std::string disturbance{};       ///< in a sentence, that other work was on the machine; empty: it was quiet
  Seconds duration{};
};

/// What a candidate runs; null where it is not among the study's variants.
[[nodiscard]] inline const Variant* variant_of(const TradeoffStudy& study, const Candidate& candidate) noexcept {
  for (const Variant& v : study.variants) {
    if (v.precision == candidate.config.precision && v.sparsity == candidate.sparsity && v.making == candidate.making)
      return &v;
  }
  return nullptr;
}

}  // namespace fulcrum
