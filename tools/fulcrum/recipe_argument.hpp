#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include <CLI/CLI.hpp>

#include "model_argument.hpp"
#include "prune_channels_argument.hpp"

/// What a command says of a recipe to compress by.
struct RecipeArgument {
  std::string path;  ///< of the recipe's JSON; empty: none

  /// Adds --recipe to a command.
  void add_to(CLI::App& command);

  [[nodiscard]] bool given() const noexcept { return !path.empty(); }

  /// Compresses a model and writes it. What is done is kept beside the output after every step, and a run that was
  /// interrupted goes on from there.
  /// \param data  a data set; may be empty where no step needs one: then there is no accuracy either
  /// \param seed  of all that is drawn, weights of the zoo included; nothing: the recipe's own
  /// \param how   --profile and the configuration that latencies are predicted for
  /// \throws fulcrum::Error when something cannot be read, written or done
  void run(const ModelArgument& model, const std::string& output, const std::string& data,
           const PruneChannelsArgument& how, std::optional<std::uint64_t> seed, bool json) const;
};
