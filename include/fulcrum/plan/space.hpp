#pragma once
/// \file
/// The ways to run a model that a study considers.

#include <algorithm>
#include <cstdint>
#include <string>
#include <vector>

#include <fulcrum/core/error.hpp>
#include <fulcrum/core/linkage.hpp>
#include <fulcrum/plan/candidate.hpp>
#include <fulcrum/plan/recipe.hpp>

namespace fulcrum {

/// The axes of the study; every combination whose instances fit the machine is a candidate.
struct ConfigurationSpace {
  std::vector<Precision> precisions{all_precisions.begin(), all_precisions.end()};
  std::vector<double> sparsities{0.0, 0.5, 0.7};    ///< share of all weights pruned (global magnitude), each in [0, 1)
  std::vector<std::int64_t> batches{1, 4, 16, 64};  ///< samples per inference, each 1 … 65,536
  std::vector<int> threads{1};                      ///< threads of each instance, each ≥ 1
  std::vector<int> instances{1};                    ///< copies side by side, each ≥ 1
  std::vector<PruneScope> scopes{PruneScope::global};  ///< of the pruning
  std::vector<int> weight_bits{};                      ///< of int8's weights, each 2 … 8; empty: what suits the CPU
  std::vector<CalibrationMethod> calibrations{};  ///< of int8's activations; empty: TradeoffOptions::quantization's
  /// Each makes one more variant of every precision, not pruned further; one that quantizes makes one of int8 alone.
  std::vector<Recipe> recipes{};
};

/// A way to make a variant: candidates of one way differ in how they run alone.
struct VariantChoice {
  Precision precision = Precision::f32;
  double sparsity = 0.0;
  VariantMaking making = {};

  friend bool operator==(const VariantChoice&, const VariantChoice&) = default;
};

/// The variants of a space, each once: precision, recipe, sparsity, scope, bits, calibration.
/// \throws Error when an axis is empty or holds an impossible value, or two recipes have one name
FULCRUM_DECLARE [[nodiscard]] std::vector<VariantChoice> variant_choices(const ConfigurationSpace& space);

/// The default axes, with threads and instances the powers of two up to `cores`, and `cores` itself.
/// \param cores  cores this process may use (Environment::cores), ≥ 1
FULCRUM_DECLARE [[nodiscard]] ConfigurationSpace default_space(int cores);

namespace detail {
template <class T, class Valid>
void expect_axis(const std::vector<T>& axis, const char* name, const char* range, Valid valid) {
  const std::string where = std::string("configuration space, ") + name;
  if (axis.empty()) throw Error(where, "is empty", std::string("give at least one value ") + range);
  for (const T value : axis) {
    if (!valid(value)) throw Error(where, "has " + std::to_string(value), std::string("give values ") + range);
  }
}
}  // namespace detail

/// Every candidate of the space with threads × instances ≤ cores, without figures yet. Order: as variant_choices(),
/// then threads, instances, batch; values given twice count once.
///
/// \throws Error when an axis is empty or holds an impossible value, or nothing fits the cores
FULCRUM_DECLARE [[nodiscard]] std::vector<Candidate> enumerate(const ConfigurationSpace& space, int cores);

}  // namespace fulcrum

#if FULCRUM_DEFINES(plan)

namespace fulcrum {

FULCRUM_DEFINE ConfigurationSpace default_space(int cores) {
  if (cores < 1) throw Error("cores", "is " + std::to_string(cores), "give the number of usable cores");
  ConfigurationSpace space;
  for (int n = 2; n < cores; n *= 2) space.threads.push_back(n);
  if (cores > 1) space.threads.push_back(cores);
  space.instances = space.threads;
  return space;
}

FULCRUM_DEFINE std::vector<VariantChoice> variant_choices(const ConfigurationSpace& space) {
  if (space.precisions.empty()) throw Error("configuration space, precisions", "is empty", "give at least one");
  if (space.scopes.empty()) throw Error("configuration space, scopes", "is empty", "give global, layer or both");
  detail::expect_axis(space.sparsities, "sparsities", "from 0 to below 1",
                      [](double s) { return s >= 0.0 && s < 1.0; });
  if (!space.weight_bits.empty())
    detail::expect_axis(space.weight_bits, "bits of weights", "from 2 to 8", [](int b) { return b >= 2 && b <= 8; });

  // An axis that does not matter to a variant has one value for it.
  std::vector<std::optional<int>> bits(space.weight_bits.begin(), space.weight_bits.end());
  if (bits.empty()) bits.emplace_back();
  std::vector<std::optional<CalibrationMethod>> methods(space.calibrations.begin(), space.calibrations.end());
  if (methods.empty()) methods.emplace_back();
  std::vector<VariantChoice> choices;
  const auto add = [&](const VariantChoice& choice) {
    if (std::find(choices.begin(), choices.end(), choice) == choices.end()) choices.push_back(choice);
  };
  const auto add_quantized = [&](VariantChoice choice) {
    for (const auto b : choice.precision == Precision::int8 ? bits : std::vector<std::optional<int>>(1)) {
      for (const auto m :
           choice.precision == Precision::int8 ? methods : std::vector<std::optional<CalibrationMethod>>(1)) {
        choice.making.weight_bits = b;
        choice.making.calibration = m;
        add(choice);
      }
    }
  };
  for (std::size_t i = 0; i < space.recipes.size(); ++i) {
    for (std::size_t j = 0; j < i; ++j) {
      if (space.recipes[i].name() == space.recipes[j].name())
        throw Error("configuration space, recipes", "has two of the name '" + space.recipes[i].name() + "'",
                    "give each a name of its own");
    }
  }
  for (const Precision precision : space.precisions) {
    for (const double sparsity : space.sparsities) {
      for (const PruneScope scope : sparsity > 0.0 ? space.scopes : std::vector{PruneScope::global})
        add_quantized({precision, sparsity, {.scope = scope, .weight_bits = {}, .calibration = {}, .recipe = {}}});
    }
    for (const Recipe& recipe : space.recipes) {
      VariantChoice choice{precision, 0.0, {}};
      choice.making.recipe = recipe.name();
      const bool quantizes = std::holds_alternative<QuantizeStep>(recipe.steps().back());
      if (!quantizes)
        add_quantized(choice);
      else if (precision == Precision::int8)
        add(choice);
    }
  }
  return choices;
}

FULCRUM_DEFINE std::vector<Candidate> enumerate(const ConfigurationSpace& space, int cores) {
  const std::vector<VariantChoice> choices = variant_choices(space);
  const auto positive = [](auto n) { return n >= 1; };
  detail::expect_axis(space.batches, "batches", "from 1 to 65,536",
                      [](std::int64_t n) { return n >= 1 && n <= 65536; });  // larger ones take minutes and memory
  detail::expect_axis(space.threads, "threads", "of 1 or more", positive);
  detail::expect_axis(space.instances, "instances", "of 1 or more", positive);

  std::vector<Candidate> candidates;
  for (const VariantChoice& choice : choices) {
    for (const int threads : space.threads) {
      for (const int instances : space.instances) {
        if (static_cast<std::int64_t>(threads) * instances > cores) continue;
        for (const std::int64_t batch : space.batches) {
          const RunConfig config{batch, threads, instances, choice.precision};
          const bool known = std::any_of(candidates.begin(), candidates.end(), [&](const Candidate& c) {
            return c.config == config && c.sparsity == choice.sparsity && c.making == choice.making;
          });
          if (known) continue;
          candidates.emplace_back();
          candidates.back().sparsity = choice.sparsity;
          candidates.back().making = choice.making;
          candidates.back().config = config;
        }
      }
    }
  }
  if (candidates.empty()) {
    throw Error("configuration space", "has no threads × instances that fit " + std::to_string(cores) + " core(s)",
                "give fewer threads or instances");
  }
  return candidates;
}

}  // namespace fulcrum

#endif
