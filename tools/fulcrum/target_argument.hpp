#pragma once

#include <string>

#include <CLI/CLI.hpp>
#include <fulcrum/plan/compress_to_target.hpp>

#include "model_argument.hpp"
#include "prune_channels_argument.hpp"

/// What a command says of a latency to compress a model to.
struct TargetArgument {
  fulcrum::TargetOptions options;
  double max_drop_points = 1.0;

  /// Adds --target-latency-ms and what goes with it to a command.
  void add_to(CLI::App& command);

  [[nodiscard]] bool given() const noexcept { return options.latency_ms > 0.0; }

  /// Compresses a model, writes it, measures it and says what was tried.
  /// \param data  a data set to fine-tune and evaluate on
  /// \param how   how channels are pruned, --profile and the configuration that latencies are for
  /// \throws fulcrum::Error when something cannot be read, written or done
  void run(const ModelArgument& model, const std::string& output, const std::string& data,
           const PruneChannelsArgument& how, bool json) const;
};
