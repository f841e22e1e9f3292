#pragma once
/// \file
/// What one runs a model with.

#include <array>
#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include <fulcrum/core/dtype.hpp>
#include <fulcrum/core/enum_name.hpp>
#include <fulcrum/core/linkage.hpp>
#include <fulcrum/run/sparse_costs.hpp>

namespace fulcrum {

/// Whether an algorithm that is not always the faster one is taken.
enum class UseAlgorithm : std::uint8_t {
  automatic,  ///< where it is expected to be faster
  always,     ///< wherever the machine has it and the layer has its form
  never,
};

/// "auto", "always", "never"
[[nodiscard]] constexpr std::string_view name_of(UseAlgorithm use) noexcept {
  switch (use) {
    case UseAlgorithm::automatic: return "auto";
    case UseAlgorithm::always: return "always";
    case UseAlgorithm::never: return "never";
  }
  return "?";
}

/// \throws Error when there is no such word
FULCRUM_DECLARE [[nodiscard]] UseAlgorithm use_algorithm_from(std::string_view name);

/// Which algorithms a run may take.
struct AlgorithmPolicy {
  /// Winograd's for 3×3 convolutions in f32 (schedule/winograd.hpp). Its worst error was 1.2 to 2.6 times that of a
  /// direct convolution; an infinity or NaN in the source makes up to 8×8 results around it NaN; transformed weights
  /// are four times as large.
  UseAlgorithm winograd = UseAlgorithm::automatic;
  /// Products in f32 by the weights that are not 0 alone (schedule/sparse.hpp). An infinity or NaN in the source counts
  /// only where its weight is not 0.
  UseAlgorithm sparse = UseAlgorithm::automatic;
  /// What sparse products and dense ones cost on the machine at hand, as its profile says (calibrated() in
  /// cost/machine_profile.hpp), for `automatic` to go by. Empty: as on the machines that Fulcrum was timed on.
  std::vector<SparseCosts> sparse_costs{};

  friend bool operator==(const AlgorithmPolicy&, const AlgorithmPolicy&) = default;
};

/// What to do where the CPU lacks the precision asked for.
enum class MissingPrecision : std::uint8_t {
  refuse,  ///< an Error says what is missing
  f32,     ///< the model runs in f32, with a note
};

/// "refuse", "f32"
[[nodiscard]] constexpr std::string_view name_of(MissingPrecision missing) noexcept {
  return missing == MissingPrecision::refuse ? "refuse" : "f32";
}

/// \throws Error when there is no such word
[[nodiscard]] inline MissingPrecision missing_precision_from(std::string_view name) {
  return enum_from("missing precision", name, std::array{MissingPrecision::refuse, MissingPrecision::f32});
}

/// What becomes of the roundings to integers that a quantized model has, where it does not run in int8.
enum class Roundings : std::uint8_t {
  keep,       ///< they are a part of the function: a clamp at the ends of the integers may be a ReLU
  leave_out,  ///< weights as they are kept in float, values as they are computed
};

/// "keep", "leave_out"
[[nodiscard]] constexpr std::string_view name_of(Roundings roundings) noexcept {
  return roundings == Roundings::keep ? "keep" : "leave_out";
}

/// \throws Error when there is no such word
[[nodiscard]] inline Roundings roundings_from(std::string_view name) {
  return enum_from("roundings", name, std::array{Roundings::keep, Roundings::leave_out});
}

/// The largest batch, and the most threads of all instances together, of any machine. How many threads this machine
/// takes is for expect_threads() to say.
inline constexpr std::int64_t largest_batch = std::int64_t{1} << 24U;
inline constexpr std::int64_t most_threads = 4096;

/// How a model is run. Prediction, execution and measurement take the same one, and reports carry it.
struct RunConfig {
  std::int64_t batch = 1;                ///< samples per inference; 1 … largest_batch
  int threads = 1;                       ///< threads of each instance; ≥ 1
  int instances = 1;                     ///< copies that run side by side, each on its own threads; ≥ 1
  Precision precision = Precision::f32;  ///< int8 takes a model that a quantization pass has been over
  MissingPrecision missing_precision = MissingPrecision::refuse;
  /// Layers by name that compute in another precision than the rest (see measure/choose_precision.hpp). One in f32 of
  /// an int8 model still rounds its weights and result as the model says.
  std::map<std::string, Precision> layer_precision{};
  /// Samples that one thread takes through the whole model at a time (see schedule/batch_slices.hpp); divides the
  /// batch. 0: as choose_slices() says for the machine; the batch: no slices, every step runs on the whole batch.
  std::int64_t slice = 0;
  AlgorithmPolicy algorithms{};
  Roundings roundings = Roundings::keep;  ///< those of int8 cannot be left out

  friend bool operator==(const RunConfig&, const RunConfig&) = default;
};

/// \throws Error when a number is out of its range, there are more than most_threads threads together, the slice does
/// not divide the batch, or roundings are to be
///         left out of int8
FULCRUM_DECLARE void validate(const RunConfig& config);

/// "int8, batch 8, 2 threads, 1 instance", and behind it whatever is not the default: "slices of 2", "without
/// roundings", "conv1 in f32", "Winograd's algorithm never".
FULCRUM_DECLARE [[nodiscard]] std::string to_string(const RunConfig& config);

}  // namespace fulcrum

#if FULCRUM_DEFINES(run)

namespace fulcrum {

FULCRUM_DEFINE UseAlgorithm use_algorithm_from(std::string_view name) {
  return enum_from("algorithm policy", name,
                   std::array{UseAlgorithm::automatic, UseAlgorithm::always, UseAlgorithm::never});
}

FULCRUM_DEFINE void validate(const RunConfig& config) {
  const auto check = [](const char* name, std::int64_t value, std::int64_t most) {
    if (value < 1 || value > most)
      throw Error(name, "is " + std::to_string(value), "give a number from 1 to " + std::to_string(most));
  };
  check("batch", config.batch, largest_batch);
  check("threads", config.threads, most_threads);
  check("instances", config.instances, most_threads);
  check("threads of all instances", std::int64_t{config.threads} * config.instances, most_threads);
  if (config.roundings == Roundings::leave_out && config.precision == Precision::int8)
    throw Error("roundings", "are what int8 is and cannot be left out", "run in f32 or bf16 without them");
  if (config.slice < 0 || (config.slice > 0 && config.batch % config.slice != 0)) {
    throw Error("slice " + std::to_string(config.slice), "does not divide the batch of " + std::to_string(config.batch),
                "give a divisor, or 0 to have one chosen");
  }
}

FULCRUM_DEFINE std::string to_string(const RunConfig& config) {
  const auto plural = [](std::int64_t n, const char* noun) {
    return std::to_string(n) + " " + noun + (n == 1 ? "" : "s");
  };
  std::string text = std::string(name_of(config.precision)) + ", batch " + std::to_string(config.batch) + ", " +
                     plural(config.threads, "thread") + ", " + plural(config.instances, "instance");
  if (config.slice > 0) text += ", slices of " + std::to_string(config.slice);
  if (config.roundings == Roundings::leave_out) text += ", without roundings";
  for (const auto& [layer, precision] : config.layer_precision)
    text += ", " + layer + " in " + std::string(name_of(precision));
  if (config.algorithms.winograd != UseAlgorithm::automatic)
    text += ", Winograd's algorithm " + std::string(name_of(config.algorithms.winograd));
  if (config.algorithms.sparse != UseAlgorithm::automatic)
    text += ", sparse products " + std::string(name_of(config.algorithms.sparse));
  if (config.precision == Precision::f32 && !config.algorithms.sparse_costs.empty()) text += ", sparse where it pays";
  return text;
}

}  // namespace fulcrum

#endif
