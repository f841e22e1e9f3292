// fulcrum tradeoff: which way to run a model on this machine.

#include <memory>
#include <string>

#include <nlohmann/json.hpp>

#include <fulcrum/core/file.hpp>
#include <fulcrum/plan/tradeoff.hpp>
#include <fulcrum/report/html.hpp>
#include <fulcrum/report/json.hpp>
#include <fulcrum/report/progress_bar.hpp>
#include <fulcrum/report/tradeoff_text.hpp>

#include "chart_js.hpp"
#include "command.hpp"
#include "model_argument.hpp"
#include "profile_argument.hpp"

using namespace fulcrum;

namespace {

struct TradeoffCommand {
  ModelArgument model;
  std::string data, profile, report, calibrate = "minmax";
  double slo_p99_ms = 0.0, max_accuracy_drop = 0.0;
  std::vector<double> sparsities;
  std::vector<std::int64_t> batches;
  std::vector<std::string> precisions;
  std::uint64_t seed = 0;
  bool json = false;
};

void tradeoff(const TradeoffCommand& command, bool has_slo, bool has_budget, ExitCode& exit_code) {
  TradeoffOptions options;
  if (has_slo) options.objective.slo_p99 = Milliseconds(command.slo_p99_ms);
  if (has_budget) options.objective.max_accuracy_drop_points = command.max_accuracy_drop;
  validate(options.objective);
  options.data = command.data;
  options.seed = command.seed;
  options.quantization.method = calibration_method_from(command.calibrate);
  ConfigurationSpace space = default_space(current_environment().cores);
  if (!command.sparsities.empty()) space.sparsities = command.sparsities;
  if (!command.batches.empty()) space.batches = command.batches;
  if (!command.precisions.empty()) {
    space.precisions.clear();
    for (const std::string& name : command.precisions) space.precisions.push_back(precision_from(name));
  }
  options.space = space;
  if (!command.report.empty()) check_writable(command.report);

  const Model<float> model = command.model.load(command.seed);
  const Dataset train_set = load_dataset(command.data, Split::train);
  const Dataset test_set = load_dataset(command.data, Split::test);
  const MachineProfile profile = profile_for_this_machine(command.profile);
  ProgressBar bar;
  const TradeoffStudy study = run_tradeoff(model, train_set, test_set, profile, options, bar.sink());
  bar.clear();
  if ((has_slo || has_budget) && !study.recommendation.candidate) exit_code = ExitCode::slo_missed;
  if (!command.report.empty()) write_file_atomically(command.report, html_report(study, profile, chart_js()));
  if (command.json) {
    print_document("tradeoff-study", to_json(study));
    return;
  }
  print(to_text(study));
  if (!command.report.empty()) print("\nreport: " + command.report + "\n");
}

}  // namespace

void add_tradeoff(CLI::App& app, ExitCode& exit_code) {
  auto command = std::make_shared<TradeoffCommand>();
  CLI::App* sub = app.add_subcommand("tradeoff", "Find the best way to run a model on this machine: the main job");
  command->model.add_to(*sub, "zoo:NAME or an .onnx file, in float")->required();
  sub->add_option("--data", command->data, "fashion-mnist, or a folder with its four IDX files")->required();
  CLI::Option* slo =
      sub->add_option("--slo-p99-ms", command->slo_p99_ms, "largest 99th percentile of an inference's latency, ms");
  CLI::Option* budget = sub->add_option("--max-accuracy-drop", command->max_accuracy_drop,
                                        "accuracy that may be lost against f32, percentage points");
  sub->add_option("--report", command->report, "write an HTML page with plots");
  sub->add_option("--profile", command->profile,
                  "a profile of this machine (default: the one calibrate keeps; made when there is none)");
  sub->add_option("--precisions", command->precisions, "precisions to consider, with commas (default: all)")
      ->delimiter(',');
  sub->add_option("--sparsities", command->sparsities, "shares of weights to prune, with commas (default: 0,0.5,0.7)")
      ->delimiter(',');
  sub->add_option("--batches", command->batches, "batch sizes, with commas (default: 1,4,16,64)")->delimiter(',');
  sub->add_option("--calibrate", command->calibrate, "how int8 finds ranges of activations")
      ->check(CLI::IsMember({"minmax", "percentile", "entropy", "mse"}))
      ->capture_default_str();
  sub->add_option("--seed", command->seed, "of the calibration sample and the random sources")->capture_default_str();
  sub->add_flag("--json", command->json, "print one JSON object");
  sub->footer(
      "Ends with 3 when nothing that was measured meets the target.\n\n"
      "Example:\n  fulcrum tradeoff model.onnx --data fashion-mnist --slo-p99-ms 2 --max-accuracy-drop 0.5 --report "
      "report.html");
  sub->callback(
      [command, slo, budget, &exit_code] { tradeoff(*command, slo->count() > 0, budget->count() > 0, exit_code); });
}
