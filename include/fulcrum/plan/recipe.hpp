#pragma once
/// \file
/// Compression as a list of steps: passes, and trainings that make up for what they cost.

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include <fulcrum/core/linkage.hpp>
#include <fulcrum/passes/calibration.hpp>
#include <fulcrum/passes/equalize_layers.hpp>
#include <fulcrum/passes/low_rank.hpp>
#include <fulcrum/passes/prune.hpp>
#include <fulcrum/passes/prune_channels.hpp>
#include <fulcrum/passes/quantize_weights.hpp>
#include <fulcrum/train/gradual_prune_hook.hpp>
#include <fulcrum/train/learned_step_hook.hpp>
#include <fulcrum/train/value_rounding.hpp>

namespace fulcrum {

/// Takes channels out, to a share of the FLOPs or to a predicted latency.
struct PruneChannelsStep {
  static constexpr std::string_view kind = "prune_channels";
  PruneChannelsOptions options;
  std::optional<double> latency_ms;  ///< the target instead of `options.flops`; predicted for RecipeSettings::config
};

/// Layers of low rank, where the cost model says that two are faster than one.
struct LowRankStep {
  static constexpr std::string_view kind = "low_rank";
  LowRankOptions options;
};

/// Sets weights to 0.
struct PruneStep {
  static constexpr std::string_view kind = "prune";
  PruneOptions options;
};

/// Trains on, under the masks that are there.
struct TrainStep {
  static constexpr std::string_view kind = "train";
  int epochs = 3;                         ///< ≥ 1
  double learning_rate = 1e-3;            ///< > 0: the schedule's peak
  std::int64_t batch = 128;               ///< ≥ 1
  std::optional<GradualPruneHook> prune;  ///< pruning meanwhile
  /// Whether each layer reaches the sparsity, or all together: then each gets the share that a global pruning of the
  /// model gives it as it comes here, unless `prune` names another.
  PruneScope prune_scope = PruneScope::layer;
  std::optional<LearnedStepHook> round;  ///< rounding weights by learned steps (LSQ)
  /// Rounding values between layers by learned steps as well. What comes out is in int8, with these steps as scales.
  std::optional<ValueRounding> round_values;
  std::string teacher;       ///< a model to learn from, by its name for RecipeSettings::load; empty: none
  double temperature = 4.0;  ///< of the teacher's part
  double soft = 0.7;         ///< the teacher's part, 0 … 1
};

/// Makes the ranges of weights equal between layers, for rounding.
struct EqualizeStep {
  static constexpr std::string_view kind = "equalize";
  EqualizeOptions options;
};

/// int8, with ranges from training samples.
struct QuantizeStep {
  static constexpr std::string_view kind = "quantize";
  QuantizeOptions options;
  std::int64_t samples = 512;  ///< ≥ 1
  /// Share of the test set that int8 may cost: layers that cost more stay in float (quantize_within()). Nothing: no
  /// matter.
  std::optional<double> max_accuracy_drop = std::nullopt;
  std::optional<double> min_sqnr_db = std::nullopt;  ///< the same, of the outputs over the samples [dB]
};

/// Dense layers with weights of a few bits that stay packed; values stay in float.
struct QuantizeWeightsStep {
  static constexpr std::string_view kind = "quantize_weights";
  WeightQuantizeOptions options;
};

using RecipeStep =
    std::variant<PruneChannelsStep, LowRankStep, PruneStep, TrainStep, EqualizeStep, QuantizeStep, QuantizeWeightsStep>;

[[nodiscard]] inline std::string_view kind_of(const RecipeStep& step) {
  return std::visit([](const auto& s) { return s.kind; }, step);
}

/// Steps in order; a value. By hand:
///
///     const Recipe recipe = Recipe("narrow").prune_channels({}).train({.epochs = 5}).quantize({});
///
/// or from JSON (report/recipe_json.hpp).
class Recipe {
public:
  explicit Recipe(std::string name, std::uint64_t seed = 0) : name_(std::move(name)), seed_(seed) {}

  Recipe& add(RecipeStep step) & {
    steps_.push_back(std::move(step));
    return *this;
  }
  Recipe&& add(RecipeStep step) && { return std::move(add(std::move(step))); }
  Recipe&& prune_channels(PruneChannelsStep step) && { return std::move(add(std::move(step))); }
  Recipe&& low_rank(LowRankStep step) && { return std::move(add(std::move(step))); }
  Recipe&& prune(PruneStep step) && { return std::move(add(std::move(step))); }
  Recipe&& train(TrainStep step) && { return std::move(add(std::move(step))); }
  Recipe&& equalize(EqualizeStep step) && { return std::move(add(std::move(step))); }
  Recipe&& quantize(QuantizeStep step) && { return std::move(add(std::move(step))); }
  Recipe&& quantize_weights(QuantizeWeightsStep step) && { return std::move(add(std::move(step))); }

  [[nodiscard]] const std::string& name() const noexcept { return name_; }
  [[nodiscard]] std::uint64_t seed() const noexcept { return seed_; }  ///< of all that is drawn in its trainings
  [[nodiscard]] const std::vector<RecipeStep>& steps() const noexcept { return steps_; }

private:
  std::string name_;
  std::uint64_t seed_ = 0;
  std::vector<RecipeStep> steps_;
};

/// A model as it stands: before a recipe, or after one of its steps.
struct RecipeState {
  std::string step;                ///< "prune_channels"; empty: before the first
  std::string what;                ///< what it did, in a line
  std::optional<double> accuracy;  ///< on the whole test set, 0 … 1; nothing: there is none
  std::int64_t samples = 0;        ///< of the test set
  double flops = 0.0;              ///< of one inference of one sample
  std::int64_t parameters = 0;
  std::int64_t nonzero = 0;            ///< of the weights of convolutions and dense layers
  std::int64_t weights = 0;            ///< as many there are
  std::optional<double> predicted_ms;  ///< median; nothing: there is no profile
  double seconds = 0.0;                ///< that the step took
};

struct RecipeResult {
  Model<float> model;
  std::vector<RecipeState> states;  ///< before the first step, and after each that was run
};

/// \throws Error when there is no step, or one cannot follow those before it, with the reason: channels and ranks come
///         before weights are pruned (what is pruned would be cut again, and another share left), everything before
///         integers (a training that rounds values ends in them), and a training that prunes not after weights were
///         pruned already
FULCRUM_DECLARE void validate(const Recipe& recipe);

}  // namespace fulcrum

#if FULCRUM_DEFINES(plan)

namespace fulcrum {

FULCRUM_DEFINE void validate(const Recipe& recipe) {
  const auto refuse = [&](std::size_t step, const std::string& why, const std::string& remedy) {
    throw Error("recipe '" + recipe.name() + "', step " + std::to_string(step + 1) + " (" +
                    std::string(kind_of(recipe.steps()[step])) + ")",
                why, remedy);
  };
  if (recipe.steps().empty()) throw Error("recipe '" + recipe.name() + "'", "has no step", "give one or more");
  bool pruned = false;
  bool rounded = false;
  bool packed = false;
  bool quantized = false;
  for (std::size_t i = 0; i < recipe.steps().size(); ++i) {
    const RecipeStep& step = recipe.steps()[i];
    const auto* train = std::get_if<TrainStep>(&step);
    const bool cuts = std::holds_alternative<PruneChannelsStep>(step) || std::holds_alternative<LowRankStep>(step);
    if (const auto* quantize = std::get_if<QuantizeStep>(&step);
        quantize != nullptr && quantize->max_accuracy_drop && quantize->min_sqnr_db)
      refuse(i, "has two limits", "give max_accuracy_drop or min_sqnr_db");
    if (quantized) refuse(i, "comes after the model has become integers", "put it before quantize");
    if (packed && !std::holds_alternative<QuantizeStep>(step))
      refuse(i, "comes after weights were packed, which no pass edits", "put it before quantize_weights");
    if (cuts && pruned)
      refuse(i, "comes after weights were pruned, and would leave another share of them", "put it before the pruning");
    if (rounded && !std::holds_alternative<QuantizeStep>(step))
      refuse(i, "comes after weights were rounded, and would move them off their steps", "put it before the rounding");
    if (train != nullptr && train->prune && pruned)
      refuse(i, "prunes while it trains, after weights were pruned already", "prune once: there or here");
    pruned = pruned || std::holds_alternative<PruneStep>(step) || (train != nullptr && train->prune);
    rounded = rounded || (train != nullptr && train->round);
    packed = std::holds_alternative<QuantizeWeightsStep>(step);
    quantized = std::holds_alternative<QuantizeStep>(step) || (train != nullptr && train->round_values);
  }
}

}  // namespace fulcrum

#endif
