// fulcrum explain: what a model's layers became when it was compiled.

#include <memory>
#include <string>

#include <fulcrum/exec/explain.hpp>
#include <fulcrum/report/explanation_json.hpp>
#include <fulcrum/report/explanation_text.hpp>

#include "command.hpp"
#include "int8.hpp"
#include "model_argument.hpp"

using namespace fulcrum;

namespace {

struct ExplainCommand {
  ModelArgument model;
  std::string precision;
  OnednnOptions options;
  bool json = false;
};

void explain_model(ExplainCommand& command) {
  Model<float> model = command.model.load();
  command.options.precision = precision_for(model, command.precision);
  if (command.options.precision == Precision::int8 && !is_quantized(model)) {
    remark("the model is not quantized: shown with scales from random inputs");
    model = quantized_for_timing(model);
  }
  const Explanation explanation = explain(model, command.options);
  if (command.json)
    print_json(to_json(explanation).dump());
  else
    print(to_text(explanation));
}

}  // namespace

void add_explain(CLI::App& app) {
  auto command = std::make_shared<ExplainCommand>();
  CLI::App* sub =
      app.add_subcommand("explain", "Show what runs: kernels, layouts, what was fused, and why the rest was not");
  command->model.add_to(*sub)->required();
  sub->add_option("--batch", command->options.batch, "samples per inference")->capture_default_str();
  sub->add_option("--threads", command->options.threads, "threads of one inference")->capture_default_str();
  sub->add_option("--slice", command->options.slice,
                  "samples that a thread takes through the whole model at a time (default: what should be fastest; the "
                  "batch size: the batch goes layer by layer)");
  sub->add_option("--precision", command->precision,
                  "f32, bf16 or int8 (default: int8 for a quantized model, else f32)");
  sub->add_flag("--json", command->json, "print one JSON object");
  sub->footer("Example:\n  fulcrum explain zoo:squeezenet1_1 --threads 2");
  sub->callback([command] { explain_model(*command); });
}
