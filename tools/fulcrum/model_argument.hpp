#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include <CLI/CLI.hpp>
#include <fulcrum/analysis/is_quantized.hpp>
#include <fulcrum/exec/state.hpp>

/// What a command says of the model it works on: zoo:NAME (weights from a seed) or an .onnx file.
struct ModelArgument {
  std::string text;
  std::vector<std::string> dims;             ///< NAME=EXTENT, of the file's symbolic dimensions
  std::vector<std::string> sets;             ///< NAME=VALUE, of the file's inputs
  std::vector<std::string> outputs;          ///< values of the file that the model gives instead of its outputs
  std::vector<fulcrum::Shape> input_shapes;  ///< what the other inputs will be given; binds what `dims` leaves open
  std::vector<std::string> states;           ///< IN=OUT, of inputs that `input_shapes` leaves out

  /// Adds MODEL, --dim, --set and --outputs to a command.
  /// \return the MODEL option, to say whether it must be given
  CLI::Option* add_to(CLI::App& command, const std::string& help = "zoo:NAME or an .onnx file");

  /// Adds --state to a command that runs step by step.
  /// \param more  what the command makes of the other inputs
  void add_states_to(CLI::App& command, const std::string& more = "");
  /// What --state says.
  /// \throws fulcrum::Error when one is no IN=OUT
  [[nodiscard]] std::vector<fulcrum::State> state_pairs() const;

  [[nodiscard]] bool given() const noexcept { return !text.empty(); }
  /// Remarks of the import go to standard error.
  /// \param seed  of the weights of a model of the zoo
  /// \throws fulcrum::Error when there is no such model or it cannot be read
  [[nodiscard]] fulcrum::Model<float> load(std::uint64_t seed = 0) const;
};

/// What --precision says; without it int8 for a quantized model and f32 for any other.
[[nodiscard]] fulcrum::Precision precision_for(const fulcrum::Model<float>& model, const std::string& option);
