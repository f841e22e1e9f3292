#pragma once

#include <string>
#include <vector>

#include <CLI/CLI.hpp>
#include <fulcrum/measure/evaluate.hpp>

/// What a command says of samples of the user's own and how answers to them are scored.
struct MetricArgument {
  std::vector<std::string> inputs;  ///< .npy, one for each model input; empty: there are none
  std::string targets, metric, command;

  /// Adds --inputs, --targets, --metric and --metric-command.
  void add_to(CLI::App& app, const std::vector<std::string>& metrics);

  [[nodiscard]] bool given() const noexcept { return !inputs.empty(); }

  /// Checks what was said, before anything is loaded.
  /// \param name      of the command
  /// \param has_data  whether --data was given
  /// \throws fulcrum::Error when not exactly one score is asked for, or targets are missing
  void check(const std::string& name, bool has_data) const;

  [[nodiscard]] std::vector<fulcrum::Tensor<float>> load_inputs() const;

  /// The score. cosine without targets takes the outputs of `model` in f32.
  [[nodiscard]] fulcrum::Metric metric_for(const fulcrum::Model<float>& model,
                                           const std::vector<fulcrum::Tensor<float>>& sources,
                                           const fulcrum::RunConfig& config,
                                           const fulcrum::ProgressSink& progress) const;
};
