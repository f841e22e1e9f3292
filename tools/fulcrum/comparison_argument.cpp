#include "comparison_argument.hpp"

#include <charconv>
#include <optional>
#include <system_error>

namespace {

/// Nothing when the text is no percentage from 0 to a million.
std::optional<double> share_of(const std::string& percentage) {
  const char* const end = percentage.data() + percentage.size();
  double value = 0.0;
  const auto [stop, failure] = std::from_chars(percentage.data(), end, value);
  const std::string rest(stop, end);
  const bool valid = failure == std::errc() && (rest.empty() || rest == "%" || rest == " %");
  if (!valid || !(value >= 0.0 && value <= 1e6)) return std::nullopt;
  return value / 100.0;
}

}  // namespace

CLI::Option* FailAboveArgument::add_to(CLI::App& command) {
  const auto check = [](const std::string& given) -> std::string {
    return share_of(given) ? "" : "'" + given.substr(0, 60) + "' is no percentage of 0 or more";
  };
  return command.add_option("--fail-above", text, "slowdown that is allowed, in percent")
      ->check(check)
      ->capture_default_str();
}

double FailAboveArgument::share() const { return share_of(text).value_or(0.0); }

ExitCode exit_code_of(fulcrum::Verdict verdict) {
  switch (verdict) {
    case fulcrum::Verdict::no_regression: return ExitCode::success;
    case fulcrum::Verdict::regression: return ExitCode::regression;
    case fulcrum::Verdict::too_noisy: return ExitCode::too_noisy;
  }
  return ExitCode::failure;
}
