#pragma once
// What compare and measure share: how much slower a run may be, and what a comparison ends with.

#include <string>

#include <CLI/CLI.hpp>
#include <fulcrum/run/compare.hpp>

#include "command.hpp"

/// A slowdown that is allowed, in percent.
struct FailAboveArgument {
  std::string text = "5%";

  /// Adds --fail-above.
  CLI::Option* add_to(CLI::App& command);
  /// "5%" and "5" are 0.05.
  [[nodiscard]] double share() const;
};

/// 0, 4 or 5.
[[nodiscard]] ExitCode exit_code_of(fulcrum::Verdict verdict);
