#pragma once

#include <string>
#include <vector>

#include <CLI/CLI.hpp>
#include <fulcrum/model/model.hpp>
#include <fulcrum/run/run_config.hpp>

/// What a command says of how to run its model: every command that takes a RunConfig has the same options for it.
struct RunConfigArgument {
  fulcrum::RunConfig config;
  std::string precision;                     ///< empty: int8 for a quantized model, else f32
  std::vector<std::string> layer_precision;  ///< NAME=PRECISION
  std::string winograd = "auto";
  std::string sparse = "auto";
  std::string missing_precision = "refuse";
  std::string roundings = "keep";

  /// Adds --batch, --threads, --precision, --layer-precision, --missing-precision, --roundings, --slice, --winograd and
  /// --sparse.
  /// \param more_precisions  behind "f32, bf16 or int8" in the help of --precision
  void add_to(CLI::App& command, const std::string& more_precisions = "");
  /// Adds --instances.
  void add_instances_to(CLI::App& command);

  /// The configuration for a model.
  /// \throws fulcrum::Error naming what is out of range or not understood
  [[nodiscard]] fulcrum::RunConfig for_model(const fulcrum::Model<float>& model) const;
};
