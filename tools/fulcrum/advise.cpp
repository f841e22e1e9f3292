// fulcrum advise: what would make a model faster on this machine, predicted.

#include <memory>
#include <string>

#include <nlohmann/json.hpp>

#include <fulcrum/plan/advice.hpp>
#include <fulcrum/report/advice_json.hpp>
#include <fulcrum/report/advice_text.hpp>

#include "command.hpp"
#include "model_argument.hpp"
#include "option_values.hpp"
#include "output_argument.hpp"
#include "profile_argument.hpp"
#include "run_config_argument.hpp"

using namespace fulcrum;

namespace {

struct AdviseCommand {
  ModelArgument model;
  RunConfigArgument run;
  std::string profile;
  AdviceOptions options;
  bool json = false;
};

void advise_model(const AdviseCommand& command) {
  const Model<float> model = command.model.load();
  const RunConfig config = command.run.for_model(model);
  const Advice advice = advise(model, config, profile_for_this_machine(command.profile), command.options);
  if (command.json)
    print_document("advice", to_json(advice));
  else
    print(to_text(advice));
}

}  // namespace

void add_advise(CLI::App& app) {
  auto command = std::make_shared<AdviseCommand>();
  CLI::App* sub = app.add_subcommand(
      "advise", "Predict what bf16, int8, fewer channels, sparse weights and low rank would bring, layer by layer");
  command->model.add_to(*sub, "zoo:NAME or an .onnx file, in float")->required();
  command->run.add_to(*sub);
  command->run.add_instances_to(*sub);
  sub->add_option("--profile", command->profile,
                  "a profile of this machine (default: the one calibrate keeps; made when there is none)");
  sub->add_option("--channels", command->options.kept_channels,
                  "share of a layer's output channels that pruning leaves")
      ->check(share())
      ->capture_default_str();
  sub->add_option("--sparsity", command->options.sparsity,
                  "share of a layer's weights that unstructured pruning sets to 0")
      ->check(share())
      ->capture_default_str();
  sub->add_option("--rank", command->options.rank_share, "share of a dense layer's weights that low rank leaves")
      ->check(share())
      ->capture_default_str();
  add_output_to(*sub, command->json);
  sub->footer("Nothing runs: all is predicted.\n\nExample:\n  fulcrum advise model.onnx --batch 8 --threads 2");
  sub->callback([command] { advise_model(*command); });
}
