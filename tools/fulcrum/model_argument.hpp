#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include <CLI/CLI.hpp>
#include <fulcrum/analysis/is_quantized.hpp>

/// What a command says of the model it works on: zoo:NAME (weights from the seed) or an .onnx file.
struct ModelArgument {
  std::string text;
  std::vector<std::string> dims;             ///< NAME=EXTENT, of the file's symbolic dimensions
  std::vector<fulcrum::Shape> input_shapes;  ///< what the inputs will be given; binds what `dims` leaves open
  std::uint64_t seed = 0;

  /// Adds MODEL and --dim to a command.
  /// \return the MODEL option, to say whether it must be given
  CLI::Option* add_to(CLI::App& command, const std::string& help = "zoo:NAME or an .onnx file");

  [[nodiscard]] bool given() const noexcept { return !text.empty(); }
  /// \throws fulcrum::Error when there is no such model or it cannot be read
  [[nodiscard]] fulcrum::Model<float> load() const;
};

/// What --precision says; without it int8 for a quantized model and f32 for any other.
[[nodiscard]] fulcrum::Precision precision_for(const fulcrum::Model<float>& model, const std::string& option);
