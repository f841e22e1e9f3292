#pragma once

#include <optional>
#include <string>
#include <vector>

#include <CLI/CLI.hpp>
#include <fulcrum/passes/prune_channels.hpp>

#include "run_config_argument.hpp"

/// What a command says of the channels to prune.
struct PruneChannelsArgument {
  std::string text;  ///< flops=SHARE or latency-ms=X; empty: prune none
  std::string saliency = "l2", scope = "layer", profile;
  std::int64_t multiple = 0;  ///< 0: as many floats as a vector of this CPU has
  std::vector<std::string> skip;
  RunConfigArgument run;  ///< what a latency is predicted for

  /// Adds --prune-channels, --saliency and what else says how to a command.
  void add_to(CLI::App& command);

  [[nodiscard]] bool given() const noexcept { return !text.empty(); }
  /// What the target is about: "ms", or empty for FLOPs.
  [[nodiscard]] std::string unit() const { return text.starts_with("latency-ms=") ? "ms" : ""; }

  /// What --saliency, --channel-scope, --channel-multiple and --keep-channels say.
  [[nodiscard]] fulcrum::PruneChannelsOptions options() const;

  /// \param data  whose training images find the Taylor saliency; may be empty otherwise
  /// \throws fulcrum::Error when something is not understood, or as fulcrum::prune_channels()
  [[nodiscard]] fulcrum::PruneChannelsResult<float> prune(const fulcrum::Model<float>& model,
                                                          const std::string& data) const;
};
