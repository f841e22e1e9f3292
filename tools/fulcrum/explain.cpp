// fulcrum explain: what a model's layers became when it was compiled.

#include <memory>
#include <optional>
#include <string>
#include <utility>

#include <nlohmann/json.hpp>

#include <fulcrum/core/file.hpp>
#include <fulcrum/cost/step_basis.hpp>
#include <fulcrum/exec/explain.hpp>
#include <fulcrum/measure/measure.hpp>
#include <fulcrum/report/explanation_html.hpp>
#include <fulcrum/report/explanation_json.hpp>
#include <fulcrum/report/explanation_text.hpp>
#include <fulcrum/schedule/make_schedule.hpp>

#include "command.hpp"
#include "int8.hpp"
#include "model_argument.hpp"
#include "output_argument.hpp"
#include "profile_argument.hpp"
#include "run_config_argument.hpp"

using namespace fulcrum;

namespace {

struct ExplainCommand {
  ModelArgument model;
  RunConfigArgument run;
  std::string html, profile;
  bool json = false;
};

void explain_model(const ExplainCommand& command) {
  expect_separate_files({{"MODEL", command.model.text}, {"--html", command.html}});
  if (!command.html.empty()) check_writable(command.html);
  Model<float> model = command.model.load();
  RunConfig config = command.run.for_model(model);
  std::optional<MachineProfile> profile;
  if (!command.profile.empty()) {
    profile = profile_for_this_machine(command.profile);
    config = calibrated(std::move(config), model, *profile);
  }
  if (config.precision == Precision::int8 && !is_quantized(model)) {
    remark("the model is not quantized: shown with scales from random inputs");
    model = quantized_for_timing(model);
  }
  Explanation explanation = explain(model, config, command.model.state_pairs());
  if (profile) explanation.predicted = basis_of(make_schedule(model, config, machine_of(*profile)), *profile);
  if (!command.html.empty()) {
    MeasureOptions options;
    options.min_duration = Seconds(0.3);
    options.executors = onednn_executors(command.model.state_pairs());
    const LatencyReport timed = measure(model, config, options);
    write_file_atomically(command.html, html_report(model, explanation, timed, {FULCRUM_VERSION, command_line()}));
  }
  if (command.json)
    print_document("explanation", to_json(explanation));
  else
    print(to_text(explanation));
}

}  // namespace

void add_explain(CLI::App& app) {
  auto command = std::make_shared<ExplainCommand>();
  CLI::App* sub =
      app.add_subcommand("explain", "Show what runs: kernels, layouts, what was fused, and why the rest was not");
  command->model.add_to(*sub)->required();
  command->model.add_states_to(*sub);
  command->run.add_to(*sub);
  sub->add_option("--profile", command->profile,
                  "a profile of this machine: also shows what predictions of the steps rest on; pruned layers run "
                  "sparse where it says that this pays");
  sub->add_option("--html", command->html,
                  "write an HTML page with the model as a graph, its steps measured for a moment");
  add_output_to(*sub, command->json);
  sub->footer(
      "Examples:\n  fulcrum explain zoo:squeezenet1_1 --threads 2\n"
      "  fulcrum explain model.onnx --html graph.html");
  sub->callback([command] { explain_model(*command); });
}
