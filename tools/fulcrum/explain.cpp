// fulcrum explain: what a model's layers became when it was compiled.

#include <memory>
#include <string>

#include <nlohmann/json.hpp>

#include <fulcrum/exec/explain.hpp>
#include <fulcrum/report/explanation_json.hpp>
#include <fulcrum/report/explanation_text.hpp>

#include "command.hpp"
#include "int8.hpp"
#include "model_argument.hpp"
#include "run_config_argument.hpp"

using namespace fulcrum;

namespace {

struct ExplainCommand {
  ModelArgument model;
  RunConfigArgument run;
  bool json = false;
};

void explain_model(const ExplainCommand& command) {
  Model<float> model = command.model.load();
  const RunConfig config = command.run.for_model(model);
  if (config.precision == Precision::int8 && !is_quantized(model)) {
    remark("the model is not quantized: shown with scales from random inputs");
    model = quantized_for_timing(model);
  }
  const Explanation explanation = explain(model, config, command.model.state_pairs());
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
  sub->add_flag("--json", command->json, "print one JSON object");
  sub->footer("Example:\n  fulcrum explain zoo:squeezenet1_1 --threads 2");
  sub->callback([command] { explain_model(*command); });
}
