// fulcrum compare: whether a run is slower than an earlier one, for continuous integration.

#include <memory>
#include <string>

#include <fulcrum/report/comparison_text.hpp>
#include <fulcrum/run/compare_json.hpp>
#include <fulcrum/run/latency_report_json.hpp>

#include "command.hpp"
#include "comparison_argument.hpp"
#include "output_argument.hpp"

using namespace fulcrum;

namespace {

struct CompareCommand {
  std::string baseline, current;
  FailAboveArgument fail_above;
  bool json = false;
};

ExitCode compare_files(const CompareCommand& command) {
  const LatencyReport baseline = load_report(command.baseline);
  const LatencyReport current = load_report(command.current);
  const RunComparison comparison = compare_runs(baseline, current, command.fail_above.share());
  if (command.json) {
    print_document("comparison", to_json(comparison));
  } else {
    const auto line = [](const char* name, const std::string& file, const LatencyReport& report) {
      return std::string(name) + printable(file) + ": " + printable(report.model) + ", " +
             printable(to_string(report.config)) + ", " + std::string(name_of(report.kind)) + "\n";
    };
    print(line("baseline ", command.baseline, baseline) + line("new      ", command.current, current) + "\n" +
          to_text(comparison));
  }
  return exit_code_of(comparison.verdict);
}

}  // namespace

void add_compare(CLI::App& app, ExitCode& exit_code) {
  auto command = std::make_shared<CompareCommand>();
  CLI::App* sub = app.add_subcommand("compare", "Compare two reports of `measure --json`: is the new run slower");
  sub->add_option("BASELINE", command->baseline, "the earlier report, .json")->required();
  sub->add_option("NEW", command->current, "the report to judge, .json")->required();
  command->fail_above.add_to(*sub);
  add_output_to(*sub, command->json);
  sub->footer(
      "Ends with 0 when there is no regression, with 4 when the new run is slower by more than is allowed and by more "
      "than its noise, and with 5 when the runs are too noisy to tell.\n\n"
      "Example:\n"
      "  fulcrum measure model.onnx --json > new.json && fulcrum compare baseline.json new.json --fail-above 10%");
  sub->callback([command, &exit_code] { exit_code = compare_files(*command); });
}
