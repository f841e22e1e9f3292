// fulcrum compare: whether a run is slower than an earlier one, for continuous integration.

#include <cmath>
#include <cstdlib>
#include <memory>
#include <optional>
#include <string>

#include <fulcrum/report/comparison_text.hpp>
#include <fulcrum/run/compare_json.hpp>
#include <fulcrum/run/latency_report_json.hpp>

#include "command.hpp"

using namespace fulcrum;

namespace {

struct CompareCommand {
  std::string baseline, current;
  std::string fail_above = "5%";
  bool json = false;
};

/// "5%" and "5" are 0.05; nothing when it is no percentage of 0 or more.
std::optional<double> share_of(const std::string& percentage) {
  char* end = nullptr;
  const double value = std::strtod(percentage.c_str(), &end);
  const std::string rest = end;
  const bool valid = end != percentage.c_str() && (rest.empty() || rest == "%" || rest == " %");
  if (!valid || !std::isfinite(value) || value < 0.0) return std::nullopt;
  return value / 100.0;
}

std::string check_percentage(const std::string& text) {
  return share_of(text) ? "" : "'" + text + "' is no percentage of 0 or more";
}

ExitCode compare_files(const CompareCommand& command) {
  const LatencyReport baseline = load_report(command.baseline);
  const LatencyReport current = load_report(command.current);
  const RunComparison comparison = compare_runs(baseline, current, *share_of(command.fail_above));
  if (command.json) {
    print_json(to_json(comparison).dump());
  } else {
    const auto line = [](const char* name, const std::string& file, const LatencyReport& report) {
      return std::string(name) + printable(file) + ": " + printable(report.model) + ", " +
             printable(to_string(report.config)) + ", " + std::string(name_of(report.kind)) + "\n";
    };
    print(line("baseline ", command.baseline, baseline) + line("new      ", command.current, current) + "\n" +
          to_text(comparison));
  }
  switch (comparison.verdict) {
    case Verdict::no_regression: return ExitCode::success;
    case Verdict::regression: return ExitCode::regression;
    case Verdict::too_noisy: return ExitCode::too_noisy;
  }
  return ExitCode::failure;
}

}  // namespace

void add_compare(CLI::App& app, ExitCode& exit_code) {
  auto command = std::make_shared<CompareCommand>();
  CLI::App* sub = app.add_subcommand("compare", "Compare two reports of `measure --json`: is the new run slower");
  sub->add_option("BASELINE", command->baseline, "the earlier report, .json")->required();
  sub->add_option("NEW", command->current, "the report to judge, .json")->required();
  sub->add_option("--fail-above", command->fail_above, "slowdown that is allowed, in percent")
      ->check(check_percentage)
      ->capture_default_str();
  sub->add_flag("--json", command->json, "print one JSON object");
  sub->footer(
      "Ends with 0 when there is no regression, with 4 when the new run is slower by more than is allowed and by more "
      "than its noise, and with 5 when the runs are too noisy to tell.\n\n"
      "Example:\n"
      "  fulcrum measure model.onnx --json > new.json && fulcrum compare baseline.json new.json --fail-above 10%");
  sub->callback([command, &exit_code] { exit_code = compare_files(*command); });
}
